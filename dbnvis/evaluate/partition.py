"""The states of a small RBM, listed, and its partition function, exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..backend import Array, array_module
from ..models.rbm import RBM, GaussianRBM

LARGEST = 20  # units of which all states are listed: 2**20 states
CHUNK = 2**12  # states at once


def log_partition(rbm: RBM) -> float:
    """log Z in nats by enumeration of the smaller side, in float64.

    Raises
    ------
    TypeError
        If `rbm` is no RBM.
    ValueError
        If the smaller side has more than 20 units; use `ais` and `reverse_ais` then.
    """
    rbm, xp = precise(rbm), array_module(rbm.W)
    free_energy = rbm.hidden_free_energy if lists_hidden(rbm) else rbm.free_energy
    terms = xp.concatenate([-free_energy(states) for states in smaller_side(rbm)])
    return log_sum_exp(terms)


def precise(rbm: RBM) -> RBM:
    """`rbm` in float64; TypeError if it is no RBM, ValueError if a parameter is not finite."""
    if not isinstance(rbm, RBM):
        raise TypeError(f"expected an RBM, such as dbn.rbms[0], got {type(rbm).__name__}")
    for name, x in rbm.params().items():
        if not bool(array_module(x).isfinite(x).all()):
            raise ValueError(f"{name} of the RBM is NaN or infinite somewhere, so it has no probabilities")
    return replace(rbm, **{name: x.astype("float64") for name, x in rbm.params().items()})


def lists_hidden(rbm: RBM) -> bool:
    """Whether the smaller side, whose states can be listed, is the hidden one."""
    return rbm.n_hidden <= rbm.n_visible or isinstance(rbm, GaussianRBM)


def smaller_side(rbm: RBM) -> Iterator[Array]:
    """All states of the smaller side (`lists_hidden`), some at a time; ValueError if it has more than 20 units."""
    n = rbm.n_hidden if lists_hidden(rbm) else rbm.n_visible
    if n > LARGEST:
        raise ValueError(
            f"the smaller side has {n} units, {2**n:.3g} states; exact up to {LARGEST}, use ais and reverse_ais"
        )
    return (binary_states(n, array_module(rbm.W), i, min(i + CHUNK, 2**n)) for i in range(0, 2**n, CHUNK))


def binary_states(n: int, xp: Any, first: int = 0, last: int | None = None) -> Array:
    """The states number `first` to `last` - 1 of n binary units, by default all 2**n: (last - first, n), in float64.

    State k is the number k written in binary, the first unit being the most significant digit.
    """
    numbers = xp.arange(first, 2**n if last is None else last)[:, None]
    return (numbers // 2 ** xp.arange(n)[::-1] % 2).astype("float64")


def log_sum_exp(terms: Array) -> float:
    """log sum exp of `terms` (N,), without overflow."""
    top = float(terms.max())
    return top + float(array_module(terms).log(array_module(terms).exp(terms - top).sum()))
