"""Test images in the plane, as the code of a two-unit autoencoder and by two principal components.

Pretrains and fine-tunes the networks that `<out>/<data set>/models` does not hold yet; goes on where it was stopped.
"""

import sys
from dataclasses import dataclass

from dbnvis.backend import device_module
from dbnvis.cli import Options, run_script
from dbnvis.console import EpochBars, progress
from dbnvis.report.finetuning import codes_figure
from dbnvis.report.workshop import Workshop


@dataclass(frozen=True)
class Script(Options):
    def run(self) -> None:
        data, xp = self.load(), device_module(self.device)
        shop = Workshop(data, self.out / data.name, self.seed, xp, progress=progress, on_epoch=EpochBars())
        print(*codes_figure(shop), sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Script))
