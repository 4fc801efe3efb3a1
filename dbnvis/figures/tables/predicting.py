"""Which picture tells what a unit does on other images: every method, beside the best template and none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ... import plot
from ...backend import Array, make_rng, move, to_numpy
from ...datasets import Dataset
from ...evaluate.predictiveness import TESTED, best_of, ceiling, cosine, predictiveness, product
from ...evaluate.resampling import bootstrap
from ...evaluate.scores import pre_activations, spread
from ...models.protocol import Model, pixels_seen
from ...models.units import as_units
from ...visualize import (
    ActivationMaximization,
    ClampedGibbs,
    EvidenceSampling,
    FilterCombination,
    RegularizedOptimization,
    TopImages,
    Unit,
    UnitImages,
)
from ..study import Study

TRAINING, ONE_IN = 12_000, 6  # training images of the best linear template; of so many one chooses its penalty
SETS = (1, 3, 9)  # pictures of a unit of which the nearest to the image counts
METHODS = (ActivationMaximization, FilterCombination, RegularizedOptimization, ClampedGibbs, TopImages)
SEVERAL = (ClampedGibbs, EvidenceSampling, TopImages)  # whose single pictures, images[:, 1:], are taken in sets, too
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


@dataclass(frozen=True)
class Tested:
    """One method's pictures of units, as templates for test images.

    Parameters
    ----------
    method : str
    n : int
        Pictures of a unit, of which the nearest to the image counts.
    pictures : array (U, *input_shape)
        The first of each unit.
    cosines, products : array (N, U)
        Likeness of every test image and the pictures.
    """

    method: str
    n: int
    pictures: Array
    cosines: Array
    products: Array


@dataclass(frozen=True)
class TestedLayer:
    """Units of a layer that every method can draw: responses to N test images, and every method's pictures.

    Parameters
    ----------
    units : sequence of Unit, length U
    responses : array (N, U)
    methods : sequence of Tested
        Of the visualizers; then the best linear template and the mean image.
    """

    units: Sequence[Unit]
    responses: Array
    methods: Sequence[Tested]

    @classmethod
    def of(cls, study: Study, units: Sequence[Unit], methods: Sequence[Any]) -> TestedLayer:
        """Draw `units` of one layer, which see the same pixels, by `methods` that apply.

        Raises
        ------
        ValueError
            If there is no data at hand.
        """
        data, model = study.data_at_hand(), study.model
        shown = {method.title: study.pictures(method, units) for method in methods}
        drawn = np.all(
            [np.isfinite(x.images[:, 0].reshape(len(units), -1)).all(axis=1) for x in shown.values()], axis=0
        )
        units = [unit for unit, ok in zip(units, drawn, strict=True) if ok]
        layer, numbers = as_units(model, units)
        seen, _ = pixels_seen(model, layer, numbers[0])
        training_images = spread(data.train_images, TRAINING)
        choosing = np.arange(len(training_images)) % ONE_IN == 0  # these are spread, too
        parts = (spread(data.test_images, TESTED), training_images[~choosing], training_images[choosing])
        tests, fitted, chosen = (x[seen].reshape(len(x), -1) for x in parts)
        responses, *training = (_responses(model, layer, x, numbers) for x in parts)
        templates = ceiling(fitted, training[0], chosen, training[1])
        mean = np.broadcast_to(fitted.mean(axis=0), templates.shape)
        found = [
            *_of_methods(shown, drawn, seen, tests),
            Tested(BEST, 1, _placed(templates, model, seen), product(templates, tests), product(templates, tests)),
            Tested(MEAN, 1, _placed(mean, model, seen), cosine(mean, tests), product(mean, tests)),
        ]
        return cls(units, responses, found)

    @cached_property
    def most(self) -> Array:
        """What the best linear template reaches of each unit (U,)."""
        (best,) = (each for each in self.methods if each.method == BEST)
        return predictiveness(best.products, self.responses).rank


def predictive_table(study: Study) -> None:
    """The figure and the table `predictiveness`: one row for each layer and method, over all units that can be drawn.

    Raises
    ------
    ValueError
        If there is no data at hand.
    """
    study.check_table("predictiveness")
    rows: list[dict[str, Any]] = []
    panels = []
    methods = study.applicable([method() for method in METHODS])
    for layer in study.model.layer_names:
        x = TestedLayer.of(study, study.units(layer), methods)
        layer_rows = [_row(study, layer, each, x) for each in x.methods]
        rows += layer_rows
        panels.append((f"layer {layer}, {len(x.units)} units", {label(row): _bar(row) for row in layer_rows}))
    figure = plot.bars(
        panels,
        x_label="rank correlation of response and likeness",
        heading=f"{study.heading}: which picture tells what a unit does?",
        caption=CAPTION,
        key=KEY,
    )
    settings = images_used(study.data_at_hand())
    study.save("predictiveness", figure, {}, **settings)
    study.save_table("predictiveness", rows, **settings)


def images_used(data: Dataset) -> dict[str, Any]:
    """For manifests: numbers of test images, and of training images that the best linear template comes from."""
    n = min(TRAINING, len(data.train_images))
    chosen = -(-n // ONE_IN)
    tested = min(TESTED, len(data.test_images))
    return {"tested": tested, "fitted": n - chosen, "chosen": chosen, "images": "evenly spread over all"}


def _responses(model: Model, layer: str, images: Array, numbers: Sequence[int]) -> Array:
    return to_numpy(pre_activations(model, layer, move(images, model.xp), numbers))


def _placed(templates: Array, model: Model, seen: Any) -> Array:
    """Templates (U, pixels seen) as images (U, *input_shape), 0 where a unit sees nothing."""
    images = np.zeros((len(templates), *model.input_shape), templates.dtype)
    images[seen] = templates.reshape(images[seen].shape)
    return images


def _of_methods(shown: dict[str, UnitImages], drawn: Array, seen: Any, tests: Array) -> Iterator[Tested]:
    """Every method's pictures, and of some sets of single ones."""
    several = {method.title for method in SEVERAL}
    for title, pictures in shown.items():
        images = pictures.images[drawn]
        flat = images[seen].reshape(*images.shape[:2], -1)
        yield Tested(title, 1, images[:, 0], cosine(flat[:, 0], tests), product(flat[:, 0], tests))
        if title in several:
            single = [flat[:, 1 + i] for i in range(min(max(SETS), images.shape[1] - 1))]
            for n in SETS:
                near = (best_of([measure(x, tests) for x in single[:n]]) for measure in (cosine, product))
                yield Tested(f"{title}{SINGLE}", n, images[:, 1], *near)


