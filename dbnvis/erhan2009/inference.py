"""Tests in which networks, not units, are repeated.

The units of one network were trained together, on the same data from the same start, so they are not independent
draws of what a recipe gives: two networks of one recipe that differ by their seed alone differ at p = 0.001 if units
count as independent. What is said of a recipe needs several networks; here each counts once.

References
----------
Szekely & Rizzo (2013), "Energy statistics: a class of statistics based on distances".
Rizzo & Szekely (2010), "DISCO analysis: a nonparametric extension of analysis of variance".
Holm (1979), "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from ..backend import Array, array_module


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values: those up to a level are false, any of them, at most that often.

    Parameters
    ----------
    p_values : sequence of float, length M
        In [0, 1], of the conditions of one family.
    """
    m, largest = len(p_values), 0.0
    adjusted = [0.0] * m
    for rank, i in enumerate(sorted(range(m), key=lambda i: p_values[i])):
        largest = max(largest, (m - rank) * p_values[i])
        adjusted[i] = min(largest, 1.0)
    return adjusted


def p_above_networks(value: float, others: Sequence[float], error: float = 0.0) -> float:
    """p-value of a network's `value` being one more draw of what K `others` gave; small where it lies above them.

    Student's t of a prediction, K - 1 degrees of freedom: (value - mean) / (s sqrt(1 + 1/K)), s the standard deviation
    of the K. Exact where networks vary normally, at most that where the K are measured on fewer units. No spread is
    taken to be below `error`, so that networks which agree to the last unit, such as shares of 1, prove nothing.

    Parameters
    ----------
    value : float
    others : sequence of float, length K
        At least two.
    error : float
        Standard error of `value` over the units it was measured on.
    """
    from scipy.stats import t

    k = len(others)
    if k < 2:
        raise ValueError(f"networks are compared with at least two others, got {k}")
    spread = max(float(np.std(others, ddof=1)), error)
    above = value - float(np.mean(others))
    if spread == 0:
        return 0.0 if above > 0 else 1.0
    return float(t.sf(above / (spread * math.sqrt(1 + 1 / k)), k - 1))


def energy_distance(a: Array, b: Array) -> float:
    """Energy distance (2 E|X - Y| - E|X - X'| - E|Y - Y'|) / (2 E|X - Y|) between two sets of points, unbiased.

    0 on average for sets of one distribution, which may come out just below 0; at most 1.

    Parameters
    ----------
    a : array (N, D)
    b : array (M, D)

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
    distances = xp.sqrt(xp.maximum(square[:, None] + square - 2 * (x @ x.T), 0)) * (1 - xp.eye(n + m))
    between = float(distances[:n, n:].mean())
    within = [float(d.sum()) / (len(d) * (len(d) - 1)) for d in (distances[:n, :n], distances[n:, n:])]
    return (2 * between - sum(within)) / (2 * between) if between > 0 else 0.0


@dataclass(frozen=True)
class NetworksTest:
    """Are the networks of two recipes farther apart than networks of one recipe?

    Parameters
    ----------
    between : float
        Mean distance of two networks of different recipes.
    low, high : float
        The least and the greatest of them.
    first, second : float
        Mean distance of two networks of the first recipe, and of the second.
    p_value : float
        Share of all divisions of the networks into two such groups in which distances between the groups exceed those
        within at least as much. Exact; with five networks of each of two recipes it is at least 1/126. 1 where
        `between` is not above 0, `first` and `second`: then the groups differ otherwise, as in how alike each is.
    """

    between: float
    low: float
    high: float
    first: float
    second: float
    p_value: float

    @property
    def least(self) -> float:
        """What `between` has to exceed."""
        return max(0.0, self.first, self.second)


def networks_test(distances: Array, first: int) -> NetworksTest:
    """Permutation test of networks between two recipes, by the distances of all pairs.

    Parameters
    ----------
    distances : array (N, N)
        Symmetric.
    first : int
        Networks of the first recipe, which come first; at least two of either.

    Raises
    ------
    ValueError
        If a recipe has fewer than two networks.
    """
    n = len(distances)
    if min(first, n - first) < 2:
        raise ValueError(f"each recipe needs at least two networks, got {first} and {n - first}")
    pairs = np.triu_indices(n, 1)
    d = np.asarray(distances, float)[pairs]

    def means(group: tuple[int, ...]) -> tuple[float, float]:
        member = np.isin(np.arange(n), group)
        apart = member[pairs[0]] != member[pairs[1]]
        return float(d[apart].mean()), float(d[~apart].mean())

    between, within = means(tuple(range(first)))
    excess = [b - w for b, w in map(means, combinations(range(n), first))]
    as_much = sum(e >= between - within - 1e-12 * np.abs(d).max() for e in excess)  # equal divisions differ by rounding
    one, other = (float(d[(pairs[0] >= i) & (pairs[1] < j)].mean()) for i, j in ((0, first), (first, n)))
    across = d[(pairs[0] < first) & (pairs[1] >= first)]
    low, high = float(across.min()), float(across.max())
    test = NetworksTest(between, low, high, one, other, as_much / len(excess))
    return test if between > test.least else replace(test, p_value=1.0)
