"""Predictiveness against scipy, and where the answer is known: a linear unit, a shuffled picture, a planted noise."""

import numpy as np
import pytest
from scipy import stats
from small_models import convnet, random_dbn

from dbnvis.backend import to_numpy
from dbnvis.evaluate.predictiveness import (
    ORDINARY,
    STRONG,
    best_of,
    ceiling,
    cosine,
    predictiveness,
    product,
    rank_interval,
    unit_predictiveness,
)
from dbnvis.evaluate.scores import Responses, pre_activations, spread
from dbnvis.models.protocol import pixels_seen
from dbnvis.models.units import central_units


def host(x):
    return to_numpy(x)


@pytest.fixture
def planted():
    rng = np.random.default_rng(0)
    return rng.random((600, 30)), rng.standard_normal((5, 30))


def test_both_measures_are_scipys(xp):
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 40, (200, 3)).astype(float), rng.standard_normal((200, 3))
    found = predictiveness(xp.asarray(a), xp.asarray(b))
    for u in range(3):
        assert host(found.rank)[u] == pytest.approx(stats.spearmanr(a[:, u], b[:, u]).statistic, abs=1e-12)
        order = np.argsort(b[:, u])
        strong = order[-int(STRONG * 200) :]
        ordinary = order[int(np.ceil(ORDINARY[0] * 199)) : int(ORDINARY[1] * 199) + 1]
        u_value = stats.mannwhitneyu(a[strong, u], a[ordinary, u]).statistic
        assert host(found.choice)[u] == pytest.approx(u_value / (len(strong) * len(ordinary)), abs=1e-12)


def test_likeness_is_the_correlation_over_pixels(xp):
    rng = np.random.default_rng(2)
    pictures, images = rng.standard_normal((3, 16)), rng.random((4, 16))
    images[2] = 0.3  # one grey
    wanted = np.nan_to_num(np.corrcoef(images, pictures)[:4, 4:])
    np.testing.assert_allclose(host(cosine(xp.asarray(pictures), xp.asarray(images))), wanted, atol=1e-12)


def test_a_linear_units_own_weights_predict_it_and_are_the_ceiling(planted):
    images, W = planted
    responses = images @ W.T
    assert (predictiveness(product(W, images), responses).rank > 1 - 1e-12).all()
    assert (predictiveness(product(W, images), responses).choice == 1).all()
    best = ceiling(images[:400], responses[:400], images[400:500], responses[400:500])
    reached = predictiveness(product(best, images[500:]), responses[500:])
    assert (reached.rank > 0.9999).all()
    cosines = (best * W).sum(axis=1) / np.linalg.norm(best, axis=1) / np.linalg.norm(W, axis=1)
    assert (cosines > 0.9999).all()


def test_the_ceiling_of_noisy_responses_is_not_the_noise(planted):
    """With pure noise nothing can be predicted; with half noise the ceiling is near the correlation that is there."""
    images, W = planted
    rng = np.random.default_rng(3)
    signal = stats.zscore(images @ W.T, axis=0)
    responses = signal + rng.standard_normal(signal.shape)
    best = ceiling(images[:300], responses[:300], images[300:400], responses[300:400])
    reached = predictiveness(product(best, images[400:]), responses[400:]).rank
    possible = predictiveness(signal[400:], responses[400:]).rank
    assert (reached > possible - 0.12).all() and (reached < possible + 0.12).all()
    nothing = rng.standard_normal(signal.shape)
    best = ceiling(images[:300], nothing[:300], images[300:400], nothing[300:400])
    assert abs(predictiveness(product(best, images[400:]), nothing[400:]).rank).mean() < 0.12


def test_a_shuffled_picture_and_another_units_are_at_the_floor():
    rng = np.random.default_rng(4)
    images, W = rng.random((2000, 64)), rng.standard_normal((40, 64))
    responses = images @ W.T
    shuffled = rng.permuted(W, axis=1)
    for pictures in (shuffled, np.roll(W, 1, axis=0)):
        found = predictiveness(cosine(pictures, images), responses)
        assert abs(found.rank.mean()) < 0.08 and abs(found.choice.mean() - 0.5) < 0.05
    own = predictiveness(cosine(W, images), responses)
    assert own.rank.min() > 0.9


def test_a_unit_of_two_features_is_predicted_best_by_the_nearer_of_two_pictures():
    """A unit that answers to either of two patterns: each alone predicts half, the nearer of the two all."""
    rng = np.random.default_rng(5)
    a, b = np.eye(12)[:2]
    images = rng.random((3000, 12))
    images -= images.mean(axis=1, keepdims=True)
    responses = np.maximum(images @ a, images @ b)[:, None]
    alone = predictiveness(product(a[None], images), responses).rank[0]
    both = predictiveness(best_of([product(a[None], images), product(b[None], images)]), responses).rank[0]
    assert both > 1 - 1e-12 and alone < 0.85


