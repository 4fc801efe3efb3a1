"""Runs of stacks trained layer by layer: deep belief networks and stacked denoising autoencoders."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..backend import Array, make_rng, move
from ..datasets import Dataset
from ..evaluate.scores import Responses
from ..models.dbn import DBN
from ..models.sdae import StackedDAE
from ..train import (
    CDState,
    DAEState,
    DBNState,
    DenoisingConfig,
    EpochStats,
    SDAEState,
    train_dbn,
    train_sdae,
)
from .run import Config, planned, settings
from .snapshots import PREFIX, Snapshots

QUANTILES = 201  # of each unit's test responses, kept with a model for use without data


def train(
    dataset: Dataset,
    hidden: Sequence[int],
    config: Config | Sequence[Config],
    *,
    folder: Path,
    seed: int,
    xp: Any,
    resume: bool = False,
    overwrite: bool = False,
    examples: int | None = None,
    on_epoch: Callable[[EpochStats, Any], None] = lambda stats, config: None,
) -> Path:
    """Train a DBN or a StackedDAE on `dataset`, saving after every epoch, and return the finished model's path.

    The type of `config` decides which. Where the images' range is not [0, 1] the lowest layer is one for real-valued
    input: Gaussian visible units of `CDConfig.variance`, or linear output.

    Parameters
    ----------
    dataset : Dataset
    hidden : sequence of int
        Hidden units of each layer.
    config : CDConfig or DenoisingConfig, or one per layer
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
    examples : int, optional
        Learn from so many deformed copies of the training images, each shown once to every layer, instead of from the
        images; an epoch is then a chunk of them, whatever the epochs of `config`. See `datasets.infinite`.
    on_epoch : callable
        Called as on_epoch(stats, config) after each epoch, once the checkpoint is on disk.

    Raises
    ------
    ValueError
        If there is no hidden layer, the images cannot be deformed, the run to resume had other settings or other data,
        a finished model or an unfinished training would be replaced, or the layers' configurations are of several types
        or differ in `tied`.
    BlockingIOError
        If another process trains in this folder.
    TrainingDiverged
        With the last good checkpoint's path.
    """
    run, configs, stream = planned(dataset, hidden, config, folder, seed, resume, overwrite, examples)
    denoising = isinstance(configs[0], DenoisingConfig)
    train_stack: Callable[..., Iterator[EpochStats]] = train_sdae if denoising else train_dbn
    model_rng, train_rng = (make_rng(xp, seed, purpose) for purpose in (1, 2))

    with closing(stream) if stream else nullcontext(), run.opened(xp=xp) as saved:
        if saved is not None and run.finished:
            return run.final
        if saved is not None:
            model, state = saved.model, _state(denoising, saved.info["layers_done"])
            snapshots = Snapshots(saved.arrays, model)
            _running(state).epoch = saved.info["epoch"]
            _running(state).arrays = {name: x for name, x in saved.arrays.items() if not name.startswith(PREFIX)}
            history = [EpochStats(**stats) for stats in saved.info["history"]]
        else:
            model, state = _new(dataset, hidden, configs, model_rng), _state(denoising)
            snapshots, history = Snapshots(), []
        held_out = move(dataset.test_images, xp)
        images: Any = (lambda epoch: move(stream.images(epoch), xp)) if stream else move(dataset.train_images, xp)

        def save(path: Path, arrays: dict[str, Array]) -> None:
            info = {
                **{name: run.asked[name] for name in ("dataset", "data_sha256")},
                **dataset.remembered,
                "layers_done": state.layers_done,
                "epoch": _running(state).epoch,
                "history": [asdict(stats) for stats in history],
            }
            asked = settings(hidden, configs if isinstance(config, Sequence) else configs[0])
            checkpoint.save(path, model, config=asked, seed=seed, info=info, arrays=arrays)

        with run.training():
            for stats in train_stack(model, images, configs, rng=train_rng, held_out=held_out, state=state):
                history.append(stats)
                running = _running(state).arrays
                snapshots.add(model, stats.layer, stats.epoch, running.get("chains"))
                save(run.part, running | snapshots.arrays)
                on_epoch(stats, configs[model.depth(stats.layer) - 1])
            save(run.final, Responses.of(model, held_out, QUANTILES).by_layer | snapshots.arrays)
        return run.final


def _new(dataset: Dataset, hidden: Sequence[int], configs: Sequence[Config], rng: Any) -> DBN | StackedDAE:
    config = configs[0]
    sizes, real_valued = (dataset.train_images[0].size, *hidden), dataset.input_range != (0.0, 1.0)
    images: dict[str, Any] = {"input_shape": dataset.input_shape, "input_range": dataset.input_range}
    if isinstance(config, DenoisingConfig):
        if any(getattr(each, "tied", None) != config.tied for each in configs):
            raise ValueError("tied must be alike for all layers, got True and False")
        return StackedDAE.random(sizes, rng=rng, tied=config.tied, linear=real_valued, **images)
    return DBN.random(sizes, rng=rng, variance=config.variance if real_valued else None, **images)


def _state(denoising: bool, layers_done: int = 0) -> DBNState | SDAEState:
    return SDAEState(layers_done) if denoising else DBNState(layers_done)


def _running(state: DBNState | SDAEState) -> CDState | DAEState:
    """Of the layer in training."""
    return state.dae if isinstance(state, SDAEState) else state.cd
