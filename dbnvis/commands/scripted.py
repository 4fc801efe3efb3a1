"""What the scripts of `scripts/` run: figures of the catalogue in a paper's order, trainings of shipped models."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar

import tyro

from .. import checkpoint
from ..backend import device_module
from ..catalogue import FIGURES
from ..console import one_line, run_command, say
from ..datasets import Dataset
from ..system.blas import use_best_kernels
from . import check_known, with_defaults
from .drawing import Figure
from .options import Options


def figures_script(description: str | None, figures: dict[str, str]) -> int:
    """Run the script of a paper or an experiment: draw these figures of the catalogue, each with a sentence."""

    @dataclass(frozen=True)
    class Script(Figure):
        only: tuple[str, ...] = ()
        """Draw these alone. Default: all that the script lists."""

        def run(self) -> None:
            for name in self.only:
                check_known("figure", name, list(figures))
            for name, sentence in figures.items():
                if not self.only or name in self.only:
                    say(f"{name}: {sentence}")
                    settings = {f.name: getattr(self, f.name) for f in fields(Figure)}
                    model = self.model if FIGURES[name].of in checkpoint.SHIPPED else ""
                    Figure(**{**settings, "names": (name,), "model": model}).run()

    return run_script(
        description, with_defaults(Script, names=(tyro.conf.Suppress, ()), list=(tyro.conf.Suppress, False))
    )


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

        shared: ClassVar[bool] = True

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
