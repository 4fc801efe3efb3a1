"""How much a filter looks like a Gabor function: a least-squares fit to each filter.

    g(x, y) = exp(-u^2 / (2 su^2) - w^2 / (2 sw^2)) * (p cos(k u) + q sin(k u)),

u and w being the coordinates across and along the stripes, from the centre. All filters and all starts are fitted as
one batch by Levenberg & Marquardt's method (Marquardt 1963).

References
----------
Marquardt (1963), "An algorithm for least-squares estimation of nonlinear parameters".
Daugman (1985), "Uncertainty relation for resolution in space, spatial frequency, and orientation optimized by
two-dimensional visual cortical filters".
Jones & Palmer (1987), "An evaluation of the two-dimensional Gabor filter model of simple receptive fields in cat
striate cortex".
Marr & Hildreth (1980), "Theory of edge detection".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module, check_rng, to_numpy
from ..display import Brief

WIDTHS = (1.0, 2.5)  # pixels: standard deviations of the envelope to start from
FREQUENCIES = (0.6, 1.0)  # to start from, as multiples of the spectrum's peak
NARROWEST = 0.5  # pixels
PADDED = 4  # the spectrum is sampled that much finer than the filter's size asks for
MAX_STEPS = 100
TOLERANCE = 1e-6  # relative gain of a step below which a fit stops counting as progress


@dataclass(frozen=True, repr=False)
class GaborFits(Brief):
    """The best fit of each of N filters, on the host; lengths in pixels, angles in radians.

    Parameters
    ----------
    fits : array (N, H, W)
        The fitted functions.
    r2 : array (N,)
        Explained variance: 1 - squared error / squared norm of the filter.
    amplitude, phase : array (N,)
        The carrier is amplitude * cos(2 pi frequency u + phase), u growing to the right (downwards where the stripes
        are horizontal), the phase in [-pi, pi].
    row, column : array (N,)
        Centre, from that of the upper left pixel.
    orientation : array (N,)
        Of the stripes, counter-clockwise from the horizontal, in [0, pi).
    frequency : array (N,)
        Cycles per pixel.
    across, along : array (N,)
        Standard deviations of the envelope across and along the stripes.
    bandwidth : array (N,)
        Octaves between the frequencies at which the spectrum of the envelope, moved to the carrier's frequency, has
        half its peak; infinite if that reaches down to zero.
    """

    fits: Array
    r2: Array
    amplitude: Array
    phase: Array
    row: Array
    column: Array
    orientation: Array
    frequency: Array
    across: Array
    along: Array
    bandwidth: Array


def fit_gabors(filters: Array) -> GaborFits:
    """Fit a Gabor function to each of `filters` (N, H, W), from several starts at the peak of its spectrum.

    The centre stays on the filter, the frequency below 0.5 cycles per pixel, and each width between half a pixel and
    the filter's size. A good fit alone makes no filter a Gabor function: single pixels and planes are explained to 99 %
    of their variance, differences of Gaussians to 93 %; see `null_filters`, `is_band_pass` and `is_local`.

    Raises
    ------
    ValueError
        If a filter is all zero or not finite.
    """
    pixels = to_numpy(filters).reshape(len(filters), -1).astype("float64")
    xp, (n, height, width) = array_module(pixels), filters.shape
    norms = xp.sqrt((pixels * pixels).sum(axis=1))
    if not bool(((norms > 0) & xp.isfinite(norms)).all()):
        raise ValueError("expected filters that are finite and not all zero")
    starts = _starts(pixels.reshape(n, height, width))  # (S, N, 8)
    targets = xp.tile(pixels / norms[:, None], (len(starts), 1))
    parameters, errors = _descend(starts.reshape(-1, 8), targets, (height, width))
    errors = errors.reshape(len(starts), n)
    best = errors.argmin(axis=0)
    parameters = parameters.reshape(len(starts), n, 8)[best, xp.arange(n)]
    p, q, row, column, angle, k, across, along = parameters.T
    turned = xp.cos(angle) < 0
    spread = math.sqrt(2 * math.log(2)) / xp.exp(across)  # from k to where the spectrum has half its peak
    low_pass = spread >= k
    octaves = xp.log2((k + spread) / xp.where(low_pass, 1.0, k - spread))
    return GaborFits(
        fits=(_gabor(parameters, (height, width))[0] * norms[:, None]).reshape(n, height, width),
        r2=1 - errors[best, xp.arange(n)],
        amplitude=norms * xp.hypot(p, q),
        phase=xp.where(turned, -1, 1) * xp.arctan2(-q, p),
        row=row,
        column=column,
        orientation=xp.mod(math.pi / 2 - angle, math.pi),
        frequency=k / (2 * math.pi),
        across=xp.exp(across),
        along=xp.exp(along),
        bandwidth=xp.where(low_pass, math.inf, octaves),
    )


def is_band_pass(fits: GaborFits) -> Array:
    """Whether each fitted function has less than half its spectrum's peak at frequency zero: (N,).

    That leaves out spots: single pixels, and differences of Gaussians as they are fitted.
    """
    xp = array_module(fits.fits)
    spectra = xp.abs(xp.fft.rfft2(fits.fits, [PADDED * side for side in fits.fits.shape[1:]]))
    return spectra[:, 0, 0] < spectra.max(axis=(1, 2)) / 2


def is_local(fits: GaborFits) -> Array:
    """Whether both widths of each envelope are below half the filter's shorter side: (N,). That leaves out planes."""
    return array_module(fits.across).maximum(fits.across, fits.along) < min(fits.fits.shape[1:]) / 2


