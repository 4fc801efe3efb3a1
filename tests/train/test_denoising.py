"""dbnvis.train.denoising: updates against finite differences, noise by count, planted parts, the same bits after
resuming, every bad input."""

import itertools
import math
from dataclasses import FrozenInstanceError, asdict, replace

import numpy as np
import oracles
import pytest
from counts import host
from scipy import stats
from scipy.special import expit

from dbnvis import DAE, DenoisingConfig, StackedDAE, train_dae, train_sdae
from dbnvis.backend import array_module, make_rng
from dbnvis.train import DAEState, SDAEState, TrainingDiverged, denoising
from dbnvis.train.noise import corrupt, extremes

SIZES = (6, 5, 4, 3)
N = 40
PLAIN = DenoisingConfig(epochs=1, batch_size=N, learning_rate=0.5, momentum=0, weight_decay=0, schedule="constant")


def machine(xp, tied=True, linear=False, sizes=SIZES[:2], dtype="float64", seed=0):
    W, b, c = oracles.machine(*sizes, seed=seed)
    decoder = None if tied else xp.asarray(oracles.machine(*sizes[::-1], seed=9)[0].astype(dtype))
    return DAE(*(xp.asarray(x.astype(dtype)) for x in (W, b, c)), decoder, linear)


def stack(xp, dtype="float64"):
    daes = [machine(xp, sizes=sizes, seed=i, dtype=dtype) for i, sizes in enumerate(itertools.pairwise(SIZES))]
    return StackedDAE(daes, (2, 3))


def images(n=N, seed=0):
    numbers = np.random.default_rng(seed)
    return numbers.random((n, 6))


def params(model):
    if isinstance(model, StackedDAE):
        return {f"{i}.{name}": x for i, dae in enumerate(model.daes) for name, x in params(dae).items()}
    return {name: host(x) for name, x in model.params().items()}


def run(model, data, config, seed=0, **keywords):
    train = train_sdae if isinstance(model, StackedDAE) else train_dae
    return list(train(model, data, config, rng=make_rng(array_module(data), seed), **keywords))


def same_numbers(epochs):
    return [{**asdict(epoch), "seconds": 0, "free_energy_gap": str(epoch.free_energy_gap)} for epoch in epochs]


# --- one update, by hand


def loss_by_hand(p, clean, noisy, linear):
    """Mean loss in plain NumPy."""
    pre = expit(noisy @ p["W"] + p["hbias"]) @ p.get("decoder", p["W"].T) + p["vbias"]
    if linear:
        return ((pre - clean) ** 2).sum(axis=1).mean() / 2
    y = expit(pre)
    return -(clean * np.log(y) + (1 - clean) * np.log(1 - y)).sum(axis=1).mean()


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("linear", [True, False])
def test_an_update_follows_the_gradient_of_every_parameter(xp, monkeypatch, tied, linear):
    """All data in one batch and plain descent: the step is the rate times the finite-difference gradient."""
    shift = np.random.default_rng(1).normal(size=6)
    clean = images() if not linear else 3 * images() - 1

    def shifted(v, config, ends, *, rng, out):
        out[...] = 0.7 * v + xp.asarray(shift)

    monkeypatch.setattr(denoising, "corrupt", shifted)
    dae = machine(xp, tied, linear)
    run(dae, xp.asarray(clean), replace(PLAIN, learning_rate=0))  # sets the visible biases alone
    before = params(dae)
    run(dae, xp.asarray(clean), PLAIN)
    assert set(before) == {"W", "vbias", "hbias"} | (set() if tied else {"decoder"})
    for name, after in params(dae).items():

        def changed(value, name=name):
            return loss_by_hand(before | {name: value}, clean, 0.7 * clean + shift, linear)

        expected = before[name] - 0.5 * oracles.numerical_gradient(changed, before[name])
        np.testing.assert_allclose(after, expected, rtol=1e-6, atol=1e-8, err_msg=name)


