"""dbnvis.train.greedy: which data each layer sees, what it leaves alone, resuming at every epoch."""

import itertools
from dataclasses import asdict

import numpy as np
import oracles
import pytest
from counts import host
from scipy.special import expit, logit

from dbnvis import DBN, RBM, CDConfig, train_dbn
from dbnvis.backend import make_rng
from dbnvis.models.rbm import GaussianRBM
from dbnvis.train import CDState, DBNState
from dbnvis.train.greedy import set_to_transpose

SIZES = (6, 5, 4, 3)
N = 40
STILL = CDConfig(epochs=1, learning_rate=0, sparsity_target=None)  # sets visible biases, changes nothing else


def build(xp, dtype="float64"):
    machines = [oracles.machine(v, h, seed=i) for i, (v, h) in enumerate(itertools.pairwise(SIZES))]
    return DBN([RBM(*(xp.asarray(x.astype(dtype)) for x in machine)) for machine in machines], (2, 3))


def images(n=N, seed=0):
    numbers = np.random.default_rng(seed)
    return (numbers.random((n, 2, 3)) < numbers.random((n, 1, 1))).astype(float)


def params(dbn):
    return [{name: host(value) for name, value in rbm.params().items()} for rbm in dbn.rbms]


def test_every_layer_learns_from_the_means_of_the_one_below(xp):
    dbn, data, held_out = build(xp), images(), images(15, seed=1)
    (W1, _, c1), (W2, _, c2), (W3, _, c3) = (machine.values() for machine in params(dbn))
    epochs = list(train_dbn(dbn, xp.asarray(data), STILL, rng=make_rng(xp, 0), held_out=xp.asarray(held_out)))

    def layers(x):
        h1 = expit(x.reshape(len(x), 6) @ W1 + c1)
        return x.reshape(len(x), 6), h1, expit(h1 @ W2 + c2)

    below = zip(layers(data), layers(held_out), (W1, W2, W3), (c1, c2, c3), epochs, params(dbn), strict=True)
    for v, v_held_out, W, c, epoch, after in below:
        np.testing.assert_allclose(after["vbias"], logit((v.sum(axis=0) + 1) / (N + 2)), rtol=1e-10)
        b = after["vbias"]

        def free_energy(v, W=W, b=b, c=c):
            return (-v @ b - np.log1p(np.exp(v @ W + c)).sum(axis=1)).mean()

        assert epoch.free_energy_gap == pytest.approx(free_energy(v) - free_energy(v_held_out), rel=1e-8)
        error = ((v - expit(expit(v @ W + c) @ W.T + b)) ** 2).sum(axis=1).mean()
        assert epoch.reconstruction_error == pytest.approx(error, rel=1e-8)


def test_layers_are_trained_from_the_bottom_up_one_at_a_time(xp):
    dbn, previous = build(xp), None
    configs = [CDConfig(epochs=n, batch_size=10) for n in (2, 1, 3)]
    seen = []
    for epoch in train_dbn(dbn, xp.asarray(images()), configs, rng=make_rng(xp, 0)):
        seen.append((epoch.layer, epoch.epoch))
        now = params(dbn)
        if previous is not None:
            for i, name in enumerate(dbn.layer_names):
                changed = any((now[i][key] != previous[i][key]).any() for key in now[i])
                assert changed == (name == epoch.layer), (epoch.layer, name)
        previous = now
    assert seen == [("h1", 1), ("h1", 2), ("h2", 1), ("h3", 1), ("h3", 2), ("h3", 3)]


def test_one_configuration_serves_all_layers(xp):
    epochs = list(train_dbn(build(xp), xp.asarray(images()), CDConfig(epochs=2), rng=make_rng(xp, 0)))
    assert [(e.layer, e.epoch) for e in epochs] == [(f"h{i}", n) for i in (1, 2, 3) for n in (1, 2)]


@pytest.mark.parametrize("flat", [False, True])
def test_the_mean_norm_of_the_images_is_recorded(xp, flat):
    dbn, data = build(xp), images()
    list(train_dbn(dbn, xp.asarray(data.reshape(N, 6) if flat else data), STILL, rng=make_rng(xp, 0)))
    assert type(dbn.input_norm) is float
    assert dbn.input_norm == pytest.approx(np.linalg.norm(data.reshape(N, 6), axis=1).mean(), rel=1e-12)


def test_data_are_left_unchanged(xp):
    data, held_out = xp.asarray(images()), xp.asarray(images(7))
    list(train_dbn(build(xp), data, CDConfig(epochs=1), rng=make_rng(xp, 0), held_out=held_out))
    np.testing.assert_array_equal(host(data), images())
    np.testing.assert_array_equal(host(held_out), images(7))


def but_seconds(epochs):
    return [{**asdict(epoch), "seconds": 0, "free_energy_gap": str(epoch.free_energy_gap)} for epoch in epochs]


