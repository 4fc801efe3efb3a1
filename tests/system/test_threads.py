"""dbnvis.system.threads: what a container allows, and one thread while others need the processors."""

import os
import subprocess
import sys
import time

import pytest
from threadpoolctl import threadpool_info

from dbnvis.system import threads


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu.max": "nonsense\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "400000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 4),
        ({"cpu/cpu.cfs_quota_us": "400000\n"}, None),
    ],
)
def test_quotas_are_read_as_linux_writes_them(tmp_path, monkeypatch, files, quota):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(threads, "CGROUP", tmp_path)
    assert threads.container_quota() == quota


@pytest.mark.parametrize(("quota", "expected"), [(None, 8), (0.5, 1), (1.5, 1), (2.0, 2), (64.0, 8)])
def test_a_small_quota_counts_more_than_the_processors(monkeypatch, quota, expected):
    monkeypatch.setattr(threads.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(threads, "container_quota", lambda: quota)
    assert threads.processors() == expected


def blas_threads():
    return {info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"}


@pytest.fixture
def several(monkeypatch):
    """A machine of two processors where the user has set nothing, looked at often; times are those of `rates`."""
    monkeypatch.delenv(threads.SET_BY_USER)
    monkeypatch.setattr(threads, "processors", lambda: 2)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(threads, "INTERVAL", 0.01)

    def rates(queued, others):
        start = time.perf_counter()

        def times():
            elapsed = time.perf_counter() - start
            return elapsed, queued * elapsed, others * elapsed

        monkeypatch.setattr(threads, "_times", times)

    limit = threads.limit(2)
    yield rates
    threads._in_a_thread(limit.restore_original_limits)


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system does not tell how long threads wait")
@pytest.mark.parametrize(
    ("queued", "others", "left"),
    [(0.0, 0.0, {2}), (1.0, 0.1, {2}), (0.1, 1.0, {2}), (1.0, 1.0, {1})],
    ids=["quiet", "its own threads", "room for others", "crowded"],
)
def test_one_thread_where_others_need_the_processors(several, queued, others, left):
    several(queued, others)
    said = []
    with threads.sharing_processors(said.append):
        deadline = time.perf_counter() + (10 if left == {1} else 0.2)
        while time.perf_counter() < deadline and not said:
            time.sleep(0.01)
        found = blas_threads()
    assert found == left
    assert len(said) == (left == {1})
    assert blas_threads() == {2}, "the limit outlives the block"


def test_what_the_user_has_set_stands(several, monkeypatch):
    several(1.0, 1.0)
    monkeypatch.setenv(threads.SET_BY_USER, "2")
    with threads.sharing_processors(lambda line: pytest.fail(line)):
        time.sleep(0.1)
        assert blas_threads() == {2}


def test_a_container_is_heeded(several, monkeypatch):
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 64)
    monkeypatch.setattr(threads, "processors", lambda: 1)
    with threads.sharing_processors(lambda line: pytest.fail(line)):
        assert blas_threads() == {1}


@pytest.mark.parametrize(("ranks", "expected"), [(1, {2}), (2, {1}), (3, {1})])
def test_ranks_divide_the_processors_and_do_not_take_each_other_for_other_work(several, ranks, expected):
    several(0.0 if ranks == 1 else 1.0, 1.0)
    with threads.sharing_processors(lambda line: pytest.fail(line), ranks):
        time.sleep(0.1)
        assert blas_threads() == expected


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="the system does not tell how long threads wait")
def test_real_times_tell_waiting_from_computing():
    """Two processes that are bound to one processor: each waits for about half of the time."""
    code = (
        "import os, time; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from dbnvis.system import threads\n"
        "before, stop = threads._times(), time.perf_counter() + 1\n"
        "while time.perf_counter() < stop: pass\n"
        "print(*(b - a for a, b in zip(before, threads._times())))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        elapsed, queued, others = map(float, process.communicate()[0].split())
        assert queued > 0.2 * elapsed
        assert others > 0.2 * elapsed
