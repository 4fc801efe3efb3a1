"""dbnvis.train.backprop: updates by hand, planted problems, the same bits after resuming, every bad input."""

from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import pytest
from counts import host
from oracles import numerical_gradient
from scipy.special import expit, log_softmax

from dbnvis import DBN
from dbnvis.backend import make_rng
from dbnvis.models.layers import Dropout
from dbnvis.models.mlp import autoencoder, classifier
from dbnvis.train import TrainingDiverged
from dbnvis.train.backprop import BackpropConfig, BackpropState, measure, train_backprop, with_dropout

SGD = BackpropConfig(epochs=1, batch_size=8, optimizer="sgd", learning_rate=0.5, momentum=0.0)


def dbn(xp, sizes=(6, 5, 4), dtype="float64", shape=(2, 3)):
    model = DBN.random(sizes, shape, rng=make_rng(xp, 1))
    for rbm in model.rbms:
        rbm.W, rbm.vbias, rbm.hbias = (x.astype(dtype) for x in (rbm.W * 50, rbm.vbias + 0.1, rbm.hbias - 0.2))
    return model


def problem(xp, n=40, seed=0):
    """Images of three classes: which third of the pixels is bright."""
    numbers = np.random.default_rng(seed)
    labels = numbers.integers(0, 3, n)
    images = 0.3 * numbers.random((n, 6)) + 0.7 * (np.arange(6) // 2 == labels[:, None])
    return xp.asarray(images.reshape(n, 2, 3)), xp.asarray(labels)


def params(model):
    return {name: host(x) for name, x in model.network.params().items()}


def run(model, data, targets, config, seed=0, **keywords):
    return list(train_backprop(model, data, targets, config, rng=make_rng(model.xp, seed), **keywords))


def test_layers_that_join_later_start_adam_afresh(xp):
    """After epochs of the top layer alone, Adam's first step of the others is rate x sign, as at any start."""
    data, labels = problem(xp)
    model, config = classifier(dbn(xp), 3, rng=make_rng(xp, 2)), BackpropConfig(epochs=3, batch_size=40, top_epochs=2)
    epochs = train_backprop(model, data, labels, config, rng=make_rng(xp, 0))
    next(epochs), next(epochs)
    before = params(model)["h1.pre.W"]
    next(epochs)
    steps = np.abs(params(model)["h1.pre.W"] - before)
    np.testing.assert_allclose(steps, config.learning_rate / 3, rtol=1e-3)  # the rate has fallen to a third


# --- one update, by hand


def loss_by_hand(p, x, targets, name):
    """Mean loss of the network with parameters `p` in plain NumPy: sigmoid layers, linear code."""
    layers = list(dict.fromkeys(key.split(".")[0] for key in p))
    y = x.reshape(len(x), -1)
    for layer in layers:
        y = y @ p[f"{layer}.pre.W"] + p[f"{layer}.pre.bias"]
        y = y if layer in ("code", layers[-1]) else expit(y)
    if name == "softmax":
        return -log_softmax(y, axis=1)[np.arange(len(x)), targets].mean()
    s, t = expit(y), targets.reshape(len(x), -1)
    if name == "pixels":
        return -(t * np.log(s) + (1 - t) * np.log(1 - s)).sum(axis=1).mean()
    return ((s - t) ** 2).sum(axis=1).mean()


@pytest.mark.parametrize("loss", ["softmax", "pixels", "squared"])
def test_one_update_follows_the_gradient_of_every_parameter(xp, rng, loss):
    """A batch of all data and plain gradient descent: the step is the rate times the finite-difference gradient."""
    data, labels = problem(xp, 8)
    model = classifier(dbn(xp), 3, rng=rng, scale=0.5) if loss == "softmax" else autoencoder(dbn(xp), 2, problem(xp)[0])
    targets = labels if loss == "softmax" else data
    before = params(model)
    (stats,) = run(model, data, targets, replace(SGD, loss=loss))
    x, t = host(data), host(targets)
    assert stats.loss == pytest.approx(loss_by_hand(before, x, t, loss), rel=1e-8)
    for name, after in params(model).items():

        def changed(value, name=name):
            return loss_by_hand(before | {name: value}, x, t, loss)

        expected = before[name] - 0.5 * numerical_gradient(changed, before[name])
        np.testing.assert_allclose(after, expected, rtol=1e-6, atol=1e-8, err_msg=name)


def test_weights_alone_decay(xp, rng):
    data, labels = problem(xp, 8)
    plain, decayed = (classifier(dbn(xp), 3, rng=make_rng(xp, 0)) for _ in range(2))
    run(plain, data, labels, SGD)
    run(decayed, data, labels, replace(SGD, weight_decay=0.1))
    for name, x in params(plain).items():
        factor = 1 - 0.5 * 0.1 if name.endswith(".W") else 1
        np.testing.assert_allclose(params(decayed)[name], factor * x, rtol=1e-12)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_centered_gradients_keep_the_sum_of_a_units_weights(xp, optimizer):
    """Of plain descent, which adds gradients alone; Adam scales each weight's by its own, and the sums drift apart."""
    data, labels = problem(xp)
    config = replace(SGD, optimizer=optimizer, learning_rate=0.01, centered_gradients=True)
    model = classifier(dbn(xp), 3, rng=make_rng(xp, 0))
    before = params(model)
    run(model, data, labels, config)
    for name, x in params(model).items():
        assert (x != before[name]).any()
        if name.endswith(".W"):
            kept = np.allclose(x.sum(axis=0), before[name].sum(axis=0), atol=1e-12)
            assert kept == (optimizer == "sgd")


def test_the_rate_falls_linearly_to_zero(xp, rng):
    data, labels = problem(xp)
    epochs = run(classifier(dbn(xp), 3, rng=rng), data, labels, replace(SGD, epochs=4, batch_size=10))
    assert [stats.epoch for stats in epochs] == [1, 2, 3, 4]
    np.testing.assert_allclose([s.learning_rate for s in epochs], [0.5 * (1 - (i + 0.75) / 4) for i in range(4)])


def test_first_only_the_top_layer_learns(xp, rng):
    data, labels = problem(xp)
    model = classifier(dbn(xp), 3, rng=rng)
    before = params(model)
    epochs = train_backprop(model, data, labels, BackpropConfig(epochs=3, batch_size=10, top_epochs=2), rng=rng)
    for _ in range(2):
        next(epochs)
        moved = {name for name, x in params(model).items() if (x != before[name]).any()}
        assert moved == {"output.pre.W", "output.pre.bias"}
    next(epochs)
    assert all((x != before[name]).any() for name, x in params(model).items())


# --- learning


@pytest.mark.parametrize(
    "config", [BackpropConfig(learning_rate=0.02), BackpropConfig(optimizer="sgd", learning_rate=0.3)]
)
def test_a_classifier_learns_planted_classes(xp, rng, config):
    data, labels = problem(xp, 300)
    held_out = problem(xp, 90, seed=1)
    model = classifier(dbn(xp, dtype="float32"), 3, rng=rng)
    epochs = run(model, data, labels, replace(config, epochs=30, batch_size=20), held_out=held_out)
    assert epochs[0].held_out_error > 20
    assert epochs[-1].held_out_error < 5
    assert epochs[-1].loss < 0.5 * epochs[0].loss
    assert epochs[-1].held_out_error == measure(model, *held_out, config)[1]


@pytest.mark.parametrize("loss", ["pixels", "squared"])
def test_an_autoencoder_learns_a_planted_plane(xp, rng, loss):
    """Three classes of images, two code units: far below the error of the mean image."""
    data, _ = problem(xp, 300)
    held_out, _ = problem(xp, 90, seed=1)
    model = autoencoder(dbn(xp, dtype="float32"), 2, problem(xp)[0])
    config = BackpropConfig(loss, epochs=60, batch_size=20, learning_rate=0.02)
    epochs = run(model, data, data, config, held_out=(held_out, held_out))
    spread = ((host(held_out) - host(data).mean(axis=0)) ** 2).sum(axis=(1, 2)).mean()
    assert epochs[-1].held_out_error < 0.25 * spread


def test_measure_is_the_mean_over_all_images(xp, rng, monkeypatch):
    monkeypatch.setattr("dbnvis.train.backprop.CHUNK", 16)
    data, labels = problem(xp)
    model = classifier(dbn(xp), 3, rng=rng, scale=1.0)
    loss, error = measure(model, data, labels, BackpropConfig(dropout=0.5))
    assert loss == pytest.approx(loss_by_hand(params(model), host(data), host(labels), "softmax"), rel=1e-10)
    wrong = host(model.encode(data, "output")).argmax(axis=1) != host(labels)
    assert error == pytest.approx(100 * wrong.mean())


# --- dropout


def test_dropout_stands_behind_input_and_hidden_activations_alone(xp, rng):
    network = classifier(dbn(xp), 3, rng=rng).network
    pre = network.upto("output.pre")
    learner = with_dropout(pre, BackpropConfig(dropout=0.5, input_dropout=0.2), rng=rng)
    rates = {address: layer.rate for address, layer in learner.layers.items() if isinstance(layer, Dropout)}
    assert rates == {"input.dropout": 0.2, "h1.dropout": 0.5, "h2.dropout": 0.5}
    assert list(learner.layers)[:3] == ["input", "input.dropout", "h1.pre"]
    assert with_dropout(pre, BackpropConfig(), rng=rng).layers == pre.layers
    whole = with_dropout(network, BackpropConfig("squared", dropout=0.5), rng=rng)
    assert list(whole.layers)[-1] == "output"


def test_dropout_takes_part_in_learning_and_not_in_the_model(xp):
    data, labels = problem(xp)
    models = [classifier(dbn(xp), 3, rng=make_rng(xp, 0)) for _ in range(2)]
    for model, dropout in zip(models, (0.0, 0.5), strict=True):
        run(model, data, labels, replace(SGD, dropout=dropout))
    assert (params(models[0])["h1.pre.W"] != params(models[1])["h1.pre.W"]).any()
    assert not any(isinstance(layer, Dropout) for layer in models[1].network.layers.values())


# --- the same bits


BITS = BackpropConfig(epochs=4, batch_size=7, dropout=0.3, input_dropout=0.1, weight_decay=1e-3, top_epochs=1)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_same_seed_gives_the_same_bits(xp, optimizer):
    data, labels = problem(xp)
    config = replace(BITS, optimizer=optimizer)
    runs = []
    for seed in (0, 0, 1):
        model = classifier(dbn(xp, dtype="float32"), 3, rng=make_rng(xp, 0))
        epochs = run(model, data, labels, config, seed, held_out=(data, labels) if len(runs) == 1 else None)
        runs.append((params(model), [stats.loss for stats in epochs]))
    for name, x in runs[0][0].items():
        assert x.tobytes() == runs[1][0][name].tobytes()  # measuring changes nothing
        assert x.tobytes() != runs[2][0][name].tobytes()
    assert runs[0][1] == runs[1][1]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("stop", [1, 3])
def test_resuming_gives_the_same_bits(xp, optimizer, stop):
    data, labels = problem(xp)
    config = replace(BITS, optimizer=optimizer)
    whole = classifier(dbn(xp, dtype="float32"), 3, rng=make_rng(xp, 0))
    epochs = run(whole, data, labels, config)
    model, state = classifier(dbn(xp, dtype="float32"), 3, rng=make_rng(xp, 0)), BackpropState()
    generator = train_backprop(model, data, labels, config, rng=make_rng(xp, 5), state=state)
    generator = train_backprop(model, data, labels, config, rng=make_rng(xp, 0), state=state)
    first = [next(generator) for _ in range(stop)]
    generator.close()
    assert state.epoch == stop
    arrays = {name: x.copy() for name, x in state.arrays.items()}
    for x in state.arrays.values():
        x[...] = float("nan")  # what was saved is all that counts
    rest = run(model, data, labels, config, state=BackpropState(stop, arrays))
    for name, x in params(whole).items():
        assert x.tobytes() == params(model)[name].tobytes()
    assert [replace(s, seconds=0, held_out_loss=0, held_out_error=0) for s in first + rest] == [
        replace(s, seconds=0, held_out_loss=0, held_out_error=0) for s in epochs
    ]


# --- streams


def stream_of(xp, n=40):
    """Images and labels of their own for every epoch."""
    return tuple(lambda epoch, which=which: problem(xp, n, seed=100 + epoch)[which] for which in (0, 1))


@pytest.mark.parametrize("streamed", [(True, True), (True, False), (False, True)])
def test_a_stream_of_the_same_images_is_the_array(xp, streamed):
    given = problem(xp)
    as_stream = [(lambda epoch, x=x: x) if yes else x for x, yes in zip(given, streamed, strict=True)]
    models = [classifier(dbn(xp, dtype="float32"), 3, rng=make_rng(xp, 0)) for _ in range(2)]
    arrays, streams = run(models[0], *given, BITS), run(models[1], *as_stream, BITS)
    assert [stats.loss for stats in arrays] == [stats.loss for stats in streams]
    for name, x in params(models[0]).items():
        assert x.tobytes() == params(models[1])[name].tobytes()


def test_every_epoch_of_a_stream_learns_from_its_own_images_and_labels(xp):
    """Epoch by epoch, the network is changed as by the arrays of that epoch alone."""
    images, labels = stream_of(xp)
    models = [classifier(dbn(xp), 3, rng=make_rng(xp, 0)) for _ in range(2)]
    run(models[0], images, labels, BITS)
    later = BackpropState()
    for epoch in range(BITS.epochs):
        next(train_backprop(models[1], images(epoch), labels(epoch), BITS, rng=make_rng(xp, 0), state=later))
    for name, x in params(models[0]).items():
        assert x.tobytes() == params(models[1])[name].tobytes()


@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_stream_resumes_to_the_same_bits(xp, stop):
    images, labels = stream_of(xp)
    whole, model = (classifier(dbn(xp, dtype="float32"), 3, rng=make_rng(xp, 0)) for _ in range(2))
    run(whole, images, labels, BITS)
    state = BackpropState()
    epochs = train_backprop(model, images, labels, BITS, rng=make_rng(xp, 0), state=state)
    for _ in range(stop):
        next(epochs)
    run(model, images, labels, BITS, state=state)
    for name, x in params(whole).items():
        assert x.tobytes() == params(model)[name].tobytes()


def test_epochs_of_other_sizes_are_refused(xp, rng):
    images, labels = (lambda epoch, which=which: problem(xp, 40 - epoch)[which] for which in (0, 1))
    with pytest.raises(ValueError, match="data of epoch 1 of a stream are 39 images, the first epoch's were 40"):
        run(classifier(dbn(xp), 3, rng=rng), images, labels, replace(BITS, batch_size=8))


def test_data_and_targets_are_left_as_they_are(xp, rng):
    data, labels = problem(xp)
    before = host(data).copy(), host(labels).copy()
    run(classifier(dbn(xp), 3, rng=rng), data, labels, SGD)
    run(autoencoder(dbn(xp), 2, problem(xp)[0]), data, data, replace(SGD, loss="pixels"))
    for old, new in zip(before, (data, labels), strict=True):
        np.testing.assert_array_equal(old, host(new))


def test_flat_data_and_a_large_batch(xp, rng):
    data, labels = problem(xp)
    model, other = (classifier(dbn(xp), 3, rng=make_rng(xp, 0)) for _ in range(2))
    run(model, data, labels, replace(SGD, batch_size=40))
    run(other, data.reshape(40, 6), labels, replace(SGD, batch_size=1000))
    for name, x in params(model).items():
        np.testing.assert_array_equal(x, params(other)[name])


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"top_epochs": -1}, "top_epochs must be an integer of at least 0, got -1"),
        ({"learning_rate": float("inf")}, "learning_rate must be a finite number"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number"),
        ({"weight_decay": -1.0}, "weight_decay must be a finite number of at least 0, got -1"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\)"),
        ({"input_dropout": -0.1}, r"input_dropout must lie in \[0, 1\)"),
        ({"loss": "hinge"}, "loss must be softmax, pixels or squared, got 'hinge'"),
        ({"optimizer": "lbfgs"}, "optimizer must be adam or sgd, got 'lbfgs'"),
    ],
)
def test_settings_that_make_no_sense(changes, match):
    with pytest.raises(ValueError, match=match):
        BackpropConfig(**changes)