def assert_same_bits(a, b):
    for mine, others in zip(params(a), params(b), strict=True):
        for name in mine:
            np.testing.assert_array_equal(mine[name], others[name], err_msg=name)


def copies(dbn, state):
    rbms = [type(rbm)(**{name: value.copy() for name, value in rbm.params().items()}) for rbm in dbn.rbms]
    cd = CDState(state.cd.epoch, {name: value.copy() for name, value in state.cd.arrays.items()})
    return DBN(rbms, dbn.input_shape, dbn.input_range, dbn.input_norm), DBNState(state.layers_done, cd)


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5, 6])
def test_an_interrupted_training_resumes_to_the_same_bits(xp, done):
    """Two epochs per layer, interrupted after each of the six, the last of a layer among them."""
    data, config = xp.asarray(images().astype(np.float32)), CDConfig(epochs=2, batch_size=15)

    def train(dbn, state):
        return train_dbn(dbn, data, config, rng=make_rng(xp, 4), state=state)

    dbn, state = build(xp, "float32"), DBNState()
    straight = list(train(dbn, state))
    first, first_state = build(xp, "float32"), DBNState()
    begun = list(itertools.islice(train(first, first_state), done))
    second, second_state = copies(first, first_state)
    rest = list(train(second, second_state))
    assert_same_bits(second, dbn)
    assert but_seconds(begun + rest) == but_seconds(straight)
    assert second_state.layers_done == state.layers_done == 3
    assert second.input_norm == dbn.input_norm


# --- streams


def chunks(xp, dtype="float32"):
    """A stream whose every epoch has images of its own."""
    return lambda epoch: xp.asarray(images(seed=100 + epoch).astype(dtype))


def test_a_stream_of_the_same_images_is_the_array(xp):
    data, ends = xp.asarray(images()), []
    for shown in (data, lambda epoch: data):
        dbn = build(xp)
        ends.append((dbn, list(train_dbn(dbn, shown, CDConfig(epochs=2, batch_size=15), rng=make_rng(xp, 4)))))
    assert_same_bits(ends[0][0], ends[1][0])
    assert but_seconds(ends[0][1]) == but_seconds(ends[1][1])
    assert ends[0][0].input_norm == ends[1][0].input_norm


def test_upper_layers_learn_from_every_epochs_own_images(xp):
    """The reconstruction error of epoch e at each layer is that of the images of epoch e, carried up to it."""
    dbn = build(xp)
    still = CDConfig(epochs=3, learning_rate=0, sparsity_target=None)
    epochs = list(train_dbn(dbn, chunks(xp, "float64"), still, rng=make_rng(xp, 0)))
    assert [(e.layer, e.epoch) for e in epochs] == [(f"h{i}", n) for i in (1, 2, 3) for n in (1, 2, 3)]
    for epoch in range(3):
        v = images(seed=100 + epoch).reshape(N, 6)
        for stats, p in zip(epochs[epoch::3], params(dbn), strict=True):
            h = expit(v @ p["W"] + p["hbias"])
            error = ((v - expit(h @ p["W"].T + p["vbias"])) ** 2).sum(axis=1).mean()
            assert stats.reconstruction_error == pytest.approx(error, rel=1e-9)
            v = h
    first = images(seed=100).reshape(N, 6)
    assert dbn.input_norm == pytest.approx(np.linalg.norm(first, axis=1).mean(), rel=1e-12)


@pytest.mark.parametrize("done", [1, 2, 3, 4, 5])
def test_an_interrupted_stream_resumes_to_the_same_bits(xp, done):
    config = CDConfig(epochs=2, batch_size=15)
    dbn, state = build(xp, "float32"), DBNState()
    straight = list(train_dbn(dbn, chunks(xp), config, rng=make_rng(xp, 4), state=state))
    first, first_state = build(xp, "float32"), DBNState()
    begun = list(itertools.islice(train_dbn(first, chunks(xp), config, rng=make_rng(xp, 4), state=first_state), done))
    second, second_state = copies(first, first_state)
    rest = list(train_dbn(second, chunks(xp), config, rng=make_rng(xp, 4), state=second_state))
    assert_same_bits(second, dbn)
    assert but_seconds(begun + rest) == but_seconds(straight)


def test_training_is_a_function_of_the_seed(xp):
    ends = []
    for seed in (1, 1, 2):
        dbn = build(xp)
        list(train_dbn(dbn, xp.asarray(images()), CDConfig(epochs=1, batch_size=20), rng=make_rng(xp, seed)))
        ends.append(dbn)
    assert_same_bits(ends[0], ends[1])
    for same, other in zip(params(ends[0]), params(ends[2]), strict=True):
        assert (same["W"] != other["W"]).any()


