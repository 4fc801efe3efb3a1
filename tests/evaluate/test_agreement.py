"""dbnvis.evaluate.agreement, complexity and resampling on pictures whose answers are known."""

import numpy as np
import pytest
from counts import host
from scipy import stats

from dbnvis import DBN
from dbnvis.backend import make_rng
from dbnvis.evaluate.agreement import agreement, cosines, optima, own_rank, shuffled
from dbnvis.evaluate.complexity import extent, log_spectrum, novelty, spectral_entropy
from dbnvis.evaluate.resampling import bootstrap, share
from dbnvis.models.mlp import classifier


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# --- agreement of methods


def test_identical_pictures_agree_fully_whatever_their_units_share(xp):
    a = normal(60, 50) + 100 * normal(50, seed=1)
    found = agreement(xp.asarray(a), xp.asarray(3 * a + 7 * normal(50, seed=2)))
    np.testing.assert_allclose(host(found.own), 1)
    np.testing.assert_array_equal(host(found.rank), 1)
    assert np.abs(host(found.others)).max() < 0.05


def test_pictures_of_shuffled_units_agree_as_much_as_those_of_other_units(xp):
    n = 400
    a = normal(n, 30)
    order = np.roll(np.random.default_rng(1).permutation(n), 1)
    found = agreement(xp.asarray(a), xp.asarray(a[order]))
    moved = order != np.arange(n)
    own, rank = host(found.own)[moved], host(found.rank)[moved]
    assert abs(own.mean() - host(found.others).mean()) < 4 * own.std() / np.sqrt(len(own))
    assert stats.kstest(rank / n, "uniform").pvalue > 0.01


def test_the_rank_counts_the_units_that_are_more_alike(xp):
    similarity = np.array([[0.5, 0.9, 0.1], [0.2, 0.2, 0.2], [0.9, 0.8, 0.1]])
    np.testing.assert_array_equal(host(own_rank(xp.asarray(similarity))), [2, 1, 3])


def test_cosines_against_a_loop(xp):
    a, b = normal(4, 6), normal(4, 6, seed=1)
    got = host(cosines(xp.asarray(a), xp.asarray(b)))
    for i in range(4):
        for j in range(4):
            x, y = a[i] - a.mean(axis=0), b[j] - b.mean(axis=0)
            assert got[i, j] == pytest.approx(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))


def test_agreement_needs_another_unit(xp):
    with pytest.raises(ValueError, match="at least two units, got 1"):
        agreement(xp.asarray(normal(1, 4)), xp.asarray(normal(1, 4)))


# --- optima


def test_planted_optima_are_counted(xp):
    one, two, three = np.eye(20)[:3]
    link = (one + two) / np.sqrt(2)  # cosine 0.71 with both, which have 0
    rows = {
        "one": [one] * 6,
        "one, other lengths": [one * k for k in range(1, 7)],
        "two": [one, two, one, two, two, one],
        "three": [one, two, three, three, three, three],
        "opposite": [one, -one, -one, one, one, one],
        "a chain": [one, link, two, one, two, two],
        "each its own": list(np.eye(20)[:6]),
    }
    images = np.array(list(rows.values())) + 1e-3 * normal(len(rows), 6, 20)
    scores = np.ones((len(rows), 6))
    found = optima(xp.asarray(images), xp.asarray(scores), 0.7)
    assert dict(zip(rows, host(found.count).tolist(), strict=True)) == {
        "one": 1,
        "one, other lengths": 1,
        "two": 2,
        "three": 3,
        "opposite": 2,
        "a chain": 1,
        "each its own": 6,
    }
    strict = host(optima(xp.asarray(images), xp.asarray(scores), 0.75).count)
    assert strict[list(rows).index("a chain")] == 3


def test_a_long_chain_of_links_is_one_group(xp):
    angles = 0.3 * np.arange(9)
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)[np.random.default_rng(0).permutation(9)]
    assert host(optima(xp.asarray(chain[None]), xp.asarray(np.ones((1, 9))), np.cos(0.31)).count) == [1]


def test_cosine_and_spread_of_starts(xp):
    images, scores = normal(3, 5, 8), 3 + normal(3, 5, seed=1)
    found = optima(xp.asarray(images), xp.asarray(scores), 0.8)
    for u in range(3):
        unit = images[u] / np.linalg.norm(images[u], axis=1)[:, None]
        pairs = [unit[i] @ unit[j] for i in range(5) for j in range(i)]
        assert host(found.cosine)[u] == pytest.approx(np.median(pairs))
        assert host(found.spread)[u] == pytest.approx(np.std(scores[u]) / abs(np.mean(scores[u])))
    with pytest.raises(ValueError, match="at least two starts, got 1"):
        optima(xp.asarray(images[:, :1]), xp.asarray(scores[:, :1]), 0.8)


# --- random weights


