"""Mean of the top images against sorting by hand."""

import numpy as np
import pytest

from dbnvis import DBN, RBM, TopImages, Unit
from dbnvis.backend import move, to_numpy
from dbnvis.visualize.top_images import _highest


def random_dbn(xp=np, seed=0, hbias=0.0):
    rng = np.random.default_rng(seed)
    rbms = []
    for n, m in ((12, 8), (8, 5)):
        W = rng.standard_normal((n, m))
        rbms.append(RBM(*(move(x.astype("float32"), xp) for x in (W, np.zeros(n), np.full(m, hbias)))))
    return DBN(rbms, (3, 4), input_norm=2.0)


def some_images(n=60, seed=1):
    return np.random.default_rng(seed).random((n, 3, 4)).astype("float32")


def top(model, layer, images, **settings):
    units = [Unit(layer, i) for i in range(model.layer_shape(layer)[0])]
    return TopImages(**settings)(model, units, images=images)


def pre_by_hand(model, layer, images):
    x = images.reshape(len(images), -1).astype(np.float64)
    for rbm in model.rbms[: int(layer[1])]:
        pre = x @ to_numpy(rbm.W).astype(np.float64) + to_numpy(rbm.hbias)
        x = 1 / (1 + np.exp(-pre))
    return pre


@pytest.mark.parametrize("layer", ["h1", "h2"])
@pytest.mark.parametrize("k", [1, 4, 60])
def test_returns_the_images_of_highest_pre_activation_best_first_and_their_mean(xp, layer, k):
    model, images = random_dbn(xp), some_images()
    out = top(model, layer, move(images, xp), k=k)
    pre = pre_by_hand(model, layer, images)
    for j in range(len(out.units)):
        rows = sorted(range(60), key=lambda i: -pre[i, j])[:k]
        np.testing.assert_array_equal(out.extras["rows"][j], rows)
        np.testing.assert_array_equal(out.images[j, 1:], images[rows])
        np.testing.assert_allclose(out.images[j, 0], images[rows].mean(axis=0), rtol=1e-5)
    assert out.images.shape == (len(out.units), k + 1, 3, 4)


def test_ranks_by_pre_activation_where_probabilities_saturate(xp):
    """With pre-activations around 100 every probability is 1 in float32: ranked by it, the first images would win."""
    model, images = random_dbn(xp, hbias=100.0), some_images()
    pre = pre_by_hand(model, "h1", images)
    assert (1 / (1 + np.exp(-pre.astype("float32"))) == 1).all()
    rows = top(model, "h1", move(images, xp), k=5).extras["rows"]
    np.testing.assert_array_equal(rows, np.argsort(-pre, axis=0)[:5].T)


def test_images_are_ranked_as_they_are_not_at_equal_norm(xp):
    """A faint copy of an image has a lower pre-activation, although at equal norm the two are the same."""
    model, images = random_dbn(xp), some_images(20)
    both = np.concatenate([0.25 * images, images])
    rows = top(model, "h1", move(both, xp), k=1).extras["rows"][:, 0]
    pre = pre_by_hand(model, "h1", both)
    np.testing.assert_array_equal(rows, pre.argmax(axis=0))
    assert (rows >= 20).any()


def test_equal_responses_keep_the_order_of_the_data(xp):
    images = np.repeat(some_images(3), 4, axis=0)  # each image four times
    rows = top(random_dbn(xp), "h2", move(images, xp), k=12).extras["rows"]
    for row in rows.reshape(-1, 3, 4):
        assert (np.diff(row, axis=1) == 1).all()


def test_many_images_are_ranked_as_few(xp):
    """More images than one batch of the pass up."""
    model, images = random_dbn(xp), some_images(7001)
    rows = top(model, "h2", move(images, xp), k=3).extras["rows"]
    np.testing.assert_array_equal(rows[:, 0], pre_by_hand(model, "h2", images).argmax(axis=0))
    assert rows.max() >= 5000


def test_needs_images():
    with pytest.raises(ValueError, match="TopImages needs training images; pass images="):
        TopImages()(random_dbn(), ["h1:0"])


@pytest.mark.parametrize("k", [0, 61, -1])
def test_refuses_more_images_than_there_are_or_none(k):
    with pytest.raises(ValueError, match=rf"k must lie between 1 and the 60 images, got {k}"):
        top(random_dbn(), "h1", some_images(), k=k)


@pytest.mark.parametrize("k", [1, 3, 6, 7])
def test_the_highest_are_those_of_a_stable_sort(xp, k):
    nan, inf = float("nan"), float("inf")
    for values in ([1, 3, 3, 2, 3, 1, 3], [0] * 7, [nan, 1, 2, nan, 2, inf, -inf], [nan] * 7):
        x = np.array(values, dtype=np.float32)
        found = to_numpy(_highest(xp.asarray(x), k))
        np.testing.assert_array_equal(found, np.argsort(-x, kind="stable")[:k])
