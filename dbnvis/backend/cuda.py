"""The kernels on the GPU: launching those of `cuda_kernels.cu`, and the generator that they draw from.

`kernels` calls them with CuPy's arrays. Where arrays do not fit a kernel that draws (another type, strides, a bias that
broadcasts), or the generator is a foreign one, CuPy's general way does the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .graphs import REALS, matmul

Array = Any

SOURCE = Path(__file__).with_name("cuda_kernels.cu")
BLOCK = 256  # threads; `cd_gradient_rows` counts on it


# --- launching


@lru_cache
def _module(dtype: str) -> Any:
    import cupy

    if dtype not in REALS:
        raise TypeError(f"expected arrays of {' or '.join(REALS)}, got {dtype}")
    return cupy.RawModule(code=SOURCE.read_text(), options=(f"-DREAL={REALS[dtype]}",))


@lru_cache
def _kernel(name: str, dtype: str) -> Any:
    return _module(dtype).get_function(name)


def _launch(name: str, like: Array, size: int, *args: Any) -> None:
    """Run a kernel of `like`'s type over `size` elements. A number stands for itself, 0 also for no array."""
    blocks = min(max(1, math.ceil(size / BLOCK)), 2048)
    _kernel(name, like.dtype.name)((blocks,), (BLOCK,), args)


def fit(*arrays: Array) -> bool:
    """Whether the kernels take these: one type that they know, C-contiguous."""
    dtype = arrays[0].dtype
    return dtype.name in REALS and all(x.dtype == dtype and x.flags.c_contiguous for x in arrays)


def _fits_bias(pre: Array, bias: Array, *out: Array) -> bool:
    return fit(pre, bias, *out) and pre.shape[pre.ndim - bias.ndim :] == bias.shape


@lru_cache(maxsize=1)
def _general() -> dict[str, Any]:
    """Kernels that broadcast and stride, on noise drawn before."""
    import cupy

    p = "T(1) / (T(1) + exp(-(x + b)))"
    return {
        "mean": cupy.ElementwiseKernel("T x, T b", "T y", f"y = {p}", "logistic_mean"),
        "sample": cupy.ElementwiseKernel("T x, T b, T u", "T y", f"y = u < {p} ? T(1) : T(0)", "logistic_sample"),
        "bernoulli": cupy.ElementwiseKernel("T p, T u", "T y", "y = u < p ? T(1) : T(0)", "bernoulli"),
    }


# --- random numbers


