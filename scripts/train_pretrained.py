"""Train the model that ships with the package: 784-1000-500-250 on real MNIST, `dbnvis train` with its defaults."""

from pathlib import Path

import numpy as np

from dbnvis import CDConfig, checkpoint, datasets, report
from dbnvis.console import EpochBars
from dbnvis.report.session import HIDDEN

if __name__ == "__main__":
    data = datasets.load("mnist", progress=True)
    path = report.train(
        data, HIDDEN, CDConfig(), folder=Path("results/mnist"), seed=0, xp=np, resume=True, on_epoch=EpochBars()
    )
    trained = checkpoint.load(path, xp=np)
    checkpoint.save(
        checkpoint.PRETRAINED,
        trained.model,
        config=trained.config,
        seed=trained.seed,
        info=trained.info,
        arrays={layer: trained.arrays[layer] for layer in trained.model.layer_names},
        dtype="float16",
    )
    print(checkpoint.PRETRAINED)
