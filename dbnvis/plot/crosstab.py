"""Tables of numbers on greys, side by side: what was measured of every row by every column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..backend import Array
from .base import MARGIN, blank
from .style import fixed, text_width
from .words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, LINE, FONT = 0.4, 0.17, 6.5  # inches of a cell, width and height; points
APART = 0.45  # inches between tables
SLANT = 50  # degrees of the heads of columns


@fixed()
def crosstab(
    tables: dict[str, Array],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    strong: dict[str, Array],
    heading: str,
    caption: str = "",
    key: str = "",
) -> Figure:
    """Numbers from 0, white, to 1, dark grey, in tables beside each other that share their rows and columns.

    Parameters
    ----------
    tables : dict of array (R, C)
        By title; NaN: an empty cell. Values beyond 0 and 1 are as grey as these. A column without numbers is left out.
    rows, columns : sequence of str
        Heads; a row "" is a gap.
    strong : dict of bool array (R, C)
        Numbers that are set in bold.
    heading, caption, key : str
    """
    left = max(text_width(name, FONT) for name in rows) + MARGIN + 0.08
    reach = max(text_width(name, FONT) for name in columns)
    top = reach * np.sin(np.deg2rad(SLANT)) + 0.25
    kept = {title: np.isfinite(values).any(axis=0) for title, values in tables.items()}
    widths = [CELL * int(own.sum()) for own in kept.values()]
    width = left + sum(widths) + (len(tables) - 1) * APART + reach * np.cos(np.deg2rad(SLANT)) + MARGIN
    words = Words.of(width, heading, caption, key)
    tall = LINE * len(rows)
    height = words.head + top + tall + words.foot + 0.1
    figure = blank(width, height)
    words.write(figure)
    for i, (title, everything) in enumerate(tables.items()):
        x = left + sum(widths[:i]) + i * APART
        values, bold = everything[:, kept[title]], strong[title][:, kept[title]]
        axes = figure.add_axes((x / width, (words.foot + 0.1) / height, widths[i] / width, tall / height))
        axes.imshow(values, cmap="Greys", vmin=0, vmax=1.3, aspect="auto", interpolation="nearest")
        for (r, c), value in np.ndenumerate(values):
            if np.isfinite(value):
                weight = "bold" if bold[r, c] else "normal"
                color = "white" if value > 0.75 else "black"
                axes.text(c, r, f"{value:.2f}", ha="center", va="center", fontsize=FONT, color=color, weight=weight)
        for c, name in enumerate(np.array(columns)[kept[title]]):
            axes.text(c, -0.7, name, rotation=SLANT, ha="left", va="bottom", fontsize=FONT, rotation_mode="anchor")
        if i == 0:
            axes.set_yticks(range(len(rows)), rows, fontsize=FONT)
        else:
            axes.set_yticks([])
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.text(x / width, (words.foot + 0.1 + tall + top - 0.12) / height, title, fontsize=8, va="bottom")
    return figure
