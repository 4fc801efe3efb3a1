"""Pictures of a report, as PNG files in memory."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from .. import plot
from ..backend import Array
from ..figures.study import Study
from ..results import Arrays, Table, Writer

GREY = 128  # of zero, in pictures of both signs
LEAST, MOST = 28, 96  # pixels of a tile's longer side


@dataclass
class Kept(Writer):
    """A writer that keeps figures as PNG files in memory, by name, and writes nothing."""

    pictures: dict[str, bytes] = field(default_factory=dict)

    def figure(self, name: str, figure: Any, arrays: Arrays = None, rows: Table = (), **facts: Any) -> None:
        file = io.BytesIO()
        plot.save(figure, file)
        self.pictures[name] = file.getvalue()


def tile(study: Study, image: Array, symmetric: bool) -> bytes:
    """A picture (*input_shape) of a unit as a PNG of 8 bits, in the greys of the package's figures.

    One of both signs is scaled by its largest |value|, zero is mid-grey; others by the range of the pixels.

    Raises
    ------
    ValueError
        If a pixel is NaN.
    """
    image = np.asarray(study.drawn(image), "float64")
    if np.isnan(image).any():
        raise ValueError("a picture of NaN cannot be drawn; leave it out")
    if symmetric or study.within is None:
        largest = float(np.abs(image).max())
        levels = GREY + 127 * image / (largest if largest > 0 else 1)
    else:
        low, high = study.within
        levels = 255 * (image - low) / (high - low)
    levels = np.clip(np.rint(levels), 0, 255).astype("uint8")
    levels = np.moveaxis(levels, 0, -1) if levels.ndim == 3 and len(levels) == 3 else levels.reshape(levels.shape[-2:])
    times = max(1, -(-LEAST // max(levels.shape[:2])))
    picture = Image.fromarray(levels.repeat(times, 0).repeat(times, 1))
    picture.thumbnail((MOST, MOST))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()
