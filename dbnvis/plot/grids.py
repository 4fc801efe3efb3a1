"""Sheets: panels on a grid, under a heading, above grey keys, a caption and a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import MARGIN, blank, fit
from .panel import SMALL, TITLE, Panel, Part
from .style import fixed, text_width
from .words import Words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TITLE_LINE, NOTE_LINE, KEY_LINE = 0.145, 0.115, 0.3  # inches


def packed(parts: Sequence[Part], tile: float, width: float = 6.5) -> list[list[Part]]:
    """Parts in rows for `grid`, in their order but that each stands in the first row with room for it.

    Rows are as wide as the widest part, and at least `width` inches.
    """
    width = max(width, *(part.width(tile) + 2 * MARGIN for part in parts))
    rows: list[list[Part]] = []
    for part in parts:
        for row in rows:
            if sum(other.width(tile) + MARGIN for other in (*row, part)) + MARGIN <= width + 1e-9:
                row.append(part)
                break
        else:
            rows.append([part])
    return rows


def sheet(
    panels: Sequence[Part],
    *,
    heading: str,
    caption: str = "",
    key: str = "",
    tile: float = 0.5,
    side_by_side: bool = True,
    pack: float = 0.0,
) -> Figure:
    """Draw panels beside or below each other.

    Parameters
    ----------
    panels : sequence of Panel or Shares
    heading : str
        Above everything.
    caption : str
        Below everything, at most forty words: what is seen, and what to look for.
    key : str
        In small print: what numbers and colours mean, settings. The grey scales explain themselves.
    tile : float
        Side of a tile in inches.
    side_by_side : bool
    pack : float
        If not 0: below each other, but panels that fit share a row of so many inches.
    """
    rows: Sequence[Sequence[Part]] = [panels] if side_by_side else [[panel] for panel in panels]
    if pack:
        rows = packed(panels, tile, pack)
    return grid(rows, heading=heading, caption=caption, key=key, tile=tile)


@fixed()
def grid(
    rows: Sequence[Sequence[Part]], *, heading: str, caption: str = "", key: str = "", tile: float = 0.5
) -> Figure:
    """Draw rows of panels, as `sheet` draws one."""
    widths = [[part.width(tile) for part in row] for row in rows]
    kinds = {part.scale for row in rows for part in row if isinstance(part, Panel)}
    scales = sorted(kinds, key=lambda scale: (not scale[0], *scale[1:]))
    width = max(6.5, *(sum(row) + MARGIN * (len(row) + 1) for row in widths))
    tops, heights = [], []
    for row, own in zip(rows, widths, strict=True):
        rooms = [*own[:-1], width - sum(own[:-1]) - MARGIN * (len(own) + 1)]  # the last has what is left of the row
        tops.append(max(_top(part, room)[-1] for part, room in zip(row, rooms, strict=True)))
        heights.append(tops[-1] + max(part.height(tile) for part in row))
    height = sum(heights) + MARGIN * (len(rows) - 1)
    words = Words.of(width, heading, caption, key)
    keys = _in_lines(scales, width)
    head, foot = words.head, words.foot + 0.1 + KEY_LINE * len(keys)
    total = height + head + foot
    figure = blank(width, total)
    words.write(figure)
    for i, line in enumerate(keys):
        _grey_keys(figure, width, total, foot - 0.04 - KEY_LINE * (i + 1), line)
    y = total - head
    for row, own, top, row_height in zip(rows, widths, tops, heights, strict=True):
        x = MARGIN
        for i, (part, w) in enumerate(zip(row, own, strict=True)):
            h = top + part.height(tile)
            axes = figure.add_axes((x / width, (y - h) / total, w / width, h / total))
            room = width - MARGIN - x if i == len(row) - 1 else w
            draw_panel(axes, part, tile, w, h, room=room, top=top)
            x += w + MARGIN
        y -= row_height + MARGIN
    return figure


def _top(part: Part, room: float) -> tuple[str, float, str, float]:
    """The title and the note in lines, each with the inches from the panel's top to where it ends."""
    title, note = (fit(text, room, font) for text, font in ((part.title, TITLE), (part.note, SMALL)))
    end = 0.22 + TITLE_LINE * title.count("\n") if title else 0.0
    return title, end, note, end + NOTE_LINE * (note.count("\n") + 1) if note else end


def draw_panel(
    axes: Any, part: Part, tile: float, width: float, height: float, *, room: float = 0.0, top: float = 0.0
) -> None:
    """Draw in inches, y downwards: the tiles from `top`, or from as far down as title and note, in `room`, need."""
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    title, end, note, last = _top(part, room or width)
    top = max(top, last)
    if title:
        axes.text(0, top - last + 0.03, title, fontsize=TITLE, va="top")
    if note:
        axes.text(0, top - last + end, note, fontsize=SMALL, va="top", linespacing=1.15)
    part.draw(axes, tile, top)
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_aspect("auto")


Scale = tuple[bool, float, float, str]


def _of_key(scale: Scale) -> tuple[str, str, str]:
    """What stands at the left end, in the middle and at the right end of a grey scale."""
    symmetric, low, high, of = scale
    return ("-max", "0", f"+max, {of}") if symmetric else (f"{low:.4g}", "", f"{high:.4g}, {of}")


def _pitches(scales: Sequence[Scale]) -> list[float]:
    """Inches from one bar to the next."""
    texts = [text_width(_of_key(scale)[2], SMALL) for scale in scales]
    return [max(2.5, 1.1 + text + 2 * MARGIN) if len(scales) < 3 else 1.2 + text for text in texts]


def _in_lines(scales: Sequence[Scale], width: float) -> list[list[Scale]]:
    """The scales in lines, each of as many as `width` inches hold side by side."""
    lines: list[list[Scale]] = [[]]
    for scale in scales:
        if lines[-1] and 2 * MARGIN + sum(_pitches([*lines[-1], scale])) > width:
            lines.append([])
        lines[-1].append(scale)
    return lines


def _grey_keys(figure: Figure, width: float, height: float, y: float, scales: Sequence[Scale]) -> None:
    """A bar for each grey scale in use."""
    x = MARGIN
    for scale, pitch in zip(scales, _pitches(scales), strict=True):
        low, middle, high = _of_key(scale)
        axes = figure.add_axes((x / width, (y - 0.02) / height, 1.1 / width, 0.08 / height))
        axes.imshow(np.linspace(0, 1, 256)[None], cmap="gray", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        for position, text, align in ((0, low, "left"), (127, middle, "center"), (255, high, "left")):
            axes.text(position, -0.9, text, fontsize=SMALL, ha=align, va="bottom")
        x += pitch
