"""What commands share: their options, and how they load data, train and open models."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_type_hints

import tyro

from ..backend import device_module
from ..backend.comm import check_same
from ..console import EpochBars, during, progress, say
from ..settings import check_value
from ..system.files import check_folder
from ..system.memory import check_memory
from ..system.mpiexec import first_before_others

if TYPE_CHECKING:
    from ..datasets import Dataset
    from ..erhan2009.page import Page
    from ..figures.study import Study
    from ..results import Writer
    from ..runs.run import Config

EXAMPLES = 2_500_000  # deformed digits, as many as Erhan et al. (2009) trained on

COPIES = 3  # of weights in a training: themselves, their momentum, their gradient


@dataclass(frozen=True)
class Options:
    """Options of every command."""

    dataset: str = "auto"
    """mnist, fashion-mnist, digits, patches, photos, crops; auto: mnist where it is found or can be fetched, else
    digits. Or a path: a folder of pictures, idx files, .npz, .npy, .mat or .csv; dbnvis data PATH says what they
    are."""
    data_dir: Path | None = None
    """The folder that holds the data set. If not given, $DBNVIS_DATA, or else data/ and the user's cache."""
    out: Path = Path("runs")
    """Folder of what is written; each data set gets a folder in it."""
    overwrite: bool = False
    """Replace what is there of other settings, another seed, model or data; without --resume, a finished model, too."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute; auto takes the GPU where one answers."""
    seed: int = 0
    """Seed of everything random. The same seed gives the same bits with the same versions, kernels and number of
    threads (doctor lists them), with numba in both runs or in neither; else the last bits may differ."""
    debug: bool = False
    """Show the traceback of an error."""

    writes: ClassVar[bool] = True
    """Whether the command needs the folder `out`."""
    shared: ClassVar[bool] = False
    """Whether several ranks share its work (`mpiexec -n N`)."""

    def __post_init__(self) -> None:
        check_value("--seed", self.seed, int, f"[0, {2**63})")
        for field in fields(self):  # where the shell leaves it, as in --out=~/runs, ~ is the user's home too
            value = getattr(self, field.name)
            if isinstance(value, (str, Path)) and str(value).startswith("~"):
                object.__setattr__(self, field.name, type(value)(os.path.expanduser(value)))
        if self.writes:
            check_folder(self.out, f"--out {self.out}")

    same_again: ClassVar[frozenset[str]] = frozenset({"out", "data_dir", "overwrite", "device", "debug", "resume"})
    """Options that do not change what is drawn."""

    def run(self) -> None:
        """Do what the command is for."""

    @property
    def command(self) -> str:
        """The command line that does the same again, with the options that differ from the defaults."""
        words = ["dbnvis", type(self).__name__.lower(), *_words(self, type(self)(), self.same_again)]
        return shlex.join(words)

    def writer(self, folder: str, figures: str = "figures", tables: str = "tables") -> Writer:
        """A writer into this folder of `out`, whose manifests name this command."""
        from ..results import Writer

        entry = type(self).__name__.lower()
        return Writer(self.out / folder, figures, tables, entry, self.command, overwrite=self.overwrite)

    def load(self) -> Dataset:
        """The data set, which one line names with its folder."""
        return loaded(self.dataset, self.data_dir)


def _words(options: Any, defaults: Any, left_out: frozenset[str] = frozenset(), prefix: str = "") -> list[str]:
    """Options that differ from the `defaults`, as words of a command line; positional ones first."""
    positional, named = [], []
    hints = get_type_hints(type(options), include_extras=True)
    for field in fields(options):
        value, default = getattr(options, field.name), getattr(defaults, field.name)
        markers = getattr(hints[field.name], "__metadata__", ())
        if field.name in left_out:
            continue
        if is_dataclass(value):
            inner = prefix if tyro.conf.OmitArgPrefixes in markers else f"{prefix}{field.name}."
            same: Any = default if isinstance(default, type(value)) else type(value)()  # type: ignore[misc]
            named += _words(value, same, prefix=inner)
        elif value != default:
            values = [str(x) for x in value] if isinstance(value, tuple) else [str(value)]
            if tyro.conf.Positional in markers:
                positional += values
            else:
                name = f"{'no-' * (value is False)}{field.name}"
                named += [f"--{prefix}{name}".replace("_", "-"), *([] if isinstance(value, bool) else values)]
    return positional + named


