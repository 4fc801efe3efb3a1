"""The figures: each a function of a study, with its settings as defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .. import plot
from ..backend import make_rng, to_numpy
from ..models.protocol import Generative
from ..plot import BLUE, ORANGE, Panel, Part, Space
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
from . import diagnosis, evidence_samples
from .evidence_samples import accepted
from .study import Study, describe, settings_line

#: Settings of the sheets of every unit.
COMBINATION = FilterCombination(k=100, rank="positive")
MAXIMIZATION = ActivationMaximization(starts=3)
# Many short chains from data rather than few long ones: single chains hardly leave their digit, so what makes a
# mean a unit's own, and not its chains', is their number.
SAMPLING = ClampedGibbs(chains=60, burn_in=10, draws=2, thin=5, shown=0)

SLOW = {"invariance"}  # methods that `compare` leaves out
COMPARED = 11  # pictures at the most of each method where methods are compared
MOST_ROWS = 40  # units that `sheet` draws in rows

PAGE, PAGE_COLUMNS = 250, 20  # units at the most of a page of a sheet of many units, and of them in a row

FILTERS = "Strongest filters: number and link above, blue frame positive, orange negative."

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
BY_METHOD = (
    "A row is a unit, a column a method. Samples and images show what activates the unit in the data; combinations and "
    "optima show which pixels matter to it. Trust what several methods agree on."
)
FROM_STARTS = (
    "Each unit's optimum from random starts, the best first. If all pictures of a unit look alike, it has one optimum; "
    "if they differ, a single picture tells only a part."
)
SAMPLED = (
    "A row is one unit, fixed to 1. Blue frame: the mean over all chains; then samples of single chains. Look for what "
    "a row's samples share. Numbers marked ! say that its chains are not to be trusted."
)
FREE = (
    "Images that the whole network makes up: each tile is the end of a chain of its own. Look for clear images of "
    "every kind; blurred or all alike, they mean that the network learned little."
)
ONE_UNIT = (
    "One unit by every method. Blue frame: the method's picture; the other tiles are single starts, samples or images. "
    "Trust what several methods show; where they disagree, the unit has no single picture."
)


def frames_of(tiles: Sequence[Any]) -> list[str]:
    """A blue frame around the first of `tiles`, the method's picture."""
    return [BLUE, *[""] * (len(tiles) - 1)]


def _symmetric(method: Any) -> bool:
    return bool(method.symmetric) and getattr(method, "constraint", "norm") != "box"


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
            _row(study, method, pictures, captions, i, f"{unit}")
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


