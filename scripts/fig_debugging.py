"""Debugging with pictures: a planted mark, a learning rate that is too high, noisy filters; prints the evidence."""

import sys
from dataclasses import dataclass

from dbnvis.backend import device_module
from dbnvis.cli import run_script
from dbnvis.commands import Options
from dbnvis.figures.convnets import debugging
from dbnvis.figures.convnets.planted_mark import planted_mark


@dataclass(frozen=True)
class Figures(Options):
    def run(self) -> None:
        data = self.load()
        out, xp = self.out / data.name / "convnet", device_module(self.device)
        experiment = debugging.Experiment(data, out, self.seed, xp, overwrite=self.overwrite)
        for draw in (planted_mark, debugging.learning_rates, debugging.noisy_filters):
            for row in draw(experiment):
                print("; ".join(f"{name} {value}" for name, value in row.items()))
        print(*experiment.written, sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Figures))
