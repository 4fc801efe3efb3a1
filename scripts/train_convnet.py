"""Train the convolutional network that ships with the package, on real MNIST: `dbnvis train --family convnet`."""

from pathlib import Path

import numpy as np

from dbnvis import checkpoint, datasets
from dbnvis.blas import use_best_kernels
from dbnvis.console import LossBars
from dbnvis.report.convnets import percent_wrong, train_convnet
from dbnvis.train.backprop import ConvNetConfig

if __name__ == "__main__":
    use_best_kernels()
    data, folder = datasets.load("mnist", progress=True), Path("results/mnist-convnet")
    path = train_convnet(data, ConvNetConfig(), folder=folder, seed=0, xp=np, resume=True, on_epoch=LossBars())
    trained = checkpoint.load(path, xp=np)
    checkpoint.save(
        checkpoint.CONVNET,
        trained.model,
        config=trained.config,
        seed=trained.seed,
        info=trained.info,
        arrays=trained.arrays,
        dtype="float16",
    )
    print(checkpoint.CONVNET, f"test error {percent_wrong(checkpoint.CONVNET, data, xp=np):.2f} %")
