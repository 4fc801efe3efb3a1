"""How many threads BLAS uses: no more than the container allows, and one while other work needs the processors.

OpenBLAS's threads spin while they wait for each other. Where another process takes one of their processors, even for a
moment, a matrix product waits for its slowest thread, and a command can take ten times as long as with one thread. So a
command watches how long its threads queue for a processor, and goes on with one thread where that is long because of
others. The number of threads changes the last bits of sums; OPENBLAS_NUM_THREADS, where the user has set it, stands.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SET_BY_USER = "OPENBLAS_NUM_THREADS"
INTERVAL = 0.5  # seconds between two looks
LOOKS = 3  # in a row
#: Seconds in a second that the threads of this process, together, queue for a processor, and that others compute.
QUEUED, OTHERS = 0.3, 0.25
CGROUP, PROC = Path("/sys/fs/cgroup"), Path("/proc")


def processors() -> int:
    """Processors that this process may use: those it is bound to, or fewer where its container has a smaller quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = container_quota()
    return bound if quota is None else max(1, min(bound, int(quota)))


def container_quota() -> float | None:
    """Processors that Linux's control group allows on average; None: all."""
    try:
        texts = (CGROUP / "cpu.max").read_text().split()  # of version 2
    except OSError:
        try:
            texts = [(CGROUP / "cpu" / f"cpu.cfs_{what}_us").read_text() for what in ("quota", "period")]
        except OSError:
            return None
    try:
        quota, period = map(int, texts)
    except ValueError:  # "max"
        return None
    return quota / period if quota > 0 and period > 0 else None


@contextmanager
def sharing_processors(say: Callable[[str], object], ranks: int = 1) -> Iterator[None]:
    """Within the block, BLAS has a thread per processor, but only one once others need them: `say` is told in a line.

    Of several `ranks` on this machine, which start together, each has its part of the processors, busy or not. Does
    nothing where the user has set OPENBLAS_NUM_THREADS; where the system does not tell how long threads queue (all but
    Linux), it only heeds the container.
    """
    if os.environ.get(SET_BY_USER):
        yield
        return
    limits: list[Any] = []
    done = threading.Event()
    threads = max(1, processors() // ranks)
    if threads < (os.cpu_count() or 1):
        limits.append(limit(threads))
    watch = threading.Thread(target=_watch, args=(done, say, limits), daemon=True)
    if processors() > 1 and ranks == 1 and (PROC / "self" / "schedstat").exists():
        watch.start()
    try:
        yield
    finally:
        done.set()
        if watch.is_alive():
            watch.join()
        for each in reversed(limits):
            _in_a_thread(each.restore_original_limits)


def limit(n: int) -> Any:
    """Let every BLAS that is loaded use `n` threads from now on; the result's `restore_original_limits` ends that."""
    from threadpoolctl import threadpool_limits

    return _in_a_thread(lambda: threadpool_limits(n, user_api="blas"))


def _in_a_thread(call: Callable[[], Any]) -> Any:
    """Another thread cannot change what OpenBLAS was told by the main one: so all is told by threads of their own."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    thread.join()
    return found[0]


def _watch(done: threading.Event, say: Callable[[str], object], limits: list[Any]) -> None:
    crowded, before = 0, _times()
    while not done.wait(INTERVAL):
        now = _times()
        elapsed, queued, others = (b - a for a, b in zip(before, now, strict=True))
        before = now
        crowded = crowded + 1 if queued > QUEUED * elapsed and others > OTHERS * elapsed else 0
        if crowded == LOOKS:
            limits.append(limit(1))
            say(f"other work keeps the processors busy: going on with one thread ({SET_BY_USER} sets their number)")
            return


def _times() -> tuple[float, float, float]:
    """Seconds so far: by the clock; that threads of this process have queued; that others have computed."""
    queued = 0
    for task in (PROC / "self" / "task").iterdir():
        try:
            queued += int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError, ValueError):  # the thread has ended
            continue
    user, nice, system, _, _, *more = map(int, (PROC / "stat").read_text().split("\n", 1)[0].split()[1:9])
    busy = (user + nice + system + sum(more)) / os.sysconf("SC_CLK_TCK")
    return time.perf_counter(), queued / 1e9, busy - time.process_time()