@pytest.mark.parametrize("tied", [True, False])
def test_sparsity_pulls_the_hidden_biases_alone(xp, tied):
    """By the mean activity over the batch, given the noisy inputs; here of unchanged ones."""
    config, data = replace(PLAIN, noise_level=0.0), xp.asarray(images())
    plain, sparse = machine(xp, tied), machine(xp, tied)
    run(plain, data, replace(config, learning_rate=0))  # sets the biases alone
    activity = host(plain.encode(data)).mean(axis=0)
    run(plain, data, config)
    run(sparse, data, replace(config, sparsity_target=0.1, sparsity_cost=0.7))
    before, after = params(plain), params(sparse)
    np.testing.assert_allclose(after.pop("hbias") - before.pop("hbias"), 0.5 * 0.7 * (0.1 - activity), atol=1e-12)
    for name, x in before.items():
        np.testing.assert_array_equal(after[name], x)


def test_a_sparsity_target_is_reached(xp):
    data, config = xp.asarray(images()), replace(PLAIN, epochs=300, batch_size=20)
    activity = {}
    for target in (None, 0.1):
        dae = machine(xp)
        run(dae, data, replace(config, sparsity_target=target, sparsity_cost=10, noise_level=0.1))
        activity[target] = host(dae.encode(data)).mean(axis=0)
    assert np.abs(activity[0.1] - 0.1).max() < 0.05 < np.abs(activity[None] - 0.1).max()


def test_biases_start_where_they_give_back_the_mean_and_the_activity_asked_for(xp):
    still = replace(PLAIN, learning_rate=0, start_activity=0.3)
    for linear in (True, False):
        dae, data = machine(xp, linear=linear), images()
        before = params(dae)
        run(dae, xp.asarray(data), still)
        given = params(dae)["vbias"] if linear else expit(params(dae)["vbias"])
        # Logistic: with one image more that is on and one that is off.
        mean = data.mean(axis=0) if linear else (data.sum(axis=0) + 1) / (N + 2)
        np.testing.assert_allclose(given, mean, rtol=1e-10)
        np.testing.assert_allclose(expit(params(dae)["hbias"]), 0.3, rtol=1e-10)
        np.testing.assert_array_equal(params(dae)["W"], before["W"])


def test_momentum_repeats_a_share_of_the_last_step(xp, monkeypatch):
    """One update an epoch, the third without a gradient of its own."""
    monkeypatch.setattr(DenoisingConfig, "rate", lambda self, epoch: 0.5 if epoch < 2 else 0.0)
    dae, seen = machine(xp, tied=False), []
    for _ in train_dae(dae, xp.asarray(images()), replace(PLAIN, epochs=3, momentum=0.8), rng=make_rng(xp, 0)):
        seen.append(params(dae))
    for name in seen[0]:
        second, third = (b[name] - a[name] for a, b in itertools.pairwise(seen))
        assert (second != 0).all()
        np.testing.assert_allclose(third, 0.8 * second, rtol=1e-8, atol=1e-12)


def test_weights_alone_decay(xp):
    plain, decayed = machine(xp, tied=False), machine(xp, tied=False)
    run(plain, xp.asarray(images()), PLAIN)
    run(decayed, xp.asarray(images()), replace(PLAIN, weight_decay=0.1))
    for name, x in params(plain).items():
        factor = 1 - 0.5 * 0.1 if name in ("W", "decoder") else 1
        np.testing.assert_allclose(params(decayed)[name], factor * x, rtol=1e-12)


def test_the_rate_falls_linearly_to_zero_or_stays(xp):
    for schedule, rates in (("linear", [0.5 * (1 - (i + 0.75) / 4) for i in range(4)]), ("constant", [0.5] * 4)):
        config = replace(PLAIN, epochs=4, batch_size=10, schedule=schedule)
        epochs = run(machine(xp), xp.asarray(images()), config)
        assert [e.epoch for e in epochs] == [1, 2, 3, 4]
        np.testing.assert_allclose([e.learning_rate for e in epochs], rates)


