"""Pictures of units that a study has drawn, for figures that show them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backend import Array
from ..models.protocol import Model
from ..models.units import Unit, as_units, unit_at
from ..visualize import UnitImages


@dataclass(frozen=True, eq=False)
class Source:
    """What a picture of a unit depends on, beside the unit and the method's settings: compared by identity."""

    model: Model
    images: Array | None
    seed: int

    def is_same(self, other: Source) -> bool:
        return self.model is other.model and self.images is other.images and self.seed == other.seed


@dataclass
class PictureCache:
    """Pictures by source, method and unit; each is drawn once."""

    entries: list[tuple[Source, Any, UnitImages]] = field(default_factory=list)

    def pictures(
        self, source: Source, method: Any, units: Sequence[Unit], draw: Callable[[Sequence[Unit]], UnitImages]
    ) -> UnitImages:
        """Pictures of `units` of one layer; `draw` is called with those that are not here yet."""
        layer, numbers = as_units(source.model, units)
        units = [unit_at(source.model, layer, number) for number in numbers]
        same = [source.is_same(entry[0]) and entry[1] == method and entry[2].layer == layer for entry in self.entries]
        known = [entry[2] for entry, is_same in zip(self.entries, same, strict=True) if is_same]
        missing = [unit for unit in units if not known or unit not in known[0].units]
        if missing:
            known = [UnitImages.join([*known, draw(missing)])]
            self.entries = [entry for entry, is_same in zip(self.entries, same, strict=True) if not is_same]
            self.entries.append((source, method, known[0]))
        return known[0].of(units)
