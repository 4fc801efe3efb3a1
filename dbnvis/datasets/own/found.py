"""What a reader of the user's files finds: arrays, names of classes, and what was done, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from dbnvis.system.memory import GIB, machine_memory

NAMED = 3  # names that a message gives


@dataclass
class Found:
    """Arrays as they were found, for `gate.from_arrays`.

    Parameters
    ----------
    images, labels : dict of array
        By part: "train" and, where there are some, "test".
    shape : tuple of int, optional
        Of an image whose pixels are a row.
    class_names : sequence or mapping
        By label.
    steps : list of str
        What was done, in words.
    """

    images: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    shape: tuple[int, ...] | None = None
    class_names: Sequence[str] | Mapping[int, str] = ()
    steps: list[str] = field(default_factory=list)


def check_room(n_bytes: int, path: Path) -> None:
    """ValueError, before anything is read, if what `path` holds takes more bytes of memory than there are."""
    there = machine_memory()
    if n_bytes > there:
        raise ValueError(
            f"{path} needs {n_bytes / GIB:.3g} GiB of memory, and there are {there / GIB:.3g}; give fewer pictures, or "
            "smaller ones"
        )


def some(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    shown = [name if name.isprintable() else ascii(name) for name in names[:NAMED]]
    return ", ".join(shown) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
