"""The partition function of a small RBM, exactly."""

from __future__ import annotations

from dataclasses import replace

from ..backend import Array, array_module
from ..models.rbm import RBM, GaussianRBM

LARGEST = 20  # units on the smaller side: 2**20 states
CHUNK = 2**12  # states at once


def log_partition(rbm: RBM) -> float:
    """log Z in nats by enumeration of the smaller side, in float64.

    Raises
    ------
    ValueError
        If the smaller side has more than 20 units; use `ais` and `reverse_ais` then.
    """
    hidden = rbm.n_hidden <= rbm.n_visible or isinstance(rbm, GaussianRBM)
    n = rbm.n_hidden if hidden else rbm.n_visible
    if n > LARGEST:
        raise ValueError(
            f"the smaller side has {n} units, {2**n:.3g} states; exact up to {LARGEST}, use ais and reverse_ais"
        )
    xp = array_module(rbm.W)
    rbm = replace(rbm, **{name: x.astype("float64") for name, x in rbm.params().items()})
    free_energy = rbm.hidden_free_energy if hidden else rbm.free_energy
    parts = [-free_energy(_states(xp, first, min(first + CHUNK, 2**n), n)) for first in range(0, 2**n, CHUNK)]
    terms = xp.concatenate(parts)
    top = float(terms.max())
    return top + float(xp.log(xp.exp(terms - top).sum()))


def _states(xp: object, first: int, last: int, n: int) -> Array:
    """The binary states number `first` to `last` - 1 of n units, (last - first, n)."""
    numbers = xp.arange(first, last)[:, None]  # type: ignore[attr-defined]
    return (numbers // 2 ** xp.arange(n) % 2).astype("float64")  # type: ignore[attr-defined]
