"""Real ranks: processes that mpiexec starts."""

import functools
import importlib.util
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from dbnvis.system.mpiexec import find_mpiexec

MPIEXEC = find_mpiexec()
DBNVIS = [sys.executable, "-m", "dbnvis"]


PROBE = "from mpi4py import MPI; assert MPI.COMM_WORLD.Get_size() == 2"
#: Set where there must be an MPI: then tests are skipped only if two processes of it do not find each other.
REQUIRED = "DBNVIS_TEST_RANKS"


@functools.cache
def why_not():
    """Why there are no ranks here; "" if there are."""
    if importlib.util.find_spec("mpi4py") is None or MPIEXEC is None:
        return "" if os.environ.get(REQUIRED) else "no MPI: pip install -e '.[mpi]'"
    if "PYTEST_XDIST_WORKER" in os.environ:
        return "ranks wait for each other busily and need the processors for themselves: pytest -n 0 -m mpi"
    command = [MPIEXEC, "-n", "2", sys.executable, "-c", PROBE]
    try:
        probe = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return "mpiexec of two processes does not end here"
    return f"mpiexec does not work here: {probe.stderr[-300:]}" if probe.returncode else ""


def of_ranks(test):
    """Marks a test that starts mpiexec."""
    return pytest.mark.mpi(pytest.mark.skipif(bool(why_not()), reason=why_not() or "there are ranks")(test))


def environment(**more):
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", **more}


@contextmanager
def started(*commands, **more):
    """The process of `mpiexec` of `commands`, (number of ranks, words of a command line) each, ended with the block."""
    words = []
    for n, command in commands:
        words += [":"] * bool(words) + ["-n", str(n), *command]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([MPIEXEC, *words], env=environment(**more), **pipes) as process:
        try:
            yield process
        finally:
            process.terminate()


def rank_process(process, rank):
    """The number of the process of rank `rank` that `mpiexec` started, on Linux."""
    family = [process.pid]
    for pid in family:
        for task in Path(f"/proc/{pid}/task").iterdir():
            family += map(int, (task / "children").read_text().split())
    (found,) = (pid for pid in family if f"PMI_RANK={rank}\0" in Path(f"/proc/{pid}/environ").read_text())
    return found


def run(n, *args, command=None, timeout=120, **more):
    """(exit status, output, errors) of `mpiexec -n N dbnvis ARGS`; without mpiexec if `n` is 0."""
    command = [*(command or DBNVIS), *map(str, args)]
    if n == 0:
        done = subprocess.run(command, env=environment(**more), capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout, done.stderr
    with started((n, command), **more) as process:
        out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err
