"""The kernels that numba compiles, each one pass over its arrays; `compiled` imports this module where numba is.

They stand at the level of the module, so that numba finds what an earlier process compiled. The constants are float32,
or numba would compute in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from .lambert import convergent

Array = Any

CONVERGENT = 13
LARGEST = 9.0  # tanh of more is 1 to the precision of float32
# Division that does not raise and fused products and sums, or loops are not vectorized.
FAST: Any = {"error_model": "numpy", "fastmath": {"contract", "nsz"}}

_p, _q = convergent(CONVERGENT)
p0, p1, p2, p3, p4, p5, p6 = (numba.float32(c / _p[0]) for c in _p)
q0, q1, q2, q3, q4, q5, q6 = (numba.float32(c / _p[0]) for c in _q)
zero, half, one, two, levels, most = (numba.float32(c) for c in (0, 0.5, 1, 2, 2**15, LARGEST))


def compiled(function: Callable[..., None]) -> Any:
    """Compile when first called, or load what was compiled before."""
    try:
        return numba.njit(function, cache=True, **FAST)
    except RuntimeError:  # nowhere to keep what was compiled
        return numba.njit(function, **FAST)


@numba.njit(inline="always", **FAST)
def tanh_half(x: Any) -> Any:
    """tanh(x / 2)."""
    x = max(min(half * x, most), -most)  # in this order NaN stays NaN
    z = x * x
    above = ((((((p6 * z + p5) * z + p4) * z + p3) * z + p2) * z + p1) * z + p0) * x
    y = above / ((((((q6 * z + q5) * z + q4) * z + q3) * z + q2) * z + q1) * z + q0)
    return max(min(y, one), -one)


@compiled
def logistic_mean(x: Array, bias: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] = half + half * tanh_half(x[i, j] + bias[j])


@compiled
def logistic_sample(x: Array, bias: Array, noise: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            x[i, j] = one if levels * tanh_half(x[i, j] + bias[j]) - half > noise[i, j] else zero


@compiled
def logistic_mean_sample(x: Array, bias: Array, noise: Array, sample: Array) -> None:
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y = tanh_half(x[i, j] + bias[j])
            sample[i, j] = one if levels * y - half > noise[i, j] else zero
            x[i, j] = half + half * y


@compiled
def take_sample(x: Array, rows: Array, noise: Array, out: Array) -> None:
    for i in range(out.shape[0]):
        row = rows[i]
        for j in range(out.shape[1]):
            out[i, j] = one if levels * (two * x[row, j] - one) - half > noise[i, j] else zero


@compiled
def momentum_step(x: Array, velocity: Array, change: Array, momentum: Any, shrink: Any, threshold: Any) -> None:
    for i in range(x.size):
        step = momentum * velocity[i] + change[i]
        velocity[i] = step
        y = shrink * (x[i] + step)
        x[i] = y - max(-threshold, min(threshold, y))
