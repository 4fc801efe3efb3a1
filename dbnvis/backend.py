"""The array library: NumPy or CuPy, chosen by the arrays.

Only this module imports CuPy. Everything above it asks `array_module(x)` and writes one code path.
The device is chosen once, by the command line or the script (`device_module`), by moving the parameters
and the data there; below that the arrays carry the choice.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

Array = Any  # numpy.ndarray or cupy.ndarray; neither is imported for a type

#: Top-level packages whose arrays are accepted.
LIBRARIES = {"numpy", "cupy"}


def array_module(*arrays: Array) -> Any:
    """Return the library (numpy or cupy) that all `arrays` belong to.

    Raises
    ------
    TypeError
        If an argument is no array, or if the arrays live on different devices.
    """
    names = {type(a).__module__.partition(".")[0] for a in arrays}
    if len(names) == 1 and names <= LIBRARIES:
        return sys.modules[names.pop()]
    if names <= LIBRARIES and names:
        raise TypeError(
            f"arrays of {' and '.join(sorted(names))} in one call; "
            "move all of them to one device first (dbnvis.backend.move)"
        )
    raise TypeError(
        f"expected arrays of {' or '.join(sorted(LIBRARIES))}, got {', '.join(type(a).__name__ for a in arrays)}"
    )


@lru_cache(maxsize=1)
def gpu_status() -> tuple[bool, str]:
    """Say whether a CUDA device answers: (True, its name) or (False, the reason why not)."""
    try:
        import cupy
    except ImportError:
        return False, "CuPy is not installed (pip install 'dbnvis[gpu-cuda12]' or 'dbnvis[gpu-cuda13]')"
    try:
        if cupy.cuda.runtime.getDeviceCount() == 0:
            return False, "CuPy is installed, but CUDA reports no device"
        properties = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
        return True, properties["name"].decode()
    except Exception as error:  # CuPy raises its own hierarchy, absent where CuPy is
        return False, f"CuPy is installed, but no CUDA device answers ({error})"


def device_module(device: str) -> Any:
    """Return the array library for `device`: "cpu", "gpu", or "auto" (the GPU where one answers).

    Raises
    ------
    RuntimeError
        If "gpu" was asked for and none answers; the message says why.
    ValueError
        If `device` is none of the three.
    """
    if device not in ("cpu", "gpu", "auto"):
        raise ValueError(f"device must be cpu, gpu or auto, got {device!r}")
    available, detail = (False, "") if device == "cpu" else gpu_status()
    if available:
        import cupy

        return cupy
    if device == "gpu":
        raise RuntimeError(f"no GPU: {detail}; use --device cpu")
    import numpy

    return numpy


def move(x: Array, xp: Any) -> Array:
    """Return `x` as an array of library `xp` (no copy where it already is one)."""
    if type(x).__module__.partition(".")[0] == xp.__name__:
        return x
    return xp.asarray(to_numpy(x))


def to_numpy(x: Array) -> Array:
    """Return `x` as a NumPy array on the host (no copy where it already is one)."""
    import numpy

    return x.get() if hasattr(x, "get") else numpy.asarray(x)


def make_rng(xp: Any, *seed: int) -> Any:
    """Return a generator of library `xp`, a function of the integers `seed` alone.

    Use its `random` and `standard_normal`: CuPy's Generator has few other of NumPy's methods.
    """
    import numpy

    # One integer, mixed well from all of them: CuPy's generators take no list.
    return xp.random.default_rng(int(numpy.random.SeedSequence(seed).generate_state(1, numpy.uint64)[0] >> 1))


class UnitStreams:
    """Generators side by side, one for each row of the leading axis of what is drawn.

    A row's numbers then depend on its own generator alone, however the rows are grouped.
    """

    def __init__(self, generators: Sequence[Any]):
        self.generators = generators

    def random(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Uniform numbers on [0, 1) of `shape`, whose first axis runs over the generators."""
        rows = [generator.random(shape[1:], dtype=dtype) for generator in self.generators]
        return array_module(rows[0]).stack(rows)

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Standard normal numbers of `shape`, whose first axis runs over the generators."""
        rows = [generator.standard_normal(shape[1:], dtype=dtype) for generator in self.generators]
        return array_module(rows[0]).stack(rows)


def child_seeds(rng: Any, n: int) -> list[int]:
    """Draw `n` integer seeds from `rng`, for generators that must not depend on each other's use."""
    return [int(u) for u in to_numpy(rng.random(n)) * 2.0**53]


# Hot kernels: what CD training and Gibbs sampling spend their elementwise time on, each a single pass on the GPU.


def logistic_mean(pre: Array, bias: Array, out: Array | None = None) -> Array:
    """sigmoid(pre + bias); `out` may be `pre`."""
    xp = array_module(pre, bias)
    if xp.__name__ == "cupy":
        return _cupy_kernels()["mean"](pre, bias, *([] if out is None else [out]))
    y = _tanh_half(xp, pre, bias, out)  # sigmoid(x) = (1 + tanh(x / 2)) / 2
    y *= 0.5
    y += 0.5
    return y


