"""Picture tiles: sheets of units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..backend import Array
from .base import MARGIN, ORANGE, blank, wrap

TOP, BOTTOM = 0.16, 0.15  # inches above a tile for its number, below it for its caption
CHARACTER = 0.63  # width of a character in units of the font's size, a digit's
ABSENT = (0.7, 0.85, 0.95, 1.0)  # light blue
OUTLINE = "0.75"  # light grey


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
    absent : array (N, height, width) of bool, optional
        Pixels that do not exist, such as those beyond an image's border: light blue.
    outlined : bool
        A thin light-grey line around each tile, so that a white one is seen.
    """

    tiles: Array
    symmetric: bool
    columns: int
    title: str = ""
    labels: Sequence[str] | None = None
    captions: Sequence[str] | None = None
    frames: Sequence[str] | None = None
    absent: Array | None = None
    outlined: bool = False

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
    return grid([panels] if side_by_side else [[panel] for panel in panels], heading=heading, legend=legend, tile=tile)


def grid(rows: Sequence[Sequence[Panel]], *, heading: str, legend: str, tile: float = 0.5) -> Figure:
    """Draw rows of panels, as `sheet` draws one."""
    sizes = [[panel_size(panel, tile) for panel in row] for row in rows]
    heights = [max(h for _, h in row) for row in sizes]
    width = max(6.5, *(sum(w for w, _ in row) + MARGIN * (len(row) + 1) for row in sizes))
    height = sum(heights) + MARGIN * (len(rows) - 1)
    heading = wrap(heading, width, 9)
    legend = wrap(legend, width, 7)
    head = 0.16 * (heading.count("\n") + 1) + 0.12
    foot = 0.125 * (legend.count("\n") + 1) + 0.52
    total = height + head + foot
    figure = blank(width, total)
    figure.text(MARGIN / width, 1 - 0.06 / total, heading, fontsize=9, weight="bold", va="top")
    figure.text(MARGIN / width, 0.06 / total, legend, fontsize=7, va="bottom", linespacing=1.2)
    _grey_keys(figure, width, total, foot - 0.34, {panel.symmetric for row in rows for panel in row})
    y = total - head
    for row, row_sizes, row_height in zip(rows, sizes, heights, strict=True):
        x = MARGIN
        for panel, (w, h) in zip(row, row_sizes, strict=True):
            axes = figure.add_axes((x / width, (y - h) / total, w / width, h / total))
            draw_panel(axes, panel, tile, w, h)
            x += w + MARGIN
        y -= row_height + MARGIN
    return figure


def panel_size(panel: Panel, tile: float) -> tuple[float, float]:
    """Width and height of a panel with tiles of side `tile`."""
    row = tile + (TOP if panel.labels else 0.03) + (BOTTOM if panel.captions else 0.03)
    return panel.columns * (tile + 0.05), panel.rows * row + (0.22 if panel.title else 0)


def draw_panel(axes: Any, panel: Panel, tile: float, width: float, height: float) -> None:
    """Draw in the unit of `tile`, usually inches: x to the right, y downwards from the panel's top."""
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
            if panel.absent is not None:
                layer = np.zeros((*image.shape, 4))
                layer[panel.absent[i]] = ABSENT
                axes.imshow(layer, extent=(x, x + tile, y + tile, y), interpolation="nearest")
        else:
            axes.add_patch(
                Rectangle((x, y), tile, tile, facecolor="white", edgecolor=ORANGE, hatch="xx", linewidth=0.6)
            )
        if panel.outlined:
            axes.add_patch(Rectangle((x, y), tile, tile, fill=False, edgecolor=OUTLINE, linewidth=0.4, clip_on=False))
        if panel.frames and panel.frames[i]:
            axes.add_patch(
                Rectangle((x, y), tile, tile, fill=False, edgecolor=panel.frames[i], linewidth=1.6, clip_on=False)
            )
        if panel.labels:
            label = panel.labels[i]  # a long one is made small enough not to run into the next
            fits = 72 * (tile + 0.03) / (CHARACTER * max(len(label), 1))
            axes.text(x, y - 0.015, label, fontsize=min(font, fits), va="bottom")
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
