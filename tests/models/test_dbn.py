"""dbnvis.models.dbn: the passes against formulas by hand, fantasies against enumeration."""

import itertools

import numpy as np
import oracles
import pytest
from counts import host
from oracles import numerical_gradient
from scipy import stats
from scipy.special import expit

from dbnvis import DBN, RBM
from dbnvis.backend import make_rng

SIZES, SHAPE = (6, 5, 4, 3), (2, 3)
LEVEL = 1e-3  # of every statistical test; seeds are fixed
N = 20_000


def stack(sizes=SIZES, seed=0):
    """Parameters of a stack, none of them zero."""
    return [oracles.machine(v, h, seed=seed + i) for i, (v, h) in enumerate(itertools.pairwise(sizes))]


def build(xp, parameters=None, shape=SHAPE):
    parameters = stack() if parameters is None else parameters
    return DBN([RBM(*(xp.asarray(x) for x in machine)) for machine in parameters], shape)


def images(n=7):
    return np.random.default_rng(3).random((n, *SHAPE))


# --- passes


def up(v, depth):
    """Up with hidden biases, written out."""
    (W1, _, c1), (W2, _, c2), (W3, _, c3) = stack()
    x = v.reshape(len(v), 6)
    h1 = expit(x @ W1 + c1)
    h2 = expit(h1 @ W2 + c2)
    return [h1, h2, expit(h2 @ W3 + c3)][depth - 1]


