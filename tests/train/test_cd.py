"""dbnvis.train.cd: one update against its exact expectation, learning against the exact likelihood, resuming."""

import itertools
import math
from dataclasses import asdict

import numpy as np
import oracles
import pytest
from counts import host
from scipy import stats
from scipy.special import expit, logit

from dbnvis import RBM, CDConfig, GaussianRBM, train_rbm
from dbnvis.backend import make_rng, matmul
from dbnvis.train import CDState, TrainingDiverged

V, H = 5, 3
N = 20_000
LEVEL = 1e-3  # of every statistical test, Bonferroni-corrected; seeds are fixed
PLAIN = dict(momentum=0, final_momentum=0, centered=False, sparsity_target=None, weight_decay=0, l1_decay=0)


def build(xp, kind=RBM, parameters=None, dtype="float64"):
    parameters = oracles.machine(V, H) if parameters is None else parameters
    return kind(*(xp.asarray(x.astype(dtype)) for x in parameters))


def params(rbm):
    return {name: host(value) for name, value in rbm.params().items()}


def patterns(n=60, seed=4):
    """Binary data that no bias alone explains."""
    numbers = np.random.default_rng(seed)
    on = numbers.random((n, 1)) < 0.5
    return np.where(on, [1, 1, 0, 1, 0], [0, 0, 1, 0, 0]) ^ (numbers.random((n, V)) < 0.05)


# --- one update


def one_update(xp, rbm, data, chains, dtype="float64", h_mean=None, **settings):
    """The change of each parameter at learning rate 1 in one update on all `data`, and the state after it."""
    zeros = {name: xp.zeros(value.shape, dtype=dtype) for name, value in rbm.params().items()}
    h_mean = np.full(rbm.n_hidden, 0.5) if h_mean is None else h_mean
    arrays = {"chains": xp.asarray(chains.astype(dtype)), "h_mean": xp.asarray(h_mean.astype(dtype)), **zeros}
    state = CDState(epoch=1, arrays=arrays)
    config = CDConfig(**{**PLAIN, "epochs": 2, "learning_rate": 2.0, "batch_size": len(data), **settings})
    before = params(rbm)
    data = xp.asarray(data.astype(dtype))
    (epoch,) = train_rbm(rbm, data, config, rng=make_rng(xp, 0), state=state)
    assert epoch.epoch == 2 and state.epoch == 2
    return {name: value - before[name] for name, value in params(rbm).items()}, state


def features(v, W, c):
    """Rows of v h', v, h side by side, h being the mean given v."""
    h = 1 / (1 + np.exp(-(v @ W + c)))
    return np.concatenate([(v[:, :, None] * h[:, None, :]).reshape(len(v), -1), v, h], axis=1)


def assert_expected(change, positive, negative, n):
    """`change` is the difference of two averages over n rows, each given as a list of (share of rows,
    probabilities of outcomes, features of outcomes)."""
    observed = np.concatenate([change[name].ravel() for name in ("W", "vbias", "hbias")])
    mean, variance = np.zeros_like(observed), np.zeros_like(observed)
    for sign, side in ((1, positive), (-1, negative)):
        for share, p, f in side:
            mean += sign * share * (p @ f)
            variance += share * np.maximum(p @ f**2 - (p @ f) ** 2, 0)
    z = (observed - mean) / np.sqrt(variance / n + 1e-12)
    assert 2 * stats.norm.sf(np.abs(z).max()) * len(z) > LEVEL, z


def some_data(machine, n, seed=8):
    return oracles.states(V)[np.random.default_rng(seed).choice(2**V, n, p=oracles.p_v(*machine))]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("k", [1, 3])
def test_persistent_update_at_equilibrium_is_the_likelihood_gradient(xp, k, dtype):
    """Chains start at exact samples of the model, so their statistic is the model's."""
    W, b, c = machine = oracles.machine(V, H)
    data = some_data(oracles.machine(V, H, seed=1), N)
    p_h = oracles.p_h(*machine)
    chains = oracles.states(H)[np.random.default_rng(2).choice(len(p_h), N, p=p_h)]
    change, _ = one_update(xp, build(xp, dtype=dtype), data, chains, dtype, k=k)
    f, v_states = features(oracles.states(V), W, c), oracles.empirical(data)
    positive = [(1, v_states, f)]
    negative = [(1, oracles.p_v(*machine), f)]
    # the oracle's own check: the expectation is the gradient of the exact log-likelihood
    exact = np.concatenate([g.ravel() for g in oracles.likelihood_gradient(*machine, data)])
    np.testing.assert_allclose(v_states @ f - oracles.p_v(*machine) @ f, exact, atol=1e-12)
    numerical = oracles.numerical_gradient(lambda x: oracles.log_likelihood(x, b, c, data), W)
    np.testing.assert_allclose(exact[: V * H].reshape(V, H), numerical, atol=1e-7)
    # the data's side is exact here, whatever the draws: all rows are in the batch, as probabilities
    assert_expected(change, [(p, np.ones(1), f[[s]]) for s, p in enumerate(positive[0][1])], negative, N)


