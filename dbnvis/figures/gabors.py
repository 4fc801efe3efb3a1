"""Are the first-layer filters Gabor functions? The recipe for patches, the fits, a table and a figure."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np

from .. import plot
from ..backend import Array, to_numpy
from ..evaluate.gabor import GaborFits, fit_gabors, is_band_pass, is_local, null_filters
from ..plot import BLUE, Panel
from ..train import CDConfig
from .study import Study

#: Hidden units of a DBN of patches, and how each layer is trained. The L1 penalty makes first-layer filters local, and
#: with the variance of the data, no less, a filter is worth using only where it fits well: it becomes a Gabor function.
#: The layers above have sparse input, which takes a higher rate and weaker penalties than pixels do; with the centered
#: gradient some of their units only respond where all below are silent.
ABOVE = CDConfig(epochs=20, learning_rate=0.2, centered=False, weight_decay=2e-4, l1_decay=0.0, sparsity_target=0.05)
PATCHES_RECIPE: tuple[tuple[int, ...], tuple[CDConfig, ...]] = (
    (400, 256, 144),
    (
        CDConfig(epochs=20, learning_rate=0.4, centered=False, l1_decay=5e-4, sparsity_target=0.05, variance=0.1),
        ABOVE,
        ABOVE,
    ),
)
GOOD = 0.8  # explained variance of a good fit; white noise has 0.25 at most, filters with shuffled pixels 0.5
NEAREST = "differences of Gaussians"  # of the nulls
NULLS = 200  # filters of each kind that are no Gabor functions
SECTORS = 8  # of the half circle, to count orientations in
COLUMNS, TILE, SHOWN = 10, 0.36, 100  # at most so many filters are drawn, evenly spread in the order of fits
CAPTION = (
    "Left: filters of the first layer; right, at the same places: the Gabor function nearest to each, best fit first. "
    "Blue frame: a good fit. Look for edges of all orientations, sizes and places."
)


def gabor_tables(study: Study) -> None:
    """The figure of `gabors`, a table with a row per filter, and its summary."""
    rows, summary = gabors(study)
    study.save_table("gabor", rows)
    study.save_table("gabor_summary", [summary])


def gabors(study: Study) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Fit the first layer's filters, draw them beside their fits, best first, and return rows of two tables.

    Returns
    -------
    rows : list of dict
        One per filter that is not all zero.
    summary : dict
    """
    if "h1" not in study.model.layer_names or len(study.model.layer_shape("h1")) > 1:
        raise ValueError(
            f"Gabor functions are fitted to a dense layer h1; the model has {', '.join(study.model.layer_names)}"
        )
    if len(study.model.input_shape) != 2:
        raise ValueError(f"Gabor functions are fitted to grey filters, those of h1 are {study.model.input_shape}")
    filters = to_numpy(study.model.network.weighted("h1").W).T.reshape(-1, *study.model.input_shape)
    units = np.flatnonzero(np.abs(filters).max(axis=(1, 2)) > 0)
    if not len(units):
        raise ValueError(f"all {len(filters)} filters of layer h1 are zero; there is nothing to fit")
    fits = fit_gabors(filters[units])
    pixels = filters[units].reshape(len(units), -1)
    rng = np.random.default_rng(study.seed)
    nulls = {"shuffled pixels": rng.permuted(pixels, axis=1).reshape(-1, *study.model.input_shape)}
    height, width = study.model.input_shape
    nulls |= null_filters((height, width), NULLS, rng=rng)
    null_fits = {name: fit_gabors(x) for name, x in nulls.items()}
    summary = {"units": len(filters), "all zero": len(filters) - len(units), **_summary(fits, null_fits)}
    order = np.argsort(-fits.r2, kind="stable")
    step = -(-len(order) // SHOWN)
    order = order[::step]
    good = [BLUE if r2 >= GOOD else "" for r2 in fits.r2[order]]
    captions = [f"{unit}" for unit in units[order]], [f"{r2:.2f}" for r2 in fits.r2[order]]
    panels = [
        Panel(tiles[order], True, COLUMNS, title, captions=caption, frames=frames)
        for tiles, title, caption, frames in (
            (filters[units], "filters, unit", captions[0], None),
            (fits.fits, "Gabor functions, explained variance", captions[1], good),
        )
    ]
    figure = plot.sheet(
        panels,
        heading=(
            f"{study.heading}: the {len(units)} filters of layer h1 and the Gabor function nearest to each, "
            f"best fit first; {summary['good fits that are band-pass, %']} % explained to {100 * GOOD:.0f} % or more "
            f"by a band-pass, {summary['good fits, %']} % by any"
        ),
        caption=CAPTION,
        key=(
            f"{f'One in {step} filters is drawn. ' if step > 1 else ''}"
            f"Framed: explained variance {GOOD} or more. Of the same filters with their pixels shuffled 99 % are "
            f"explained to less than {summary['shuffled pixels: explained variance, 99th percentile']}. "
            f"Spots are told from them by the band-pass: of {NEAREST} {_of(summary, NEAREST)}. "
            f"Filters are drawn in the space of the data{', which is whitened' if study.whitened else ''}."
        ),
        tile=TILE,
    )
    study.save("gabor", figure, {"filters": filters[units], "unit": units, **asdict(fits)}, good=GOOD)
    return _rows(units, fits), summary


def _rows(units: Array, fits: GaborFits) -> list[dict[str, Any]]:
    columns = {
        "unit": units,
        "explained variance": fits.r2,
        "orientation, degrees": np.degrees(fits.orientation),
        "frequency, cycles per pixel": fits.frequency,
        "bandwidth, octaves": fits.bandwidth,
        "phase, degrees": np.degrees(fits.phase),
        "amplitude": fits.amplitude,
        "centre row": fits.row,
        "centre column": fits.column,
        "width across, pixels": fits.across,
        "width along, pixels": fits.along,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [{name: _rounded(x) for name, x in zip(columns, row, strict=True)} for row in rows]


def _of(summary: dict[str, Any], null: str) -> str:
    """What a null shows, in words."""
    good, band_pass = (summary[f"{null}: {what}, %"] for what in ("good fits", "good fits that are band-pass"))
    return f"{good:g} % are fitted so well, {band_pass:g} % by a band-pass"


def _shares(fits: GaborFits) -> dict[str, float]:
    """How many of the filters count as Gabor functions, by ever stricter rules, in per cent."""
    good = fits.r2 >= GOOD
    band_pass = good & is_band_pass(fits)
    return {
        "good fits, %": 100 * good.mean(),
        "good fits that are band-pass, %": 100 * band_pass.mean(),
        "good fits that are band-pass and local, %": 100 * (band_pass & is_local(fits)).mean(),
    }


def _summary(fits: GaborFits, nulls: dict[str, GaborFits]) -> dict[str, Any]:
    gabor = (fits.r2 >= GOOD) & is_band_pass(fits)
    summary = {
        "median explained variance": np.median(fits.r2),
        **_shares(fits),
        "shuffled pixels: explained variance, 99th percentile": np.percentile(nulls["shuffled pixels"].r2, 99),
    }
    for name, null in nulls.items():
        summary |= {f"{name}: {what}": share for what, share in _shares(null).items()}
    if gabor.any():
        angle, frequency = fits.orientation[gabor], fits.frequency[gabor]
        low, median, high = np.percentile(frequency, [5, 50, 95])
        summary |= {
            "orientations: resultant of the doubled angles, 0 evenly spread, 1 all the same": abs(
                np.exp(2j * angle).mean()
            ),
            f"orientations: sectors of {180 / SECTORS:g} degrees in use, of {SECTORS}": len(
                np.unique((angle * SECTORS / math.pi).astype(int))
            ),
            "frequency, cycles per pixel: 5th percentile": low,
            "frequency, cycles per pixel: median": median,
            "frequency, cycles per pixel: 95th percentile": high,
            "bandwidth, octaves: median": np.median(fits.bandwidth[gabor]),
            "width along over width across: median": np.median(fits.along[gabor] / fits.across[gabor]),
        }
    return {name: _rounded(x) for name, x in summary.items()}


def _rounded(x: Any) -> Any:
    return x if isinstance(x, int) else round(float(x), 3)
