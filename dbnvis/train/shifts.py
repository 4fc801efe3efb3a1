"""Training images moved at random: a classifier that sees them learns that a digit may stand anywhere.

References
----------
Simard, Steinkraus, Platt (2003), "Best practices for convolutional neural networks applied to visual document
analysis".
"""

from __future__ import annotations

from typing import Any

from ..backend import Array, array_module


def shifted(images: Array, most: int, *, rng: Any) -> Array:
    """Move each of images (B, ..., H, W) by -most to most rows and as many columns, at random; zeros come in."""
    xp, (H, W) = array_module(images), images.shape[-2:]
    padded = xp.zeros((*images.shape[:-2], H + 2 * most, W + 2 * most), dtype=images.dtype)
    padded[..., most : most + H, most : most + W] = images
    row, column = (xp.floor(rng.random((len(images), 1, 1)) * (2 * most + 1)).astype("int64") for _ in range(2))
    pixels = (row + xp.arange(H)[:, None]) * (W + 2 * most) + column + xp.arange(W)  # (B, H, W), of the padded images
    padded = padded.reshape(len(images), -1, padded.shape[-2] * padded.shape[-1])
    return xp.take_along_axis(padded, pixels.reshape(len(images), 1, -1), axis=2).reshape(images.shape)