def test_intervals_over_images_cover_the_truth():
    """Normal pairs of correlation 0.6, whose rank correlation is known: 95 % nominal, 93 to 97 % seen."""
    rng, r, n = np.random.default_rng(6), 0.6, 300
    truth = 6 / np.pi * np.arcsin(r / 2)
    covered = 0
    x = rng.standard_normal((n, 1000))
    y = r * x + np.sqrt(1 - r * r) * rng.standard_normal((n, 1000))
    for rank in predictiveness(x, y).rank:
        estimate = rank_interval(float(rank), n)
        covered += estimate.low <= truth <= estimate.high
    assert 930 <= covered <= 970


def test_nothing_that_varies_says_nothing():
    flat, varied = np.zeros((50, 1)), np.arange(50.0)[:, None]
    assert predictiveness(flat, varied).rank == 0 and predictiveness(flat, varied).choice == 0.5
    assert predictiveness(varied, flat).rank == 0 and predictiveness(varied, flat).choice == 0.5


def test_what_cannot_be_compared_is_refused():
    x = np.random.default_rng(0).random((30, 2))
    with pytest.raises(ValueError, match="20 images"):
        predictiveness(x[:10], x[:10])
    with pytest.raises(ValueError, match="same units"):
        predictiveness(x, x[:, :1])
    with pytest.raises(ValueError, match="cannot be drawn"):
        predictiveness(np.full((30, 2), np.nan), x)
    with pytest.raises(ValueError, match="20 images"):
        rank_interval(0.5, 10)


def test_pictures_of_units_are_tested_by_the_units_responses(xp):
    """Each picture by its own unit, as the two parts do it; a picture that is not there has no number."""
    rng, model = np.random.default_rng(7), random_dbn(xp)
    pictures, images = rng.standard_normal((3, 4, 4, 5)), rng.random((60, 4, 5))
    pictures[1, 2, 3, 1] = np.nan
    found = unit_predictiveness(Responses.of(model, xp.asarray(images)), "h2", [4, 0, 6], pictures)
    responses = host(pre_activations(model, "h2", xp.asarray(images)))
    for u, number in enumerate([4, 0, 6]):
        for s in range(4):
            if (u, s) == (1, 2):
                assert np.isnan(host(found.rank)[u, s]) and np.isnan(host(found.choice)[u, s])
                continue
            alone = predictiveness(
                cosine(pictures[u, s : s + 1].reshape(1, -1), images.reshape(60, -1)), responses[:, number : number + 1]
            )
            assert host(found.rank)[u, s] == pytest.approx(float(alone.rank[0]), abs=1e-6)
            assert host(found.choice)[u, s] == pytest.approx(float(alone.choice[0]), abs=1e-6)


def test_pixels_that_a_channel_does_not_see_change_nothing():
    model, rng = convnet(), np.random.default_rng(8)
    (*_, rows, columns), _ = pixels_seen(model, "conv1", central_units(model.layer_shape("conv1"))[0])
    numbers = central_units(model.layer_shape("conv1"))[:2]
    pictures, images = rng.standard_normal((2, 1, 12, 12)), rng.random((50, 12, 12))
    responses = Responses.of(model, images)
    own = unit_predictiveness(responses, "conv1", numbers, pictures).rank
    kept = pictures[..., rows, columns].copy()
    pictures[...] = rng.standard_normal(pictures.shape)
    pictures[..., rows, columns] = kept
    assert (unit_predictiveness(responses, "conv1", numbers, pictures).rank == own).all()
    kernels = model.network.layers["conv1.pre"].W[:2, 0]
    pictures[:, 0, rows, columns] = kernels
    assert (unit_predictiveness(responses, "conv1", numbers, pictures).rank > 0.5).all()


def test_without_images_nothing_is_predicted():
    with pytest.raises(ValueError, match="have no images"):
        unit_predictiveness(Responses({}), "h1", [0], np.zeros((1, 1, 4, 5)))


def test_images_are_spread_over_all(xp):
    x = xp.asarray(np.arange(10.0)[:, None])
    assert host(spread(x, 4))[:, 0].tolist() == [0, 3, 6, 9] and host(spread(x, 20)).tolist() == host(x).tolist()
    many = host(spread(xp.asarray(np.arange(10_000)), 4_000))
    assert len(set(many.tolist())) == 4_000 and abs((many >= 5_000).sum() - 2_000) <= 1


def test_a_unit_is_tested_on_images_from_the_end_as_well():
    """Images that are alike at the beginning, as patches of one photograph: these alone would say nothing."""
    rng, model = np.random.default_rng(9), random_dbn()
    images = rng.random((5_000, 4, 5))
    images[:4_500] = images[0]
    found = unit_predictiveness(Responses.of(model, images), "h1", [0], rng.standard_normal((1, 1, 4, 5)))
    assert found.rank[0, 0] != 0
