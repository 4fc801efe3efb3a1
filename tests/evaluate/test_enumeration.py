"""dbnvis.evaluate.enumeration: small machines, against loops over every pair of states, and finite differences."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import oracles
import pytest
from counts import host

from dbnvis import DBN, RBM, GaussianRBM, clamp, gibbs
from dbnvis.backend import make_rng
from dbnvis.datasets import bars_and_stripes
from dbnvis.evaluate.chains import total_variation
from dbnvis.evaluate.enumeration import (
    divergence,
    hidden_distribution,
    likelihood_gradient,
    negative_phase,
    positive_phase,
    state_shares,
    visible_distribution,
)
from dbnvis.evaluate.likelihood import log_probability
from dbnvis.evaluate.partition import binary_states, log_partition

SIZES = [(5, 3), (3, 5), (1, 4), (4, 1)]


def build(xp, parameters, kind=RBM, dtype="float64", **rest):
    return kind(*(xp.asarray(x.astype(dtype)) for x in parameters), **rest)


def rows(xp, v):
    return xp.asarray(np.asarray(v, "float64"))


# --- distributions


@pytest.mark.parametrize("n", [1, 4])
def test_states_count_in_binary(xp, n):
    np.testing.assert_array_equal(host(binary_states(n, xp)), oracles.states(n))


@pytest.mark.parametrize(("n_visible", "n_hidden"), SIZES)
def test_probabilities_are_those_of_all_pairs_of_states(xp, n_visible, n_hidden):
    machine = oracles.machine(n_visible, n_hidden, seed=2)
    v, h = visible_distribution(build(xp, machine)), hidden_distribution(build(xp, machine))
    np.testing.assert_allclose(host(v.p), oracles.p_v(*machine), rtol=1e-12)
    np.testing.assert_allclose(host(h.p), oracles.p_h(*machine), rtol=1e-12)
    np.testing.assert_array_equal(host(v.states), oracles.states(n_visible))
    np.testing.assert_array_equal(host(h.states), oracles.states(n_hidden))
    for found in (v, h):
        assert float(found.p.sum()) == pytest.approx(1, abs=1e-12)
        assert found.log_z == pytest.approx(oracles.log_z(*machine), rel=1e-12)
    np.testing.assert_allclose(host(v.mean), oracles.mean_v(*machine), rtol=1e-12)


def test_the_free_energy_sums_the_energies_of_all_hidden_states(xp):
    machine = oracles.machine(4, 3, seed=1)
    found = visible_distribution(build(xp, machine))
    for v, free_energy in zip(oracles.states(4), host(found.free_energy), strict=True):
        energies = np.array([oracles.energy(v, h, *machine) for h in oracles.states(3)])
        assert free_energy == pytest.approx(-np.log(np.exp(-energies).sum()), abs=1e-12)


def test_a_machine_in_single_precision_is_enumerated_in_double():
    machine = [x.astype("float32").astype("float64") for x in oracles.machine(6, 4, seed=3)]
    found = visible_distribution(build(np, machine, dtype="float32"))
    np.testing.assert_allclose(found.p, oracles.p_v(*machine), rtol=1e-12)


def test_large_energies_do_not_overflow():
    """Of two units with biases 900 and -900 one is on and one off; exp(900) is no float64."""
    found = visible_distribution(RBM(np.zeros((2, 1)), np.array([900.0, -900.0]), np.zeros(1)))
    np.testing.assert_array_equal(found.p, [0, 0, 1, 0])


def test_more_states_than_fit_into_one_chunk():
    b = np.linspace(-1, 1, 14)
    found = visible_distribution(RBM(np.zeros((14, 2)), b, np.zeros(2)))
    assert found.p.shape == (2**14,)
    np.testing.assert_allclose(found.mean, 1 / (1 + np.exp(-b)), rtol=1e-12)


def test_what_a_machine_believes_of_the_pixels_while_a_unit_is_on(xp):
    machine = oracles.machine(4, 3, seed=4)
    for unit in range(3):
        found = visible_distribution(clamp(build(xp, machine), unit))
        np.testing.assert_allclose(host(found.p), oracles.p_v_given_unit_on(*machine, unit), rtol=1e-12)


def test_hidden_states_of_gaussian_pixels(xp):
    """p(h) by integrating a single pixel on a grid."""
    W, b, c = oracles.machine(1, 3, seed=1)
    grid = np.linspace(-30, 30, 20_001)
    weights = [np.exp(-((grid - b) ** 2) / 2 + h @ c + grid * (W[0] @ h)).sum() for h in oracles.states(3)]
    found = hidden_distribution(build(xp, (W, b, c), GaussianRBM))
    np.testing.assert_allclose(host(found.p), weights / np.sum(weights), rtol=1e-9)


# --- histograms


def test_the_histogram_of_a_long_chain_is_the_distribution_and_no_other(xp):
    machine = oracles.machine(4, 3, seed=5)
    rbm, wrong = build(xp, machine), build(xp, (machine[0], -machine[1], machine[2]))
    rng = make_rng(xp, 0)
    v = gibbs(rbm, rbm.random_v((500, 4), rng=rng), 50, rng=rng)
    chain = []
    for _ in range(100):
        v = gibbs(rbm, v, 1, rng=rng)
        chain.append(v)
    shares = state_shares(xp.stack(chain))
    assert float(shares.sum()) == pytest.approx(1)
    assert total_variation(shares, visible_distribution(rbm).p) < 0.02
    assert total_variation(shares, visible_distribution(wrong).p) > 0.3


def test_shares_of_states_by_hand(xp):
    shares = state_shares(rows(xp, [[[0, 1], [1, 0]], [[1, 0], [1, 1]]]))
    np.testing.assert_array_equal(host(shares), [0, 0.25, 0.5, 0.25])


# --- learning


@pytest.mark.parametrize(("n_visible", "n_hidden"), SIZES)
def test_the_phases_are_sums_over_all_states(xp, n_visible, n_hidden):
    machine = oracles.machine(n_visible, n_hidden, seed=6)
    rbm = build(xp, machine)
    data = (np.random.default_rng(0).random((9, n_visible)) < 0.4).astype("float64")
    model_side = oracles.statistics(oracles.p_v(*machine), *machine)
    data_side = oracles.statistics(oracles.empirical(data), *machine)
    for found, expected in ((negative_phase(rbm), model_side), (positive_phase(rbm, rows(xp, data)), data_side)):
        for name, x in zip(("W", "vbias", "hbias"), expected, strict=True):
            np.testing.assert_allclose(host(found[name]), x, atol=1e-12)


def mean_log_p(rbm, v):
    return float(log_probability(rbm, v, log_partition(rbm)).mean())


@pytest.mark.parametrize("kind", [RBM, GaussianRBM])
@pytest.mark.parametrize(("n_visible", "n_hidden"), SIZES)
def test_the_gradient_is_that_of_finite_differences(kind, n_visible, n_hidden):
    rest = {} if kind is RBM else {"variance": 0.6}
    rbm = build(np, oracles.machine(n_visible, n_hidden, seed=7, scale=0.5), kind, **rest)
    v = np.random.default_rng(1).random((6, n_visible))
    v = v if kind is GaussianRBM else (v < 0.5).astype("float64")
    found = likelihood_gradient(rbm, v)
    for name, x in rbm.params().items():
        expected = oracles.numerical_gradient(lambda x, name=name: mean_log_p(replace(rbm, **{name: x}), v), x)
        np.testing.assert_allclose(found[name], expected, atol=1e-6)


def test_a_machine_in_many_chunks_has_the_gradient_of_independent_units():
    b, c = np.linspace(-1, 1, 15), np.linspace(-2, 2, 14)
    found = negative_phase(RBM(np.zeros((15, 14)), b, c))
    on, hidden = 1 / (1 + np.exp(-b)), 1 / (1 + np.exp(-c))
    for name, expected in {"W": np.outer(on, hidden), "vbias": on, "hbias": hidden}.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-11)


def test_divergence_is_the_sum_over_states(xp):
    machine = oracles.machine(4, 3, seed=8)
    data = (np.random.default_rng(2).random((20, 4)) < 0.3).astype("float64")
    q, p = oracles.empirical(data), oracles.p_v(*machine)
    expected = (q[q > 0] * np.log(q[q > 0] / p[q > 0])).sum()
    assert divergence(build(xp, machine), rows(xp, data)) == pytest.approx(expected, rel=1e-12)


def test_divergence_is_zero_where_the_two_are_equal_alone(xp):
    """With W = log 3 to both pixels and no bias p is 2, 4, 4 and 10 twentieths."""
    rbm = RBM(rows(xp, [[np.log(3)], [np.log(3)]]), rows(xp, [0, 0]), rows(xp, [0]))
    data = oracles.states(2)[np.repeat(range(4), (1, 2, 2, 5))]
    assert divergence(rbm, rows(xp, data)) == pytest.approx(0, abs=1e-15)
    assert divergence(rbm, rows(xp, np.vstack([data, data, [[0, 0]]]))) > 1e-3


def test_ascent_by_the_exact_gradient_lowers_the_divergence(xp):
    data = rows(xp, bars_and_stripes(3).reshape(-1, 9))
    rbm = RBM.random(9, 4, rng=make_rng(xp, 0), scale=0.5, dtype="float64")
    found = [divergence(rbm, data)]
    for _ in range(300):
        gradient = likelihood_gradient(rbm, data)
        rbm = RBM(**{name: x + 0.3 * gradient[name] for name, x in rbm.params().items()})
        found.append(divergence(rbm, data))
    assert all(later < earlier for earlier, later in pairwise(found))
    assert 0 < found[-1] < 0.7 * found[0]


# --- refusals


def zeros(n_visible, n_hidden, kind=RBM):
    return kind(np.zeros((n_visible, n_hidden)), np.zeros(n_visible), np.zeros(n_hidden))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: visible_distribution(zeros(21, 2)), ValueError, "21 visible units have 2.1e.06 states.* up to 20"),
        (lambda: hidden_distribution(zeros(2, 21)), ValueError, "21 hidden units have"),
        (lambda: negative_phase(zeros(21, 21)), ValueError, "the smaller side has 21 units"),
        (lambda: divergence(zeros(21, 21), np.zeros((1, 21))), ValueError, "the smaller side has 21 units"),
        (lambda: visible_distribution(zeros(2, 2, GaussianRBM)), TypeError, "cannot be listed; see hidden_dist"),
        (lambda: divergence(zeros(2, 2, GaussianRBM), np.zeros((1, 2))), TypeError, "has no density"),
        (lambda: negative_phase(zeros(2, 21, GaussianRBM)), ValueError, "the smaller side has 21 units"),
        (
            lambda: visible_distribution(DBN([zeros(4, 2)], (2, 2))),
            TypeError,
            r"an RBM, such as dbn.rbms\[0\], got DBN",
        ),
        (
            lambda: negative_phase(RBM(np.full((2, 1), np.nan), np.zeros(2), np.zeros(1))),
            ValueError,
            "W of the RBM is NaN",
        ),
        (lambda: divergence(zeros(2, 2), np.full((1, 2), 0.5)), ValueError, "pixels of 0 and 1"),
        (lambda: likelihood_gradient(zeros(2, 2), np.zeros((1, 3))), ValueError, "expected an array"),
        (lambda: state_shares(np.full((3, 2), 0.5)), ValueError, "expected states of 0 and 1"),
        (lambda: state_shares(np.zeros((0, 2))), ValueError, r"shape \(0, 2\)"),
        (lambda: state_shares(np.zeros((1, 21))), ValueError, "1 to 20 units"),
    ],
)
def test_what_cannot_be_listed_is_refused(call, error, words):
    with pytest.raises(error, match=words):
        call()
