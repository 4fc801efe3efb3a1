"""Pictures of units that a study has drawn, for figures that show them again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..backend import Array
from ..models.protocol import Model
from ..models.units import Unit, as_units, unit_at
from ..visualize import UnitImages

if TYPE_CHECKING:
    from .study import Study


@dataclass(frozen=True, eq=False)
class Entry:
    """Pictures of units of one layer by one method, and what they depend on: nothing but these and the unit itself."""

    method: Any
    model: Model
    images: Array | None
    seed: int
    pictures: UnitImages

    def is_of(self, method: Any, study: Study, layer: str) -> bool:
        """Whether `method` gives these pictures for units of `layer` of the study's model."""
        same = self.model is study.model and self.images is study.images and self.seed == study.seed
        return same and self.method == method and self.pictures.layer == layer


@dataclass
class PictureCache:
    """Pictures by method, model, images, seed and unit; each is drawn once."""

    entries: list[Entry] = field(default_factory=list)

    def pictures(
        self, study: Study, method: Any, units: Sequence[Unit], draw: Callable[[Sequence[Unit]], UnitImages]
    ) -> UnitImages:
        """Pictures of `units` of one layer; `draw` is called with those that are not here yet."""
        layer, numbers = as_units(study.model, units)
        units = [unit_at(study.model, layer, number) for number in numbers]
        entry = next((entry for entry in self.entries if entry.is_of(method, study, layer)), None)
        known = [] if entry is None else [entry.pictures]
        missing = [unit for unit in units if not known or unit not in known[0].units]
        if missing:
            known = [UnitImages.join([*known, draw(missing)])]
            self.entries = [other for other in self.entries if other is not entry]
            self.entries.append(Entry(method, study.model, study.images, study.seed, known[0]))
        return known[0].of(units)
