"""dbnvis.models.rbm against enumeration of all states, finite differences and exact distributions."""

import numpy as np
import oracles
import pytest
from counts import chi_squared_p, host, state_counts
from scipy import stats

from dbnvis import RBM, GaussianRBM, clamp, gibbs
from dbnvis.backend import make_rng

V, H = 5, 3
LEVEL = 1e-3  # of every statistical test; seeds are fixed
N = 20_000
BOTH = pytest.mark.parametrize("kind", [RBM, GaussianRBM])


def build(xp, kind=RBM, parameters=None, dtype="float64"):
    """The oracle's machine, or one of its `parameters`, as an RBM of library `xp`."""
    parameters = oracles.machine(V, H) if parameters is None else parameters
    return kind(*(xp.asarray(x.astype(dtype)) for x in parameters))


def some_v(kind=RBM, n=7):
    numbers = np.random.default_rng(5)
    return (numbers.random((n, V)) < 0.5).astype(float) if kind is RBM else numbers.normal(size=(n, V))


# --- energies


def test_energy(xp):
    parameters = oracles.machine(V, H)
    v, h = oracles.states(V), oracles.states(H)
    pairs_v, pairs_h = np.repeat(v, len(h), axis=0), np.tile(h, (len(v), 1))
    expected = [oracles.energy(*pair, *parameters) for pair in zip(pairs_v, pairs_h, strict=True)]
    energy = build(xp).energy(xp.asarray(pairs_v), xp.asarray(pairs_h))
    np.testing.assert_allclose(host(energy), expected, atol=1e-12)
    np.testing.assert_allclose(-oracles.log_joint(*parameters).ravel(), expected, atol=1e-12)  # the oracles agree


def test_gaussian_energy(xp):
    parameters, v, h = oracles.machine(V, H), some_v(GaussianRBM, 8), oracles.states(H)
    expected = [oracles.gaussian_energy(*pair, *parameters) for pair in zip(v, h, strict=True)]
    energy = build(xp, GaussianRBM).energy(xp.asarray(v), xp.asarray(h))
    np.testing.assert_allclose(host(energy), expected, rtol=1e-12)


def test_free_energy_sums_over_the_hidden_states(xp):
    v = oracles.states(V)
    expected = -np.log(np.exp(oracles.log_joint(*oracles.machine(V, H))).sum(axis=1))
    np.testing.assert_allclose(host(build(xp).free_energy(xp.asarray(v))), expected, rtol=1e-12)


def test_gaussian_free_energy_sums_over_the_hidden_states(xp):
    parameters, vs = oracles.machine(V, H), some_v(GaussianRBM)
    expected = [
        -np.log(sum(np.exp(-oracles.gaussian_energy(v, h, *parameters)) for h in oracles.states(H))) for v in vs
    ]
    np.testing.assert_allclose(host(build(xp, GaussianRBM).free_energy(xp.asarray(vs))), expected, rtol=1e-12)


def test_free_energy_does_not_overflow(xp):
    rbm = RBM(*(xp.asarray(np.full(shape, 300, np.float32)) for shape in [(V, H), (V,), (H,)]))
    energy = host(rbm.free_energy(xp.ones((2, V), dtype="float32")))
    np.testing.assert_allclose(energy, -(5 * 300) - 3 * (5 * 300 + 300), rtol=1e-6)


@BOTH
def test_free_energy_grad(xp, kind):
    parameters, v = dict(zip(["W", "vbias", "hbias"], oracles.machine(V, H), strict=True)), some_v(kind)
    energy = oracles.energy if kind is RBM else oracles.gaussian_energy

    def mean_free_energy(W, vbias, hbias):
        energies = np.array([[energy(row, h, W, vbias, hbias) for h in oracles.states(H)] for row in v])
        return -np.log(np.exp(-energies).sum(axis=1)).mean()

    gradient = build(xp, kind).free_energy_grad(xp.asarray(v))
    assert set(gradient) == set(parameters)
    for name, value in parameters.items():
        expected = oracles.numerical_gradient(lambda x, name=name: mean_free_energy(**{**parameters, name: x}), value)
        np.testing.assert_allclose(host(gradient[name]), expected, rtol=1e-6, atol=1e-8)


# --- conditional distributions


def test_conditional_means(xp):
    parameters, rbm = oracles.machine(V, H), build(xp)
    h = rbm.mean_h_given_v(xp.asarray(oracles.states(V)))
    np.testing.assert_allclose(host(h), oracles.mean_h_given_v(*parameters), rtol=1e-12)
    v = rbm.mean_v_given_h(xp.asarray(oracles.states(H)))
    np.testing.assert_allclose(host(v), oracles.mean_v_given_h(*parameters), rtol=1e-12)


