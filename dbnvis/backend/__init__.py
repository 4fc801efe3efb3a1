"""The array library: NumPy or CuPy, chosen by the arrays.

Only this package imports CuPy. Everything above it asks `array_module(x)` and writes one code path.
The device is chosen once, by the command line or the script (`device_module`), by moving the parameters
and the data there; below that the arrays carry the choice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from .arrays import (
    LIBRARIES,
    Array,
    OwnRows,
    UnitStreams,
    array_module,
    check_rng,
    child_seeds,
    fixed_uniform,
    is_gpu,
    make_rng,
    move,
    to_numpy,
)
from .kernels import (
    add_sparsity_gradient,
    bernoulli,
    cd_gradient,
    logistic_mean,
    logistic_mean_sample,
    logistic_sample,
    matmul,
    momentum_step,
    next_batch,
    recorded,
    take_rows,
    update_running_mean,
)

__all__ = [
    "LIBRARIES",
    "Array",
    "OwnRows",
    "UnitStreams",
    "add_sparsity_gradient",
    "array_module",
    "bernoulli",
    "cd_gradient",
    "check_rng",
    "child_seeds",
    "device_module",
    "fixed_uniform",
    "gpu_status",
    "is_gpu",
    "logistic_mean",
    "logistic_mean_sample",
    "logistic_sample",
    "make_rng",
    "matmul",
    "momentum_step",
    "move",
    "next_batch",
    "recorded",
    "synchronize",
    "take_rows",
    "to_numpy",
    "update_running_mean",
]


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


def synchronize(xp: Any) -> None:
    """Wait until the device of library `xp` has done what it was told."""
    if xp.__name__ == "cupy":
        xp.cuda.get_current_stream().synchronize()
