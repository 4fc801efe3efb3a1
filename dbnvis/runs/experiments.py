"""Small networks that fail in a known way: trained in seconds, kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..backend import Array, make_rng, move, to_numpy
from ..models.convnet import ConvNet
from ..train.backprop import train_backprop
from ..train.config import ConvNetConfig
from .workspace import Workspace

#: A few seconds. Nothing is moved, so that a mark stays in its place; plain gradients, so that units can die.
TRAINING = ConvNetConfig(epochs=8, centered_gradients=False, shift=0, dropout=0.0)


@dataclass
class Experiment(Workspace):
    """A workspace for small networks that are trained on the first images of a data set, and compared.

    Parameters
    ----------
    images, tests : int
        How many training and test images are used, from the first.
    """

    images: int = 4000
    tests: int = 2000

    def train(self, images: Array, config: ConvNetConfig, kernel: int = 3) -> ConvNet:
        """Train a small network on images (N, H, W) in place of the first N training images."""
        n_classes, labels = self.data.n_classes, self.data.labels[0][: len(images)]
        model = ConvNet.random(
            tuple(self.data.input_shape),
            (8, 16),
            (32,),
            n_classes,
            rng=make_rng(self.xp, self.seed, 1),
            kernel=kernel,
        )
        model.input_norm = float(np.sqrt((images**2).sum(axis=(1, 2))).mean())
        moved = move(images, self.xp), move(labels, self.xp)
        for _ in train_backprop(model, *moved, config, rng=make_rng(self.xp, self.seed, 2)):
            pass
        return model

    def training(self) -> Array:
        return self.data.train_images[: self.images]

    def testing(self) -> tuple[Array, Array]:
        return self.data.test_images[: self.tests], self.data.labels[1][: self.tests]

    def classes(self, model: ConvNet, images: Array) -> Array:
        """The class that `model` takes each of images (N, H, W) for, on the host."""
        return to_numpy(model.encode(move(images, self.xp), "output").argmax(axis=1))
