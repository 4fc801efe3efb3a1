"""Linear combination of filters against matrix products and loops."""

from itertools import pairwise

import numpy as np
import pytest
from planted import N_UNITS, planted

from dbnvis import DBN, RBM, FilterCombination, Unit
from dbnvis.backend import move, to_numpy

SIZES = (12, 9, 7, 5)


def random_dbn(xp=np, dtype="float32", seed=0):
    rng = np.random.default_rng(seed)
    rbms = [
        RBM(*(move(rng.standard_normal(shape).astype(dtype), xp) for shape in ((n, m), (n,), (m,))))
        for n, m in pairwise(SIZES)
    ]
    return DBN(rbms, (3, 4), input_norm=2.0)


def combine(model, layer, **settings):
    units = [Unit(layer, i) for i in range(model.layer_shape(layer)[0])]
    out = FilterCombination(**settings)(model, units)
    assert out.images.shape == (len(units), 1, 3, 4)
    return out.images.reshape(len(units), -1)


def weights(model):
    return [to_numpy(rbm.W).astype(np.float64) for rbm in model.rbms]


def by_hand(Ws, k, rank):
    """Pictures of the top layer's units, a loop over units and their inputs sorted by weight."""
    pictures = [Ws[0][:, j] for j in range(Ws[0].shape[1])]
    for W in Ws[1:]:
        above = []
        for j in range(W.shape[1]):
            inputs = sorted(range(len(W)), key=lambda i: -(abs(W[i, j]) if rank == "magnitude" else W[i, j]))
            picture = np.zeros(len(Ws[0]))
            for i in inputs[:k]:
                if rank == "magnitude" or W[i, j] > 0:
                    picture = picture + W[i, j] * pictures[i]
            above.append(picture)
        pictures = above
    return np.array(pictures)


@pytest.mark.parametrize("k", [1, 3, 12, None])
@pytest.mark.parametrize("rank", ["magnitude", "positive"])
def test_layer_1_returns_the_filters_exactly(xp, k, rank):
    model = random_dbn(xp)
    np.testing.assert_array_equal(combine(model, "h1", k=k, rank=rank), to_numpy(model.rbms[0].W).T)


def test_all_of_two_layers_is_the_column_of_the_product(xp):
    model = random_dbn(xp)
    W1, W2, _ = weights(model)
    np.testing.assert_allclose(combine(model, "h2", k=None), (W1 @ W2).T, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(combine(model, "h2", k=9), (W1 @ W2).T, rtol=1e-4, atol=1e-5)


def test_all_of_three_layers_is_the_column_of_the_product(xp):
    model = random_dbn(xp)
    W1, W2, W3 = weights(model)
    np.testing.assert_allclose(combine(model, "h3", k=None), (W1 @ W2 @ W3).T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("rank", ["magnitude", "positive"])
def test_k_of_one_is_the_strongest_filter_times_its_weight(xp, rank):
    model = random_dbn(xp)
    W1, W2, _ = weights(model)
    strongest = (np.abs(W2) if rank == "magnitude" else W2).argmax(axis=0)
    expected = np.array([W2[i, j] * W1[:, i] for j, i in enumerate(strongest)])
    np.testing.assert_allclose(combine(model, "h2", k=1, rank=rank), expected, rtol=1e-5)
    assert rank == "positive" or (W2[strongest, range(7)] < 0).any()  # a negative weight keeps its sign


@pytest.mark.parametrize("rank", ["magnitude", "positive"])
@pytest.mark.parametrize("k", [1, 2, 4, 7])
@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_equals_a_loop_over_sorted_weights(xp, layer, k, rank):
    model = random_dbn(xp)
    expected = by_hand(weights(model)[: int(layer[1])], k, rank)
    np.testing.assert_allclose(combine(model, layer, k=k, rank=rank), expected, rtol=1e-4, atol=1e-4)


def test_the_ranks_differ_and_positive_leaves_negative_weights_out():
    model = random_dbn()
    model.rbms[1].W[:] = np.abs(model.rbms[1].W)
    np.testing.assert_array_equal(combine(model, "h2", k=4), combine(model, "h2", k=4, rank="positive"))
    model.rbms[1].W[:, 0] *= -1
    assert np.isnan(combine(model, "h2", k=4, rank="positive")[0]).all()  # nothing to draw, so no grey
    assert (combine(model, "h2", k=4)[0] != 0).all()


def test_of_equal_weights_no_more_than_k_are_kept(xp):
    """k filters are summed, however many weights tie for the last place."""
    W1 = np.eye(4, dtype="float32")
    W2 = np.array([[2.0], [1.0], [1.0], [1.0]], dtype="float32")
    zeros = [np.zeros(n, dtype="float32") for n in (4, 1)]
    rbms = [RBM(*(move(x, xp) for x in (W, zeros[0], b))) for W, b in ((W1, zeros[0]), (W2, zeros[1]))]
    out = FilterCombination(k=2)(DBN(rbms, (4,), input_norm=1.0), ["h2:0"]).images.ravel()
    assert np.count_nonzero(out) == 2
    assert sorted(out) == [0, 0, 1, 2]


def test_the_model_is_left_as_it_is(xp):
    model = random_dbn(xp)
    before = weights(model)
    combine(model, "h3", k=2)
    for W, old in zip(weights(model), before, strict=True):
        np.testing.assert_array_equal(W, old)


def test_biases_do_not_matter(xp):
    model = random_dbn(xp)
    before = combine(model, "h3", k=3)
    for rbm in model.rbms:
        rbm.vbias += 3
        rbm.hbias -= 2
    np.testing.assert_array_equal(combine(model, "h3", k=3), before)


@pytest.mark.parametrize("layer", list(N_UNITS))
def test_gives_the_planted_pattern_and_the_links_that_were_planted(xp, layer):
    net = planted(xp)
    units = [Unit(layer, i) for i in range(N_UNITS[layer])]
    out = FilterCombination(k=3)(net.model, units).images[:, 0]
    inside, outside = (
        np.array([x[p == value] for x, p in zip(out, net.patterns[layer], strict=True)]) for value in (1, 0)
    )
    assert inside.min() > 3 * np.abs(outside).max()


@pytest.mark.parametrize(("layer", "k"), [("h2", 0), ("h2", 10), ("h3", 8), ("h2", -1)])
def test_refuses_a_k_outside_the_layer_and_names_it(layer, k):
    size, inputs = {"h2": (9, "h2"), "h3": (7, "h3")}[layer]
    with pytest.raises(ValueError, match=rf"k must lie between 1 and {size}, the inputs of {inputs}; got {k}"):
        combine(random_dbn(), layer, k=k)
