"""From a data set's name to a trained model and its study: what the command line and the scripts begin with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..backend import Array, make_rng, move
from ..datasets import Dataset
from ..datasets.infinite import InfiniteDigits, Stream
from ..dbn import DBN
from ..evaluate.scores import Responses
from ..sdae import StackedDAE
from ..train import (
    CDConfig,
    CDState,
    DAEState,
    DBNState,
    DenoisingConfig,
    EpochStats,
    SDAEState,
    TrainingDiverged,
    train_dbn,
    train_sdae,
)
from ..train.greedy import per_layer
from .album import PREFIX, Album

#: Hidden units of each layer of the shipped model and of `dbnvis reproduce`.
HIDDEN = (1000, 500, 250)
QUANTILES = 201  # of each unit's test responses, kept with a model for use without data
LATER = {
    "start": "random",
    "schedule": "linear",
    "k_epochs": None,
    "temperatures": 1,
    "variance": CDConfig.variance,
    "tied": True,
}  # settings that configurations once had not
CHUNK = 50_000  # images of a stream that an epoch reads
TRAINING, MODEL = "training.npz", "model.npz"  # file names in a run's folder

Config = CDConfig | DenoisingConfig


def train(
    dataset: Dataset,
    hidden: Sequence[int],
    config: Config | Sequence[Config],
    *,
    folder: Path,
    seed: int,
    xp: Any,
    resume: bool = False,
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
    examples : int, optional
        Learn from so many deformed copies of the training images, each shown once to every layer, instead of from the
        images; an epoch is then a chunk of them, whatever the epochs of `config`. See `datasets.infinite`.
    on_epoch : callable
        Told after every epoch, once it is saved.

    Raises
    ------
    ValueError
        If there is no hidden layer, the images cannot be deformed, the run to resume had other settings or other data,
        an unfinished one would be overwritten, or the layers' configurations are of several types or differ in `tied`.
    TrainingDiverged
        With the last good checkpoint's path.
    """
    if not hidden:
        raise ValueError("a network needs at least one hidden layer, got none")
    stream = None if examples is None else Stream(InfiniteDigits(dataset), examples, chunk=min(CHUNK, max(examples, 1)))
    configs: list[Config] = per_layer(config, len(hidden))
    if stream is not None:
        configs = [replace(each, epochs=stream.epochs) for each in configs]
    asked = settings(hidden, configs if isinstance(config, Sequence) else configs[0])
    denoising = _denoising(configs)
    kind = (StackedDAE if denoising else DBN).__name__
    train_stack: Callable[..., Iterator[EpochStats]] = train_sdae if denoising else train_dbn
    facts = {"dataset": dataset.name, "data_sha256": stream.sha256 if stream else dataset.sha256}
    part, final = folder / TRAINING, folder / MODEL
    model_rng, train_rng = (make_rng(xp, seed, purpose) for purpose in (1, 2))
    if part.exists() and not resume:
        raise ValueError(f"{part} holds an unfinished training: add --resume to go on, or delete it to start over")
    if resume and final.exists() and not part.exists():
        _same_run(checkpoint.load(final, xp=xp, resume=True), kind, asked, seed, facts, final)
        return final
    if resume and part.exists():
        saved = checkpoint.load(part, xp=xp, resume=True)
        _same_run(saved, kind, asked, seed, facts, part)
        model, state = saved.model, _state(denoising, saved.info["layers_done"])
        album = Album(saved.arrays, model)
        _running(state).epoch = saved.info["epoch"]
        _running(state).arrays = {name: x for name, x in saved.arrays.items() if not name.startswith(PREFIX)}
        history = [EpochStats(**stats) for stats in saved.info["history"]]
    else:
        model, state, album, history = _new(dataset, hidden, configs, model_rng), _state(denoising), Album(), []
    held_out = move(dataset.test_images, xp)
    images: Any = (lambda epoch: move(stream.images(epoch), xp)) if stream else move(dataset.train_images, xp)

    def save(path: Path, arrays: dict[str, Array]) -> None:
        info = {
            **facts,
            "layers_done": state.layers_done,
            "epoch": _running(state).epoch,
            "history": [asdict(stats) for stats in history],
        }
        checkpoint.save(path, model, config=asked, seed=seed, info=info, arrays=arrays)

    try:
        # TrainingDiverged says it better
        with closing(stream) if stream else nullcontext(), np.errstate(over="ignore", invalid="ignore"):
            for stats in train_stack(model, images, configs, rng=train_rng, held_out=held_out, state=state):
                history.append(stats)
                running = _running(state).arrays
                album.add(model, stats.layer, stats.epoch, running.get("chains"))
                save(part, running | album.arrays)
                on_epoch(stats, configs[model.depth(stats.layer) - 1])
    except TrainingDiverged as error:
        kept = f"the last good checkpoint is {part}" if part.exists() else "nothing was saved before it"
        raise TrainingDiverged(f"{error}; {kept}") from None
    save(final, Responses.of(model, held_out, QUANTILES).by_layer | album.arrays)
    part.unlink(missing_ok=True)
    return final


def _denoising(configs: Sequence[Config]) -> bool:
    kinds = {type(config) for config in configs}
    if len(kinds) != 1:
        raise ValueError(
            f"expected configurations of one type for all layers, got {' and '.join(sorted(k.__name__ for k in kinds))}"
        )
    return kinds == {DenoisingConfig}


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


def settings(hidden: Sequence[int], config: Config | Sequence[Config]) -> dict[str, Any]:
    """What a checkpoint keeps of how its model was trained."""
    if isinstance(config, Sequence):
        return {"hidden": list(hidden), "layers": [asdict(each) for each in config]}
    return {"hidden": list(hidden), **asdict(config)}


def _full(settings: dict[str, Any]) -> dict[str, Any]:
    """`settings` with those that the version which kept them did not have yet: they were at their defaults."""
    if "layers" in settings:
        return {**settings, "layers": [{**LATER, **layer} for layer in settings["layers"]]}
    return {**LATER, **settings}


def _same_run(
    saved: checkpoint.Checkpoint, kind: str, settings: dict[str, Any], seed: int, facts: dict[str, Any], path: Path
) -> None:
    asked = {"model": kind, **_full(settings), "seed": seed, **facts}
    found = {**_full(saved.config), "model": type(saved.model).__name__, "seed": saved.seed, **saved.info}
    for name, value in asked.items():
        if found.get(name) != value:
            raise ValueError(
                f"cannot resume {path}: its {name} is {found.get(name)}, this run's is {value}; "
                "give the same options, or leave --resume out to start over"
            )
