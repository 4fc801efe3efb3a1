"""dbnvis.convnet: the default network, units and their numbers, receptive fields, a planted network recovered."""

from dataclasses import replace

import numpy as np
import pytest
from counts import host
from oracles import numerical_gradient
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from dbnvis import (
    ActivationMaximization,
    ClampedGibbs,
    FilterCombination,
    StrongestConnections,
    TopImages,
    Unit,
    checkpoint,
    datasets,
)
from dbnvis.backend import make_rng
from dbnvis.evaluate.scores import Responses, pre_activations, rescale, unit_scores
from dbnvis.figures.opening import open_study
from dbnvis.models.convnet import ConvNet
from dbnvis.models.convolution import Channels, Conv2D, ReLU
from dbnvis.models.layers import Dense, Flatten, Softmax
from dbnvis.models.spatial import SpatialNetwork
from dbnvis.models.subsampling import MaxPool2D
from dbnvis.models.units import unit_number, unit_place
from dbnvis.runs.classifiers import percent_wrong, train_convnet
from dbnvis.train.backprop import BackpropState, ConvNetConfig, train_backprop, with_dropout
from dbnvis.visualize import as_units


def small(xp=np, dtype="float64", **settings):
    """conv1 (3, 10, 10), conv2 (5, 3, 3), dense1 (6,), output (4,) on images of 12 x 12."""
    model = ConvNet.random((12, 12), (3, 5), (6,), 4, rng=make_rng(xp, 0), kernel=3, dtype=dtype, **settings)
    model.input_norm = 5.0
    return model


def padded(xp=np):
    """Stride and padding in the first layer, pooling that overlaps and leaves a row out."""
    rng = make_rng(xp, 1)

    def weights(*shape):
        return rng.standard_normal(shape, dtype="float64")

    layers = {
        "input": Channels((12, 11)),
        "conv1.pre": Conv2D(weights(3, 1, 3, 3), weights(3), stride=1, padding=2),
        "conv1": ReLU(),
        "pool1": MaxPool2D(3, 2),
        "conv2.pre": Conv2D(weights(4, 3, 2, 2), weights(4), stride=2, padding=1),
        "conv2": ReLU(),
    }
    return ConvNet(SpatialNetwork(layers), (12, 11), input_norm=5.0)


def images(xp, n=7, shape=(12, 12), dtype="float64", seed=3):
    return xp.asarray(np.random.default_rng(seed).random((n, *shape)).astype(dtype))


# --- the network


def test_the_default_network():
    model = ConvNet.random(rng=np.random.default_rng(0))
    addresses = "input conv1.pre conv1 pool1 conv2.pre conv2 pool2 flat dense1.pre dense1 output.pre output"
    assert " ".join(model.network.layers) == addresses
    assert model.layer_names == ["conv1", "conv2", "dense1", "output"]
    assert [model.layer_shape(layer) for layer in model.layer_names] == [(16, 24, 24), (32, 8, 8), (128,), (10,)]
    assert model.sizes == [784, 16 * 24 * 24, 32 * 8 * 8, 128, 10]
    assert model.xp is np and model.dtype == np.float32
    with pytest.raises(KeyError, match=r"no layer 'conv3'; the model has conv1, conv2, dense1, output"):
        model.layer_shape("conv3")


def test_codes_are_what_the_layers_give(xp):
    model, x = small(xp), images(xp)
    for layer in model.layer_names:
        code = model.encode(x, layer)
        assert code.shape == (7, *model.layer_shape(layer))
        np.testing.assert_array_equal(host(code), host(model.network.upto(layer).forward(x)[0]))
        np.testing.assert_array_equal(host(model.encode(x.reshape(7, 144), layer)), host(code))
    np.testing.assert_allclose(host(model.encode(x, "output")).sum(axis=1), 1, rtol=1e-12)
    with pytest.raises(ValueError, match=r"expected images of shape \(12, 12\), got \(11, 12\)"):
        model.encode(x[:, 1:], "conv1")


