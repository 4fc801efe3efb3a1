"""The claims of Erhan et al. 2009, tested: a table of numbers, the sentences that follow from it, and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from .. import plot
from ..evaluate.scores import TYPICAL
from ..figures.study import Study
from ..plot import Bands, Chart, HeatMap
from ..results import Writer
from .claims import (
    AGREE,
    COMPLEX,
    DEFORMATIONS,
    DEGRADES,
    DRAWS,
    INVARIANT,
    KEPT,
    KS,
    ONE_OPTIMUM,
    PREDICTS,
    SAME,
    STEADY,
    measure,
)
from .families import difference
from .judging import COMPLEXITY, RULE, verdicts
from .measures import Measure, printed, read_measures
from .texts import texts
from .unit_pictures import FEW, METHODS, NETWORKS
from .verdicts import Table, Verdicts, by_model

CURVES = (
    "Claims of the paper, measured on every unit. Thick: this network; thin, with crosses: random weights, or what the "
    "note names. What was learned shows where thick and thin lines lie apart."
)
AGREEMENT = (
    "Above the diagonal: how alike two methods' pictures of a unit are; below: how often a unit's own picture is the "
    "most alike. Dark: the methods agree. Compare with random weights, in brackets."
)

RANDOM_WEIGHTS = f"Random weights: mean of {NETWORKS} networks, each layer's weights shuffled, biases kept."


def claims(study: Study, other: Study | None = None, n: int | None = None) -> None:
    """Measure the claims about a model and, if given, another family's of the same data, and judge them.

    Writes the tables `claims.csv`, `verdicts.json` and `claims.md` and the figures `claims.png` and
    `claims_methods.png`; beside the first, in `claims.npz`, what was measured of every unit.

    Parameters
    ----------
    study : Study
    other : Study, optional
    n : int, optional
        Only the first n units of every layer.

    Raises
    ------
    ValueError
        If there are no training images, or the models are of other data sets.
    """
    measure_claims(study, other, n)
    judge_claims(study.writer, study.heading)


def measure_claims(study: Study, other: Study | None = None, n: int | None = None) -> None:
    """Write the table and the figures; see `claims`."""
    if other is not None and other.dataset != study.dataset:
        raise ValueError(f"both models must be of one data set; got {study.dataset} and {other.dataset}")
    study.check("claims")
    study.check_table("claims")
    studies = {type(study.model).__name__: study}
    if other is not None:
        name = type(other.model).__name__
        studies[f"other {name}" if name in studies else name] = other
    measured = {name: measure(s, name, n) for name, s in studies.items()}
    best = {name: optima for name, (_, optima) in measured.items()}
    tables = {name: Table(rows) for name, (rows, _) in measured.items()}
    rows = [row for table in tables.values() for row in table.rows]
    rows += difference(best)
    settings: dict[str, Any] = {
        "methods": {name: asdict(method) for name, method in METHODS.items()},
        "units": n or "all",
        "same_optimum_cosine": SAME,
        "steady_spread": STEADY,
        "typical_images": TYPICAL,
        "deformations": DEFORMATIONS,
        "draws": DRAWS,
        "k": KS,
        "other": other.provenance if other else None,
        "random_networks": NETWORKS,
        "their_units": FEW,
    }
    arrays = {f"{row.model}.{row.layer}.{name}": x for row in rows for name, x in row.arrays.items()}
    study.save("claims", _figure(study, tables), arrays, **settings)
    layers = dict.fromkeys(layer for table in tables.values() for layer in table.layers)
    charts = [[_method_table(name, t, layer) for name, t in tables.items() if layer in t.layers] for layer in layers]
    agreement = {chart.title: chart.values for row in charts for chart in row}
    study.save("claims_methods", _methods_figure(study, charts), agreement, **settings)
    study.save_table("claims", [printed(row) for row in rows], **settings)


def judge_claims(writer: Writer, subject: str) -> None:
    """From the table `claims.csv` write `verdicts.json` beside it, and from both `claims.md`.

    Parameters
    ----------
    writer : Writer
    subject : str
        What the models are of, for the heading.

    Raises
    ------
    ValueError
        If the table is damaged or of another version.
    """
    tables = Path(writer.tables)
    rows = read_measures(writer.root / tables / "claims.csv")
    judged = verdicts(writer.root / tables / "claims.csv", subject)
    judged = replace(judged, figure=writer.entry, command=writer.command)
    writer.text(str(tables / "verdicts.json"), judged.as_text())
    writer.text(str(tables / "claims.md"), claims_text(judged, rows))


def claims_text(judged: Verdicts, rows: Sequence[Measure]) -> str:
    """The verdicts in Markdown, and the rows that have a target."""
    lines = [f"# The claims of Erhan et al. 2009, on {judged.subject}", "", texts()["claims"]["about"].format(**RULE)]
    for name, table in by_model(rows).items():
        measured = [table.get(ONE_OPTIMUM, layer, "units measured") for layer in table.layers]
        counts = ", ".join(f"{row.layer} {row.value:.0f} ({row.setting})" for row in measured)
        lines += ["", f"## {name}", "", f"Units measured: {counts}.", ""]
        for claim in judged.models[name]:
            lines += claim.markdown()
        lines += [*_predictions(table), *_targets(table)]
    return "\n".join([*lines, "", "## Between models", "", *judged.between.markdown()])


def _predictions(table: Table) -> list[str]:
    """How well each method's pictures predict their units, beside how well the methods agree."""
    rows = [row for row in table.rows if row.quantity == PREDICTS]
    lines = ["| layer | picture | predictiveness | another unit's picture | random weights |"]
    lines += ["| --- | --- | --- | --- | --- |"]
    for row in rows:
        measured = f"{row.value:.2f} [{row.low:.2f}, {row.high:.2f}]"
        lines.append(f"| {row.layer} | {row.setting} | {measured} | {row.null:.2f} | {row.random_weights:.2f} |")
    return [texts()["claims"]["predictiveness"], "", *lines, ""] if rows else []