def test_settings_are_frozen_and_explained():
    config = BackpropConfig()
    with pytest.raises(FrozenInstanceError):
        config.epochs = 3
    assert BackpropConfig(**asdict(config)) == config


NAN = np.full((40, 2, 3), np.nan)


@pytest.mark.parametrize(
    ("data", "targets", "loss", "match"),
    [
        (np.zeros((40, 5)), None, "softmax", r"data: expected an array \(N, 2, 3\), got shape \(40, 5\)"),
        (
            np.zeros((0, 6)),
            None,
            "softmax",
            r"data: expected at least one image, .*got shape \(0, 6\)",
        ),
        (np.zeros((40, 6, 1)), None, "pixels", r"data: expected an array \(N, 2, 3\), got shape \(40, 6, 1\)"),
        (NAN, None, "softmax", "data: expected finite pixels, found 240 NaN"),
        (
            None,
            np.zeros(39, int),
            "softmax",
            r"for each of the 40 images of data, got shape \(39,\)",
        ),
        (None, np.zeros(40), "softmax", r"loss 'softmax' needs integer labels \(N,\), got float64 \(40,\)"),
        (None, np.zeros((40, 1), int), "softmax", r"needs integer labels \(N,\), got int64 \(40, 1\)"),
        (None, np.full(40, 3), "softmax", "labels of the data must lie in 0 to 2, got 3 to 3"),
        (None, np.full(40, -1), "softmax", "labels of the data must lie in 0 to 2, got -1 to -1"),
        (None, np.zeros((40, 5)), "pixels", r"targets of shape \(40, 5\) do not fit the network's 6 outputs"),
        (None, NAN, "squared", "targets of the data: expected finite pixels, found 240 NaN"),
        (
            None,
            np.full((40, 6), 1.5),
            "pixels",
            r"targets of the data: .* in \[0, 1\], found 1.5 to 1.5; .*'squared'",
        ),
    ],
)
def test_data_that_do_not_fit(xp, rng, data, targets, loss, match):
    images, labels = problem(xp)
    model = classifier(dbn(xp), 3, rng=rng) if loss == "softmax" else autoencoder(dbn(xp), 2, problem(xp)[0])
    before = params(model)
    data = images if data is None else xp.asarray(data)
    targets = (labels if loss == "softmax" else images) if targets is None else xp.asarray(targets)
    config = replace(SGD, loss=loss)
    with pytest.raises(ValueError, match=match):
        run(model, data, targets, config)
    good = labels if loss == "softmax" else images
    with pytest.raises(ValueError, match=match.replace("data", "held-out data")):
        run(model, images, good, config, held_out=(data, targets))
    for name, x in params(model).items():
        np.testing.assert_array_equal(x, before[name])


def test_arrays_of_two_libraries_are_refused(rng):
    import pretend

    data, labels = problem(np)
    model = classifier(dbn(pretend), 3, rng=make_rng(pretend, 0))
    with pytest.raises(TypeError, match="move all of them to one device"):
        run(model, data, labels, SGD)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_says_what_to_do(xp, rng):
    data, _ = problem(xp)
    model = autoencoder(dbn(xp, dtype="float32"), 2, problem(xp)[0])
    config = BackpropConfig("pixels", epochs=5, batch_size=4, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(TrainingDiverged, match=r"no longer finite after epoch 1; lower the learning rate \(now"):
        run(model, data, data, config)
