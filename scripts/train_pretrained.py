"""Train the model that ships with the package: 784-1000-500-250 on real MNIST, `dbnvis train` with its defaults.

A training that was stopped goes on. The weights in the package are replaced with --ship alone.
"""

import sys
from pathlib import Path

from dbnvis import CDConfig, checkpoint
from dbnvis.commands.options import Options, train
from dbnvis.commands.scripted import shipped_script
from dbnvis.datasets import Dataset
from dbnvis.train.config import HIDDEN


def make(options: Options, data: Dataset) -> Path:
    return train(options, data, HIDDEN, CDConfig(), options.out / data.name, resume=True)


if __name__ == "__main__":
    sys.exit(shipped_script(__doc__, checkpoint.PRETRAINED, make))
