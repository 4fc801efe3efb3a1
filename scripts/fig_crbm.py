"""Convolutional DBNs of digits and of photographs: first-layer filters and second-layer units (Lee et al. 2009)."""

import sys
from contextlib import closing
from dataclasses import dataclass

from dbnvis.backend import device_module
from dbnvis.cli import run_script
from dbnvis.commands import Options, loaded
from dbnvis.console import EpochBars
from dbnvis.figures import conv_dbns as crbm
from dbnvis.runs.conv_machines import open_model, recipe_of


@dataclass(frozen=True)
class Figure(Options):
    def run(self) -> None:
        out, xp = self.out / "mnist" / "convnet", device_module(self.device)
        for data in (self.load(), loaded("crops", None)):
            recipe = recipe_of(data)
            with closing(EpochBars()) as bars:
                path = out.parent / "models" / f"crbm-{data.name}.npz"
                how = {"seed": self.seed, "xp": xp, "overwrite": self.overwrite}
                model = open_model(data, recipe, path, on_epoch=bars, **how)
            print(*crbm.figure(model, data, recipe, out, **how), sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Figure))
