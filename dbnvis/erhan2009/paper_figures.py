"""Erhan et al. 2009, figure by figure: a DBN and a stacked denoising autoencoder (SDAE), of digits and of patches.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from .. import plot
from ..figures import diagnosis
from ..figures.naming import settings_line
from ..figures.study import Study
from ..plot import Panel, Part
from ..plot.base import MARGIN
from ..visualize import ActivationMaximization, ClampedGibbs, FilterCombination, StrongestConnections, UnitImages
from .page import FAMILIES, SUBJECTS, Page

#: Units of each layer in figures 1, 2 and 4, and tiles' columns and sides in inches.
SHOWN = {"digits": (36, 6, 0.42), "patches": (144, 12, 0.24)}

NINE_STARTS = 4  # units of the top layer that figures 1 and 2 show from nine starts

OPTIMA = (
    "The optimum of one unit in each picture, layer by layer. Look for edges in h1 and for larger, more complex shapes "
    "above. Below: units from nine random starts; alike pictures mean one optimum."
)
SAMPLES = (
    "A row is one unit of the second layer, fixed to 1; each picture is from a chain of its own. Look for what the "
    "pictures of a row share. Numbers marked ! warn: chains have not mixed."
)
THREE_METHODS = (
    "The same units, at the same places, by three methods: the mean of samples, a sum of first-layer filters, the "
    "optimum. Look for units that all three draw alike."
)
SUMS = (
    "A row is one unit: first the sum of its strongest filters, each times its weight, then these filters, strongest "
    "first, the weight above. Look for lines made longer, corners and junctions."
)


def _panel(study: Study, method: Any, pictures: UnitImages, subject: str, title: str) -> Panel:
    """One picture per unit; numbers and scores where tiles are large enough to read them."""
    _, columns, tile = SHOWN[subject]
    legible = tile > 0.3
    symmetric = method.symmetric or subject == "patches"
    return study.panel(
        pictures.images[:, 0],
        symmetric,
        columns,
        title,
        labels=[str(i) for i in pictures.indices] if legible else None,
        captions=[row[0] for row in study.captions(pictures)] if legible else None,
    )


def _legend(study: Study, subject: str) -> str:
    """What captions mean where there are some, and the space that pictures of patches are in."""
    return study.legend if subject == "digits" else "Pictures are in the space of the whitened photographs."


def maximization(page: Page, subject: str, name: str) -> None:
    """Figures 1 (digits) and 2 (patches): units of every layer, and below them some of the top layer from 9 starts."""
    n, _, tile = SHOWN[subject]
    one, nine = ActivationMaximization(), ActivationMaximization(starts=9)
    rows: list[list[Part]] = []
    shown: dict[str, tuple[Study, UnitImages]] = {}
    for family in FAMILIES:
        study = page.study(family, subject)
        row: list[Part] = []
        for layer in study.model.layer_names:
            pictures = study.pictures(one, study.units(layer, n))
            shown[f"{family} {layer}"] = study, pictures
            row.append(_panel(study, one, pictures, subject, f"{family}, layer {layer}"))
        top = study.pictures(nine, study.units(study.model.layer_names[-1], NINE_STARTS))
        shown[f"{family} {top.layer}, nine starts"] = study, top
        across = 1.15 * sum(part.width(tile) + MARGIN for part in row)
        rows += [row, *plot.packed(_nine_starts(study, family, top), tile, across)]
    studies = [page.study(family, subject) for family in FAMILIES]
    figure = plot.grid(
        rows,
        heading=f"{studies[0].dataset}: activation maximization, {n} units of every layer, DBN above, SDAE below",
        caption=OPTIMA,
        key=f"{_legend(studies[0], subject)} Every unit is the best of {one.starts} starts. ±: standard deviation of "
        f"the scores from nine starts, of their mean. {settings_line(one)}",
        tile=tile,
    )
    page.save(name, figure, shown)


def _nine_starts(study: Study, family: str, pictures: UnitImages) -> list[Panel]:
    """A row of nine optima for each unit, and how far their scores differ."""
    spread = 100 * pictures.scores.std(axis=1) / np.abs(pictures.scores.mean(axis=1))
    return [
        study.panel(images, True, len(images), f"{family} {unit}, nine starts: ± {_percent(s)} %")
        for unit, images, s in zip(pictures.units, pictures.images, spread, strict=True)
    ]


def _percent(spread: float) -> str:
    if spread < 0.1:
        return "<0.1"
    return f"{spread:.1f}" if spread < 1 else f"{spread:.0f}"


def sampling(page: Page, name: str = "figure_3", units: int = 6, samples: int = 10) -> None:
    """Figure 3: rows of samples of second-layer units of the DBN, digits left, patches right."""
    columns, shown, failed = [], {}, ""
    for subject in SUBJECTS:
        study = page.study("DBN", subject)
        method = diagnosis.diagnosed(study, replace(diagnosis.LONG_CHAINS, shown=samples))
        pictures = study.pictures(method, study.units("h2", units))
        shown[f"DBN h2, {subject}"] = study, pictures
        failed += diagnosis.warning(pictures, study.dataset)
        columns.append(
            [
                study.panel(
                    pictures.images[i, 1:],
                    subject == "patches",
                    samples,
                    f"{study.dataset}, {diagnosis.title(pictures, i)}",
                    note=diagnosis.note(pictures, i),
                )
                for i in range(len(pictures.units))
            ]
        )
    figure = plot.grid(
        list(zip(*columns, strict=True)),
        heading=f"Samples of the DBN with one unit of the second layer fixed to 1, {units} units{failed}",
        caption=SAMPLES,
        key=f"Each picture is the last draw of one chain, as pixel means. Of patches: {_legend(study, 'patches')} "
        f"{diagnosis.legend(pictures)} {settings_line(method)}",
        tile=0.46,
    )
    page.save(name, figure, shown)


def comparison(page: Page, name: str = "figure_4") -> None:
    """Figure 4: the same second-layer units of the DBN by three methods, digits above, patches below."""
    for subject in SUBJECTS:
        study = page.study("DBN", subject)
        n, _, tile = SHOWN[subject]
        methods = [ClampedGibbs(), study.fitted(FilterCombination()), ActivationMaximization()]
        found = [study.pictures(method, study.units("h2", n)) for method in methods]
        panels = [
            _panel(study, method, pictures, subject, method.title)
            for method, pictures in zip(methods, found, strict=True)
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.subject}: the same {n} units of the DBN's second layer by three methods"
            f"{diagnosis.warning(found[0])}",
            caption=THREE_METHODS,
            key=f"{_legend(study, subject)} {diagnosis.summary(found[0])} Starts from noise and p(on): in figure 3.",
            tile=tile,
        )
        shown = {method.title: (study, pictures) for method, pictures in zip(methods, found, strict=True)}
        page.save(f"{name}_{subject}", figure, shown, name)


def ingredients(page: Page, name: str = "lee_2008", units: int = 16, k: int = 10) -> None:
    """The sheet of Lee et al. 2008: second-layer units of the DBN of patches beside their strongest filters."""
    study = page.study("DBN", "patches")
    combination, strongest = FilterCombination(k=k), StrongestConnections(k=k)
    chosen = study.units("h2", units)
    whole, parts = study.pictures(combination, chosen), study.pictures(strongest, chosen)
    tiles = np.concatenate([whole.images[:, :1], parts.images], axis=1)  # (U, 1 + k, H, W)
    links = parts.extras["links"]
    labels = [label for row in links for label in ("sum", *(f"{w:+.2f}" for w in row))]
    panel = Panel(tiles.reshape(-1, *tiles.shape[2:]), True, 1 + k, "", labels)
    figure = plot.sheet(
        [panel],
        heading=f"{study.subject}: second-layer units as combinations of first-layer filters (Lee et al. 2008)",
        caption=SUMS,
        key=f"The {k} strongest filters of every unit. {_legend(study, 'patches')}",
        tile=0.5,
    )
    page.save(name, figure, {"combination": (study, whole), "filters": (study, parts)})


FIGURES: dict[str, Callable[[Page], None]] = {
    "figure_1": lambda page: maximization(page, "digits", "figure_1"),
    "figure_2": lambda page: maximization(page, "patches", "figure_2"),
    "figure_3": sampling,
    "figure_4": comparison,
    "lee_2008": ingredients,
}
