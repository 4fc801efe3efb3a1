"""dbnvis.evaluate.chains and activity: records with known memory, planted modes, enumeration.

Statistical tests have a fixed seed.
"""

import math

import numpy as np
import oracles
import pytest
from counts import host

from dbnvis import RBM, GaussianRBM
from dbnvis.backend import UnitStreams, make_rng, move, to_numpy
from dbnvis.evaluate import activity, chains

Z = 4.5


def ar1(phi, T, C, seed=0):
    """Stationary chains x_t = phi x_(t-1) + noise, (T, C): autocorrelation phi^t, integrated time (1+phi)/(1-phi)."""
    noise = np.random.default_rng(seed).standard_normal((T, C))
    x = np.empty((T, C))
    x[0] = noise[0] / math.sqrt(1 - phi**2)
    for t in range(1, T):
        x[t] = phi * x[t - 1] + noise[t]
    return x


def stuck(C=20, T=100, seed=0):
    """Two modes 10 standard deviations apart; half of the chains sit in each for ever."""
    x = np.random.default_rng(seed).standard_normal((T, C))
    x[:, ::2] += 10
    return x


# --- memory


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_integrated_time_of_an_autoregression_is_the_known_one(xp, phi):
    tau = chains.integrated_time(xp.asarray(ar1(phi, 2000, 60)))
    assert tau == pytest.approx((1 + phi) / (1 - phi), rel=0.08)


def test_independent_draws_count_one_each(xp):
    x = np.random.default_rng(1).standard_normal((800, 50))
    assert chains.integrated_time(xp.asarray(x)) == pytest.approx(1, abs=0.05)
    assert chains.effective_samples(xp.asarray(x)) == pytest.approx(x.size, rel=0.05)


def test_antithetic_chains_are_worth_more_than_independent_draws(xp):
    assert chains.integrated_time(xp.asarray(ar1(-0.5, 800, 50))) == pytest.approx(1 / 3, rel=0.1)


def test_autocorrelation_is_that_of_the_autoregression(xp):
    rho = host(chains.autocorrelation(xp.asarray(ar1(0.8, 800, 100))))
    np.testing.assert_allclose(rho[:15], 0.8 ** np.arange(15), atol=0.03)
    assert rho.shape == (800,)


def test_long_records_and_many_give_the_same_times_lag_by_lag_and_one_by_one(xp, monkeypatch):
    x = move(np.random.default_rng(5).normal(size=(7, 50, 3, 4)).cumsum(axis=1), xp)
    together = to_numpy(chains.integrated_times(x))
    np.testing.assert_allclose(together, [chains.integrated_time(each) for each in x], rtol=1e-12)
    monkeypatch.setattr(chains, "MEMORY", 1)
    np.testing.assert_array_equal(to_numpy(chains.integrated_times(x)), together)
    monkeypatch.setattr(chains, "LONG", 49)
    np.testing.assert_allclose(to_numpy(chains.integrated_times(x)), together, rtol=1e-10)


def test_pooled_numbers_weigh_by_their_variance(xp):
    """Var 4 with rho_1 = 0.9 and var 1 with rho_1 = 0: pooled rho_1 = 0.72."""
    slow = 2 * ar1(0.9, 800, 100) * math.sqrt(1 - 0.81)
    fast = np.random.default_rng(5).standard_normal((800, 100))
    rho = host(chains.autocorrelation(xp.asarray(np.stack([slow, fast], axis=-1))))
    assert rho[1] == pytest.approx(0.72, abs=0.02)


def test_the_effective_number_predicts_the_error_of_the_mean():
    """Over 300 repetitions the mean of a record scatters by its `standard_error`."""
    records = [ar1(0.8, 150, 5, seed) for seed in range(300)]
    predicted = math.sqrt(np.mean([chains.standard_error(x) ** 2 for x in records]))
    assert np.std([x.mean() for x in records]) == pytest.approx(predicted, rel=0.1)


