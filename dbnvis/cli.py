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

from . import checkpoint, report
from .backend import device_module
from .blas import use_best_kernels
from .commands import COMMANDS, Options, PageOptions, Visualize, load_study
from .commands.look import METHODS
from .console import EpochBars, one_line, option, progress, run_command
from .datasets import Dataset
from .report.page import Page
from .report.workshop import Workshop
from .train import EpochStats


def _parse(args: Sequence[str]) -> Options:
    """Parse the command line; `visualize` takes the settings of the method it names."""
    commands: dict[str, Any] = dict(COMMANDS)
    if args[:1] == ["visualize"]:
        method = option(args, "--method", "am")
        if method not in METHODS:
            nearest = get_close_matches(method, METHODS, n=len(METHODS), cutoff=0)
            raise ValueError(f"no method {method!r}; the methods are {', '.join(nearest)}")
        settings = METHODS[method]
        commands["visualize"] = make_dataclass(
            "Visualize",
            [("settings", Annotated[type(settings), tyro.conf.OmitArgPrefixes], field(default=settings))],
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


def figure_script(
    description: str | None,
    draw: Callable[[report.Study, list[EpochStats]], None],
    shipped: str = "pretrained",
    folder: str = "figures",
) -> int:
    """Run a figure script: `draw` a study of the model that the command line names, list what was written.

    The model is the `shipped` one if none is named; what is written goes to `folder` of the data set's folder.
    """

    @dataclass(frozen=True)
    class Script(Options):
        model: str = shipped
        """A checkpoint (model.npz of a training), or pretrained or convnet: a model shipped with the package."""

        def run(self) -> None:
            study, history = load_study(self, self.model)
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
        return one_line(
            lambda: tyro.cli(command, args=args, description=description, config=(tyro.conf.FlagCreatePairsOff,))
        )

    return run_command(parse, sys.argv[1:])
