"""The kernels compiled by numba (extra `fast`): each is one pass over its arrays.

`kernels` calls them with NumPy's arrays, where numba is installed and the arrays are contiguous float32. They run on
one thread: numba's own beside those of the matrix products would cost more than they bring. `noise` is of int16.

tanh is a convergent of Lambert's continued fraction, within 3e-7 (`lambert`).
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

Array = Any

DISABLE = "DBNVIS_NO_NUMBA"  # environment variable: NumPy alone


@lru_cache(maxsize=1)
def status() -> tuple[bool, str]:
    """Say whether there are compiled kernels: (True, numba's version) or (False, the reason why not)."""
    if os.environ.get(DISABLE):
        return False, f"{DISABLE} is set"
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


# --- each as its namesake in `kernels`; `out` is not None


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


def momentum_step(x: Array, velocity: Array, change: Array, momentum: float, shrink: float, threshold: float) -> None:
    arrays = (a.reshape(-1) for a in (x, velocity, change))
    real = x.dtype.type
    _kernels().momentum_step(*arrays, real(momentum), real(shrink), real(threshold))


def _moved(x: Array, out: Array) -> Array:
    """`x` where the result is to be: a kernel with one array that it changes is vectorized, one of two is not."""
    if out is not x:
        out[...] = x
    return out


def _kernels() -> Any:
    from . import numba_kernels

    return numba_kernels
