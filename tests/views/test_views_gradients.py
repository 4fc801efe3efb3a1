"""dbnvis.views.gradients: the rule table, finite differences, and the same maps by matrices."""

import numpy as np
import pytest
from unrolled import by_matrices, images, pre, small_net

from dbnvis import DBN, Unit
from dbnvis.backend import move, to_numpy
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM
from dbnvis.models.layers import Network
from dbnvis.models.mlp import classifier
from dbnvis.views import RULES, VIEWS, gradients, located, saliency
from dbnvis.views.gradients import RuledReLU, ruled

UNITS = ["conv1:2@0,0", "conv1:1@4,7", "conv1:0@mean", "conv2:3@1,2", "conv2:1", "conv2:0@mean", "dense1:4", "output:2"]
BY_HAND = {
    "gradient": lambda z, R: np.where(z > 0, R, 0),
    "deconvnet": lambda z, R: np.where(R > 0, R, 0),
    "guided": lambda z, R: np.where((z > 0) & (R > 0), R, 0),
}


def value(unit, pre):
    """What a unit is, from its layer's pre-activations."""
    if unit.position == "mean":
        return pre[unit.index].mean()
    if pre.ndim == 1:
        return pre[unit.index]
    return pre[(unit.index, *(unit.position or (pre.shape[1] // 2, pre.shape[2] // 2)))]


def seed_of(unit, shape):
    """Its direction, by differences: a unit is linear in its layer's pre-activations."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.array([value(unit, x) for x in units]).reshape(shape)


@pytest.mark.parametrize(
    ("rule", "expected"), [("gradient", [0, -4, 6]), ("deconvnet", [5, 0, 6]), ("guided", [0, 0, 6])]
)
def test_the_rules_of_a_relu(xp, rule, expected):
    z, R = xp.asarray(np.array([-1.0, 2, 3])), xp.asarray(np.array([5.0, -4, 6]))
    np.testing.assert_array_equal(to_numpy(RULES[rule](z, R)), expected)
    y, pullback = RuledReLU(RULES[rule]).forward(z)
    np.testing.assert_array_equal(to_numpy(y), [0, 2, 3])
    np.testing.assert_array_equal(to_numpy(pullback(R)), expected)


@pytest.mark.parametrize("shape", [(9, 8), (1, 9, 8), (3, 9, 8)])
@pytest.mark.parametrize("unit", UNITS)
def test_the_gradient_by_finite_differences(unit, shape):
    model, (image,) = small_net(shape=shape), images(1, shape)
    (found,) = gradients(model, image[None], [unit])
    unit, step = Unit.parse(unit), 1e-6
    rng = np.random.default_rng(0)
    for place in [tuple(rng.integers(0, n) for n in shape) for _ in range(12)]:
        low, high = image.copy(), image.copy()
        low[place], high[place] = low[place] - step, high[place] + step
        slope = (
            value(unit, pre(model, f"{unit.layer}.pre", high)) - value(unit, pre(model, f"{unit.layer}.pre", low))
        ) / (2 * step)
        assert found[place] == pytest.approx(slope, abs=1e-6)


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("unit", UNITS)
def test_every_rule_through_matrices(xp, unit, rule):
    """Every ReLU has its rule, those between dense layers included; pooling goes through the first maximum."""
    model, batch = small_net(xp), images(3)
    found = to_numpy(gradients(model, move(batch, xp), [unit] * 3, rule))
    unit = Unit.parse(unit)
    seed = seed_of(unit, model.layer_shape(unit.layer))
    for each, image in zip(found, batch, strict=True):
        expected = by_matrices(model, f"{unit.layer}.pre", image, seed, BY_HAND[rule])
        np.testing.assert_allclose(each, expected, atol=1e-12)


def test_the_rules_differ_and_maps_have_both_signs():
    model, batch = small_net(), images(4)
    maps = {rule: gradients(model, batch, ["output:1"] * 4, rule) for rule in RULES}
    for a, b in (("gradient", "guided"), ("guided", "deconvnet"), ("gradient", "deconvnet")):
        assert np.abs(maps[a] - maps[b]).max() > 0.01
    assert all((x > 0).any() and (x < 0).any() for x in maps.values())


def test_each_image_has_its_own_unit():
    model, batch, units = small_net(), images(3), ["conv2:0@1,1", "conv2:3", "conv2:2@mean"]
    together = gradients(model, batch, units, "guided")
    for each, image, unit in zip(together, batch, units, strict=True):
        np.testing.assert_allclose(each, gradients(model, image[None], [unit], "guided")[0], atol=1e-12)


def test_a_silent_unit_has_a_map():
    """The signal starts at the pre-activation, below the unit's own ReLU."""
    model, batch = small_net(), images(1)
    values = pre(model, "dense1.pre", batch[0])
    assert values.min() < 0
    for rule in RULES:
        assert np.abs(gradients(model, batch, [f"dense1:{values.argmin()}"], rule)).max() > 0


@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_nothing_lies_outside_the_receptive_field_and_it_is_filled(layer):
    model, batch = small_net(), images(20)
    for position in ((0, 0), (1, 2), tuple(n - 1 for n in model.layer_shape(layer)[1:])):
        field = model.receptive_field(layer, position).slices
        maps = gradients(model, batch, [Unit(layer, 0, position)] * len(batch), "deconvnet")
        support = np.abs(maps).max(axis=0) > 0
        rows, columns = (np.flatnonzero(support.any(axis=axis)) for axis in (1, 0))
        assert (rows[0], rows[-1] + 1) == (field[0].start, field[0].stop)
        assert (columns[0], columns[-1] + 1) == (field[1].start, field[1].stop)


def test_saliency_is_the_size_of_the_gradient_the_largest_of_the_colours(xp):
    gradient = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    expected = np.abs(gradient).max(axis=1)
    np.testing.assert_array_equal(to_numpy(saliency(move(gradient, xp))), expected)
    np.testing.assert_array_equal(to_numpy(saliency(move(gradient[:, 0], xp))), np.abs(gradient[:, 0]))


def test_the_named_views(xp):
    model, batch = small_net(xp), images(2)
    x, units = move(batch, xp), ["output:0", "output:2"]
    found = {name: to_numpy(view(model, x, units)) for name, view in VIEWS.items()}
    gradient = to_numpy(gradients(model, x, units))
    np.testing.assert_array_equal(found["gradient"], gradient)
    np.testing.assert_array_equal(found["saliency"], np.abs(gradient))
    np.testing.assert_allclose(found["gradient x input"], batch * gradient)
    for rule in ("guided", "deconvnet"):
        np.testing.assert_array_equal(found[rule], to_numpy(gradients(model, x, units, rule)))


def test_a_channel_is_located_where_it_responds_most():
    model, (image,) = small_net(), images(1)
    units = located(model, image, ["conv2:1", "conv1:2", "conv2:0@0,1", "dense1:3", "conv1:0@mean"])
    values = {layer: pre(model, f"{layer}.pre", image) for layer in ("conv1", "conv2")}
    for unit in units[:2]:
        assert unit.position == np.unravel_index(values[unit.layer][unit.index].argmax(), values[unit.layer][0].shape)
    assert [str(unit) for unit in units[2:]] == ["conv2:0@0,1", "dense1:3", "conv1:0@mean"]


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_sigmoid_networks_have_no_such_rule(rule):
    dbn = DBN.random((72, 5, 4), (9, 8), rng=np.random.default_rng(0))
    for model in (dbn, classifier(dbn, 3, rng=np.random.default_rng(0))):
        with pytest.raises(
            ValueError, match=f"{rule} changes how a ReLU .* h1, h2 are sigmoid.*take the rule gradient"
        ):
            gradients(model, images(1, dtype="float32"), ["h2:0"], rule)
        assert gradients(model, images(1, dtype="float32"), ["h2:0"]).shape == (1, 9, 8)


def test_refuses_what_does_not_fit():
    model, batch = small_net(), images(2)
    with pytest.raises(ValueError, match=r"no rule 'guide'; the rules are gradient, deconvnet, guided"):
        ruled(Network({}), "guide")
    with pytest.raises(ValueError, match=r"images: expected an array \(N, 9, 8\), got shape \(2, 8, 9\)"):
        gradients(model, batch.transpose(0, 2, 1), ["output:0"] * 2)
    with pytest.raises(ValueError, match="one unit per image, got 1 units and 2 images"):
        gradients(model, batch, ["output:0"])
    with pytest.raises(ValueError, match="no unit output:3; layer output has units output:0 to output:2"):
        gradients(model, batch, ["output:3"] * 2)
    with pytest.raises(ValueError, match="positions"):
        gradients(model, batch, ["conv2:0@7,0"] * 2)


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
def test_units_of_no_known_kind_have_no_such_rule_either(rule):
    rng = np.random.default_rng(0)
    machine = ConvRBM(rng.standard_normal((2, 1, 3, 3)), np.zeros(1), np.zeros(2), 2)
    model = ConvDBN([machine], (9, 8))
    with pytest.raises(ValueError, match=f"{rule} changes how a ReLU .* h1, p1 are detection and pooling"):
        gradients(model, images(1), ["h1:0"], rule)
    assert gradients(model, images(1), ["h1:0"]).shape == (1, 9, 8)