@dataclass(frozen=True)
class ModelOptions(Options):
    """Options of commands that open a model."""

    other_data: bool = False
    """Take images of other data than the model was trained on; headings and manifests say so."""

    def sheets(self, folder: str) -> Writer:
        """A writer of sheets into this folder of `out`, with a table beside each."""
        return replace(self.writer(folder, "sheets", "sheets"), tabled=True)


def loaded(name: str, data_dir: Path | None) -> Dataset:
    """The data set of this name or path; says what is read, then from where, and what was done to data of one's own."""
    from .. import datasets

    with during(f"reading {'the data' if name == 'auto' else name}"), first_before_others():
        data = datasets.load(name, data_dir, progress=True, notify=say)
    check_same("the data", data.sha256, "give all the same files (--data-dir)")
    say(f"data: {data.source}")
    for step in data.steps:
        say(f"  {step}")
    return data


def train(
    options: Options,
    data: Dataset,
    hidden: Sequence[int],
    config: Config,
    folder: Path,
    resume: bool,
    examples: int | None = None,
) -> Path:
    """Train a stack layer by layer, with bars; the finished model's file."""
    from ..runs.run import TRAINING
    from ..runs.stacks import train as train_stack

    sizes = [data.train_images[0].size, *map(abs, hidden)]
    chains = config.batch_size * getattr(config, "temperatures", 1)
    numbers = sum(COPIES * v * h + chains * (v + h) for v, h in pairwise(sizes))
    check_memory(4 * numbers, f"a training of {'-'.join(map(str, sizes))} units")
    bars = EpochBars()
    try:
        bars.start(f"training {'-'.join(map(str, sizes))} units on {data.name}")
        return train_stack(
            data,
            hidden,
            config,
            folder=folder,
            seed=options.seed,
            xp=device_module(options.device),
            resume=resume,
            overwrite=options.overwrite,
            examples=examples,
            on_epoch=bars,
        )
    except KeyboardInterrupt:
        if (folder / TRAINING).exists():
            say(f"training stopped; the same command with --resume goes on from the last epoch kept in {folder}")
        raise
    finally:
        bars.close()


def load_study(options: Options, model: str, data: Dataset | None = None) -> Study:
    """Open `model` with `data`, or the data that the options name, or those it was trained on, if at hand."""
    from ..figures.opening import open_study

    if data is None and options.dataset != "auto":
        data = options.load()
    with during(f"opening {model}"):
        study = open_study(
            model,
            data,
            data_dir=options.data_dir,
            other_data=isinstance(options, ModelOptions) and options.other_data,
            out=options.out,
            seed=options.seed,
            xp=device_module(options.device),
            progress=progress,
        )
    shown = None if study.data is None else study.data.sha256
    check_same(f"the model {model} or its data", (study.facts["model_sha256"], shown), "give all the same files")
    if data is None and study.data is not None:
        say(f"data: {study.data.source}")
    return study


@contextmanager
def paper_page(options: Options, examples: int, *, resume: bool) -> Iterator[Page]:
    """The page of Erhan et al. 2009 in a folder of its own, of digits other than MNIST in another.

    A folder patches/ of photographs may lie in --data-dir beside the digits; if not, the embedded ones are taken.
    """
    from .. import datasets
    from ..erhan2009.page import open_page

    digits = options.load()
    own = datasets.locate("patches", options.data_dir) is not None
    with closing(EpochBars()) as bars:
        yield open_page(
            digits,
            loaded("patches", options.data_dir if own else None),
            examples=examples,
            writer=options.writer("erhan2009" if digits.name == "mnist" else f"erhan2009-{digits.name}", "", ""),
            seed=options.seed,
            xp=device_module(options.device),
            on_epoch=bars,
            progress=progress,
            resume=resume,
        )
