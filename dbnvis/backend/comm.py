"""Ranks: the processes that work on one command together, started by `mpiexec -n N`.

Every rank runs the same code on the same data. Where work can be shared it asks `current()`: a rank does its `own` part
and gets the others' by two verbs, `sum` and `gather`. Alone, a process is rank 0 of 1, and both return what they got.

    rows = current().own(len(x))  # of N rows, a slice
    total = current().sum(gradient_of(x[rows]))

References
----------
Dean, Corrado, Monga et al. (2012), "Large scale distributed deep networks": data-parallel training; here synchronous.
"""

from __future__ import annotations

import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from textwrap import shorten
from typing import Any, Generic, TypeVar

from .arrays import Array, OwnRows, array_module, is_gpu, to_numpy

T = TypeVar("T")
S = TypeVar("S")


class Comm(ABC):
    """What one of `size` ranks, number `rank` from 0, can do with the others. All ranks call the same in one order."""

    rank: int
    size: int
    recordable = True
    """Whether a GPU can record its sums among the other steps of an update."""

    @abstractmethod
    def sum(self, x: Array) -> Array:
        """Add up the `x` of all ranks, contiguous arrays of one shape and type, in place, and return it.

        All ranks get the same bits.
        """

    @abstractmethod
    def gather(self, value: T) -> list[T]:
        """The values of all ranks, by rank, on every one of them."""

    def own(self, n: int) -> slice:
        """The part of `n` things that is this rank's; sizes differ by one at the most."""
        return slice(n * self.rank // self.size, n * (self.rank + 1) // self.size)

    def draws(self, rng: Any, n: int, *, axis: int = 0) -> Any:
        """`rng` as it draws for this rank's `own` of `n` rows, which `axis` runs over: what it would draw alone."""
        return rng if self.size == 1 else OwnRows(rng, self.own(n), n, axis=axis)


class Alone(Comm):
    """The only rank."""

    rank, size = 0, 1

    def sum(self, x: Array) -> Array:
        return x

    def gather(self, value: T) -> list[T]:
        return [value]


class MPI(Comm):
    """The ranks of an MPI communicator.

    Parameters
    ----------
    world : mpi4py.MPI.Intracomm
    """

    recordable = False  # sums of arrays on a GPU go through the host

    def __init__(self, world: Any):
        self.world, self.rank, self.size = world, world.Get_rank(), world.Get_size()

    def sum(self, x: Array) -> Array:
        import mpi4py.MPI

        if not is_gpu(array_module(x)):
            self.world.Allreduce(mpi4py.MPI.IN_PLACE, x)
            return x
        host = to_numpy(x)
        self.world.Allreduce(mpi4py.MPI.IN_PLACE, host)
        x[...] = array_module(x).asarray(host)
        return x

    def gather(self, value: T) -> list[T]:
        return self.world.allgather(value)


class NCCL(MPI):
    """The same, of one GPU per rank, which add up arrays among themselves."""

    recordable = True

    def __init__(self, world: Any):
        from cupy.cuda import nccl

        super().__init__(world)
        key = world.bcast(nccl.get_unique_id() if self.rank == 0 else None)
        self.gpus = nccl.NcclCommunicator(self.size, key, self.rank)

    def sum(self, x: Array) -> Array:
        if not is_gpu(array_module(x)):
            return super().sum(x)
        import cupy
        from cupy.cuda import nccl

        kind = {"float32": nccl.NCCL_FLOAT32, "float64": nccl.NCCL_FLOAT64}[x.dtype.name]
        self.gpus.allReduce(x.data.ptr, x.data.ptr, x.size, kind, nccl.NCCL_SUM, cupy.cuda.get_current_stream().ptr)
        return x


def of_gpus(world: Any, local_rank: int) -> Comm:
    """The ranks of an MPI communicator, each at a GPU of its machine, of its own if there are as many."""
    import cupy
    from cupy.cuda import nccl

    cupy.cuda.Device(local_rank % cupy.cuda.runtime.getDeviceCount()).use()
    device = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.runtime.getDevice())
    names = world.allgather((bool(nccl.available), bytes(device["uuid"])))
    own = len({name for _, name in names}) == len(names)  # a GPU each, as NCCL wants
    return NCCL(world) if own and all(available for available, _ in names) else MPI(world)


_current: ContextVar[Comm] = ContextVar("ranks", default=Alone())  # noqa: B039 - it has no state


def current() -> Comm:
    """The ranks that share the work at hand."""
    return _current.get()


@contextmanager
def using(comm: Comm) -> Iterator[Comm]:
    """Within the block, work is shared with the ranks of `comm`."""
    before = _current.set(comm)
    try:
        yield comm
    finally:
        _current.reset(before)


class Elsewhere(Exception):
    """Where an exception was raised, on whatever rank."""


@dataclass
class Outcome(Generic[T]):
    """What work by itself led to on a rank, for the others: a result or an exception."""

    result: T | None = None
    error: Exception | None = None
    where: str = ""
    """The traceback, as text."""

    @classmethod
    def of(cls, work: Callable[[], T]) -> Outcome[T]:
        """Do `work`, in which the rank shares nothing."""
        with using(Alone()):
            try:
                return cls(work())
            except Exception as error:
                return cls(error=error, where=traceback.format_exc())

    def tell(self) -> T:
        """Raise or return as the work did."""
        if self.error is not None:
            raise self.error from Elsewhere(self.where)
        return self.result  # type: ignore[return-value]


def over_ranks(work: Callable[[S], T], items: Sequence[S], bar: Callable[[Sequence[S]], Iterable[S]] = iter) -> list[T]:
    """`work` of every item, on all ranks; each does its own items, within the progress bar `bar`, and alone in each.

    What one rank's work raises, all raise; it warns on that rank alone.
    """
    comm = current()
    if comm.size == 1 or len(items) < 2:
        return [work(item) for item in bar(items)]
    own = Outcome.of(lambda: [work(item) for item in bar(items[comm.own(len(items))])])
    return [result for outcome in comm.gather(own) for result in outcome.tell()]


def on_first(work: Callable[[], T]) -> T:
    """What `work` returns on rank 0, or the exception that it raises there, on all ranks."""
    comm = current()
    if comm.size == 1:
        return work()
    return comm.gather(Outcome.of(work) if comm.rank == 0 else Outcome())[0].tell()


def check_same(what: str, value: Any, remedy: str) -> None:
    """ValueError on all ranks, naming one, unless `value`, of `what`, is the same on all."""
    values = current().gather(value)
    for rank, other in enumerate(values):
        if other != values[0]:
            here, there = (shorten(str(x), 80, placeholder=" ...") for x in (values[0], other))
            raise ValueError(f"the ranks differ in {what}: rank 0 has {here}, rank {rank} {there}; {remedy}")
