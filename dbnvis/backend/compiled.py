"""The hot kernels compiled by numba (extra `fast`): each is one pass over its arrays.

`hot` calls them with NumPy's arrays, where numba is installed and the arrays are contiguous float32. They run on one
thread: numba's own beside those of the matrix products would cost more than they bring. `noise` is of int16.

tanh is a convergent of Lambert's continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), within 3e-7.

References
----------
Lambert (1768), "Mémoire sur quelques propriétés remarquables des quantités transcendentes".
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

Array = Any

LEAVE = "DBNVIS_NO_NUMBA"  # environment variable: NumPy alone
CONVERGENT = 13
LARGEST = 9.0  # tanh of more is 1 to the precision of float32


@lru_cache(maxsize=1)
def status() -> tuple[bool, str]:
    """Say whether there are compiled kernels: (True, numba's version) or (False, the reason why not)."""
    if os.environ.get(LEAVE):
        return False, f"{LEAVE} is set"
    try:
        import numba
    except ImportError as error:  # also where it refuses this NumPy
        return False, f"numba cannot be imported ({error}); pip install 'dbnvis[fast]'"
    return True, f"numba {numba.__version__}"


def fit(*arrays: Array) -> bool:
    """Whether the kernels take these, and there are kernels."""
    return all(x.dtype == "float32" and x.flags.c_contiguous for x in arrays) and status()[0]


def fit_bias(pre: Array, bias: Array, *out: Array) -> bool:
    """`fit`, and `bias` is one row of `pre`."""
    return pre.ndim > 0 and bias.shape == pre.shape[-1:] and fit(pre, bias, *out)


# --- hot kernels, each as its namesake in `hot`; `out` is not None


def logistic_mean(pre: Array, bias: Array, out: Array) -> Array:
    _kernels().logistic_mean(_moved(pre, out).reshape(-1, bias.size), bias)
    return out


def logistic_sample(pre: Array, bias: Array, noise: Array, out: Array) -> Array:
    rows = (-1, bias.size)
    _kernels().logistic_sample(_moved(pre, out).reshape(rows), bias, noise.reshape(rows))
    return out


def logistic_mean_sample(pre: Array, bias: Array, noise: Array, mean: Array, sample: Array) -> None:
    rows = (-1, bias.size)
    _kernels().logistic_mean_sample(_moved(pre, mean).reshape(rows), bias, noise.reshape(rows), sample.reshape(rows))


def take_sample(x: Array, rows: Array, noise: Array, out: Array) -> None:
    _kernels().take_sample(x, rows, noise, out)


def ascend(x: Array, velocity: Array, change: Array, momentum: float, keep: float, threshold: float) -> None:
    arrays = (a.reshape(-1) for a in (x, velocity, change))
    real = x.dtype.type
    _kernels().ascend(*arrays, real(momentum), real(keep), real(threshold))


def _moved(x: Array, out: Array) -> Array:
    """`x` where the result is to be: a kernel with one array that it changes is vectorized, one of two is not."""
    if out is not x:
        out[...] = x
    return out


@lru_cache(maxsize=1)
def _kernels() -> SimpleNamespace:
    import numba
    import numpy as np

    p, q = lambert(CONVERGENT)
    p0, p1, p2, p3, p4, p5, p6 = (np.float32(c / p[0]) for c in p)
    q0, q1, q2, q3, q4, q5, q6 = (np.float32(c / p[0]) for c in q)
    zero, half, one, two, levels, most = (np.float32(c) for c in (0, 0.5, 1, 2, 2**15, LARGEST))
    # Division that does not raise and fused products and sums, or loops are not vectorized.
    fast: Any = {"error_model": "numpy", "fastmath": {"contract", "nsz"}}

    def compiled(function: Callable[..., None]) -> Any:
        try:
            return numba.njit(function, cache=True, **fast)
        except RuntimeError:  # nowhere to keep what was compiled
            return numba.njit(function, **fast)

    @numba.njit(inline="always", **fast)
    def tanh_half(x: Any) -> Any:
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
    def ascend(x: Array, velocity: Array, change: Array, momentum: Any, keep: Any, threshold: Any) -> None:
        for i in range(x.size):
            step = momentum * velocity[i] + change[i]
            velocity[i] = step
            y = keep * (x[i] + step)
            x[i] = y - max(-threshold, min(threshold, y))

    kernels = (logistic_mean, logistic_sample, logistic_mean_sample, take_sample, ascend)
    return SimpleNamespace(**{kernel.__name__: kernel for kernel in kernels})


def lambert(n: int) -> tuple[list[int], list[int]]:
    """The n-th convergent x p(x^2) / q(x^2) of tanh x: coefficients of p and q, lowest power first."""
    p, q = [1], [2 * n - 1]
    for odd in range(2 * n - 3, 0, -2):  # odd + z / (q / p) = (odd q + z p) / q
        length = max(len(q), len(p) + 1)
        longer = (coefficients + [0] * (length - len(coefficients)) for coefficients in (q, [0, *p]))
        p, q = q, [odd * a + b for a, b in zip(*longer, strict=True)]
    return p, q
