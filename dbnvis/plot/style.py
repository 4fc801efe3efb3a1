"""Figures are drawn with matplotlib's own settings, whatever the user's are: they depend on what they show alone.

matplotlib takes a third of a second to import, so it is imported when the first figure is begun.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from threading import RLock
from typing import Any

FONT = "DejaVu Sans"  # comes with matplotlib
BETWEEN = re.compile(r"(?<=.)[0-9](?=.)")  # digits take the same room, except for ink of those at the ends
#: The settings belong to the whole process: two threads that change and restore them in turn would leave them changed.
LOCK = RLock()


def matplotlib_of_any_backend() -> Any:
    """matplotlib, even where MPLBACKEND names a backend that is not installed: figures here need none of them."""
    backend = os.environ.get("MPLBACKEND", "")
    if not backend or "matplotlib" in sys.modules:
        import matplotlib

        return matplotlib
    del os.environ["MPLBACKEND"]
    try:
        import matplotlib

        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    finally:
        os.environ["MPLBACKEND"] = backend
    return matplotlib


@cache
def _defaults() -> dict[Any, Any]:
    defaults = matplotlib_of_any_backend().rcParamsDefault
    return {
        **{name: value for name, value in defaults.items() if name != "backend"},
        "font.family": [FONT],
        "text.parse_math": False,  # a file's name with two "$" is no formula
    }


@contextmanager
def fixed() -> Iterator[None]:
    """Draw with matplotlib's own settings; the user's are back afterwards. Also a decorator. One thread at a time."""
    with LOCK, matplotlib_of_any_backend().rc_context(_defaults()):
        yield


@cache
def _characters() -> frozenset[int]:
    matplotlib_of_any_backend()
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family=FONT))).get_charmap())


def printable(text: str) -> str:
    """`text` with a replacement character for what the font lacks, such as bytes that are no UTF-8, and no controls."""
    return "".join(
        c if c == "\n" or ord(c) in _characters() else "\N{REPLACEMENT CHARACTER}"
        for c in text
        if c.isprintable() or not c.isascii() or c == "\n"
    )


@lru_cache(maxsize=10_000)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Inches that a line of `size` points takes."""
    return _width(BETWEEN.sub("0", printable(text)), size, weight)


@lru_cache(maxsize=10_000)
def _width(text: str, size: float, weight: str) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=FONT, size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0]) / 72
