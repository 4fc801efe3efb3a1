"""The command line: parses what the fields of the commands' dataclasses allow, and runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, make_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import tyro

from . import __version__, checkpoint
from .backend import device_module
from .commands import COMMANDS, FAMILIES, ModelOptions, Options, PageOptions, Train, Visualize, load_study
from .commands.look import METHODS
from .console import EpochBars, one_line, option, progress, run_command, say
from .datasets import Dataset
from .erhan2009.page import Page
from .figures.study import Study
from .runs.fine_tuned import Workshop
from .system.blas import use_best_kernels
from .train import EpochStats

DESCRIPTION = """What has each hidden unit of a deep network learned?

dbnvis COMMAND --help lists the options of a command, dbnvis --version says the version; dbnvis --tyro-print-completion
bash (or zsh) prints a script that completes commands and options.
"""
COMPLETION = ("--tyro-print-completion", "--tyro-write-completion")
SHELLS = ("bash", "zsh")


def _known(what: str, name: str, names: Sequence[str]) -> None:
    """ValueError unless `name` is one of `names`; it lists the nearest first."""
    if name not in names:
        nearest = get_close_matches(name, names, n=len(names), cutoff=0)
        raise ValueError(f"no {what} {name!r}; the {what}s are {', '.join(nearest)}")


def _with(command: type[Options], **settings: tuple[Any, Any]) -> Any:
    """`command` with other defaults of some of its fields, of the defaults' types, marked for tyro."""
    new = [
        (name, Annotated[type(default), marker], field(default=default)) for name, (marker, default) in settings.items()
    ]
    return make_dataclass(command.__name__, new, bases=(command,), frozen=True)


def _parse(args: Sequence[str]) -> Options:
    """Parse the command line; `visualize` takes the settings of the method, help of `train` shows those of the family.

    The family's are shown alone, the others can be given: `Train.run` says whose they are.
    """
    if args[:1] == ["--version"]:
        print(f"dbnvis {__version__}")
        raise SystemExit(0)
    commands: dict[str, Any] = dict(COMMANDS)
    if args[:1] == ["visualize"]:
        method = option(args, "--method", "am")
        _known("method", method, list(METHODS))
        settings = METHODS[method]
        commands["visualize"] = _with(Visualize, settings=(tyro.conf.OmitArgPrefixes, settings))
    elif args[:1] == ["train"] and {"-h", "--help"} & set(args):
        shown = FAMILIES.get(option(args, "--family", "dbn"))
        hidden = {name: getattr(Train(), name) for name in FAMILIES.values() if shown and name != shown}
        commands["train"] = _with(Train, **{name: (tyro.conf.Suppress, settings) for name, settings in hidden.items()})
    elif args and args[0] in COMPLETION:
        _known("shell", args[1] if len(args) > 1 else "", SHELLS)
    elif args and not args[0].startswith("-"):
        _known("command", args[0], list(commands))
    return one_line(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands,
            prog="dbnvis",
            description=DESCRIPTION,
            args=args,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; statuses as of `console.run_command`."""
    return run_command(_parse, list(sys.argv[1:] if args is None else args))


def figure_script(
    description: str | None,
    draw: Callable[[Study, list[EpochStats]], None],
    shipped: str = "pretrained",
    folder: str = "figures",
) -> int:
    """Run a figure script: `draw` a study of the model that the command line names, list what was written.

    The model is the `shipped` one if none is named; what is written goes to `folder` of the data set's folder.
    """

    @dataclass(frozen=True)
    class Script(ModelOptions):
        model: str = shipped
        """A checkpoint (model.npz of a training), or pretrained or convnet: a model shipped with the package."""

        def run(self) -> None:
            study, history = load_study(self, self.model)
            if shipped == "convnet" and not hasattr(study.model, "receptive_field"):
                raise ValueError(
                    f"this figure is of a convolutional network, and {self.model} is none; try --model convnet"
                )
            study.out = self.out / study.dataset / folder
            draw(study, history)
            print(*study.written, sep="\n")

    return run_script(description, Script)


def page_script(description: str | None, draw: Callable[[Page], None]) -> int:
    """Run a script of the page of Erhan et al. 2009: `draw` a figure, list what was written."""

    @dataclass(frozen=True)
    class Script(PageOptions):
        def run(self) -> None:
            with self.page() as page:
                draw(page)
            print(*page.written, sep="\n")

    return run_script(description, Script)


def workshop_script(description: str | None, make: Callable[[Workshop], list[Path]]) -> int:
    """Run a script about fine-tuned networks: `make` its artefacts in a workshop, list what was written."""

    @dataclass(frozen=True)
    class Script(Options):
        def run(self) -> None:
            data, xp = self.load(), device_module(self.device)
            with closing(EpochBars()) as bars:
                shop = Workshop(
                    data,
                    self.out / data.name,
                    self.seed,
                    xp,
                    progress=progress,
                    on_epoch=bars,
                    overwrite=self.overwrite,
                )
                written = make(shop)
            print(*written, sep="\n")

    return run_script(description, Script)


def shipped_script(description: str | None, shipped: Path, make: Callable[[Options, Dataset], Path]) -> int:
    """Run the script that trains a shipped model: `make` it; with --ship its weights, rounded, replace those shipped.

    An interrupted training goes on.
    """

    @dataclass(frozen=True)
    class Script(Options):
        dataset: str = "mnist"
        """Of the model that ships with the package: mnist."""
        ship: bool = False
        """Replace the weights that ship with the package by the trained ones, rounded to 16 bits."""

        def run(self) -> None:
            path = make(self, self.load())
            if self.ship:
                trained = checkpoint.load(path, xp=device_module("cpu"))
                arrays = {layer: trained.arrays[layer] for layer in trained.model.layer_names}
                checkpoint.save(
                    shipped,
                    trained.model,
                    config=trained.config,
                    seed=trained.seed,
                    info=trained.info,
                    arrays=arrays,
                    dtype="float16",
                )
            print(shipped if self.ship else path)

    return run_script(description, Script)


def run_script(description: str | None, command: type[Options]) -> int:
    """Run a script whose options are the fields of `command`; statuses and messages as of `main`."""
    use_best_kernels()

    def parse(args: Sequence[str]) -> Options:
        parsed = one_line(
            lambda: tyro.cli(command, args=args, description=description, config=(tyro.conf.FlagCreatePairsOff,))
        )
        say(description or "")
        return parsed

    return run_command(parse, sys.argv[1:])