@pytest.mark.parametrize(("k", "reconstruction"), [(1, "sample"), (2, "sample"), (1, "mean")])
def test_contrastive_divergence_update(xp, k, reconstruction):
    """From every data state s: v' ~ (T^k)[s]; or, with mean reconstructions, h ~ p(h | s), v' = E[v | h]."""
    W, _, c = machine = oracles.machine(V, H)
    data = some_data(oracles.machine(V, H, seed=1), N)
    share = oracles.empirical(data)
    f = features(oracles.states(V), W, c)
    if reconstruction == "sample":
        outcomes, kernel = f, np.linalg.matrix_power(oracles.gibbs_kernel(*machine), k)
    else:
        outcomes, kernel = features(oracles.mean_v_given_h(*machine), W, c), oracles.p_h_given_v(*machine)
    chains = np.ones((N, H))  # to be overwritten
    settings = {"persistent": False, "k": k, "reconstruction": reconstruction}
    change, _ = one_update(xp, build(xp), data, chains, **settings)
    positive = [(p, np.ones(1), f[[s]]) for s, p in enumerate(share)]
    negative = [(p, kernel[s], outcomes) for s, p in enumerate(share)]
    assert_expected(change, positive, negative, N)


@pytest.mark.parametrize("binarize", ["sample", "threshold", "none"])
def test_grey_data_are_shown_as_configured(xp, binarize):
    W, _, c = machine = oracles.machine(V, H, scale=3)
    grey = np.array([[0.1, 0.5, 0.8, 0.3, 0.6], [0.9, 0.2, 0.4, 1.0, 0.0]])
    p_h = oracles.p_h(*machine)
    chains = oracles.states(H)[np.random.default_rng(2).choice(len(p_h), N, p=p_h)]
    change, _ = one_update(xp, build(xp, parameters=machine), np.tile(grey, (N // 2, 1)), chains, binarize=binarize)
    v = oracles.states(V)
    shown = {
        "sample": [(v, np.prod(np.where(v == 1, g, 1 - g), axis=1)) for g in grey],
        "threshold": [((g[None] >= 0.5).astype(float), np.ones(1)) for g in grey],
        "none": [(g[None], np.ones(1)) for g in grey],
    }[binarize]
    positive = [(0.5, p, features(x, W, c)) for x, p in shown]
    assert_expected(change, positive, [(1, oracles.p_v(*machine), features(v, W, c))], N)


def test_gaussian_update_at_equilibrium(xp):
    """The model's statistics by completing the square: p(h), E[v | h] = b + W h, and E[v h'] over both."""
    W, b, c = machine = (0.4 * oracles.machine(V, H)[0], *oracles.machine(V, H)[1:])
    h = oracles.states(H)
    log_weight = h @ c + (((b + h @ W.T) ** 2).sum(axis=1) - (b**2).sum()) / 2
    p = np.exp(log_weight) / np.exp(log_weight).sum()
    mean_v = b + h @ W.T
    numbers = np.random.default_rng(0)
    data = numbers.normal(1.5, 0.7, size=(N, V))
    h_data = expit(data @ W + c)
    expected = {
        "W": data.T @ h_data / N - np.einsum("s,si,sj->ij", p, mean_v, h),
        "vbias": data.mean(axis=0) - p @ mean_v,
        "hbias": h_data.mean(axis=0) - p @ h,
    }
    change, _ = one_update(xp, build(xp, GaussianRBM, machine), data, h[numbers.choice(len(p), N, p=p)])
    second_moment = p @ (mean_v**2 + 1)  # bounds the variance of v_i h_j and of v_i
    limit = stats.norm.isf(LEVEL / 2 / (V * H + V + H)) * np.sqrt(second_moment / N)
    assert (np.abs(change["W"] - expected["W"]) < limit[:, None]).all()
    assert (np.abs(change["vbias"] - expected["vbias"]) < limit).all()
    assert (np.abs(change["hbias"] - expected["hbias"]) < stats.norm.isf(LEVEL / 2 / 23) * 0.5 / np.sqrt(N)).all()


@pytest.mark.parametrize("kind", [RBM, GaussianRBM])
@pytest.mark.parametrize("persistent", [True, False])
def test_centered_update(xp, kind, persistent):
    """Melchior et al. (2016): with offsets mu and lambda the gradient of the centered machine, written in the
    ordinary parameters, follows from the ordinary gradient dW, db, dc of the very same samples:
    dW' = dW - db lambda' - mu dc', db' = db - dW' lambda, dc' = dc - dW'' mu."""
    W, _, c = machine = (0.5 * oracles.machine(V, H)[0], *oracles.machine(V, H)[1:])
    numbers = np.random.default_rng(0)
    data = patterns().astype(float) if kind is RBM else numbers.normal(1, 1, size=(60, V))
    chains, h_mean = (numbers.random((60, H)) < 0.5).astype(float), np.array([0.2, 0.5, 0.9])
    settings = {"persistent": persistent, "h_mean": h_mean}
    plain, _ = one_update(xp, build(xp, kind, machine), data, chains, **settings)
    centered, state = one_update(xp, build(xp, kind, machine), data, chains, centered=True, **settings)
    on = expit(data @ W + c).mean(axis=0)
    mu, lam = data.mean(axis=0), 0.95 * h_mean + 0.05 * on
    np.testing.assert_allclose(host(state.arrays["h_mean"]), lam, rtol=1e-12)
    dW = plain["W"] - np.outer(plain["vbias"], lam) - np.outer(mu, plain["hbias"])
    np.testing.assert_allclose(centered["W"], dW, atol=1e-12)
    np.testing.assert_allclose(centered["vbias"], plain["vbias"] - dW @ lam, atol=1e-12)
    np.testing.assert_allclose(centered["hbias"], plain["hbias"] - dW.T @ mu, atol=1e-12)
    assert np.abs(centered["W"] - plain["W"]).max() > 0.01


@pytest.mark.parametrize("variance", [0.1, 1, 2.5])
def test_centered_gaussian_update_does_not_depend_on_what_a_hidden_unit_calls_on(xp, variance):
    """The invariance that centering is for (Melchior et al. 2016): the same machine, unit 0 swapped on for off, learns
    the same. By completing the square it has W_0' = -W_0, c_0' = -c_0, b' = b + variance W_0, before and after."""
    W, b, c = (0.5 * oracles.machine(V, H)[0], *oracles.machine(V, H)[1:])
    numbers = np.random.default_rng(0)
    data, h_mean = numbers.normal(1, 1, size=(60, V)), np.array([0.2, 0.5, 0.9])
    chains = (numbers.random((60, H)) < 0.5).astype(float)
    sign = np.array([-1.0, 1.0, 1.0])

    def swap(W, b, c):
        return W * sign, b + variance * W[:, 0], c * sign

    def update(machine, h, h_mean):
        rbm = GaussianRBM(*(xp.asarray(x.copy()) for x in machine), variance=variance)
        one_update(xp, rbm, data, h, h_mean=h_mean, centered=True)
        return [host(x) for x in rbm.params().values()]

    expected = swap(*update((W, b, c), chains, h_mean))
    swapped = [abs(x - (sign < 0)) for x in (chains, h_mean)]
    for name, found, value in zip(("W", "b", "c"), update(swap(W, b, c), *swapped), expected, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("variance", [0.1, 2.5])
def test_centered_gaussian_update_is_the_gradient_of_the_centered_machine(xp, variance):
    """By finite differences of the free energy with the states of h summed out, of E = |v - b|^2 / (2 variance) -
    (v - mu)' W (h - lambda) - c' (h - lambda), whose ordinary biases are b - variance W lambda and c - W' mu."""
    W, b, c = machine = (0.5 * oracles.machine(V, H)[0], *oracles.machine(V, H)[1:])
    numbers = np.random.default_rng(0)
    data, h_mean = numbers.normal(1, 1, size=(60, V)), np.array([0.2, 0.5, 0.9])
    chains = (numbers.random((60, H)) < 0.5).astype(float)
    rbm = GaussianRBM(*(xp.asarray(x.copy()) for x in machine), variance=variance)
    drawn = host(rbm.sample_v_given_h(xp.asarray(chains), rng=make_rng(xp, 3)))
    rbm.sample_v_given_h = lambda h, *, rng: xp.asarray(drawn)  # the model's side, for both
    change, state = one_update(xp, rbm, data, chains, h_mean=h_mean, centered=True)
    mu, lam, h = data.mean(axis=0), host(state.arrays["h_mean"]), oracles.states(H)

    def log_ratio(W, b, c):
        """Mean of -F over the data, less that over the model's side."""
        mean = []
        for v in (data, drawn):
            energy = ((v - b) ** 2).sum(axis=1)[:, None] / (2 * variance)
            mean.append(np.log(np.exp((v - mu) @ W @ (h - lam).T + (h - lam) @ c - energy).sum(axis=1)).mean())
        return mean[0] - mean[1]

    centered = {"W": W, "b": b + variance * W @ lam, "c": c + W.T @ mu}
    gradient = {
        name: oracles.numerical_gradient(lambda x, name=name: log_ratio(**{**centered, name: x}), value)
        for name, value in centered.items()
    }
    np.testing.assert_allclose(change["W"], gradient["W"], atol=1e-6)
    np.testing.assert_allclose(change["vbias"], variance * (gradient["b"] - gradient["W"] @ lam), atol=1e-6)
    np.testing.assert_allclose(change["hbias"], gradient["c"] - gradient["W"].T @ mu, atol=1e-6)


def test_sparsity_pulls_the_hidden_biases_alone(xp):
    data, chains, h_mean = patterns(), np.zeros((60, H)), np.array([0.2, 0.5, 0.9])
    plain, _ = one_update(xp, build(xp), data, chains, h_mean=h_mean)
    sparse, state = one_update(
        xp, build(xp), data, chains, h_mean=h_mean, sparsity_target=0.1, sparsity_cost=0.7, epochs=2
    )
    pull = 0.7 * (0.1 - host(state.arrays["h_mean"]))
    np.testing.assert_allclose(sparse["hbias"] - plain["hbias"], pull, atol=1e-12)
    np.testing.assert_array_equal(sparse["W"], plain["W"])
    np.testing.assert_array_equal(sparse["vbias"], plain["vbias"])


def test_persistent_chains_go_on(xp):
    """The chains after an update are samples given its last visible states, and the next update starts there."""
    data, chains = patterns(), np.zeros((60, H))
    _, state = one_update(xp, build(xp), data, chains)
    first = host(state.arrays["chains"])
    assert first.shape == (60, H) and set(np.unique(first)) == {0, 1}
    from_zeros, _ = one_update(xp, build(xp), data, np.zeros((60, H)))
    from_ones, _ = one_update(xp, build(xp), data, np.ones((60, H)))
    assert np.abs(from_zeros["W"] - from_ones["W"]).max() > 0.05
    # CD does not care where they were
    from_zeros, _ = one_update(xp, build(xp), data, np.zeros((60, H)), persistent=False)
    from_ones, _ = one_update(xp, build(xp), data, np.ones((60, H)), persistent=False)
    np.testing.assert_array_equal(from_zeros["W"], from_ones["W"])


# --- schedules and penalties


def run(xp, config, rbm=None, data=None, seed=0, **rest):
    rbm = build(xp) if rbm is None else rbm
    data = xp.asarray((patterns() if data is None else data).astype(host(rbm.W).dtype))
    return rbm, list(train_rbm(rbm, data, config, rng=make_rng(xp, seed), **rest))


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"k": 1}, [20, 40]),
        ({"k": 2}, [20, 20, 20, 40]),
        ({"k": 2, "persistent": False}, [20, 20, 20, 20, 20]),
    ],
)
def test_data_and_persistent_chains_share_their_last_product_with_the_weights(xp, monkeypatch, settings, rows):
    """Rows of all products with W of an update on 20 images; of CD the data's is needed first."""
    asked = []
    monkeypatch.setattr("dbnvis.train.cd.matmul", lambda a, b, out=None: asked.append(len(a)) or matmul(a, b, out))
    config = CDConfig(epochs=1, batch_size=20, **settings)
    list(train_rbm(build(xp), xp.asarray(patterns(20).astype("float64")), config, rng=make_rng(xp, 0)))
    assert asked[: len(rows)] == rows


