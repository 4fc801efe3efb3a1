"""Snapshots of filters and chains taken during training, for the health figure."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ..backend import Array
from ..models.dbn import DBN
from ..models.sdae import StackedDAE

FILTERS = 10  # units whose filters are kept from epoch to epoch
PARTICLES = 30  # negative-phase particles kept
PREFIX = "album."  # of the arrays' names in a checkpoint; a checkpoint of any version has it


def shown_epoch(epoch: int) -> bool:
    """Whether filters are kept after `epoch`: 1, 2, 5, 10, 20, 50, ..."""
    return epoch in {digit * 10**power for digit in (1, 2, 5) for power in range(6)}


def _fits(name: str, shape: tuple[int, ...], model: Any) -> bool:
    """Whether snapshots of `model` may have such an array."""
    sizes = dict(zip(model.layer_names, pairwise(model.sizes), strict=True))
    match name.removeprefix(PREFIX).split("."):
        case [layer, "filters", epoch] if layer in sizes:
            return epoch.isdecimal() and shape == (sizes[layer][0], min(sizes[layer][1], FILTERS))
        case [layer, "particles"] if layer in sizes:
            return len(shape) == 2 and shape[1] == sizes[layer][1]
    return False


class Snapshots:
    """Filters by epoch and the latest chains, as arrays that a checkpoint can hold."""

    def __init__(self, arrays: dict[str, Array] | None = None, model: Any = None):
        """Go on with snapshots that are among the `arrays` of a checkpoint, or begin.

        ValueError if they are given with the `model` that they are of, and are not of its shape.
        """
        self.arrays = {name: x for name, x in (arrays or {}).items() if name.startswith(PREFIX)}
        for name, x in self.arrays.items():
            if model is not None and not _fits(name, x.shape, model):
                raise ValueError(f"the model keeps an array {name!r} of shape {x.shape}, which no training leaves")

    def add(self, model: DBN | StackedDAE, layer: str, epoch: int, chains: Array | None = None) -> None:
        """Keep the filters of some units after `epoch`, and the particles, of which autoencoders have none, as now."""
        part = model.parts[model.depth(layer) - 1]
        if shown_epoch(epoch):
            self.arrays[f"{PREFIX}{layer}.filters.{epoch}"] = part.W[:, :FILTERS].copy()
        if chains is not None:
            newest = chains if chains.ndim == 2 else chains[0]  # of tempered chains, those of the model itself
            self.arrays[f"{PREFIX}{layer}.particles"] = newest[:PARTICLES].copy()

    def filters(self, layer: str) -> dict[int, Array]:
        """Kept weights (V, FILTERS) by epoch."""
        prefix = f"{PREFIX}{layer}.filters."
        return {int(name.removeprefix(prefix)): x for name, x in self.arrays.items() if name.startswith(prefix)}

    def particles(self, layer: str) -> Array:
        """The hidden states (n, H) of the latest chains."""
        return self.arrays[f"{PREFIX}{layer}.particles"]
