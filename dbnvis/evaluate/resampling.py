"""How sure a number is: 95 % intervals of a mean, a median or a share over units.

References
----------
Efron & Tibshirani (1993), "An introduction to the bootstrap".
Wilson (1927), "Probable inference, the law of succession, and statistical inference".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from ..backend import Array, array_module, check_rng
from ..display import Tabular


@dataclass(frozen=True, repr=False)
class Estimate(Tabular):
    """A statistic and its interval."""

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
    """Statistic of `values` (N, ...) with its percentile interval over resamples of the N.

    Of a share take `share`: where all N are alike, all resamples are, too, and the interval would be a point.

    Parameters
    ----------
    values : array (N, ...)
        A row with several numbers is drawn as a whole: they are paired.
    rng : numpy or cupy Generator
    statistic : callable
        (array, axis) -> array without that axis, a number for each resample; default: the mean.
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


def share(yes: Array, *, level: float = 0.95) -> Estimate:
    """Share of the N that are true, with Wilson's interval: of 250 of 250 it is [0.985, 1].

    Parameters
    ----------
    yes : array (N,) of bool
    level : float
        Probability that the interval covers the share.

    Raises
    ------
    ValueError
        If there are no values, or they are not truth values.
    """
    n = len(yes)
    if n == 0 or yes.dtype != bool:
        raise ValueError(f"a share needs truth values, got {n} of type {yes.dtype}")
    p, z = float(yes.mean()), NormalDist().inv_cdf(0.5 + level / 2)
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return Estimate(p, max(centre - half, 0.0), min(centre + half, 1.0))
