"""Whitening of photographs after Olshausen & Field, and the way back for pictures of the size of a patch.

Photographs have spectra that fall about as 1 / rho, the spatial frequency (Field 1987). The filter

    rho * exp(-(rho / f0)^4),    f0 = 0.4 of the sampling frequency: 0.4 N cycles per picture of N pixels,

makes them flat up to the cut-off, beyond which pictures hold mostly noise and the corners of a square lattice. Here rho
is in cycles per pixel, so that the filter is the same for a picture of any size and shape, square or not, and the
frequencies are those of the picture and its mirror images (a cosine transform), so that no edge comes from joining
opposite sides.

References
----------
Field (1987), "Relations between the statistics of natural images and the response properties of cortical cells".
Olshausen & Field (1996), "Emergence of simple-cell receptive field properties by learning a sparse code for natural
images".
"""

from __future__ import annotations

import numpy as np

CUTOFF = 0.4  # f0, cycles per pixel
VARIANCE = 0.1  # of the pixels of a whitened picture
NOISE = 0.01  # power of the noise that `unwhiten` reckons with, relative to the pictures'


def frequencies(shape: tuple[int, int]) -> np.ndarray:
    """Radial frequency of each cosine of a picture of `shape` (H, W): (H, W), in cycles per pixel."""
    rows, columns = (np.arange(n) / (2 * n) for n in shape)
    return np.hypot(rows[:, None], columns)


def whitening_filter(rho: np.ndarray) -> np.ndarray:
    """rho * exp(-(rho / f0)^4) of radial frequencies in cycles per pixel."""
    return rho * np.exp(-((rho / CUTOFF) ** 4))


def whiten(image: np.ndarray) -> np.ndarray:
    """Whiten a picture (H, W), and scale it to mean 0 and variance 0.1.

    Parameters
    ----------
    image : array (H, W)
        Luminance in any unit.

    Returns
    -------
    array (H, W)
        float64.

    Raises
    ------
    ValueError
        If the picture is of one grey.
    """
    image = np.asarray(image, np.float64)
    if image.min() == image.max():
        raise ValueError(f"a picture of one grey ({image.min():g}) has nothing to whiten")
    flat = _filtered(image, whitening_filter(frequencies(image.shape)))
    return flat * np.sqrt(VARIANCE / flat.var())


def unwhiten(images: np.ndarray) -> np.ndarray:
    """Map whitened pictures (..., H, W) back to luminance, up to a factor and their mean, which whitening loses.

    The inverse filter, but for frequencies so high that the cut-off left nothing of them: the estimate of least mean
    squared error (Wiener 1949) for pictures with spectrum 1 / rho whose whitened form carries noise, as white, of 1 %
    of their power below the cut-off.

    Returns
    -------
    array (..., H, W)
        float64, each of mean 0.

    References
    ----------
    Wiener (1949), "Extrapolation, Interpolation, and Smoothing of Stationary Time Series".
    """
    images = np.asarray(images, np.float64)
    rho = frequencies(images.shape[-2:])
    passed = np.exp(-((rho / CUTOFF) ** 4))  # the filter but for its factor rho
    rho[0, 0] = np.inf
    return _filtered(images, passed / (passed**2 + NOISE) / rho)


def _filtered(images: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Multiply the cosine transform of each image (..., H, W) by `gain` (H, W)."""
    from scipy.fft import dctn, idctn

    return idctn(gain * dctn(images, axes=(-2, -1)), axes=(-2, -1))