def test_pre_activations_are_the_log_odds_of_the_means(xp):
    parameters, rbm = oracles.machine(V, H), build(xp)
    mean_h, mean_v = oracles.mean_h_given_v(*parameters), oracles.mean_v_given_h(*parameters)
    pre_h, pre_v = rbm.input_to_h(xp.asarray(oracles.states(V))), rbm.input_to_v(xp.asarray(oracles.states(H)))
    np.testing.assert_allclose(host(pre_h), np.log(mean_h / (1 - mean_h)), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(host(pre_v), np.log(mean_v / (1 - mean_v)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conditional_samples(xp, rng, dtype):
    parameters, rbm = oracles.machine(V, H), build(xp, dtype=dtype)
    v, h = oracles.states(V)[11], oracles.states(H)[5]
    hs = rbm.sample_h_given_v(xp.asarray(np.tile(v, (N, 1)).astype(dtype)), rng=rng)
    vs = rbm.sample_v_given_h(xp.asarray(np.tile(h, (N, 1)).astype(dtype)), rng=rng)
    assert hs.dtype == dtype and vs.dtype == dtype
    assert chi_squared_p(state_counts(hs), oracles.p_h_given_v(*parameters)[11]) > LEVEL
    assert chi_squared_p(state_counts(vs), oracles.p_v_given_h(*parameters)[5]) > LEVEL


def test_gaussian_conditionals_by_numerical_integration(xp):
    """Two visible units: sum exp(-E) over a fine grid."""
    W, b, c = parameters = oracles.machine(2, 3, seed=1)
    rbm, grid, h = build(xp, GaussianRBM, parameters), np.linspace(-12, 12, 97), oracles.states(3)
    # E = |v - b|^2 / 2 - h.c - v'Wh, on the grid and for all h at once
    v = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = np.exp(-(((v - b) ** 2).sum(axis=1)[:, None] / 2 - h @ c - v @ W @ h.T))  # (grid, 2**H)
    mean = weights.T @ v / weights.sum(axis=0)[:, None]
    variance = weights.T @ v**2 / weights.sum(axis=0)[:, None] - mean**2
    np.testing.assert_allclose(variance, 1, rtol=1e-8)  # the oracle's own check
    np.testing.assert_allclose(host(rbm.mean_v_given_h(xp.asarray(h))), mean, rtol=1e-8, atol=1e-8)
    some = v[3000:3010]
    p = weights[3000:3010] / weights[3000:3010].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(host(rbm.mean_h_given_v(xp.asarray(some))), p @ h, rtol=1e-8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gaussian_visible_samples_have_unit_variance(xp, rng, dtype):
    W, b, _ = oracles.machine(V, H)
    h = oracles.states(H)[5]
    rbm = build(xp, GaussianRBM, dtype=dtype)
    v = rbm.sample_v_given_h(xp.asarray(np.tile(h, (N, 1)).astype(dtype)), rng=rng)
    assert v.dtype == dtype
    noise = host(v).astype(float) - (b + W @ h)
    for i in range(V):
        assert stats.kstest(noise[:, i], "norm").pvalue > LEVEL / V
    correlation = np.corrcoef(noise.T)[np.triu_indices(V, 1)]
    assert np.abs(correlation).max() * np.sqrt(N) < stats.norm.isf(LEVEL / 2 / len(correlation))


@BOTH
def test_leading_axes_are_free(xp, kind):
    rbm, v, h = build(xp, kind), some_v(kind, 6), oracles.states(H)[:6]
    for method, x in [
        ("input_to_h", v),
        ("mean_h_given_v", v),
        ("input_to_v", h),
        ("mean_v_given_h", h),
        ("free_energy", v),
    ]:
        flat = host(getattr(rbm, method)(xp.asarray(x)))
        cube = host(getattr(rbm, method)(xp.asarray(x.reshape(2, 3, -1))))
        np.testing.assert_allclose(cube, flat.reshape(2, 3, *flat.shape[1:]), rtol=1e-12)


@BOTH
def test_methods_leave_their_arguments_unchanged(xp, rng, kind):
    rbm, v, h = build(xp, kind), some_v(kind), oracles.states(H)[1:]
    before = {name: host(value) for name, value in rbm.params().items()}
    on_device_v, on_device_h = xp.asarray(v), xp.asarray(h)
    rbm.mean_h_given_v(on_device_v), rbm.sample_h_given_v(on_device_v, rng=rng), rbm.input_to_h(on_device_v)
    rbm.mean_v_given_h(on_device_h), rbm.sample_v_given_h(on_device_h, rng=rng), rbm.input_to_v(on_device_h)
    rbm.energy(on_device_v, on_device_h), rbm.free_energy(on_device_v), rbm.free_energy_grad(on_device_v)
    gibbs(rbm, on_device_v, 2, rng=rng), clamp(rbm, 1)
    np.testing.assert_array_equal(host(on_device_v), v)
    np.testing.assert_array_equal(host(on_device_h), h)
    for name, value in rbm.params().items():
        np.testing.assert_array_equal(host(value), before[name])


# --- Gibbs sampling


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", [0, 1])
def test_gibbs_leaves_the_models_distribution_unchanged(xp, rng, seed, dtype):
    """With the mean of h in place of a sample in the sweep this fails: p < 1e-16 for both machines."""
    parameters = oracles.machine(V, H, seed=seed)
    p = oracles.p_v(*parameters)
    start = oracles.states(V)[np.random.default_rng(seed).choice(len(p), N, p=p)].astype(dtype)
    v = xp.asarray(start)
    end = gibbs(build(xp, parameters=parameters, dtype=dtype), v, 5, rng=rng)
    assert chi_squared_p(state_counts(end), p) > LEVEL
    np.testing.assert_array_equal(host(v), start)
    assert (host(end) != start).any(axis=1).mean() > 0.5  # it moved


@pytest.mark.parametrize("steps", [1, 2])
def test_gibbs_steps_are_sweeps_from_the_given_states(xp, rng, steps):
    parameters = oracles.machine(V, H)
    expected = np.linalg.matrix_power(oracles.gibbs_kernel(*parameters), steps)[19]
    v = gibbs(build(xp), xp.asarray(np.tile(oracles.states(V)[19], (N, 1))), steps, rng=rng)
    assert chi_squared_p(state_counts(v), expected) > LEVEL


def test_gaussian_gibbs_leaves_the_models_distribution_unchanged(xp, rng):
    """p(v) is a mixture: p(h) from completing the square, then N(b + W h, 1)."""
    W, b, c = parameters = (0.5 * oracles.machine(V, H)[0], *oracles.machine(V, H)[1:])
    h = oracles.states(H)
    log_weight = h @ c + (((b + h @ W.T) ** 2).sum(axis=1) - (b**2).sum()) / 2
    p = np.exp(log_weight) / np.exp(log_weight).sum()
    numbers = np.random.default_rng(0)
    start = (b + h @ W.T)[numbers.choice(len(p), N, p=p)] + numbers.normal(size=(N, V))
    rbm = build(xp, GaussianRBM, parameters)
    v = gibbs(rbm, xp.asarray(start), 3, rng=rng)
    h_end = rbm.sample_h_given_v(v, rng=rng)
    assert chi_squared_p(state_counts(h_end), p) > LEVEL
    assert chi_squared_p(state_counts(h_end), np.roll(p, 1)) < 1e-6


def test_random_v(xp, rng):
    v = host(build(xp).random_v((N, V), rng=rng))
    assert chi_squared_p(state_counts(v), np.full(2**V, 2.0**-V)) > LEVEL
    noise = host(build(xp, GaussianRBM).random_v((N, V), rng=rng)) - oracles.machine(V, H)[1]
    for i in range(V):
        assert stats.kstest(noise[:, i], "norm").pvalue > LEVEL / V


# --- clamping


@pytest.mark.parametrize("unit", range(H))
def test_clamp_is_the_distribution_given_that_the_unit_is_on(xp, unit):
    parameters = oracles.machine(V, H)
    clamped = clamp(build(xp), unit)
    assert type(clamped) is RBM and (clamped.n_visible, clamped.n_hidden) == (V, H - 1)
    unnormalized = np.exp(-host(clamped.free_energy(xp.asarray(oracles.states(V)))))
    expected = oracles.p_v_given_unit_on(*parameters, unit)
    np.testing.assert_allclose(unnormalized / unnormalized.sum(), expected, rtol=1e-12)
    # and of the other hidden units, in their order
    W, b, c = (host(x) for x in (clamped.W, clamped.vbias, clamped.hbias))
    on = oracles.states(H)[:, unit] == 1
    p = oracles.joint(*parameters)[:, on]
    np.testing.assert_allclose(oracles.joint(W, b, c), p / p.sum(), rtol=1e-10)


@pytest.mark.parametrize("unit", range(H))
def test_clamp_of_a_gaussian_rbm(xp, unit):
    parameters, v = oracles.machine(V, H), some_v(GaussianRBM)
    clamped = clamp(build(xp, GaussianRBM), unit)
    assert type(clamped) is GaussianRBM
    on = oracles.states(H)[oracles.states(H)[:, unit] == 1]
    expected = [-np.log(sum(np.exp(-oracles.gaussian_energy(row, h, *parameters)) for h in on)) for row in v]
    difference = host(clamped.free_energy(xp.asarray(v))) - expected  # a constant: the clamped unit's share
    np.testing.assert_allclose(difference, difference[0], atol=1e-10)


def test_clamp_of_the_only_unit(xp):
    W, b, _ = parameters = oracles.machine(V, 1)
    clamped = clamp(build(xp, parameters=parameters), 0)
    assert clamped.n_hidden == 0
    energy = host(clamped.free_energy(xp.asarray(oracles.states(V))))
    np.testing.assert_allclose(energy, -oracles.states(V) @ (b + W[:, 0]), rtol=1e-12)


@pytest.mark.parametrize("unit", [-1, H, 99])
def test_clamp_refuses_units_that_do_not_exist(xp, unit):
    with pytest.raises(ValueError, match=rf"0 to {H - 1}, got {unit}"):
        clamp(build(xp), unit)


# --- a machine for many sweeps


@BOTH
def test_a_machine_for_sampling_is_the_same_with_its_way_back_row_by_row(xp, kind):
    machine, h = build(xp, kind), oracles.states(H)
    kept = machine.for_sampling()
    assert type(kept) is kind and kept.W is machine.W
    W, b, _ = oracles.machine(V, H)
    np.testing.assert_allclose(host(kept.input_to_v(xp.asarray(h))), h @ W.T + b, rtol=1e-12)
    if xp is np:
        assert kept.weights_back.flags.c_contiguous and not machine.weights_back.flags.c_contiguous


def test_a_machine_with_other_weights_keeps_nothing_of_the_former(xp):
    clamped = clamp(build(xp).for_sampling(), 0)
    np.testing.assert_array_equal(host(clamped.weights_back), oracles.machine(V, H)[0].T[1:])


# --- construction and mistakes


def test_random(xp, rng):
    rbm = RBM.random(200, 150, rng=rng, scale=0.3)
    W = host(rbm.W)
    assert W.shape == (200, 150) and W.dtype == np.float32
    assert rbm.vbias.shape == (200,) and rbm.hbias.shape == (150,)
    assert not host(rbm.vbias).any() and not host(rbm.hbias).any()
    assert stats.kstest(W.ravel() / 0.3, "norm").pvalue > LEVEL
    assert GaussianRBM.random(4, 3, rng=rng, dtype="float64").W.dtype == np.float64
    default = host(RBM.random(200, 150, rng=make_rng(xp, 1)).W)
    assert abs(default.std() / 0.01 - 1) < 0.03  # 30,000 numbers: standard error 0.004


@pytest.mark.parametrize(
    "shapes",
    [[(5, 3), (3,), (5,)], [(5, 3), (5,), (4,)], [(5, 3), (4,), (3,)], [(5,), (5,), ()], [(5, 3), (5, 1), (3,)]],
)
def test_parameters_must_fit_together(xp, shapes):
    with pytest.raises(ValueError, match=r"expected W \(V, H\).*got .*5"):
        RBM(*(xp.zeros(shape) for shape in shapes))


@BOTH
def test_a_batch_of_another_width_is_refused(xp, rng, kind):
    rbm, wide, high = build(xp, kind), xp.zeros((2, V + 2)), xp.zeros((2, H + 1))
    for call in (
        lambda: rbm.input_to_h(wide),
        lambda: rbm.mean_h_given_v(wide),
        lambda: rbm.sample_h_given_v(wide, rng=rng),
        lambda: rbm.energy(wide, xp.zeros((2, H))),
        lambda: rbm.free_energy(wide),
        lambda: rbm.free_energy_grad(wide),
        lambda: gibbs(rbm, wide, 1, rng=rng),
    ):
        with pytest.raises(ValueError, match=f"batch has {V + 2} columns, the RBM has {V} visible units"):
            call()
    for call in (
        lambda: rbm.input_to_v(high),
        lambda: rbm.mean_v_given_h(high),
        lambda: rbm.sample_v_given_h(high, rng=rng),
    ):
        with pytest.raises(ValueError, match=f"batch has {H + 1} columns, the RBM has {H} hidden units"):
            call()


def test_batches_on_another_device_are_refused(xp):
    other = np if xp.__name__ != "numpy" else __import__("pretend")
    with pytest.raises(TypeError):
        build(xp).mean_h_given_v(other.zeros((2, V)))
