"""How long an update of data-parallel training takes: a model with a few constants, and their fit to what was measured.

An update of an RBM of V visible and H hidden units, from a batch of B images on R ranks, takes

    t = step + weight V H + (product V H + unit (V + H)) ceil(B / R) + the sums over the ranks

A rank multiplies matrices and draws units for its own rows alone, but updates all weights. The ranks
sum two arrays: the gradient, 4 (V H + V + H) bytes, and the mean of the hidden
units, 4 H bytes.

References
----------
Patarasu, Yuan (2009), "Bandwidth optimal all-reduce algorithms for clusters of workstations": the ring.
Thakur, Rabenseifner, Gropp (2005), "Optimization of collective communication operations in MPICH": recursive doubling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import nnls


class Update(NamedTuple):
    """One update: units of the two layers, images of a batch, ranks."""

    visible: int
    hidden: int
    batch: int
    ranks: int = 1

    @property
    def summed(self) -> tuple[int, int]:
        """Bytes of the two arrays that the ranks sum, in float32."""
        return 4 * (self.visible * self.hidden + self.visible + self.hidden), 4 * self.hidden


@dataclass(frozen=True)
class Arithmetic:
    """Seconds that an update takes within a rank."""

    step: float
    """Whatever its size."""
    weight: float
    """For each weight."""
    product: float
    """For each weight and row of the rank: the matrix products."""
    unit: float
    """For each unit and row of the rank: probabilities, random numbers, states."""

    def seconds(self, update: Update) -> float:
        return float(np.dot(_counts(update), (self.step, self.weight, self.product, self.unit)))


@dataclass(frozen=True)
class Interconnect:
    """What joins the ranks.

    Parameters
    ----------
    name : str
    latency : float
        Seconds before a message's first byte arrives.
    bandwidth : float
        Bytes a second of one rank, sent and received at once.
    add : float
        Seconds to add one byte to another, if that is not within the bandwidth.
    """

    name: str
    latency: float
    bandwidth: float
    add: float = 0.0

    def seconds(self, n_bytes: float, ranks: int) -> float:
        """For the sum over the ranks, which all get: the less of a ring and of recursive doubling."""
        if ranks == 1:
            return 0.0
        share, rounds = (ranks - 1) / ranks * n_bytes, (ranks - 1).bit_length()  # log2 of the ranks, rounded up
        ring = 2 * (ranks - 1) * self.latency + 2 * share / self.bandwidth + share * self.add
        doubling = rounds * (self.latency + n_bytes / self.bandwidth + n_bytes * self.add)
        return min(ring, doubling)


@dataclass(frozen=True)
class StepTime:
    """The model: arithmetic within a rank, and what joins the ranks."""

    arithmetic: Arithmetic
    interconnect: Interconnect

    def seconds(self, update: Update) -> float:
        sums = sum(self.interconnect.seconds(n, update.ranks) for n in update.summed)
        return self.arithmetic.seconds(update) + sums

    def speed_up(self, update: Update) -> float:
        """Against one rank."""
        return self.seconds(update._replace(ranks=1)) / self.seconds(update)

    def efficiency(self, update: Update) -> float:
        """Speed-up for each rank; 1 would be perfect."""
        return self.speed_up(update) / update.ranks

    def pays_from(self, update: Update, efficiency: float = 0.5) -> int:
        """The least batch, a multiple of the ranks, at which so many work at `efficiency`, which is below 1.

        The efficiency rises with the batch: what does not depend on it weighs less.
        """
        ranks, low, high = update.ranks, 0, 1  # rows of a rank: too few, enough

        def enough(rows: int) -> bool:
            return self.efficiency(update._replace(batch=rows * ranks)) >= efficiency

        while not enough(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if enough(middle) else (middle, high)
        return high * ranks


def fitted_arithmetic(updates: Sequence[Update], seconds: Sequence[float]) -> Arithmetic:
    """What fits measured seconds of updates without their sums best: least squares of relative errors, none negative.

    Raises
    ------
    ValueError
        If the updates do not tell the four constants apart.
    """
    return Arithmetic(*_least_squares([_counts(update) for update in updates], seconds))


def fitted_interconnect(name: str, n_bytes: Sequence[float], seconds: Sequence[float]) -> Interconnect:
    """What fits measured seconds of sums over two ranks best; adding is within the bandwidth.

    Raises
    ------
    ValueError
        If the sums are all of one size.
    """
    latency, byte = _least_squares([(1.0, n) for n in n_bytes], seconds)
    return Interconnect(name, latency, 1 / byte if byte else np.inf)


def _counts(update: Update) -> tuple[float, ...]:
    """What the four constants of `Arithmetic` are multiplied by."""
    weights, units, rows = (
        update.visible * update.hidden,
        update.visible + update.hidden,
        -(-update.batch // update.ranks),
    )
    return 1.0, weights, weights * rows, units * rows


def _least_squares(rows: Any, seconds: Any) -> list[float]:
    """x >= 0 (K,) with the least sum of squares of (rows x - seconds) / seconds; rows (N, K), seconds (N,)."""
    A = np.asarray(rows, float) / np.asarray(seconds, float)[:, None]
    scale = np.linalg.norm(A, axis=0)
    if np.linalg.matrix_rank(A / scale) < A.shape[1]:
        raise ValueError(f"{len(A)} measurements do not tell {A.shape[1]} constants apart; take more sizes")
    return (nnls(A / scale, np.ones(len(A)))[0] / scale).tolist()
