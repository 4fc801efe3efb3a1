"""The first images of a data set, and what it is, in words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import plot
from ..datasets import Dataset
from ..results import Writer, versions

SHOWN, COLUMNS, TILE = 36, 9, 0.62
CLASSES = 12  # of which a description counts the images


def described(data: Dataset) -> list[str]:
    """What a data set is, in lines: shapes, range, classes and how many images of each, what was done to them."""
    shape, (low, high) = data.input_shape, data.input_range
    colours = "in colour, channels red, green and blue" if len(shape) == 3 and shape[0] == 3 else "grey"
    bounded = math.isfinite(low) and math.isfinite(high)
    images = data.train_images
    lines = [
        f"{len(images):,} images to learn from, {len(data.test_images):,} to test with",
        f"each {shape[-2]} x {shape[-1]} pixels (rows x columns), {colours}: an array {shape}",
        f"pixels from {images.min():.3g} to {images.max():.3g}, on average {images.mean(dtype=np.float64):.3g}; "
        + (f"their range is {low:g} to {high:g}" if bounded else "real numbers without a range"),
        f"mean norm {data.mean_norm:.3f}",
        _classes(data),
        *data.steps,
        f"sha256 {data.sha256}",
    ]
    units = "binary units, pixels being probabilities" if (low, high) == (0, 1) else "Gaussian units"
    return [*lines, f"what a network of dbnvis does with them: {units} (dbnvis train --dataset PATH)"]


def _classes(data: Dataset) -> str:
    """The classes, and how many training images each has."""
    if data.train_labels is None:
        return "no labels: dbnvis train --family dbn or sdae needs none, a convnet does"
    counts = np.bincount(data.train_labels)
    shown = [f"{name} {n:,}" for name, n in zip(data.classes(len(counts)), counts, strict=True)][:CLASSES]
    more = f" and {len(counts) - CLASSES} more" if len(counts) > CLASSES else ""
    return f"{len(counts)} class{'es' * (len(counts) != 1)}, images to learn from: {', '.join(shown)}{more}"


def first_images(data: Dataset, writer: Writer) -> None:
    """Draw the first training images of a data set, with their classes below them."""
    images, labels = data.train_images[:SHOWN], data.train_labels
    captions = None
    if labels is not None:
        names = data.classes(int(labels.max()) + 1)
        captions = [names[i][:10] for i in labels[:SHOWN]]
    low, high = data.input_range
    bounded = math.isfinite(low) and math.isfinite(high)
    panel = plot.Panel(
        images, not bounded, COLUMNS, captions=captions, within=(low, high) if bounded else None, outlined=True
    )
    figure = plot.sheet(
        [panel],
        heading=f"{data.name}: the first {len(images)} of {len(data.train_images):,} images to learn from",
        caption="Images as a network sees them.",
        key="; ".join(data.steps),
        tile=TILE,
    )
    facts: dict[str, Any] = {"dataset": data.name, "data_sha256": data.sha256, "versions": versions("numpy")}
    writer.figure(
        f"first_images-{data.sha256[:8]}", figure, {"images": images}, **facts, settings={"steps": list(data.steps)}
    )
