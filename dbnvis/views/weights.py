"""Raw weights of any layer, a tile per unit."""

from __future__ import annotations

import math

from ..backend import Array, array_module
from ..models.convolution import Channels
from ..models.layers import Flatten
from ..models.protocol import Model


def weight_tiles(model: Model, layer: str) -> Array:
    """The weights of each unit of `layer` as a picture: (U, height, width).

    A unit that sees several channels, or a channel's map of the layer below, gets a mosaic of what it weighs each
    by, row by row, a line of zeros between; one that sees dense units a block of their weights.
    """
    W = model.network.weighted(layer).W
    if W.ndim == 4:
        return _mosaic(W)
    *below, _ = model.network.upto(f"{layer}.pre").layers.items()
    shape: tuple[int, ...] = (1, *_block(len(W)))
    for name, part in reversed(below):
        if isinstance(part, (Channels, Flatten)):
            shape = (*(part.shape[:-2] or (1,)), *part.shape[-2:])
        if isinstance(part, (Channels, Flatten)) or name.endswith(".pre"):
            break
    padded = math.prod(shape) - len(W)
    W = W.T
    if padded:
        xp = array_module(W)
        W = xp.concatenate([W, xp.zeros((len(W), padded), dtype=W.dtype)], axis=1)
    return _mosaic(W.reshape(len(W), *shape))


def _mosaic(kernels: Array) -> Array:
    """(U, n, h, w) -> (U, rows (h + 1) - 1, columns (w + 1) - 1), n kernels on a block."""
    xp, (U, n, h, w) = array_module(kernels), kernels.shape
    rows, columns = _block(n)
    tiles = xp.zeros((U, rows * (h + 1) - 1, columns * (w + 1) - 1), dtype=kernels.dtype)
    for i in range(n):
        top, left = (i // columns) * (h + 1), (i % columns) * (w + 1)
        tiles[:, top : top + h, left : left + w] = kernels[:, i]
    return tiles


def _block(n: int) -> tuple[int, int]:
    """Rows and columns of about a square for n things."""
    columns = math.ceil(math.sqrt(n))
    return math.ceil(n / columns), columns
