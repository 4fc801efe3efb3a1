"""Charts on a grid, each with a note under it that says how to read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array
from .base import MARGIN, STYLES, blank, fit, wrap
from .grids import TITLE_LINE, draw_panel
from .panel import Panel
from .style import fixed
from .words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, GAP = 2.9, 0.42  # inches: width of a chart in the fullest row, space between charts
LONG = 5  # characters of a number
TITLE, AXIS, LINE = 0.34, 0.38, 0.115  # inches: above a chart, its axis below, a line of its note


@dataclass(frozen=True)
class Chart:
    """What every chart has.

    Parameters
    ----------
    title : str
    note : str
        Stands under the chart: how to read it.
    """

    title: str
    note: str

    def draw(self, axes: Any) -> None:
        """Draw into matplotlib axes."""


@dataclass(frozen=True)
class Lines(Chart):
    """Curves: {name: (x, y)}; counts, which are integers, start at zero."""

    x_label: str
    lines: dict[str, tuple[Array, Array]]

    def draw(self, axes: Any) -> None:
        for (name, (x, y)), (color, style) in zip(self.lines.items(), STYLES, strict=False):
            axes.plot(x, y, color=color, linestyle=style, linewidth=1.4, label=name)
        if all(np.asarray(y).dtype.kind in "iu" for _, y in self.lines.values()):
            axes.yaxis.get_major_locator().set_params(integer=True)
            axes.set_ylim(-0.2, max(5, *(max(y) for _, y in self.lines.values())) * 1.05)
        axes.set_xlabel(self.x_label, fontsize=7)
        _room_for_numbers(axes)
        if all(np.asarray(x).dtype.kind in "iu" for x, _ in self.lines.values()):
            axes.xaxis.get_major_locator().set_params(integer=True)  # such as epochs
        axes.grid(alpha=0.3, linewidth=0.4)
        if len(self.lines) > 1:
            axes.legend(fontsize=6.5, frameon=False)


@dataclass(frozen=True)
class Histograms(Chart):
    """Shares of values in common bins: {name: values}, drawn as outlines."""

    x_label: str
    values: dict[str, Array]
    bins: int = 60

    def draw(self, axes: Any) -> None:
        flat = {name: np.asarray(x, dtype=float).ravel() for name, x in self.values.items()}
        low, high = (f([f(x) for x in flat.values()]) for f in (min, max))
        edges = np.linspace(low, high if high > low else low + 1, self.bins + 1)
        for (name, x), (color, style) in zip(flat.items(), STYLES, strict=False):
            counts = np.histogram(x, edges)[0] / x.size
            axes.stairs(100 * counts, edges, color=color, linestyle=style, linewidth=1.2, label=name)
        axes.set_xlabel(self.x_label, fontsize=7)
        _room_for_numbers(axes)
        axes.set_ylabel("%", fontsize=7, labelpad=1)
        if len(flat) > 1:
            axes.legend(fontsize=6.5, frameon=False)


@dataclass(frozen=True)
class Matrix(Chart):
    """An array of values in [0, 1] as an image, black to white, row 0 at the top."""

    x_label: str
    y_label: str
    values: Array

    def draw(self, axes: Any) -> None:
        axes.imshow(self.values, cmap="gray", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        axes.set_xlabel(self.x_label, fontsize=7)
        _room_for_numbers(axes)
        axes.set_ylabel(self.y_label, fontsize=7, labelpad=1)


@dataclass(frozen=True)
class Tiles(Chart):
    """Picture tiles, in the columns of the panel, or where `reflow` is set in those that fill the room best."""

    panel: Panel
    reflow: bool = False

    def draw(self, axes: Any) -> None:
        box = axes.get_position()
        width, height = axes.figure.get_size_inches() * (box.width, box.height)
        panel = self.panel
        if self.reflow:
            choices = [replace(panel, columns=n) for n in range(1, len(panel.tiles) + 1)]
            panel = max(choices, key=lambda choice: choice.fitting(width, height))
        draw_panel(axes, panel, panel.fitting(width, height), width, height)


@fixed()
def dashboard(
    rows: Sequence[Sequence[Chart]], *, heading: str, caption: str = "", key: str = "", heights: Sequence[float]
) -> Figure:
    """Rows of equally wide charts, each under its title and above its note.

    Parameters
    ----------
    rows : sequence of rows of Chart
    heading, caption, key : str
        Above, below and in small print below everything.
    heights : sequence of float
        Of each row's charts, in inches.
    """
    figure = _drawn(rows, (heading, caption, key), heights, GAP)
    beside = max(_beside(figure, axes) for axes in figure.axes)
    return figure if beside <= GAP else _drawn(rows, (heading, caption, key), heights, beside + 0.02)


def _room_for_numbers(axes: Any) -> None:
    """Fewer numbers below a chart where they are long: matplotlib reckons with short ones."""
    if max((len(label.get_text()) for label in axes.get_xticklabels()), default=0) > LONG:
        axes.locator_params(axis="x", nbins=4)


def _beside(figure: Figure, axes: Any) -> float:
    """Inches that the numbers left of a chart take."""
    canvas: Any = figure.canvas
    box = axes.yaxis.get_tightbbox(canvas.get_renderer()) if axes.axison else None
    return (axes.bbox.x0 - box.x0) / figure.dpi if box else 0.0


def _drawn(
    rows: Sequence[Sequence[Chart]], texts: tuple[str, str, str], heights: Sequence[float], gap: float
) -> Figure:
    columns = max(len(row) for row in rows)
    width = columns * CELL + (columns + 1) * gap
    cells = [(width - (len(row) + 1) * gap) / len(row) for row in rows]
    notes = [[wrap(chart.note, cell + 2 * MARGIN, 6.5) for chart in row] for row, cell in zip(rows, cells, strict=True)]
    titles = [[fit(chart.title, cell + gap / 2, 8) for chart in row] for row, cell in zip(rows, cells, strict=True)]
    heads = [TITLE + TITLE_LINE * max(title.count("\n") for title in row) for row in titles]
    foots = [AXIS + 0.1 + LINE * max(note.count("\n") + 1 for note in row) for row in notes]
    words = Words.of(width, *texts)
    bottom, head = words.foot + 0.05, words.head + 0.05
    total = head + sum(heights) + sum(foots) + sum(heads) + bottom
    figure = blank(width, total)
    words.write(figure)
    y = total - head
    for row, above, below, cell, top, height, foot in zip(
        rows, titles, notes, cells, heads, heights, foots, strict=True
    ):
        y -= top + height
        for i, (chart, title, note) in enumerate(zip(row, above, below, strict=True)):
            x = gap + i * (cell + gap)
            axes = figure.add_axes((x / width, y / total, cell / width, height / total))
            axes.tick_params(labelsize=6.5)
            axes.spines[["top", "right"]].set_visible(False)
            chart.draw(axes)
            figure.text(x / width, (y + height + 0.05) / total, title, fontsize=8, va="bottom")
            figure.text(x / width, (y - AXIS) / total, note, fontsize=6.5, va="top", linespacing=1.15)
        y -= foot
    return figure