def logistic_sample(pre: Array, bias: Array, *, rng: Any, out: Array | None = None) -> Array:
    """Draw 0 or 1 with probability sigmoid(pre + bias) of 1; `out` may be `pre`."""
    xp = array_module(pre, bias)
    if xp.__name__ == "cupy":
        noise = rng.random(pre.shape, dtype=pre.dtype)
        return _cupy_kernels()["sample"](pre, bias, noise, *([] if out is None else [out]))
    return _compare_to_noise(xp, _tanh_half(xp, pre, bias, out), rng)


def logistic_mean_sample(pre: Array, bias: Array, *, rng: Any, out: tuple[Array, Array]) -> None:
    """sigmoid(pre + bias) into `out[0]`, which may be `pre`, and a draw with that probability of 1 into `out[1]`."""
    mean, sample = out
    logistic_mean(pre, bias, out=mean)
    bernoulli(mean, rng=rng, out=sample)


def _tanh_half(xp: Any, pre: Array, bias: Array, out: Array | None) -> Array:
    y = xp.add(pre, bias, out=out)
    y *= 0.5
    return xp.tanh(y, out=y)


def bernoulli(p: Array, *, rng: Any, out: Array | None = None) -> Array:
    """Draw 0 or 1 with probability `p` of 1; `out` may be `p`."""
    xp = array_module(p)
    if xp.__name__ == "cupy":
        return xp.less(rng.random(p.shape, dtype=p.dtype), p, out=out if out is not None else xp.empty_like(p))
    y = xp.multiply(p, 2.0, out=out)
    y -= 1.0
    return _compare_to_noise(xp, y, rng)


def _compare_to_noise(xp: Any, y: Array, rng: Any) -> Array:
    """Replace `y` in [-1, 1] by 1 where it exceeds uniform noise on (-1, 1), else by 0."""
    if xp.__name__ == "numpy" and y.dtype == xp.float32 and _draws_64_bits(rng):
        y *= 32768.0
        y -= 0.5  # rounds the probability to the nearest of 2**16
        return xp.greater(y, _noise_int16(rng, y.shape), out=y)
    noise = rng.random(y.shape, dtype=y.dtype)
    noise *= 2.0
    noise -= 1.0
    return xp.greater(y, noise, out=y)


def _draws_64_bits(rng: Any) -> bool:
    if isinstance(rng, UnitStreams):
        return all(_draws_64_bits(generator) for generator in rng.generators)
    return type(rng.bit_generator).__name__ in ("PCG64", "PCG64DXSM", "Philox", "SFC64")  # not MT19937


def _noise_int16(rng: Any, shape: tuple[int, ...]) -> Array:
    """Uniform 16-bit integers: three times as fast as 24-bit floats, probabilities off by at most 2**-17."""
    import numpy

    if isinstance(rng, UnitStreams):
        return numpy.stack([_noise_int16(generator, shape[1:]) for generator in rng.generators])
    size = math.prod(shape)
    return rng.bit_generator.random_raw((size + 3) // 4).view(numpy.int16)[:size].reshape(shape)


def take_rows(x: Array, rows: Array, out: Array) -> None:
    """x[rows] into `out`; `rows` must be valid."""
    xp = array_module(x, rows)
    # NumPy checks indices in a buffer of its own unless told what to do with bad ones.
    xp.take(x, rows, axis=0, out=out, **({"mode": "clip"} if xp.__name__ == "numpy" else {}))


CACHED = 2**15  # elements of an array that, with two like it, stay in a core's cache


def ascend(
    x: Array, velocity: Array, change: Array, *, momentum: float, shrink: Any = None, threshold: Any = None
) -> None:
    """velocity = momentum * velocity + change; x = soft(shrink * (x + velocity)), in place; `change` is spent.

    soft(x) moves x towards zero by `threshold`, to zero at the least; left out where None.
    """
    xp = array_module(x, velocity, change)
    rows = max(1, CACHED // max(1, x[0].size)) if xp.__name__ == "numpy" else len(x)
    for i in range(0, len(x), rows):
        y, v, c = x[i : i + rows], velocity[i : i + rows], change[i : i + rows]
        if momentum:
            v *= momentum
            v += c
        else:
            v[...] = c
        y += v
        if shrink is not None:
            y *= shrink
        if threshold is not None:
            xp.clip(y, -threshold, threshold, out=c)
            y -= c


def recorded(xp: Any, function: Callable[[], None]) -> Callable[[], None]:
    """`function`, to be called many times."""
    return function


@lru_cache(maxsize=1)
def _cupy_kernels() -> dict[str, Any]:
    import cupy

    return {
        "mean": cupy.ElementwiseKernel("T x, T b", "T y", "y = T(1) / (T(1) + exp(-(x + b)))", "logistic_mean"),
        "sample": cupy.ElementwiseKernel(
            "T x, T b, T u", "T y", "y = u < T(1) / (T(1) + exp(-(x + b))) ? T(1) : T(0)", "logistic_sample"
        ),
    }
