"""log Z exactly, by annealing from below and above; probabilities of images and the bound of a DBN."""

import math
import warnings

import numpy as np
import oracles
import pytest
from counts import host
from scipy import stats

from dbnvis import DBN, RBM, GaussianRBM
from dbnvis.backend import make_rng
from dbnvis.evaluate.ais import AISEstimate, UntrustedEstimate, ais, reverse_ais, schedule, warn_if_apart
from dbnvis.evaluate.likelihood import binarized, log_probability, log_probability_bound
from dbnvis.evaluate.partition import log_partition


def build(xp, parameters, kind=RBM, dtype="float64"):
    return kind(*(xp.asarray(x.astype(dtype)) for x in parameters))


# --- exact


@pytest.mark.parametrize(("n_visible", "n_hidden"), [(5, 3), (3, 6), (4, 4)])
def test_log_partition_is_the_sum_over_all_states(xp, n_visible, n_hidden):
    machine = oracles.machine(n_visible, n_hidden)
    assert log_partition(build(xp, machine)) == pytest.approx(oracles.log_z(*machine), rel=1e-12)


def test_log_partition_of_independent_units_in_many_chunks(xp):
    b, c = np.linspace(-1, 1, 30), np.linspace(-2, 2, 14)
    exact = np.logaddexp(0, b).sum() + np.logaddexp(0, c).sum()
    assert log_partition(build(xp, (np.zeros((30, 14)), b, c))) == pytest.approx(exact, rel=1e-12)


def test_log_partition_of_a_gaussian_rbm_is_the_integral(xp):
    W, b, c = oracles.machine(1, 3, seed=1)
    grid = np.linspace(-30, 30, 20_001)
    density = sum(np.exp(-((grid - b) ** 2) / 2 + h @ c + grid * (W[0] @ h)) for h in oracles.states(3))
    exact = np.log(density.sum() * (grid[1] - grid[0]))
    assert log_partition(build(xp, (W, b, c), GaussianRBM)) == pytest.approx(exact, rel=1e-9)


def test_log_partition_refuses_a_machine_too_large(xp):
    with pytest.raises(ValueError, match="21 units"):
        log_partition(build(xp, (np.zeros((30, 21)), np.zeros(30), np.zeros(21))))


# --- annealed


def trained_like(n_visible, n_hidden, seed, scale=0.6):
    """A machine with weights as large as training makes them."""
    numbers = np.random.default_rng(seed)
    return scale * numbers.normal(size=(n_visible, n_hidden)), numbers.normal(size=n_visible), -np.ones(n_hidden)


def exact_draws(machine, n, seed):
    W, b, c = machine
    states = oracles.states(len(c))
    log_p = np.logaddexp(0, states @ W.T + b).sum(axis=1) + states @ c
    p = np.exp(log_p - log_p.max())
    numbers = np.random.default_rng(seed)
    h = states[numbers.choice(len(p), n, p=p / p.sum())]
    return (numbers.random((n, len(b))) < 1 / (1 + np.exp(-(h @ W.T + b)))).astype(float)


