"""How training decides the likelihood: RBMs of 500 hidden units and a DBN on MNIST, two-sided estimates.

Rows already trained under --out are kept, interrupted ones go on; --only trains some rows and stops.
"""

import sys
from contextlib import closing
from dataclasses import dataclass, replace

from dbnvis import CDConfig
from dbnvis.backend import device_module
from dbnvis.cli import run_script
from dbnvis.commands import Options
from dbnvis.console import EpochBars, progress
from dbnvis.evaluate.estimation import Estimation
from dbnvis.runs.comparison import compare_training

PCD = CDConfig(epochs=200, sparsity_target=None, weight_decay=0, l1_decay=0, centered=False)
CD = replace(PCD, epochs=100, persistent=False, final_momentum=0.9)
CENTERED, ANNEALED = replace(PCD, centered=True), replace(CD, epochs=250, k_epochs=10, schedule="constant")
RBMS = {"CD-1": CD, "CD-3": replace(CD, k=3), "CD-25 annealed": ANNEALED, "PCD-1": PCD, "centered PCD-1": CENTERED}
RBMS["parallel tempering"] = replace(CENTERED, epochs=40, temperatures=10)
RBMS["centered PCD-1 long"] = replace(CENTERED, epochs=1000)
RECIPES: dict = {name: ((500,), config) for name, config in RBMS.items()}
RECIPES["DBN"] = (500, 2000), (CENTERED, replace(CENTERED, epochs=100, learning_rate=0.005, start="transposed"))


@dataclass(frozen=True)
class Table(Options):
    only: tuple[str, ...] = ()
    """Train these rows and stop."""

    def run(self) -> None:
        data, xp = self.load(), device_module(self.device)
        places: dict = {"out": self.out / data.name, "seed": self.seed, "xp": xp}
        places |= {"only": self.only, "overwrite": self.overwrite}
        with closing(EpochBars()) as bars:
            print(*compare_training(RECIPES, data, Estimation(), on_epoch=bars, progress=progress, **places), sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Table))
