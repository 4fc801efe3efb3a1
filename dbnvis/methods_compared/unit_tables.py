"""One model by every method: of each unit how much the method's picture excites it, and how well it predicts it."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import results
from ..backend import Array, move, to_numpy
from ..backend.comm import on_first
from ..evaluate.predictiveness import predictiveness, rank_interval
from ..evaluate.scores import typical_responses, unit_scores
from ..figures.naming import describe
from ..figures.side_by_side import methods_for
from ..figures.study import Study
from ..figures.tables.predicting import Tested, TestedLayer, images_used
from ..models.units import as_units
from ..visualize import ActivationMaximization, Unit

UNITS = 48  # of each layer, the first ones
#: Columns that hold words, in the table of units.
WORDS = {"model", "layer", "position", "unit", "method"}


def groups(study: Study, n: int = UNITS) -> Iterator[tuple[str, str, list[Unit]]]:
    """(layer, position, units) of what is measured together: of a layer of maps channels at the centre, and means."""
    for layer in study.model.layer_names:
        units = study.units(layer, n)
        if len(study.model.layer_shape(layer)) == 1:
            yield layer, "", units
        else:
            yield layer, "centre", units
            yield layer, "mean", [Unit(layer, unit.index, "mean") for unit in units]


def unit_table(study: Study, name: str, n: int = UNITS) -> list[dict[str, Any]]:
    """Rows of every method and unit of a model called `name`; those of the table `units_<name>` where it is whole.

    Raises
    ------
    ValueError
        If there is no data at hand, or the table that is there is of another model, data or settings and must stay.
    """
    table = f"units_{name.replace(' ', '_')}"
    settings = {**images_used(study.data_at_hand()), "units": n, "methods": _settings(study)}
    study.check_table(table)
    path = study.writer.sheet(table)
    if on_first(lambda: results.is_whole(path)) and not study.writer.overwrite:
        study.writer.check(path, **study.facts, settings=settings)
        return read(path)
    places = list(groups(study, n))
    rows = [
        {"model": name, "layer": layer, "position": position, **row}
        for layer, position, units in study.progress(places, f"layers of {name}", len(places))
        for row in _rows(study, units)
    ]
    study.save_table(table, rows, **settings)
    return read(path)


def _settings(study: Study) -> dict[str, dict[str, str]]:
    """Every method's settings in words, by layer."""
    return {
        layer: {method.title: describe(method) for method in study.applicable(methods_for(study, layer))}
        for layer in study.model.layer_names
    }


def read(path: Any) -> list[dict[str, Any]]:
    """The rows of a table of units; an empty cell is NaN."""
    with path.open(newline="") as file:
        return [
            {key: value if key in WORDS else float(value or "nan") for key, value in row.items()}
            for row in csv.DictReader(file)
        ]


def scores(study: Study, units: Sequence[Unit], pictures: Array) -> Array:
    """Pre-activations (U,) of units at pictures (U, *input_shape), each rescaled to the training images' mean norm."""
    model = study.model
    layer, numbers = as_units(model, units)
    on_device = move(pictures[:, None].astype(model.dtype), model.xp)
    return to_numpy(unit_scores(model, layer, numbers, on_device))[:, 0]


def gain(score: Array, usual: Array, best: Array) -> Array:
    """How much pictures excite their units: 0 as usual images do, 1 as the unit's best optimum does."""
    return (score - usual) / (best - usual)


def usual_scores(study: Study, units: Sequence[Unit]) -> Array:
    """What units do at usual training images (U,)."""
    layer, numbers = as_units(study.model, units)
    return to_numpy(typical_responses(study.model, layer, study.images, numbers))


def _rows(study: Study, units: Sequence[Unit]) -> list[dict[str, Any]]:
    """Rows of units of one layer, which see the same pixels."""
    x = TestedLayer.of(study, units, study.applicable(methods_for(study, units[0].layer)))
    (optima,) = (tested.pictures for tested in x.methods if tested.method == ActivationMaximization.title)
    usual, best = usual_scores(study, x.units), scores(study, x.units, optima)
    return [
        row
        for tested in x.methods
        for row in _of_method(x, tested, gain(scores(study, x.units, tested.pictures), usual, best))
    ]


def _of_method(x: TestedLayer, tested: Tested, gains: Array) -> Iterator[dict[str, Any]]:
    """A row for each unit."""
    alike, raw = predictiveness(tested.cosines, x.responses), predictiveness(tested.products, x.responses)
    other = predictiveness(np.roll(tested.cosines, 1, axis=1), x.responses)
    for u, unit in enumerate(x.units):
        interval = rank_interval(float(alike.rank[u]), len(x.responses))
        numbers = {
            "gain": math.nan if tested.n > 1 else float(gains[u]),
            "rank": interval.value,
            "rank_low": interval.low,
            "rank_high": interval.high,
            "choice": float(alike.choice[u]),
            "rank_product": float(raw.rank[u]),
            "choice_product": float(raw.choice[u]),
            "rank_another_units": float(other.rank[u]),
            "ceiling": float(x.most[u]),
        }
        yield {
            "unit": str(unit),
            "method": tested.method,
            "pictures": tested.n,
            **{name: "" if math.isnan(value) else round(value, 4) for name, value in numbers.items()},
        }
