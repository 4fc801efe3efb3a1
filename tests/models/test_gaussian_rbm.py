"""GaussianRBM with a variance other than 1: loops over states, quadrature, finite differences, exact mixtures."""

import math
from functools import partial

import numpy as np
import oracles
import pytest
from counts import chi_squared_p, host, state_counts
from scipy import stats

from dbnvis import DBN, CDConfig, GaussianRBM, clamp, gibbs, train_rbm
from dbnvis.backend import make_rng
from dbnvis.evaluate.partition import log_partition
from dbnvis.models.mlp import autoencoder

V, H, N, LEVEL = 4, 3, 20_000, 1e-3
VARIANCES = pytest.mark.parametrize("variance", [0.1, 2.5])


def build(xp, parameters, variance, dtype="float64"):
    return GaussianRBM(*(xp.asarray(x.astype(dtype)) for x in parameters), variance=variance)


def free_energy(v, parameters, variance, states=None):
    """-log sum_h exp(-E(v, h)) of each row."""
    energy = partial(oracles.gaussian_energy, variance=variance)
    states = oracles.states(parameters[0].shape[1]) if states is None else states
    return np.array([-np.logaddexp.reduce([-energy(row, h, *parameters) for h in states]) for row in v])


def some_v(n=6):
    return np.random.default_rng(5).normal(size=(n, V))


@VARIANCES
def test_energies(xp, variance):
    parameters, v, h = oracles.machine(V, H), some_v(8), oracles.states(H)
    rbm = build(xp, parameters, variance)
    expected = [oracles.gaussian_energy(*pair, *parameters, variance) for pair in zip(v, h, strict=True)]
    np.testing.assert_allclose(host(rbm.energy(xp.asarray(v), xp.asarray(h))), expected, rtol=1e-12)
    expected = free_energy(v, parameters, variance)
    np.testing.assert_allclose(host(rbm.free_energy(xp.asarray(v))), expected, rtol=1e-12)


@VARIANCES
def test_conditionals_and_hidden_free_energy_by_quadrature(xp, variance):
    """Two visible units: sums of exp(-E) over a fine grid."""
    W, b, c = parameters = oracles.machine(2, 3, seed=1)
    h = oracles.states(3)
    grid = np.linspace(-14, 14, 401) * math.sqrt(variance) * max(1, math.sqrt(variance))
    v = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.exp(-(((v - b) ** 2).sum(axis=1)[:, None] / (2 * variance) - h @ c - v @ W @ h.T))  # (grid, 2**H)
    mean = weights.T @ v / weights.sum(axis=0)[:, None]
    spread = weights.T @ v**2 / weights.sum(axis=0)[:, None] - mean**2
    np.testing.assert_allclose(spread, variance, rtol=1e-6)  # the oracle's own check
    rbm = build(xp, parameters, variance)
    np.testing.assert_allclose(host(rbm.mean_v_given_h(xp.asarray(h))), mean, rtol=1e-7, atol=1e-8)
    cell = (grid[1] - grid[0]) ** 2
    integrals = np.log(weights.sum(axis=0) * cell)
    np.testing.assert_allclose(-host(rbm.hidden_free_energy(xp.asarray(h))), integrals, rtol=1e-7)
    assert log_partition(rbm) == pytest.approx(np.log(weights.sum() * cell), rel=1e-7)
    some = v[80_000:80_010]
    p = weights[80_000:80_010] / weights[80_000:80_010].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(host(rbm.mean_h_given_v(xp.asarray(some))), p @ h, rtol=1e-8)


@VARIANCES
def test_gradient_of_the_free_energy(xp, variance):
    parameters, v = dict(zip(["W", "vbias", "hbias"], oracles.machine(V, H), strict=True)), some_v()
    gradient = build(xp, parameters.values(), variance).free_energy_grad(xp.asarray(v))
    for name, value in parameters.items():

        def mean(x, name=name):
            return free_energy(v, tuple({**parameters, name: x}.values()), variance).mean()

        expected = oracles.numerical_gradient(mean, value)
        np.testing.assert_allclose(host(gradient[name]), expected, rtol=1e-5, atol=1e-7)


@VARIANCES
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_and_noise_have_the_variance(xp, rng, variance, dtype):
    W, b, _ = parameters = oracles.machine(V, H)
    h = oracles.states(H)[5]
    rbm = build(xp, parameters, variance, dtype)
    drawn = rbm.sample_v_given_h(xp.asarray(np.tile(h, (N, 1)).astype(dtype)), rng=rng)
    start = rbm.random_v((N, V), rng=rng)
    for v, mean in ((drawn, b + variance * W @ h), (start, b)):
        assert v.dtype == dtype
        for i in range(V):
            z = (host(v)[:, i].astype(float) - mean[i]) / math.sqrt(variance)
            assert stats.kstest(z, "norm").pvalue > LEVEL / V


