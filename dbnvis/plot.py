"""Drawing: the only module that imports matplotlib. Functions take NumPy arrays and return a Figure.

Conventions: filters and optimal inputs in a symmetric grey scale, zero at mid-grey, each tile by its own
largest |value|; samples and images in their pixel range, black to white; no axes around tiles; every figure
carries a legend of its greys, colours and numbers. Colours are Okabe & Ito's, distinct to the colour-blind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .backend import Array

BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
DPI = 160
TOP, BOTTOM = 0.16, 0.15  # inches above a tile for its number, below it for its caption
MARGIN = 0.12  # inches


@dataclass(frozen=True)
class Panel:
    """A grid of picture tiles.

    Parameters
    ----------
    tiles : array (N, height, width)
        A tile of NaN is crossed out.
    symmetric : bool
        Both signs, zero at mid-grey, scaled by the tile's largest |value|; otherwise pixels in [0, 1].
    columns : int
    title : str
    labels : sequence of str, length N, optional
        Above each tile, the unit's number.
    captions : sequence of str, length N, optional
        Below each tile.
    frames : sequence of str, length N, optional
        Colour of a frame around each tile, "" for none.
    """

    tiles: Array
    symmetric: bool
    columns: int
    title: str = ""
    labels: Sequence[str] | None = None
    captions: Sequence[str] | None = None
    frames: Sequence[str] | None = None

    @property
    def rows(self) -> int:
        return math.ceil(len(self.tiles) / self.columns)


def sheet(
    panels: Sequence[Panel], *, heading: str, legend: str, tile: float = 0.5, side_by_side: bool = True
) -> Figure:
    """Draw panels beside or below each other.

    Parameters
    ----------
    panels : sequence of Panel
    heading : str
        Above everything.
    legend : str
        Below everything; says what the numbers and colours mean. The grey scales explain themselves.
    tile : float
        Side of a tile in inches.
    side_by_side : bool
    """
    sizes = [_panel_size(panel, tile) for panel in panels]
    if side_by_side:
        width, height = sum(w for w, _ in sizes) + MARGIN * (len(panels) + 1), max(h for _, h in sizes)
    else:
        width, height = (
            max(w for w, _ in sizes) + 2 * MARGIN,
            sum(h for _, h in sizes) + MARGIN * (len(panels) - 1),
        )
    width = max(width, 6.5)
    heading = _wrap(heading, width, 9)
    legend = _wrap(legend, width, 7)
    head = 0.16 * (heading.count("\n") + 1) + 0.12
    foot = 0.125 * (legend.count("\n") + 1) + 0.52
    total = height + head + foot
    figure = _figure(width, total)
    figure.text(MARGIN / width, 1 - 0.06 / total, heading, fontsize=9, weight="bold", va="top")
    figure.text(MARGIN / width, 0.06 / total, legend, fontsize=7, va="bottom", linespacing=1.2)
    _grey_keys(figure, width, total, foot - 0.34, {panel.symmetric for panel in panels})
    x, y = MARGIN, total - head
    for panel, (w, h) in zip(panels, sizes, strict=True):
        axes = figure.add_axes((x / width, (y - h) / total, w / width, h / total))
        _draw_panel(axes, panel, tile, w, h)
        if side_by_side:
            x += w + MARGIN
        else:
            y -= h + MARGIN
    return figure


def _panel_size(panel: Panel, tile: float) -> tuple[float, float]:
    row = tile + (TOP if panel.labels else 0.03) + (BOTTOM if panel.captions else 0.03)
    return panel.columns * (tile + 0.05), panel.rows * row + (0.22 if panel.title else 0)


def _draw_panel(axes: Any, panel: Panel, tile: float, width: float, height: float) -> None:
    """Draw in inches: x to the right, y downwards from the panel's top."""
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    top = 0.22 if panel.title else 0.0
    if panel.title:
        axes.text(0, 0.03, panel.title, fontsize=8, va="top")
    above, below = (TOP if panel.labels else 0.03), (BOTTOM if panel.captions else 0.03)
    font = min(6.5, 13 * tile)
    for i, image in enumerate(panel.tiles):
        x = i % panel.columns * (tile + 0.05)
        y = top + i // panel.columns * (above + tile + below) + above
        if np.isfinite(image).all():
            scale = max(float(np.abs(image).max()), 1e-12)
            shown, low = (image / scale, -1) if panel.symmetric else (image, 0)
            axes.imshow(
                shown,
                cmap="gray",
                vmin=low,
                vmax=1,
                extent=(x, x + tile, y + tile, y),
                interpolation="nearest",
            )
        else:
            axes.add_patch(
                Rectangle((x, y), tile, tile, facecolor="white", edgecolor=ORANGE, hatch="xx", linewidth=0.6)
            )
        if panel.frames and panel.frames[i]:
            axes.add_patch(
                Rectangle((x, y), tile, tile, fill=False, edgecolor=panel.frames[i], linewidth=1.6, clip_on=False)
            )
        if panel.labels:
            axes.text(x, y - 0.015, panel.labels[i], fontsize=font, va="bottom")
        if panel.captions:
            axes.text(x, y + tile + 0.02, panel.captions[i], fontsize=font, va="top")
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("auto")