@pytest.mark.parametrize("make", [small, padded])
def test_gradients_of_the_whole_network(xp, make):
    """By the image and by every parameter, against finite differences."""
    model = make(xp)
    x = images(xp, 2, model.input_shape)
    *_, last = model.network.layers
    network = model.network.upto(last if make is padded else "output.pre")
    y, gradients = network.trace(x)
    gy = np.random.default_rng(0).normal(size=y.shape)
    _, pullback = network.forward(x)

    def loss(layers, x):
        return (host(SpatialNetwork(layers).forward(xp.asarray(x))[0]) * gy).sum()

    expected = numerical_gradient(lambda x: loss(network.layers, x), host(x))
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-5, atol=1e-7)
    for name, found in gradients(xp.asarray(gy)).items():
        address, _, key = name.rpartition(".")
        layer = network.layers[address]

        def by_value(value, address=address, key=key, layer=layer):
            changed = replace(layer, **{key: xp.asarray(value)})
            return loss({**network.layers, address: changed}, host(x))

        value = host(getattr(layer, key))
        at = np.random.default_rng(1).choice(value.size, min(20, value.size), replace=False)  # some of the weights

        def by_some(some, value=value, at=at, by_value=by_value):
            changed = value.copy()
            changed.reshape(-1)[at] = some
            return by_value(changed)

        expected = numerical_gradient(by_some, value.reshape(-1)[at])
        np.testing.assert_allclose(host(found).reshape(-1)[at], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("make", [small, padded])
def test_the_transposed_network_is_the_adjoint_of_its_linear_parts(make):
    """Without biases and ReLUs, and with means for maxima, the network is linear: <A x, y> = <x, A' y>."""
    model = make()
    shapes = model.network.shapes
    *_, last = (name for name in model.network.layers if not isinstance(model.network.layers[name], Softmax))
    network = model.network.upto(last)

    def linear(x):
        for layer in network.layers.values():
            if isinstance(layer, MaxPool2D):
                windows = np.lib.stride_tricks.sliding_window_view(x, (layer.size, layer.size), axis=(-2, -1))
                x = windows[..., :: layer.step, :: layer.step, :, :].mean(axis=(-2, -1))
            elif not isinstance(layer, ReLU):
                x = layer.forward(x)[0] - layer.forward(np.zeros_like(x))[0]
        return x

    x = images(np, 2, model.input_shape)
    y = np.random.default_rng(0).normal(size=(2, *shapes[last]))
    back = network.transpose(y)
    assert back.shape == x.shape
    np.testing.assert_allclose((linear(x) * y).sum(), (x * back).sum(), rtol=1e-11)


def test_layers_that_do_not_fit_are_refused():
    W = np.zeros
    conv = {"input": Channels((12, 12)), "conv1.pre": Conv2D(W((3, 1, 3, 3)), W(3)), "conv1": ReLU()}
    for layers, shape, said in [
        ({}, (12, 12), "expected Channels at the first address.*got none"),
        ({"input": Channels((12, 12))}, (12, 12), "layers with weights at addresses such as conv1.pre, got input"),
        (conv, (12, 10), r"images have shape \(12, 10\), the network takes \(12, 12\)"),
        ({**conv, "conv2.pre": Conv2D(W((3, 2, 3, 3)), W(3))}, (12, 12), r"do not fit maps of shape \(3, 10, 10\)"),
        (
            {**conv, "flat": Flatten((3, 9, 9))},
            (12, 12),
            r"expected maps of shape \(3, 9, 9\) to flatten, those below give \(3, 10, 10\)",
        ),
        (
            {**conv, "flat": Flatten((3, 10, 10)), "output.pre": Dense(W((299, 4)), W(4))},
            (12, 12),
            r"a dense layer has 299 inputs, the layer below it gives \(300,\)",
        ),
    ]:
        with pytest.raises(ValueError, match=said):
            ConvNet(SpatialNetwork(layers), shape)
    with pytest.raises(ValueError, match="at least one unit"):
        ConvNet.random((12, 12), (3, 0), rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="do not fit maps of shape"):
        ConvNet.random((8, 8), rng=np.random.default_rng(0))


# --- units


def test_numbers_and_places_are_inverse():
    shape = (3, 4, 5)
    places = [unit_place(shape, number) for number in range(3 * 4 * 5 + 3)]
    assert len(set(places)) == 63
    assert [unit_number(shape, *place) for place in places] == list(range(63))
    assert unit_place(shape, unit_number(shape, 1)) == (1, None) == unit_place(shape, unit_number(shape, 1, (2, 2)))
    assert unit_place(shape, unit_number(shape, 2, "mean")) == (2, "mean")
    assert unit_number((7,), 5) == 5 and unit_place((7,), 5) == (5, None)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("conv2:5", Unit("conv2", 5)),
        ("conv2:5@3,4", Unit("conv2", 5, (3, 4))),
        (" conv2:5@mean ", Unit("conv2", 5, "mean")),
        ("output:3", Unit("output", 3)),
    ],
)
def test_addresses_with_positions(text, unit):
    assert Unit.parse(text) == unit
    assert str(unit) == text.strip()


