"""What a result's last bits depend on beside its settings and seed: libraries, kernels, threads, the device."""

from __future__ import annotations

import platform
import sys
from typing import Any

import numpy as np

from ..backend import compiled, gpu_status


def computed_with(device: str) -> dict[str, str]:
    """What computes here and now, in words.

    Sums are added in another order by other kernels and other numbers of threads, so that the same seed may give
    other bits.

    Parameters
    ----------
    device : {"numpy", "cupy"}
        Name of the array library.
    """
    if device == "cupy":
        cupy = getattr(sys.modules.get("cupy"), "__version__", "not installed")
        return {"numpy": np.__version__, "cupy": cupy, "device": gpu_status()[1]}
    with_numba, numba = compiled.status()
    numpy: Any = np.show_config(mode="dicts")
    libraries = blas_libraries()
    own = [info for info in libraries if "numpy" in info["filepath"]] or libraries  # of a wheel; of a distribution
    return {
        "numpy": np.__version__,
        "device": f"CPU {platform.machine()}",
        "vector instructions": " ".join(numpy.get("SIMD Extensions", {}).get("found", [])) or "baseline",
        "blas": "; ".join(sorted(map(library, own))),
        "compiled kernels": numba if with_numba else "none",
    }


def blas_libraries() -> list[dict[str, Any]]:
    """The BLAS libraries of this process, as threadpoolctl describes them."""
    from threadpoolctl import threadpool_info

    return [info for info in threadpool_info() if info["user_api"] == "blas"]


def library(info: dict[str, Any]) -> str:
    """A BLAS library in words: "openblas 0.3.31, Haswell kernels, 2 threads"."""
    kernels = info.get("architecture", "unknown")
    return f"{info['internal_api']} {info['version']}, {kernels} kernels, {info['num_threads']} threads"


def differences(before: dict[str, str], now: dict[str, str]) -> str:
    """What `now` differs in from `before`, in a line; "" if in nothing, or if nothing is known of before."""
    return "; ".join(
        f"{name} {before.get(name, 'none')}, now {now.get(name, 'none')}"
        for name in {**before, **now}
        if before and before.get(name) != now.get(name)
    )
