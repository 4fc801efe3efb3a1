"""Units in parts: a step of the progress bar each, and what several ranks share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

from ..models.protocol import Model
from ..visualize import ActivationMaximization, RegularizedOptimization, TopImages, Unit

MOST = 96  # units of a part, about


def unit_parts(method: Any, model: Model, units: Sequence[Unit], ranks: int) -> list[list[Unit]]:
    """`units` of one layer in parts for `method`, equally many for each rank and about equally large.

    Neighbours that it draws together stay together, and of top images all: one pass over the images serves all units.
    """
    if isinstance(method, TopImages):
        return [list(units)]
    ascends = isinstance(method, (ActivationMaximization, RegularizedOptimization))
    together = method.together(model) if ascends else 1
    blocks = [list(block) for _, block in groupby(units, key=lambda unit: unit.index // together)]
    n = min(len(blocks), -(-len(units) // MOST // ranks) * ranks)
    bounds = [len(blocks) * i // n for i in range(n + 1)]
    return [[unit for block in blocks[start:stop] for unit in block] for start, stop in pairwise(bounds)]
