"""Planted networks against what they promise: every feature turns its unit on, alone or together, and nothing else."""

import itertools

import numpy as np
import pytest

from dbnvis.backend import make_rng, to_numpy
from dbnvis.evaluate.planted import EITHER, KINDS, SHOWN, UNUSED, planted
from dbnvis.evaluate.predictiveness import ceiling, predictiveness, product
from dbnvis.evaluate.scores import pre_activations
from dbnvis.visualize import FilterCombination

SIZES = [(2, 2), (2, 3), (2, 4), (3, 2), (3, 4)]  # depth, parts


def built(depth=2, parts=4, activation="binary", noise=0.0, xp=np, seed=0):
    return planted(depth, parts, noise, activation, rng=make_rng(xp, seed))


def top(network):
    return network.of(network.model.layer_names[-1])


def flat(x):
    return to_numpy(x).reshape(len(x), -1).astype("float64")


def responses(network, units, images):
    return to_numpy(pre_activations(network.model, units[0].unit.layer, images, [x.unit.index for x in units]))


@pytest.mark.parametrize("depth", [2, 3])
def test_a_linear_network_is_solved_by_the_combination_of_all_filters(depth):
    network = built(depth, activation="linear")
    units, images = top(network), network.images(3000, rng=make_rng(np, 1))
    assert {x.kind for x in units} == {"linear"}
    pictures = FilterCombination(k=None)(network.model, [x.unit for x in units]).images[:, 0]
    truth = np.concatenate([flat(x.features) for x in units])
    cosines = (
        (flat(pictures) * truth).sum(axis=1) / np.linalg.norm(flat(pictures), axis=1) / np.linalg.norm(truth, axis=1)
    )
    np.testing.assert_allclose(cosines, 1, atol=1e-6)

    response, x = responses(network, units, images).astype("float64"), flat(images)
    best = ceiling(x[:1000], response[:1000], x[1000:1500], response[1000:1500])
    most = predictiveness(product(best, x[1500:]), response[1500:]).rank
    reached = predictiveness(product(flat(pictures), x[1500:]), response[1500:]).rank
    assert (reached > 1 - 1e-6).all()
    np.testing.assert_allclose(most, reached, atol=1e-4)
    shuffled = np.random.default_rng(2).permuted(flat(pictures), axis=1)
    floor = predictiveness(product(shuffled - shuffled.mean(axis=1, keepdims=True), x[1500:]), response[1500:]).rank
    assert abs(floor.mean()) < 0.1


@pytest.mark.parametrize("depth", [2, 3])
def test_every_feature_of_an_or_unit_is_an_optimum(depth):
    """Of rectified units, on the sphere of its own norm: the gradient points outwards, and mixtures activate less."""
    network = built(depth, activation="relu")
    below = network.model.network.upto(f"h{depth}.pre")
    rng = np.random.default_rng(0)
    found = 0
    for unit in top(network):
        if unit.kind not in EITHER:
            continue
        x = unit.features.astype("float64")
        norm = np.linalg.norm(x[0])
        pre, pullback = below.forward(x)
        own = np.eye(pre.shape[1])[[unit.unit.index] * len(x)]
        gradient, radius = pullback(own), x / norm
        along = (gradient * radius).sum(axis=(1, 2), keepdims=True)
        np.testing.assert_allclose(gradient, along * radius, atol=1e-6)
        assert (along > 0).all()
        mixed = np.tensordot(rng.dirichlet(np.full(len(x), 0.5), 500), x, 1) + 0.02 * rng.standard_normal((500, 16, 16))
        mixed *= norm / np.linalg.norm(mixed, axis=(1, 2), keepdims=True)
        mixtures = below.forward(mixed)[0][:, unit.unit.index]
        assert pre[:, unit.unit.index].min() > mixtures.max()
        found += len(x)
    assert found >= 8


@pytest.mark.parametrize("activation", ["binary", "relu"])
@pytest.mark.parametrize(("depth", "parts"), SIZES)
def test_a_unit_is_on_where_its_kind_says(depth, parts, activation):
    """Every subset of a unit's parts at full contrast, with none of the other parts and with all of them."""
    network = built(depth, parts, activation)
    lower = np.concatenate([x.features for x in network.of(f"h{depth - 1}")])
    for unit in top(network):
        others = np.delete(lower, unit.parts, axis=0).sum(axis=0)
        for subset in itertools.product([0, 1], repeat=len(unit.parts)):
            drawn = np.tensordot(subset, lower[list(unit.parts)], 1).astype("float32")
            pre = responses(network, [unit], np.stack([drawn, np.minimum(drawn + others, 1)]))[:, 0]
            np.testing.assert_allclose(pre[0], pre[1], atol=0.1)
            if unit.kind == "and":
                assert (pre > 0).all() == all(subset) and (pre > 0).any() == all(subset)
            elif unit.kind in EITHER:
                assert (pre > 0).all() == any(subset) and (pre > 0).any() == any(subset)
        for feature in unit.features if unit.kind in EITHER else []:
            (pre,) = responses(network, [unit], feature[None])[0]
            assert pre == pytest.approx(4 if activation == "binary" else 1, abs=0.1)


