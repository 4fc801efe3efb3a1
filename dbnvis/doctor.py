"""What this machine computes with, what is missing, and what would make it faster."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np

from . import __version__, datasets
from .backend import gpu_status

#: What OpenBLAS's AVX-512 kernels need, and the kernels it should not stop at where the processor has it all.
AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
SLOWER_KERNELS = {"Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott"}


def cpu_flags() -> set[str]:
    """The processor's instruction sets as Linux names them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def matmul_rate() -> float:
    """Measured rate of the float32 matrix product of one training step, 100 x 784 x 1000, in GFLOP/s."""
    v, W = np.ones((100, 784), dtype=np.float32), np.ones((784, 1000), dtype=np.float32)
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        v @ W
        seconds.append(time.perf_counter() - start)
    return 2 * v.size * W.shape[1] / float(np.median(seconds)) / 1e9


def blas_advice(kernel: str, flags: set[str]) -> str | None:
    """What to set where OpenBLAS uses slower kernels than the processor could run, else None."""
    if kernel in SLOWER_KERNELS and flags >= AVX512:
        return (
            f"OpenBLAS uses its {kernel} kernels although this processor has AVX-512{_set_by()}; try\n"
            "         OPENBLAS_CORETYPE=SkylakeX dbnvis doctor, and if the rate above rises, set it for every command"
        )
    return None


def _set_by() -> str:
    chosen = os.environ.get("OPENBLAS_CORETYPE")
    return f" (the environment sets OPENBLAS_CORETYPE={chosen})" if chosen else ""


def machine() -> list[str]:
    """Versions, BLAS, its measured rate, GPU and advice, a line each."""
    from importlib.metadata import version

    from threadpoolctl import threadpool_info

    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "matplotlib", "scikit-learn"))
    available, detail = gpu_status()
    libraries = [info for info in threadpool_info() if info["user_api"] == "blas"]
    lines = [
        f"dbnvis   {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"packages {packages}",
        *(
            f"BLAS     {info['internal_api']} {info['version']}, {info.get('architecture', 'unknown')} kernels, "
            f"{info['num_threads']} threads on {os.cpu_count()} processors"
            for info in libraries
        ),
        f"rate     {matmul_rate():.0f} GFLOP/s in float32 matrix products of a training step's size",
        f"GPU      {detail}" if available else f"GPU      none: {detail}",
    ]
    advice = [blas_advice(info.get("architecture", ""), cpu_flags()) for info in libraries]
    return lines + [f"advice   {text}" for text in advice if text]


def diagnosis(data_dir: Path | None = None) -> str:
    """The report of `dbnvis doctor`: the machine, and where each data set was found."""
    found = {
        name: "embedded" if spec.generate else datasets.locate(name, data_dir) or "not found"
        for name, spec in datasets.DATASETS.items()
    }
    return "\n".join([*machine(), *(f"data     {name}: {where}" for name, where in found.items())])
