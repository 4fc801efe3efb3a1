"""Train the convolutional network that ships with the package, on real MNIST: `dbnvis train --family convnet`.

A training that was stopped goes on. The weights in the package are replaced with --ship alone.
"""

import sys
from contextlib import closing
from pathlib import Path

from dbnvis import checkpoint
from dbnvis.backend import device_module
from dbnvis.commands.options import Options
from dbnvis.commands.scripted import shipped_script
from dbnvis.console import LossBars
from dbnvis.datasets import Dataset
from dbnvis.runs.classifiers import percent_wrong, train_convnet
from dbnvis.train.backprop import ConvNetConfig


def make(options: Options, data: Dataset) -> Path:
    xp, folder = device_module(options.device), options.out / f"{data.name}-convnet"
    how = {"folder": folder, "seed": options.seed, "xp": xp, "resume": True, "overwrite": options.overwrite}
    with closing(LossBars()) as bars:
        path = train_convnet(data, ConvNetConfig(), on_epoch=bars, **how)
    print(f"test error {percent_wrong(path, data, xp=xp):.2f} %")
    return path


if __name__ == "__main__":
    sys.exit(shipped_script(__doc__, checkpoint.CONVNET, make))