@pytest.mark.parametrize(("depth", "parts"), SIZES)
def test_no_part_is_in_two_units_and_places_are_copies(depth, parts):
    network = built(depth, parts)
    used = [part for unit in top(network) for part in unit.parts]
    assert len(used) == len(set(used))
    counts = [sum(unit.kind == kind for unit in top(network)) for kind in KINDS]
    assert len(set(counts)) == 1 and counts[0] >= 1
    for unit in top(network):
        if unit.kind == "places":
            first = unit.features[0]
            at = np.argwhere(first)[0]
            for copy in unit.features:
                moved = np.roll(first, np.argwhere(copy)[0] - at, axis=(0, 1))
                np.testing.assert_array_equal(moved, copy)
            assert len(np.unique(unit.features.reshape(4, -1), axis=0)) == 4


@pytest.mark.parametrize(("depth", "parts"), SIZES)
def test_a_unit_of_the_top_machine_is_on_as_often_as_images_show_it(depth, parts):
    """The odds of a unit with the machine's visible units summed out, all others being off."""
    network = built(depth, parts)
    rbm = network.model.rbms[-1]
    off, on = np.zeros((1, rbm.n_hidden)), np.eye(rbm.n_hidden)
    odds = np.exp(rbm.hidden_free_energy(off) - rbm.hidden_free_energy(on))
    np.testing.assert_allclose(odds / (1 + odds), SHOWN, atol=1e-4)


def test_noise_and_units_without_use():
    clean, noisy = (built(3, 2, activation="relu", noise=noise, seed=3) for noise in (0.0, 0.2))
    for layer in ("h1", "h2", "h3"):
        W, used = clean.model.weights(layer), [x.unit.index for x in clean.of(layer) if x.kind != "linear"]
        if layer != "h1":
            assert (W[-UNUSED:, : len(clean.of(layer))] == 0).all()
        added = (noisy.model.weights(layer) - W)[:, used] / W.max(axis=0)[used]
        assert added.std() == pytest.approx(0.2, rel=0.1) and abs(added.mean()) < 0.05
    assert sum(x.kind == "unused" for x in clean.units) == 2 * UNUSED
    for a, b in zip(clean.units, noisy.units, strict=True):
        np.testing.assert_array_equal(a.features, b.features)


def test_images_hold_the_planted_parts_and_fit_the_model(xp):
    network = built(activation="relu", xp=xp)
    images = network.images(2000, rng=make_rng(xp, 1))
    x = to_numpy(images)
    assert x.shape == (2000, 16, 16) and x.dtype == np.float32 and x.min() >= 0 and x.max() <= 1
    strokes = np.concatenate([to_numpy(unit.features) for unit in network.of("h1")]).reshape(-1, 256) / 4
    brightness = x.reshape(2000, -1) @ strokes.T
    assert ((brightness < 0.1) | (brightness > 0.65)).all()  # a stroke is there or not
    assert float(np.linalg.norm(x.reshape(2000, -1), axis=1).mean()) == pytest.approx(
        network.model.input_norm, rel=0.05
    )
    shown = (responses(network, top(network), images) > 0).mean(axis=0)
    for unit, share in zip(top(network), shown, strict=True):
        if unit.kind == "and":
            assert share == pytest.approx(SHOWN, abs=0.1)


@pytest.mark.parametrize("activation", ["binary", "relu", "linear"])
def test_the_same_generator_gives_the_same_network(activation, xp):
    a, b, other = (built(3, 2, activation, 0.1, xp, seed) for seed in (0, 0, 1))
    for layer in a.model.layer_names:
        np.testing.assert_array_equal(to_numpy(a.model.weights(layer)), to_numpy(b.model.weights(layer)))
        assert (to_numpy(a.model.weights(layer)) != to_numpy(other.model.weights(layer))).any()
    for x, y in zip(a.units, b.units, strict=True):
        assert (x.unit, x.kind, x.parts) == (y.unit, y.kind, y.parts)
        np.testing.assert_array_equal(to_numpy(x.features), to_numpy(y.features))
    draws = [to_numpy(a.images(20, rng=make_rng(xp, seed))) for seed in (5, 5, 6)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"depth": 4}, r"depth must be an integer in \[2, 3\], got 4"),
        ({"parts": 1}, r"parts must be an integer in \[2, 4\], got 1"),
        ({"noise": -0.1}, "noise must be a finite number of at least 0, got -0.1"),
        ({"noise": float("nan")}, "noise must be a finite number"),
        ({"activation": "tanh"}, "activation must be binary, relu or linear, got 'tanh'"),
    ],
)
def test_what_cannot_be_planted_is_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        planted(**wrong, rng=np.random.default_rng(0))
    with pytest.raises(TypeError, match="rng must be a generator"):
        planted(rng=0)
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        built().images(0, rng=np.random.default_rng(0))
