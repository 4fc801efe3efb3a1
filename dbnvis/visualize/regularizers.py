"""What acts on images between two steps of regularized optimization: blur, clipping of small pixels, jitter."""

from __future__ import annotations

import math

from ..backend import Array, array_module

TRUNCATE = 4.0  # standard deviations at which the Gaussian ends, as SciPy's does


def gaussian_blur(x: Array, sigma: float) -> Array:
    """Blur images (..., H, W) with a Gaussian of `sigma` pixels, mirrored at borders, cut at 4 sigma as in SciPy."""
    rows, columns = (_blur_matrix(x, n, sigma) for n in x.shape[-2:])
    return rows @ x @ columns.T


def _blur_matrix(x: Array, n: int, sigma: float) -> Array:
    """The blur of n pixels in a line as a matrix (n, n), of the library and type of `x`."""
    xp, radius = array_module(x), int(TRUNCATE * sigma + 0.5)
    offsets = xp.arange(-radius, radius + 1)
    weights = xp.exp(-0.5 * (offsets / sigma) ** 2)
    seen = (xp.arange(n)[:, None] + offsets) % (2 * n)  # edge pixels are mirrored too: 1 0 | 0 1 2 ... n-1 | n-1 n-2
    seen = xp.where(seen < n, seen, 2 * n - 1 - seen)
    matrix = ((seen[..., None] == xp.arange(n)) * (weights / weights.sum())[:, None]).sum(axis=1)
    return matrix.astype(x.dtype)


def without_small(x: Array, size: Array, percentile: float) -> Array:
    """Images x (R, ..., H, W) with zeros where `size` (R, pixels) is below that percentile of its row.

    Pixels at the percentile stay: where more than so many share the smallest size, all stay.
    """
    xp, n = array_module(x), size.shape[1]
    # Of two neighbours in order, the pixels below a number between them are those below the greater.
    limit = xp.sort(size, axis=1)[:, math.ceil(percentile / 100 * (n - 1))]
    return xp.where((size < limit[:, None])[:, None], 0, colours(x)).reshape(x.shape)


def rolled(x: Array, shifts: Array) -> Array:
    """Move each of images x (R, ..., H, W) by its own rows and columns (R, 2); what leaves comes in again."""
    xp, (H, W) = array_module(x, shifts), x.shape[-2:]
    row, column = shifts.T[:, :, None]
    pixels = ((xp.arange(H) - row) % H)[:, :, None] * W + ((xp.arange(W) - column) % W)[:, None]  # (R, H, W)
    return xp.take_along_axis(colours(x), pixels.reshape(len(x), 1, -1), axis=2).reshape(x.shape)


def colours(x: Array) -> Array:
    """Images (R, H, W), or (R, C, H, W), as (R, C, pixels); vectors as images of one colour."""
    return x.reshape(len(x), -1, math.prod(x.shape[1:][-2:]))
