"""Descent steps in place: stochastic gradient descent with momentum, and Adam.

On the CPU they go through the arrays block by block, so that a step's passes over a block meet in the cache.

References
----------
Kingma, Ba (2015), "Adam: a method for stochastic optimization".
Yong, Huang, Hua, Zhang (2020), "Gradient centralization: a new optimization technique for deep neural networks".
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..backend import Array, array_module

BLOCK = 2**15  # numbers; the four arrays of Adam's step then fit the second-level cache
BETA2, EPSILON = 0.999, 1e-8  # of Adam

#: Arrays that each optimizer keeps for a parameter.
KEEPS = {"sgd": ("velocity",), "adam": ("mean", "square")}


def sgd(w: Array, gradient: Array, velocity: Array, *, rate: float, momentum: float) -> None:
    """velocity = momentum * velocity - rate * gradient; w += velocity. `gradient` is used up; all are contiguous."""
    for y, g, v in _blocks(w, gradient, velocity):
        g *= rate
        v *= momentum
        v -= g
        y += v


def adam(w: Array, gradient: Array, mean: Array, square: Array, *, rate: float, momentum: float, step: int) -> None:
    """Step number `step` (from 1) of Adam, `momentum` being its beta1. `gradient` is used up; all are contiguous."""
    xp = array_module(w)
    correction = math.sqrt(1 - BETA2**step)
    rate *= correction / (1 - momentum**step)
    for y, g, m, s in _blocks(w, gradient, mean, square):
        m *= momentum
        m += (1 - momentum) * g
        s *= BETA2
        g *= g
        s += (1 - BETA2) * g
        xp.sqrt(s, out=g)
        g += EPSILON * correction
        xp.divide(m, g, out=g)
        g *= rate
        y -= g


def center(gradient: Array) -> None:
    """Subtract from the gradient of each unit's weights its mean over them, in place.

    `gradient` is that of weights (n_in, n_out), of kernels (O, I, rows, columns), or of biases, which it leaves as it
    is. A plain gradient step along the result keeps the sum of a unit's weights, and so its answer to an input that is
    the same everywhere; steps of Adam nearly do.
    """
    if gradient.ndim > 1:
        gradient -= gradient.mean(axis=0 if gradient.ndim == 2 else (1, 2, 3), keepdims=True)


def _blocks(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Views of corresponding blocks; the whole arrays on a GPU."""
    flat = [x.reshape(-1) for x in arrays]
    size = BLOCK if array_module(*arrays).__name__ == "numpy" else max(1, flat[0].size)
    for start in range(0, flat[0].size, size):
        yield tuple(x[start : start + size] for x in flat)
