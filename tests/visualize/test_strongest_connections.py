"""Strongest connections against a loop."""

import numpy as np
import pytest
from planted import N_UNITS, planted

from dbnvis import DBN, RBM, StrongestConnections, Unit
from dbnvis.backend import move, to_numpy


def random_dbn(xp=np, seed=0):
    rng = np.random.default_rng(seed)
    rbms = [
        RBM(*(move(rng.standard_normal(shape).astype("float32"), xp) for shape in ((n, m), (n,), (m,))))
        for n, m in ((12, 10), (10, 7), (7, 5))
    ]
    return DBN(rbms, (3, 4), input_norm=2.0)


def strongest(model, layer, **settings):
    units = [Unit(layer, i) for i in range(model.layer_shape(layer)[0])]
    return StrongestConnections(**settings)(model, units)


def links_by_hand(model, layer):
    """Link of first-layer unit i with unit j of `layer`: the sum over paths of the product of weights."""
    Ws = [to_numpy(rbm.W).astype(np.float64) for rbm in model.rbms[1 : int(layer[1])]]
    links = {(i, i): 1.0 for i in range(10)}
    for W in Ws:
        above = {}
        for (i, m), link in links.items():
            for j in range(W.shape[1]):
                above[i, j] = above.get((i, j), 0.0) + link * W[m, j]
        links = above
    return links


@pytest.mark.parametrize("k", [1, 4, 10])
@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_filters_links_and_coverage_equal_a_loop(xp, layer, k):
    model = random_dbn(xp)
    out = strongest(model, layer, k=k)
    links, W1 = links_by_hand(model, layer), to_numpy(model.rbms[0].W)
    for j in range(len(out.units)):
        own = [links[i, j] for i in range(10)]
        order = sorted(range(10), key=lambda i: -abs(own[i]))
        np.testing.assert_array_equal(out.extras["filters"][j], order[:k])
        np.testing.assert_allclose(out.extras["links"][j], [own[i] for i in order[:k]], rtol=1e-4, atol=1e-5)
        total = sum(abs(link) for link in own)
        covered = [sum(abs(own[i]) for i in order[: n + 1]) / total for n in range(k)]
        np.testing.assert_allclose(out.extras["covered"][j], covered, rtol=1e-4)
        for s, i in enumerate(order[:k]):
            np.testing.assert_array_equal(out.images[j, s].ravel(), W1[:, i])  # neither summed, scaled nor flipped
    assert out.images.shape == (len(out.units), k, 3, 4)


@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_both_signs_occur_and_all_filters_cover_everything(xp, layer):
    out = strongest(random_dbn(xp), layer, k=10)
    assert (out.extras["links"] > 0).any()
    assert (out.extras["links"] < 0).any()
    np.testing.assert_allclose(out.extras["covered"][:, -1], 1, rtol=1e-5)
    assert (np.diff(np.abs(out.extras["links"]), axis=1) <= 0).all()


def test_a_first_layer_unit_is_linked_to_its_own_filter_alone(xp):
    model = random_dbn(xp)
    out = strongest(model, "h1", k=3)
    np.testing.assert_array_equal(out.extras["filters"][:, 0], range(10))
    np.testing.assert_array_equal(out.extras["links"], np.tile([1, 0, 0], (10, 1)))
    np.testing.assert_array_equal(out.extras["covered"], 1)
    np.testing.assert_array_equal(out.images[:, 0].reshape(10, -1), to_numpy(model.rbms[0].W).T)


def test_a_unit_without_links_covers_nothing(xp):
    model = random_dbn(xp)
    model.rbms[1].W[:, 3] = 0
    out = strongest(model, "h2", k=4)
    assert (out.extras["links"][3] == 0).all()
    assert (out.extras["covered"][3] == 0).all()
    assert np.isnan(out.images[3]).all()  # nothing to draw
    assert np.isfinite(out.scores[:3]).all()


@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_finds_the_planted_parts(xp, layer):
    net = planted(xp)
    parts = net.parents["h2"] if layer == "h2" else net.parents["h2"] @ net.parents["h3"]
    k = int(parts[:, 0].sum())
    out = StrongestConnections(k=k)(net.model, [Unit(layer, i) for i in range(N_UNITS[layer])])
    for j, filters in enumerate(out.extras["filters"]):
        assert set(filters) == set(np.flatnonzero(parts[:, j]))
    assert (out.extras["links"] > 0).all()


@pytest.mark.parametrize("k", [0, 11, -2])
def test_refuses_a_k_outside_the_first_layer(k):
    with pytest.raises(ValueError, match=rf"k must lie between 1 and 10, the units of the first layer; got {k}"):
        strongest(random_dbn(), "h3", k=k)
