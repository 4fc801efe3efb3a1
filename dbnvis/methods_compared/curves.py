"""Settings of two methods as functions of both measures: filters kept; norm and starts of activation maximization."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import plot
from ..backend import Array, make_rng
from ..evaluate.predictiveness import unit_predictiveness
from ..evaluate.resampling import bootstrap
from ..evaluate.scores import input_norm
from ..figures.study import Study
from ..models.units import as_units
from ..plot import Bands
from ..results import Writer
from ..visualize import ActivationMaximization, FilterCombination, Unit, UnitImages
from ..visualize.filter_combination import combined_inputs
from .unit_tables import UNITS, gain, scores, usual_scores

KEPT = (1, 3, 10, 30, 100, None)  # filters, of which the combination is made; None: all
NORMS = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the training images' mean
STARTS = (1, 3, 9, 27)
QUANTITIES = {"rank": "predicts its unit", "gain": "excites its unit"}

CAPTION = (
    "Does a setting that excites a unit more also tell more of it? Above: how well pictures predict their units at "
    "test images. Below: how much they excite them. Bands: 95 % intervals over units."
)
KEY = (
    "{model}, means over the first {units} units of a layer. Upper row: rank correlation of a unit's pre-activation "
    "at test images with the cosine of image and picture. Lower row: pre-activation at the picture at the norm of "
    "the data, 0: as at a usual image, 1: as at the best of 9 starts. Norm: of the sphere on which the unit is "
    "maximized, in multiples of the images' mean; the picture is scored at the images' mean. Starts: random ones, "
    "of which the best is taken."
)


@dataclass(frozen=True)
class Point:
    """Pictures of units by one method with one setting.

    Parameters
    ----------
    setting, value : str
        Such as "k" and "100".
    pictures : UnitImages
        Of which the first of each unit counts.
    """

    setting: str
    value: str
    pictures: UnitImages


def settings_curves(studies: dict[str, Study], writer: Writer, *, seed: int, **facts: Any) -> None:
    """The table `settings`, and a figure for each model, `settings_<model>`; `facts` go into the table's manifest."""
    rows: list[dict[str, Any]] = []
    for name, study in studies.items():
        own = [{"model": name, **row} for layer in study.model.layer_names for row in _rows(study, layer, seed)]
        rows += own
        figure = _figure(own, study, name)
        writer.figure(f"settings_{name.replace(' ', '_')}", figure, None, **study.facts, settings={"units": UNITS})
    writer.table("settings", rows, seed=seed, settings={"units": UNITS}, **facts)


def _rows(study: Study, layer: str, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each setting of each method."""
    units = study.units(layer, UNITS)
    points = list(_points(study, units))
    drawn = np.all([np.isfinite(x.pictures.scores[:, 0]) for x in points], axis=0)
    kept = [unit for unit, ok in zip(units, drawn, strict=True) if ok]
    _, numbers = as_units(study.model, kept)
    usual = usual_scores(study, kept)
    best = next(x.pictures.scores[drawn, 0] for x in points if (x.setting, x.value) == ("starts", "9"))
    for x in points:
        pictures = x.pictures.images[drawn, 0]
        rank = unit_predictiveness(study.responses, layer, numbers, pictures[:, None]).rank[:, 0]
        row: dict[str, Any] = {"layer": layer, "setting": x.setting, "value": x.value, "units": len(kept)}
        measured = {"rank": rank, "gain": gain(scores(study, kept, pictures), usual, best)}
        for name, values in measured.items():
            estimate = bootstrap(np.asarray(values), rng=make_rng(np, seed, 23))
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        yield {key: round(value, 4) if isinstance(value, float) else value for key, value in row.items()}


def _points(study: Study, units: list[Unit]) -> Iterator[Point]:
    """The units by every setting."""
    most = min(combined_inputs(study.model))
    for k in KEPT:
        if k is None or k < most:
            yield Point("k", "all" if k is None else str(k), study.pictures(FilterCombination(k=k), units))
    for factor in NORMS:
        method = ActivationMaximization(norm=factor * input_norm(study.model))
        yield Point("norm", f"{factor:g}", study.pictures(method, units))
    for n in STARTS:
        yield Point("starts", str(n), study.pictures(ActivationMaximization(starts=n), units))


def _figure(rows: list[dict[str, Any]], study: Study, name: str) -> Any:
    titles = {
        "k": ("linear combination: filters kept", "filters kept of every layer"),
        "norm": ("activation maximization: norm", "norm, times the images' mean"),
        "starts": ("activation maximization: starts", "random starts, of which the best"),
    }
    charts = [
        [
            _chart(rows, quantity, setting, f"{QUANTITIES[quantity]}; {title}", x)
            for setting, (title, x) in titles.items()
        ]
        for quantity in QUANTITIES
    ]
    return plot.dashboard(
        charts,
        heading=f"{study.heading}: settings by both measures",
        caption=CAPTION,
        key=KEY.format(model=name, units=UNITS),
        heights=[1.7, 1.7],
    )


def _chart(rows: list[dict[str, Any]], quantity: str, setting: str, title: str, x_label: str) -> Bands:
    own = [row for row in rows if row["setting"] == setting]
    curves: dict[str, tuple[Array, Array, Array]] = {}
    for layer in dict.fromkeys(row["layer"] for row in own):
        of_layer = [row for row in own if row["layer"] == layer]
        parts = (quantity, f"{quantity}_low", f"{quantity}_high")
        curves[layer] = tuple(np.array([row[part] for row in of_layer]) for part in parts)  # type: ignore[assignment]
    return Bands(title, "", x_label, list(dict.fromkeys(row["value"] for row in own)), curves, {})