def test_learning_rate_falls_linearly_to_zero(xp):
    """60 rows in batches of 25: two updates per epoch, ten rows left out."""
    _, epochs = run(xp, CDConfig(epochs=4, batch_size=25, learning_rate=0.8))
    assert [e.epoch for e in epochs] == [1, 2, 3, 4]
    np.testing.assert_allclose([e.learning_rate for e in epochs], [0.7, 0.5, 0.3, 0.1], rtol=1e-12)


def test_a_constant_schedule_keeps_the_learning_rate(xp):
    _, epochs = run(xp, CDConfig(epochs=3, learning_rate=0.8, schedule="constant"))
    assert [e.learning_rate for e in epochs] == [0.8] * 3


def test_annealed_k_grows_while_the_rate_is_divided_by_it():
    """Salakhutdinov & Murray (2008): k = ceil(epoch / 10), rate 0.05 / k."""
    config = CDConfig(epochs=250, learning_rate=0.05, k_epochs=10, schedule="constant")
    assert [config.gibbs_steps(epoch) for epoch in (0, 9, 10, 249)] == [1, 1, 2, 25]
    np.testing.assert_allclose([config.rate(epoch) for epoch in (0, 9.9, 10, 249.9)], [0.05, 0.05, 0.025, 0.002])
    assert CDConfig(k=3).gibbs_steps(20) == 3
    assert CDConfig(k=3, learning_rate=0.3, epochs=10).rate(5) == pytest.approx(0.15)


