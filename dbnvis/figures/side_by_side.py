"""The same units by several methods, and from several starts."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import plot
from ..backend.comm import over_ranks
from ..display import Rows
from ..evaluate.predictiveness import TESTED
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
from ..visualize.tidy import predictions
from . import diagnosis
from .generative import evidence_samples
from .generative.evidence_samples import accepted
from .naming import describe, settings_line
from .rows import FILTERS, is_symmetric, unit_row
from .study import Study

SLOW = {"invariance"}  # methods that `compare` leaves out
#: The methods that stand side by side, in the order of the columns.
SIDE_BY_SIDE = (
    ClampedGibbs(),
    FilterCombination(),
    ActivationMaximization(),
    TopImages(),
    StrongestConnections(k=1),
)

TILE, PACK = 0.6, 7.5  # inches of a tile, and of a row that panels share, where methods are compared
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
    "A high score: the picture excites the unit."
)
TOLD = " A high ρ: it tells what else does."  # where ρ is known


def methods_side_by_side(study: Study, n: int = 8, methods: Sequence[Any] = SIDE_BY_SIDE) -> None:
    """The first `n` units of each layer, a row each, the methods in columns (Erhan et al. 2009, figure 4).

    Two blocks of rows stand beside each other.
    """
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


def methods_for(study: Study, layer: str) -> list[Visualizer]:
    """One of every method, for units of `layer`, but for those that take long."""
    methods: dict[str, Visualizer] = {name: cls() for name, cls in VISUALIZERS.items() if name not in SLOW}
    if isinstance(study.model, Generative):
        del methods["evidence"]  # which stands in for clamped Gibbs sampling
    else:
        methods["evidence"] = evidence_samples.settings_for(study.model, layer)
    return list(methods.values())


@dataclass(frozen=True)
class Compared:
    """One unit by every method that applies to a model.

    Parameters
    ----------
    study : Study
    unit : Unit
    shown : dict of UnitImages
        By the method's name.
    panels : dict of Panel
        A row of the sheet for each, by the method's name.
    predicted : dict of list of float
        How well each picture predicts the unit, by the method's name; empty where there are no test images at hand.
    missing : str
        Sentences on what is left out.
    """

    study: Study
    unit: Unit
    shown: dict[str, UnitImages]
    panels: dict[str, Panel]
    predicted: dict[str, list[float]]
    missing: str

    @classmethod
    def of(cls, study: Study, unit: Unit, whose: str = "") -> Compared:
        """Draw the unit by every method; `whose` it is stands in the titles."""
        compared = methods_for(study, unit.layer)
        methods = [diagnosis.diagnosed(study, method) for method in study.applicable(compared)]
        drawn = replace(study, cache=None)  # what one rank has drawn, the others have not
        pictures = over_ranks(lambda method: drawn.pictures(method, [unit]), methods)
        shown = {type(method).__name__: x for method, x in zip(methods, pictures, strict=True)}
        panels, predicted = {}, {}
        for method, (name, x) in zip(methods, shown.items(), strict=True):
            title = ": ".join(filter(None, (method.title, describe(method, changed=True))))
            captions = study.captions(x)[0]
            told = predictions(x, study.responses)
            if told:
                predicted[name] = told["predictiveness"][0].tolist()
                captions = list(map(_with_prediction, captions, predicted[name]))
            panels[name] = unit_row(study, method, x, captions, 0, f"{whose}{title}{accepted(x)}", COMPARED)
        left_out = [method for method in compared if type(method).__name__ not in shown]
        undefined = [method.title for method in left_out if not study.lacks_images(method)]
        missing = f" Not defined for this model: {', '.join(undefined)}." if undefined else ""
        if study.images is None:
            missing += " Methods that need training images are left out: none at hand."
        return cls(study, unit, shown, panels, predicted, missing)

    @property
    def chains(self) -> list[UnitImages]:
        """Pictures that chains gave."""
        return [pictures for pictures in self.shown.values() if diagnosis.of_chains(pictures)]

    @property
    def worth(self) -> str:
        """What the numbers of the chains mean, and how often the unit is on."""
        return "".join(f" {diagnosis.legend(x)}{diagnosis.odds(x, 0)}" for x in self.chains)

    @property
    def told(self) -> dict[str, Any]:
        """For a manifest: how well each method's picture predicts the unit, and over how many test images."""
        best = {name: None if math.isnan(ranks[0]) else round(ranks[0], 4) for name, ranks in self.predicted.items()}
        return {"predictiveness": {"test images": self.tested, **best}} if best else {}

    @property
    def tested(self) -> int:
        """Test images that pictures are compared with."""
        return 0 if self.study.responses.images is None else min(TESTED, len(self.study.responses.images))

    @property
    def legend(self) -> str:
        """What the numbers below pictures mean."""
        return f"{self.study.legend}{predicting_legend(self.tested) if self.predicted else ''}"


def predicting_legend(tested: int) -> str:
    """What ρ is, as a sentence to follow others."""
    return (
        f" ρ: how well the picture predicts the unit, the rank correlation, over {tested} test images as they are, of "
        "the unit's pre-activation with the cosine of image and picture, each without its mean: 1 perfectly, 0 not at "
        "all."
    )


def _with_prediction(caption: str, rank: float) -> str:
    return caption if math.isnan(rank) else f"{caption}\nρ {rank:.2f}"


def legend_of(names: Collection[str]) -> str:
    """What the rows of methods of these names show, and which settings."""
    key = ["Settings that are not named are the defaults."]
    if StrongestConnections.__name__ in names:
        key.append(FILTERS)
    if EvidenceSampling.__name__ in names:
        key.append(evidence_samples.LEGEND)
    return " ".join(key)


def sheet_of(unit: Unit) -> str:
    """What the name of a sheet that compares pictures of `unit` begins with."""
    at = f"_{unit.position}" if isinstance(unit.position, str) else "".join(f"_{p}" for p in unit.position or ())
    return f"compare_{unit.layer}_{unit.index}{at}"


def compare(study: Study, unit: Unit, named: Callable[[str], str] = str) -> Rows:
    """One unit by every method: pictures, what they rest on, scores and settings; `named` gives the file's name.

    Returns
    -------
    Rows
        One for each picture.
    """
    name = named(sheet_of(unit))
    study.check(name)
    x = Compared.of(study, unit)
    figure = plot.sheet(
        list(x.panels.values()),
        heading=f"{study.heading}: unit {unit} by {len(x.shown)} methods{''.join(map(diagnosis.warning, x.chains))}",
        caption=f"{ONE_UNIT}{TOLD * bool(x.predicted)}",
        key=f"{legend_of(x.shown)}{x.worth} {x.legend}{x.missing}",
        tile=TILE,
        pack=PACK,
    )
    rows = study.rows(x.shown)
    study.save(name, figure, x.shown, rows, unit=str(unit), **x.told)
    return rows
