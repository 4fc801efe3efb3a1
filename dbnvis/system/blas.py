"""Which kernels OpenBLAS computes with, and a restart where the processor has faster ones.

OpenBLAS picks its kernels when NumPy loads it. One that is older than the processor does not know it and falls back to
kernels of half the speed or less. OPENBLAS_CORETYPE names better ones, but only in the environment that a process
starts with: so a command, and nothing else, may start itself a second time. An OPENBLAS_CORETYPE that the user has set
stands, and `DBNVIS_KEEP_BLAS=1` forbids the restart.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

CORE_TYPE = "OPENBLAS_CORETYPE"
#: Any value: keep the kernels that OpenBLAS picks.
KEEP = "DBNVIS_KEEP_BLAS"
#: Left by a restart: the kernels that OpenBLAS had picked.
REPLACED = "DBNVIS_REPLACED_BLAS"

BEST = "SkylakeX"
#: The instructions that those kernels need: where a processor has all of them, they are safe.
AVX512 = {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
AVX512_KERNELS = {"skylakex", "cooperlake", "sapphirerapids"}


def cpu_flags() -> set[str]:
    """The processor's instruction sets as Linux on x86 names them; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


def openblas_kernels() -> list[str]:
    """The kernels of every OpenBLAS in this process, NumPy's among them; empty where it has another BLAS."""
    import numpy  # noqa: F401  (loads its BLAS)
    from threadpoolctl import threadpool_info

    return [info.get("architecture", "") for info in threadpool_info() if info["internal_api"] == "openblas"]


def are_slow(kernels: str, flags: set[str]) -> bool:
    """Whether a processor with `flags` can run better ones."""
    return flags >= AVX512 and kernels.lower() not in {*AVX512_KERNELS, "", "unknown"}


def why_these() -> str:
    """Who chose the kernels of this process."""
    chosen, replaced = os.environ.get(CORE_TYPE), os.environ.get(REPLACED)
    if chosen and replaced:
        return f"{chosen}, chosen by dbnvis where OpenBLAS took {replaced}; {KEEP}=1 keeps what OpenBLAS takes"
    if chosen:
        return f"{chosen}, set by {CORE_TYPE} in the environment; dbnvis keeps it"
    return "OpenBLAS's own choice" + (f", kept by {KEEP}" if os.environ.get(KEEP) else "")


def use_best_kernels() -> None:
    """Start this command again, once, if OpenBLAS has not taken the best kernels that the processor can run.

    Does nothing in a process that was not started to run a command: a notebook, an interpreter, a test.
    """
    flags = cpu_flags()
    if not flags >= AVX512 or any(os.environ.get(name) for name in (CORE_TYPE, KEEP)) or not _runs_a_command():
        return
    slow = [kernels for kernels in openblas_kernels() if are_slow(kernels, flags)]
    if slow:
        os.execve(
            sys.executable,
            [sys.executable, *sys.orig_argv[1:]],
            {**os.environ, CORE_TYPE: BEST, REPLACED: slow[0]},
        )


def _runs_a_command() -> bool:
    """Whether Python was started with the file or module that now reads the command line."""
    started = getattr(sys.modules["__main__"], "__file__", None)
    return started is not None and os.path.abspath(started) == os.path.abspath(sys.argv[0]) and bool(sys.executable)
