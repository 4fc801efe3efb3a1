"""A finished model with the data it was trained on, and no others unless they are asked for."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import checkpoint, datasets, results
from ..backend import move
from ..datasets import Dataset
from ..evaluate.scores import Responses
from ..models.protocol import Stacked, parts
from ..progress import Progress, silent
from ..runs.snapshots import Snapshots
from ..train import EpochStats
from ..train.backprop import BackpropStats
from .naming import model_name
from .study import Study

#: What headings and manifests say of the images of a study.
OTHER = "other data than the model was trained on"


def finished(model: str | Path, *, xp: Any) -> tuple[checkpoint.Checkpoint, str]:
    """Load a finished model: its checkpoint, and the name of the data set it was trained on ("" where not known).

    Raises
    ------
    ValueError
        If its training is unfinished.
    """
    saved = checkpoint.load(model, xp=xp)
    done, stacked = saved.info.get("layers_done"), isinstance(saved.model, Stacked)
    if done is not None and stacked and done < len(parts(saved.model)):
        raise ValueError(f"{model} is an unfinished training; finish it with dbnvis train --resume")
    if not stacked and saved.info.get("epoch", 0) < saved.config.get("epochs", 0):
        raise ValueError(f"{model} is an unfinished fine-tuning; run its script again to finish it")
    return saved, saved.info.get("dataset", "")


def training_data(saved: checkpoint.Checkpoint, dataset: Dataset) -> Dataset | None:
    """`dataset`, or its first images alone where these were learned from; None if the model learned from others.

    What a checkpoint does not say is taken to agree. Of a model that learned from deformed images, `dataset` is what
    was deformed.
    """
    learned = _learned(saved) or dataset.sha256
    rest = re.fullmatch(rf"{re.escape(dataset.sha256)}((?: \[:\d+\])*)(?: deformed by .*)?", learned)
    moved = dataset.path is not None  # the same data by another path are called otherwise
    if rest is None or (dataset.name != saved.info.get("dataset", dataset.name) and not moved):
        return None
    for n in re.findall(r"\d+", rest[1]):
        dataset = dataset.first(int(n))
    return dataset


def same_data(
    model: str | Path, saved: checkpoint.Checkpoint, dataset: Dataset, *, other_data: bool = False
) -> tuple[Dataset, str]:
    """The part of `dataset` that `saved`, loaded from `model`, was trained on, and ""; or other data, and `OTHER`.

    Raises
    ------
    ValueError
        If the model was trained on other data, unless `other_data`; or if the images do not fit it.
    """
    trained_on = training_data(saved, dataset)
    if trained_on is None and not other_data:
        name = saved.info.get("dataset", dataset.name)
        own = "its own by --data-dir" if name == dataset.name else f"--dataset {name}"
        raise ValueError(
            f"{model} was trained on {name}, the data set is {dataset.source} (hashes {_short(_learned(saved))} and "
            f"{_short(dataset.sha256)}); give {own}, or --other-data to take these"
        )
    shape, (low, high) = tuple(saved.model.input_shape), saved.model.input_range
    if tuple(dataset.input_shape) != shape or dataset.input_range[0] < low or dataset.input_range[1] > high:
        flat = math.prod(shape) == math.prod(dataset.input_shape) and len(shape) == 1
        hint = f"; give it that shape before it is saved: model.input_shape = {tuple(dataset.input_shape)}" * flat
        raise ValueError(
            f"{model} sees images of {_size(shape)} pixels in [{low:g}, {high:g}]; those of {dataset.name} are "
            f"{_size(dataset.input_shape)} in [{dataset.input_range[0]:g}, {dataset.input_range[1]:g}]{hint}"
        )
    return (dataset, OTHER) if trained_on is None else (trained_on, "")


def _learned(saved: checkpoint.Checkpoint) -> str:
    """Hash of the data that the model learned from; "" where that is not known."""
    return str(saved.info.get("data_sha256") or saved.config.get("data_sha256") or "")


def _short(sha256: str) -> str:
    """A hash as messages show it, with the part of the data that it is of."""
    whole, _, part = sha256.partition(" deformed")[0].partition(" ")
    return f"{whole[:8]} {part}".strip() or "unknown"


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))


def _at_hand(model: str | Path, saved: checkpoint.Checkpoint, name: str, data_dir: Path | None) -> Dataset | None:
    """The training data in `data_dir`, or else where data are looked for; None, and a warning, if others lie there."""
    spec, path = datasets.DATASETS.get(name), saved.info.get("data_path", "")
    if data_dir is not None:
        if spec is None:
            raise ValueError(f"the data of {model} cannot be opened: {datasets.advice(name)}")
        return datasets.load(name, data_dir, download=False)
    if spec is None and datasets.is_path(path):
        found = _own(model, path)
    elif spec is None or (spec.generate is None and datasets.locate(name) is None):
        return None
    else:
        found = datasets.load(name, download=False)
    if found is None or training_data(saved, found) is not None:
        return found
    own = "give their path by --dataset" if spec is None else "name the folder of the model's own by --data-dir"
    warnings.warn(
        f"{found.source}, is not the data that {model} was trained on (hashes {_short(found.sha256)} and "
        f"{_short(_learned(saved))}): its images are left out; {own}",
        stacklevel=4,
    )
    return None


def _own(model: str | Path, path: str) -> Dataset | None:
    """The user's data that a model was trained on, at the path that it remembers; None, and a warning, if not there."""
    try:
        return datasets.load(path)
    except (OSError, ValueError) as error:
        warnings.warn(
            f"the data that {model} was trained on are left out: {error}; if they have moved, give their path by "
            "--dataset",
            stacklevel=5,
        )
        return None