def _grey_keys(figure: Figure, width: float, height: float, y: float, kinds: set[bool]) -> None:
    """A bar for each grey scale in use."""
    names = {True: ("-max", "0", "+max, of each tile"), False: ("0", "", "1, pixel value")}
    x = MARGIN
    for kind in sorted(kinds, reverse=True):
        low, middle, high = names[kind]
        axes = figure.add_axes((x / width, (y - 0.02) / height, 1.1 / width, 0.08 / height))
        axes.imshow(np.linspace(0, 1, 256)[None], cmap="gray", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        for position, text, align in ((0, low, "left"), (127, middle, "center"), (255, high, "left")):
            axes.text(position, -0.9, text, fontsize=6.5, ha=align, va="bottom")
        x += 2.5


def curves(panels: Sequence[tuple[str, str, dict[str, tuple[Array, Array]]]], *, heading: str, legend: str) -> Figure:
    """Line plots side by side.

    Parameters
    ----------
    panels : sequence of (title, label of the x axis, {line name: (x, y)})
    heading, legend : str
    """
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = 3.3 * columns, 2.4 * rows + 0.9
    legend = _wrap(legend, width, 7)
    figure = _figure(width, height)
    figure.suptitle(heading, fontsize=9, weight="bold", x=0.01, ha="left", y=1 - 0.06 / height, va="top")
    figure.text(0.01, 0.06 / height, legend, fontsize=7, va="bottom")
    styles = [(BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (BLACK, "-.")]
    for i, (title, x_label, lines) in enumerate(panels):
        axes = figure.add_subplot(rows, columns, i + 1)
        for j, (name, (x, y)) in enumerate(lines.items()):
            color, style = styles[j % len(styles)]
            axes.plot(x, y, color=color, linestyle=style, linewidth=1.4, label=name)
        if all(np.asarray(y).dtype.kind in "iu" for _, y in lines.values()):  # counts
            axes.set_ylim(-0.2, max(5, *(max(y) for _, y in lines.values())) * 1.05)
        axes.set_title(title, fontsize=8, loc="left")
        axes.set_xlabel(x_label, fontsize=7)
        axes.tick_params(labelsize=7)
        axes.grid(alpha=0.3, linewidth=0.4)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=6.5, frameon=False)
    foot = 0.125 * (legend.count("\n") + 1) + 0.15
    figure.subplots_adjust(
        left=0.07, right=0.985, top=1 - 0.55 / height, bottom=(foot + 0.4) / height, hspace=0.55, wspace=0.28
    )
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write `figure` as a PNG whose bytes depend on nothing but what it shows."""
    figure.savefig(path, dpi=DPI, metadata={"Software": None})


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _wrap(text: str, width: float, font: float) -> str:
    """Break lines at `width` inches, a character being about half its font size wide."""
    import textwrap

    n = max(40, int((width - 2 * MARGIN) * 72 / (0.53 * font)))
    return "\n".join(line for paragraph in text.split("\n") for line in textwrap.wrap(paragraph, n) or [""])
