"""Small random models whose units are worth a picture, and a pass upwards written out."""

from dataclasses import replace
from itertools import pairwise

import numpy as np

from dbnvis import DBN, RBM, ConvNet
from dbnvis.backend import make_rng, move, to_numpy

RHO = 3.0


def random_dbn(xp=np, sizes=(20, 9, 7, 5), dtype="float32", scale=1.0, seed=0):
    """A DBN of strong random weights and biases of both signs, images 4 x 5, norm `RHO`."""
    rng = np.random.default_rng(seed)
    rbms = [
        RBM(*(move((scale * rng.standard_normal(shape)).astype(dtype), xp) for shape in ((n, m), (n,), (m,))))
        for n, m in pairwise(sizes)
    ]
    return DBN(rbms, (4, 5), input_norm=RHO)


def forward(model, layer, x):
    """The pre-activations of `layer` at x (B, V), written out in float64."""
    x = np.asarray(x, dtype=np.float64)
    for i, rbm in enumerate(model.rbms):
        pre = x @ to_numpy(rbm.W).astype(np.float64) + to_numpy(rbm.hbias).astype(np.float64)
        if f"h{i + 1}" == layer:
            return pre
        x = 1 / (1 + np.exp(-pre))
    raise AssertionError(layer)


SMALL = {"channels": (3, 4), "dense": (8,), "n_classes": 5, "kernel": 3}


def convnet(xp=np, shape=(12, 12), dtype="float64", seed=0):
    """A small random network, whose biases keep most of its ReLUs from being dead."""
    model = ConvNet.random(shape, rng=make_rng(np, seed), dtype=dtype, **SMALL)
    for name, x in model.network.params().items():
        if name.endswith("bias"):
            x += 0.5 + 0.1 * np.random.default_rng(1).standard_normal(x.shape)
    moved = {name: move(x, xp) for name, x in model.network.params().items()}
    layers = {}
    for name, layer in model.network.layers.items():
        own = {key: moved[f"{name}.{key}"] for key in ("W", "bias") if f"{name}.{key}" in moved}
        layers[name] = replace(layer, **own)
    model = ConvNet(type(model.network)(layers), shape)
    model.input_norm = 3.0
    return model
