"""The comparison of methods: means over units with intervals, differences paired by unit, and the figure of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np

from .. import plot
from ..backend import Array, make_rng
from ..evaluate.resampling import Estimate, bootstrap
from ..figures.tables.predicting import BEST, MEAN, SINGLE

Rows = Sequence[dict[str, Any]]

#: Columns of the figure: method, of single pictures with their number, and the words at their head.
SHOWN = {
    "activation maximization": "maximization",
    "linear combination of filters": "combination",
    "strongest first-layer filters": "strongest filter",
    "regularized optimization": "regularized",
    "mean of the top images": "top images, mean",
    f"mean of the top images{SINGLE}, 9": "nearest of 9 top images",
    "clamped Gibbs sampling": "samples, mean",
    f"clamped Gibbs sampling{SINGLE}, 9": "nearest of 9 samples",
    "model samples weighted by the unit's response": "weighted samples, mean",
    f"model samples weighted by the unit's response{SINGLE}, 9": "nearest of 9 weighted samples",
    BEST: "best linear template",
}
CAPTION = (
    "Left: how well a method's pictures tell what their units do at other images. Right: how much they excite their "
    "units. A method that is dark on the right need not be dark on the left."
)
KEY = (
    "Left: rank correlation, over {tested} test images, of the unit's pre-activation with the cosine of image and "
    "picture; mean over the units, whose number stands behind the layer. Another unit's picture: {another} on "
    "average, its size {size}. Right: pre-activation at the picture at the norm of the data, 0: as at a usual "
    "image, 1: as at the unit's best optimum. Bold: the best method of the row, and those whose difference from it, "
    "paired by unit, has a 95 % interval that holds 0. Nearest of 9: likeness to whichever of nine single pictures "
    "is most like the image. Best linear template: by ridge regression on training images, about what one picture "
    "could reach."
)


def summarize(rows: Rows, *, seed: int) -> list[dict[str, Any]]:
    """Means over the units of each model, layer, position, method and number of pictures, with 95 % intervals.

    `behind` is by how much a method's mean lies below that of the best method of one picture: the mean over units of
    the difference, paired by unit.

    Parameters
    ----------
    rows : sequence of dict
        Tables of units, of one model or several.
    seed : int
        Of the bootstrap.
    """
    found: list[dict[str, Any]] = []
    for place, of_place in groupby(rows, lambda row: (row["model"], row["layer"], row["position"])):
        methods: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for row in of_place:
            methods.setdefault((row["method"], int(row["pictures"])), []).append(row)
        means = {key: column(own, "rank").mean() for key, own in methods.items() if rivals(*key)}
        best = column(methods[max(means, key=lambda key: means[key])], "rank")
        where = dict(zip(("model", "layer", "position"), place, strict=True))
        found += [{**where, **_summary(key, own, best, seed)} for key, own in methods.items()]
    return found


def rivals(method: str, pictures: int) -> bool:
    """Whether a row is of a method's own picture: not of the best template, the mean image, or single pictures."""
    return pictures == 1 and method not in (BEST, MEAN) and SINGLE not in method


def column(rows: Rows, name: str) -> Array:
    """A column of numbers (U,)."""
    return np.array([row[name] for row in rows])


def _summary(key: tuple[str, int], rows: Rows, best: Array, seed: int) -> dict[str, Any]:
    """What the units of one method say together."""
    method, pictures = key
    rank, gain = column(rows, "rank"), column(rows, "gain")
    numbers: dict[str, Estimate] = {
        name: bootstrap(values, rng=make_rng(np, seed, 22))
        for name, values in {
            "rank": rank,
            "choice": column(rows, "choice"),
            "behind": best - rank,
            "gain": gain,
        }.items()
        if not np.isnan(values).any()
    }
    row: dict[str, Any] = {"method": method, "pictures": pictures, "units": len(rows)}
    for name in ("rank", "choice", "gain", "behind"):
        for part in ("value", "low", "high"):
            heading = name if part == "value" else f"{name}_{part}"
            row[heading] = getattr(numbers[name], part) if name in numbers else ""
    row |= {
        "rank_median": float(np.median(rank)),
        "rank_over_images": float(np.median(column(rows, "rank_high") - column(rows, "rank_low")) / 2),
        "rank_product": float(column(rows, "rank_product").mean()),
        "share_of_ceiling": float(column(rows, "rank_product").mean() / column(rows, "ceiling").mean()),
        "rank_another_units": float(column(rows, "rank_another_units").mean()),
        "size_another_units": float(np.abs(column(rows, "rank_another_units")).mean()),
    }
    return {name: round(x, 4) if isinstance(x, float) else x for name, x in row.items()}


def table_figure(summary: Rows, heading: str, **numbers: Any) -> Any:
    """The figure: every place in a row, every method in a column, by both measures; `numbers` go into the key."""
    names: list[str] = []
    lines: list[dict[str, dict[str, Any]]] = []
    for model, of_model in groupby(summary, lambda row: row["model"]):
        if names:
            names.append("")
            lines.append({})
        for (layer, position), of_place in groupby(of_model, lambda row: (row["layer"], row["position"])):
            own = {_column_of(row): row for row in of_place}
            units = next(iter(own.values()))["units"]
            names.append(f"{model} {' '.join(filter(None, (layer, position)))} ({units})")
            lines.append(own)
    shown = [name for name in SHOWN if any(name in line for line in lines)]
    tables, strong = {}, {}
    for title, name in (("predicts its unit", "rank"), ("excites its unit", "gain")):
        values = np.full((len(lines), len(shown)), math.nan)
        bold = np.zeros(values.shape, bool)
        for i, line in enumerate(lines):
            for j, what in enumerate(shown):
                if what in line and line[what][name] != "":
                    values[i, j] = line[what][name]
                    bold[i, j] = name == "rank" and what != BEST and line[what]["behind_low"] <= 0
        tables[title], strong[title] = values, bold
    return plot.crosstab(
        tables,
        names,
        [SHOWN[name] for name in shown],
        strong=strong,
        heading=heading,
        caption=CAPTION,
        key=KEY.format(**numbers),
    )


def _column_of(row: dict[str, Any]) -> str:
    return f"{row['method']}, {row['pictures']}" if SINGLE in row["method"] else row["method"]