def _row(
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
        links = links[links != 0]  # a first-layer unit has one
        tiles = tiles[: len(links)]
        labels = [f"{j}: {w:+.2f}" for j, w in zip(pictures.extras["filters"][i], links, strict=False)]
        frames = [BLUE if w > 0 else ORANGE for w in links]
    note = f"  [{pictures.notes[i]}]" if pictures.notes[i] else ""
    said = {"labels": labels, "captions": captions, "frames": frames}
    if diagnosis.of_chains(pictures):
        note, said["note"] = "", diagnosis.note(pictures, i)
    return study.panel(tiles, _symmetric(method), len(tiles) or 1, f"{title}{note}", **said)


def units_sheet(study: Study, method: Any, pictures: UnitImages, name: str) -> None:
    """One picture per unit, with its number and score; many units on pages, `<name>_1`, `<name>_2`, ..."""
    n = len(pictures.units)
    pages = -(-n // PAGE)
    if pages <= 1:
        _units_page(study, method, pictures, name)
        return
    size = -(-n // pages)
    for page in range(pages):
        part = _part(pictures, slice(page * size, (page + 1) * size))
        _units_page(study, method, part, f"{name}_{page + 1}", f", page {page + 1} of {pages}")


def _part(pictures: UnitImages, units: slice) -> UnitImages:
    """Some of the units."""
    return replace(
        pictures,
        images=pictures.images[units],
        scores=pictures.scores[units],
        units=pictures.units[units],
        notes=pictures.notes[units],
        extras={name: x[units] for name, x in pictures.extras.items()},
    )


def _units_page(study: Study, method: Any, pictures: UnitImages, name: str, page: str = "") -> None:
    captions = [row[0] for row in study.captions(pictures)]
    noted = [i for i, note in enumerate(pictures.notes) if note]
    panel = study.panel(
        pictures.images[:, 0],
        _symmetric(method),
        columns=min(PAGE_COLUMNS, len(pictures.units)),
        labels=[str(i) for i in pictures.indices],
        captions=captions,
    )
    figure = plot.sheet(
        [panel],
        heading=f"{study.heading}, layer {pictures.layer}: {method.title}, {len(captions)} units{page}"
        f"{diagnosis.warning(pictures) if diagnosis.of_chains(pictures) else ''}",
        caption=MANY_UNITS,
        key=f"{study.legend} {settings_line(method)}{_notes(pictures, noted)}",
        tile=max(0.42, min(0.75, 6.1 / panel.columns - 0.05)),
    )
    study.save(name, figure, {"pictures": pictures})


def _notes(pictures: UnitImages, noted: Sequence[int]) -> str:
    if diagnosis.of_chains(pictures):
        return f" {diagnosis.summary(pictures)}"
    if not noted:
        return ""
    first = ", ".join(f"{pictures.indices[i]}: {pictures.notes[i]}" for i in noted[:3])
    return f" Notes on {len(noted)} of {len(pictures.units)} units ({first}{', ...' if len(noted) > 3 else ''})."


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
            heading=f"{study.heading}: {len(units)} units of layer {layer} by {len(methods)} methods",
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
        _symmetric(method),
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


def samples(study: Study, n: int = 6, shown: int = 12, temperatures: int = 1) -> None:
    """Rows of samples of the first `n` units of every layer (Erhan et al. 2009, figure 3).

    Where chains fail, those of so many `temperatures`, if several, are drawn as well.
    """
    plain = diagnosis.diagnosed(study, replace(diagnosis.LONG_CHAINS, shown=shown))
    tempered = replace(plain, temperatures=temperatures)
    for layer in study.model.layer_names:
        units = study.units(layer, n)
        pictures = study.pictures(plain, units)
        samples_sheet(study, plain, pictures, f"samples_{layer}")
        if temperatures > 1 and any(pictures.notes):
            samples_sheet(study, tempered, study.pictures(tempered, units), f"samples_{layer}_tempered")


def samples_sheet(study: Study, method: ClampedGibbs, pictures: UnitImages, name: str) -> None:
    """Samples of few units, a row each, and what their chains are worth; chains not yet diagnosed run once more."""
    if diagnosis.diagnosed(study, method) != method:
        method = diagnosis.diagnosed(study, method)
        pictures = study.pictures(method, pictures.units)
    rows = [
        _row(study, method, pictures, captions, i, diagnosis.title(pictures, i))
        for i, captions in enumerate(study.captions(pictures))
    ]
    figure = plot.sheet(
        rows,
        heading=(
            f"{study.heading}: samples of layer {pictures.layer} with one unit fixed to 1, {len(rows)} units"
            f"{', tempered chains' if method.temperatures > 1 else ''}{diagnosis.warning(pictures)}"
        ),
        caption=SAMPLED,
        key=f"{diagnosis.legend(pictures)} {study.legend} {settings_line(method)}",
        side_by_side=False,
    )
    study.save(name, figure, {"pictures": pictures})


def fantasies(study: Study, n: int = 100, steps: int = 1000) -> None:
    """Free samples of the whole model: no unit fixed, chains started from noise."""
    layer = study.model.layer_names[-1]
    if not isinstance(study.model, Generative):
        raise ValueError(f"{type(study.model).__name__} does not generate images; give a deep belief network (--model)")
    rng = make_rng(study.model.xp, study.seed)
    tiles = to_numpy(study.model.sample(n, layer, steps, rng=rng))
    figure = plot.sheet(
        [study.panel(tiles, False, columns=20)],
        heading=f"{study.heading}: {n} fantasies of the whole model, {steps} Gibbs sweeps from noise in its top RBM",
        caption=FREE,
        key="No unit is fixed; pixel probabilities after one directed pass down from the top RBM.",
        tile=0.36,
    )
    study.save("fantasies", figure, {"tiles": tiles}, n=n, steps=steps)


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
    titles = [": ".join(filter(None, (method.title, said))) for method, said in zip(methods, changed, strict=True)]
    panels = [
        _row(study, method, x, study.captions(x)[0], 0, f"{title}{accepted(x)}", COMPARED)
        for method, title, x in zip(methods, titles, shown.values(), strict=True)
    ]
    chains = [pictures for pictures in shown.values() if diagnosis.of_chains(pictures)]
    worth = "".join(f" {diagnosis.legend(pictures)}{diagnosis.odds(pictures, 0)}" for pictures in chains)
    said = ["Settings that are not named are the defaults."]
    if StrongestConnections.__name__ in shown:
        said.append(FILTERS)
    if EvidenceSampling.__name__ in shown:
        said.append(evidence_samples.LEGEND)
    left_out = [method for method in compared if type(method).__name__ not in shown]
    undefined = [method.title for method in left_out if not study.lacks_images(method)]
    missing = f" Not defined for this model: {', '.join(undefined)}." if undefined else ""
    if study.images is None:
        missing += " Methods that need training images are left out: none at hand."
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: unit {unit} by {len(methods)} methods{''.join(map(diagnosis.warning, chains))}",
        caption=ONE_UNIT,
        key=f"{' '.join(said)}{worth} {study.legend}{missing}",
        tile=0.6,
        pack=7.5,
    )
    study.save(name, figure, shown, unit=str(unit))
