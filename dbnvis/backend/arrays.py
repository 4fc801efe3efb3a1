"""Which library arrays belong to, how they move between libraries, and generators of either."""

from __future__ import annotations

import reprlib
import sys
from collections.abc import Sequence
from typing import Any

from . import cuda

Array = Any  # numpy.ndarray or cupy.ndarray; neither is imported for a type

#: Top-level packages whose arrays are accepted.
LIBRARIES = {"numpy", "cupy"}


def array_module(*arrays: Array) -> Any:
    """Return the library (numpy or cupy) that all `arrays` belong to.

    Raises
    ------
    TypeError
        If an argument is no array, or if the arrays live on different devices.
    """
    names = {type(a).__module__.partition(".")[0] for a in arrays}
    if len(names) == 1 and names <= LIBRARIES:
        return sys.modules[names.pop()]
    if names <= LIBRARIES and names:
        raise TypeError(
            f"arrays of {' and '.join(sorted(names))} in one call; "
            "move all of them to one device first (dbnvis.backend.move)"
        )
    raise TypeError(
        f"expected arrays of {' or '.join(sorted(LIBRARIES))}, got {', '.join(type(a).__name__ for a in arrays)}"
    )


def is_gpu(xp: Any) -> bool:
    """Whether `xp` works on a GPU: it wants many rows at once, and looking at a value waits for all queued work."""
    return xp.__name__ == "cupy"


def move(x: Array, xp: Any) -> Array:
    """Return `x` as an array of library `xp` (no copy where it already is one)."""
    if type(x).__module__.partition(".")[0] == xp.__name__:
        return x
    return xp.asarray(to_numpy(x))


def to_numpy(x: Array) -> Array:
    """Return `x` as a NumPy array on the host (no copy where it already is one)."""
    import numpy

    return x.get() if hasattr(x, "get") else numpy.asarray(x)


def make_rng(xp: Any, *seed: int, into: Any = None) -> Any:
    """Return a generator of library `xp`, a function of the integers `seed` alone.

    Use its `random` and `standard_normal` alone: generators on the device have few other of NumPy's methods. `into`
    is a generator that is needed no longer; on a GPU it may begin again instead of a new one.
    """
    if not is_gpu(xp):
        return xp.random.default_rng(_mixed(seed))
    if not isinstance(into, cuda.Generator):
        return cuda.Generator(_mixed(seed))
    into.reseed(_mixed(seed))
    return into


def _mixed(seed: Sequence[int]) -> int:
    """One integer, mixed well from all of them: generators on the device take no list."""
    import numpy

    return int(numpy.random.SeedSequence(seed).generate_state(1, numpy.uint64)[0]) >> 1


def check_rng(rng: Any) -> Any:
    """Return `rng` if it is a generator, of either library or of this one; TypeError otherwise."""
    draws = callable(getattr(rng, "random", None)) or hasattr(rng, "bit_generator")
    if not draws or hasattr(rng, "seed"):  # NumPy's global generator and its RandomState draw no float32
        raise TypeError(f"rng must be a generator such as numpy.random.default_rng(0), got {reprlib.repr(rng)}")
    return rng


class UnitStreams:
    """Generators side by side, one for each row of the leading axis of what is drawn.

    A row's numbers then depend on its own generator alone, however the rows are grouped.
    """

    def __init__(self, generators: Sequence[Any]):
        self.generators = generators

    @staticmethod
    def of(xp: Any, seeds: Sequence[Sequence[int]]) -> Any:
        """The streams of `make_rng(xp, *seed)` for each of `seeds`, on a GPU drawn by one kernel for all."""
        if is_gpu(xp):
            return cuda.Generators([_mixed(seed) for seed in seeds])
        return UnitStreams([make_rng(xp, *seed) for seed in seeds])

    def random(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Uniform numbers on [0, 1) of `shape`, whose first axis runs over the generators."""
        rows = [generator.random(shape[1:], dtype=dtype) for generator in self.generators]
        return array_module(rows[0]).stack(rows)

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Standard normal numbers of `shape`, whose first axis runs over the generators."""
        rows = [generator.standard_normal(shape[1:], dtype=dtype) for generator in self.generators]
        return array_module(rows[0]).stack(rows)


class OwnRows:
    """The numbers that `generator` draws for some rows of a batch: those of the others are dropped, or skipped.

    What rows of a batch get is then the same whether one process draws for all of them or several for a part each.

    Parameters
    ----------
    generator : numpy or cupy Generator
    rows : slice
        The rows drawn for.
    of : int
        Rows of the batch.
    axis : int
        Of what is drawn, the one that runs over the rows.
    """

    def __init__(self, generator: Any, rows: slice, of: int, *, axis: int = 0):
        self.generator, self.axis, self.of = check_rng(generator), axis, of
        self.rows = (*[slice(None)] * axis, rows)

    def whole(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """`shape`, of the own rows, as that of the batch."""
        return (*shape[: self.axis], self.of, *shape[self.axis + 1 :])

    def cut(self, x: Array) -> Array:
        """Of `x`, drawn for the batch, the own rows."""
        return array_module(x).ascontiguousarray(x[self.rows])

    def random(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Uniform numbers on [0, 1) of `shape`."""
        return self.cut(self.generator.random(self.whole(shape), dtype=dtype))

    def standard_normal(self, shape: tuple[int, ...], dtype: Any = "float64") -> Array:
        """Standard normal numbers of `shape`."""
        return self.cut(self.generator.standard_normal(self.whole(shape), dtype=dtype))


def child_seeds(rng: Any, n: int) -> list[int]:
    """Draw `n` integer seeds from `rng`, for generators that must not depend on each other's use."""
    return [int(u) for u in to_numpy(check_rng(rng).random(n)) * 2.0**53]


def fixed_uniform(seed: int, shape: tuple[int, ...]) -> Array:
    """float32 numbers on [0, 1), on the host: a function of `seed` and `shape` alone, whatever the device."""
    import numpy

    return numpy.random.default_rng(seed).random(shape, dtype=numpy.float32)
