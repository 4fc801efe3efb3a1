"""The test images that figures show; images, maps and patches as tiles, and how many tiles stand in a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ... import plot, views
from ...backend import Array, move, to_numpy
from ..study import Study


def held_out(study: Study, n: int | None = None) -> tuple[Array, Array | None]:
    """The first `n` test images on the model's device, and their labels, if any; ValueError where no images are."""
    data = study.data_at_hand()
    return move(data.test_images[:n], study.model.xp), None if data.test_labels is None else data.test_labels[:n]


def labelled(study: Study, n: int | None = None) -> tuple[Array, Array]:
    """The first `n` test images and their labels; ValueError where there are none."""
    return held_out(study, n)[0], study.data_at_hand().labels[1][:n]


def one_per_class(study: Study) -> tuple[Array, Array]:
    """The first test image of each class that the network takes for it, and the classes."""
    images, labels = labelled(study, 1000)
    scores, _ = views.peaks_of(study.model, images, ["output"])["output"]
    right = to_numpy(scores).argmax(axis=1) == labels
    if not right.any():
        raise ValueError(f"the network takes none of {len(images)} test images for its class; train it longer")
    rows = [int(np.flatnonzero(right & (labels == c))[0]) for c in np.unique(labels[right])]
    return images[study.model.xp.asarray(rows)], labels[rows]


def shown(images: Array) -> Array:
    """Images or maps (N, *input_shape) as tiles on the host, in greys or in three colours; ValueError for others."""
    plot.check_picture(images.shape[1:])
    return to_numpy(images)


def lightness(study: Study, images: Array) -> Array:
    """Images (N, *input_shape) as greys (N, height, width) from 0, the least value of pixels, to 1, the largest."""
    x = shown(images)
    low, high = study.within or (float(x.min()), float(x.max()))
    return ((x if x.ndim == 3 else x.mean(axis=1)) - low) / max(high - low, 1e-12)


def as_tile(x: Array) -> Array:
    """Activations of dense units (H,) as a block, those missing in its last row 0."""
    columns = int(np.ceil(np.sqrt(len(x))))
    return np.pad(x, (0, -len(x) % columns)).reshape(-1, columns)


def patch_tiles(patches: Array) -> tuple[Array, Array]:
    """Patches as tiles with zeros beyond the border, and what lies there (N, height, width)."""
    tiles = shown(patches)
    absent = np.isnan(tiles)
    return np.where(absent, 0, tiles), absent if absent.ndim == 3 else absent.all(axis=1)


def equally_high(counts: Sequence[int], most: int = 8) -> list[int]:
    """Columns of panels of so many tiles that stand beside each other, so that all have the rows of the fullest.

    The fullest has `most` columns at the most.
    """
    rows = max(math.ceil(n / most) for n in counts)
    return [math.ceil(n / rows) for n in counts]