def test_a_record_that_stands_still_has_no_time(xp):
    x = xp.asarray(np.ones((50, 4)))
    assert math.isnan(chains.integrated_time(x)) and math.isnan(chains.scale_reduction(x))
    assert chains.standard_error(x) == 0


# --- chains that do not meet


def test_chains_that_never_switch_are_flagged(xp):
    x = xp.asarray(stuck())
    assert chains.scale_reduction(x) > 4 > chains.MIXED
    assert chains.effective_samples(x) < 40  # twenty chains that each know one mode, of 2,000 draws
    mixed = np.random.default_rng(0).permuted(stuck(), axis=1)  # the same numbers, every chain in both modes
    assert chains.scale_reduction(xp.asarray(mixed)) < 1.05
    assert chains.effective_samples(xp.asarray(mixed)) > 1000


def test_scale_reduction_is_the_ratio_of_variances(xp):
    x = np.random.default_rng(2).standard_normal((40, 5, 3)) + np.arange(5)[:, None]
    within = sum(np.mean([np.var(x[:, c, k]) for c in range(5)]) for k in range(3))
    between = sum(np.var([x[:, c, k].mean() for c in range(5)], ddof=1) for k in range(3))
    assert chains.scale_reduction(xp.asarray(x)) == pytest.approx(math.sqrt(1 + between / within), rel=1e-12)
    assert math.isnan(chains.scale_reduction(xp.asarray(x[:, :1])))


def test_reductions_of_binary_chains_agree_whether_from_states_or_from_means(xp):
    states = (np.random.default_rng(0).random((60, 6, 4)) < 0.3).astype(float)
    means = xp.asarray(states.mean(axis=0)[None])
    expected = chains.scale_reduction(xp.asarray(states))
    assert float(chains.binary_scale_reduction(means)[0]) == pytest.approx(expected, rel=1e-12)


def binary(tau, T, C, H=300, seed=0):
    """H independent units of C binary chains (T, C, H), on in 0.2 to 99.8 % of the time, of integrated time `tau`.

    A chain keeps its state with probability a and else draws anew: its autocorrelation is a^t, tau = (1+a)/(1-a).
    """
    rng = np.random.default_rng(seed)
    p, keep = 1 / (1 + np.exp(-rng.uniform(-6, 6, H))), (tau - 1) / (tau + 1)
    x = rng.random((T, C, H)) < p
    drawn = rng.random((T, C, H)) >= keep
    for t in range(1, T):
        x[t] = np.where(drawn[t], x[t], x[t - 1])
    return x.astype("float32")


def reasons(states, xp=np):
    """`why_not_mixed` of binary chains (T, C, H), recorded as visualizers do."""
    coins = np.random.default_rng(9).random((states.shape[2], 32))
    record, means = xp.asarray(states @ np.where(coins < 0.5, -1, 1)), xp.asarray(states.mean(axis=0)[None])
    r, slowest = (float(f(means)[0]) for f in (chains.binary_scale_reduction, chains.slowest_reduction))
    return chains.why_not_mixed(r, slowest, chains.integrated_time(record), len(states))


@pytest.mark.parametrize(("T", "C", "n"), [(100, 30, 60), (800, 16, 10)])
def test_independent_draws_are_not_noted(T, C, n):
    """At the lengths of the sheets, of few units too: 0 of 60, a rate below 5 % with 95 % confidence."""
    assert not [seed for seed in range(n) if reasons(binary(1, T, C, H=(8, 100)[seed % 2], seed=seed))]


@pytest.mark.parametrize(
    ("tau", "T", "C", "noted"), [(3, 100, 30, 0), (8, 100, 30, 10), (20, 800, 16, 0), (60, 800, 16, 10)]
)
def test_chains_are_noted_where_the_record_lasts_less_than_twenty_tau(tau, T, C, noted):
    said = [reasons(binary(tau, T, C, seed=seed)) for seed in range(10)]
    assert sum(map(bool, said)) == noted
    assert all(f", record {T}" in reason and reason.startswith("tau ") for reason in said if reason)