def test_annealed_k_takes_more_steps(xp):
    """From chains of all ones, k = 2 in the second epoch gives what k = 2 given outright does."""
    data, results = patterns(), []
    for settings in ({"k_epochs": 1}, {"k": 2, "learning_rate": 1.0}):
        change, _ = one_update(xp, build(xp), data, np.ones((60, H)), **settings)
        results.append(change["W"])
    np.testing.assert_allclose(results[0], results[1], rtol=1e-12)


def test_tempered_chains_leave_the_gradient_at_equilibrium(xp):
    """Chains at every temperature drawn from its distribution: the update is the likelihood gradient."""
    machine = oracles.machine(V, H)
    data = some_data(machine, N, seed=1)
    base = np.log((data.mean(axis=0) * N + 1) / (N - data.sum(axis=0) + 1))
    numbers, chains = np.random.default_rng(2), []
    for beta in (1.0, 0.5, 0.0):
        W, b, c = machine
        p = oracles.p_h(beta * W, (1 - beta) * base + beta * b, beta * c)
        chains.append(oracles.states(H)[numbers.choice(2**H, N, p=p)])
    change, state = one_update(xp, build(xp, parameters=machine), data, np.stack(chains), temperatures=3)
    assert state.arrays["chains"].shape == (3, N, H)
    W, _, c = machine
    f = features(oracles.states(V), W, c)
    positive = [(p, np.ones(1), f[[s]]) for s, p in enumerate(oracles.empirical(data))]
    assert_expected(change, positive, [(1, oracles.p_v(*machine), f)], N)


def test_updates_are_proportional_to_the_learning_rate(xp):
    data, chains = patterns(), np.zeros((60, H))
    small, _ = one_update(xp, build(xp), data, chains, learning_rate=0.25, sparsity_target=0.1)
    large, _ = one_update(xp, build(xp), data, chains, learning_rate=1.0, sparsity_target=0.1)
    for name in small:
        np.testing.assert_allclose(large[name], 4 * small[name], rtol=1e-9, atol=1e-13)
        assert np.abs(small[name]).max() > 1e-4


def test_momentum_schedule(xp):
    """Learning rate 0: velocities only decay, by the momentum of each epoch, and carry the parameters along."""
    config = CDConfig(
        epochs=4, batch_size=60, learning_rate=0, momentum=0.5, final_momentum=0.9, momentum_epochs=2, centered=False
    )
    rbm, state = build(xp), CDState()
    epochs = train_rbm(rbm, xp.asarray(patterns().astype(float)), config, rng=make_rng(xp, 0), state=state)
    next(epochs)
    for name in rbm.params():
        state.arrays[name][...] = 1.0
    at, velocity = params(rbm), 1.0
    for momentum in (0.5, 0.9, 0.9):
        next(epochs)
        velocity *= momentum
        for name, value in params(rbm).items():
            np.testing.assert_allclose(host(state.arrays[name]), velocity, rtol=1e-12)
            np.testing.assert_allclose(value, at[name] + velocity, rtol=1e-9)
        at = params(rbm)