def open_study(
    model: str | Path,
    dataset: Dataset | None = None,
    *,
    data_dir: Path | None = None,
    other_data: bool = False,
    out: Path,
    seed: int,
    xp: Any,
    progress: Progress = silent,
) -> Study:
    """Load a model and make its study.

    Parameters
    ----------
    model : str or Path
        A finished model's checkpoint, or "pretrained".
    dataset : Dataset, optional
        The one the model was trained on; by default it is looked for but not downloaded. Where it is not found, or
        other data of its name are, the methods that need training images cannot be used.
    data_dir : Path, optional
        The folder that holds the data; not to be there is an error, then.
    other_data : bool
        Take other data than the model was trained on, which the study's headings and manifests say.
    out : Path
        Folder of the figures.
    seed : int
    xp : module
        Array library of the device.

    Raises
    ------
    ValueError
        If the checkpoint is of an unfinished training, `dataset` or the data in `data_dir` are others than the model's
        and not asked for, or neither the checkpoint nor a data set gives the responses to test images.
    FileNotFoundError
        If `data_dir` does not hold the data set.

    Warns
    -----
    UserWarning
        If data of the name of the model's are found that are others: they are left out. If the model knows no mean norm
        of its images: that of `dataset` is taken.
    """
    saved, name = finished(model, xp=xp)
    name = name or (dataset.name if dataset else "unknown data")
    if dataset is None:
        dataset = _at_hand(model, saved, name, data_dir)
    other = ""
    if dataset is not None:
        dataset, other = same_data(model, saved, dataset, other_data=other_data)
        if saved.model.input_norm is None:  # an imported network, which knows no images
            saved.model.input_norm = dataset.mean_norm
            warnings.warn(
                f"{model} knows no mean norm of its training images: that of {dataset.name} is taken, "
                f"{dataset.mean_norm:.2f}",
                stacklevel=2,
            )
    table = None if other else saved.responses()
    if table is not None:
        responses = Responses(table, saved.model, None if dataset is None else move(dataset.test_images, xp))
    elif dataset is not None:
        responses = Responses.of(saved.model, move(dataset.test_images, xp))
    else:
        raise ValueError(f"{model} keeps no responses to test images; give its data set (--dataset, --data-dir)")
    return Study(
        model=saved.model,
        dataset=name,
        responses=responses,
        writer=results.Writer(Path(out)),
        seed=seed,
        images=None if dataset is None else move(dataset.train_images, xp),
        name=model_name(model),
        provenance={
            "model_sha256": results.model_hash(saved.model),
            "data_sha256": dataset.sha256 if dataset else None,
            "training": {**saved.config, "seed": saved.seed},
            "training_data_sha256": saved.info.get("data_sha256"),
            **({"images": other} if other else {}),
            **({"data_steps": list(dataset.steps)} if dataset and dataset.steps else {}),
            "versions": results.versions(xp.__name__),
        },
        progress=progress,
        snapshots=Snapshots(saved.arrays, saved.model),
        data=dataset,
        other=other,
        history=[EpochStats(**stats) for stats in saved.info.get("history", [])],
        tuning=[BackpropStats(**stats) for stats in saved.info.get("tuning", [])],
    )