# --- noise


LARGE = np.random.default_rng(5).uniform(0.2, 0.8, (200, 500))


def noisy(xp, config, ends=(0.0, 1.0), dtype="float32"):
    v = xp.asarray(LARGE.astype(dtype))
    out = xp.full(v.shape, float("nan"), dtype=dtype)
    corrupt(v, config, ends, rng=make_rng(xp, 3), out=out)
    np.testing.assert_array_equal(host(v), LARGE.astype(dtype))  # left as it is
    return host(out), host(v)


def within(count, n, p):
    return stats.binomtest(int(count), n, p).pvalue > 1e-4


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_salt_and_pepper_come_in_equal_shares(xp, level):
    out, v = noisy(xp, DenoisingConfig(noise_level=level))
    pepper, salt = (out == 0).sum(), (out == 1).sum()
    assert ((out == v) | (out == 0) | (out == 1)).all()
    if level in (0, 1):
        assert pepper + salt == level * v.size
    else:
        assert within(pepper + salt, v.size, level)
    if level:
        assert within(salt, pepper + salt, 0.5)
    changed = out != v
    assert within((changed[1:] & changed[:-1]).sum(), changed[1:].size, level**2)  # rows apart from each other


def test_masking_makes_zeros(xp):
    out, v = noisy(xp, DenoisingConfig(noise="masking", noise_level=0.4))
    assert ((out == v) | (out == 0)).all()
    assert within((out == 0).sum(), v.size, 0.4)


def test_gaussian_noise_has_the_level_as_its_standard_deviation(xp):
    out, v = noisy(xp, DenoisingConfig(noise="gaussian", noise_level=0.4), dtype="float64")
    assert stats.kstest((out - v).ravel(), stats.norm(scale=0.4).cdf).pvalue > 1e-4


def test_salt_and_pepper_of_real_valued_data_are_its_outer_quantiles(xp):
    data = np.random.default_rng(0).standard_t(3, (300, 6))
    low, high = np.quantile(data, [0.01, 0.99])
    assert extremes(machine(xp, linear=True), xp.asarray(data)) == pytest.approx((low, high), rel=1e-12)
    assert extremes(machine(xp), xp.asarray(images())) == (0, 1)
    out, v = noisy(xp, DenoisingConfig(noise_level=0.5), ends=(-1.5, 1.25))
    assert set(np.unique(out[out != v])) == {-1.5, 1.25}


def test_every_presentation_has_noise_of_its_own(xp, monkeypatch):
    kept = []

    def keep(v, config, ends, *, rng, out):
        corrupt(v, config, ends, rng=rng, out=out)
        kept.append(host(out) == host(v))

    monkeypatch.setattr(denoising, "corrupt", keep)
    run(machine(xp), xp.asarray(images()), replace(PLAIN, epochs=2, batch_size=20, noise_level=0.5))
    assert len(kept) == 4
    for a, b in itertools.combinations(kept, 2):
        assert 0.3 < (a == b).mean() < 0.7


# --- learning


def parts(n=2000, seed=0):
    """Each image a union of the rows and columns of 4 x 4 pixels, each there with p = 0.2."""
    numbers = np.random.default_rng(seed)
    x = np.maximum(*(numbers.random(shape) < 0.2 for shape in ((n, 4, 1), (n, 1, 4))))
    return x.reshape(n, 16).astype("float32")