def test_velocity_is_carried_by_momentum(xp):
    """Two updates from the same draws: with momentum m the second moves m times the first farther."""
    data = xp.asarray(np.tile([1.0, 0, 1, 0, 1], (4, 1)))
    steps = {}
    for momentum in (0.0, 0.5):
        # W = 0 and saturated hidden units and visible biases: every draw, and so every gradient, is fixed
        rbm = RBM(xp.zeros((V, H)), xp.asarray(np.array([50.0, -50, 50, -50, -50])), xp.full(H, 50.0))
        arrays = {"chains": xp.ones((4, H)), "h_mean": xp.full(H, 0.5)}
        state = CDState(1, {**arrays, **{name: xp.zeros_like(value) for name, value in rbm.params().items()}})
        config = CDConfig(epochs=3, batch_size=4, learning_rate=0.003, **{**PLAIN, "momentum": momentum})
        config = CDConfig(**{**asdict(config), "final_momentum": momentum, "momentum_epochs": 0})
        at, steps[momentum] = host(rbm.vbias), []
        for _ in train_rbm(rbm, data, config, rng=make_rng(xp, 0), state=state):
            steps[momentum].append(host(rbm.vbias) - at)
            at = host(rbm.vbias)
    for (first, second), momentum in [(steps[0.0], 0.0), (steps[0.5], 0.5)]:
        # pixel 5: on in the data, off in the model; rates 0.003 * (2/3, 1/3)
        np.testing.assert_allclose(first, [0, 0, 0, 0, 0.002], atol=1e-9)
        np.testing.assert_allclose(second, [0, 0, 0, 0, 0.001 + momentum * 0.002], atol=1e-9)


def test_weight_decay_and_l1_shrink_the_weights_after_the_update(xp):
    data, chains = patterns(), np.zeros((60, H))
    W0 = oracles.machine(V, H)[0]
    plain = W0 + one_update(xp, build(xp), data, chains)[0]["W"]
    decayed, _ = one_update(xp, build(xp), data, chains, weight_decay=0.1)
    np.testing.assert_allclose(W0 + decayed["W"], 0.9 * plain, rtol=1e-12)
    l1, _ = one_update(xp, build(xp), data, chains, l1_decay=0.2)
    np.testing.assert_allclose(W0 + l1["W"], np.sign(plain) * np.maximum(np.abs(plain) - 0.2, 0), atol=1e-12)
    assert (W0 + l1["W"] == 0).any() and (np.abs(plain) > 0.2).any()
    for change in (decayed, l1):  # biases are not penalized
        np.testing.assert_array_equal(change["vbias"], one_update(xp, build(xp), data, chains)[0]["vbias"])


# --- the start


def test_biases_start_at_the_datas_log_odds(xp):
    data = np.zeros((10, V))
    data[:3, 0], data[:, 1], data[:, 4] = 1, 1, 0.25
    start = params(build(xp))
    rbm, _ = run(xp, CDConfig(epochs=1, learning_rate=0, sparsity_target=None), data=data)
    expected = np.log([4 / 8, 11 / 1, 1 / 11, 1 / 11, 3.5 / 8.5])  # (on + 1) / (off + 1)
    np.testing.assert_allclose(params(rbm)["vbias"], expected, rtol=1e-12)
    np.testing.assert_array_equal(params(rbm)["W"], start["W"])
    np.testing.assert_array_equal(params(rbm)["hbias"], start["hbias"])
    rbm, _ = run(xp, CDConfig(epochs=1, learning_rate=0, sparsity_target=0.2), data=data)
    np.testing.assert_allclose(params(rbm)["hbias"], logit(0.2), rtol=1e-12)


def test_gaussian_biases_start_at_the_datas_mean(xp):
    data = np.random.default_rng(0).normal(2, 1, size=(30, V))
    rbm, _ = run(xp, CDConfig(epochs=1, learning_rate=0), build(xp, GaussianRBM), data)
    np.testing.assert_allclose(params(rbm)["vbias"], data.mean(axis=0), rtol=1e-12)


# --- learning


def bars_and_stripes():
    """The 14 pictures of 3 x 3 pixels whose rows are all equal or whose columns are."""
    lines = oracles.states(3)
    return np.unique(np.concatenate([np.repeat(lines, 3, axis=1), np.tile(lines, (1, 3))]), axis=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "settings", [{}, {"centered": False}, {"persistent": False, "k": 3}, {"temperatures": 3}], ids=str
)
def test_training_raises_the_exact_likelihood(xp, settings, dtype):
    """log p rises from -6.2 (independent pixels) to above -4.0 nats per picture; log(1/14) = -2.64 is the top.

    Over 8 seeds the end lies between -3.74 and -2.96."""
    data = np.tile(bars_and_stripes(), (10, 1))  # 140 rows
    rbm = RBM.random(9, 8, rng=make_rng(xp, 1), scale=0.1, dtype=dtype)
    penalties = {"sparsity_target": None, "weight_decay": 0, "l1_decay": 0}
    config = CDConfig(epochs=150, batch_size=20, learning_rate=0.2, **penalties, **settings)
    run(xp, config, rbm, data)
    start = oracles.log_likelihood(np.zeros((9, 1)), np.zeros(9), np.zeros(1), bars_and_stripes())
    end = oracles.log_likelihood(*(x.astype(float) for x in params(rbm).values()), bars_and_stripes())
    assert start == pytest.approx(-9 * np.log(2))
    assert -4.0 < end < -np.log(14)