@pytest.mark.parametrize(("phi", "noted"), [(0.8, False), (0.97, True), (0.995, True)])
def test_an_autoregression_is_noted_by_its_time(xp, phi, noted):
    """tau 9, 66 and 399 in a record of 400: a twentieth is 20."""
    for seed in range(10):
        x = xp.asarray(ar1(phi, 400, 30, seed))
        r = chains.scale_reduction(x)
        said = chains.why_not_mixed(r, r, chains.integrated_time(x), len(x))
        assert bool(said) == noted and ("sweeps, record 400" in said) == noted


def test_few_slow_units_among_fast_ones_are_seen(xp):
    """A twentieth of the units hardly ever change: neither R of all units nor their tau shows it."""
    states = binary(2, 400, 30)
    states[:, :, :15] = binary(200, 400, 30, H=15, seed=1)
    means = states.mean(axis=0)[None]
    assert chains.binary_scale_reduction(means)[0] < 1.05
    assert chains.integrated_time(states @ np.ones((300, 1))) < 20
    assert reasons(states, xp).startswith("R of the slowest units 1.")


def test_the_slowest_units_are_a_quantile_of_those_that_are_seen(xp):
    """R by hand, of each unit alone: the 97.5 % quantile is the third largest of 80; rare units do not count."""
    states = (np.random.default_rng(0).random((50, 6, 84)) < 0.4).astype(float)
    states[:, :3, 7] = 0.0
    states[:, :, 80:] = 0.0  # nearly always off: one chain is on for two sweeps together
    states[10:12, 0, 81] = 1.0
    states[:, :, 82] = 1.0
    each = sorted(chains.scale_reduction(states[:, :, i]) for i in range(80))
    found = chains.slowest_reduction(xp.asarray(np.stack([states.mean(axis=0)] * 2)))
    np.testing.assert_allclose(host(found), [each[-3]] * 2, rtol=1e-12)
    assert math.isnan(chains.slowest_reduction(xp.asarray(states.mean(axis=0)[None, :1]))[0])  # a single chain
    assert math.isnan(chains.slowest_reduction(xp.asarray(states.mean(axis=0)[None, :, 82:]))[0])  # no unit is seen


def test_what_cannot_be_measured_is_no_reason():
    assert chains.why_not_mixed(math.nan, math.nan, math.nan, 100) == ""
    said = chains.why_not_mixed(1.39, 2.13, 95.4, 100, "proposals")
    assert said == "tau 95 proposals, record 100, R 1.39, R of the slowest units 2.13"


# --- modes


def test_occupancy_counts_the_nearest_mode(xp):
    modes = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 10.0]])
    states = np.array([[[0.1, 0.2], [3.0, 0.0]], [[1.9, 0.0], [2.1, 0.0]], [[0.0, 5.1], [9.0, 1.0]]])  # (T, C, 2)
    found = host(chains.occupancy(xp.asarray(states), xp.asarray(modes)))
    np.testing.assert_allclose(found, [[2 / 3, 0, 1 / 3], [0, 1, 0]])


def test_total_variation_is_half_the_sum_of_differences(xp):
    p, q = (xp.asarray(np.array(x)) for x in ([0.5, 0.5, 0.0], [0.2, 0.3, 0.5]))
    assert chains.total_variation(p, q) == pytest.approx(0.5)
    assert chains.total_variation(p, p) == 0


def test_starts_that_keep_their_modes_disagree_and_others_do_not(xp):
    numbers = np.random.default_rng(3)
    one, other, both = np.array([[1.0, 0.0]] * 15), np.array([[0.0, 1.0]] * 15), numbers.dirichlet([5, 5], 30)
    found = chains.compare_starts(xp.asarray(one), xp.asarray(other), rng=make_rng(xp, 0))
    assert (found.distance, found.visited) == (1, (0.5, 0.5)) and not found.agree
    np.testing.assert_array_equal(host(found.occupancy), [[1, 0], [0, 1]])
    mixed = chains.compare_starts(xp.asarray(both[:15]), xp.asarray(both[15:]), rng=make_rng(xp, 0))
    assert mixed.agree and mixed.visited == (1, 1)


