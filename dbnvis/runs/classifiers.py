"""Runs of convolutional classifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..backend import Array, make_rng, move
from ..datasets import Dataset
from ..evaluate.scores import Responses
from ..models.convnet import ConvNet
from ..train.backprop import BackpropStats, measure, train_backprop
from ..train.config import ConvNetConfig
from .run import MODEL, TRAINING, Run
from .stacks import QUANTILES
from .tuning import Tuning


def train_convnet(
    dataset: Dataset,
    config: ConvNetConfig,
    *,
    folder: Path,
    seed: int,
    xp: Any,
    resume: bool = False,
    overwrite: bool = False,
    on_epoch: Callable[[BackpropStats, ConvNetConfig], None] = lambda stats, config: None,
) -> Path:
    """Train the default `ConvNet` on the labels of `dataset`, saving after every epoch; the finished model's path.

    Parameters
    ----------
    dataset : Dataset
    config : ConvNetConfig
    folder : Path
        Gets `training.npz` after every epoch and `model.npz` at the end.
    seed : int
    xp : module
        Array library of the device to train on.
    resume : bool
        Go on from `training.npz`, or keep `model.npz` if it is finished. The result has the same bits as an
        uninterrupted run's.
    overwrite : bool
        Replace a finished model or an unfinished training; with `resume`, only those of another run.
    on_epoch : callable
        Called as on_epoch(stats, config) after each epoch, once the checkpoint is on disk. The held-out numbers are
        those of the test images, by which nothing is chosen.

    Raises
    ------
    ValueError
        If the images have no labels, or all one, or too few pixels, the run to resume had other settings or other
        data, or a finished model or an unfinished training would be replaced.
    BlockingIOError
        If another process trains in this folder.
    TrainingDiverged
        With the last good checkpoint's path.
    """
    n_classes = dataset.n_classes
    facts = {"dataset": dataset.name, "data_sha256": dataset.sha256}
    asked = {"model": ConvNet.__name__, **asdict(config), "seed": seed, **facts}
    run = Run(folder / MODEL, folder / TRAINING, asked, resume, overwrite)
    model_rng, train_rng = (make_rng(xp, seed, purpose) for purpose in (1, 2))
    with run.opened(xp=xp) as saved:
        if saved is not None and run.finished:
            return run.final
        model = _new(dataset, n_classes, model_rng) if saved is None else saved.model
        tuning = Tuning(run, model, asdict(config), seed, {**facts, **dataset.remembered})
        if saved is not None:
            tuning.resume(saved)
        (images, labels), test = (_moved(dataset, name, xp) for name in ("train", "test"))
        tuning.train(
            train_backprop(model, images, labels, config, rng=train_rng, held_out=test, state=tuning.state),
            lambda stats: on_epoch(stats, config),
            lambda: Responses.of(model, test[0], QUANTILES).by_layer,
        )
        return run.final


def _new(dataset: Dataset, n_classes: int, rng: Any) -> ConvNet:
    """The default network for the images; ValueError where they are too small."""
    try:
        return ConvNet.random(dataset.input_shape, n_classes=n_classes, rng=rng, input_range=dataset.input_range)
    except ValueError as error:
        raise ValueError(
            f"the images of {dataset.name}, {' x '.join(map(str, dataset.input_shape))}, are too small for the convnet "
            f"({error}); give larger ones, or train another family (dbnvis train --family dbn)"
        ) from None


def percent_wrong(path: Path, dataset: Dataset, *, xp: Any) -> float:
    """Percentage of the test images that the model at `path` takes for another class."""
    return measure(checkpoint.load(path, xp=xp).model, *_moved(dataset, "test", xp), ConvNetConfig())[1]


def _moved(dataset: Dataset, part: str, xp: Any) -> tuple[Array, Array]:
    images, labels = (getattr(dataset, f"{part}_{what}") for what in ("images", "labels"))
    return move(images, xp), move(labels, xp)
