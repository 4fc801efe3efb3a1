"""Colours, an empty figure, lines of text that fit, a file."""

from __future__ import annotations

import textwrap
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
#: Lines of one chart: told apart without colour, too.
STYLES = [(BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (BLACK, "-.")]
DPI = 160
MARGIN = 0.12  # inches


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as a PNG whose bytes depend on nothing but what it shows."""
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def blank(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches."""
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def wrap(text: str, width: float, font: float) -> str:
    """Break lines at `width` inches, a character being about half its font size wide."""
    n = max(40, int((width - 2 * MARGIN) * 72 / (0.53 * font)))
    return "\n".join(line for paragraph in text.split("\n") for line in textwrap.wrap(paragraph, n) or [""])