def _targets(table: Table) -> list[str]:
    lines = ["| row | layer | quantity | measured | target |", "| --- | --- | --- | --- | --- |"]
    for row in table.rows:
        number, _, target = row.target.partition(": ")
        if number:
            mark = f" ({row.missed})" if row.missed else ""
            lines.append(f"| {number} | {row.layer} | {row.quantity} | {row.value:.4g}{mark} | {target} |")
    return lines


def _figure(study: Study, tables: dict[str, Table]) -> Any:
    """For each model two rows of curves over layers and k."""
    rows: list[list[Chart]] = []
    for name, table in tables.items():
        charts = _curves(_family(name), table)
        rows += [charts[:2], charts[2:]]
    units = sum(round(row.value) for t in tables.values() for row in t.rows if row.quantity == "units measured")
    return plot.dashboard(
        rows,
        heading=f"{study.heading}: the claims of Erhan et al. 2009, measured on {units} units",
        caption=CURVES,
        key=f"Bands: 95 % intervals over units. {RANDOM_WEIGHTS}",
        heights=[1.7] * len(rows),
    )


def _methods_figure(study: Study, charts: list[list[HeatMap]]) -> Any:
    """A table of methods for each layer and model; a single model's side by side."""
    rows = charts if max(map(len, charts)) > 1 else [[chart for (chart,) in charts]]
    return plot.dashboard(
        rows,
        heading=f"{study.heading}: do two methods show the same of a unit?",
        caption=AGREEMENT,
        key="Above the diagonal: mean cosine of a unit's two pictures, the methods' means removed. Below: share of "
        "units whose own picture is the most alike of all. After ±: half the 95 % interval over units; in brackets: "
        f"random weights, among their first {FEW} units, where to be the most alike is easier. {RANDOM_WEIGHTS}",
        heights=[2.5] * len(rows),
    )


def _family(model: str) -> str:
    """The short name of a model's class, as the paper has it."""
    return model.replace("StackedDAE", "SDAE")