@pytest.mark.parametrize("tied", [True, False])
def test_an_autoencoder_learns_to_remove_noise(xp, tied):
    """Of noisy bars it gives back what is nearer to the clean ones, and clean bars almost as they are."""
    config = DenoisingConfig(noise_level=0.2, epochs=12, batch_size=20, learning_rate=0.5, momentum=0.5, weight_decay=0)
    dae = DAE.random(16, 30, rng=make_rng(xp, 0), tied=tied)
    epochs = run(dae, xp.asarray(parts()), config, held_out=xp.asarray(parts(500, seed=1)))
    clean = parts(500, seed=1)
    v = xp.asarray(clean.copy())
    corrupt(xp.asarray(clean), config, (0.0, 1.0), rng=make_rng(xp, 9), out=v)
    given = host(dae.decode(dae.encode(v)))
    assert ((given - clean) ** 2).sum() < 0.5 * ((host(v) - clean) ** 2).sum()
    assert epochs[-1].held_out_error < 0.02 * ((clean - clean.mean(axis=0)) ** 2).sum(axis=1).mean()


def test_a_linear_autoencoder_learns_real_valued_data(xp):
    """Points near a plane of six dimensions, noise across it: what is given back lies nearer to the plane."""
    numbers = np.random.default_rng(0)
    axes = np.linalg.qr(numbers.normal(size=(6, 2)))[0]
    data = (numbers.normal(size=(2000, 2)) @ axes.T).astype("float32")
    config = DenoisingConfig(noise="gaussian", noise_level=0.5, epochs=10, batch_size=20, learning_rate=0.1)
    dae = DAE.random(6, 20, rng=make_rng(xp, 0), linear=True)
    run(dae, xp.asarray(data), config)
    v = data + 0.5 * numbers.normal(size=data.shape).astype("float32")
    given = host(dae.decode(dae.encode(xp.asarray(v))))

    def off(x):
        return ((x - x @ axes @ axes.T) ** 2).sum()

    assert off(given) < 0.2 * off(v)
    assert ((given - data) ** 2).sum() < 0.6 * ((v - data) ** 2).sum()


# --- statistics


def test_the_statistics_of_an_epoch(xp):
    dae, data, held_out = machine(xp), images(), images(15, seed=1)
    (epoch,) = run(dae, xp.asarray(data), PLAIN, held_out=xp.asarray(held_out), layer="h7")
    p = params(dae)

    def error(v):
        return ((v - expit(expit(v @ p["W"] + p["hbias"]) @ p["W"].T + p["vbias"])) ** 2).sum(axis=1).mean()

    assert epoch.layer == "h7"
    assert epoch.reconstruction_error == pytest.approx(error(data), rel=1e-10)
    assert epoch.held_out_error == pytest.approx(error(held_out), rel=1e-10)
    assert epoch.weight_norm == pytest.approx(np.linalg.norm(p["W"], axis=0).mean(), rel=1e-10)
    assert np.isnan(epoch.free_energy_gap)
    assert math.isnan(run(machine(xp), xp.asarray(data), PLAIN)[0].held_out_error)


def test_units_that_learned_nothing_are_counted(xp, monkeypatch):
    dae = machine(xp)
    dae.W[:, 1], dae.W[:, 3] = 0.0, 2 * dae.W[:, 2]
    dae.hbias[4] = 50.0
    monkeypatch.setattr(denoising, "log_odds", lambda p: dae.hbias)  # leave the biases
    (epoch,) = run(dae, xp.asarray(images()), replace(PLAIN, learning_rate=0))
    assert (epoch.dead, epoch.always_on, epoch.duplicates) == (1, 1, 1)


# --- stacks


def test_every_layer_learns_from_the_clean_activations_of_the_one_below(xp):
    sdae, data, held_out = stack(xp), images(), images(15, seed=1)
    p = params(sdae)
    run(sdae, xp.asarray(data.reshape(N, 2, 3)), replace(PLAIN, learning_rate=0), held_out=xp.asarray(held_out))
    x = data
    for i in range(3):
        expected = (x.sum(axis=0) + 1) / (N + 2)
        np.testing.assert_allclose(expit(params(sdae)[f"{i}.vbias"]), expected, rtol=1e-10)
        x = expit(x @ p[f"{i}.W"] + params(sdae)[f"{i}.hbias"])
    assert sdae.input_norm == pytest.approx(np.linalg.norm(data, axis=1).mean(), rel=1e-12)


