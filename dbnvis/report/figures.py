"""The figures: each a function of a study, with its settings as defaults."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import plot
from ..backend import make_rng, to_numpy
from ..plot import BLUE, ORANGE, Panel
from ..train import EpochStats
from ..visualize import (
    VISUALIZERS,
    ActivationMaximization,
    ClampedGibbs,
    FilterCombination,
    StrongestConnections,
    TopImages,
    Unit,
    UnitImages,
)
from ..visualize.clamped_gibbs import MIXED
from .health import training_curves
from .study import Study, describe

#: Settings of the sheets of every unit.
COMBINATION = FilterCombination(k=100, rank="positive")
MAXIMIZATION = ActivationMaximization(starts=3)
# Many short chains from data rather than few long ones: single chains hardly leave their digit, so what makes a
# mean a unit's own, and not its chains', is their number.
SAMPLING = ClampedGibbs(chains=60, burn_in=10, draws=2, thin=5, shown=0)

MOST_ROWS = 40  # units that `sheet` draws in rows

EVIDENCE = (
    "Blue frame: the method's picture; the others are what it rests on (further starts, best first; single chains; "
    "single images). Strongest filters: number and link above, blue frame positive, orange negative."
)

DIAGNOSIS = (
    "R: potential scale reduction (Gelman and Rubin 1992), 1 when all chains see the same distribution, above 1.2 they "
    "have not mixed. tau: integrated autocorrelation time in sweeps (at least, where it nears the record's length); "
    "draws: independent draws that the {draws} recorded states are worth. Starts: chains from data and from noise; "
    "apart: total variation between their shares of 10 clusters of the training codes, p: how often chance does that, "
    "clusters: share of them visited, by the chains shown and by the others. On: probability that the unit is on in "
    "its free RBM, from free chains / by annealing its weights, with one standard error; prefer that of smaller error."
)


def _symmetric(method: Any) -> bool:
    return bool(method.symmetric) and getattr(method, "constraint", "norm") == "norm"


def all_units(study: Study, method: Any, name: str, n: int | None = None) -> None:
    """Every unit (or the first `n`) of each layer, one sheet per layer."""
    method = study.fitted(method)
    for layer in study.model.layer_names:
        pictures = study.pictures(method, study.units(layer, n))
        units_sheet(study, method, pictures, f"{name}_{layer}")


def sheet(study: Study, method: Any, pictures: UnitImages, name: str) -> None:
    """Few units: a row each, with all that the method gives; many units: one picture each."""
    if pictures.images.shape[1] > 1 and len(pictures.units) <= MOST_ROWS:
        panels = [
            _row(method, pictures, captions, i, f"{unit}")
            for i, (unit, captions) in enumerate(zip(pictures.units, study.captions(pictures), strict=True))
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.dataset}, layer {pictures.layer}: {method.title}, {len(panels)} units",
            legend=f"{EVIDENCE} {study.legend} Settings: {describe(method)}.",
            side_by_side=False,
        )
        study.save(name, figure, {"pictures": pictures})
    else:
        units_sheet(study, method, pictures, name)


def _row(
    method: Any, pictures: UnitImages, captions: Sequence[str], i: int, title: str, *, noted: bool = True
) -> Panel:
    """All pictures of unit `i`, its own first in a blue frame; links with their signs."""
    tiles, labels = pictures.images[i], None
    frames = [BLUE, *[""] * (len(tiles) - 1)]
    if isinstance(method, StrongestConnections):
        links = pictures.extras["links"][i]
        links = links[links != 0]  # a first-layer unit has one
        tiles = tiles[: len(links)]
        labels = [f"{j}: {w:+.2f}" for j, w in zip(pictures.extras["filters"][i], links, strict=False)]
        frames = [BLUE if w > 0 else ORANGE for w in links]
    note = f"  [{pictures.notes[i]}]" if noted and pictures.notes[i] else ""
    return Panel(tiles, _symmetric(method), len(tiles) or 1, f"{title}{note}", labels, captions, frames)


def units_sheet(study: Study, method: Any, pictures: UnitImages, name: str) -> None:
    """One picture per unit, with its number and score."""
    captions = [row[0] for row in study.captions(pictures)]
    noted = [i for i, note in enumerate(pictures.notes) if note]
    panel = Panel(
        pictures.images[:, 0],
        _symmetric(method),
        columns=min(25, len(pictures.units)),
        labels=[str(i) for i in pictures.indices],
        captions=captions,
    )
    figure = plot.sheet(
        [panel],
        heading=f"{study.dataset}, layer {pictures.layer}: {method.title}, {len(captions)} units",
        legend=f"Above a picture: the unit. {study.legend} Settings: {describe(method)}.{_notes(pictures, noted)}",
        tile=0.42,
    )
    study.save(name, figure, {"pictures": pictures})


def _notes(pictures: UnitImages, noted: Sequence[int]) -> str:
    if not noted:
        return ""
    first = ", ".join(f"{pictures.indices[i]}: {pictures.notes[i]}" for i in noted[:3])
    return f" Notes on {len(noted)} of {len(pictures.units)} units ({first}{', ...' if len(noted) > 3 else ''})."


def methods_side_by_side(study: Study, n: int = 36, methods: Sequence[Any] | None = None) -> None:
    """The first `n` units of each layer, the methods in columns (Erhan et al. 2009, figure 4)."""
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
        panels = [
            Panel(
                pictures.images[:, 0],
                _symmetric(method),
                columns=6,
                title=method.title,
                labels=[str(i) for i in pictures.indices],
                captions=[row[0] for row in study.captions(pictures)],
            )
            for method, pictures in zip(methods, shown.values(), strict=True)
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.dataset}, layer {layer}: the same {len(panels[0].tiles)} units by {len(methods)} methods",
            legend=f"Above a picture: the unit. {study.legend}{_mixing(shown)}",
            tile=0.46,
        )
        study.save(f"methods_{layer}", figure, shown)


def _mixing(shown: dict[str, UnitImages]) -> str:
    """A sentence on the chains among the pictures, if any."""
    mixing = [pictures.extras["mixing"] for pictures in shown.values() if "mixing" in pictures.extras]
    if not mixing:
        return ""
    return (
        f" Chains of clamped Gibbs sampling: potential scale reduction R {np.median(mixing[0]):.1f} (median); "
        f"{100 * np.mean(mixing[0] > MIXED):.0f} % of the units above {MIXED}, chains not mixed."
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
        Panel(
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
        heading=f"{study.dataset}: {len(panels)} units of the top layer, each maximized from {n_starts} random starts",
        legend=(
            "Best start first. Variation of scores: standard deviation over mean. "
            f"{study.legend} Settings: {describe(method)}."
        ),
        tile=0.75,
    )
    study.save("starts", figure, {"pictures": pictures})


def samples(study: Study, n: int = 6, shown: int = 12) -> None:
    """Rows of samples of units held on (Erhan et al. 2009, figure 3), for every layer above the first."""
    method = ClampedGibbs(shown=shown, diagnose=study.images is not None)
    for layer in study.model.layer_names[1:]:
        pictures = study.pictures(method, study.units(layer, n))
        rows = [
            _row(method, pictures, captions, i, f"{unit} held on: {_diagnosis(pictures, i)}", noted=False)
            for i, (unit, captions) in enumerate(zip(pictures.units, study.captions(pictures), strict=True))
        ]
        draws = method.chains * method.draws * method.thin
        figure = plot.sheet(
            rows,
            heading=f"{study.dataset}: samples of layer {layer} with one unit held on, {len(rows)} units",
            legend=(
                "Framed: the mean over all chains and draws; then the last draw of single chains, as pixel "
                f"probabilities. {DIAGNOSIS.format(draws=draws)}{_warning(pictures)} {study.legend} "
                f"Settings: {describe(method)}, started from {pictures.settings['start']}."
            ),
            side_by_side=False,
        )
        study.save(f"samples_{layer}", figure, {"pictures": pictures})


def _diagnosis(pictures: UnitImages, i: int) -> str:
    """What the chains of unit `i` are worth, in one line."""
    x = {name: values[i] for name, values in pictures.extras.items()}
    said = [f"R {x['mixing']:.2f}, tau {x['tau']:.0f}, {x['ess']:.0f} draws"]
    if "p_on" in x:
        visited = "/".join(f"{100 * share:.0f}" for share in x["visited"])
        said += [f"starts: apart {x['distance']:.2f}, p {x['start_p']:.2g}, clusters {visited} %"]
        said += ["on " + " / ".join(f"{p:.2f}±{e:.2f}" for p, e in zip(x["p_on"], x["p_on_error"], strict=True))]
    return "; ".join(said)


def _warning(pictures: UnitImages) -> str:
    """A sentence on units whose chains are not to be believed, if any."""
    failed = [f"{unit}" for unit, note in zip(pictures.units, pictures.notes, strict=True) if note]
    if not failed:
        return ""
    return (
        f" WARNING: the chains of {', '.join(failed)} have not mixed: each shows its own neighbourhood, not the whole."
    )


def fantasies(study: Study, n: int = 100, steps: int = 1000) -> None:
    """Free samples of the whole model: nothing held on, chains started from noise."""
    layer = study.model.layer_names[-1]
    rng = make_rng(study.model.xp, study.seed)
    tiles = to_numpy(study.model.sample(n, layer, steps, rng=rng))
    figure = plot.sheet(
        [Panel(tiles, False, columns=20)],
        heading=f"{study.dataset}: {n} fantasies of the whole model, {steps} Gibbs sweeps from noise in its top RBM",
        legend="Each tile is the end of its own chain: pixel probabilities after one directed pass down.",
        tile=0.42,
    )
    study.save("fantasies", figure, {"tiles": tiles}, n=n, steps=steps)


def compare(study: Study, unit: Unit) -> None:
    """One unit by every method: pictures, what they rest on, scores and settings."""
    methods = study.applicable(cls() for cls in VISUALIZERS.values() if getattr(cls, "compared", True))
    shown = {type(method).__name__: study.pictures(method, [unit]) for method in methods}
    panels = [
        _row(method, pictures, study.captions(pictures)[0], 0, f"{method.title}: {describe(method)}")
        for method, pictures in zip(methods, shown.values(), strict=True)
    ]
    missing = "" if study.images is not None else " Methods that need training images are left out: none at hand."
    figure = plot.sheet(
        panels,
        heading=f"{study.dataset}: unit {unit} by {len(methods)} methods",
        legend=f"{EVIDENCE} {study.legend}{missing}",
        tile=0.75,
        side_by_side=False,
    )
    study.save(f"compare_{unit.layer}_{unit.index}", figure, shown, unit=str(unit))


def reproduction(
    study: Study, history: Sequence[EpochStats], *, quick: bool = False
) -> list[tuple[str, Callable[[], None]]]:
    """The figures of `dbnvis reproduce`, in order: (what it draws, a function that draws it).

    `quick` draws the first 100 units of a layer where the others draw all.
    """
    n = 100 if quick else None
    return [
        ("training curves", lambda: training_curves(study, history)),
        ("fantasies", lambda: fantasies(study)),
        ("every unit: linear combination", lambda: all_units(study, COMBINATION, "combination", n)),
        ("every unit: activation maximization", lambda: all_units(study, MAXIMIZATION, "am", n)),
        ("every unit: clamped Gibbs sampling", lambda: all_units(study, SAMPLING, "gibbs", n)),
        ("methods side by side", lambda: methods_side_by_side(study)),
        ("one unit from nine starts", lambda: starts(study)),
        ("samples of single units", lambda: samples(study)),
    ]