def null_filters(shape: tuple[int, int], n: int, *, rng: Any) -> dict[str, Array]:
    """Filters (n, *shape) that are no Gabor functions, by name: what fits are compared with.

    White noise; differences of Gaussians in the ratio 1.6 (Marr & Hildreth 1980), of equal sums, the inner one 0.8 to
    2.5 pixels wide, their centres in the middle half; single pixels of a random place; and planes, that is brightness
    that grows in a random direction.
    """
    check_rng(rng)
    xp, (height, width) = array_module(rng.random(1)), shape
    y, x = xp.arange(height)[:, None], xp.arange(width)[None, :]  # (H, 1) and (1, W)
    row, column, size, angle, place = (rng.random((n, 1, 1)) for _ in range(5))
    squares = (y - (height - 1) * (0.25 + row / 2)) ** 2 + (x - (width - 1) * (0.25 + column / 2)) ** 2
    widths = 0.8 + 1.7 * size
    inner, outer = (xp.exp(-squares / (2 * s * s)) / (s * s) for s in (widths, 1.6 * widths))
    pixels = xp.arange(height * width).reshape(1, height, width) == (place * height * width).astype(int)
    angle = 2 * math.pi * angle
    return {
        "white noise": rng.standard_normal((n, *shape)),
        "differences of Gaussians": inner - outer,
        "single pixels": pixels.astype(float),
        "planes": xp.cos(angle) * (x - (width - 1) / 2) + xp.sin(angle) * (y - (height - 1) / 2),
    }