@pytest.mark.parametrize("text", ["conv2:5@", "conv2:5@3", "conv2:5@3,", "conv2:5@-1,2", "conv2:5@max", "conv2@3,4"])
def test_addresses_that_are_none(text):
    with pytest.raises(ValueError, match=r"conv2:5@3,4, or @mean"):
        Unit.parse(text)


def test_units_with_positions_are_ordered():
    ordered = [Unit("conv1", 1), Unit("conv1", 1, (2, 10)), Unit("conv1", 1, (10, 2)), Unit("conv1", 1, "mean")]
    assert sorted(reversed(ordered)) == ordered


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("conv2:5", "no unit conv2:5; layer conv2 has units conv2:0 to conv2:4"),
        ("conv2:1@3,0", "no unit conv2:1@3,0; layer conv2 has positions 0,0 to 2,2"),
        ("conv2:1@0,3", "no unit conv2:1@0,3; layer conv2 has positions 0,0 to 2,2"),
        ("dense1:1@0,0", "no unit dense1:1@0,0; the units of layer dense1 are dense and have no positions"),
        ("output:4", "no unit output:4; layer output has units output:0 to output:3"),
    ],
)
def test_units_beyond_the_map_are_refused(unit, said):
    with pytest.raises(ValueError, match=said):
        as_units(small(), [unit])


UNITS = {
    "conv1": ["conv1:2", "conv1:0@9,9", "conv1:1@mean", "conv1:2@0,5"],
    "conv2": ["conv2:4", "conv2:0@0,2", "conv2:1@mean", "conv2:4@2,1"],
    "dense1": ["dense1:5", "dense1:0"],
    "output": ["output:3", "output:3"],
}


