"""The command line: one dataclass per command, options and help generated from the fields."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, make_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from . import datasets, report
from .backend import device_module
from .console import EpochBars, one_line, option, parse_indices, progress, run_command, say
from .datasets import Dataset
from .doctor import diagnosis
from .report import figures
from .report.session import HIDDEN, TRAINING
from .train import CDConfig, EpochStats
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


def _train(
    options: Options, data: Dataset, hidden: Sequence[int], config: CDConfig, folder: Path, resume: bool
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
            on_epoch=bars,
        )
    except KeyboardInterrupt:
        if (folder / TRAINING).exists():
            say(f"training stopped; the same command with --resume goes on from the last epoch kept in {folder}")
        raise
    finally:
        bars.close()


def _study(options: Options, model: str, data: Dataset | None = None) -> tuple[report.Study, list[EpochStats]]:
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
        study, history = _study(self, str(model), data)
        study.out = folder / "figures"
        for name, draw in figures.reproduction(study, history, quick=self.quick):
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
    """Train a deep belief network, layer by layer, saving after every epoch."""

    hidden: tuple[int, ...] = HIDDEN
    """Hidden units of each layer, from the lowest."""
    resume: bool = False
    """Go on from an interrupted training, to the same bits; keep a finished model."""
    cd: tyro.conf.OmitArgPrefixes[CDConfig] = field(default_factory=CDConfig)

    def run(self) -> None:
        data = self.load()
        folder = self.out / data.name
        model = _train(self, data, self.hidden, self.cd, folder, self.resume)
        study, history = _study(self, str(model), data)
        study.out = folder / "figures"
        figures.training_curves(study, history)
        print(model, *study.written, sep="\n")


@dataclass(frozen=True)
class Visualize(Options):
    """Draw units of one layer by one method, on one sheet."""

    method: str = "am"
    """am, gibbs, combination, top-images or connections; each has settings of its own: --method gibbs --help."""
    layer: str = ""
    """h1, h2, ...; the top layer if absent."""
    units: str = ""
    """Units, such as 0-35 or 3,17,40-49; all: every unit; the first 36 if absent."""
    model: str = "pretrained"
    """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""
    settings: Any = field(default_factory=VISUALIZERS["am"])

    def run(self) -> None:
        study, _ = _study(self, self.model)
        layer = self.layer or study.model.layer_names[-1]
        as_units(study.model, [Unit(layer, 0)])
        if self.units in ("", "all"):
            units = study.units(layer, 36 if self.units == "" else None)
        else:
            units = [Unit(layer, i) for i in parse_indices(self.units)]
        as_units(study.model, units)
        _needs(study, self.settings)
        study.out = self.out / study.dataset / "sheets"
        figures.sheet(
            study, self.settings, study.pictures(self.settings, units), f"{self.method}_{layer}_{self.units or 'first'}"
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
        study, _ = _study(self, self.model)
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


COMMANDS = {
    "reproduce": Reproduce,
    "train": Train,
    "visualize": Visualize,
    "compare": Compare,
    "data": Data,
    "doctor": Doctor,
}


def _needs(study: report.Study, method: Any) -> None:
    if method.needs_images and study.images is None:
        raise ValueError(
            f"{type(method).__name__} needs {study.dataset} training images and none are at hand; "
            f"dbnvis data --fetch {study.dataset}, or --data-dir"
        )


def _parse(args: Sequence[str]) -> Options:
    """Parse the command line; `visualize` takes the settings of the method it names."""
    commands: dict[str, Any] = dict(COMMANDS)
    if args[:1] == ["visualize"]:
        method = option(args, "--method", "am")
        if method not in VISUALIZERS:
            nearest = get_close_matches(method, VISUALIZERS, n=len(VISUALIZERS), cutoff=0)
            raise ValueError(f"no method {method!r}; the methods are {', '.join(nearest)}")
        settings = VISUALIZERS[method]
        commands["visualize"] = make_dataclass(
            "Visualize",
            [("settings", Annotated[settings, tyro.conf.OmitArgPrefixes], field(default_factory=settings))],
            bases=(Visualize,),
            frozen=True,
        )
    elif args and args[0] not in commands and not args[0].startswith("-"):
        nearest = get_close_matches(args[0], commands, n=len(commands), cutoff=0)
        raise ValueError(f"no command {args[0]!r}; the commands are {', '.join(nearest)}")
    return one_line(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands,
            prog="dbnvis",
            description="What has each hidden unit of a deep network learned?",
            args=args,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run a command: 0 when it is done, 2 after a user's mistake (one line on standard error), 130 on Ctrl-C."""
    return run_command(_parse, list(sys.argv[1:] if args is None else args))


def figure_script(description: str | None, draw: Callable[[report.Study, list[EpochStats]], None]) -> int:
    """Run a figure script: `draw` a study of the model that the command line names, list what was written."""

    @dataclass(frozen=True)
    class Script(Options):
        model: str = "pretrained"
        """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""

        def run(self) -> None:
            study, history = _study(self, self.model)
            study.out = self.out / study.dataset / "figures"
            draw(study, history)
            print(*study.written, sep="\n")

    def parse(args: Sequence[str]) -> Options:
        return one_line(
            lambda: tyro.cli(Script, args=args, description=description, config=(tyro.conf.FlagCreatePairsOff,))
        )

    return run_command(parse, sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
