"""Kernels with settings that `Conv2D` has not, as kernels of the same function that it takes.

Groups become zeros between channels, dilation zeros between the kernel's numbers, and a padding that differs between
sides, zeros around the kernel. A widened kernel computes the same numbers; what it sees of the image is its whole
width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..backend import Array
from ..models.convolution import Conv2D
from ..models.layers import Dense


def conv2d(
    W: Array,
    bias: Array,
    stride: int = 1,
    padding: Sequence[tuple[int, int]] = ((0, 0), (0, 0)),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Conv2D:
    """A convolution with W (O, I / groups, kh, kw).

    Parameters
    ----------
    W, bias : arrays
    stride : int
    padding : pairs of int
        Zeros before and after, of rows and of columns.
    dilation : two int
        Of rows and of columns.
    groups : int
    """
    W = _dilated(_ungrouped(W, groups), dilation)
    sides = [n for pair in padding for n in pair]
    most = max(sides)
    if most >= max(W.shape[2:]):
        most += most - max(W.shape[2:]) + 1
    (top, bottom), (left, right) = ([most - n for n in pair] for pair in padding)
    # A row of zeros above the kernel and one more row of padding there: the same numbers, at the same places.
    return Conv2D(np.pad(W, ((0, 0), (0, 0), (top, bottom), (left, right))), bias, stride, most)


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> list[tuple[int, int]]:
    """Zeros before and after with which maps keep their size, the more of them after."""
    missing = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return [(n // 2, n - n // 2) for n in missing]


def scaled(layer: Dense | Conv2D, scale: Array, shift: Array) -> Dense | Conv2D:
    """The layer whose outputs, or channels, are scale * y + shift."""
    W = layer.W * (scale[:, None, None, None] if isinstance(layer, Conv2D) else scale)
    return replace(layer, W=W, bias=layer.bias * scale + shift)


def rescaled(layer: Any, scale: Array, shift: Array) -> Dense | Conv2D | None:
    """The layer that computes the same of x as `layer` of scale * x + shift; None where there is none.

    Of pixels in rows, `scale` has one number for each, or one for each channel. A convolution that pads has none: its
    zeros stand beside the scaled pixels.
    """
    if isinstance(layer, Dense):
        n = len(layer.W) // len(scale)
        scale, shift = np.repeat(scale, n), np.repeat(shift, n)
        return replace(layer, W=layer.W * scale[:, None], bias=layer.bias + shift @ layer.W)
    if isinstance(layer, Conv2D) and not layer.padding:
        W = layer.W * scale[:, None, None]
        return replace(layer, W=W, bias=layer.bias + (layer.W * shift[:, None, None]).sum(axis=(1, 2, 3)))
    return None


def _ungrouped(W: Array, groups: int) -> Array:
    n_out, n_in, *size = W.shape
    full = np.zeros((n_out, n_in * groups, *size), W.dtype)
    for group in range(groups):
        outputs = slice(group * n_out // groups, (group + 1) * n_out // groups)
        full[outputs, group * n_in : (group + 1) * n_in] = W[outputs]
    return full


def _dilated(W: Array, dilation: Sequence[int]) -> Array:
    rows, columns = ((k - 1) * d + 1 for k, d in zip(W.shape[2:], dilation, strict=True))
    full = np.zeros((*W.shape[:2], rows, columns), W.dtype)
    full[:, :, :: dilation[0], :: dilation[1]] = W
    return full
