"""How much memory there is, and what is refused because it would take more."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

#: Where a container's limit stands, of control groups version 2 and 1; "max" where there is none.
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
GIB = 2**30


def machine_memory() -> int:
    """Bytes of memory that this process may take: the machine's, or the container's where that is less."""
    sizes = [2**63]
    if hasattr(os, "sysconf"):  # all but Windows
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for limit in map(Path, LIMITS):
        with suppress(OSError, ValueError):
            sizes.append(int(limit.read_text()))
    return min(sizes)


def check_memory(n_bytes: int, what: str) -> None:
    """ValueError if `what` would take `n_bytes`, more than there are."""
    if n_bytes > machine_memory():
        raise ValueError(
            f"{what} would take {n_bytes // GIB:,} GiB of memory, and there are {machine_memory() / GIB:.1f}; "
            "give smaller numbers"
        )


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Memory beyond the machine's is a MemoryError at once, not a process that the system kills.

    On Linux without CuPy, since drivers of GPUs reserve more than they take; elsewhere nothing is bounded.
    """
    try:
        import resource

        if find_spec("cupy") is not None:
            raise ImportError

        status = Path("/proc/self/status").read_text()
        taken = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmData"))
    except (ImportError, OSError, StopIteration):
        yield
        return
    before, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = taken + machine_memory()
    resource.setrlimit(resource.RLIMIT_DATA, (min(x for x in (wanted, before, most) if x >= 0), most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, most))
