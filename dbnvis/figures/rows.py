"""One unit in a row: its pictures by a method, with labels, captions and frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..plot import BLUE, ORANGE, Panel
from ..visualize import StrongestConnections, UnitImages
from . import diagnosis
from .study import Study

FILTERS = "Strongest filters: number and link above, blue frame positive, orange negative."


def frames_of(tiles: Sequence[Any]) -> list[str]:
    """A blue frame around the first of `tiles`, the method's picture."""
    return [BLUE, *[""] * (len(tiles) - 1)][: len(tiles)]


def is_symmetric(method: Any) -> bool:
    return bool(method.symmetric) and getattr(method, "constraint", "norm") != "box"


def unit_row(
    study: Study,
    method: Any,
    pictures: UnitImages,
    captions: Sequence[str],
    i: int,
    title: str,
    most: int | None = None,
) -> Panel:
    """Pictures of unit `i`, all or `most` at the most, its own first in a blue frame; what chains are worth."""
    tiles, captions, labels = pictures.images[i][:most], captions[:most], None
    frames = frames_of(tiles)
    if isinstance(method, StrongestConnections):
        links = pictures.extras["links"][i]
        links = links[links != 0][:most]  # a first-layer unit has one
        tiles, captions = tiles[: len(links)], captions[: len(links)]
        labels = [f"{j}: {w:+.2f}" for j, w in zip(pictures.extras["filters"][i], links, strict=False)]
        frames = [BLUE if w > 0 else ORANGE for w in links]
    note = f"  [{pictures.notes[i]}]" if pictures.notes[i] else ""
    words = {"labels": labels, "captions": captions, "frames": frames}
    if diagnosis.of_chains(pictures):
        note, words["note"] = "", diagnosis.note(pictures, i)
    return study.panel(tiles, is_symmetric(method), len(tiles) or 1, f"{title}{note}", **words)