def test_sparsity_target_is_reached(xp):
    config = CDConfig(epochs=150, batch_size=20, learning_rate=0.2, sparsity_target=0.2, sparsity_cost=10)
    start = RBM.random(V, 4, rng=make_rng(xp, 0), scale=1.0, dtype="float64")
    rbm, _ = run(xp, config, start)
    mean_h = expit(patterns() @ params(rbm)["W"] + params(rbm)["hbias"]).mean(axis=0)
    np.testing.assert_allclose(mean_h, 0.2, atol=0.04)
    free, _ = run(
        xp, CDConfig(**{**asdict(config), "sparsity_target": None}), RBM.random(V, 4, rng=make_rng(xp, 0), scale=1.0)
    )
    mean_h = expit(patterns() @ params(free)["W"] + params(free)["hbias"]).mean(axis=0)
    assert np.abs(mean_h - 0.2).max() > 0.1


def test_gaussian_training_raises_the_exact_likelihood(xp):
    """Two clusters: p(v) is a mixture of Gaussians, normalized by enumerating h."""
    numbers = np.random.default_rng(0)
    data = numbers.normal(size=(200, V)) + np.where(numbers.random((200, 1)) < 0.5, 2.0, -2.0)

    def log_likelihood(W, b, c):
        h = oracles.states(len(c))
        log_weight = h @ c + (((b + h @ W.T) ** 2).sum(axis=1) - (b**2).sum()) / 2
        p = np.exp(log_weight) / np.exp(log_weight).sum()
        distance = ((data[:, None] - (b + h @ W.T)) ** 2).sum(axis=2)
        return np.log(np.exp(-distance / 2) @ p).mean() - V / 2 * np.log(2 * np.pi)

    rbm = GaussianRBM.random(V, H, rng=make_rng(xp, 0), dtype="float64")
    start = log_likelihood(np.zeros((V, H)), data.mean(axis=0), np.zeros(H))
    run(xp, CDConfig(epochs=60, batch_size=50, learning_rate=0.02, sparsity_target=None), rbm, data)
    truth = np.log((np.exp(-((data - 2) ** 2).sum(1) / 2) + np.exp(-((data + 2) ** 2).sum(1) / 2)) / 2)
    assert log_likelihood(*params(rbm).values()) > start + 0.8 * (truth.mean() - V / 2 * np.log(2 * np.pi) - start)


# --- statistics of an epoch


def test_epoch_statistics(xp):
    data, held_out = patterns(50), patterns(30, seed=9)
    config = CDConfig(epochs=2, batch_size=25)
    rbm, epochs = run(xp, config, data=data, held_out=xp.asarray(held_out.astype(float)), layer="h7")
    W, b, c = params(rbm).values()

    def free_energy(v):
        return (-v @ b - np.log1p(np.exp(v @ W + c)).sum(axis=1)).mean()

    reconstruction = expit(expit(data @ W + c) @ W.T + b)
    last = epochs[-1]
    assert (last.layer, last.epoch) == ("h7", 2)
    assert last.reconstruction_error == pytest.approx(((data - reconstruction) ** 2).sum(axis=1).mean(), rel=1e-9)
    assert last.free_energy_gap == pytest.approx(free_energy(data) - free_energy(held_out), rel=1e-9)
    assert last.weight_norm == pytest.approx(np.linalg.norm(W, axis=0).mean(), rel=1e-9)
    assert last.seconds > 0
    assert all(type(value) in (int, float, str) for value in asdict(last).values())


def test_no_held_out_data_no_gap(xp):
    assert math.isnan(run(xp, CDConfig(epochs=1))[1][0].free_energy_gap)


def test_units_that_learned_nothing_are_counted(xp):
    first, second = np.array([1.0, -1, 2, 0, 1]), np.array([1.0, 1, 0, -3, 0])
    W = np.stack([first, second, 2 * first, second[::-1], -first, 3 * second], axis=1)
    c = np.array([-30.0, 30, 0, 0, 0, -30])  # dead, always on, a copy of the first, _, _, dead copy of the second
    parameters = (W, np.zeros(V), c)
    _, (epoch,) = run(xp, CDConfig(epochs=1, learning_rate=0, sparsity_target=None), build(xp, parameters=parameters))
    assert (epoch.dead, epoch.always_on, epoch.duplicates) == (2, 1, 2)


# --- reproducibility


def copy_rbm(rbm):
    return type(rbm)(**{name: value.copy() for name, value in rbm.params().items()})


def copy_state(state):
    return CDState(state.epoch, {name: value.copy() for name, value in state.arrays.items()})


def assert_same_bits(a, b):
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        np.testing.assert_array_equal(host(a[name]), host(b[name]), err_msg=name)


def but_seconds(epochs):
    return [{**asdict(epoch), "seconds": 0, "free_energy_gap": str(epoch.free_energy_gap)} for epoch in epochs]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [(RBM, {}), (RBM, {"persistent": False, "centered": False, "final_momentum": 0.9}), (GaussianRBM, {"k": 2})],
    ids=str,
)
def test_an_interrupted_training_resumes_to_the_same_bits(xp, kind, settings):
    data = xp.asarray(patterns().astype(np.float32))
    config = CDConfig(epochs=4, batch_size=25, momentum_epochs=1, learning_rate=0.02, **settings)

    def fresh():
        return kind.random(V, H, rng=make_rng(xp, 3), scale=0.5), CDState()

    rbm, state = fresh()
    straight = list(train_rbm(rbm, data, config, rng=make_rng(xp, 7), state=state))

    first, first_state = fresh()
    half = list(itertools.islice(train_rbm(first, data, config, rng=make_rng(xp, 7), state=first_state), 2))
    second, second_state = copy_rbm(first), copy_state(first_state)
    assert second_state.epoch == 2
    rest = list(train_rbm(second, data, config, rng=make_rng(xp, 7), state=second_state))

    assert_same_bits(second.params(), rbm.params())
    assert second_state.epoch == state.epoch == 4
    assert_same_bits(second_state.arrays, state.arrays)
    assert but_seconds(half + rest) == but_seconds(straight)
    assert [epoch.epoch for epoch in rest] == [3, 4]
    assert list(train_rbm(second, data, config, rng=make_rng(xp, 7), state=second_state)) == []  # nothing left to do