def test_layers_are_trained_from_the_bottom_up_one_at_a_time(xp):
    sdae, seen, previous = stack(xp), [], None
    configs = [replace(PLAIN, epochs=n, batch_size=10) for n in (2, 1, 3)]
    for epoch in train_sdae(sdae, xp.asarray(images()), configs, rng=make_rng(xp, 0)):
        seen.append((epoch.layer, epoch.epoch))
        now = params(sdae)
        if previous is not None:
            moved = {f"h{int(name[0]) + 1}" for name, x in now.items() if (x != previous[name]).any()}
            assert moved == {epoch.layer}
        previous = now
    assert seen == [("h1", 1), ("h1", 2), ("h2", 1), ("h3", 1), ("h3", 2), ("h3", 3)]


@pytest.mark.parametrize("n", [0, 2, 4])
def test_the_number_of_configurations_must_be_that_of_the_layers(xp, n):
    with pytest.raises(ValueError, match=f"got {n} configurations for 3 layers"):
        run(stack(xp), xp.asarray(images()), [PLAIN] * n)


# --- streams


def test_a_stream_of_the_same_images_is_as_the_images(xp):
    data, config = images(), replace(PLAIN, epochs=2, batch_size=10)
    of_arrays, of_a_stream = stack(xp), stack(xp)
    run(of_arrays, xp.asarray(data), config)
    list(train_sdae(of_a_stream, lambda epoch: xp.asarray(data.reshape(N, 2, 3)), config, rng=make_rng(xp, 0)))
    for name, x in params(of_arrays).items():
        np.testing.assert_array_equal(params(of_a_stream)[name], x)
    assert of_a_stream.input_norm == of_arrays.input_norm


def test_every_epoch_of_a_stream_shows_its_own_images(xp, monkeypatch):
    seen = []
    monkeypatch.setattr(denoising, "corrupt", lambda v, *args, out, **rest: seen.append(host(v)))
    config = replace(PLAIN, epochs=3, learning_rate=0)
    list(train_dae(machine(xp), lambda epoch: xp.asarray(images(seed=epoch)), config, rng=make_rng(xp, 0)))
    for epoch, shown in enumerate(seen):
        np.testing.assert_array_equal(np.sort(shown, axis=0), np.sort(images(seed=epoch), axis=0))
    assert len(seen) == 3


def test_epochs_of_a_stream_must_be_of_one_size(xp):
    epochs = train_dae(
        machine(xp), lambda epoch: xp.asarray(images(N - epoch)), replace(PLAIN, epochs=2), rng=make_rng(xp, 0)
    )
    next(epochs)
    with pytest.raises(ValueError, match="data of epoch 1 are 39 images, the first epoch's were 40; give all as many"):
        next(epochs)


# --- the same bits


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5, 6])
def test_an_interrupted_training_resumes_to_the_same_bits(xp, done):
    """Two epochs per layer, interrupted after each of the six, the last of a layer among them."""
    data, config = xp.asarray(images().astype("float32")), DenoisingConfig(epochs=2, batch_size=15, momentum=0.9)
    straight, whole = stack(xp, "float32"), SDAEState()
    epochs = run(straight, data, config, seed=4, state=whole)
    first, state = stack(xp, "float32"), SDAEState()
    begun = list(itertools.islice(train_sdae(first, data, config, rng=make_rng(xp, 4), state=state), done))
    saved = SDAEState(state.layers_done, DAEState(state.dae.epoch, {k: x.copy() for k, x in state.dae.arrays.items()}))
    for x in state.dae.arrays.values():
        x[...] = float("nan")  # what was saved is all that counts
    rest = run(first, data, config, seed=4, state=saved)
    for name, x in params(straight).items():
        np.testing.assert_array_equal(params(first)[name], x, err_msg=name)
    assert same_numbers(begun + rest) == same_numbers(epochs)
    assert saved.layers_done == whole.layers_done == 3
    assert first.input_norm == straight.input_norm