@pytest.mark.parametrize("variance", [0.1, 1.5])
def test_gibbs_leaves_the_models_distribution_unchanged(xp, rng, variance):
    """p(v) is a mixture: p(h) from completing the square, then N(b + variance W h, variance)."""
    W, b, c = parameters = (0.5 * oracles.machine(V, H)[0], *oracles.machine(V, H)[1:])
    h = oracles.states(H)
    means = b + variance * h @ W.T
    log_weight = h @ c + ((means**2).sum(axis=1) - (b**2).sum()) / (2 * variance)
    p = np.exp(log_weight) / np.exp(log_weight).sum()
    numbers = np.random.default_rng(0)
    start = means[numbers.choice(len(p), N, p=p)] + math.sqrt(variance) * numbers.normal(size=(N, V))
    rbm = build(xp, parameters, variance)
    end = rbm.sample_h_given_v(gibbs(rbm, xp.asarray(start), 3, rng=rng), rng=rng)
    assert chi_squared_p(state_counts(end), p) > LEVEL
    assert chi_squared_p(state_counts(end), np.roll(p, 1)) < 1e-6


@VARIANCES
@pytest.mark.parametrize("unit", range(H))
def test_clamp_is_the_machine_given_that_the_unit_is_on(xp, variance, unit):
    parameters, v = oracles.machine(V, H), some_v()
    clamped = clamp(build(xp, parameters, variance), unit)
    assert type(clamped) is GaussianRBM and clamped.variance == variance
    on = oracles.states(H)[oracles.states(H)[:, unit] == 1]
    difference = host(clamped.free_energy(xp.asarray(v))) - free_energy(v, parameters, variance, on)
    np.testing.assert_allclose(difference, difference[0], atol=1e-9)  # a constant: the clamped unit's share


@pytest.mark.parametrize("variance", [0.0, -1.0, np.nan, np.inf])
def test_the_variance_must_be_positive(xp, rng, variance):
    with pytest.raises(ValueError, match="variance must be a finite number above 0"):
        build(xp, oracles.machine(V, H), variance)
    with pytest.raises(ValueError, match="variance must be a finite number above 0"):
        CDConfig(variance=variance)
    with pytest.raises(ValueError, match="variance must be a finite number above 0"):
        DBN.random((V, H), (2, 2), rng=rng, variance=variance)


def test_a_random_dbn_of_gaussian_pixels(xp, rng):
    dbn = DBN.random((144, 200, 50), (12, 12), rng=rng, variance=0.1, input_range=(-np.inf, np.inf))
    assert [type(rbm).__name__ for rbm in dbn.rbms] == ["GaussianRBM", "RBM"]
    assert dbn.rbms[0].variance == 0.1 and dbn.input_range == (-np.inf, np.inf)
    # A unit moves the mean of a pixel by N(0, 0.01^2).
    one = xp.eye(200, dtype="float32")
    assert host(dbn.rbms[0].mean_v_given_h(one)).std() == pytest.approx(0.01, rel=0.02)
    assert host(dbn.rbms[1].W).std() == pytest.approx(0.01, rel=0.03)
    assert type(DBN.random((4, 3), (2, 2), rng=rng).rbms[0]).__name__ == "RBM"


def test_decoding_and_unrolling_give_the_means_of_pixels(xp, rng):
    W, b, _ = parameters = oracles.machine(V, H)
    dbn = DBN([build(xp, parameters, 0.3)], (2, 2), (-np.inf, np.inf))
    h = oracles.states(H)
    expected = (b + 0.3 * h @ W.T).reshape(-1, 2, 2)
    np.testing.assert_allclose(host(dbn.decode(xp.asarray(h), "h1")), expected, rtol=1e-12)
    np.testing.assert_allclose(host(dbn.sample_decode(xp.asarray(h), "h1", rng=rng)), expected, rtol=1e-12)
    model = autoencoder(dbn, 2, xp.asarray(some_v(20).reshape(20, 2, 2)))
    down = host(model.encode(xp.asarray(some_v(20)), "d1"))
    pixels = host(model.encode(xp.asarray(some_v(20)), "output")).reshape(20, V)
    np.testing.assert_allclose(pixels, b + 0.3 * down @ W.T, rtol=1e-10)


def test_training_finds_the_planted_mixture(xp):
    """One hidden unit, on in a third of the data, that moves the mean along one direction: filter and variance."""
    numbers = np.random.default_rng(0)
    direction = np.array([1.0, -1.0, 0.5, 0.0])
    on = numbers.random(4000) < 1 / 3
    data = on[:, None] * direction + math.sqrt(0.1) * numbers.normal(size=(4000, V))
    rbm = GaussianRBM.random(V, 1, rng=make_rng(xp, 0), scale=0.5, dtype="float64")
    rbm.variance = 0.1
    config = CDConfig(
        epochs=40, learning_rate=0.2, centered=False, sparsity_target=None, weight_decay=0, l1_decay=0, momentum=0.5
    )
    for _ in train_rbm(rbm, xp.asarray(data), config, rng=make_rng(xp, 1)):
        pass
    found = 0.1 * host(rbm.W)[:, 0]
    sign = np.sign(found @ direction)  # it may be on where the planted one is off
    np.testing.assert_allclose(sign * found, direction, atol=0.12)
    np.testing.assert_allclose(host(rbm.vbias), 0 if sign > 0 else direction, atol=0.12)
    p = float(rbm.mean_h_given_v(xp.asarray(data)).mean())
    assert (p if sign > 0 else 1 - p) == pytest.approx(on.mean(), abs=0.03)
