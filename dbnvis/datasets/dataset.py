"""Images and labels as arrays, checked."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dbnvis.display import Brief
from dbnvis.images import check_images

LONGEST = 1000  # characters of a path that is remembered


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Brief):
    """Images and labels, for training and for testing.

    Parameters
    ----------
    name : str
    train_images, test_images : array (N, H, W), or (N, C, H, W) with C 1 or 3
        float32, in `input_range`; all of one shape.
    train_labels, test_labels : array (N,) or None
        int64, at least 0; None where the images have none.
    sha256 : str
        Hex digest of all four arrays, for manifests.
    input_range : (float, float)
        Of the pixels; (-inf, inf) where they are real numbers, such as whitened ones.
    folder : Path, optional
        Where it was read from; None if it was made.
    path : Path, optional
        Of data of the user's own: what `load` takes in place of a name.
    class_names : tuple of str
        Name of each class, from 0; empty where they have none.
    steps : tuple of str
        What was done to data of the user's own, in words.

    Raises
    ------
    ValueError
        If the arrays are empty, do not belong together, or hold a pixel out of range or not finite, or labels that
        are no integers from 0.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray | None
    test_images: np.ndarray
    test_labels: np.ndarray | None
    sha256: str
    input_range: tuple[float, float] = (0.0, 1.0)
    folder: Path | None = None
    path: Path | None = None
    class_names: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, images, labels in (
            ("train", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if images.ndim != 3 and not (images.ndim == 4 and images.shape[1] in (1, 3)):
                raise ValueError(
                    f"{self.name}: expected {part} images (N, H, W), or (N, C, H, W) with 1 or 3 channels, got shape "
                    f"{images.shape}"
                )
            images = check_images(images, name=f"{self.name}: {part} images", within=self.input_range)
            object.__setattr__(self, f"{part}_images", images)
            if labels is not None:
                _check_labels(labels, len(images), f"{self.name}: ", part)
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(
                f"{self.name}: the train images are {self.train_images.shape[1:]}, "
                f"the test images {self.test_images.shape[1:]}; expected one size"
            )

    def first(self, n: int) -> Dataset:
        """The same data set with the first `n` training images only."""
        return replace(
            self,
            train_images=self.train_images[:n],
            train_labels=None if self.train_labels is None else self.train_labels[:n],
            sha256=f"{self.sha256} [:{n}]",
        )

    @property
    def source(self) -> str:
        """Which data set this is and where it comes from: "mnist from /data/mnist", or "digits, embedded"."""
        where = self.path or self.folder
        return f"{self.name}, embedded" if where is None else f"{self.name} from {where}"

    @property
    def remembered(self) -> dict[str, Any]:
        """What a model keeps of data of the user's own beside name and hash: where they lie, and the classes' names."""
        path = str(self.path or "")
        kept = {"data_path": path} if path and path.isprintable() and len(path) <= LONGEST else {}
        return {**kept, **({"class_names": list(self.class_names)} if self.class_names else {})}

    @property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """Labels of the training and of the test images; ValueError where there are none."""
        if self.train_labels is None or self.test_labels is None:
            raise ValueError(f"a classifier needs labels, and the images of {self.name} have none; try --dataset mnist")
        return self.train_labels, self.test_labels

    @property
    def n_classes(self) -> int:
        """How many classes a classifier of the images tells apart: the largest label and one.

        Raises
        ------
        ValueError
            If the images have no labels, all training images are of one class, the labels are no numbers of classes,
            or a test image is of a class beyond those of the training images.
        """
        train, test = self.labels
        most, beyond = int(train.max()), int(test.max())
        if train.min() == most:
            raise ValueError(
                f"a classifier needs two classes at least; all training images of {self.name} are of {most}"
            )
        if most >= len(train):
            raise ValueError(f"{self.name}: expected classes numbered from 0, got a label {most}; renumber them")
        if beyond > most:
            raise ValueError(f"{self.name}: a test image has label {beyond}, and no training image one above {most}")
        return most + 1

    def classes(self, n: int) -> list[str]:
        """Names of the first `n` classes, in the place of a name that there is not the number."""
        return [self.class_names[i] if i < len(self.class_names) else str(i) for i in range(n)]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of an image: (height, width), or (channels, height, width)."""
        return tuple(self.train_images.shape[1:])

    @cached_property
    def mean_norm(self) -> float:
        """Mean Euclidean norm of the training images."""
        axes = "nij" if self.train_images.ndim == 3 else "ncij"
        squares = np.einsum(f"{axes},{axes}->n", self.train_images, self.train_images)
        return float(np.sqrt(squares).mean(dtype=np.float64))


def arrays_hash(arrays: Sequence[np.ndarray | None]) -> str:
    """sha256 of training images, training labels, test images, test labels, before they are scaled."""
    digest = hashlib.sha256()
    for images, labels in (arrays[:2], arrays[2:]):
        assert images is not None
        # Where there are no labels, zeros keep the hash what it was when there were such labels.
        for array in (images, np.zeros(len(images), np.uint8) if labels is None else np.asarray(labels)):
            digest.update(f"{array.dtype.str} {array.shape} ".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _check_labels(labels: np.ndarray, n: int, name: str, part: str) -> None:
    if labels.shape != (n,):
        raise ValueError(f"{name}{n} {part} images need as many labels, got shape {labels.shape}")
    if labels.dtype.kind not in "iu" or int(labels.min()) < 0:
        raise ValueError(
            f"{name}expected {part} labels that are integers from 0, got {labels.dtype}, the least {labels.min()}"
        )
