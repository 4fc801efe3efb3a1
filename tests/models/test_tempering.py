"""dbnvis.models.tempering: every inverse temperature against enumeration, exchanges against chi-squared tests."""

import numpy as np
import oracles
import pytest
from counts import chi_squared_p, host, state_counts

from dbnvis import RBM, GaussianRBM
from dbnvis.backend import make_rng
from dbnvis.models.tempering import Tempered, base_rates

V, H = 4, 3
W, B, C = oracles.machine(V, H, seed=2)
BASE = np.array([0.3, -0.7, 1.1, -0.2])
LEVEL = 1e-3


def tempered(xp, dtype="float64"):
    return Tempered(RBM(*(xp.asarray(x.astype(dtype)) for x in (W, B, C))), xp.asarray(BASE.astype(dtype)))


def at(beta):
    """Parameters of the machine at inverse temperature `beta`."""
    return beta * W, (1 - beta) * BASE + beta * B, beta * C


def test_base_rates_are_the_smoothed_log_odds_of_the_means(xp):
    data = np.array([[0.0, 1.0, 0.25], [0.0, 1.0, 0.75]])
    expected = np.log([1 / 3, 3.0, 1.0])  # (0 + 1) / (2 + 2) and so on
    np.testing.assert_allclose(host(base_rates(xp.asarray(data))), expected, atol=1e-12)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_log_weight_is_the_marginal_over_h(xp, beta):
    v = oracles.states(V)
    path = tempered(xp)
    found = host(path.log_weight(xp.asarray(v), path.rbm.input_to_h(xp.asarray(v)), beta)) + v @ BASE
    np.testing.assert_allclose(found, np.log(np.exp(oracles.log_joint(*at(beta))).sum(axis=1)), rtol=1e-12)


def test_base_log_partition_is_exact(xp):
    assert tempered(xp).base_log_partition == pytest.approx(oracles.log_z(*at(0.0)), rel=1e-12)


def test_base_samples_are_independent_pixels(xp, rng):
    counts = state_counts(tempered(xp).base_sample(20_000, rng=rng))
    assert chi_squared_p(counts, oracles.p_v(*at(0.0))) > LEVEL


@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
def test_a_sweep_leaves_the_tempered_distribution_unchanged(xp, rng, beta):
    machine = at(beta)
    start = np.random.default_rng(3).choice(2**V, 20_000, p=oracles.p_v(*machine))
    v = tempered(xp).sweep(xp.asarray(oracles.states(V)[start]), beta, rng=rng)
    assert chi_squared_p(state_counts(v), oracles.p_v(*machine)) > LEVEL


@pytest.mark.parametrize("betas", [[1.0, 0.0], [1.0, 0.5, 0.0], [1.0, 0.7, 0.3, 0.0]])
def test_exchange_leaves_every_replicas_distribution_unchanged(xp, betas):
    n, numbers = 20_000, np.random.default_rng(5)
    h = np.stack([oracles.states(H)[numbers.choice(2**H, n, p=oracles.p_h(*at(beta)))] for beta in betas])
    h, rng, path = xp.asarray(h), make_rng(xp, 6), tempered(xp)
    for _ in range(3):
        v, h = path.exchange(h, xp.asarray(betas), rng=rng)
    for i, beta in enumerate(betas):
        assert chi_squared_p(state_counts(h[i]), oracles.p_h(*at(beta))) > LEVEL / len(betas)
        assert chi_squared_p(state_counts(v[i]), oracles.p_v(*at(beta))) > LEVEL / len(betas)


def test_exchange_keeps_v_and_h_of_one_replica_together(xp):
    """p(h | v) holds after the swaps: counts of pairs against the joint distribution."""
    n, betas, numbers = 40_000, [1.0, 0.4], np.random.default_rng(7)
    h = np.stack([oracles.states(H)[numbers.choice(2**H, n, p=oracles.p_h(*at(beta)))] for beta in betas])
    v, h = tempered(xp).exchange(xp.asarray(h), xp.asarray(betas), rng=make_rng(xp, 8))
    pairs = np.concatenate([host(v[0]), host(h[0])], axis=1)
    assert chi_squared_p(state_counts(pairs), oracles.joint(*at(1.0)).ravel()) > LEVEL


def test_replicas_do_change_places(xp):
    """Strong couplings: without swaps the cold replica would stay where it starts."""
    strong = RBM(*(xp.asarray(x) for x in (np.full((V, H), 8.0), np.full(V, -12.0), np.full(H, -16.0))))
    path = Tempered(strong, xp.asarray(np.zeros(V)))
    h, rng = xp.asarray(np.zeros((6, 200, H))), make_rng(xp, 9)
    for _ in range(100):
        _, h = path.exchange(h, xp.asarray(np.linspace(1, 0, 6)), rng=rng)
    assert 0.2 < float(host(h[0]).mean()) < 0.8  # both modes, all off and all on, are equally deep


def test_gaussian_units_are_refused(xp):
    machine = GaussianRBM(*(xp.asarray(x) for x in (W, B, C)))
    with pytest.raises(TypeError, match="binary"):
        Tempered(machine, xp.asarray(BASE))


def test_a_base_of_another_size_is_refused(xp):
    with pytest.raises(ValueError, match="base_vbias"):
        Tempered(RBM(*(xp.asarray(x) for x in (W, B, C))), xp.asarray(BASE[:-1]))
