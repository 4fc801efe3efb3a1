"""The commands: one dataclass each, whose fields are its options and whose `run` does it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from . import datasets, report, results
from .backend import device_module
from .console import EpochBars, parse_indices, progress, say
from .datasets import Dataset
from .doctor import diagnosis
from .report import figures
from .report.erhan import Page, open_page
from .report.health import training_curves, training_health
from .report.likelihood import Estimation, likelihood, save_likelihood
from .report.session import HIDDEN, TRAINING, Config
from .train import CDConfig, DenoisingConfig, EpochStats
from .visualize import VISUALIZERS, Unit, as_units


@dataclass(frozen=True)
class Options:
    """Options of every command."""

    dataset: str = "auto"
    """mnist, fashion-mnist, digits; auto: mnist where it is found or can be fetched, otherwise digits."""
    data_dir: Path | None = None
    """Folder searched first for the data set's files (then $DBNVIS_DATA, data/ and the user's cache)."""
    out: Path = Path("results")
    """Folder of what is written; each data set gets a folder in it."""
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


def _train(options: Options, data: Dataset, hidden: Sequence[int], config: Config, folder: Path, resume: bool) -> Path:
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
    return report.open_study(
        model,
        data,
        data_dir=options.data_dir,
        out=options.out,
        seed=options.seed,
        xp=device_module(options.device),
        progress=progress,
    )


@dataclass(frozen=True)
class PageOptions(Options):
    """Options of what belongs to the page of Erhan et al. 2009."""

    examples: int = 2_500_000
    """Deformed digits that the models of digits are trained on, each shown once to every layer, as in the paper."""

    @contextmanager
    def page(self) -> Iterator[Page]:
        """The page, whose models are trained when first asked for, and taken up where they were stopped."""
        with closing(EpochBars()) as bars:
            yield open_page(
                self.load(),
                datasets.load("patches", self.data_dir, notify=say),
                examples=self.examples,
                out=self.out / "erhan2009",
                seed=self.seed,
                xp=device_module(self.device),
                on_epoch=bars,
                progress=progress,
            )


@dataclass(frozen=True)
class Reproduce(Options):
    """From the data to pictures of every hidden unit, in one command: data, training, all figures."""

    quick: bool = False
    """A first look within a minute: a third of the data, few epochs, fewer units; in a folder of its own."""
    resume: bool = False
    """Go on from an interrupted training; keep a finished model."""

    def run(self) -> None:
        clock = [time.perf_counter()]
        stages: list[str] = []

        def done(stage: str) -> None:
            clock.append(time.perf_counter())
            stages.append(f"{clock[-1] - clock[-2]:7.1f} s  {stage}")

        data = self.load()
        folder = self.out / data.name
        config = CDConfig()
        if self.quick:
            data, config, folder = (
                data.first(20_000),
                replace(config, epochs=6),
                self.out / f"{data.name}-quick",
            )
        done(f"data: {data.name}, {len(data.train_images)} training images")
        model = _train(self, data, HIDDEN, config, folder, self.resume)
        done(f"training: {config.epochs} epochs a layer")
        study, history = load_study(self, str(model), data)
        study.out = folder / "figures"
        health = ("training health", lambda: training_health(study, history, data.test_images))
        for name, draw in [health, *figures.reproduction(study, history, quick=self.quick)]:
            draw()
            done(name)
        print(f"\nmodel    {model}")
        for path in study.written:
            if path.suffix == ".png":
                print(f"figure   {path}")
        print("Beside each figure lie its settings (.json) and its arrays (.npz).\n")
        print(*stages, f"{clock[-1] - clock[0]:7.1f} s  in all", sep="\n")


@dataclass(frozen=True)
class Train(Options):
    """Train a deep belief network, or a stack of denoising autoencoders, layer by layer, saving after every epoch."""

    family: Literal["dbn", "sdae"] = "dbn"
    """dbn: restricted Boltzmann machines, which generate; sdae: autoencoders that learn to clean noisy input
    (Vincent et al. 2010), by the --sdae options, in a folder of their own. Erhan et al. (2009) compare the two."""
    hidden: tuple[int, ...] = HIDDEN
    """Hidden units of each layer, from the lowest."""
    resume: bool = False
    """Go on from an interrupted training, to the same bits; keep a finished model."""
    cd: tyro.conf.OmitArgPrefixes[CDConfig] = field(default_factory=CDConfig)
    sdae: DenoisingConfig = field(default_factory=DenoisingConfig)

    def run(self) -> None:
        config, other = (self.cd, self.sdae) if self.family == "dbn" else (self.sdae, self.cd)
        if other != type(other)():
            theirs = "those without --sdae" if self.family == "dbn" else "the --sdae options, such as --sdae.epochs"
            raise ValueError(f"the settings of a training of --family {self.family} are {theirs}; got others")
        data = self.load()
        folder = self.out / (data.name if self.family == "dbn" else f"{data.name}-{self.family}")
        model = _train(self, data, self.hidden, config, folder, self.resume)
        study, history = load_study(self, str(model), data)
        study.out = folder / "figures"
        training_curves(study, history)
        training_health(study, history, data.test_images)
        print(model, *study.written, sep="\n")


@dataclass(frozen=True)
class Evaluate(Options):
    """Estimate how probable a model finds images: log Z from below and above, log p or its bound, for every depth."""

    model: tyro.conf.Positional[str] = "pretrained"
    """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""
    layers: tuple[str, ...] = ()
    """h1, h2, ...; all if absent."""
    how: tyro.conf.OmitArgPrefixes[Estimation] = field(default_factory=Estimation)

    def run(self) -> None:
        saved, trained_on = report.finished(self.model, xp=device_module(self.device))
        data = replace(self, dataset=trained_on if self.dataset == "auto" else self.dataset).load()
        report.same_data(self.model, saved, data)
        layers = self.layers or None
        rows = likelihood(saved.model, data, self.how, layers=layers, seed=self.seed, progress=progress)
        for row in rows:
            print(*(f"{name:26} {value}" for name, value in row.items()), "", sep="\n")
        sha = results.model_hash(saved.model)
        facts = {"model": self.model, "model_sha256": sha, "seed": self.seed, "layers": layers or "all"}
        table = self.out / data.name / "tables" / f"evaluation_{sha[:8]}.csv"
        versions = results.versions(saved.model.xp.__name__)
        print(*save_likelihood(table, rows, data, self.how, **facts, versions=versions), sep="\n")


