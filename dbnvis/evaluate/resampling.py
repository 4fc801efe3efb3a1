"""How sure a number is: bootstrap intervals, and a permutation test between two sets of pictures.

References
----------
Efron & Tibshirani (1993), "An introduction to the bootstrap".
Szekely & Rizzo (2013), "Energy statistics: a class of statistics based on distances".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module, check_rng


@dataclass(frozen=True)
class Estimate:
    """A statistic and the interval that its resamples span."""

    value: float
    low: float
    high: float


def _mean(x: Array, axis: int) -> Array:
    return x.mean(axis=axis)


def bootstrap(
    values: Array,
    *,
    rng: Any,
    statistic: Callable[..., Array] = _mean,
    resamples: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """Statistic of `values` (N,) with its percentile interval over resamples of the N.

    Parameters
    ----------
    values : array (N,)
    rng : numpy or cupy Generator
    statistic : callable
        (array, axis) -> array without that axis; the mean if absent.
    resamples : int
    level : float
        Share of the resamples inside the interval.

    Raises
    ------
    ValueError
        If there are no values, or one is not a number.
    """
    xp, n = array_module(values), len(values)
    if n == 0 or bool(xp.isnan(values).any()):
        raise ValueError(f"bootstrap needs numbers; of {n} values {int(xp.isnan(values).sum()) if n else 0} are NaN")
    rows = (check_rng(rng).random((resamples, n)) * n).astype("int64")
    draws = statistic(values[rows], axis=1)
    low, high = xp.quantile(draws, xp.asarray([0.5 - level / 2, 0.5 + level / 2]))
    return Estimate(*(float(x) for x in (statistic(values, axis=0), low, high)))


@dataclass(frozen=True)
class EnergyTest:
    """Are two sets drawn from one distribution?

    Parameters
    ----------
    distance : float
        Energy distance over twice the mean distance between the sets: 0 for one distribution, at most 1.
    null : float
        Its mean when the sets are mixed up.
    p_value : float
        Share of the permutations, the sets as they are among them, with at least that distance.
    """

    distance: float
    null: float
    p_value: float


def energy_test(a: Array, b: Array, *, rng: Any, permutations: int = 999) -> EnergyTest:
    """Permutation test of the energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| between two sets of points.

    Parameters
    ----------
    a : array (N, D)
    b : array (M, D)
    rng : numpy or cupy Generator
    permutations : int

    Raises
    ------
    ValueError
        If the points have other dimensions, or a set has fewer than two.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or min(len(a), len(b)) < 2:
        raise ValueError(f"expected two sets (N, D) and (M, D) of two points at least, got {a.shape} and {b.shape}")
    xp, n, m = array_module(a, b), len(a), len(b)
    x = xp.concatenate([a, b]).astype("float64")
    x = x - x.mean(axis=0)  # distances stay, differences of large numbers go
    square = (x * x).sum(axis=1)
    distances = xp.sqrt(xp.maximum(square[:, None] + square - 2 * (x @ x.T), 0))
    distances = distances * (1 - xp.eye(n + m))
    weights = xp.concatenate([xp.full(n, 1 / n), xp.full(m, -1 / m)])
    order = check_rng(rng).random((permutations, n + m)).argsort(axis=1)
    w = xp.concatenate([weights[None], weights[order]])  # the sets as they are, then mixed up
    energy = -((w @ distances) * w).sum(axis=1)  # -w'Dw
    between = (distances[:n, n:]).mean()
    # Equal arrangements differ by rounding alone.
    as_far = energy[1:] >= energy[0] - 1e-12 * between
    scale = float(2 * between) or 1.0
    p_value = (1 + int(as_far.sum())) / (1 + permutations)
    return EnergyTest(float(energy[0]) / scale, float(energy[1:].mean()) / scale, p_value)