def _gabor(parameters: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Values (R, P) of the Gabor functions with `parameters` (R, 8), and their derivatives by each (R, 8, P).

    The parameters are p, q, centre's row and column, angle of u to the columns' axis, k, log su, log sw.
    """
    xp = array_module(parameters)
    p, q, row, column, angle, k, across, along = parameters.T[..., None]
    y, x = xp.arange(shape[0]).repeat(shape[1]) - row, xp.tile(xp.arange(shape[1]), shape[0]) - column
    cos, sin = xp.cos(angle), xp.sin(angle)
    u, w = x * cos + y * sin, y * cos - x * sin
    u2, w2 = u * u * xp.exp(-2 * across), w * w * xp.exp(-2 * along)
    envelope = xp.exp(-(u2 + w2) / 2)
    even, odd = envelope * xp.cos(k * u), envelope * xp.sin(k * u)
    value, quadrature = p * even + q * odd, q * even - p * odd
    by_u, by_w = k * quadrature - value * u * xp.exp(-2 * across), -value * w * xp.exp(-2 * along)
    return value, xp.stack(
        [
            even,
            odd,
            -by_u * sin - by_w * cos,
            -by_u * cos + by_w * sin,
            by_u * w - by_w * u,
            quadrature * u,
            value * u2,
            value * w2,
        ],
        axis=1,
    )


def _starts(filters: Array) -> Array:
    """Where the fits of `filters` (N, H, W) begin: parameters (S, N, 8) with p = q = 0.

    The centre is the energy's, angle and frequency are those of the spectrum's peak.
    """
    xp, (n, height, width) = array_module(filters), filters.shape
    energy = filters * filters / (filters * filters).sum(axis=(1, 2), keepdims=True)
    row, column = energy.sum(axis=2) @ xp.arange(height), energy.sum(axis=1) @ xp.arange(width)
    size = PADDED * max(height, width)
    power = xp.abs(xp.fft.rfft2(filters, (size, size))).reshape(n, -1)
    peak = power.argmax(axis=1)
    ky = 2 * math.pi * xp.fft.fftfreq(size)[peak // (size // 2 + 1)]
    kx = 2 * math.pi * xp.fft.rfftfreq(size)[peak % (size // 2 + 1)]
    zero = xp.zeros(n)
    return xp.stack(
        [
            xp.stack(
                [zero, zero, row, column, xp.arctan2(ky, kx), scale * xp.hypot(kx, ky)] + [zero + math.log(s)] * 2,
                axis=1,
            )
            for scale in FREQUENCIES
            for s in WIDTHS
        ]
    )


def _descend(x: Array, targets: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Fit `targets` (R, P), of norm 1, from the parameters `x` (R, 8): parameters there, squared errors (R,)."""
    xp = array_module(x)
    limit = math.log(max(shape))
    low = xp.asarray([-math.inf, -math.inf, 0, 0, -math.inf, 0, math.log(NARROWEST), math.log(NARROWEST)])
    high = xp.asarray([math.inf, math.inf, shape[0] - 1, shape[1] - 1, math.inf, math.pi, limit, limit])
    result, errors = xp.clip(x, low, high), (targets * targets).sum(axis=1)
    rows = xp.arange(len(x))  # of those that still make progress
    x, damping = result, xp.full(len(x), 1e-2)
    value, slopes = _gabor(x, shape)
    for _ in range(MAX_STEPS):
        residual = targets[rows] - value
        normal = slopes @ slopes.transpose(0, 2, 1)  # (R, 8, 8)
        diagonal = xp.einsum("rii->ri", normal)
        damped = normal + xp.eye(8) * (damping[:, None] * diagonal + 1e-9)[:, :, None]
        step = xp.linalg.solve(damped, slopes @ residual[..., None])[..., 0]
        proposal = xp.clip(x + step, low, high)
        new_value, new_slopes = _gabor(proposal, shape)
        error = ((targets[rows] - new_value) ** 2).sum(axis=1)
        gain = errors[rows] - error
        better = gain > 0
        x = xp.where(better[:, None], proposal, x)
        value = xp.where(better[:, None], new_value, value)
        slopes = xp.where(better[:, None, None], new_slopes, slopes)
        damping = xp.where(better, damping * 0.3, damping * 5)
        result[rows], errors[rows] = x, xp.where(better, error, errors[rows])
        going = xp.where(better, gain > TOLERANCE * errors[rows], damping < 1e6)
        if not going.all():
            x, value, slopes, damping, rows = (a[going] for a in (x, value, slopes, damping, rows))
        if len(rows) == 0:
            break
    return result, errors
