"""A sheet of digits and their deformations, by index (Loosli, Canu & Bottou 2007)."""

from __future__ import annotations

import numpy as np

from .. import plot, results
from ..datasets import Dataset, infinite
from ..results import Writer

COLUMNS, SHOWN = 12, 36  # tiles of a digit: itself and 35 deformations
CAPTION = """Blue frame: a training digit as it is; then 35 of its 134 deformations. Every deformation is another way to
write the same digit: strokes bend, lean and move by a pixel, and the class stays."""
KEY = """Two of 1,522 smooth fields displace a digit along both axes, to first order, and most are shifted by a pixel,
too, as the published function of the index says (Loosli, Canu & Bottou 2007); the fields are rebuilt, sigma {sigma:g}
and alpha {alpha:g} (Simard et al. 2003)."""


def deformations(data: Dataset, writer: Writer, classes: tuple[int, ...] = (2, 4, 5, 8)) -> None:
    """Draw the first digit of each of `classes` and 35 of its deformations.

    Raises
    ------
    ValueError
        If the data set's pixels are not in [0, 1], or it has no images of one of the classes.
    """
    digits, labels = infinite.InfiniteDigits(data), data.train_labels
    if labels is None or not set(classes) <= set(labels.tolist()):
        raise ValueError(f"expected digits of the classes {classes}, and {data.name} lacks some")
    index = digits.n_test + np.array([np.flatnonzero(labels == c)[0] for c in classes])
    index = index[:, None] + digits.n_train * np.arange(SHOWN)  # (classes, 36)
    images = digits.images(index.ravel()).reshape(*index.shape, *digits.shape)
    frames = [plot.BLUE] + [""] * (SHOWN - 1)
    panels = [
        plot.Panel(tiles, False, COLUMNS, title=f"indices {row[0]} + {digits.n_train} n", frames=frames)
        for tiles, row in zip(images, index, strict=True)
    ]
    fields = {"sigma": infinite.SIGMA, "alpha": infinite.ALPHA}
    figure = plot.sheet(
        panels,
        heading=f"{data.name}, deformed without end",
        caption=CAPTION.replace("\n", " "),
        key=KEY.replace("\n", " ").format(**fields),
        side_by_side=False,
    )
    facts = {"indices": index.tolist(), "fields": {**fields, "seed": infinite.SEED}, "data_sha256": digits.sha256}
    facts |= {"dataset": data.name, "versions": results.versions("numpy")}
    writer.figure("infinite", figure, {"images": images}, **facts)