@pytest.mark.parametrize(("n_visible", "n_hidden", "seed"), [(30, 10, 0), (40, 12, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_annealing_finds_the_exact_value_from_both_sides(xp, n_visible, n_hidden, seed, dtype):
    machine = trained_like(n_visible, n_hidden, seed)
    rbm = build(xp, machine, dtype=dtype)
    exact = log_partition(rbm)
    settings = dict(base_vbias=xp.asarray(machine[1].astype(dtype)), betas=schedule(50, 200, 200))
    forward = ais(rbm, n_chains=100, rng=make_rng(xp, 0), **settings)
    v = xp.asarray(exact_draws(machine, 100, seed=3).astype(dtype))
    reverse = reverse_ais(rbm, v=v, rng=make_rng(xp, 1), **settings)
    for estimate in (forward, reverse):
        assert abs(estimate.log_z - exact) < 0.5
        assert estimate.log_z_low <= estimate.log_z <= estimate.log_z_high
        assert estimate.log_weights.shape == (100,) and estimate.log_weights.dtype == np.float64
        assert 1 <= estimate.effective_samples <= 100


@pytest.mark.parametrize("n_hidden", [16, 20])
def test_annealing_finds_the_exact_value_of_larger_machines(n_hidden):
    machine = trained_like(50, n_hidden, seed=n_hidden, scale=0.4)
    rbm = build(np, machine, dtype="float32")
    found = ais(rbm, base_vbias=rbm.vbias, betas=schedule(50, 400, 1000), rng=make_rng(np, 0))
    assert abs(found.log_z - log_partition(rbm)) < 0.5


def test_forward_is_low_and_reverse_high_on_average():
    """With few temperatures both are biased, each to its side (Jensen's inequality)."""
    machine = trained_like(20, 10, 2, scale=1.2)
    rbm, exact = build(np, machine), oracles_log_z(machine)
    settings = dict(base_vbias=np.zeros(20), betas=schedule(1, 1, 1))
    forward, reverse = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrustedEstimate)
        for seed in range(200):
            forward.append(ais(rbm, n_chains=4, rng=make_rng(np, seed), **settings).log_z)
            v = exact_draws(machine, 4, seed)
            reverse.append(reverse_ais(rbm, v=v, rng=make_rng(np, seed, 1), **settings).log_z)
    assert stats.ttest_1samp(forward, exact, alternative="less").pvalue < 1e-3
    assert stats.ttest_1samp(reverse, exact, alternative="greater").pvalue < 1e-3


def oracles_log_z(machine):
    W, b, c = machine
    h = oracles.states(len(c))
    return float(np.logaddexp.reduce(np.logaddexp(0, h @ W.T + b).sum(axis=1) + h @ c))


def test_without_weights_annealing_is_exact(xp):
    """Every weight equals Z: no error, all chains count."""
    c = np.zeros(4)
    b = np.linspace(-1, 1, 6)
    rbm, base = build(xp, (np.zeros((6, 4)), b, c)), xp.asarray(b)
    exact = np.logaddexp(0, b).sum() + 4 * math.log(2)
    forward = ais(rbm, base_vbias=base, betas=[0, 0.5, 1], n_chains=5, rng=make_rng(xp, 0))
    reverse = reverse_ais(rbm, base_vbias=base, v=xp.asarray(np.eye(6)), betas=[0, 1], rng=make_rng(xp, 0))
    for estimate in (forward, reverse):
        assert estimate.log_z == pytest.approx(exact) and estimate.log_z_low == pytest.approx(exact)
    assert forward.effective_samples == pytest.approx(5)


def test_the_band_is_three_standard_errors_of_the_mean_weight():
    from dbnvis.evaluate.ais import _estimate

    w = np.array([1.0, 2.0, 3.0, 4.0])
    error = 3 * w.std(ddof=1) / 2
    up = _estimate(np.log(w) + 700, 1)  # beyond the range of exp
    assert up.log_z == pytest.approx(700 + np.log(2.5))
    assert up.log_z_high == pytest.approx(700 + np.log(2.5 + error))
    assert up.log_z_low == pytest.approx(700 + np.log(2.5 - error))
    assert up.effective_samples == pytest.approx(100 / 30)
    down = _estimate(np.log(np.array([1e-9, 1.0])), -1)
    assert down.log_z_high == math.inf and down.log_z == pytest.approx(-np.log(0.5))


def test_the_schedule_is_the_published_one():
    betas = schedule()
    assert len(betas) == 14_501 and betas[0] == 0 and betas[-1] == 1
    np.testing.assert_allclose(np.diff(betas)[[0, 499, 500, 4499, 4500, -1]], [1e-3] * 2 + [1e-4] * 2 + [1e-5] * 2)
    for bad in ((1, 2), (0, 1, 1)):
        with pytest.raises(ValueError, match=r"three numbers|must be an integer of at least 1"):
            schedule(*bad)


# --- estimates that cannot be trusted


def test_few_effective_chains_warn_with_the_numbers():
    machine = trained_like(30, 10, 3, scale=3.0)
    with pytest.warns(UntrustedEstimate, match=r"forward AIS: log Z = .* rests on [\d.]+ effective of 50"):
        ais(build(np, machine), base_vbias=np.zeros(30), betas=[0, 1], n_chains=50, rng=make_rng(np, 0))


def test_a_single_chain_that_counts_warns_among_few_too():
    from dbnvis.evaluate.ais import _estimate, _trusted

    with pytest.warns(UntrustedEstimate, match=r"1\.0 effective of 10"):
        _trusted(_estimate(np.array([0.0] + [-500.0] * 9), 1), "forward")
    with pytest.raises(FloatingPointError, match="finite"):
        _trusted(_estimate(np.array([math.nan, 0.0]), 1), "forward")


def test_a_gap_between_the_estimates_warns_with_both():
    up, down = (AISEstimate(x, x, x, np.zeros(3)) for x in (10.0, 12.5))
    with pytest.warns(UntrustedEstimate, match=r"10\.00 nats, reverse AIS 12\.50"):
        warn_if_apart(up, down)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_apart(up, AISEstimate(11.5, 11, 12, np.zeros(3)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"betas": [0, 0.5]}, "rise from 0 to 1"),
        ({"betas": [0, 0.5, 0.5, 1]}, "rise from 0 to 1"),
        ({"betas": []}, "rise from 0 to 1"),
        ({"n_chains": 1}, "n_chains"),
        ({"base_vbias": np.zeros(2)}, "base_vbias"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    rbm = build(np, oracles.machine(5, 3))
    with pytest.raises(ValueError, match=message):
        ais(rbm, **{"base_vbias": np.zeros(5), "rng": make_rng(np, 0), **settings})


def test_reverse_annealing_needs_states_of_the_machine():
    rbm = build(np, oracles.machine(5, 3))
    with pytest.raises(ValueError, match=r"expected an array \(N, 5\), got shape \(10, 4\)"):
        reverse_ais(rbm, base_vbias=np.zeros(5), v=np.zeros((10, 4)), rng=make_rng(np, 0))


# --- probabilities of images


def test_log_probability_is_exact_given_log_z(xp):
    machine = oracles.machine(5, 3)
    v = oracles.states(5)
    found = host(log_probability(build(xp, machine), xp.asarray(v), oracles.log_z(*machine)))
    np.testing.assert_allclose(found, np.log(oracles.p_v(*machine)), rtol=1e-10)


def stack():
    return oracles.machine(4, 3, seed=1), oracles.machine(3, 2, seed=2)


def exact_dbn_log_p(lower, upper):
    return np.log(oracles.p_v_given_h(*lower).T @ oracles.p_v(*upper))


def exact_bound(lower, upper):
    """E_q[log p(v | h1) + log p(h1)] + H(q), all states of h1 enumerated."""
    q = oracles.p_h_given_v(*lower)
    inside = np.log(oracles.p_v_given_h(*lower)).T + np.log(oracles.p_v(*upper)) - np.log(q)
    return (q * inside).sum(axis=1)


def test_the_bound_of_a_dbn_is_its_expectation_and_below_log_p(xp):
    lower, upper = stack()
    dbn = DBN([build(xp, lower), build(xp, upper)], (2, 2))
    v, n = oracles.states(4), 4000
    rows = xp.asarray(np.repeat(v, 10, axis=0))
    found = host(log_probability_bound(dbn, rows, oracles.log_z(*upper), samples=n // 10, rng=make_rng(xp, 0)))
    expected = exact_bound(lower, upper)
    np.testing.assert_allclose(found.reshape(len(v), 10).mean(axis=1), expected, atol=0.1)
    assert (expected <= exact_dbn_log_p(lower, upper) + 1e-12).all()


def test_the_bound_of_one_rbm_is_its_log_probability(xp):
    machine = oracles.machine(4, 3)
    dbn = DBN([build(xp, machine)], (2, 2))
    found = log_probability_bound(dbn, xp.asarray(oracles.states(4)), oracles.log_z(*machine), rng=make_rng(xp, 0))
    np.testing.assert_allclose(host(found), np.log(oracles.p_v(*machine)), rtol=1e-10)


def test_draws_of_a_bound_share_the_pass_up_from_the_images(monkeypatch):
    passes, upward = [], RBM.input_to_h
    monkeypatch.setattr(RBM, "input_to_h", lambda self, v: passes.append(self.n_visible) or upward(self, v))
    dbn = DBN([build(np, oracles.machine(4, 3)), build(np, oracles.machine(3, 2))], (2, 2))
    log_probability_bound(dbn, oracles.states(4), 0.0, samples=5, rng=make_rng(np, 0))
    assert (passes.count(4), passes.count(3)) == (1, 5)


def test_a_bound_needs_binary_units():
    machine = build(np, oracles.machine(4, 3), GaussianRBM)
    with pytest.raises(TypeError, match="Gaussian"):
        log_probability_bound(DBN([machine], (2, 2)), np.zeros((1, 4)), 0.0, rng=None)


def test_a_bound_needs_samples():
    with pytest.raises(ValueError, match="samples"):
        log_probability_bound(
            DBN([build(np, oracles.machine(4, 3))], (2, 2)), np.zeros((1, 4)), 0.0, samples=0, rng=None
        )


# --- conventions


def test_conventions_are_three_different_things(xp):
    images = xp.asarray(np.random.default_rng(0).random((50, 30)).astype("float32"))
    fixed = [host(binarized(images, "fixed", rng=make_rng(xp, seed))) for seed in (1, 2)]
    fresh = [host(binarized(images, "fresh", rng=make_rng(xp, seed))) for seed in (1, 2)]
    cut = host(binarized(images, "threshold", rng=None))
    assert (fixed[0] == fixed[1]).all() and (fresh[0] != fresh[1]).any()
    np.testing.assert_array_equal(cut, host(images) >= 0.5)
    for x in (*fixed, *fresh):
        assert set(np.unique(x)) == {0, 1} and abs(x.mean() - host(images).mean()) < 0.05


def test_the_fixed_set_is_the_same_on_every_device_and_in_every_type(xp):
    images = np.random.default_rng(1).random((40, 25)).astype("float32")
    expected = np.random.default_rng(2008).random((40, 25), dtype="float32") < images
    for dtype in ("float32", "float64"):
        found = binarized(xp.asarray(images.astype(dtype)), "fixed", rng=None)
        assert found.dtype == dtype
        np.testing.assert_array_equal(host(found), expected)


def test_conventions_refuse_others_and_images_out_of_range():
    with pytest.raises(ValueError, match="convention must be fixed, fresh or threshold, got 'sample'"):
        binarized(np.zeros((1, 2)), "sample", rng=None)
    with pytest.raises(ValueError, match="255"):
        binarized(np.array([[0.0, 255.0]]), "fixed", rng=None)
