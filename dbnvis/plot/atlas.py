"""Pictures at places in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..backend import Array
from .base import MARGIN, blank
from .charts import CLASSES
from .style import fixed
from .words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDE = 6.2  # inches of a panel
TITLE = 0.22  # inches above it
CANVAS = 1800  # pixels of a panel's side


@dataclass(frozen=True)
class Places:
    """Pictures drawn where their points lie.

    Parameters
    ----------
    title : str
    points : array (N, 2)
    tiles : array (N, height, width)
        Pixels in [0, 1]: how strongly a tile's colour covers the white ground.
    labels : array (N,) of int
        The class of each point, from 0.
    size : float
        Height of a tile as a share of the panel.
    """

    title: str
    points: Array
    tiles: Array
    labels: Array
    size: float = 0.02


@fixed()
def places(
    panels: Sequence[Places],
    names: Sequence[str],
    *,
    heading: str,
    caption: str = "",
    key: str = "",
    columns: int = 2,
    colors: Sequence[str] = CLASSES,
) -> Figure:
    """Draw panels on a grid, and below them the classes' names beside their colours.

    Parameters
    ----------
    panels : sequence of Places
    names : sequence of str
        Of the classes, at most ten.
    heading, caption, key : str
        Above, below and in small print below; see `Words`.
    columns : int
        Panels in a row, at the most.
    colors : sequence of str
        Of the classes.
    """
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    width = SIDE * columns + MARGIN * (columns + 1)
    words = Words.of(width, heading, caption, key)
    head, foot = words.head, words.foot + 0.4
    height = rows * (SIDE + TITLE) + head + foot
    figure = blank(width, height)
    words.write(figure)
    for i, panel in enumerate(panels):
        x, y = MARGIN + i % columns * (SIDE + MARGIN), foot + (rows - 1 - i // columns) * (SIDE + TITLE)
        axes = figure.add_axes((x / width, y / height, SIDE / width, SIDE / height))
        axes.imshow(_canvas(panel, colors), interpolation="antialiased")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(panel.title, fontsize=8, loc="left", pad=3)
    for c in np.unique(np.concatenate([panel.labels for panel in panels])):
        axes.scatter([], [], color=colors[c % len(colors)], label=names[c])
    corner = (0, (foot - 0.42) / height)
    figure.legend(ncols=10, fontsize=8, frameon=False, loc="lower left", handletextpad=0, bbox_to_anchor=corner)
    return figure


def _canvas(panel: Places, colors: Sequence[str]) -> Array:
    """The panel's pixels (CANVAS, CANVAS, 3)."""
    from matplotlib.colors import to_rgb

    side = max(4, round(panel.size * CANVAS))
    low, high = panel.points.min(axis=0), panel.points.max(axis=0)
    scale = (CANVAS - 2 * side) / max(float((high - low).max()), 1e-12)
    middle = (low + high) / 2
    at = CANVAS / 2 + (panel.points - middle) * scale * [1, -1]
    canvas = np.ones((CANVAS, CANVAS, 3))
    rows, columns = (np.arange(side) * n // side for n in panel.tiles.shape[1:])
    for (column, row), tile, c in zip(at.astype(int), panel.tiles, panel.labels, strict=True):
        cover = np.clip(tile[rows][:, columns], 0, 1)[..., None]
        part = canvas[row - side // 2 :, column - side // 2 :][:side, :side]
        part += cover * (np.array(to_rgb(colors[c % len(colors)])) - part)
    return canvas