def test_shuffling_keeps_every_layers_weights_and_biases_and_no_weight_vector(xp):
    dbn = DBN.random((30, 20, 10), (5, 6), rng=make_rng(xp, 0))
    before = [host(rbm.W) for rbm in dbn.rbms]
    mlp = classifier(dbn, 10, rng=make_rng(xp, 1))
    for model, weights in (
        (dbn, lambda m: [rbm.W for rbm in m.rbms]),
        (mlp, lambda m: [x for name, x in m.network.params().items() if name.endswith("W")]),
    ):
        null = shuffled(model, rng=make_rng(xp, 2))
        assert null.layer_names == model.layer_names and null.sizes == model.sizes
        for a, b in zip(weights(model), weights(null), strict=True):
            a, b = host(a), host(b)
            np.testing.assert_array_equal(np.sort(a, axis=None), np.sort(b, axis=None))
            assert np.mean(a == b) < 0.1
    np.testing.assert_array_equal(before[0], host(dbn.rbms[0].W))
    dbn.rbms[1].hbias[:] = 3.0
    np.testing.assert_array_equal(host(shuffled(dbn, rng=make_rng(xp, 2)).rbms[1].hbias), 3.0)


# --- complexity


def test_novelty_is_one_minus_the_best_cosine_with_a_filter(xp):
    filters = 5 * np.eye(12)[:4]
    pictures = np.array([-filters[2], filters[0] + filters[1], np.eye(12)[9], filters[3] + 0.1 * np.eye(12)[9]])
    got = host(novelty(xp.asarray(pictures), xp.asarray(filters)))
    np.testing.assert_allclose(got, [0, 1 - 1 / np.sqrt(2), 1, 1 - 5 / np.hypot(5, 0.1)], atol=1e-12)
    without_own = host(novelty(xp.asarray(filters), xp.asarray(filters), range(4)))
    np.testing.assert_allclose(without_own, 1)


def test_extent_is_the_share_of_the_pixels_that_are_on(xp):
    pictures = np.zeros((4, 40))
    for row, n in zip(pictures, (1, 4, 20, 40), strict=True):
        row[:n] = -3.0
    np.testing.assert_allclose(host(extent(xp.asarray(pictures))), [1 / 40, 0.1, 0.5, 1])


def test_spectral_entropy_of_a_wave_and_of_a_point(xp):
    y, x = np.indices((8, 12))
    wave = 5 + np.cos(2 * np.pi * (2 * y / 8 + 3 * x / 12))  # two frequencies, one the other's conjugate
    point = np.zeros((8, 12))
    point[3, 4] = 1
    got = host(spectral_entropy(xp.asarray(np.stack([wave, point]))))
    np.testing.assert_allclose(got, [np.log(2) / np.log(95), 1], atol=1e-9)


def test_the_log_spectrum_sees_neither_place_nor_sign_nor_scale(xp):
    a = normal(3, 9, 9)
    spectra = [host(log_spectrum(xp.asarray(x))) for x in (a, np.roll(a, (2, 5), axis=(1, 2)), -4 * a)]
    np.testing.assert_allclose(spectra[1], spectra[0], atol=1e-9)
    np.testing.assert_allclose(spectra[2], spectra[0], atol=1e-9)
    assert np.abs(spectra[0][0] - spectra[0][1]).max() > 0.1


# --- intervals and tests


def test_the_bootstrap_interval_covers_a_known_mean_as_often_as_it_says(xp):
    rng, draws = make_rng(xp, 0), 2 + 3 * normal(300, 60)
    found = [bootstrap(xp.asarray(x), rng=rng, resamples=400) for x in draws]
    covered = sum(e.low <= 2 <= e.high for e in found)
    assert stats.binomtest(covered, 300, 0.95).pvalue > 0.001
    width = np.mean([e.high - e.low for e in found])
    assert width == pytest.approx(2 * 1.96 * 3 / np.sqrt(60), rel=0.05)
    assert found[0].value == pytest.approx(draws[0].mean())


def test_the_bootstrap_takes_any_statistic_and_refuses_what_is_no_number(xp, rng):
    found = bootstrap(xp.asarray(np.arange(101.0)), rng=rng, statistic=xp.median)
    assert found.value == 50 and found.low < 50 < found.high
    for values in (np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(ValueError, match="NaN"):
            bootstrap(xp.asarray(values), rng=rng)


def test_the_interval_of_a_share_is_wilsons(xp):
    found = share(xp.asarray(np.arange(250) >= 0))
    assert (found.value, found.high) == (1, pytest.approx(1)) and found.low == pytest.approx(
        250 / (250 + 1.96**2), abs=1e-4
    )
    for count in (0, 3, 20):
        wilson = stats.binomtest(count, 40).proportion_ci(0.9, method="wilson")
        found = share(xp.asarray(np.arange(40) < count), level=0.9)
        assert (found.value, found.low, found.high) == pytest.approx((count / 40, *wilson))
    for values in (np.zeros(0, dtype=bool), np.ones(3)):
        with pytest.raises(ValueError, match="truth values"):
            share(xp.asarray(values))


@pytest.mark.parametrize("n", [50, 250])
def test_intervals_cover_what_they_say(n):
    """Of means and medians of a skewed quantity, and of shares, of `n` units: 93 to 97 % of 1,500 simulations."""
    rng = np.random.default_rng(n)
    x, p = rng.standard_gamma(4, (1500, n)), rng.uniform(0.5, 0.98, 1500)
    intervals = {
        "mean": [(bootstrap(row, rng=rng), 4.0) for row in x],
        "median": [(bootstrap(row, rng=rng, statistic=np.median), stats.gamma.median(4)) for row in x],
        "share": [(share(rng.random(n) < q), q) for q in p],
    }
    covered = {name: np.mean([e.low <= truth <= e.high for e, truth in found]) for name, found in intervals.items()}
    assert all(0.93 <= each <= 0.97 for each in covered.values()), covered
