"""Figures from the data alone, in one command."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from ..report import figures
from ..report.health import training_health
from ..report.session import HIDDEN
from ..train import CDConfig
from .options import Options, load_study, train


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
        model = train(self, data, HIDDEN, config, folder, self.resume)
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