# --- streams


def chunks(xp, n=30, dtype="float32"):
    """A stream whose every epoch has patterns of its own."""
    return lambda epoch: xp.asarray(patterns(n, seed=100 + epoch).astype(dtype))


@pytest.mark.parametrize("settings", [{}, {"persistent": False, "k": 2}, {"temperatures": 2}], ids=str)
def test_a_stream_of_the_same_images_is_the_array(xp, settings):
    config = CDConfig(epochs=3, batch_size=25, **settings)
    data = xp.asarray(patterns())
    ends = []
    for shown in (data, lambda epoch: data):
        rbm = build(xp)
        ends.append((rbm, list(train_rbm(rbm, shown, config, rng=make_rng(xp, 5)))))
    (array, array_epochs), (stream, stream_epochs) = ends
    assert_same_bits(array.params(), stream.params())
    assert but_seconds(array_epochs) == but_seconds(stream_epochs)


def test_every_epoch_of_a_stream_learns_from_its_own_images(xp):
    """From the same state, epoch 1 of a stream changes the parameters as an array of that epoch's images does."""
    seen, ends = [], []

    def stream(epoch):
        seen.append(epoch)
        return chunks(xp, dtype="float64")(epoch)

    for data in (stream, chunks(xp, dtype="float64")(1)):
        arrays = {"chains": xp.ones((15, H)), "h_mean": xp.full(H, 0.5)}
        rbm = build(xp)
        state = CDState(1, {**arrays, **{name: xp.zeros_like(x) for name, x in rbm.params().items()}})
        config = CDConfig(**{**PLAIN, "epochs": 2, "batch_size": 15})
        ends.append((rbm, list(train_rbm(rbm, data, config, rng=make_rng(xp, 0), state=state))))
    assert_same_bits(ends[0][0].params(), ends[1][0].params())
    assert but_seconds(ends[0][1]) == but_seconds(ends[1][1])  # the statistics are of the epoch's images, too
    assert seen == [0, 1]


def test_a_stream_starts_from_its_first_epoch(xp):
    """Visible biases at the log-odds of epoch 0, which also centers every later epoch."""
    rbm = build(xp)
    list(train_rbm(rbm, chunks(xp), CDConfig(epochs=3, learning_rate=0), rng=make_rng(xp, 0)))
    first = patterns(30, seed=100)
    np.testing.assert_allclose(host(rbm.vbias), logit((first.sum(axis=0) + 1) / 32), rtol=1e-6)


@pytest.mark.parametrize("settings", [{}, {"temperatures": 3}, {"persistent": False, "centered": False}], ids=str)
@pytest.mark.parametrize("done", [1, 2, 3])
def test_an_interrupted_stream_resumes_to_the_same_bits(xp, settings, done):
    config = CDConfig(epochs=4, batch_size=12, **settings)
    rbm, state = build(xp, dtype="float32"), CDState()
    straight = list(train_rbm(rbm, chunks(xp), config, rng=make_rng(xp, 7), state=state))
    first, first_state = build(xp, dtype="float32"), CDState()
    begun = list(itertools.islice(train_rbm(first, chunks(xp), config, rng=make_rng(xp, 7), state=first_state), done))
    second, second_state = copy_rbm(first), copy_state(first_state)
    rest = list(train_rbm(second, chunks(xp), config, rng=make_rng(xp, 7), state=second_state))
    assert_same_bits(second.params(), rbm.params())
    assert_same_bits(second_state.arrays, state.arrays)
    assert but_seconds(begun + rest) == but_seconds(straight)


def test_a_stream_keeps_its_images(xp):
    given = [chunks(xp)(epoch) for epoch in range(3)]
    list(train_rbm(build(xp), given.__getitem__, CDConfig(epochs=3, batch_size=10), rng=make_rng(xp, 0)))
    for epoch, images in enumerate(given):
        np.testing.assert_array_equal(host(images), patterns(30, seed=100 + epoch))


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (np.zeros((29, V)), "29 images, the first had 30"),
        (np.zeros((1, V)), "1 images, the first had 30"),
        (np.zeros((30, V + 1)), rf"data of epoch 1: expected an array \(N, {V}\)"),
        (np.full((30, V), np.nan), "data of epoch 1: expected finite pixels, found 150 NaN"),
        (np.full((30, V), 2.0), r"data of epoch 1: expected pixels in \[0, 1\], found 2 to 2; .*use a GaussianRBM"),
    ],
)
def test_an_epoch_that_does_not_fit_is_refused(xp, second, message):
    stream = [xp.zeros((30, V)), xp.asarray(second)].__getitem__
    epochs = train_rbm(build(xp), stream, CDConfig(epochs=2, batch_size=10), rng=make_rng(xp, 0))
    next(epochs)
    with pytest.raises(ValueError, match=message):
        next(epochs)


def test_training_is_a_function_of_the_seed(xp):
    config = CDConfig(epochs=2, batch_size=25)
    (first, first_epochs), (again, again_epochs) = (run(xp, config, seed=5) for _ in range(2))
    other, _ = run(xp, config, seed=6)
    assert_same_bits(first.params(), again.params())
    assert but_seconds(first_epochs) == but_seconds(again_epochs)
    assert (params(first)["W"] != params(other)["W"]).any()


