"""Small convolutional networks, and their layers as plain matrices: an independent way backwards."""

import numpy as np

from dbnvis.backend import move, to_numpy
from dbnvis.models.convnet import ConvNet
from dbnvis.models.convolution import Channels, Conv2D, ReLU
from dbnvis.models.layers import Dense, Flatten, Softmax
from dbnvis.models.spatial import SpatialNetwork
from dbnvis.models.subsampling import MaxPool2D

SHAPE = (9, 8)


def small_net(xp=np, shape=SHAPE, padding=1, seed=0, dtype="float64"):
    """Channels - conv1 (padded) - pool1 - conv2 - dense1 - output, random weights and biases."""
    rng = np.random.default_rng(seed)

    def normal(*size):
        return move(rng.standard_normal(size).astype(dtype) / np.sqrt(np.prod(size[1:])), xp)

    channels = 1 if len(shape) == 2 else shape[0]
    layers = {
        "input": Channels(shape),
        "conv1.pre": Conv2D(normal(3, channels, 3, 3), normal(3), padding=padding),
        "conv1": ReLU(),
        "pool1": MaxPool2D(2),
        "conv2.pre": Conv2D(normal(4, 3, 2, 2), normal(4)),
        "conv2": ReLU(),
    }
    flat = SpatialNetwork(layers).shapes["conv2"]
    layers |= {
        "flat": Flatten(flat),
        "dense1.pre": Dense(normal(int(np.prod(flat)), 6), normal(6)),
        "dense1": ReLU(),
        "output.pre": Dense(normal(6, 3), normal(3)),
        "output": Softmax(),
    }
    return ConvNet(SpatialNetwork(layers), shape, input_norm=3.0)


def images(n, shape=SHAPE, seed=1, dtype="float64"):
    return np.random.default_rng(seed).random((n, *shape)).astype(dtype)


def pre(model, address, image):
    """The network's own forward pass of one image, on the host."""
    x = move(np.asarray(image)[None], model.xp)
    return to_numpy(model.network.upto(address).forward(x)[0])[0]


def pres(model, address, batch):
    """The same of many images."""
    return to_numpy(model.network.upto(address).forward(move(batch, model.xp))[0])


def by_matrices(model, address, image, seed, rule):
    """Carry `seed`, a signal at `address`, back to `image` by matrices: `rule` is what a ReLU does, (z, R) -> R.

    A linear layer's matrix is measured with the unit vectors; pooling takes the first largest pixel of each window.
    """
    x, steps = np.asarray(image, dtype=float), []
    for name, layer in model.network.layers.items():
        shape = x.shape
        if isinstance(layer, ReLU):
            steps.append((shape, lambda R, z=x: rule(z, R)))
            x = np.maximum(x, 0)
        else:
            if isinstance(layer, MaxPool2D):
                x, matrix = _pooled(x, layer.size)
            else:
                zero = to_numpy(layer.forward(move(np.zeros((1, *shape)), model.xp))[0])
                units = move(np.eye(x.size).reshape(-1, *shape), model.xp)
                matrix = (to_numpy(layer.forward(units)[0]) - zero).reshape(x.size, -1)
                x = (x.reshape(-1) @ matrix).reshape(zero.shape[1:]) + zero[0]
            steps.append((shape, lambda R, matrix=matrix: matrix @ R.reshape(-1)))
        if name == address:
            break
    R = np.asarray(seed, dtype=float)
    for shape, back in reversed(steps):
        R = back(R).reshape(shape)
    return R


def _pooled(x, size):
    C, H, W = x.shape
    rows, columns = H // size, W // size
    matrix, y = np.zeros((x.size, C * rows * columns)), np.zeros((C, rows, columns))
    numbers = np.arange(x.size).reshape(x.shape)
    for k, (c, i, j) in enumerate(np.ndindex(C, rows, columns)):
        part = slice(i * size, (i + 1) * size), slice(j * size, (j + 1) * size)
        first = x[c][part].argmax()
        matrix[numbers[c][part].reshape(-1)[first], k] = 1
        y[c, i, j] = x[c][part].max()
    return y, matrix