class Generator:
    """Uniform and normal numbers from Philox-4x32-10; its state lives on the device and moves on there.

    Parameters
    ----------
    seed : int
        0 to 2**63 - 1.
    """

    def __init__(self, seed: int):
        import cupy

        self.state = cupy.zeros(3, dtype="uint64")  # key, offset, arrivals: see cuda_kernels.cu
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Begin again, with the numbers of a new generator of `seed`; recorded steps then draw those."""
        import cupy

        self.state[...] = cupy.asarray([seed, 0, 0], dtype="uint64")

    def random(self, size: Any = None, dtype: Any = "float64", out: Array | None = None) -> Array:
        """Uniform numbers on [0, 1), of shape `size` (None: one), or as many as `out` holds."""
        return self._fill("uniform", size, dtype, out)

    def standard_normal(self, size: Any = None, dtype: Any = "float64") -> Array:
        """Standard normal numbers of shape `size`."""
        return self._fill("normal", size, dtype, None)

    def _fill(self, kernel: str, size: Any, dtype: Any, out: Array | None) -> Array:
        import cupy

        x = cupy.empty(() if size is None else size, dtype=dtype) if out is None else out
        if not fit(x):
            raise TypeError(f"expected a contiguous array of {' or '.join(REALS)}, got {x.dtype}, strides {x.strides}")
        _launch(kernel, x, _quarter(x.size), self.state, x, x.size)
        return x


class Generators:
    """Generators side by side, one for each row of the leading axis of what is drawn, by one kernel for all.

    Each row's numbers are those of `Generator(seed)`.

    Parameters
    ----------
    seeds : sequence of int
    """

    def __init__(self, seeds: Sequence[int]):
        import cupy

        self.state = cupy.asarray([0, 0, 0, *seeds], dtype="uint64")  # unused, offset, arrivals, a key for each row

    def random(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Uniform numbers on [0, 1) of `shape`, whose first axis runs over the generators."""
        return self._fill("uniform_rows", shape, dtype)

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Standard normal numbers of `shape`, whose first axis runs over the generators."""
        return self._fill("normal_rows", shape, dtype)

    def _fill(self, kernel: str, shape: tuple[int, ...], dtype: Any) -> Array:
        import cupy

        rows = self.state.size - 3
        if shape[0] != rows:
            raise ValueError(f"there are {rows} generators, not {shape[0]}")
        x, columns = cupy.empty(shape, dtype=dtype), math.prod(shape[1:])
        _launch(kernel, x, rows * _quarter(columns), self.state, x, rows, columns)
        return x


def _quarter(size: int) -> int:
    """Threads of a kernel that draws: four numbers each."""
    return (size + 3) // 4


# --- each as its namesake in `kernels`


def logistic_mean(pre: Array, bias: Array, out: Array | None) -> Array:
    out = _like(pre) if out is None else out
    if not _fits_bias(pre, bias, out):
        return _general()["mean"](pre, bias, out)
    _launch("logistic", pre, pre.size, 0, pre, bias, out, 0, pre.size, bias.size)
    return out


def logistic_sample(pre: Array, bias: Array, rng: Any, out: Array | None) -> Array:
    out = _like(pre) if out is None else out
    if not (isinstance(rng, Generator) and _fits_bias(pre, bias, out)):
        return _general()["sample"](pre, bias, rng.random(pre.shape, dtype=pre.dtype), out)
    _launch("logistic", pre, _quarter(pre.size), rng.state, pre, bias, 0, out, pre.size, bias.size)
    return out


def logistic_mean_sample(pre: Array, bias: Array, rng: Any, mean: Array, sample: Array) -> None:
    if not (isinstance(rng, Generator) and _fits_bias(pre, bias, mean, sample)):
        bernoulli(logistic_mean(pre, bias, mean), rng, sample)
        return
    _launch("logistic", pre, _quarter(pre.size), rng.state, pre, bias, mean, sample, pre.size, bias.size)


def bernoulli(p: Array, rng: Any, out: Array | None) -> Array:
    out = _like(p) if out is None else out
    if not (isinstance(rng, Generator) and fit(p, out)):
        return _general()["bernoulli"](p, rng.random(p.shape, dtype=p.dtype), out)
    _launch("bernoulli", p, _quarter(p.size), rng.state, p, out, p.size)
    return out


def take_rows(x: Array, rows: Array, out: Array, rng: Any = None) -> None:
    if not (fit(x, out) and rows.dtype == "int64" and (rng is None or isinstance(rng, Generator))):
        import cupy

        cupy.take(x, rows, axis=0, out=out)
        if rng is not None:
            bernoulli(out, rng, out)
    elif rng is None:
        _launch("take_rows", x, out.size, 0, x, rows, out, out.size, math.prod(x.shape[1:]))
    else:
        _launch("take_rows", x, _quarter(out.size), rng.state, x, rows, out, out.size, math.prod(x.shape[1:]))


def next_batch(order: Array, rates: Array, batch: Array, rows: Array, rate: Array) -> None:
    _launch("next_batch", rates, 1, order, rates, batch, rows, rate, rows.size)


def update_running_mean(mean: Array, x: Array, decay: float) -> None:
    rows, columns = x.shape
    blocks = math.ceil(columns / 32)
    _kernel("update_running_mean", x.dtype.name)((blocks,), (32, 8), (mean, x, rows, columns, decay))


def cd_gradient(
    v: Array, h: Array, row_weight: Array, rate: Array, offsets: tuple[Array, Array] | None, out: Array
) -> tuple[Array, Array]:
    import cupy

    (rows, n_visible), n_hidden = v.shape, h.shape[1]
    v_factor, h_factor = cupy.empty((2, rows), dtype=v.dtype)
    dv, dh = cupy.empty(n_visible, dtype=v.dtype), cupy.empty(n_hidden, dtype=v.dtype)
    shape, factors = (n_visible, n_hidden), (v_factor, h_factor)
    given = (v, h, row_weight, rate, *(offsets or (0, 0)))
    _kernel("cd_gradient_rows", v.dtype.name)((rows,), (BLOCK,), (*given, *factors, *shape))
    matmul(v.T, h, out)
    blocks = math.ceil(n_visible / 32) + math.ceil(n_hidden / 32)
    _kernel("cd_gradient_biases", v.dtype.name)((blocks,), (32, 8), (v, h, *factors, dv, dh, rows, *shape))
    return dv, dh


def add_sparsity_gradient(change: Array, activity: Array, rate: Array, cost: float, target: float) -> None:
    given = (activity, rate, float(cost), float(target))
    _launch("add_sparsity_gradient", change, change.size, change, *given, change.size)


def momentum_step(
    params: dict[str, Array],
    velocities: dict[str, Array],
    changes: dict[str, Array],
    rate: Array,
    momentum: float,
    weight_decay: float,
    l1_decay: float,
) -> None:
    arrays = [(params[name], velocities[name], changes[name], params[name].size) for name in ("W", "vbias", "hbias")]
    size = sum(x[-1] for x in arrays)
    settings = (float(momentum), float(weight_decay), float(l1_decay))
    _launch("momentum_step", rate, size, *(item for array in arrays for item in array), rate, *settings)


def _like(x: Array) -> Array:
    import cupy

    return cupy.empty_like(x)
