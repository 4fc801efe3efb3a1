"""What a small RBM believes, without sampling: the probability of every state, and the exact gradient of learning.

Everything is in float64 and in nats. The distance of a chain from the distribution that it should have is

    exact = visible_distribution(rbm)
    chains.total_variation(state_shares(samples), exact.p)

and what a machine believes of the pixels given that a hidden unit is on, `visible_distribution(clamp(rbm, unit)).mean`.

References
----------
Ackley, Hinton, Sejnowski (1985), "A learning algorithm for Boltzmann machines": the two phases.
Hinton (2002), "Training products of experts by minimizing contrastive divergence": the divergence that learning lowers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..backend import Array, array_module
from ..display import Brief
from ..models.rbm import RBM, GaussianRBM
from .likelihood import log_probability, visible_states
from .partition import CHUNK, LARGEST, binary_states, lists_hidden, log_partition, log_sum_exp, precise, smaller_side


@dataclass(frozen=True, eq=False, repr=False)
class Distribution(Brief):
    """The probability of every state of n binary units: a landscape of free energies F, p = exp(-F) / Z.

    Parameters
    ----------
    states : array (2**n, n)
        Of 0 and 1. State k is the number k written in binary, the first unit being the most significant digit, so
        that the state with unit i turned over is number k ^ 2**(n - 1 - i).
    free_energy : array (2**n,)
    log_z : float
    """

    states: Array
    free_energy: Array
    log_z: float

    @property
    def log_p(self) -> Array:
        """log p of every state, (2**n,)."""
        return -self.free_energy - self.log_z

    @property
    def p(self) -> Array:
        """Probability of every state, (2**n,), of sum 1."""
        return array_module(self.states).exp(self.log_p)

    @property
    def mean(self) -> Array:
        """Probability of every unit to be on, (n,)."""
        return self.p @ self.states


def visible_distribution(rbm: RBM) -> Distribution:
    """p(v) of all states of the visible units, with F(v) = -log sum_h exp(-E(v, h)).

    Raises
    ------
    TypeError
        If the visible units are Gaussian, or `rbm` is no RBM.
    ValueError
        If there are more than 20 visible units.
    """
    rbm = precise(rbm)
    if isinstance(rbm, GaussianRBM):
        raise TypeError(
            "the states of Gaussian visible units are real numbers and cannot be listed; see hidden_distribution, or "
            "log_probability for the density of images"
        )
    return _distribution(rbm, rbm.n_visible, "visible", rbm.free_energy)


def hidden_distribution(rbm: RBM) -> Distribution:
    """p(h) of all states of the hidden units, with the free energy -log sum_v exp(-E(v, h)).

    Raises
    ------
    TypeError
        If `rbm` is no RBM.
    ValueError
        If there are more than 20 hidden units.
    """
    rbm = precise(rbm)
    return _distribution(rbm, rbm.n_hidden, "hidden", rbm.hidden_free_energy)


def _distribution(rbm: RBM, n: int, side: str, free_energy: Callable[[Array], Array]) -> Distribution:
    if n > LARGEST:
        raise ValueError(
            f"{n} {side} units have {2**n:.3g} states; all can be listed up to {LARGEST} units. Take a smaller machine"
        )
    xp = array_module(rbm.W)
    states = binary_states(n, xp)
    energies = xp.concatenate([free_energy(states[i : i + CHUNK]) for i in range(0, len(states), CHUNK)])
    return Distribution(states, energies, log_sum_exp(-energies))


def state_shares(v: Array) -> Array:
    """How often each state occurs among binary rows `v` (..., n): (2**n,), in the order of `Distribution`.

    Raises
    ------
    ValueError
        If a unit is neither 0 nor 1, there is no row, or there are more than 20 units.
    """
    n = v.shape[-1]
    if v.size == 0 or n > LARGEST:
        raise ValueError(f"expected rows of 1 to {LARGEST} units, got an array of shape {tuple(v.shape)}")
    if not bool(((v == 0) | (v == 1)).all()):
        raise ValueError("expected states of 0 and 1; means are no states, draw some (sample_v_given_h)")
    xp = array_module(v)
    numbers = v.reshape(-1, n).astype("int64") @ 2 ** xp.arange(n)[::-1]
    return xp.bincount(numbers, minlength=2**n) / len(numbers)


# --- learning


def positive_phase(rbm: RBM, v: Array) -> dict[str, Array]:
    """What the data say of each parameter: E[v h'], E[v], E[h] over the images `v` (N, V) and h ~ p(h | v).

    Of Gaussian units (v - vbias) / variance stands in place of E[v].

    Raises
    ------
    TypeError
        If `rbm` is no RBM.
    ValueError
        If v are no states of the visible units.
    """
    rbm = precise(rbm)
    return {name: -x for name, x in rbm.free_energy_grad(visible_states(rbm, v)).items()}


def negative_phase(rbm: RBM) -> dict[str, Array]:
    """What the machine itself says of each parameter: as `positive_phase`, over all v and h by their probability.

    This is the gradient of log Z, which CD and PCD estimate from samples.

    Raises
    ------
    TypeError
        If `rbm` is no RBM.
    ValueError
        If the smaller side has more than 20 units.
    """
    rbm, log_z = precise(rbm), log_partition(rbm)
    xp = array_module(rbm.W)
    total = {name: xp.zeros_like(x) for name, x in rbm.params().items()}
    for states in smaller_side(rbm):
        if lists_hidden(rbm):
            v, h, energies = rbm.mean_v_given_h(states), states, rbm.hidden_free_energy(states)
        else:
            v, h, energies = states, rbm.mean_h_given_v(states), rbm.free_energy(states)
        p = xp.exp(-energies - log_z)
        total["W"] += (v * p[:, None]).T @ h
        total["vbias"] += p @ v
        total["hbias"] += p @ h
    if isinstance(rbm, GaussianRBM):
        total["vbias"] = (total["vbias"] - rbm.vbias) / rbm.variance
    return total


def likelihood_gradient(rbm: RBM, v: Array) -> dict[str, Array]:
    """Gradient of the mean log p of the images `v` (N, V) by each parameter: positive minus negative phase, exact.

    Errors are those of the two.
    """
    positive, negative = positive_phase(rbm, v), negative_phase(rbm)
    return {name: positive[name] - negative[name] for name in positive}


def divergence(rbm: RBM, v: Array) -> float:
    """Kullback-Leibler divergence of the data's distribution to the machine's: sum_v p_data (log p_data - log p).

    In nats, at least 0, and 0 where the two are equal. p_data(v) is the share of the rows that equal v.

    Parameters
    ----------
    rbm : RBM
        Of binary units.
    v : array (N, V)
        All the data, of 0 and 1; what occurs more often is given more often.

    Raises
    ------
    TypeError
        If the visible units are Gaussian, or `rbm` is no RBM.
    ValueError
        If v are no states of the visible units, or the smaller side has more than 20 units.
    """
    rbm = precise(rbm)
    if isinstance(rbm, GaussianRBM):
        raise TypeError("a list of images has no density, so none to compare with that of Gaussian units")
    xp = array_module(rbm.W)
    rows, counts = xp.unique(visible_states(rbm, v), axis=0, return_counts=True)
    share = counts / counts.sum()
    return float(share @ (xp.log(share) - log_probability(rbm, rows, log_partition(rbm))))