def _row(study: Study, layer: str, tested: Tested, x: TestedLayer) -> dict[str, Any]:
    """A row of the table: means over units, with 95 % intervals."""
    alike, raw = predictiveness(tested.cosines, x.responses), predictiveness(tested.products, x.responses)
    other = predictiveness(np.roll(tested.cosines, 1, axis=1), x.responses)
    row: dict[str, Any] = {"layer": layer, "method": tested.method, "pictures": tested.n, "units": len(alike.rank)}
    for name, values in (("rank", alike.rank), ("choice", alike.choice)):
        estimate = bootstrap(values, rng=make_rng(np, study.seed, 21))
        row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    row |= {
        "rank_median": float(np.median(alike.rank)),
        "rank_product": float(raw.rank.mean()),
        "choice_product": float(raw.choice.mean()),
        "share_of_ceiling": float(raw.rank.mean()) / float(x.most.mean()),  # both by the product
        "rank_another_units": float(other.rank.mean()),
    }
    return {name: round(x, 4) if isinstance(x, float) else x for name, x in row.items()}


def label(row: dict[str, Any]) -> str:
    """The method of a row in words."""
    method, single, _ = row["method"].partition(SINGLE)
    return f"{method}, nearest of {row['pictures']}" if single else method


def _bar(row: dict[str, Any]) -> tuple[float, float, float, float]:
    return row["rank"], row["rank_low"], row["rank_high"], row["rank_another_units"]
