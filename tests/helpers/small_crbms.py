"""Convolutional RBMs small enough to enumerate, and images of strokes for them."""

import conv_oracles as oracles
import numpy as np

from dbnvis.backend import move
from dbnvis.models.conv_rbm import ConvRBM

Z = 4.5  # standard errors, of at most 200 means at a time: exceeded by chance with probability 0.0014

#: Groups, channels, side of the filters, image (rows, columns), blocks: whole and cut off at the border, two channels.
SMALL = {
    "cut blocks": (2, 1, 2, (3, 4), 2),
    "two channels": (2, 2, 2, (2, 3), 2),
    "no pooling": (2, 1, 2, (3, 3), 1),
    "blocks of nine": (2, 1, 2, (4, 3), 3),
}


def parameters_of(name, seed=0):
    K, C, side, image, pool = SMALL[name]
    return oracles.machine(K, C, side, seed), (C, *image), pool


def build(xp, parameters, pool, kind=ConvRBM, dtype="float64", **settings):
    return kind(*(move(x.astype(dtype), xp) for x in parameters), pool, **settings)


def strokes(n, seed=0, side=10):
    """Images with a few bars of three pixels, across or upright, at random places."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, side, side), np.float32)
    for image in images:
        for _ in range(3):
            i, j = rng.integers(1, side - 1, 2)
            if rng.random() < 0.5:
                image[i, j - 1 : j + 2] = 1
            else:
                image[i - 1 : i + 2, j] = 1
    return images
