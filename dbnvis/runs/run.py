"""A run: a training kept in files, which can be stopped and resumed, and never replaces another unasked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import checkpoint
from ..backend.comm import current, on_first
from ..checkpoint import Checkpoint
from ..datasets import Dataset
from ..datasets.infinite import InfiniteDigits, Stream
from ..models.dbn import DBN
from ..models.sdae import StackedDAE
from ..results import of_models
from ..system.files import alone
from ..train import CDConfig, DenoisingConfig, TrainingDiverged
from ..train.greedy import per_layer

CHUNK = 50_000  # images of a stream that an epoch reads
TRAINING, MODEL = "training.npz", "model.npz"  # file names in a run's folder
#: Of settings that configurations did not have yet when a checkpoint was written.
DEFAULTS_OF_OLD_CHECKPOINTS = {
    "start": "random",
    "schedule": "linear",
    "k_epochs": None,
    "temperatures": 1,
    "averaging": 0.0,
    "variance": CDConfig.variance,
    "tied": True,
    "centered_gradients": False,
}

Config = CDConfig | DenoisingConfig


@dataclass(frozen=True)
class Run:
    """A training that is kept in files, the same for every model family.

    `opened` gives what there is to go on from; `training` is the context in which the epochs run.

    Parameters
    ----------
    final : Path
        Of the finished model.
    part : Path
        Of the unfinished training; there is none once it is finished.
    asked : dict
        All that decides the result: settings, seed, data; "model", the model's class.
    resume : bool
        Go on from `part`, or keep `final`, where they are of the same settings, seed and data.
    overwrite : bool
        Replace what there is; with `resume`, only what is of other settings, seed or data.
    """

    final: Path
    part: Path
    asked: dict[str, Any]
    resume: bool = False
    overwrite: bool = False

    @property
    def finished(self) -> bool:
        return on_first(lambda: self.final.exists() and not self.part.exists())

    @contextmanager
    def opened(self, *, xp: Any) -> Iterator[Checkpoint | None]:
        """What is `kept`, while no other process works on this run; a finished model is kept whoever looks at it.

        Raises
        ------
        BlockingIOError
            If another process does.
        ValueError
            As of `kept`.
        """
        saved = self.kept(xp=xp) if self.resume and self.finished else None
        if saved is not None:
            yield saved
            return
        with alone(self.final):
            saved = self.kept(xp=xp)
            current().gather(None)  # all ranks have looked before rank 0 changes anything
            if saved is None:
                self.part.unlink(missing_ok=True)
            yield saved

    @contextmanager
    def training(self) -> Iterator[None]:
        """The epochs of a run, which saves `part` after each and `final` at the end; removes `part` then.

        Raises
        ------
        TrainingDiverged
            With the last good checkpoint's path.
        """
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # TrainingDiverged says it better
                yield
        except TrainingDiverged as error:
            saved = f"the last good checkpoint is {self.part}" if self.part.exists() else "nothing was saved before it"
            raise TrainingDiverged(f"{error}; {saved}") from None
        current().gather(None)  # rank 0 has written `final`
        self.part.unlink(missing_ok=True)

    def kept(self, *, xp: Any) -> Checkpoint | None:
        """The checkpoint to go on from, or of the finished model; None where training begins.

        Raises
        ------
        ValueError
            If what is to be resumed is of other settings, another seed or other data, or something would be replaced:
            a finished model, an unfinished training, figures of an earlier model.
        """
        if self.overwrite and not self.resume:
            return None
        path = next((path for path in (self.part, self.final) if path.exists()), None)
        if path is not None and not self.resume:
            state = "an unfinished training" if path == self.part else "a finished model"
            resume = f"--resume {'goes on with' if path == self.part else 'keeps'} it, "
            try:
                difference = self._difference(checkpoint.load(path, xp=xp))
            except ValueError:
                difference = "file cannot be read"
            if difference:
                state, resume = f"{state} of another run (its {difference})", ""
            raise ValueError(
                f"{path.parent} holds {state}, {path.name}; {resume}--overwrite replaces it, or give another --out"
            )
        saved = None if path is None else checkpoint.load(path, xp=xp, resume=True)
        difference = "" if saved is None else self._difference(saved)
        if difference and not self.overwrite:
            raise ValueError(
                f"cannot resume {path}: its {difference}; give the same options, or another folder (--out), or "
                "--overwrite to start over"
            )
        if not self.overwrite and path != self.final and of_models(self.final.parent / "figures"):
            raise ValueError(
                f"{self.final.parent / 'figures'} holds figures of another model; --overwrite replaces them, or --out "
                "another folder"
            )
        return None if difference else saved

    def _difference(self, saved: Checkpoint) -> str:
        """The first thing asked for that `saved` has otherwise, in words; "" if there is none."""
        found = {**_full(saved.config), "model": type(saved.model).__name__, "seed": saved.seed, **saved.info}
        for name, value in _full(self.asked).items():
            if found.get(name) != value:
                return f"{name} is {found.get(name)}, this run's is {value}"
        return ""


def _full(settings: dict[str, Any]) -> dict[str, Any]:
    """`settings` with those that the version which kept them did not have yet: they were at their defaults."""
    if "layers" in settings:
        return {**settings, "layers": [{**DEFAULTS_OF_OLD_CHECKPOINTS, **layer} for layer in settings["layers"]]}
    return {**DEFAULTS_OF_OLD_CHECKPOINTS, **settings}


def planned(
    dataset: Dataset,
    hidden: Sequence[int],
    config: Config | Sequence[Config],
    folder: Path,
    seed: int,
    resume: bool = False,
    overwrite: bool = False,
    examples: int | None = None,
) -> tuple[Run, list[Config], Stream | None]:
    """The run that `stacks.train` of these arguments is, each layer's configuration, the stream of deformed images."""
    if not hidden:
        raise ValueError("a network needs at least one hidden layer, got none")
    stream = None if examples is None else Stream(InfiniteDigits(dataset), examples, chunk=min(CHUNK, max(examples, 1)))
    configs: list[Config] = per_layer(config, len(hidden))
    if stream is not None:
        configs = [replace(each, epochs=stream.epochs) for each in configs]
    asked = {
        "model": (StackedDAE if _denoising(configs) else DBN).__name__,
        **settings(hidden, configs if isinstance(config, Sequence) else configs[0]),
        "seed": seed,
        "dataset": dataset.name,
        "data_sha256": stream.sha256 if stream else dataset.sha256,
    }
    return Run(folder / MODEL, folder / TRAINING, asked, resume, overwrite), configs, stream


def _denoising(configs: Sequence[Config]) -> bool:
    kinds = {type(config) for config in configs}
    if len(kinds) != 1:
        raise ValueError(
            f"expected configurations of one type for all layers, got {' and '.join(sorted(k.__name__ for k in kinds))}"
        )
    return kinds == {DenoisingConfig}


def settings(hidden: Sequence[int], config: Config | Sequence[Config]) -> dict[str, Any]:
    """What a checkpoint keeps of how its model was trained."""
    if isinstance(config, Sequence):
        return {"hidden": list(hidden), "layers": [asdict(each) for each in config]}
    return {"hidden": list(hidden), **asdict(config)}
