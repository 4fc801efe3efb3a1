"""Images of a data set that a page brings along, to look at and to start drawings from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import datasets
from ..datasets import Dataset
from ..figures.study import Study
from .payload import Blobs

#: Images, by the size of the page.
IMAGES = {"full": 500, "mail": 100}
#: The data set that is embedded in the package, and its images' shape.
EMBEDDED, SHAPE = "digits", (28, 28)


@dataclass(frozen=True)
class Pool:
    """Test images as bytes (N, *shape), 0 to 255 for pixels from 0 to 1, with labels (N,) where there are some."""

    dataset: str
    images: np.ndarray
    labels: np.ndarray | None
    classes: tuple[str, ...] = ()

    @classmethod
    def first(cls, data: Dataset, n: int) -> Pool:
        """The first `n` test images of a data set whose pixels lie in [0, 1]."""
        images = np.rint(255 * data.test_images[:n]).astype("uint8")
        labels = None if data.test_labels is None else data.test_labels[:n]
        kind = "uint8" if labels is None or labels.max() < 256 else "uint16"
        return cls(data.name, images, None if labels is None else labels.astype(kind), data.class_names)

    @property
    def pixels(self) -> np.ndarray:
        """The images as models take them, float32 (N, *shape)."""
        return self.images.astype("float32") / 255

    def entry(self, blobs: Blobs) -> dict[str, Any]:
        """The header's entry; the images go to `blobs`."""
        return {
            "dataset": self.dataset,
            "part": "test",
            "shape": list(self.images.shape[1:]),
            "n": len(self.images),
            "images": blobs.array("pool.images", self.images),
            "labels": None if self.labels is None else blobs.array("pool.labels", self.labels),
            **({"classes": list(self.classes)} if self.classes else {}),
            "range": [0, 1],
        }


def find(studies: Sequence[Study], size: str) -> tuple[Pool | None, list[str]]:
    """Images that all models of the page take, and sentences that say where these are none, or which others."""
    shapes = {tuple(study.model.input_shape) for study in studies}
    ranges = {tuple(map(float, study.model.input_range)) for study in studies}
    if len(shapes) > 1:
        return None, ["The models take images of several shapes, so the page brings no images along."]
    if ranges != {(0.0, 1.0)}:
        return None, ["The models' pixels are not all numbers from 0 to 1, so the page brings no images along."]
    (shape,) = shapes
    for study in studies:
        if study.data is not None and tuple(study.data.input_shape) == shape:
            return Pool.first(study.data, IMAGES[size]), []
    names = ", ".join(dict.fromkeys(study.dataset for study in studies))
    if shape != SHAPE:
        return None, [f"No images of {names} at hand ({datasets.advice(studies[0].dataset)}): the page brings none."]
    note = f"No images of {names} at hand: the page's images are those of {EMBEDDED}, which ship with the package."
    return Pool.first(datasets.load(EMBEDDED, download=False), IMAGES[size]), [note]
