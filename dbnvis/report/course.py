"""How training went, what it led to, and how probable the model finds images, as facts of a report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import move
from ..evaluate.estimation import Estimation, likelihood
from ..figures.health import training_curves, training_health
from ..figures.study import Study
from ..models.dbn import DBN
from ..models.layers import Softmax
from ..train.backprop import measure
from ..train.config import BackpropConfig
from .audits import counted
from .comparing import finite
from .drawn import Kept
from .plan import Measured, Plan

SAMPLES = 2  # per image of the bound on log p; over thousands of images more change little
MOST_BYTES = 4_000_000  # of all pictures together; a third more as text, and the file may have 6 MB


# --- training


def training(study: Study, plan: Plan, found: Measured) -> None:
    """The first and the last epoch of every layer, or of backpropagation; curves; the class that it learned."""
    facts = found.facts
    for name, layer in facts["layers"].items():
        epochs = [stats for stats in study.history if stats.layer == name]
        if epochs:
            layer["training"] = {
                "epochs": epochs[-1].epoch,
                "first_error": epochs[0].reconstruction_error,
                "last_error": epochs[-1].reconstruction_error,
                "gap": finite(epochs[-1].free_energy_gap),
                "held_out_error": finite(epochs[-1].held_out_error),
                "weight_norm": epochs[-1].weight_norm,
                "dead": epochs[-1].dead,
            }
    facts["tuning"] = None
    if study.tuning:
        first, last = study.tuning[0], study.tuning[-1]
        facts["tuning"] = {
            "epochs": last.epoch,
            **{f"first_{key}": finite(getattr(first, key)) for key in ("loss", "held_out_loss", "held_out_error")},
            **{f"last_{key}": finite(getattr(last, key)) for key in ("loss", "held_out_loss", "held_out_error")},
        }
    if not study.history and not study.tuning:
        found.leave("the course of training", "the file keeps no statistics of it")
    _classes(study, found)


def charts(study: Study, plan: Plan, found: Measured) -> None:
    """Figures of `figures.health`: those that the study's writer has written already, or drawn and kept in memory."""
    kept = Kept(study.writer.root, pictures=_written(study))
    quiet = replace(study, writer=kept)
    if study.history and not any(name.startswith("training") for name in kept.pictures):
        training_curves(quiet)
    if any(study.snapshots.filters(layer) for layer in study.model.layer_names) and study.history:
        if study.data is not None and not any(name.startswith("health_") for name in kept.pictures):
            training_health(quiet)
    elif study.history:
        found.leave("filters as they grew in training", "the file keeps no snapshots of them")
    room = MOST_BYTES - sum(map(len, found.tiles.values()))
    for name, picture in kept.pictures.items():
        if len(picture) <= room:
            found.charts[name] = picture
            room -= len(picture)
        else:
            found.leave(f"the figure {name}", "the report would be too large; dbnvis figure draws it")


def _written(study: Study) -> dict[str, bytes]:
    """Figures of `figures.health` that the study's writer has written, by name."""
    pictures = [path for path in study.writer.written if path.suffix == ".png"]
    return {path.stem: path.read_bytes() for path in pictures if path.stem.startswith(("training", "health_"))}


def _classes(study: Study, found: Measured) -> None:
    """The share of test images that a classifier takes for another class."""
    top, data = study.model.layer_names[-1], study.data
    found.facts["classes"] = None
    if not isinstance(study.model.network.layers[top], Softmax) or data is None or data.test_labels is None:
        return
    n = len(data.test_images)
    images, labels = (move(x, study.model.xp) for x in (data.test_images, data.test_labels))
    try:
        _, percent = measure(study.model, images, labels, BackpropConfig())
    except ValueError as reason:  # classes of other data
        found.leave("the share of wrong classes", str(reason))
        return
    found.facts["classes"] = counted(np.arange(n) < round(percent * n / 100))


# --- likelihood


def likelihoods(study: Study, plan: Plan, found: Measured) -> None:
    """Rows of `evaluate.estimation.likelihood` by layer, test images alone; None, and why, where there is none."""
    found.facts["likelihood"] = None
    if study.data is None or not isinstance(study.model, DBN):
        if not isinstance(study.model, DBN):
            found.leave("likelihood", f"it is estimated of DBNs, and this is a {type(study.model).__name__}")
        return
    how = Estimation(steps=plan.steps, chains=min(plan.annealed, len(study.data.train_images)), samples=SAMPLES)
    try:
        rows = likelihood(study.model, study.data, how, images=("test",), seed=study.seed, progress=study.progress)
    except TypeError as reason:  # Gaussian units
        found.leave("likelihood", str(reason))
        return
    found.facts["likelihood"] = {row["layer"]: {**row, **_both(row)} for row in rows}


def _both(row: dict[str, Any]) -> dict[str, float]:
    """The two estimates of the test images' mean log p, the lower first."""
    low, high = sorted(row[f"test, {way}"] for way in ("forward", "reverse"))
    return {"low": low, "high": high}
