"""The same units by several methods, and from several starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import plot
from ..models.protocol import Generative
from ..plot import Panel, Part, Space
from ..visualize import (
    VISUALIZERS,
    ActivationMaximization,
    ClampedGibbs,
    EvidenceSampling,
    FilterCombination,
    StrongestConnections,
    TopImages,
    Unit,
    UnitImages,
    Visualizer,
)
from . import diagnosis
from .generative import evidence_samples
from .generative.evidence_samples import accepted
from .naming import describe, settings_line
from .rows import FILTERS, is_symmetric, unit_row
from .study import Study

SLOW = {"invariance"}  # methods that `compare` leaves out

COMPARED = 11  # pictures at the most of each method where methods are compared

BY_METHOD = (
    "A row is a unit, a column a method. Samples and images show what activates the unit in the data; combinations and "
    "optima show which pixels matter to it. Trust what several methods agree on."
)

FROM_STARTS = (
    "Each unit's optimum from random starts, the best first. If all pictures of a unit look alike, it has one optimum; "
    "if they differ, a single picture tells only a part."
)

ONE_UNIT = (
    "One unit by every method. Blue frame: the method's picture; the other tiles are single starts, samples or images. "
    "Trust what several methods show; where they disagree, the unit has no single picture."
)


def methods_side_by_side(study: Study, n: int = 8, methods: Sequence[Any] | None = None) -> None:
    """The first `n` units of each layer, a row each, the methods in columns (Erhan et al. 2009, figure 4).

    Two blocks of rows stand beside each other.
    """
    methods = methods or [
        ClampedGibbs(),
        FilterCombination(),
        ActivationMaximization(),
        TopImages(),
        StrongestConnections(k=1),
    ]
    methods = study.applicable(methods)
    for layer in study.model.layer_names:
        shown = {type(method).__name__: study.pictures(method, study.units(layer, n)) for method in methods}
        chains = "".join(f" {diagnosis.summary(x)}" for x in shown.values() if diagnosis.of_chains(x))
        warnings = "".join(diagnosis.warning(x) for x in shown.values() if diagnosis.of_chains(x))
        units = next(iter(shown.values())).units
        half = -(-len(units) // 2)
        blocks = [
            [
                _column(study, method, x, start, start + half, first=method is methods[0])
                for method, x in zip(methods, shown.values(), strict=True)
            ]
            for start in range(0, len(units), half)
        ]
        row: list[Part] = []
        for block in blocks:
            row += [*block, Space(0.15)]
        figure = plot.sheet(
            row[:-1],
            heading=f"{study.heading}: {len(units)} units of layer {layer} by {len(methods)} methods{warnings}",
            caption=BY_METHOD,
            key=f"Above a row: the unit.{study.space}{chains}",
            tile=min(1.0, 3.5 / len(methods)),
        )
        study.save(f"methods_{layer}", figure, shown)


def _column(study: Study, method: Any, pictures: UnitImages, start: int, stop: int, first: bool) -> Panel:
    """Pictures `start` to `stop` of a method below each other, the units above those of the first method."""
    units = pictures.units[start:stop]
    return study.panel(
        pictures.images[start:stop, 0],
        is_symmetric(method),
        columns=1,
        title=method.title,
        labels=[str(unit) if first else "" for unit in units],
    )


def starts(study: Study, n: int = 4, n_starts: int = 9) -> None:
    """Optima of top-layer units from several random starts (Erhan et al. 2009, figure 1, right)."""
    method = ActivationMaximization(starts=n_starts)
    pictures = study.pictures(method, study.units(study.model.layer_names[-1], n))
    spread = pictures.scores.std(axis=1) / np.abs(pictures.scores.mean(axis=1))
    titles = [
        f"{unit}: {note or f'scores vary by {100 * s:.1g} %'}"
        for unit, note, s in zip(pictures.units, pictures.notes, spread, strict=True)
    ]
    panels = [
        study.panel(
            pictures.images[i],
            True,
            columns=3,
            title=titles[i],
            captions=study.captions(pictures)[i],
        )
        for i, unit in enumerate(pictures.units)
    ]
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: {len(panels)} units of the top layer, each maximized from {n_starts} random starts",
        caption=FROM_STARTS,
        key=f"Variation of scores: standard deviation over mean. {study.legend} {settings_line(method)}",
        tile=0.75,
    )
    study.save("starts", figure, {"pictures": pictures})


def _compared(study: Study, layer: str) -> list[Visualizer]:
    """One of every method, for units of `layer`, but for those that take long."""
    methods: dict[str, Visualizer] = {name: cls() for name, cls in VISUALIZERS.items() if name not in SLOW}
    if isinstance(study.model, Generative):
        del methods["evidence"]  # which stands in for clamped Gibbs sampling
    else:
        methods["evidence"] = evidence_samples.settings_for(study.model, layer)
    return list(methods.values())


def compare(study: Study, unit: Unit, named: Callable[[str], str] = str) -> None:
    """One unit by every method: pictures, what they rest on, scores and settings; `named` gives the file's name."""
    at = f"_{unit.position}" if isinstance(unit.position, str) else "".join(f"_{p}" for p in unit.position or ())
    name = named(f"compare_{unit.layer}_{unit.index}{at}")
    study.check(name)
    compared = _compared(study, unit.layer)
    methods = [diagnosis.diagnosed(study, method) for method in study.applicable(compared)]
    shown = {type(method).__name__: study.pictures(method, [unit]) for method in methods}
    changed = [describe(method, changed=True) for method in methods]
    titles = [": ".join(filter(None, (method.title, key))) for method, key in zip(methods, changed, strict=True)]
    panels = [
        unit_row(study, method, x, study.captions(x)[0], 0, f"{title}{accepted(x)}", COMPARED)
        for method, title, x in zip(methods, titles, shown.values(), strict=True)
    ]
    chains = [pictures for pictures in shown.values() if diagnosis.of_chains(pictures)]
    worth = "".join(f" {diagnosis.legend(pictures)}{diagnosis.odds(pictures, 0)}" for pictures in chains)
    key = ["Settings that are not named are the defaults."]
    if StrongestConnections.__name__ in shown:
        key.append(FILTERS)
    if EvidenceSampling.__name__ in shown:
        key.append(evidence_samples.LEGEND)
    left_out = [method for method in compared if type(method).__name__ not in shown]
    undefined = [method.title for method in left_out if not study.lacks_images(method)]
    missing = f" Not defined for this model: {', '.join(undefined)}." if undefined else ""
    if study.images is None:
        missing += " Methods that need training images are left out: none at hand."
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: unit {unit} by {len(methods)} methods{''.join(map(diagnosis.warning, chains))}",
        caption=ONE_UNIT,
        key=f"{' '.join(key)}{worth} {study.legend}{missing}",
        tile=0.6,
        pack=7.5,
    )
    study.save(name, figure, shown, unit=str(unit))