def read(pre, unit):
    """The unit's pre-activation in `pre` (B, ...), in NumPy."""
    if pre.ndim == 2:
        return pre[:, unit.index]
    if unit.position == "mean":
        return pre[:, unit.index].mean(axis=(1, 2))
    row, column = unit.position or (pre.shape[2] // 2, pre.shape[3] // 2)
    return pre[:, unit.index, row, column]


@pytest.mark.parametrize("layer", list(UNITS))
@pytest.mark.parametrize("alone", [True, False])
def test_selected_units_and_their_gradients(xp, layer, alone):
    """One at a time, on their receptive fields, or all together: what the whole network says."""
    model, x = small(xp), images(xp)
    network = model.network.upto(f"{layer}.pre")
    pre, whole = network.forward(x)
    for group in [[text] for text in UNITS[layer]] if alone else [UNITS[layer]]:
        _, numbers = as_units(model, group)
        y, pullback = network.select(xp.asarray(np.array(numbers))).forward(x)
        expected = np.stack([read(host(pre), Unit.parse(text)) for text in group], axis=1)
        np.testing.assert_allclose(host(y), expected, rtol=1e-12, atol=1e-12)
        gy = np.random.default_rng(0).normal(size=expected.shape)
        seeds = np.zeros(pre.shape)
        for text, column in zip(group, gy.T, strict=True):
            unit, shape = Unit.parse(text), model.layer_shape(layer)
            if len(shape) == 1:
                seeds[:, unit.index] += column[:, None][:, 0]
            elif unit.position == "mean":
                seeds[:, unit.index] += column[:, None, None] / (shape[1] * shape[2])
            else:
                row, col = unit.position or (shape[1] // 2, shape[2] // 2)
                seeds[:, unit.index, row, col] += column
        gradient = host(pullback(xp.asarray(gy)))
        np.testing.assert_allclose(gradient, host(whole(xp.asarray(seeds))), rtol=1e-10, atol=1e-12)
        found = host(pre_activations(model, layer, x, numbers))
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_selected_units_of_a_network_that_pads(xp):
    model = padded(xp)
    x = images(xp, 3, model.input_shape)
    for layer in model.layer_names:
        pre, _ = model.network.upto(f"{layer}.pre").forward(x)
        for text in (f"{layer}:1", f"{layer}:2@0,0", f"{layer}:0@mean"):
            _, numbers = as_units(model, [text])
            y = pre_activations(model, layer, x, numbers)
            np.testing.assert_allclose(host(y)[:, 0], read(host(pre), Unit.parse(text)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", [small, padded])
def test_the_receptive_field_is_the_support_of_the_gradient(make):
    """Measured: where the gradient of a unit is not zero at some of many images."""
    model = make()
    x = images(np, 60, model.input_shape) - 0.5
    for layer in model.layer_names:
        pre, pullback = model.network.upto(f"{layer}.pre").forward(x)
        shape = model.layer_shape(layer)
        places = [None, "mean", (0, 0), (shape[1] - 1, shape[2] - 1), (0, 1)] if len(shape) > 1 else [None]
        for position in places:
            seeds = np.zeros_like(pre)
            if len(shape) == 1 or position == "mean":
                seeds[:, 0] = 1
            else:
                row, column = position or (shape[1] // 2, shape[2] // 2)
                seeds[:, :, row, column] = np.random.default_rng(0).normal(size=shape[0])
            seen = (pullback(seeds) != 0).any(axis=0)
            rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
            field = model.receptive_field(layer, position)
            assert (field.slices[0].start, field.slices[0].stop) == (rows[0], rows[-1] + 1), (layer, position)
            assert (field.slices[1].start, field.slices[1].stop) == (columns[0], columns[-1] + 1), (layer, position)


def test_the_extent_goes_beyond_the_image_by_the_padding():
    model = padded()
    assert model.receptive_field("conv1", (0, 0)).extent == ((-2, 1), (-2, 1))
    assert model.receptive_field("conv1", (0, 0)).slices == (slice(0, 1), slice(0, 1))
    # conv2 at 0 sees pooled -1 and 0, that is conv1 -2 to 2, that is pixels -4 to 2.
    assert model.receptive_field("conv2", (0, 0)).extent == ((-4, 3), (-4, 3))
    with pytest.raises(ValueError, match="no position 14,0; layer conv1 has positions 0,0 to 13,12"):
        model.receptive_field("conv1", (14, 0))


# --- scores


@pytest.mark.parametrize("layer", list(UNITS))
def test_scores_are_pre_activations_at_the_norm(xp, layer):
    model = small(xp)
    _, numbers = as_units(model, UNITS[layer])
    pictures = images(xp, 3 * len(numbers)).reshape(len(numbers), 3, 12, 12)
    scores = host(unit_scores(model, layer, numbers, pictures))
    for text, row, x in zip(UNITS[layer], scores, pictures, strict=True):
        pre, _ = model.network.upto(f"{layer}.pre").forward(rescale(x, 5.0, 2))
        np.testing.assert_allclose(row, read(host(pre), Unit.parse(text)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layer", list(UNITS))
def test_percentiles_of_any_position(xp, layer):
    model, x = small(xp), images(xp, 50)
    _, numbers = as_units(model, UNITS[layer])
    pre = host(model.network.upto(f"{layer}.pre").forward(rescale(x, 5.0, 2))[0])
    own = np.stack([read(pre, Unit.parse(text)) for text in UNITS[layer]])  # (U, 50)
    scores = np.stack([np.sort(own, axis=1)[:, 10] + 1e-9, own.max(axis=1) + 1, own.min(axis=1) - 1], axis=1)
    responses = Responses.of(model, x)
    np.testing.assert_allclose(
        host(responses.percentile(layer, numbers, xp.asarray(scores))), [[22, 100, 0]] * len(own)
    )
    kept = Responses(responses.by_layer, model)  # without images, positions other than the centre are not known
    found = host(kept.percentile(layer, numbers, xp.asarray(scores)))
    known = [isinstance(Unit.parse(text).position, (str, type(None))) for text in UNITS[layer]]
    np.testing.assert_array_equal(np.isnan(found).any(axis=1), ~np.array(known))


# --- a planted network


def planted(xp=np):
    """A network on 20 x 20 whose units' preferred patterns are known by construction.

    conv1: four orthogonal patterns of 4 x 4. conv2: channel j wants pattern j at its upper left corner and the next
    pattern at its lower right, 8 pixels on.
    """
    rng = np.random.default_rng(0)
    patterns, _ = np.linalg.qr(rng.normal(size=(16, 4)))
    patterns = (patterns * np.sign(patterns.sum(axis=0))).T.reshape(4, 1, 4, 4)  # noise in [0, 1] excites them
    joins = np.zeros((4, 4, 5, 5))
    for j in range(4):
        joins[j, j, 0, 0] = joins[j, (j + 1) % 4, 4, 4] = 1
    layers = {
        "input": Channels((20, 20)),
        "conv1.pre": Conv2D(xp.asarray(patterns), xp.asarray(np.zeros(4)), stride=2),  # (4, 9, 9)
        "conv1": ReLU(),
        "conv2.pre": Conv2D(xp.asarray(joins), xp.asarray(np.zeros(4))),  # (4, 5, 5)
        "conv2": ReLU(),
    }
    wanted = np.zeros((4, 20, 20))
    for j in range(4):
        wanted[j, 4:8, 4:8] = patterns[j, 0]  # conv2 at (2, 2): conv1 at (2, 2) and (6, 6), pixels 4 and 12
        wanted[j, 12:16, 12:16] = patterns[(j + 1) % 4, 0]
    return ConvNet(SpatialNetwork(layers), (20, 20), input_norm=3.0), patterns[:, 0], wanted


def cosine(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


@pytest.mark.parametrize("method", [ActivationMaximization(starts=40), FilterCombination(k=2)])
def test_a_planted_network_is_recovered(xp, method):
    """An ascent that starts where one of conv2's two patterns is silent never finds it: hence the many starts."""
    model, patterns, wanted = planted(xp)
    for j in range(4):
        first = method(model, [f"conv1:{j}@3,5"], rng=make_rng(xp, 0))
        expected = np.zeros((20, 20))
        expected[6:10, 10:14] = patterns[j]
        assert cosine(first.images[0, 0], expected) > 0.999
        second = method(model, [f"conv2:{j}"], rng=make_rng(xp, 0))
        assert cosine(second.images[0, 0], wanted[j]) > 0.999
        best = 3.0 * np.sqrt(2)  # two patterns of length 1 share the norm
        np.testing.assert_allclose(second.scores[0, 0], best, rtol=1e-3)


def test_top_images_of_a_planted_network(xp):
    model, _, wanted = planted(xp)
    model.input_range = (-np.inf, np.inf)
    x = np.random.default_rng(0).normal(size=(40, 20, 20)) * 0.01
    x[[7, 11, 23, 31]] += wanted
    out = TopImages(k=1)(model, [f"conv2:{j}" for j in range(4)], images=xp.asarray(x))
    np.testing.assert_array_equal(out.extras["rows"][:, 0], [7, 11, 23, 31])


def test_pictures_stand_where_the_unit_looks():
    model = small()
    for text in ("conv1:1@2,7", "conv2:3@0,2", "conv2:0"):
        rows, columns = model.receptive_field(text[:5], Unit.parse(text).position).slices
        outside = np.ones((12, 12), bool)
        outside[rows, columns] = False
        for method in (ActivationMaximization(starts=2, max_steps=20), FilterCombination(k=5)):
            picture = method(model, [text], rng=np.random.default_rng(0)).images[0, 0]
            assert (picture[outside] == 0).all() and (picture[~outside] != 0).mean() > 0.3


def test_a_units_picture_does_not_depend_on_its_company():
    model, method = small(dtype="float32"), ActivationMaximization(starts=3, max_steps=30)
    for layer, texts in UNITS.items():
        together = method(model, texts, rng=np.random.default_rng(0))
        for i, text in enumerate(texts):
            alone = method(model, [text], rng=np.random.default_rng(0))
            np.testing.assert_array_equal(alone.images[0], together.images[i], err_msg=layer)
            np.testing.assert_array_equal(alone.scores[0], together.scores[i])
            assert str(alone.units[0]) == text


def test_methods_that_cannot_be_say_so():
    with pytest.raises(TypeError, match=r"p\(v \| h\)"):
        ClampedGibbs()(small(), ["conv2:1"], rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match=r"dense layers.*convolutional ones; use FilterCombination"):
        StrongestConnections(k=1)(small(), ["conv2:1"])


# --- training and files


def problem(xp, n=300, seed=0):
    """Bars of two directions at any place, the same number of pixels."""
    numbers = np.random.default_rng(seed)
    labels, x = numbers.integers(0, 2, n), 0.1 * numbers.random((n, 12, 12))
    for image, label in zip(x, labels, strict=True):
        row, column = numbers.integers(0, 8, 2)
        image[(row, slice(column, column + 5)) if label else (slice(row, row + 5), column)] += 0.9
    return xp.asarray(x.astype("float32")), xp.asarray(labels)


CONFIG = ConvNetConfig(epochs=12, batch_size=20, learning_rate=1e-2, dropout=0.1, shift=1)


def trained(xp, config=CONFIG, epochs=None, state=None, model=None):
    model = model or ConvNet.random((12, 12), (4, 6), (16,), 2, rng=make_rng(xp, 0), kernel=3)
    steps = train_backprop(model, *problem(xp), config, rng=make_rng(xp, 1), held_out=problem(xp, seed=1), state=state)
    return model, [stats for _, stats in zip(range(epochs or config.epochs), steps, strict=False)]


def test_training_learns_what_no_place_betrays(xp):
    model, stats = trained(xp)
    assert [each.epoch for each in stats] == list(range(1, 13))
    assert stats[-1].held_out_error < 5 < stats[0].held_out_error
    x = host(problem(xp)[0])
    assert model.input_norm == pytest.approx(np.sqrt((x**2).sum(axis=(1, 2))).mean(), rel=1e-5)


def test_training_is_the_same_to_the_bit_and_can_be_resumed():
    whole, _ = trained(np)
    state = BackpropState()
    model, _ = trained(np, epochs=2, state=state)
    again, stats = trained(np, state=state, model=model)
    assert [each.epoch for each in stats] == list(range(3, 13))
    for name, value in whole.network.params().items():
        np.testing.assert_array_equal(value, again.network.params()[name])
    other, _ = trained(np, replace(CONFIG, shift=0))
    assert not np.array_equal(other.network.params()["conv1.pre.W"], whole.network.params()["conv1.pre.W"])


def test_dropout_is_for_dense_layers():
    learner = with_dropout(small().network, ConvNetConfig(dropout=0.5), rng=np.random.default_rng(0))
    assert [name for name in learner.layers if name.endswith("dropout")] == ["dense1.dropout"]


@pytest.mark.parametrize("make", [small, padded])
def test_checkpoints_hold_all_there_is(xp, tmp_path, make):
    model = make(xp)
    checkpoint.save(tmp_path / "a.npz", model, config={"epochs": 0}, seed=3)
    found = checkpoint.load(tmp_path / "a.npz", xp=xp).model
    assert type(found) is ConvNet and list(found.network.layers) == list(model.network.layers)
    assert (found.input_shape, found.input_range, found.input_norm) == (model.input_shape, (0.0, 1.0), 5.0)
    x = images(xp, 2, model.input_shape)
    np.testing.assert_array_equal(host(found.network.forward(x)[0]), host(model.network.forward(x)[0]))


def test_damaged_networks_are_refused_at_load(tmp_path):
    model = small()
    checkpoint.save(tmp_path / "nan.npz", model, config={}, seed=0)
    with np.load(tmp_path / "nan.npz") as archive:
        arrays = dict(archive)
    arrays["conv2.pre.W"][1, 0, 2, 2] = np.nan
    np.savez(tmp_path / "nan.npz", **arrays)
    with pytest.raises(checkpoint.CheckpointError, match=r"W of conv2\.pre holds NaN or infinite values"):
        checkpoint.load(tmp_path / "nan.npz", xp=np)
    layers = {**small().network.layers, "conv2.pre": Conv2D(np.zeros((5, 2, 3, 3)), np.zeros(5))}
    model.network = SpatialNetwork(layers)
    checkpoint.save(tmp_path / "wide.npz", model, config={}, seed=0)
    with pytest.raises(checkpoint.CheckpointError, match=r"does not hold the model its header describes.*do not fit"):
        checkpoint.load(tmp_path / "wide.npz", xp=np)


def test_images_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"data: expected an array \(N, 12, 12\), got shape \(300, 12, 11\)"):
        next(train_backprop(small(), problem(np)[0][:, :, 1:], problem(np)[1], CONFIG, rng=np.random.default_rng(0)))


def test_the_shipped_network_reads_digits_of_another_collection():
    """Scikit-learn's, 8 x 8, enlarged to the size that digits have in MNIST."""
    model = checkpoint.load("convnet", xp=np).model
    assert [model.layer_shape(layer) for layer in model.layer_names] == [(16, 24, 24), (32, 8, 8), (128,), (10,)]
    assert checkpoint.CONVNET.stat().st_size < 4 * 2**20
    digits = load_digits()
    enlarged = zoom(digits.images[:300] / 16, (1, 2.5, 2.5), order=1)
    code = model.encode(np.pad(enlarged, ((0, 0), (4, 4), (4, 4))).astype("float32"), "output")
    assert (code.argmax(axis=1) == digits.target[:300]).mean() > 0.8


def test_a_session_trains_resumes_and_is_opened(tmp_path):
    """From the data set to a study of the finished model, whose captions know every position."""
    x, labels = problem(np, 200)
    images = np.pad(x, ((0, 0), (8, 8), (8, 8)))
    data = datasets.Dataset("of the test", images, labels.astype("int64"), images, labels.astype("int64"), "none")
    config, seen = ConvNetConfig(epochs=2, batch_size=50), []

    def run(resume, config=config):
        return train_convnet(
            data,
            config,
            folder=tmp_path,
            seed=0,
            xp=np,
            resume=resume,
            on_epoch=lambda stats, _: seen.append(stats.epoch),
        )

    def stop(stats, config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_convnet(data, config, folder=tmp_path, seed=0, xp=np, on_epoch=stop)
    with pytest.raises(ValueError, match=r"holds an unfinished training, training.npz; --resume goes on with it"):
        run(False)
    with pytest.raises(ValueError, match="its epochs is 2, this run's is 3"):
        run(True, replace(config, epochs=3))
    path = run(True)
    assert seen == [2] and path == run(True) and not (tmp_path / "training.npz").exists()
    assert 0 <= percent_wrong(path, data, xp=np) <= 100
    study = open_study(path, data, out=tmp_path, seed=0, xp=np)
    pictures = study.pictures(study.fitted(FilterCombination()), [Unit("conv2", 5, (0, 1)), Unit("conv2", 5)])
    for (caption,) in study.captions(pictures):
        score, percent = caption.split()
        assert float(score) == pytest.approx(pictures.scores[study.captions(pictures).index([caption]), 0], abs=0.06)
        assert percent.endswith("%") and 0 <= int(percent[:-1]) <= 100
