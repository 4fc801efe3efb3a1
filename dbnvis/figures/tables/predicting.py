"""Which picture tells what a unit does on other images: every method, beside the best template and none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ... import plot
from ...backend import Array, make_rng, move, to_numpy
from ...evaluate.predictiveness import best_of, ceiling, cosine, predictiveness, product
from ...evaluate.resampling import bootstrap
from ...evaluate.scores import pre_activations
from ...visualize import (
    ActivationMaximization,
    ClampedGibbs,
    FilterCombination,
    RegularizedOptimization,
    TopImages,
    UnitImages,
)
from ..study import Study

TESTED = 4_000  # test images on which a unit's response is predicted
FITTED, CHOSEN = 10_000, 2_000  # training images that the best linear template is fitted to, and chosen by
SETS = (1, 3, 9)  # pictures of a unit of which the nearest to the image counts
METHODS = (ActivationMaximization, FilterCombination, RegularizedOptimization, ClampedGibbs, TopImages)
SEVERAL = (ClampedGibbs, TopImages)  # whose single pictures, images[:, 1:], are taken in sets, too
BEST, MEAN, SINGLE = "best linear template", "mean image", ", single pictures"

CAPTION = (
    "How well a unit's picture predicts the unit's response to test images: rank correlation of the response with the "
    "cosine of image and picture. Thick mark: the same with another unit's picture."
)
KEY = (
    "Mean over the units, with the 95 % interval over units. Cosine: without the mean over the pixels. Nearest: the "
    "likeness to whichever of several single pictures is most like the image. The best linear template is fitted to "
    "the responses to training images, by ridge regression: no single picture is expected above it."
)


def predictive_table(study: Study) -> None:
    """The figure and the table `predictiveness`: one row for each layer and method, over all units that can be drawn.

    Raises
    ------
    ValueError
        If there is no data at hand.
    """
    study.check_table("predictiveness")
    data, model = study.data_at_hand(), study.model
    tests, fitted, chosen = (
        move(x, model.xp)
        for x in (
            data.test_images[:TESTED],
            data.train_images[:FITTED],
            data.train_images[FITTED : FITTED + CHOSEN],
        )
    )
    rows: list[dict[str, Any]] = []
    panels = []
    for layer in model.layer_names:
        units = study.units(layer)
        methods = study.applicable([method() for method in METHODS])
        shown = {method.title: study.pictures(method, units) for method in methods}
        drawn = np.all(
            [np.isfinite(x.images[:, 0].reshape(len(units), -1)).all(axis=1) for x in shown.values()], axis=0
        )
        numbers = [number for number, ok in zip(next(iter(shown.values())).indices, drawn, strict=True) if ok]
        flat = to_numpy(tests).reshape(len(tests), -1)
        responses, *training = (to_numpy(pre_activations(model, layer, x, numbers)) for x in (tests, fitted, chosen))
        parts = [to_numpy(x).reshape(len(x), -1) for x in (fitted, chosen)]
        templates = ceiling(parts[0], training[0], parts[1], training[1])
        mean = np.broadcast_to(parts[0].mean(axis=0), templates.shape)
        found = [
            *_of_methods(shown, drawn, flat),
            (BEST, 1, templates, product(templates, flat), product(templates, flat)),
            (MEAN, 1, mean, cosine(mean, flat), product(mean, flat)),
        ]
        most = float(predictiveness(found[-2][3], responses).rank.mean())
        layer_rows = [_row(study, layer, *each, responses, most) for each in found]
        rows += layer_rows
        panels.append((f"layer {layer}, {len(numbers)} units", {_label(row): _bar(row) for row in layer_rows}))
    settings: dict[str, Any] = {"tested": len(tests), "fitted": len(fitted), "chosen": len(chosen)}
    figure = plot.bars(
        panels,
        x_label="rank correlation of response and likeness",
        heading=f"{study.heading}: which picture tells what a unit does?",
        caption=CAPTION,
        key=KEY,
    )
    study.save("predictiveness", figure, {}, **settings)
    study.save_table("predictiveness", rows, **settings)


def _of_methods(
    shown: dict[str, UnitImages], drawn: Array, flat: Array
) -> Iterator[tuple[str, int, Array, Array, Array]]:
    """(method, pictures, first pictures (U, P), cosines (N, U), products (N, U)), with sets of single pictures."""
    several = {method.title for method in SEVERAL}
    for title, pictures in shown.items():
        images = to_numpy(pictures.images)[drawn].reshape(int(drawn.sum()), pictures.images.shape[1], -1)
        yield title, 1, images[:, 0], cosine(images[:, 0], flat), product(images[:, 0], flat)
        if title in several:
            single = [images[:, 1 + i] for i in range(min(max(SETS), images.shape[1] - 1))]
            for n in SETS:
                near = [best_of([measure(x, flat) for x in single[:n]]) for measure in (cosine, product)]
                yield f"{title}{SINGLE}", n, single[0], near[0], near[1]


def _row(
    study: Study,
    layer: str,
    method: str,
    n: int,
    pictures: Array,
    cosines: Array,
    products: Array,
    responses: Array,
    most: float,
) -> dict[str, Any]:
    """A row of the table: means over units, with 95 % intervals."""
    alike, raw = predictiveness(cosines, responses), predictiveness(products, responses)
    other = predictiveness(np.roll(cosines, 1, axis=1), responses)
    row: dict[str, Any] = {"layer": layer, "method": method, "pictures": n, "units": len(alike.rank)}
    for name, values in (("rank", alike.rank), ("choice", alike.choice)):
        estimate = bootstrap(values, rng=make_rng(np, study.seed, 21))
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    row |= {
        "rank_median": float(np.median(alike.rank)),
        "rank_product": float(raw.rank.mean()),
        "choice_product": float(raw.choice.mean()),
        "share_of_ceiling": float(alike.rank.mean()) / most,
        "rank_another_units": float(other.rank.mean()),
    }
    return {name: round(x, 4) if isinstance(x, float) else x for name, x in row.items()}


def _label(row: dict[str, Any]) -> str:
    method, single, _ = row["method"].partition(SINGLE)
    return f"{method}, nearest of {row['pictures']}" if single else method


def _bar(row: dict[str, Any]) -> tuple[float, float, float, float]:
    return row["rank"], row["rank_low"], row["rank_high"], row["rank_another_units"]
