"""dbnvis.views.embedding: clusters stay apart, units by what they respond to, perplexities too large."""

import numpy as np
import pytest
from sklearn.manifold import TSNE
from unrolled import images, pres, small_net

from dbnvis.backend import move, to_numpy
from dbnvis.views import codes, responses_of_units, tsne


def clusters(dimensions, n=20, k=3):
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(k), n)
    return 10 * rng.standard_normal((k, dimensions))[labels] + 0.1 * rng.standard_normal((k * n, dimensions)), labels


@pytest.mark.parametrize("dimensions", [5, 80])
def test_nearest_neighbours_are_of_the_same_cluster(xp, dimensions):
    x, labels = clusters(dimensions)
    xy = tsne(move(x, xp), perplexity=5, seed=0)
    assert isinstance(xy, np.ndarray) and xy.shape == (60, 2)
    distances = np.linalg.norm(xy[:, None] - xy, axis=2) + 1e9 * np.eye(60)
    np.testing.assert_array_equal(labels[distances.argmin(axis=1)], labels)


def test_it_is_scikit_learns_and_seeded():
    x, _ = clusters(5)
    theirs = TSNE(perplexity=5, init="pca", learning_rate="auto", random_state=3).fit_transform(x)
    np.testing.assert_array_equal(tsne(x, perplexity=5, seed=3), theirs)
    x, _ = clusters(80)
    np.testing.assert_array_equal(*(tsne(x, perplexity=5, seed=0) for _ in range(2)))


@pytest.mark.parametrize("perplexity", [7, 30, 0.5, float("nan")])
def test_refuses_a_perplexity_that_the_sample_does_not_carry(perplexity):
    x, _ = clusters(5, n=7)  # 21 points: at most 20 / 3
    with pytest.raises(
        ValueError, match=r"must lie between 1 and 6.67, a third of the other 20 points; got .*: lower it"
    ):
        tsne(x, perplexity=perplexity, seed=0)


def test_refuses_codes_that_are_not_finite():
    x, _ = clusters(5)
    x[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        tsne(x, perplexity=5, seed=0)


def test_codes_are_rows_of_activations(xp):
    model, batch = small_net(xp), images(5)
    for layer in ("pool1", "conv2", "dense1"):
        expected = pres(model, layer, batch).reshape(5, -1)
        np.testing.assert_allclose(to_numpy(codes(model, move(batch, xp), layer)), expected, atol=1e-12)
    np.testing.assert_array_equal(to_numpy(codes(model, move(batch, xp), "input")), batch.reshape(5, -1))


def test_units_are_compared_by_standardized_peaks(xp):
    model, batch = small_net(xp), images(40)
    for layer, more in (("conv2", 10), ("dense1", 1000)):
        model.network.layers[f"{layer}.pre"].bias[...] += more  # every unit is excited
    model.network.layers["conv2.pre"].W[1] = 0.0  # the same for every image
    units, rows = responses_of_units(model, move(batch, xp), ["conv2", "dense1"])
    assert units == [("conv2", 0), ("conv2", 2), ("conv2", 3), *(("dense1", i) for i in range(6))]
    for (layer, index), row in zip(units, to_numpy(rows), strict=True):
        peaks = pres(model, f"{layer}.pre", batch)[:, index].reshape(40, -1).max(axis=1)
        np.testing.assert_allclose(row, (peaks - peaks.mean()) / peaks.std(), atol=1e-9)


def test_units_that_no_image_excites_are_left_out(xp):
    model, batch = small_net(xp), images(40)
    dense = model.network.layers["dense1.pre"]
    dense.bias[:] = 0
    highest = pres(model, "dense1.pre", batch).max(axis=0)
    above = np.array([-1e-6, -1.0, 0.01, -1e-6, -0.1, 0.01])  # of the peak over all images
    dense.bias[...] = move(above - highest, xp)
    units, rows = responses_of_units(model, move(batch, xp), ["dense1"])
    assert units == [("dense1", 2), ("dense1", 5)] and rows.shape == (2, 40)
