"""What a report says of a model: everything is measured here, once, by what the rest of the package measures with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..datasets import advice
from ..evaluate.ais import TRUSTED_GAP
from ..evaluate.audit import OFF, ON, SAME, STIRS
from ..evaluate.chains import LENGTHS, MIXED, SLOWEST_MIXED
from ..evaluate.scores import input_norm
from ..figures.rows import is_symmetric
from ..figures.study import Study
from ..models.protocol import Stacked
from ..visualize import ActivationMaximization, ClampedGibbs
from . import comparing
from .audits import audits
from .comparing import Drawn
from .course import charts, likelihoods, training
from .drawn import tile
from .plan import Measured, Plan

#: What is not part of any report, and where it is.
ELSEWHERE = (
    ("invariance manifolds and evidence sampling", "they take minutes; dbnvis visualize draws them"),
    ("strongest connections", "they are a list of filters and no picture; dbnvis compare draws them"),
    ("chains from two starts", "they take four times as long; dbnvis compare runs them"),
)


def measured(study: Study, plan: Plan) -> Measured:
    """Measure everything that applies to the model and the images at hand; the rest is named with the reason.

    Parameters
    ----------
    study : Study
        Its progress bars stand for the steps.
    plan : Plan
    """
    model = study.model
    found = Measured({"left_out": []})
    facts = found.facts
    facts["model"] = {
        "family": type(model).__name__,
        "sizes": "-".join(map(str, model.sizes)) if isinstance(model, Stacked) else _shapes(study),
        "pixels": math.prod(model.input_shape),
        "norm": input_norm(model),
        "settings": _settings(study.provenance.get("training", {})),
    }
    facts["limits"] = {
        "off": OFF,
        "on": ON,
        "stirs": STIRS,
        "same": SAME,
        "mixed": MIXED,
        "slowest": SLOWEST_MIXED,
        "lengths": LENGTHS,
        "gap": TRUSTED_GAP,
        "level": 95,
    }
    facts["images"] = None if study.data is None else _numbers_of_images(study)
    facts["layers"] = {
        name: {"name": name, "units": model.layer_shape(name)[0], "shape": list(model.layer_shape(name))}
        for name in model.layer_names
    }
    steps = (training, _audits, _units, charts, likelihoods)
    for step in study.progress(steps, "report", len(steps)):
        step(study, plan, found)
    if study.data is None:
        found.leave("all that needs images", f"no {study.dataset} images are at hand; {advice(study.dataset)}")
    for what, why in ELSEWHERE:
        found.leave(what, why)
    return found


def _settings(training: dict[str, Any]) -> str:
    """Settings of a training in words, as far as they are single values."""
    return ", ".join(
        f"{name} {x}" for name, x in training.items() if isinstance(x, (int, float, str)) and name != "seed"
    )


def _shapes(study: Study) -> str:
    model = study.model
    return "-".join("x".join(map(str, model.layer_shape(name))) for name in model.layer_names)


def _numbers_of_images(study: Study) -> dict[str, Any]:
    data = study.data_at_hand()
    return {"name": data.name, "training": len(data.train_images), "test": len(data.test_images)}


def _audits(study: Study, plan: Plan, found: Measured) -> None:
    """Units that learned nothing, of every hidden layer."""
    for name, audit in audits(study, plan.images).items():
        found.facts["layers"][name]["audit"] = audit


def _units(study: Study, plan: Plan, found: Measured) -> None:
    """Pictures of units of every layer by every method, what they share, and what their chains are worth."""
    methods = []
    for method in map(study.fitted, plan.methods):
        reason = method.why_not(study.model, study.images)
        if reason is None:
            methods.append(method)
        else:
            found.leave(method.title, reason)
    chosen = comparing.compared(methods)
    null = comparing.without_learning(study) if comparing.can_be_shuffled(study) else None
    if null is None:
        found.leave("the null of shuffled weights", "it is not defined for layers of maps")
    for name, layer in found.facts["layers"].items():
        units = study.units(name, plan.units)
        drawn = {method.title: study.pictures(method, units) for method in methods}
        layer["methods"] = list(drawn)
        layer["pictures"] = comparing.cells(study, drawn, plan.shown)
        _tiles(study, name, methods, drawn, found)
        layer["compared"] = len(units)
        layer["agreement"] = _agreement(study, chosen, drawn, null, units)
        optima = drawn[ActivationMaximization.title]
        layer["above"] = None if study.images is None else comparing.above_every_image(study, optima)
        if ClampedGibbs.title in drawn:
            layer["chains"] = comparing.mixing(drawn[ClampedGibbs.title])


def _agreement(
    study: Study, methods: Sequence[Any], drawn: Drawn, null: Study | None, units: Sequence[Any]
) -> list[dict[str, Any]]:
    if len(units) < 2:
        return []
    of_null: Drawn = {}
    if null is not None:
        applicable = [method for method in methods if method.why_not(null.model, null.images) is None]
        of_null = {method.title: null.pictures(method, units) for method in applicable}
    titles = [method.title for method in methods]
    return comparing.pairs({title: drawn[title] for title in titles}, of_null, study.seed)


def _tiles(study: Study, layer: str, methods: Sequence[Any], drawn: Drawn, found: Measured) -> None:
    for j, (method, pictures) in enumerate(zip(methods, drawn.values(), strict=True)):
        for i in range(len(found.facts["layers"][layer]["pictures"])):
            image = pictures.images[i, 0]
            if np.isfinite(image).all():
                path = f"measured.layers.{layer}.pictures.{i}.cells.{j}"
                found.tiles[path] = tile(study, image, is_symmetric(method))
