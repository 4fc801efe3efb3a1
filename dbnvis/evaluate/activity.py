"""How often a hidden unit of an RBM is on when nothing is held: p(h_j = 1), in two ways.

From free chains, p(h_j = 1) is the mean of p(h_j = 1 | v) over their states, which has less variance than counting the
unit's own states (Rao-Blackwell); its error follows from the chains' effective number of draws. It presumes that
the chains have mixed.

From partition functions, p(h_j = 1) / p(h_j = 0) = Z_1 / Z_0, those of the machine with the unit fixed to 1 and to 0.
They differ by the unit's own weights alone, so that nothing else need be annealed: at beta the unit is "on to the
degree beta". It presumes that the chains it starts from have mixed with the unit off, but not that free chains turn
the unit on and off.

Of a block of detection units at most one is on. With r_i = Z_i / Z_0, of unit i of the block on and of all of them off,
each annealed by itself, the odds of unit j are r_j / (1 + sum of the other r_i).

References
----------
Neal (2001), "Annealed importance sampling".
Salakhutdinov, Murray (2008), "On the quantitative analysis of deep belief networks".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..backend import Array, array_module, to_numpy
from ..images import UNBOUNDED, check_images
from ..models.rbm import Machine
from ..numerics import log_mean_exp, sigmoid
from .chains import standard_error


def p_on_of_chains(rbm: Machine, v: Array, indices: Sequence[int], *, sweeps: int, rng: Any) -> tuple[Array, Array]:
    """p(h_j = 1) of the units `indices` from free chains that start at `v`.

    Parameters
    ----------
    rbm : RBM, or Unrolled
    v : array (C, V)
        States of the machine's own distribution, as good as they can be had.
    indices : sequence of int, length U
    sweeps : int
    rng : numpy or cupy Generator

    Returns
    -------
    p (U,), error (U,)
        NumPy arrays; the error is one Monte Carlo standard error.
    """
    v, xp = states_of(rbm, v), array_module(v)
    units, record = xp.asarray(list(indices)), []
    for _ in range(sweeps):
        v = rbm.sample_v_given_h(rbm.sample_h_given_v(v, rng=rng), rng=rng)
        record.append(rbm.mean_h_given_v(v)[:, units])
    x = to_numpy(xp.stack(record)).astype("float64")  # (T, C, U)
    errors = xp.asarray([standard_error(x[..., i]) for i in range(len(indices))])
    return x.mean(axis=(0, 1)), to_numpy(errors)


def annealed_log_odds(
    rbm: Machine, v: Array, indices: Sequence[int], *, burn_in: int = 100, steps: int = 100, rng: Any
) -> tuple[Array, Array]:
    """log(p(h_j = 1) / p(h_j = 0)) of the units `indices`, by annealing from the unit off to the unit on.

    Parameters
    ----------
    rbm : RBM, or Unrolled
        Of detection units, every unit of the block is annealed.
    v : array (U, C, V)
        Where the C chains of each unit start.
    indices : sequence of int, length U
    burn_in : int
        Sweeps with the unit off.
    steps : int
        Equal steps of beta.
    rng : generator
        `random(shape)` of (U, C, ...): `backend.UnitStreams`, so that a unit's numbers are its own.

    Returns
    -------
    log_odds (U,), error (U,)
        In nats; the mean weight estimates the odds without bias, its error is one standard error.
    """
    v = states_of(rbm, v.reshape(-1, rbm.n_visible)).reshape(v.shape)
    blocks = [rbm.block(j) for j in indices]
    of_unit, *of_others = [
        # A smaller block, cut off at the border, has no such unit: its last is annealed again, and not counted.
        _annealed(rbm, v, [block[min(i, len(block) - 1)] for block in blocks], blocks, burn_in, steps, rng)
        for i in range(max(map(len, blocks)))
    ]
    return _against(of_unit, of_others, [len(block) for block in blocks])


def _annealed(
    rbm: Machine, v: Array, units: Sequence[int], blocks: list[list[int]], burn_in: int, steps: int, rng: Any
) -> tuple[Array, Array]:
    """log(Z_1 / Z_0) of one unit of each of the `blocks`, the others of its block off, and the standard error: (U,)."""
    xp = array_module(v)
    own = xp.arange(len(v)), slice(None), xp.asarray(list(units))

    def sweep(v: Array, beta: float) -> Array:
        h = rbm.sample_h_given_v(v, rng=rng)
        for states, block in zip(h, blocks, strict=True):
            states[..., block] = 0
        h[own] = beta
        return rbm.sample_v_given_h(h, rng=rng)

    for _ in range(burn_in):
        v = sweep(v, 0.0)
    log_w = xp.zeros(v.shape[:2], dtype="float64")
    for now, following in pairwise(i / steps for i in range(steps + 1)):
        log_w += (following - now) * rbm.input_to_h(v)[own].astype("float64")
        v = sweep(v, following)
    w = xp.exp(log_w - log_w.max(axis=1, keepdims=True))
    return log_mean_exp(log_w, axis=1), w.std(axis=1, ddof=1) / (w.mean(axis=1) * v.shape[1] ** 0.5)


def _against(unit: tuple[Array, Array], others: list[tuple[Array, Array]], sizes: Sequence[int]) -> tuple[Array, Array]:
    """Log-odds of the unit against its block off or another of it on, and their error, from each log(Z_1 / Z_0)."""
    log_r, error = unit
    xp = array_module(log_r)
    log_rs = [
        xp.where(xp.asarray([size > i for size in sizes]), other, -math.inf)
        for i, (other, _) in enumerate(others, start=1)
    ]
    log_total = xp.zeros_like(log_r)  # of 1 + sum of r_i
    for each in log_rs:
        log_total = xp.logaddexp(log_total, each)
    variance = error**2
    for each, (_, its_error) in zip(log_rs, others, strict=True):
        variance = variance + (xp.exp(each - log_total) * its_error) ** 2
    return log_r - log_total, xp.sqrt(variance)


def states_of(rbm: Machine, v: Array) -> Array:
    """States v (N, V) of the visible units, or their means, as floats; ValueError for what binary units cannot be."""
    return check_images(v, shape=(rbm.n_visible,), within=(0.0, 1.0) if rbm.binary else UNBOUNDED, name="v")


def p_on_of_odds(log_odds: Array, error: Array) -> tuple[Array, Array]:
    """p(h_j = 1) and its standard error from the log-odds and theirs."""
    p = sigmoid(log_odds)
    return p, p * (1 - p) * error