def _method_table(name: str, t: Table, layer: str) -> HeatMap:
    names = list(dict.fromkeys(m for s in t.settings(AGREE, layer, "cosine") for m in s.split(", ")))
    n = len(names)
    values, texts = np.full((n, n), np.nan), [[""] * n for _ in range(n)]
    for (i, a), (j, b) in combinations(enumerate(names), 2):
        cosine, first = (t.get(AGREE, layer, what, f"{a}, {b}") for what in ("cosine", "own unit first"))
        for row, col, found, text in ((i, j, cosine, "{:.2f}".format), (j, i, first, _percent)):
            values[row, col] = found.value
            half = (found.high - found.low) / 2
            texts[row][col] = f"{text(found.value)}\n±{text(half)} ({text(found.random_weights)})"
    units = t.get(ONE_OPTIMUM, layer, "units measured").value
    note = f"{units:.0f} units; by chance a unit's own picture is the most alike in {1 / units:.1%}."
    return HeatMap(f"{_family(name)} {layer}", note, names, values, texts)


def _percent(share: float) -> str:
    """In whole per cent; 100% is all."""
    return f"{min(round(100 * share), 99) if share < 1 else 100}%"


def _curves(name: str, t: Table) -> list[Chart]:
    def curve(claim: str, quantity: str, places: list[tuple[str, str | None]]) -> tuple[Any, Any, Any]:
        found = [t.get(claim, layer, quantity, setting) for layer, setting in places]
        value, low, high = (np.array([getattr(row, key) for row in found]) for key in ("value", "low", "high"))
        return value, low, high

    def by_layer(title: str, note: str, claim: str, shown: dict[str, tuple[str, str | None]], null: str) -> Bands:
        curves, baselines = {}, {}
        for label, (quantity, setting) in shown.items():
            curves[label] = curve(claim, quantity, [(layer, setting) for layer in t.layers])
            rows = [t.get(claim, layer, quantity, setting) for layer in t.layers]
            baselines[label] = np.array([getattr(row, null) for row in rows])
        return Bands(f"{name}: {title}", note, "layer", t.layers, curves, baselines)

    optimum: dict[str, tuple[str, str | None]] = {
        ONE_OPTIMUM: ("share of units with one optimum", None),
        "equal scores": ("share of units with equal scores", None),
        "cosine of starts": ("cosine of starts", None),
    }
    charts: list[Chart] = [
        by_layer(
            "one optimum?",
            f"Nine starts: share of units whose optima form one group (cosine {SAME}), share whose scores spread by at "
            f"most {STEADY:.0%}, median cosine of two starts.",
            ONE_OPTIMUM,
            optimum,
            "random_weights",
        )
    ]
    if t.layers[1:]:
        claim, gain = DEGRADES, "share of the gain by k"
        settings = [t.settings(claim, layer, gain) for layer in t.layers[1:]]
        common = [s for s in settings[0] if all(s in found for found in settings)]
        pairs = {
            f"{layer} {what}": curve(claim, quantity, [(layer, s) for s in common])
            for layer in t.layers[1:3]
            for what, quantity in (("gain", gain), ("weight mass", "weight mass covered by k"))
        }
        places = [s.removeprefix("k = ") for s in common]
        note = "Share of the gain of maximization that the combination of the k strongest reaches; weight covered."
        charts.append(Bands(f"{name}: combination against k", note, "k", places, pairs, {}))
    charts += [
        by_layer(
            "more complex?",
            "Novelty: 1 - best |cosine| with another first-layer filter; extent: share of the pixels; entropy of the "
            "spectrum.",
            COMPLEX,
            {quantity: (quantity, None) for quantity in COMPLEXITY},
            "random_weights",
        ),
        by_layer(
            "more invariant?",
            "Share of the gain that the deformed optimum keeps. Thin: as far from the optimum, the way another unit's "
            "moves.",
            INVARIANT,
            {kind: (KEPT, kind) for kind in DEFORMATIONS},
            "null",
        ),
    ]
    return charts
