"""Probabilistic max-pooling: of the detection units of a block at most one is on; the pooling unit is on if one is.

Maps (..., rows, columns) are cut into blocks of size x size units; those at the lower and right border may be smaller.
A block of n units has n + 1 states, so that with pre-activations x a unit is on with probability
exp(x_i) / (1 + sum_j exp(x_j)), and the pooling unit off with probability 1 / (1 + sum_j exp(x_j)).

References
----------
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module, check_rng
from .layers import Pullback

WITHIN = 1 - 1e-6  # of the range of a draw that must not miss all units of a block, whatever the rounding


def per_block(x: Array, size: int) -> Array:
    """An empty array of one number per block of `x` (..., rows, columns), (..., R, C), in memory laid out like `x`."""
    return array_module(x).empty_like(x[..., ::size, ::size])


def beside(x: Array, blocks: Array, size: int) -> Iterator[tuple[Array, Array]]:
    """For each place in a block, the units of `x` (..., rows, columns) there and the `blocks` they are in: views."""
    for row in range(size):
        for column in range(size):
            units = x[..., row::size, column::size]
            yield units, blocks[..., : units.shape[-2], : units.shape[-1]]


def block_sum(x: Array, size: int) -> Array:
    """Sum over each block: (..., rows, columns) -> (..., R, C)."""
    total = per_block(x, size)
    total[...] = 0
    for units, blocks in beside(x, total, size):
        blocks += units
    return total


def spread(blocks: Array, shape: tuple[int, ...], size: int) -> Array:
    """Copy the number of each block to all units in it: (..., R, C) -> `shape` (..., rows, columns)."""
    out = array_module(blocks).empty((*blocks.shape[:-2], *shape[-2:]), dtype=blocks.dtype)
    for units, values in beside(out, blocks, size):
        units[...] = values
    return out


def mean(pre: Array, size: int) -> Array:
    """Probability of every unit, exp(x_i) / (1 + sum_j exp(x_j)): (..., rows, columns)."""
    units, top = _exponentials(pre, size, 0.0)
    return _divided(units, block_sum(units, size) + array_module(pre).exp(-top), size)


def mean_given_pool(pre: Array, pool: Array, size: int) -> Array:
    """Probability of every unit in blocks with states `pool` (..., R, C): pool * exp(x_i) / sum_j exp(x_j)."""
    units, _ = _exponentials(pre, size, float("-inf"))
    units = _divided(units, block_sum(units, size), size)
    units *= spread(pool, pre.shape, size)
    return units


def log_total(pre: Array, size: int) -> Array:
    """log(1 + sum_j exp(x_j)) of each block: (..., rows, columns) -> (..., R, C)."""
    xp = array_module(pre)
    units, top = _exponentials(pre, size, 0.0)
    return xp.log(block_sum(units, size) + xp.exp(-top)) + top


def _exponentials(pre: Array, size: int, least: float) -> tuple[Array, Array]:
    """exp(x - top) of every unit, and `top` of its block: the largest x in it and `least`, so that none overflows."""
    xp = array_module(pre)
    top = per_block(pre, size)
    top[...] = least
    for units, blocks in beside(pre, top, size):
        xp.maximum(blocks, units, out=blocks)
    y = xp.empty_like(pre)
    for (units, blocks), (result, _) in zip(beside(pre, top, size), beside(y, top, size), strict=True):
        xp.subtract(units, blocks, out=result)
    return xp.exp(y, out=y), top


def _divided(x: Array, blocks: Array, size: int) -> Array:
    """Each unit of `x` divided by the number of its block, in place."""
    for units, values in beside(x, blocks, size):
        units /= values
    return x


def sample(means: Array, size: int, *, rng: Any, given_pool: bool = False) -> Array:
    """Draw one state of each block from the probabilities `means` of its units: (..., rows, columns) of 0 and 1.

    With `given_pool` the means of a block sum to 0 or 1, and so does every draw.
    """
    xp = array_module(means)
    # A point on [0, 1) falls into the interval of one unit, or beyond them all: that is the off state.
    left = per_block(means, size)
    left[...] = check_rng(rng).random(left.shape, dtype=means.dtype)
    if given_pool:
        left *= WITHIN
    h = xp.empty_like(means)
    for (p, rest), (on, _) in zip(beside(means, left, size), beside(h, left, size), strict=True):
        on[...] = (rest >= 0) & (rest < p)
        rest -= p
    return h


@dataclass(frozen=True)
class Detection:
    """The layer of detection units' probabilities, pre-activations (..., rows, columns) -> the same shape."""

    size: int

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        y = mean(x, self.size)

        def pullback(gy: Array) -> Array:
            total = block_sum(gy * y, self.size)
            return y * (gy - spread(total, y.shape, self.size))

        return y, pullback

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True)
class Pooling:
    """The layer of pooling units' probabilities, the sum over each block: (..., *shape) -> (..., R, C).

    Parameters
    ----------
    size : int
    shape : (int, int)
        Rows and columns of the maps that come in.
    """

    size: int
    shape: tuple[int, int]

    @property
    def window(self) -> tuple[int, int, int, int]:
        """What one output sees: rows, columns; stride; padding before the first."""
        return self.size, self.size, self.size, 0

    @property
    def padding(self) -> int:
        """Rows and columns, the more of both, that the last blocks lack."""
        return max(-n % self.size for n in self.shape)

    def out_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(K, rows, columns) -> (K, R, C)."""
        return shape[0], -(-shape[1] // self.size), -(-shape[2] // self.size)

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return block_sum(x, self.size), self.transpose

    def transpose(self, y: Array) -> Array:
        return spread(y, self.shape, self.size)


# --- maps of units and rows of them


def in_rows(maps: Array) -> Array:
    """Maps (..., K, rows, columns) as rows of units in the order of their numbers, (..., H)."""
    xp = array_module(maps)
    return xp.ascontiguousarray(xp.moveaxis(maps, -3, -1)).reshape(*maps.shape[:-3], -1)


def in_maps(units: Array, shape: tuple[int, int, int]) -> Array:
    """Rows of units (..., H) as maps (..., *shape) with `shape` (K, rows, columns)."""
    return array_module(units).moveaxis(units.reshape(*units.shape[:-1], *shape[1:], shape[0]), -1, -3)
