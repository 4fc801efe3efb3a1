"""The command line: parses what the fields of the commands' dataclasses allow, and runs it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import tyro

from . import __version__, checkpoint
from .backend import device_module
from .catalogue import FIGURES
from .commands import COMMANDS, FAMILIES, Figure, Options, Train, Visualize
from .console import one_line, option, run_command, say
from .datasets import Dataset
from .system.blas import use_best_kernels
from .visualize import METHODS

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
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.SuppressFixed),
        )
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; statuses as of `console.run_command`."""
    return run_command(_parse, list(sys.argv[1:] if args is None else args))


def figures_script(description: str | None, figures: dict[str, str]) -> int:
    """Run the script of a paper or an experiment: draw these figures of the catalogue, each with a sentence."""

    @dataclass(frozen=True)
    class Script(Figure):
        only: tuple[str, ...] = ()
        """Draw these alone. Default: all that the script lists."""

        def run(self) -> None:
            for name in self.only:
                _known("figure", name, list(figures))
            for name, sentence in figures.items():
                if not self.only or name in self.only:
                    say(f"{name}: {sentence}")
                    settings = {f.name: getattr(self, f.name) for f in fields(Figure)}
                    model = self.model if FIGURES[name].of in checkpoint.SHIPPED else ""
                    Figure(**{**settings, "names": (name,), "model": model}).run()

    return run_script(description, _with(Script, names=(tyro.conf.Suppress, ()), list=(tyro.conf.Suppress, False)))


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
