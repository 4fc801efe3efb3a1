"""Invariance manifolds: film strips, activation against angle, and how invariant each layer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import plot
from ..backend import make_rng, to_numpy
from ..backend.comm import over_ranks
from ..evaluate.curvature import invariance_angle
from ..evaluate.resampling import bootstrap
from ..evaluate.scores import typical_responses
from ..plot import BLUE, Panel
from ..plot.dashboard import Lines
from ..visualize import InvarianceManifold, Unit, UnitImages
from ..visualize.invariance_manifold import Direction
from .naming import describe
from .study import Study

DIRECTIONS: tuple[Direction, ...] = ("flattest", "steepest", "random")
TRACED = 30  # units of every layer whose invariance is measured
AT_ONCE = 2  # units between two steps of the progress bar: seconds each
SHARE = 0.9  # of the gain: where a unit counts as no longer itself
BOOTSTRAPS = 2000  # resamplings of a layer's units
WIDE = InvarianceManifold(max_angle=96.0, step=6.0, shown=1)  # so far that few traces end before they have fallen

FILM = (
    "Blue frame: a unit's optimum. To either side: images at growing angles from it. Along the flattest direction the "
    "unit stays active: what changes there does not matter to it; along the steepest it matters most."
)
FIRST = (
    "Blue frame: a unit's optimum. To either side: images at growing angles from it, in a random direction. A unit of "
    "the first layer is linear: its activation falls alike in all directions, as the cosine of the angle does."
)
WAYS = (
    "Flattest: from the direction of least curvature to the highest maximum on either side at every angle; steepest: "
    "the great circle of greatest curvature. "
)
FALL = (
    "How a unit's response falls as its input turns away from the optimum; flattest: the most that any input at this "
    "angle reaches. The slower, the more invariant the unit is: compare layers and directions."
)


def film_strips(study: Study, n: int = 4, method: InvarianceManifold | None = None) -> None:
    """The first `n` units of every layer: the flattest trace above the steepest, optimum in the middle.

    A unit of the first layer has one trace, in a random direction: all are alike.
    """
    method = method or InvarianceManifold()
    for layer in study.model.layer_names:
        units, first = study.units(layer, n), layer == study.model.layer_names[0]
        shown = _along(study, method, units, ("random",) if first else ("flattest", "steepest"))
        panels = [
            _strip(shown[direction], i, f"{unit}, {direction}") for i, unit in enumerate(units) for direction in shown
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.heading}, layer {layer}: what {len(units)} units are, and are not, invariant to",
            caption=FIRST if first else FILM,
            key=(
                "Above: the angle in degrees, among inputs of equal norm; below: the pre-activation in per cent of the "
                f"optimum's, if that is above 0. {'' if first else WAYS}After Erhan, Courville and Bengio 2010. "
                f"Settings: {_settings(method)}."
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
    top = trace[0.0]
    return Panel(
        pictures.images[i][order],
        True,
        columns=len(order),
        title=f"{title}{note}",
        labels=[f"{a:+.0f}" if a else "0" for a in angles[order]],
        captions=[f"{100 * trace[a] / top:.0f} %" if top > 0 else f"{trace[a]:.1f}" for a in angles[order]],
        frames=[BLUE if a == 0 else "" for a in angles[order]],
    )


def invariance_table(study: Study, n: int = TRACED) -> None:
    """The figure of `invariance`, and its table."""
    study.save_table("invariance", invariance(study, n), units=n, share=SHARE, bootstraps=BOOTSTRAPS)


def invariance(study: Study, n: int = 30, method: InvarianceManifold | None = None) -> list[dict[str, Any]]:
    """How invariant the first `n` live units of every layer are: a row per layer, and their curves as a figure.

    A unit's number is `invariance_angle`: the angle from its optimum at which the trace has lost a tenth of its gain,
    that is of its pre-activation above `typical_responses` to training images. Along the flattest direction the trace
    is the higher of both ways, so no input farther away keeps more, as far as the search has seen; along great circles
    the angle is the mean of both ways. Of a unit that does not lose a tenth within the trace its end counts, a lower
    bound: the table says for how many. Intervals are of the mean over units: 2.5 to 97.5 % of 2,000 bootstrap
    resamplings of the units.

    Raises
    ------
    ValueError
        If there are no training images.
    """
    if study.images is None:
        raise ValueError(
            "invariance is measured in gain above a unit's median response to training images, and there are none; "
            "give the model's data set (--dataset, --data-dir)"
        )
    method = method or WIDE
    rows, charts, saved = [], [], {}
    for layer in study.model.layer_names:
        row: dict[str, Any] = {"layer": layer}
        lines = {}
        for direction, traced in _along(study, method, study.units(layer, n), DIRECTIONS).items():
            angles, alive = traced.extras["trace_angle"][0], np.isfinite(traced.extras["activation"]).all(axis=1)
            gained = _gained(study, traced)[alive]
            top = gained[:, len(angles) // 2]
            if direction == "flattest":
                gained = np.maximum(gained, gained[:, ::-1])
            gains = gained / top[:, None]
            degrees = np.asarray([invariance_angle(angles, gain, 0.0, SHARE) for gain in gains])
            beyond = 100 * float(np.mean(degrees >= method.max_angle))
            mean = bootstrap(degrees, rng=np.random.default_rng(study.seed), resamples=BOOTSTRAPS)
            row |= {
                "units": len(degrees),
                f"{direction}: degrees to 90 % of the gain": round(mean.value, 1),
                f"{direction}: low": round(mean.low, 1),
                f"{direction}: high": round(mean.high, 1),
                f"{direction}: beyond the trace, % of units": round(beyond, 1),
            }
            if direction == "flattest":
                for end in ("flattest", "steepest"):
                    curvature = np.median(traced.extras[end][alive, 0] / top)
                    row[f"median {end} curvature, of the gain per squared radian"] = round(float(curvature), 2)
            lines[direction] = angles, np.median(gains, axis=0)
            saved[f"{layer}.{direction}.gain"], saved[f"{layer}.{direction}.degrees"] = gains, degrees
        charts.append(
            Lines(
                f"layer {layer}",
                f"Median of {row['units']} units. Mean angle at 90 %: {', '.join(_angle(row, d) for d in DIRECTIONS)} "
                "degrees.",
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
            "Share of what the optimum gains over the unit's median response to training images of the same norm. "
            "Flattest: the highest maximum at every angle; steepest and random: great circles; for a unit of the first "
            f"layer all directions are alike. {_bound(rows)}Settings: {_settings(method)}."
        ),
        heights=[2.0],
    )
    study.save("invariance", figure, saved, method=_settings(method), units=n)
    return rows


def _along(
    study: Study, method: InvarianceManifold, units: Sequence[Unit], directions: Sequence[Direction]
) -> dict[str, UnitImages]:
    """The pictures of `method` along several directions, by direction, from optima that are searched once."""
    plot.check_picture(study.model.input_shape)
    parts = [units[i : i + AT_ONCE] for i in range(0, len(units), AT_ONCE)]
    found = over_ranks(
        lambda part: method.along(directions, study.model, part, rng=make_rng(study.model.xp, study.seed)),
        parts,
        lambda parts: study.progress(parts, f"{method.title}, {units[0].layer}", len(parts)),
    )
    by_direction = zip(*found, strict=True)
    return {name: UnitImages.join(traced) for name, traced in zip(directions, by_direction, strict=True)}


def _gained(study: Study, traced: UnitImages) -> np.ndarray:
    """Pre-activations of the traces above the units' typical responses: (U, A)."""
    assert study.images is not None
    typical = to_numpy(typical_responses(study.model, traced.layer, study.images, traced.indices))
    return traced.extras["activation"] - typical[:, None]


def _angle(row: dict[str, Any], direction: str) -> str:
    """The mean angle of a direction, for the heading of a chart: at least so much, if some traces end before it."""
    bound = "at least " if row[f"{direction}: beyond the trace, % of units"] else ""
    return f"{direction} {bound}{row[f'{direction}: degrees to 90 % of the gain']:.0f}"


def _bound(rows: list[dict[str, Any]]) -> str:
    """What the legend says of mean angles that are lower bounds."""
    if not any(row[f"{d}: beyond the trace, % of units"] for row in rows for d in DIRECTIONS):
        return ""
    return "At least: some units keep 90 % to the end of their trace, which counts as their angle. "