@pytest.mark.parametrize("binarize", ["sample", "threshold", "none"])
def test_data_are_left_unchanged(xp, binarize):
    grey = np.random.default_rng(0).random((60, V))
    data, held_out = xp.asarray(grey.copy()), xp.asarray(grey[:9].copy())
    config = CDConfig(epochs=2, batch_size=20, binarize=binarize)
    list(train_rbm(build(xp), data, config, rng=make_rng(xp, 0), held_out=held_out))
    np.testing.assert_array_equal(host(data), grey)
    np.testing.assert_array_equal(host(held_out), grey[:9])


def test_parameters_are_trained_in_place_in_their_own_dtype(xp):
    """Data of another dtype (here float64 and bytes) change nothing but their own precision."""
    ends = []
    for dtype in ("float32", "float64", "uint8"):
        rbm = RBM.random(V, H, rng=make_rng(xp, 0), scale=0.5)
        W = rbm.W
        data = xp.asarray(patterns().astype(dtype))
        list(train_rbm(rbm, data, CDConfig(epochs=2, batch_size=20), rng=make_rng(xp, 1)))
        assert rbm.W is W and {value.dtype for value in rbm.params().values()} == {np.dtype("float32")}
        ends.append(host(W))
        assert np.isfinite(ends[-1]).all() and np.abs(ends[-1]).max() < 10


# --- mistakes


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, V + 1)), rf"data: expected an array \(N, {V}\), got shape \(4, {V + 1}\)"),
        (np.zeros((0, V)), rf"at least one image, an array \(N, {V}\), got shape \(0, {V}\)"),
        (np.zeros(V), rf"at least one image, an array \(N, {V}\), got shape \({V},\)"),
        (np.full((4, V), np.nan), "NaN or infinite"),
        (np.array([[0, 1, 0, np.inf, 0]]), "NaN or infinite"),
        (np.array([[0, 1, 0, -np.inf, 0]]), "NaN or infinite"),
        (np.array([[0, 1, 0, 1, np.nan], [0, 1, 0, 1, 0]]), "NaN or infinite"),
        (np.full((4, V), 255.0), r"\[0, 1\].*255"),
        (np.full((4, V), -0.5), r"\[0, 1\].*-0\.5"),
    ],
)
def test_data_that_do_not_fit_are_refused(xp, data, message):
    rbm, start = build(xp), params(build(xp))
    with pytest.raises(ValueError, match=message):
        next(train_rbm(rbm, xp.asarray(data), CDConfig(), rng=make_rng(xp, 0)))
    assert_same_bits(params(rbm), start)


def test_gaussian_units_take_data_of_any_range_but_not_nan(xp):
    config = CDConfig(epochs=1, learning_rate=0.001)
    run(xp, config, build(xp, GaussianRBM), np.random.default_rng(0).normal(3, 1, size=(20, V)))
    with pytest.raises(ValueError, match="NaN or infinite"):
        run(xp, config, build(xp, GaussianRBM), np.full((20, V), np.nan))


def test_data_on_another_device_are_refused(xp):
    other = np if xp.__name__ != "numpy" else __import__("pretend")
    with pytest.raises(TypeError, match="in one call"):
        next(train_rbm(build(xp), other.zeros((4, V)), CDConfig(), rng=make_rng(xp, 0)))


@pytest.mark.parametrize("name", ["epochs", "batch_size", "k", "k_epochs", "temperatures", "momentum_epochs"])
@pytest.mark.parametrize("value", [1.5, math.nan, True, "3"])
def test_counts_are_integers(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an integer"):
        CDConfig(**{name: value})


def test_temperatures_need_persistent_chains():
    with pytest.raises(ValueError, match="persistent"):
        CDConfig(temperatures=2, persistent=False)


def test_temperatures_need_binary_units(xp):
    with pytest.raises(TypeError, match="binary"):
        run(xp, CDConfig(temperatures=2), build(xp, GaussianRBM))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *itertools.product(["epochs", "batch_size", "k", "k_epochs", "temperatures"], [0, -1]),
        *itertools.product(["learning_rate", "weight_decay", "l1_decay", "sparsity_cost"], [-0.1, math.nan, math.inf]),
        *itertools.product(["momentum", "final_momentum"], [-0.1, 1.0, math.nan]),
        *itertools.product(["sparsity_target"], [0.0, 1.0, -0.1, math.nan]),
        ("binarize", "treshold"),
        ("reconstruction", "means"),
        ("schedule", "cosine"),
    ],
)
def test_settings_that_make_no_sense_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"{name} must .*got .*{value}"):
        CDConfig(**{name: value})


def test_defaults_and_limits_of_the_settings_are_accepted():
    CDConfig()
    CDConfig(epochs=1, batch_size=1, k=1, learning_rate=0, momentum=0, sparsity_target=None)


def test_a_huge_learning_rate_diverges_at_once(xp):
    rbm = build(xp, dtype="float32")
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match=r"layer h2.*epoch 1;.*learning rate"):
        run(xp, CDConfig(epochs=3, batch_size=20, learning_rate=1e38), rbm, layer="h2")


def test_divergence_names_its_epoch(xp):
    rbm = build(xp)
    epochs = train_rbm(rbm, xp.asarray(patterns().astype(float)), CDConfig(epochs=5), rng=make_rng(xp, 0))
    next(epochs), next(epochs)
    rbm.W[0, 0] = float("nan")
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="after epoch 3"):
        next(epochs)
