"""Random deformations of images: affine, elastic, and the warp that applies them.

A deformation is a displacement field (n, 2, H, W) in pixels: output pixel (i, j) of image k shows the input
at (i + field[k, 0, i, j], j + field[k, 1, i, j]). Fields of several deformations add.
"""

from __future__ import annotations

import math

import numpy as np

from dbnvis.settings import check_value

#: A Gaussian's weight beyond this many standard deviations is left out.
TRUNCATE = 3.0


def random_affine(
    n: int,
    shape: tuple[int, int],
    *,
    rng: np.random.Generator,
    rotation: float = 15.0,
    scale: float = 0.15,
    shear: float = 0.15,
    shift: float = 1.0,
) -> np.ndarray:
    """Draw `n` affine maps about the image's centre, as displacement fields.

    Every parameter is uniform within plus or minus its range.

    Parameters
    ----------
    n : int
    shape : (int, int)
        Height and width of the images, in pixels.
    rng : numpy Generator
    rotation : float
        Range of the angle, in degrees.
    scale : float
        Range of the logarithm of the zoom, drawn for each axis.
    shear : float
        Range of the horizontal displacement per pixel of height (slant).
    shift : float
        Range of the translation along each axis, in pixels.

    Returns
    -------
    array (n, 2, H, W)
        float32, in pixels.
    """
    u = rng.uniform(-1.0, 1.0, (6, n))
    angle, slant = math.radians(rotation) * u[0], shear * u[1]
    zoom_y, zoom_x = np.exp(scale * u[2:4])
    cos, sin = np.cos(angle), np.sin(angle)
    # rotation @ slant @ zoom, minus the identity: what a pixel moves by, per pixel from the centre
    linear = np.empty((n, 2, 2))
    linear[:, 0, 0] = (cos - sin * slant) * zoom_y - 1.0
    linear[:, 0, 1] = -sin * zoom_x
    linear[:, 1, 0] = (sin + cos * slant) * zoom_y
    linear[:, 1, 1] = cos * zoom_x - 1.0
    grid = np.indices(shape).reshape(2, -1) - (np.array(shape)[:, None] - 1) / 2  # (2, H * W)
    field = linear @ grid + shift * u[4:].T[:, :, None]
    return field.reshape(n, 2, *shape).astype(np.float32)


def elastic_field(
    n: int, shape: tuple[int, int], *, rng: np.random.Generator, sigma: float = 4.0, alpha: float = 34.0
) -> np.ndarray:
    """Draw `n` elastic deformations: uniform noise, smoothed by a Gaussian, times `alpha`.

    Parameters
    ----------
    n : int
    shape : (int, int)
        Height and width of the images, in pixels.
    rng : numpy Generator
    sigma : float
        Standard deviation of the Gaussian, in pixels: the size of the deformation's folds.
    alpha : float
        Strength. Far from small `sigma`, the root mean square displacement along each axis is
        alpha / (sigma * sqrt(12 * pi)): 1.4 pixels for the defaults, the paper's values for MNIST.

    Returns
    -------
    array (n, 2, H, W)
        float32, in pixels.

    Raises
    ------
    ValueError
        If `sigma` is not positive.

    References
    ----------
    Simard, Steinkraus & Platt (2003), "Best Practices for Convolutional Neural Networks Applied to Visual
    Document Analysis", section 2.
    """
    check_value("sigma", sigma, float, "(0, inf)")
    reach = math.ceil(TRUNCATE * sigma)
    # The noise reaches beyond the image on every side, so that the field is as strong at the edges.
    height, width = (side + 2 * reach for side in shape)
    noise = rng.random((n, 2, height, width), dtype=np.float32)
    noise *= 2.0
    noise -= 1.0
    rows, columns = (_smoothing(side, sigma, reach) for side in shape)
    # In double precision, whose last bits, other on other processors, no image shows.
    return (alpha * (rows @ noise @ columns.T)).astype(np.float32)


def _smoothing(side: int, sigma: float, reach: int) -> np.ndarray:
    """Return the matrix (side, side + 2 * reach) that smooths a line by a Gaussian."""
    offset = np.arange(side + 2 * reach) - np.arange(side)[:, None] - reach
    weights = np.where(abs(offset) <= reach, np.exp(-0.5 * (offset / sigma) ** 2), 0.0)
    return weights / weights.sum(axis=1, keepdims=True)


def warp(images: np.ndarray, displacement: np.ndarray) -> np.ndarray:
    """Move every image's pixels by a displacement field, with bilinear interpolation.

    Parameters
    ----------
    images : array (n, H, W)
        Outside its frame an image is 0.
    displacement : array (n, 2, H, W)
        In pixels: where each output pixel looks, relative to itself (row, then column).

    Returns
    -------
    array (n, H, W)
        float32. A zero displacement returns the images, a whole number of pixels shifts them exactly.

    Raises
    ------
    ValueError
        If the shapes do not match.
    """
    n, height, width = images.shape
    if displacement.shape != (n, 2, height, width):
        raise ValueError(
            f"expected a displacement of shape {(n, 2, height, width)} for images {images.shape}, "
            f"got {displacement.shape}"
        )
    # One row and column of zeros before the image and two after: every clipped position has four neighbours.
    padded = np.pad(np.asarray(images, np.float32), ((0, 0), (1, 2), (1, 2)))
    stride = width + 3
    y = np.clip(displacement[:, 0] + np.arange(1, height + 1, dtype=np.float32)[:, None], 0, height + 1)
    x = np.clip(displacement[:, 1] + np.arange(1, width + 1, dtype=np.float32), 0, width + 1)
    top, left = y.astype(np.int32), x.astype(np.int32)  # floor: both are at least 0
    y -= top
    x -= left
    corner = top * stride + left + np.arange(n)[:, None, None] * ((height + 3) * stride)
    flat = padded.ravel()

    def neighbour(offset: int) -> np.ndarray:
        return flat.take(corner + offset)

    upper = neighbour(0) * (1 - x) + neighbour(1) * x
    lower = neighbour(stride) * (1 - x) + neighbour(stride + 1) * x
    return upper * (1 - y) + lower * y
