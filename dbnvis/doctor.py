"""What this machine computes with, what is missing, and what would make it faster."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path

import numpy as np

from . import __version__, datasets
from .backend import compiled, gpu_status
from .system.blas import BEST, CORE_TYPE, KEEP, are_slow, cpu_flags, why_these
from .system.environment import blas_libraries, library
from .system.mpiexec import ADVICE, find_mpiexec


def matmul_rate() -> float:
    """Measured rate of the float32 matrix product of one training step, 100 x 784 x 1000, in GFLOP/s."""
    v, W = np.ones((100, 784), dtype=np.float32), np.ones((784, 1000), dtype=np.float32)
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        v @ W
        seconds.append(time.perf_counter() - start)
    return 2 * v.size * W.shape[1] / float(np.median(seconds)) / 1e9


def kernel_advice(kernels: str, flags: set[str]) -> str | None:
    """What to set where OpenBLAS uses slower kernels than the processor could run, else None."""
    if not are_slow(kernels, flags):
        return None
    reason = f"OpenBLAS uses its {kernels} kernels although this processor has AVX-512"
    if os.environ.get(CORE_TYPE) == BEST:
        return f"{reason} and {CORE_TYPE}={BEST} is set: it was built without them; install NumPy's wheel"
    if os.environ.get(CORE_TYPE):
        return f"{reason}; unset {CORE_TYPE}, and the rate above should rise"
    if os.environ.get(KEEP):
        return f"{reason}; unset {KEEP}, and the rate above should rise"
    return f"{reason}; set {CORE_TYPE}={BEST} before Python starts, and the rate above should rise"


def thread_advice(all_threads: float, one_thread: float) -> str | None:
    """What to set where one thread multiplies faster than all do, else None."""
    if one_thread > 1.1 * all_threads:
        return (
            f"one thread reaches {one_thread:.0f} GFLOP/s, more than all together: others keep these processors busy; "
            "set OPENBLAS_NUM_THREADS=1 meanwhile"
        )
    return None


def machine() -> list[str]:
    """Versions, BLAS and who chose its kernels, its measured rate, GPU, MPI and advice, a line each."""
    from importlib.metadata import version

    from threadpoolctl import threadpool_limits

    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "matplotlib", "scikit-learn"))
    available, detail = gpu_status()
    with_numba, reason = compiled.status()
    libraries = blas_libraries()
    rate = matmul_rate()
    with threadpool_limits(1, user_api="blas"):
        one_thread = matmul_rate()
    lines = [
        f"dbnvis   {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}",
        f"packages {packages}",
        *(f"BLAS     {library(info)} on {os.cpu_count()} processors" for info in libraries),
        f"kernels  {why_these()}",
        f"rate     {rate:.0f} GFLOP/s in float32 matrix products of a training step's size",
        f"compiled {reason}" if with_numba else f"compiled none: {reason}",
        f"GPU      {detail}" if available else f"GPU      none: {detail}",
        f"MPI      {mpi()}",
    ]
    slow = {kernel_advice(info.get("architecture", ""), cpu_flags()) for info in libraries}
    return lines + [
        f"advice   {text}" for text in [*sorted(filter(None, slow)), thread_advice(rate, one_thread)] if text
    ]


def mpi() -> str:
    """What starts several processes, without starting it: mpi4py and the mpiexec beside Python, or of the system."""
    from importlib.metadata import PackageNotFoundError, version

    mpiexec = find_mpiexec()
    try:
        found = f"mpi4py {version('mpi4py')}"
    except PackageNotFoundError:
        return f"none: {ADVICE}"
    if mpiexec is None:
        return f"{found}, but no mpiexec: {ADVICE}"
    beside = Path(mpiexec).parent == Path(sys.executable).parent  # no path: manifests have these lines
    return f"{found}, the mpiexec {'beside this Python' if beside else 'of the system'}"


def diagnosis(data_dir: Path | None = None) -> str:
    """The report of `dbnvis doctor`: the machine, and where each data set was found."""
    found = {
        name: datasets.locate(name, data_dir) or (spec.without_files if spec.generate else "not found")
        for name, spec in datasets.DATASETS.items()
    }
    return "\n".join([*machine(), *(f"data     {name}: {where}" for name, where in found.items())])
