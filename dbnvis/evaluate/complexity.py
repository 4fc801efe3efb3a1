"""How complex a picture is: in parts of first-layer filters, in pixels, in frequencies."""

from __future__ import annotations

from collections.abc import Sequence

from ..backend import Array, array_module
from ..images import UNBOUNDED, as_floats

FLOOR = 0.1  # of the amplitude of white noise: fainter waves count as absent


def novelty(pictures: Array, filters: Array, own: Sequence[int] | None = None) -> Array:
    """1 - |cosine| with the filter that each picture is most like: pictures (N, P), filters (F, P) -> (N,), in [0, 1].

    0 for a picture that is one of the filters, more for one that takes several to draw. `own` (N,) are the rows
    of filters with which the pictures are not compared, for pictures of the filters' own units.
    """
    xp = array_module(pictures, filters)
    alike = xp.abs(_unit(pictures) @ _unit(filters).T)  # (N, F)
    if own is not None:
        alike = xp.where(xp.asarray(own)[:, None] == xp.arange(len(filters)), 0, alike)
    return 1 - alike.max(axis=1)


def extent(pictures: Array) -> Array:
    """Share of the pixels that carry a picture's energy: (N, P) -> (N,), from 1 / P to 1.

    The participation ratio (sum x^2)^2 / (P sum x^4): n / P for n pixels of equal |value|, the others 0.
    """
    pictures = as_floats(pictures, within=UNBOUNDED)
    square = pictures * pictures
    return square.sum(axis=1) ** 2 / (pictures.shape[1] * (square * square).sum(axis=1))


def spectral_entropy(pictures: Array) -> Array:
    """Entropy of the power spectrum, without its constant: (N, H, W) -> (N,), from 0 (one wave) to 1 (all alike).

    In units of the entropy of a flat spectrum.
    """
    xp = array_module(pictures)
    power = (xp.abs(xp.fft.fft2(pictures)) ** 2).reshape(len(pictures), -1)[:, 1:]
    share = power / power.sum(axis=1, keepdims=True)
    entropy = -(share * xp.log(xp.maximum(share, 1e-30))).sum(axis=1)
    return entropy / float(xp.log(xp.asarray(float(power.shape[1]))))


def log_spectrum(pictures: Array) -> Array:
    """Log amplitude spectra of pictures scaled to norm 1: (N, H, W) -> (N, D).

    The same for a picture and its (circular) shifts, and for its negative. White noise has amplitude 1.
    """
    xp = array_module(pictures)
    n = len(pictures)
    scaled = _unit(pictures.reshape(n, -1)).reshape(pictures.shape)
    return xp.log(FLOOR + xp.abs(xp.fft.rfft2(scaled))).reshape(n, -1)


def _unit(x: Array) -> Array:
    x = as_floats(x, within=UNBOUNDED)
    xp = array_module(x)
    return x / xp.maximum(xp.sqrt((x * x).sum(axis=1, keepdims=True)), 1e-12)
