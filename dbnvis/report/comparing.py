"""Pictures of the same units by several methods: scores, agreement against its null, and chains, as facts of a report.

Every picture is drawn once, and everything here is about those.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from ..backend import Array, make_rng, to_numpy
from ..evaluate.agreement import agreement, shuffled
from ..evaluate.resampling import bootstrap
from ..figures import diagnosis
from ..figures.study import Study
from ..models.layers import Dense
from ..visualize import RegularizedOptimization, UnitImages, as_units
from .audits import counted

#: Pictures by method, in the order of the columns.
Drawn = dict[str, UnitImages]


def compared(methods: Sequence[Any]) -> list[Any]:
    """Those of `methods` whose pictures are compared: a regularized optimum is an optimum again."""
    return [method for method in methods if not isinstance(method, RegularizedOptimization)]


def can_be_shuffled(study: Study) -> bool:
    """Whether `shuffled` weights are defined for the model: not where layers have maps."""
    layers = study.model.network.layers
    return all(isinstance(layers[f"{name}.pre"], Dense) for name in study.model.layer_names)


def without_learning(study: Study) -> Study:
    """`study` of the model with shuffled weights, whose pictures show what methods agree on anyway."""
    xp = study.model.xp
    return replace(study, model=shuffled(study.model, rng=make_rng(xp, study.seed, 4)))


def pairs(drawn: Drawn, null: Drawn, seed: int) -> list[dict[str, Any]]:
    """A row for every two methods: how alike their pictures of a unit are, beside those of other units.

    Parameters
    ----------
    drawn, null : dict of UnitImages
        Of the same units, of the model and of its shuffled weights, which may lack methods.
    seed : int
        Of the bootstrap.
    """
    rows = []
    for first, second in combinations(drawn, 2):
        found = _alike(drawn[first], drawn[second], seed)
        chance = _alike(null[first], null[second], seed) if first in null and second in null else None
        if found is not None:
            rows.append({"first": first, "second": second, **found, "shuffled": chance})
    return rows


def _alike(a: UnitImages, b: UnitImages, seed: int) -> dict[str, Any] | None:
    """Of the units that both methods draw; None if there are fewer than two."""
    x, y = (pictures.images[:, 0].reshape(len(pictures.units), -1) for pictures in (a, b))
    both = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    if both.sum() < 2:
        return None
    found = agreement(x[both], y[both])
    own = bootstrap(np.asarray(found.own, "float64"), rng=make_rng(np, seed, 4))
    return {
        "units": int(both.sum()),
        "cosine": {"mean": own.value, "low": own.low, "high": own.high, "others": float(np.mean(found.others))},
        "first_rank": counted(found.rank == 1),
        "chance": 100 / int(both.sum()),
    }


def cells(study: Study, drawn: Drawn, n: int) -> list[dict[str, Any]]:
    """Of the first `n` units: score, percentile and note of each method's picture."""
    first = next(iter(drawn.values()))
    percentiles = {title: percentiles_of(study, pictures) for title, pictures in drawn.items()}
    return [
        {
            "unit": str(unit),
            "cells": [
                {
                    "score": finite(pictures.scores[i, 0]),
                    "percentile": finite(percentiles[title][i]),
                    "note": pictures.notes[i],
                }
                for title, pictures in drawn.items()
            ],
        }
        for i, unit in enumerate(first.units[:n])
    ]


def percentiles_of(study: Study, pictures: UnitImages) -> Array:
    """Percentages of test images that excite each unit less than its picture (U,), rounded down to a tenth."""
    xp = study.model.xp
    layer, numbers = as_units(study.model, pictures.units)
    found = to_numpy(study.responses.percentile(layer, numbers, xp.asarray(pictures.scores[:, :1])))
    return np.floor(10 * found[:, 0] + 1e-9) / 10


def above_every_image(study: Study, pictures: UnitImages) -> dict[str, Any]:
    """How many units have a picture that no test image at the same norm excites as much."""
    return counted(percentiles_of(study, pictures) == 100)


def mixing(pictures: UnitImages) -> dict[str, Any]:
    """What the chains of units are worth: medians, and how many have not mixed and why."""
    failed = np.array([bool(note) for note in pictures.notes])
    return {
        "chains": pictures.settings["chains"],
        "burn_in": pictures.settings["burn_in"],
        "record": pictures.settings["draws"] * pictures.settings["thin"],
        "failed": counted(failed),
        **{name: _median(pictures.extras[name]) for name in ("mixing", "slowest", "tau", "ess")},
        "notes": [f"{unit}: {note}" for unit, note in zip(pictures.units, pictures.notes, strict=True) if note][
            : diagnosis.NAMED
        ],
    }


def _median(values: Array) -> float | None:
    """Of those that are numbers; None if none is, or it is infinite."""
    numbers = values[~np.isnan(values)]
    return finite(np.median(numbers)) if len(numbers) else None


def finite(value: Any) -> float | None:
    """A number as JSON has it: None where it is infinite or not a number."""
    return float(value) if math.isfinite(value) else None