def test_training_is_a_function_of_the_seed_and_of_nothing_else(xp):
    ends = []
    for seed, held_out in ((1, None), (1, xp.asarray(images(9))), (2, None)):
        sdae = stack(xp)
        run(sdae, xp.asarray(images()), replace(PLAIN, batch_size=20), seed, held_out=held_out)
        ends.append(params(sdae))
    for name, x in ends[0].items():
        np.testing.assert_array_equal(x, ends[1][name])
        if name.endswith("W"):
            assert (x != ends[2][name]).any()


def test_data_are_left_unchanged(xp):
    data, held_out = xp.asarray(images()), xp.asarray(images(7))
    run(stack(xp), data, PLAIN, held_out=held_out)
    np.testing.assert_array_equal(host(data), images())
    np.testing.assert_array_equal(host(held_out), images(7))


# --- what is refused


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"batch_size": 2.5}, "batch_size must be an integer of at least 1, got 2.5"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number of at least 0, got nan"),
        ({"weight_decay": -1.0}, "weight_decay must be a finite number of at least 0, got -1"),
        ({"noise_level": -0.1}, "noise_level must be a finite number of at least 0, got -0.1"),
        ({"noise_level": 1.1}, "noise_level of salt-and-pepper is a chance, at most 1, got 1.1"),
        ({"noise": "masking", "noise_level": 2.0}, "noise_level of masking is a chance, at most 1, got 2"),
        ({"momentum": 1.0}, r"momentum must lie in \[0, 1\), got 1"),
        ({"start_activity": 1.0}, "start_activity must lie between 0 and 1, got 1"),
        ({"sparsity_target": 1.0}, "sparsity_target must .* 0 and 1.* got 1"),
        ({"sparsity_cost": -1.0}, "sparsity_cost must be a finite number of at least 0, got -1"),
        ({"noise": "salt"}, "noise must be salt-and-pepper, masking or gaussian, got 'salt'"),
        ({"schedule": "cosine"}, "schedule must be linear or constant, got 'cosine'"),
    ],
)
def test_settings_that_make_no_sense(changes, match):
    with pytest.raises(ValueError, match=match):
        DenoisingConfig(**changes)


def test_settings_are_frozen():
    config = DenoisingConfig(noise="gaussian", noise_level=2.0)
    with pytest.raises(FrozenInstanceError):
        config.epochs = 3
    assert DenoisingConfig(**asdict(config)) == config


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 7)), r"data: expected an array \(N, (6|2, 3)\), got shape \(4, 7\)"),
        (np.zeros((0, 6)), r"data: expected at least one image, an array \(N, (6|2, 3)\), got shape \(0, 6\)"),
        (np.full((4, 6), np.nan), "data: expected finite pixels, found 24 NaN or infinite"),
        (np.full((4, 6), 1.5), r"data: .* in \[0, 1\], found 1.5 to 1.5; .*(output linear|linear units)"),
    ],
)
def test_data_that_do_not_fit_are_refused(xp, data, message):
    for model in (machine(xp), stack(xp)):
        before = params(model)
        with pytest.raises(ValueError, match=message):
            run(model, xp.asarray(data), PLAIN)
        with pytest.raises(ValueError, match=message.replace("data", "held-out data")):
            run(model, xp.asarray(images()), PLAIN, held_out=xp.asarray(data))
        for name, x in params(model).items():
            np.testing.assert_array_equal(x, before[name])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_divergence_says_what_to_do(xp):
    config = replace(PLAIN, epochs=5, batch_size=5, learning_rate=1e30)
    match = r"layer h1: parameters are no longer finite after epoch 1; lower the learning rate \(now 1e\+30\)"
    with pytest.raises(TrainingDiverged, match=match):
        run(machine(xp, linear=True, dtype="float32"), xp.asarray(images().astype("float32")), config)
