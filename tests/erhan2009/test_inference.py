"""Tests whose unit is the network: exact in small cases, and at their level in simulations."""

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from dbnvis.backend import move
from dbnvis.erhan2009.inference import energy_distance, holm, networks_test, p_above_networks


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# --- Holm


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
    assert holm([1 / 126] * 6) == pytest.approx([6 / 126] * 6)


def test_holm_keeps_the_level_of_a_whole_family():
    rng = np.random.default_rng(0)
    false = sum(min(holm(list(p))) <= 0.05 for p in rng.random((2000, 12)))
    assert stats.binomtest(false, 2000, 0.05, alternative="greater").pvalue > 0.01
    assert false / 2000 > 0.03


# --- a value beside networks


def test_one_more_network_of_the_same_kind_is_above_at_the_level():
    draws = 3 + 0.7 * normal(4000, 6)
    p = [p_above_networks(row[0], row[1:]) for row in draws]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_a_value_above_networks_by_hand():
    others = [1.0, 2.0, 3.0]
    t = (5 - 2) / (1.0 * np.sqrt(4 / 3))
    assert p_above_networks(5.0, others) == pytest.approx(stats.t.sf(t, 2))
    assert p_above_networks(5.0, others, error=3.0) == pytest.approx(stats.t.sf(t / 3, 2))
    assert p_above_networks(1.0, [1.0] * 5) == 1.0 and p_above_networks(1.5, [1.0] * 5) == 0.0
    assert p_above_networks(1.0, [1.0] * 5, error=0.01) == pytest.approx(0.5)  # shares of 1 prove nothing
    with pytest.raises(ValueError, match="at least two"):
        p_above_networks(1.0, [1.0])


# --- energy distances


def test_the_energy_distance_is_that_of_its_pairs(xp):
    a, b = normal(9, 3), 0.5 + 2 * normal(7, 3, seed=1)
    between = np.mean([np.linalg.norm(x - y) for x in a for y in b])
    within = [np.mean([np.linalg.norm(x - y) for x, y in combinations(z, 2)]) for z in (a, b)]
    found = energy_distance(xp.asarray(a), xp.asarray(b))
    assert found == pytest.approx((2 * between - sum(within)) / (2 * between))
    single = energy_distance(move(a.astype("float32") + 1e4, xp), move(b.astype("float32") + 1e4, xp))
    assert single == pytest.approx(found, abs=1e-2)
    with pytest.raises(ValueError, match=r"\(9, 3\) and \(9, 2\)"):
        energy_distance(a, a[:, :2])


def test_the_energy_distance_of_one_distribution_is_zero_on_average():
    distances = [energy_distance(normal(20, 5, seed=i), normal(30, 5, seed=1000 + i)) for i in range(300)]
    assert abs(np.mean(distances)) < 3 * np.std(distances) / np.sqrt(300)
    assert energy_distance(np.zeros((3, 2)), np.zeros((3, 2))) == 0.0


# --- networks


def networks(rng, n, shift=0.0, units=12, between=1.0):
    """Sets of units, one for each of `n` networks, which differ from network to network as seeds do."""
    return [shift + between * rng.standard_normal(4) + rng.standard_normal((units, 4)) for _ in range(n)]


def distances(sets):
    d = np.zeros((len(sets), len(sets)))
    for i, j in combinations(range(len(sets)), 2):
        d[i, j] = d[j, i] = energy_distance(sets[i], sets[j])
    return d


def test_the_test_of_networks_counts_all_divisions():
    d = np.ones((4, 4)) - np.eye(4)
    d[:2, 2:] = d[2:, :2] = 3.0
    found = networks_test(d, 2)
    assert (found.between, found.low, found.high, found.first, found.second) == (3, 3, 3, 1, 1)
    assert found.p_value == pytest.approx(1 / 3)  # of the three divisions of four into two pairs
    assert networks_test(np.ones((10, 10)), 5).p_value == 1
    assert networks_test(d - 2.0, 2).p_value == pytest.approx(1 / 3)  # unbiased distances may be negative
    assert networks_test(d - 5.0, 2).p_value == 1  # no two networks of different recipes are apart
    d[0, 1] = d[1, 0] = 3.5
    found = networks_test(d, 2)
    assert (found.first, found.second, found.p_value) == (3.5, 1, 1)  # networks of the first differ as much
    with pytest.raises(ValueError, match="at least two networks, got 1 and 3"):
        networks_test(d, 1)


def test_networks_of_one_recipe_differ_at_the_level():
    """They differ from each other as seeds do, by far more than units of one network would say."""
    rng = np.random.default_rng(0)
    p = [networks_test(distances(networks(rng, 10)), 5).p_value for _ in range(300)]
    rejected = sum(x <= 0.05 for x in p)
    assert stats.binomtest(rejected, 300, 0.05, alternative="greater").pvalue > 0.01


def test_networks_of_two_recipes_are_told_apart():
    rng = np.random.default_rng(1)
    found = [networks_test(distances([*networks(rng, 5), *networks(rng, 5, 5.0)]), 5) for _ in range(20)]
    assert np.mean([test.p_value == pytest.approx(1 / 126) for test in found]) > 0.9
    assert all(test.between > max(test.first, test.second) for test in found)