def test_the_p_value_holds_for_slow_chains():
    """Chains that never leave their mode, from two starts that choose modes alike: at level 0.1 about 10 % disagree."""
    numbers, low = np.random.default_rng(4), 0
    for i in range(300):
        a, b = (np.eye(3)[numbers.integers(0, 3, 12)] for _ in range(2))
        low += chains.compare_starts(a, b, rng=make_rng(np, i)).p_value <= 0.1
    assert low / 300 <= 0.1 + 3 * math.sqrt(0.09 / 300)


# --- how often a unit is on


def exact(machine):
    return oracles.p_h(*machine) @ oracles.states(len(machine[2]))


def test_both_probabilities_are_those_of_enumeration(xp):
    machine = oracles.machine(5, 4, seed=3, scale=1.5)
    rbm, units = RBM(*(xp.asarray(x) for x in machine)), [2, 0, 3]
    truth = exact(machine)[units]
    v = xp.asarray(np.random.default_rng(0).integers(0, 2, (3, 400, 5)).astype(float))
    p, error = activity.p_on_of_chains(rbm, v[0], units, sweeps=100, rng=make_rng(xp, 1))
    assert (error < 0.01).all() and (np.abs(p - truth) < Z * error + 1e-3).all()
    streams = UnitStreams([make_rng(xp, 2, unit) for unit in units])
    odds, error = activity.annealed_log_odds(rbm, v, units, rng=streams)
    odds, error = host(odds), host(error)
    assert (error < 0.1).all() and (np.abs(odds - np.log(truth / (1 - truth))) < Z * error).all()
    p, p_error = activity.p_on_of_odds(xp.asarray(odds), xp.asarray(error))
    np.testing.assert_allclose(host(p), 1 / (1 + np.exp(-odds)), rtol=1e-12)
    np.testing.assert_allclose(host(p_error), host(p) * (1 - host(p)) * error, rtol=1e-12)


def test_annealing_finds_the_odds_of_a_unit_that_free_chains_hardly_ever_turn():
    """A unit that is on only with all of ten pixels on, which else are off: two modes with a barrier between them."""
    W = np.full((10, 1), 6.0)
    machine = W, np.full(10, -3.0), np.array([-30.0])
    rbm = RBM(*machine)
    truth = exact(machine)
    assert truth == pytest.approx(0.5, abs=0.01)  # by symmetry of on and off
    v = np.zeros((1, 500, 10))
    odds, error = activity.annealed_log_odds(rbm, v, [0], rng=UnitStreams([make_rng(np, 0)]))
    assert abs(odds[0] - np.log(truth / (1 - truth))[0]) < Z * error[0] < 1
    p, _ = activity.p_on_of_chains(rbm, v[0, :50], [0], sweeps=50, rng=make_rng(np, 0))
    assert p[0] < 0.2  # free chains still sit where they began


def test_annealing_of_a_unit_above_gaussian_visible_units_is_exact():
    """Z_1 / Z_0 by summing over the other hidden units: v is Gaussian given h."""
    W, b, c = oracles.machine(4, 3, seed=6, scale=0.7)
    h = oracles.states(3)
    drive = h @ W.T
    log_p = h @ c + drive @ b + 0.5 * (drive**2).sum(axis=1)
    p = np.exp(log_p - log_p.max())
    truth = (p @ h / p.sum())[1]
    v = np.random.default_rng(0).standard_normal((1, 500, 4))
    odds, error = activity.annealed_log_odds(GaussianRBM(W, b, c), v, [1], rng=UnitStreams([make_rng(np, 3)]))
    assert abs(odds[0] - math.log(truth / (1 - truth))) < Z * error[0] < 0.5