def test_layers_draw_different_numbers(xp):
    """Two layers of one size, same weights, same data: only their generators tell them apart."""
    W, b, c = oracles.machine(4, 4)
    dbn = DBN([RBM(*(xp.asarray(x) for x in (W, b, c))) for _ in range(2)], (4,))
    state = DBNState()
    chains = {}
    for epoch in train_dbn(dbn, xp.full((N, 4), 0.5), STILL, rng=make_rng(xp, 0), state=state):
        chains[epoch.layer] = host(state.cd.arrays["chains"])
    assert (chains["h1"] != chains["h2"]).mean() > 0.1


@pytest.mark.parametrize("n", [0, 2, 4])
def test_the_number_of_configurations_must_be_that_of_the_layers(xp, n):
    with pytest.raises(ValueError, match=f"got {n} configurations for 3 layers"):
        next(train_dbn(build(xp), xp.asarray(images()), [CDConfig()] * n, rng=make_rng(xp, 0)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 3, 3)), r"data: expected an array \(N, 2, 3\), got shape \(4, 3, 3\)"),
        (np.zeros((0, 2, 3)), r"at least one image, an array \(N, 2, 3\), got shape \(0, 2, 3\)"),
        (np.full((4, 2, 3), np.nan), "NaN or infinite"),
        (np.full((4, 2, 3), 2.0), r"\[0, 1\]"),
    ],
)
def test_data_that_do_not_fit_are_refused(xp, data, message):
    dbn = build(xp)
    with pytest.raises(ValueError, match=message):
        next(train_dbn(dbn, xp.asarray(data), CDConfig(), rng=make_rng(xp, 0)))
    assert_same_bits(dbn, build(xp))
    assert dbn.input_norm is None


# --- the start of the upper RBMs


def test_a_transposed_start_leaves_the_likelihood_of_the_rbm_below(xp):
    """Without hidden units of its own the upper RBM is the lower one turned over: its log p~(h) plus the log of
    p(v | h) summed over h is log p~(v), for every v, up to a constant of no consequence (none here)."""
    below = oracles.machine(4, 3, seed=1)
    dbn = DBN([RBM(*map(xp.asarray, below)), RBM(*map(xp.asarray, oracles.machine(3, 4, seed=2)))], (4,))
    set_to_transpose(dbn.rbms[1], dbn.rbms[0])
    v, h = oracles.states(4), oracles.states(3)
    given_h = expit(h @ below[0].T + below[1])  # p(v = 1 | h), (8, 4)
    log_v_given_h = v @ np.log(given_h).T + (1 - v) @ np.log1p(-given_h).T  # (16, 8)
    log_h = -host(dbn.rbms[1].free_energy(xp.asarray(h)))
    by_both = np.logaddexp.reduce(log_v_given_h + log_h, axis=1)
    np.testing.assert_allclose(by_both, -host(dbn.rbms[0].free_energy(xp.asarray(v))), rtol=1e-10)


def test_a_transposed_rbm_keeps_its_own_surplus_units_and_its_biases(xp):
    dbn = DBN(
        [RBM(*map(xp.asarray, oracles.machine(6, 3))), RBM(*map(xp.asarray, oracles.machine(3, 8, seed=1)))], (2, 3)
    )
    surplus = {"W": host(dbn.rbms[1].W)[:, 6:], "hbias": host(dbn.rbms[1].hbias)[6:]}
    config = CDConfig(epochs=1, learning_rate=0, start="transposed", sparsity_target=0.2)
    list(train_dbn(dbn, xp.asarray(images()), config, rng=make_rng(xp, 0)))
    below, above = params(dbn)
    np.testing.assert_array_equal(above["W"][:, :6], below["W"].T)
    np.testing.assert_array_equal(above["vbias"], below["hbias"])
    np.testing.assert_array_equal(above["hbias"][:6], below["vbias"])
    np.testing.assert_array_equal(above["W"][:, 6:], surplus["W"])
    np.testing.assert_array_equal(above["hbias"][6:], surplus["hbias"])


def test_a_transposed_start_resumes_to_the_same_bits(xp):
    config = CDConfig(epochs=3, batch_size=10, start="transposed")

    def build():
        return DBN([RBM(*map(xp.asarray, oracles.machine(6, 3))), RBM(*map(xp.asarray, oracles.machine(3, 8)))], (2, 3))

    whole, parts, state = build(), build(), DBNState()
    list(train_dbn(whole, xp.asarray(images()), config, rng=make_rng(xp, 0)))
    for _ in range(6):
        next(train_dbn(parts, xp.asarray(images()), config, rng=make_rng(xp, 0), state=state))
    for a, b in zip(params(whole), params(parts), strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


@pytest.mark.parametrize(("kind", "hidden"), [(RBM, 5), (GaussianRBM, 8)])
def test_a_transposed_start_needs_binary_units_and_room(kind, hidden):
    dbn = DBN([kind(*oracles.machine(6, 3)), RBM(*oracles.machine(3, hidden))], (2, 3))
    with pytest.raises(ValueError, match=rf"3 visible and {hidden} hidden units cannot start as the transpose"):
        next(train_dbn(dbn, images(), CDConfig(start="transposed"), rng=make_rng(np, 0)))