@dataclass(frozen=True)
class Visualize(Options):
    """Draw units of one layer by one method, on one sheet."""

    method: str = "am"
    """am, gibbs, combination, top-images, connections or invariance; settings of each: --method gibbs --help."""
    layer: str = ""
    """h1, h2, ...; the top layer if absent."""
    units: str = ""
    """Units, such as 0-35 or 3,17,40-49; all: every unit; the first 36 if absent."""
    model: str = "pretrained"
    """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""
    settings: Any = field(default_factory=VISUALIZERS["am"])

    def run(self) -> None:
        study, _ = load_study(self, self.model)
        layer = self.layer or study.model.layer_names[-1]
        as_units(study.model, [Unit(layer, 0)])
        if self.units in ("", "all"):
            units = study.units(layer, 36 if self.units == "" else None)
        else:
            units = [Unit(layer, i) for i in parse_indices(self.units)]
        as_units(study.model, units)
        _needs(study, self.settings)
        settings = self.settings if self.settings != type(self.settings)() else study.fitted(self.settings)
        study.out = self.out / study.dataset / "sheets"
        figures.sheet(
            study, settings, study.pictures(settings, units), f"{self.method}_{layer}_{self.units or 'first'}"
        )
        print(*study.written, sep="\n")


@dataclass(frozen=True)
class Compare(Options):
    """Draw one unit by every method, on one sheet, with scores and settings."""

    unit: tyro.conf.Positional[str] = "h3:17"
    """The unit, written LAYER:INDEX."""
    model: str = "pretrained"
    """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""

    def run(self) -> None:
        study, _ = load_study(self, self.model)
        unit = Unit.parse(self.unit)
        as_units(study.model, [unit])
        study.out = self.out / study.dataset / "sheets"
        figures.compare(study, unit)
        if study.images is None:
            say(f"no {study.dataset} at hand: methods that need training images were left out (dbnvis data)")
        print(*study.written, sep="\n")


@dataclass(frozen=True)
class Data(Options):
    """List the data sets and where each was found, or fetch one."""

    fetch: str = ""
    """Download this data set to --data-dir or the user's cache."""

    def run(self) -> None:
        if self.fetch:
            print(datasets.fetch(self.fetch, self.data_dir))
            return
        for name, spec in datasets.DATASETS.items():
            where = "embedded" if spec.generate else datasets.locate(name, self.data_dir)
            print(f"{name:14} {where or f'not found; dbnvis data --fetch {name}'}\n{'':14} {spec.about}")


@dataclass(frozen=True)
class Doctor(Options):
    """Say what this machine computes with, what is missing, and what would make it faster."""

    def run(self) -> None:
        print(diagnosis(self.data_dir))


def _needs(study: report.Study, method: Any) -> None:
    if method.needs_images and study.images is None:
        raise ValueError(
            f"{type(method).__name__} needs {study.dataset} training images and none are at hand; "
            f"dbnvis data --fetch {study.dataset}, or --data-dir"
        )


COMMANDS = {
    "reproduce": Reproduce,
    "train": Train,
    "evaluate": Evaluate,
    "visualize": Visualize,
    "compare": Compare,
    "data": Data,
    "doctor": Doctor,
}
