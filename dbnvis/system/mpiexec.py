"""Processes started together by `mpiexec`: how they find each other, begin alike, and end together.

Without mpiexec nothing here does anything, and mpi4py is not imported.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ..backend import comm, gpu_status
from ..backend.comm import Comm, current
from .files import temporary_file

#: What launchers set: the number of processes, and which of them this is. MPICH, Intel MPI and Slurm's pmi2; Open MPI;
#: Slurm's pmix.
LAUNCHERS = (
    ("PMI_SIZE", "PMI_RANK"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("SLURM_NTASKS", "PMIX_RANK"),
)
ADVICE = "pip install 'dbnvis[mpi]', and start with the mpiexec that comes with it"
PATIENCE = 2.0  # seconds that a rank which ends in an error waits for the others to end likewise
DELIVERY = 0.5  # seconds that mpiexec has to pass on a rank's last words, which an abort would throw away


def started() -> tuple[int, int]:
    """(rank, number of ranks) as the launcher says; (0, 1) where there is none."""
    for size, rank in LAUNCHERS:
        if size in os.environ and rank in os.environ:
            with suppress(ValueError):
                return int(os.environ[rank]), int(os.environ[size])
    return 0, 1


def find_mpiexec() -> str | None:
    """The mpiexec beside this Python, such as that of the extra `mpi`, or else the system's."""
    return shutil.which("mpiexec", path=str(Path(sys.executable).parent)) or shutil.which("mpiexec")


def _own_processors() -> set[int]:
    """Numbers of the processors that this process may use; the same for all where the system does not say."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else {0}


class Ranks:
    """The ranks of this command.

    Raises
    ------
    RuntimeError
        If a launcher started several processes, and mpi4py or its MPI is missing, broken, or of another kind.
    """

    def __init__(self) -> None:
        self.rank, self.size = started()
        self.world: Any = None
        self.sharing = 1
        """How many of the ranks may use the processors of this one."""
        if self.size == 1:
            return
        try:
            from mpi4py import MPI
        except (ImportError, RuntimeError) as error:  # RuntimeError: there is no MPI to be loaded
            missing = (
                "mpi4py is not installed" if isinstance(error, ModuleNotFoundError) else f"MPI is broken ({error})"
            )
            raise RuntimeError(f"{self.size} processes were started together, but {missing}; {ADVICE}") from None
        self.world = MPI.COMM_WORLD
        if self.world.Get_size() != self.size:
            raise RuntimeError(
                f"{self.size} processes were started together, but MPI joins {self.world.Get_size()}: mpiexec is of "
                f"another MPI than mpi4py; {ADVICE}"
            )
        self._ends = self.world.Dup()  # apart from the work, in the middle of which a rank may fail
        here = self.world.Split_type(MPI.COMM_TYPE_SHARED)
        self.here = here.Get_rank()
        own, others = _own_processors(), here.allgather(_own_processors())
        self.sharing = sum(bool(own & other) for other in others)
        here.Free()

    @contextmanager
    def working(self, device: str) -> Iterator[Comm]:
        """Within the block work is shared, on a GPU each where `device` wants them; rank 0 alone prints."""
        if self.world is None:
            yield current()
            return
        gpus = self.world.allgather(device != "cpu" and gpu_status()[0])
        if any(gpus) and not all(gpus):
            raise ValueError(
                f"rank {gpus.index(True)} has a GPU, rank {gpus.index(False)} has none; give --device cpu, or start "
                "ranks on machines with GPUs alone"
            )
        with comm.using(comm.of_gpus(self.world, self.here) if all(gpus) else comm.MPI(self.world)) as ranks:
            yield ranks

    def leave(self) -> None:
        """From here on this rank works by itself; the others may have ended."""
        self.world = None

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Ranks other than the first print nothing within the block."""
        with ExitStack() as stack:
            if self.rank:
                nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8", errors="backslashreplace"))
                stack.enter_context(redirect_stdout(nowhere))
                stack.enter_context(redirect_stderr(nowhere))
            yield

    def warn(self, message: str, say: Callable[[str], object]) -> None:
        """Say a warning, of work that all ranks do once, of a rank's own with its number."""
        if self.rank == 0:
            say(f"dbnvis: warning: {message}")
        elif current().size == 1:
            print(f"dbnvis: rank {self.rank}: warning: {message}", file=sys.__stderr__, flush=True)

    def end(self, message: str, status: int) -> str:
        """End with an error, on all ranks: what this rank is to say of it.

        Where all ranks fail, as after a mistake of the user's, rank 0 says so once. Where this one fails alone, it says
        so and ends all; the others may be waiting for it.
        """
        if self.world is None:
            return message
        request, until = self._ends.Ibarrier(), time.monotonic() + PATIENCE
        while not request.Test():
            if time.monotonic() > until:
                print(f"dbnvis: rank {self.rank} of {self.size}: {message}", file=sys.__stderr__, flush=True)
                time.sleep(DELIVERY)
                self.world.Abort(status)
            time.sleep(0.01)
        said = self._ends.allgather(message)
        return said[0] if self.rank == 0 else ""


def check_start(version: str, args: list[str]) -> None:
    """ValueError on all ranks unless they are of one version and were given one command line."""
    comm.check_same("version", version, "install the same on all machines")
    columns = list(zip_longest(*current().gather(args)))  # the first word of all, the second, ...
    differs = next((i for i, words in enumerate(columns) if len(set(words)) > 1), 0)
    told = args[max(differs - 1, 0) : differs + 1]
    comm.check_same("command line", " ".join(told), "start all with the same options")


def check_shared(folder: Path) -> None:
    """ValueError on all ranks, naming one, unless all see the files of `folder`, or of the nearest one there is."""
    ranks = current()
    if ranks.size == 1:
        return
    there = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    mark = temporary_file(there / "mark")
    try:
        if ranks.rank == 0:
            mark.touch()
        sees = ranks.gather(ranks.gather(mark.absolute())[0].exists())
    finally:
        if ranks.rank == 0:
            mark.unlink(missing_ok=True)
    if not all(sees):
        raise ValueError(
            f"rank {sees.index(False)} does not see the files that rank 0 writes to {folder}; give as --out a folder "
            "on a file system that all machines share"
        )


@contextmanager
def first_before_others() -> Iterator[None]:
    """Rank 0 goes through the block before the others do: what it has fetched or made, they find."""
    ranks = current()
    if ranks.rank:
        ranks.gather(None)
    try:
        yield
    finally:
        if ranks.rank == 0:
            ranks.gather(None)
