"""Progress bars as library code sees them: a function that wraps an iterable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

#: Wraps an iterable in a progress bar: (iterable, description, total) -> iterable.
Progress = Callable[[Iterable[Any], str, int], Iterable[Any]]


def silent(iterable: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    """No progress bar."""
    return iterable
