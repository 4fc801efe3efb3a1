"""Raw weights of any layer, a tile per unit."""

from __future__ import annotations

import math
from typing import Any

from ..backend import Array, array_module


def weight_tiles(model: Any, layer: str) -> Array:
    """The weights of each unit of `layer` as a picture: (U, height, width).

    A unit that sees several channels, or a channel's map of the layer below, gets a mosaic of what it weighs each
    by, row by row, a line of zeros between; one that sees dense units a block of their weights.
    """
    below = model.network.layers[f"{layer}.pre"]
    if below.W.ndim == 4:
        return _mosaic(below.W)
    names, shape = list(model.network.layers), (1, *model.input_shape[-2:])
    before = names[: names.index(f"{layer}.pre")]
    flat = next((name for name in reversed(before) if hasattr(model.network.layers[name], "shape")), None)
    if flat is not None and not any(name.endswith(".pre") for name in before[before.index(flat) :]):
        shape = (*(model.network.layers[flat].shape[:-2] or (1,)), *model.network.layers[flat].shape[-2:])
    else:
        shape = (1, *_block(below.W.shape[0]))
    padded = math.prod(shape) - below.W.shape[0]
    W = below.W.T
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
