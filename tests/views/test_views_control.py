"""dbnvis.views.control: which weights are randomized, similarities against scipy, and a view that depends on them."""

import numpy as np
import pytest
from scipy.ndimage import uniform_filter
from scipy.stats import spearmanr
from unrolled import images, small_net

from dbnvis.backend import make_rng, move, to_numpy
from dbnvis.views import MEASURES, gradients, randomized
from dbnvis.views.control import rank_correlation, structural_similarity


def params(model):
    return {name: to_numpy(x).copy() for name, x in model.network.params().items()}


def test_layers_are_randomized_one_after_the_other_from_the_top(xp):
    model = small_net(xp)
    original = params(model)
    stages = [(layer, params(each)) for layer, each in randomized(model, rng=make_rng(xp, 0))]
    assert [layer for layer, _ in stages] == ["output", "dense1", "conv2", "conv1"]
    before = original
    for layer, found in stages:
        for name, x in found.items():
            if name.startswith(f"{layer}.pre."):
                assert abs(x - original[name]).min() > 0 and x.dtype == original[name].dtype
            else:
                np.testing.assert_array_equal(x, before[name])
        before = found
    assert all(np.array_equal(x, original[name]) for name, x in params(model).items())


def test_new_weights_have_the_mean_square_of_the_old_and_no_mean():
    model = small_net()
    dense = model.network.layers["dense1.pre"]
    dense.W[...] = np.random.default_rng(0).normal(-3.0, 0.5, dense.W.shape)
    drawn = np.stack([params(each)["dense1.pre.W"] for seed in range(40) for _, each in _until(model, "dense1", seed)])
    error = np.sqrt((dense.W**2).mean() / drawn.size)
    assert abs(drawn.mean()) < 4 * error
    assert (drawn**2).mean() == pytest.approx((dense.W**2).mean(), rel=4 * np.sqrt(2 / drawn.size))


def _until(model, layer, seed):
    return [pair for pair in randomized(model, rng=np.random.default_rng(seed)) if pair[0] == layer]


def test_rank_correlation_is_scipys(xp):
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (2, 5, 6, 7)).astype(float)  # many ties
    b[1], b[2] = a[1] ** 3, -a[2]
    found = to_numpy(rank_correlation(move(a, xp), move(b, xp)))
    expected = [spearmanr(x.ravel(), y.ravel()).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found[1:3], [1, -1], atol=1e-12)


def test_a_constant_map_correlates_with_nothing():
    x = np.random.default_rng(0).random((1, 5, 5))
    assert rank_correlation(np.ones((1, 5, 5)), x)[0] == 0


def test_structural_similarity_by_a_box_filter(xp):
    """Wang et al. (2004), equation 13, windows of 7 x 7 that lie within the map."""
    a, b = np.random.default_rng(0).standard_normal((2, 3, 12, 10))
    found = to_numpy(structural_similarity(move(a, xp), move(b, xp)))
    for x, y, value in zip(a, b, found, strict=True):
        x, y = x / np.abs(x).max(), y / np.abs(y).max()
        mean = lambda z: uniform_filter(z, 7)[3:-3, 3:-3]  # noqa: E731
        mx, my = mean(x), mean(y)
        vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
        c1, c2 = 0.02**2, 0.06**2
        index = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
        assert value == pytest.approx(index.mean(), abs=1e-10)


@pytest.mark.parametrize("measure", list(MEASURES))
def test_a_map_is_like_itself_at_any_scale(measure):
    x = np.random.default_rng(0).standard_normal((4, 9, 9))
    np.testing.assert_allclose(MEASURES[measure](x, 5 * x), 1)
    assert np.abs(MEASURES[measure](x, x[::-1])).max() < 0.5


def test_signs_left_out_opposite_maps_are_alike():
    x = np.random.default_rng(0).standard_normal((2, 9, 9))
    assert MEASURES["rank correlation of |map|"](x, -x) == pytest.approx([1, 1])
    assert MEASURES["rank correlation"](x, -x) == pytest.approx([-1, -1])
    assert MEASURES["size of the rank correlation"](x, -x) == pytest.approx([1, 1])


def test_the_control_tells_what_depends_on_the_weights_from_what_the_image_dictates():
    model, batch = small_net(), images(10)
    batch = batch * (batch > 0.8)  # four pixels in five are 0
    original = gradients(model, batch, ["output:0"] * 10)
    *_, (_, last) = randomized(model, rng=np.random.default_rng(0))
    found = gradients(last, batch, ["output:0"] * 10)
    assert abs(rank_correlation(original, found).mean()) < 0.2
    like = MEASURES["rank correlation of |map|"]
    assert like(original, found).mean() < 0.5 < 0.8 < like(batch * original, batch * found).mean()
