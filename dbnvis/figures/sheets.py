"""Sheets of many units, and of few: one method, one layer."""

from __future__ import annotations

from typing import Any

from .. import plot
from ..visualize import (
    ActivationMaximization,
    ClampedGibbs,
    FilterCombination,
    StrongestConnections,
    UnitImages,
)
from . import diagnosis
from .generative.samples import samples_sheet
from .naming import settings_line
from .rows import is_symmetric, unit_row
from .study import Study

#: Settings of the sheets of every unit.
COMBINATION = FilterCombination(k=100, rank="positive")
MAXIMIZATION = ActivationMaximization(starts=3)
# Many short chains from data rather than few long ones: single chains hardly leave their digit, so what makes a
# mean a unit's own, and not its chains', is their number.
SAMPLING = ClampedGibbs(chains=60, burn_in=10, draws=2, thin=5, shown=0)

MOST_ROWS = 40  # units that `sheet` draws in rows

PAGE, PAGE_COLUMNS = 250, 20  # units at the most of a page of a sheet of many units, and of them in a row


STRONGEST = (
    "Each group of pictures is one unit: the first-layer filters it is most strongly linked to, number and weight "
    "above. Blue frame: the filter activates the unit; orange: it silences it."
)
FEW_UNITS = (
    "Each group of pictures is one unit. Blue frame: the method's picture; the other tiles are single starts, samples "
    "or images. Look for what all of them share: that is what the unit stands for."
)
MANY_UNITS = (
    "One picture per unit, its number above. Look for kinds of pictures that recur, and compare the layers: higher "
    "ones should show larger, more complex shapes. Crossed out: units that have learned nothing."
)


def all_units(study: Study, method: Any, name: str, n: int | None = None) -> None:
    """Every unit (or the first `n`) of each layer, one sheet per layer."""
    method = study.fitted(method)
    for layer in study.model.layer_names:
        pictures = study.pictures(method, study.units(layer, n))
        units_sheet(study, method, pictures, f"{name}_{layer}")


def sheet(study: Study, method: Any, pictures: UnitImages, name: str) -> None:
    """Few units: a row each, with all that the method gives; many units: one picture each."""
    if pictures.images.shape[1] > 1 and len(pictures.units) <= MOST_ROWS:
        if diagnosis.runs_chains(method):
            samples_sheet(study, method, pictures, name)
            return
        panels = [
            unit_row(study, method, pictures, captions, i, f"{unit}")
            for i, (unit, captions) in enumerate(zip(pictures.units, study.captions(pictures), strict=True))
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.heading}, layer {pictures.layer}: {method.title}, {len(panels)} units",
            caption=FEW_UNITS if not isinstance(method, StrongestConnections) else STRONGEST,
            key=f"{study.legend} {settings_line(method)}",
            tile=_tile(pictures.images.shape[1]),
            pack=6.5,
        )
        study.save(name, figure, {"pictures": pictures})
    else:
        units_sheet(study, method, pictures, name)


def _tile(n: int) -> float:
    """Inches of a tile, such that groups of `n` fill the width of a page."""
    groups = max(1, round(6.3 / (0.65 * n)))
    return max(0.5, min(0.75, (6.26 - 0.12 * (groups - 1)) / (groups * n) - 0.05))


def units_sheet(study: Study, method: Any, pictures: UnitImages, name: str) -> None:
    """One picture per unit, with its number and score; many units on pages, `<name>_1`, `<name>_2`, ..."""
    n = len(pictures.units)
    pages = -(-n // PAGE)
    if pages <= 1:
        _units_page(study, method, pictures, name)
        return
    size = -(-n // pages)
    for page in range(pages):
        part = pictures.part(slice(page * size, (page + 1) * size))
        _units_page(study, method, part, f"{name}_{page + 1}", f", page {page + 1} of {pages}")


def _units_page(study: Study, method: Any, pictures: UnitImages, name: str, page: str = "") -> None:
    captions = [row[0] for row in study.captions(pictures)]
    panel = study.panel(
        pictures.images[:, 0],
        is_symmetric(method),
        columns=min(PAGE_COLUMNS, len(pictures.units)),
        labels=[str(i) for i in pictures.indices],
        captions=captions,
    )
    figure = plot.sheet(
        [panel],
        heading=f"{study.heading}, layer {pictures.layer}: {method.title}, {len(captions)} units{page}"
        f"{diagnosis.warning(pictures) if diagnosis.of_chains(pictures) else ''}",
        caption=MANY_UNITS,
        key=f"{study.legend} {settings_line(method)}{_notes(pictures)}",
        tile=max(0.42, min(0.75, 6.1 / panel.columns - 0.05)),
    )
    study.save(name, figure, {"pictures": pictures})


def _notes(pictures: UnitImages) -> str:
    if diagnosis.of_chains(pictures):
        return f" {diagnosis.summary(pictures)}"
    return f" {pictures.noted}" if pictures.noted else ""