def down(h, depth):
    """Down with visible biases, written out."""
    (W1, b1, _), (W2, b2, _), (W3, b3, _) = stack()
    if depth == 3:
        h = expit(h @ W3.T + b3)
    if depth >= 2:
        h = expit(h @ W2.T + b2)
    return expit(h @ W1.T + b1).reshape(*h.shape[:-1], 2, 3)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_encode(xp, depth):
    dbn, v = build(xp), images()
    expected = up(v, depth)
    np.testing.assert_allclose(host(dbn.encode(xp.asarray(v), f"h{depth}")), expected, rtol=1e-12)
    np.testing.assert_allclose(host(dbn.encode(xp.asarray(v.reshape(7, 6)), f"h{depth}")), expected, rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_decode(xp, depth):
    h = np.random.default_rng(1).random((2, 4, SIZES[depth]))
    pictures = build(xp).decode(xp.asarray(h), f"h{depth}")
    assert pictures.shape == (2, 4, 2, 3)
    np.testing.assert_allclose(host(pictures), down(h, depth), rtol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_network_computes_what_encode_computes(xp, depth):
    dbn, v = build(xp), images()
    network = dbn.network.upto(f"h{depth}")
    np.testing.assert_allclose(host(network.forward(xp.asarray(v))[0]), up(v, depth), rtol=1e-12)
    pre = host(dbn.network.upto(f"h{depth}.pre").forward(xp.asarray(v))[0])
    np.testing.assert_allclose(expit(pre), up(v, depth), rtol=1e-12)
    np.testing.assert_allclose(host(dbn.network.forward(xp.asarray(v))[0]), up(v, 3), rtol=1e-12)


@pytest.mark.parametrize("address", ["h3.pre", "h3"])
def test_pullback_through_three_layers(xp, address):
    dbn, v = build(xp), images(2)
    gy = np.random.default_rng(2).normal(size=(2, 3))
    (_, _, _), (_, _, _), (W3, _, c3) = stack()
    last = (lambda h2: h2 @ W3 + c3) if address == "h3.pre" else (lambda h2: expit(h2 @ W3 + c3))
    expected = numerical_gradient(lambda v: (last(up(v, 2)) * gy).sum(), v)
    pullback = dbn.network.upto(address).forward(xp.asarray(v))[1]
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-5, atol=1e-9)


def test_names_and_sizes(xp):
    dbn = build(xp)
    assert dbn.layer_names == ["h1", "h2", "h3"]
    assert dbn.sizes == list(SIZES)
    assert [dbn.depth(name) for name in dbn.layer_names] == [1, 2, 3]
    assert [dbn.layer_shape(name) for name in dbn.layer_names] == [(5,), (4,), (3,)]
    assert list(dbn.network.layers) == ["input", "h1.pre", "h1", "h2.pre", "h2", "h3.pre", "h3"]
    assert dbn.xp is xp and dbn.dtype == np.float64
    assert dbn.input_range == (0, 1) and dbn.input_norm is None


# --- sampling


def z_test(pixels, mean, sd):
    """p-value, Bonferroni-corrected, that rows `pixels` (N, V) have the given mean, with sd known."""
    z = (pixels.mean(axis=0) - mean) / (sd / np.sqrt(len(pixels)))
    return min(1, 2 * stats.norm.sf(np.abs(z).max()) * len(mean))


def moments(p, values):
    """Mean and standard deviation of each column of `values` (states, V) with probabilities `p` (states,)."""
    mean = p @ values
    return mean, np.sqrt(p @ values**2 - mean**2)


def test_fantasies_of_one_layer_have_the_models_mean(xp, rng):
    parameters = stack((6, 4))
    mean, sd = moments(oracles.p_h(*parameters[0]), oracles.mean_v_given_h(*parameters[0]))
    np.testing.assert_allclose(mean, oracles.mean_v(*parameters[0]), rtol=1e-10)  # the oracle's own check
    dbn = build(xp, parameters)
    pixels = dbn.sample(N, "h1", 40, rng=rng)
    assert pixels.shape == (N, 2, 3)
    assert z_test(host(pixels).reshape(N, 6), mean, sd) > LEVEL
    # The chains have not forgotten their start after no sweep: the test can fail.
    assert z_test(host(dbn.sample(N, "h1", 0, rng=rng)).reshape(N, 6), mean, sd) < 1e-6


def test_fantasies_of_two_layers_pass_down_binary_states(xp, rng):
    """The top RBM's p(v) drives the lowest layer's pixel probabilities."""
    parameters = stack((6, 5, 4))
    mean, sd = moments(oracles.p_v(*parameters[1]), oracles.mean_v_given_h(*parameters[0]))
    pixels = build(xp, parameters).sample(N, "h2", 40, rng=rng)
    assert z_test(host(pixels).reshape(N, 6), mean, sd) > LEVEL


def test_fantasies_start_from_given_images(xp, rng):
    """No sweep: v -> h1 (sampled) -> h2 (sampled) -> h1 (sampled) -> pixel means, each exact by enumeration."""
    parameters = [(3 * W, b, c) for W, b, c in stack((6, 5, 4))]  # strong: means and samples differ
    binary = 41  # a state of the pixels
    start = np.tile(oracles.states(6)[binary], (N, 1)).reshape(N, 2, 3)
    p_h1 = oracles.p_h_given_v(*parameters[0])[binary]
    p_h1 = p_h1 @ oracles.gibbs_kernel(*parameters[1])
    mean, sd = moments(p_h1, oracles.mean_v_given_h(*parameters[0]))
    x = xp.asarray(start)
    pixels = build(xp, parameters).sample(N, "h2", 0, rng=rng, start=x)
    assert z_test(host(pixels).reshape(N, 6), mean, sd) > LEVEL
    np.testing.assert_array_equal(host(x), start)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_sample_decode_draws_binary_states_on_the_way(xp, rng, depth):
    parameters = stack()
    p = np.eye(2 ** SIZES[depth])[5]  # over the states of the layer: one of them
    for machine in reversed(parameters[1:depth]):
        p = p @ oracles.p_v_given_h(*machine)
    mean, sd = moments(p, oracles.mean_v_given_h(*parameters[0]))
    h = np.tile(oracles.states(SIZES[depth])[5], (N, 1)).reshape(2, N // 2, -1)
    pixels = build(xp).sample_decode(xp.asarray(h), f"h{depth}", rng=rng)
    assert pixels.shape == (2, N // 2, 2, 3)
    pixels = host(pixels).reshape(N, 6)
    if depth == 1:  # nothing is drawn: the means themselves
        np.testing.assert_allclose(pixels, np.tile(mean, (N, 1)), rtol=1e-12)
    else:
        assert z_test(pixels, mean, sd) > LEVEL
        # as many different pictures as h1 has states: h1 was binary
        assert len(np.unique(pixels.round(9), axis=0)) <= 2 ** SIZES[1]


def test_sampling_is_a_function_of_the_seed(xp):
    dbn = build(xp)
    first, again, other = (host(dbn.sample(5, "h3", 3, rng=make_rng(xp, seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


# --- construction and mistakes


def test_random(xp, rng):
    dbn = DBN.random((6, 5, 4), (2, 3), rng=rng)
    assert dbn.sizes == [6, 5, 4] and dbn.dtype == np.float32 and dbn.xp is xp


def test_sizes_must_fit_together(xp):
    first, second = (RBM(*(xp.asarray(x) for x in machine)) for machine in (stack()[0], stack()[2]))
    with pytest.raises(ValueError, match=r"RBM 1 has 5 hidden units, RBM 2 has 4 visible units"):
        DBN([first, second], (2, 3))
    with pytest.raises(ValueError, match=r"\(2, 4\) have 8 pixels, the lowest RBM has 6"):
        DBN([first], (2, 4))
    with pytest.raises(ValueError, match="at least one RBM"):
        DBN([], (2, 3))


def test_an_unknown_layer_lists_those_there_are(xp, rng):
    dbn = build(xp)
    for call in (
        lambda: dbn.encode(xp.asarray(images()), "h4"),
        lambda: dbn.decode(xp.zeros((1, 3)), "h4"),
        lambda: dbn.layer_shape("h4"),
        lambda: dbn.sample(1, "h4", 1, rng=rng),
    ):
        with pytest.raises(KeyError, match="no layer 'h4'; the model has h1, h2, h3"):
            call()


def test_wrong_batches_are_refused(xp, rng):
    dbn = build(xp)
    with pytest.raises(ValueError, match="batch has 8 columns, the RBM has 6 visible units"):
        dbn.encode(xp.zeros((2, 8)), "h1")
    with pytest.raises(ValueError, match="batch has 5 columns, the RBM has 3 hidden units"):
        dbn.decode(xp.zeros((2, 5)), "h3")
    with pytest.raises(ValueError, match="expected 4 start images, got 3"):
        dbn.sample(4, "h1", 1, rng=rng, start=xp.zeros((3, 2, 3)))


@pytest.mark.parametrize("sizes", [(4, 0), (4, 3, -2)])
def test_an_empty_layer_is_refused(xp, rng, sizes):
    with pytest.raises(ValueError, match="at least one unit"):
        DBN.random(sizes, (2, 2), rng=rng)
