"""What commands share: their options, and how they load data, train and open models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from .. import datasets, report
from ..backend import device_module
from ..console import EpochBars, progress, say
from ..datasets import Dataset
from ..report.page import Page, open_page
from ..report.session import TRAINING, Config
from ..train import EpochStats

EXAMPLES = 2_500_000  # deformed digits, as many as Erhan et al. (2009) trained on


@dataclass(frozen=True)
class Options:
    """Options of every command."""

    dataset: str = "auto"
    """mnist, fashion-mnist, digits, patches; auto: mnist where it is found or can be fetched, otherwise digits."""
    data_dir: Path | None = None
    """Folder searched first for the data set's files (then $DBNVIS_DATA, data/ and the user's cache)."""
    out: Path = Path("runs")
    """Folder of what is written; each data set gets a folder in it."""
    overwrite: bool = False
    """Replace what is there of other settings, another seed, model or data; without --resume, a finished model, too."""
    device: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute; auto takes the GPU where one answers."""
    seed: int = 0
    """Seed of everything random; the same seed on the same machine gives the same results."""
    debug: bool = False
    """Show the traceback of an error."""

    def run(self) -> None:
        """Do what the command is for."""

    def load(self) -> Dataset:
        return datasets.load(self.dataset, self.data_dir, progress=True, notify=say)


def train(
    options: Options,
    data: Dataset,
    hidden: Sequence[int],
    config: Config,
    folder: Path,
    resume: bool,
    examples: int | None = None,
) -> Path:
    bars = EpochBars()
    try:
        return report.train(
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


def load_study(options: Options, model: str, data: Dataset | None = None) -> tuple[report.Study, list[EpochStats]]:
    if data is None and options.dataset != "auto":
        data = options.load()
    study, history = report.open_study(
        model,
        data,
        data_dir=options.data_dir,
        out=options.out,
        seed=options.seed,
        xp=device_module(options.device),
        progress=progress,
    )
    return replace(study, overwrite=options.overwrite), history


@dataclass(frozen=True)
class PageOptions(Options):
    """Options of what belongs to the page of Erhan et al. 2009."""

    examples: int = EXAMPLES
    """Deformed digits that the models of digits are trained on, each shown once to every layer, as in the paper."""

    @contextmanager
    def page(self) -> Iterator[Page]:
        """The page, whose models are trained when first asked for, and taken up where they were stopped."""
        with paper_page(self, self.examples, resume=True) as page:
            yield page


@contextmanager
def paper_page(options: Options, examples: int, *, resume: bool) -> Iterator[Page]:
    """The page of Erhan et al. 2009 in a folder of its own, of digits other than MNIST in another."""
    digits = options.load()
    with closing(EpochBars()) as bars:
        yield open_page(
            digits,
            datasets.load("patches", options.data_dir, notify=say),
            examples=examples,
            out=options.out / ("erhan2009" if digits.name == "mnist" else f"erhan2009-{digits.name}"),
            seed=options.seed,
            xp=device_module(options.device),
            on_epoch=bars,
            progress=progress,
            resume=resume,
            overwrite=options.overwrite,
        )
