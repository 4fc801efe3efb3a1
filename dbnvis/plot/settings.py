"""Figures are drawn with matplotlib's own settings, whatever the user's are: they depend on what they show alone."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from threading import RLock
from typing import Any


def _import_matplotlib() -> None:
    """Import matplotlib even where MPLBACKEND names a backend that is not installed: figures here need none of them."""
    backend = os.environ.get("MPLBACKEND", "")
    if not backend or "matplotlib" in sys.modules:
        return
    del os.environ["MPLBACKEND"]
    try:
        import matplotlib

        with suppress(ValueError):
            matplotlib.rcParams["backend"] = backend
    finally:
        os.environ["MPLBACKEND"] = backend


_import_matplotlib()

import matplotlib  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.font_manager import FontProperties, findfont, get_font  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from matplotlib.textpath import text_to_path  # noqa: E402

FONT = "DejaVu Sans"  # comes with matplotlib
#: Text is drawn as it is: a file's name with two "$" is no formula.
DEFAULTS: dict[Any, Any] = {
    **{name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"},
    "font.family": [FONT],
    "text.parse_math": False,
}
#: The settings belong to the whole process: two threads that change and restore them in turn would leave them changed.
LOCK = RLock()


@contextmanager
def fixed() -> Iterator[None]:
    """Draw with matplotlib's own settings; the user's are back afterwards. Also a decorator. One thread at a time."""
    with LOCK, matplotlib.rc_context(DEFAULTS):
        yield


class FixedFigure(Figure):
    """A figure that is drawn and saved with matplotlib's own settings, too, and whose font has every character."""

    def draw(self, renderer: Any) -> None:
        with fixed():
            for artist in (child for parent in (self, *self.axes) for child in parent.get_children()):
                if isinstance(artist, Text):
                    artist.set_text(printable(artist.get_text()))
            super().draw(renderer)

    def savefig(self, *args: Any, **keywords: Any) -> None:
        with fixed():
            super().savefig(*args, **keywords)


@cache
def _characters() -> frozenset[int]:
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
    font = FontProperties(family=FONT, size=size, weight=weight)
    return float(text_to_path.get_text_width_height_descent(printable(text), font, False)[0]) / 72
