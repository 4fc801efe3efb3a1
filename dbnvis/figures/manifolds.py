"""Invariance manifolds: film strips, activation against angle, and how invariant each layer is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .. import plot
from ..evaluate.curvature import invariance_angle
from ..evaluate.resampling import bootstrap
from ..plot import BLUE, Panel
from ..plot.dashboard import Lines
from ..visualize import InvarianceManifold, UnitImages
from .naming import describe
from .study import Study

DIRECTIONS = ("flattest", "steepest", "random")
TRACED = 30  # units of every layer whose invariance is measured
SHARE = 0.9  # of the gain: where a unit counts as no longer itself
BOOTSTRAPS = 2000  # resamplings of a layer's units
WIDE = InvarianceManifold(max_angle=84.0, shown=1)  # so far that few traces end before they have fallen

FILM = (
    "Blue frame: a unit's optimum. To either side: images at growing angles from it. Along the flattest direction the "
    "unit stays active: what changes there does not matter to it; along the steepest it matters most."
)
FALL = (
    "How a unit's response falls as its input turns away from the optimum. The slower, the more invariant the unit is: "
    "compare the layers, and within a layer the directions."
)


def film_strips(study: Study, n: int = 4, method: InvarianceManifold | None = None) -> None:
    """The first `n` units of every layer: the flattest trace above the steepest, optimum in the middle."""
    method = method or InvarianceManifold()
    for layer in study.model.layer_names:
        units, shown = study.units(layer, n), {}
        for direction in ("flattest", "steepest"):
            shown[direction] = study.pictures(replace(method, direction=direction), units)
        panels = [
            _strip(shown[direction], i, f"{unit}, {direction if layer != study.model.layer_names[0] else 'random'}")
            for i, unit in enumerate(units)
            for direction in shown
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.heading}, layer {layer}: what {len(units)} units are, and are not, invariant to",
            caption=FILM,
            key=(
                "Above: the angle in degrees, among inputs of equal norm; below: the pre-activation in per cent of the "
                "optimum's. Flattest: least curvature, maximized again at every angle; steepest: the great circle of "
                "greatest curvature; in the first layer all directions are alike. After Erhan, Courville and Bengio "
                f"2010. Settings: {_settings(method)}."
            ),
            side_by_side=False,
        )
        study.save(f"manifolds_{layer}", figure, shown)


def _settings(method: InvarianceManifold) -> str:
    """All settings but the direction, which varies."""
    return describe(method).partition(", ")[2]


def _strip(pictures: UnitImages, i: int, title: str) -> Panel:
    """The film of unit `i`, the two ways joined at the optimum."""
    angles = pictures.extras["angle"][i]
    order = angles.argsort(kind="stable")
    note = f"  [{pictures.notes[i]}]" if pictures.notes[i] else ""
    trace = dict(zip(pictures.extras["trace_angle"][i], pictures.extras["activation"][i], strict=True))
    return Panel(
        pictures.images[i][order],
        True,
        columns=len(order),
        title=f"{title}{note}",
        labels=[f"{a:+.0f}" if a else "0" for a in angles[order]],
        captions=[f"{100 * trace[a] / trace[0.0]:.0f} %" for a in angles[order]],
        frames=[BLUE if a == 0 else "" for a in angles[order]],
    )


def invariance_table(study: Study, n: int = TRACED) -> None:
    """The figure of `invariance`, and its table."""
    study.save_table("invariance", invariance(study, n), units=n, share=SHARE, bootstraps=BOOTSTRAPS)


def invariance(study: Study, n: int = 30, method: InvarianceManifold | None = None) -> list[dict[str, Any]]:
    """How invariant the first `n` live units of every layer are: a row per layer, and their curves as a figure.

    A unit's number is `invariance_angle`: the angle from its optimum at which the trace has lost a tenth of what the
    optimum gains over the unit's mean response to test images of the same norm. Intervals are of the mean over units:
    2.5 to 97.5 % of 2,000 bootstrap resamplings of the units.
    """
    method = method or WIDE
    rows, charts, saved = [], [], {}
    for layer in study.model.layer_names:
        row: dict[str, Any] = {"layer": layer}
        lines = {}
        for direction in DIRECTIONS:
            traced = study.pictures(replace(method, direction=direction), study.units(layer, n))  # type: ignore[arg-type]
            found, gains, angles = _measured(study, traced)
            mean = bootstrap(found, rng=np.random.default_rng(study.seed), resamples=BOOTSTRAPS)
            row |= {
                "units": len(found),
                f"{direction}: degrees to 90 % of the gain": round(mean.value, 1),
                f"{direction}: low": round(mean.low, 1),
                f"{direction}: high": round(mean.high, 1),
                f"{direction}: beyond the trace, % of units": round(100 * float(np.mean(found >= method.max_angle)), 1),
            }
            if direction == "flattest":
                alive = np.isfinite(traced.extras["activation"]).all(axis=1)
                gained = (traced.extras["activation"][:, angles.size // 2] - _rest(study, traced))[alive]
                for end in ("flattest", "steepest"):
                    curvature = np.median(traced.extras[end][alive, 0] / gained)
                    row[f"median {end} curvature, of the gain per squared radian"] = round(float(curvature), 2)
            lines[direction] = angles, np.median(gains, axis=0)
            saved[f"{layer}.{direction}.gain"], saved[f"{layer}.{direction}.degrees"] = gains, found
        charts.append(
            Lines(
                f"layer {layer}",
                f"Median of {len(found)} units. Mean angle at 90 %: "
                + ", ".join(f"{d} {row[f'{d}: degrees to 90 % of the gain']:.0f}" for d in DIRECTIONS)
                + " degrees.",
                "angle from the optimum, degrees",
                lines,
            )
        )
        rows.append(row)
    figure = plot.dashboard(
        [charts],
        heading=f"{study.heading}: activation against angle from the optimum, by layer",
        caption=FALL,
        key=(
            "Share of what the optimum gains over the unit's mean response to test images of the same norm. Flattest: "
            "maximized again at every angle; steepest and random: great circles; for a unit of the first layer all "
            f"directions are alike. Settings: {_settings(method)}."
        ),
        heights=[2.0],
    )
    study.save("invariance", figure, saved, method=_settings(method), units=n)
    return rows


def _rest(study: Study, traced: UnitImages) -> np.ndarray:
    """Mean response of each unit to the test images, from their quantiles: (U,)."""
    table = study.responses.by_layer[traced.layer]
    return np.asarray([float(table[:, i].mean()) for i in traced.indices])


def _measured(study: Study, traced: UnitImages) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Invariance angles (N,) and gains (N, A) of the N live units, and the angles (A,)."""
    angles, rest = traced.extras["trace_angle"][0], _rest(study, traced)
    alive = np.isfinite(traced.extras["activation"]).all(axis=1)
    activation, rest = traced.extras["activation"][alive], rest[alive]
    found = [invariance_angle(angles, f, r, SHARE) for f, r in zip(activation, rest, strict=True)]
    top = activation[:, len(angles) // 2]
    return np.asarray(found), (activation - rest[:, None]) / (top - rest)[:, None], angles
