"""Charts of their own: bars, points in two dimensions; for dashboards: tables of numbers on greys, curves with bands;
for sheets of tiles: shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array
from .base import BLACK, BLUE, MARGIN, ORANGE, STYLES, blank
from .dashboard import Chart
from .style import fixed, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure
from .panel import SMALL
from .words import Words

#: Ten classes: Paul Tol's "muted" colours, distinct to the colour-blind, and black.
CLASSES = ("#332288", "#88CCEE", "#117733", "#DDCC77", "#CC6677", "#AA4499", "#44AA99", "#999933", "#882255", "#000000")
LABEL = 0.19  # inches that the number of a class takes


@fixed()
def scatter(points: dict[str, Array], labels: Array, *, heading: str, caption: str = "", key: str = "") -> Figure:
    """Points in two dimensions, coloured by class, side by side; a class's number is at the median of its points.

    Parameters
    ----------
    points : {title: array (N, 2)}
    labels : array (N,)
        The class of each point, 0 to 9.
    heading, caption, key : str
    """
    side = 5.0
    width = side * len(points) + MARGIN * (len(points) + 1)
    words = Words.of(width, heading, caption, key)
    foot = words.foot + 0.4
    height = side + 0.35 + words.head + foot
    figure = blank(width, height)
    words.write(figure)
    classes = np.unique(labels)
    order = np.random.default_rng(0).permutation(len(labels))  # no class is drawn over the others
    colors = np.array(CLASSES)[labels[order] % len(CLASSES)]
    for i, (title, xy) in enumerate(points.items()):
        x = MARGIN + i * (side + MARGIN)
        axes = figure.add_axes((x / width, foot / height, side / width, side / height))
        axes.scatter(xy[order, 0], xy[order, 1], s=2, c=colors, linewidths=0)
        middles = np.array([np.median(xy[labels == c], axis=0) for c in classes])
        for c, (x, y) in zip(classes, _apart(middles, LABEL * np.ptp(xy, axis=0) / side), strict=True):
            box = {
                "boxstyle": "circle,pad=0.1",
                "facecolor": "white",
                "edgecolor": CLASSES[c % len(CLASSES)],
                "alpha": 0.8,
            }
            axes.text(x, y, str(c), fontsize=8, weight="bold", ha="center", va="center", bbox=box)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title, fontsize=8, loc="left", pad=3)
    for c in classes:
        axes.scatter([], [], color=CLASSES[c % len(CLASSES)], label=str(c))
    corner = (0, (foot - 0.38) / height)
    figure.legend(ncols=10, fontsize=8, frameon=False, loc="lower left", handletextpad=0, bbox_to_anchor=corner)
    return figure


def _apart(places: Array, size: Array) -> Array:
    """Places (N, 2) of labels of a `size` (2,), each moved as little as it takes that no two overlap."""
    places = places / size
    for _ in range(100):
        for i, j in combinations(range(len(places)), 2):
            between = places[j] - places[i]
            distance = float(np.hypot(*between)) or 1.0
            if distance < 1:
                push = 0.5 * (1 - distance) / distance * between
                places[i], places[j] = places[i] - push, places[j] + push
    return places * size


Bars = dict[str, tuple[float, float, float, float]]  # value, low, high, floor


@fixed()
def bars(panels: Sequence[tuple[str, Bars]], *, x_label: str, heading: str, caption: str = "", key: str = "") -> Figure:
    """Bars from zero, panels below each other; the names that begin with "dbnvis" stand out.

    Parameters
    ----------
    panels : sequence of (title, {name: (value, low, high, floor)})
        A line runs from low to high, and a mark stands across the bar at the floor (NaN: none).
    x_label, heading, caption, key : str
    """
    width = 6.8
    longest = max(len(name) for _, rows in panels for name in rows)
    left = max(0.3, (0.053 * longest + 0.15) / width)  # room for the names
    words = Words.of(width, heading, caption, key)
    head, foot = words.head, words.foot + 0.38
    height = head + foot + sum(0.5 + 0.2 * len(rows) for _, rows in panels)
    figure = blank(width, height)
    words.write(figure)
    y = height - head
    for title, rows in panels:
        y -= 0.5 + 0.2 * len(rows)
        axes = figure.add_axes((left, (y + 0.15) / height, 0.97 - left, 0.2 * len(rows) / height))
        for i, (name, (value, low, high, floor)) in enumerate(rows.items()):
            axes.barh(i, value, height=0.7, color=ORANGE if name.startswith("dbnvis") else BLUE)
            axes.plot([low, high], [i, i], color=BLACK, linewidth=0.8)
            axes.plot([floor, floor], [i - 0.45, i + 0.45], color=BLACK, linewidth=1.6)
            axes.text(high, i, f" {value:,.0f}" if value >= 1000 else f" {value:.3g}", fontsize=6.5, va="center")
        axes.set_yticks(range(len(rows)), list(rows), fontsize=7)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.1 * max(high for _, _, high, _ in rows.values()))
        axes.set_title(title, fontsize=8, loc="left", pad=3)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(x_label, fontsize=7)
    return figure


@dataclass(frozen=True)
class HeatMap(Chart):
    """A table of values in [0, 1] on greys, white to black; a number or two in every cell.

    `names` head the rows, and the columns too where there are no `columns`; `values` is (rows, columns), NaN for an
    empty cell; `texts`, of the same shape, stand in the cells.
    """

    names: Sequence[str]
    values: Array
    texts: Sequence[Sequence[str]]
    columns: Sequence[str] = ()

    def draw(self, axes: Any) -> None:
        axes.imshow(self.values, cmap="Greys", vmin=0, vmax=1.15, aspect="auto", interpolation="nearest")
        for i, row in enumerate(self.texts):
            for j, text in enumerate(row):
                color = "white" if self.values[i][j] > 0.6 else "black"
                axes.text(j, i, text, ha="center", va="center", fontsize=6.5, color=color, linespacing=1.3)
        heads, turned = self.columns or self.names, 0 if self.columns else 90
        axes.set_xticks(range(len(heads)), heads, fontsize=6.5)
        axes.set_yticks(range(len(self.names)), self.names, fontsize=6.5, rotation=turned, va="center")
        axes.tick_params(length=0)


@dataclass(frozen=True)
class Bands(Chart):
    """Curves of shares with intervals, {name: (y, low, high)}, at common places; the axis shows 0 to 1 at least.

    `places` are the labels of the places along x; `baselines` {name: y} are drawn thin, in the colour of the curve
    of that name.
    """

    x_label: str
    places: Sequence[str]
    curves: dict[str, tuple[Array, Array, Array]]
    baselines: dict[str, Array]

    def draw(self, axes: Any) -> None:
        x = np.arange(len(self.places))
        for (name, (y, low, high)), (color, style) in zip(self.curves.items(), STYLES, strict=False):
            axes.plot(x, y, color=color, linestyle=style, linewidth=1.4, marker="o", markersize=2.5, label=name)
            axes.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
            if name in self.baselines:
                axes.plot(
                    x, self.baselines[name], color=color, linestyle=style, linewidth=0.7, marker="x", markersize=3
                )
        ends = np.concatenate([np.ravel(y) for y in (*self.curves.values(), *self.baselines.values())])
        bottom, top = min(0, 1.05 * ends.min()), 1.03 * max(1, ends.max())
        axes.set_ylim(bottom, top)
        ticks = [y for y in axes.get_yticks() if bottom <= y <= top]
        axes.set_ylim(bottom, top + 0.25 * (top - bottom))  # room for the legend
        axes.set_yticks(ticks)
        axes.set_xticks(x, self.places)
        axes.set_xlabel(self.x_label, fontsize=7)
        axes.grid(alpha=0.3, linewidth=0.4)
        axes.legend(fontsize=6.5, frameon=False, ncols=2, loc="upper left")


@dataclass(frozen=True)
class Shares:
    """A bar per class from the left, its share in per cent beside it; the largest is blue.

    Parameters
    ----------
    names : sequence of str
    shares : array (N,)
        In [0, 1].
    title, note : str
    """

    names: Sequence[str]
    shares: Array
    title: str = ""
    note: str = ""
    bar: float = 0.17  # inches from one bar to the next
    length: float = 2.2  # inches of a bar of 100 %

    @property
    def left(self) -> float:
        return max(text_width(name, SMALL) for name in self.names) + 0.06

    def width(self, tile: float) -> float:
        return self.left + self.length + 0.5

    def height(self, tile: float) -> float:
        return self.bar * len(self.names) + 0.06

    def draw(self, axes: Any, tile: float, top: float) -> None:
        axes.plot([self.left] * 2, [top + 0.03, top + 0.03 + self.bar * len(self.names)], color=BLACK, linewidth=0.6)
        for i, (name, share) in enumerate(zip(self.names, self.shares, strict=True)):
            y, color = top + 0.03 + (i + 0.5) * self.bar, BLUE if share == self.shares.max() else BLACK
            axes.barh(y, self.length * share, height=0.7 * self.bar, left=self.left, color=color)
            axes.text(self.left - 0.05, y, name, fontsize=SMALL, ha="right", va="center")
            x = self.left + self.length * share + 0.05
            axes.text(x, y, f"{100 * share:.1f} %", fontsize=SMALL, va="center")


@dataclass(frozen=True)
class Table:
    """Rows of short texts: the first column from the left, the others against their right edges.

    Parameters
    ----------
    rows : sequence of sequence of str
        Of equal lengths.
    header : sequence of str, optional
        Above the columns, bold, over a line.
    title, note : str
    least : float
        Inches of its width, at the least.
    """

    rows: Sequence[Sequence[str]]
    header: Sequence[str] = ()
    title: str = ""
    note: str = ""
    least: float = 0.0
    line: float = 0.15  # inches from one row to the next
    gap: float = 0.15  # inches between columns

    @property
    def widths(self) -> list[float]:
        """Inches of every column."""
        bold = [[text_width(text, SMALL, "bold")] for text in self.header] or [[] for _ in self.rows[0]]
        cells = zip(*([text_width(text, SMALL) for text in row] for row in self.rows), strict=True)
        return [max(*head, *column) for head, column in zip(bold, cells, strict=True)]

    def width(self, tile: float) -> float:
        return max(self.least, sum(self.widths) + self.gap * (len(self.widths) - 1))

    def height(self, tile: float) -> float:
        return self.line * (len(self.rows) + bool(self.header)) + 0.06

    def draw(self, axes: Any, tile: float, top: float) -> None:
        edges = np.cumsum(self.widths) + self.gap * np.arange(len(self.widths))
        lines = [*([self.header] if self.header else []), *self.rows]
        for i, texts in enumerate(lines):
            weight = "bold" if self.header and i == 0 else "normal"
            y = top + (i + 0.5) * self.line
            axes.text(0, y, texts[0], fontsize=SMALL, weight=weight, va="center")
            for x, text in zip(edges[1:], texts[1:], strict=True):
                axes.text(x, y, text, fontsize=SMALL, weight=weight, ha="right", va="center")
        if self.header:
            axes.plot([0, edges[-1]], [top + self.line] * 2, color=BLACK, linewidth=0.6)
