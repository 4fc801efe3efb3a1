"""Infinite MNIST: deformed digits, each a function of its index, and the stream of them that training reads.

    digits = InfiniteDigits(datasets.load("mnist"))
    digits.images([10_000, 70_000, 8_109_999])  # (3, 28, 28) float32 in [0, 1]

Published (Loosli, Canu & Bottou 2007, and their generator infimnist): the map from indices to digits, fields, signs
and shifts; the first-order update; its truncation. Not at hand, and rebuilt here: the 1,522 displacement fields (350
MB with the tangent images) and how much the digits are smoothed for their tangents. An index therefore shows the
published digit, deformed otherwise than in the published copy: the two sets are alike in distribution only. Zeros move
in where the generator's sideways shifts let an outermost column (blank in 99.8 % of MNIST) run into other rows.

Fields and tangents are multiples of powers of two, coarse enough that float32 holds every sum exactly: the pixels
are the same on every machine.

References
----------
Loosli, Canu, Bottou (2007), "Training invariant support vector machines using selective sampling".
Simard, LeCun, Denker, Victorri (1998), "Transformation invariance in pattern recognition": tangent vectors.
Simard, Steinkraus, Platt (2003), "Best practices for convolutional neural networks applied to visual document
analysis".
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dbnvis.backend.comm import current
from dbnvis.datasets.deform import elastic_field

if TYPE_CHECKING:
    from dbnvis.datasets import Dataset

FIELDS = 1522  # as published
#: Deformations of each training image: 134 of MNIST's 60,000 are the 8 million of MNIST8M.
COPIES = 134
#: Where an output pixel looks, (rows, columns), by k1 mod 9: the digit moves up, down, left, right, then diagonally.
SHIFTS = np.array([(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 0)])
NO_SHIFT = 8
SEED = 2007
#: Of the rebuilt fields, as Simard et al. (2003) took for MNIST: 4 pixels wide, 1.4 strong (root mean square).
SIGMA, ALPHA = 4.0, 34.0
GRID = 128  # fields are multiples of 1 / GRID pixels
MARGIN = 1  # of zeros around every image and field
BATCH = 128  # images deformed at once: the temporaries stay in the processor's cache
TASK = 16 * BATCH  # images that a thread makes before it takes up others


class Recipe(NamedTuple):
    """How examples are made, an entry per example."""

    source: np.ndarray
    """Which image, test images first."""
    k1: np.ndarray
    """Field of the displacement down the rows."""
    k2: np.ndarray
    """Field of the displacement along the columns."""
    alpha: np.ndarray
    """Sign of the displacements, -1 where k1 + k2 is odd (with 1,522 fields it always is); 0: not deformed."""
    shift: np.ndarray
    """Row of `SHIFTS`."""


def recipe(index: np.ndarray, n_test: int, n_train: int) -> Recipe:
    """Return how the examples `index` (n,) are made; MNIST has 10,000 test and 60,000 training images."""
    deformed = index >= n_test + n_train
    k1 = 131071 * index % (FIELDS - 1)
    k2 = (k1 + 1 + 2 * index) % FIELDS
    return Recipe(
        source=np.where(deformed, n_test + (index - n_test) % n_train, index),
        k1=k1,
        k2=k2,
        alpha=np.where(deformed, 1 - 2 * ((k1 + k2) % 2), 0),
        shift=np.where(deformed, k1 % len(SHIFTS), NO_SHIFT),
    )


def displacement_fields(shape: tuple[int, int]) -> np.ndarray:
    """Return the fields (1522, H, W) for images of `shape`, in pixels: smoothed noise, float32."""
    rng = np.random.default_rng(SEED)
    fields = elastic_field(FIELDS // 2, shape, rng=rng, sigma=SIGMA, alpha=ALPHA).reshape(FIELDS, *shape)
    return np.rint(fields * GRID) / GRID


class InfiniteDigits:
    """The images of a data set, numbered, and its training images deformed without end.

    First come the n_test test images, then the n_train training images, then `COPIES` deformations of each: index i
    shows training image (i - n_test) mod n_train. With MNIST these are the published indices, 0 to 8,109,999.

    Parameters
    ----------
    dataset : Dataset
        Of grey pixels in [0, 1].

    Raises
    ------
    ValueError
        If the pixels have another range, or colours.
    """

    def __init__(self, dataset: Dataset):
        if dataset.input_range != (0.0, 1.0):
            raise ValueError(f"{dataset.name}: only pixels in [0, 1] can be deformed, got range {dataset.input_range}")
        if len(dataset.input_shape) != 2:
            raise ValueError(f"{dataset.name}: only grey images can be deformed, got {dataset.input_shape}")
        height, width = dataset.input_shape
        self.shape = (height, width)
        self.n_test, self.n_train = len(dataset.test_images), len(dataset.train_images)
        height, width = height + 2 * MARGIN, width + 2 * MARGIN
        self._inside = np.s_[:, MARGIN : height - MARGIN, MARGIN : width - MARGIN]
        self._sources = np.zeros((self.n_test + self.n_train, height, width), np.uint8)
        self._fields = np.zeros((FIELDS, height, width), np.float32)
        for part, images in ((np.s_[: self.n_test], dataset.test_images), (np.s_[self.n_test :], dataset.train_images)):
            np.rint(255 * images, out=self._sources[part][self._inside], casting="unsafe")
        self._fields[self._inside] = displacement_fields(self.shape)
        labels = [labels for labels in (dataset.test_labels, dataset.train_labels) if labels is not None]
        self._labels = np.concatenate(labels) if len(labels) == 2 else None
        #: Of the data set and the fields, for manifests.
        self.sha256 = f"{dataset.sha256} deformed by {hashlib.sha256(self._fields.tobytes()).hexdigest()}"

    def __len__(self) -> int:
        return self.n_test + self.n_train * (1 + COPIES)

    def images(self, index: Any) -> np.ndarray:
        """Return the images (n, H, W) of the examples `index` (n,): float32 in [0, 1]; errors as of `pixels`."""
        return np.divide(self.pixels(index), 255, dtype=np.float32)

    def labels(self, index: Any) -> np.ndarray:
        """Return the labels (n,) of the examples `index` (n,): int64; errors as of `pixels`.

        ValueError if the data set has no labels.
        """
        if self._labels is None:
            raise ValueError("the images of this data set have no labels")
        return self._labels[self.recipe(index).source]

    def pixels(self, index: Any) -> np.ndarray:
        """Return the images of the examples `index`.

        Parameters
        ----------
        index : array (n,) of int, or a sequence
            In any order, each from 0 to `len` - 1.

        Returns
        -------
        array (n, H, W)
            uint8.

        Raises
        ------
        IndexError
            If an index lies outside.
        TypeError
            If `index` are not integers in one dimension.
        """
        made = self.recipe(index)
        images = np.empty((len(made.source), *self.shape), np.uint8)
        for start in range(0, len(images), BATCH):
            batch = slice(start, start + BATCH)
            images[batch] = self._deformed(Recipe(*(column[batch] for column in made)))
        return images

    def recipe(self, index: Any) -> Recipe:
        """Return how the examples `index` (n,) are made; errors as of `pixels`."""
        index = np.asarray(index)
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise TypeError(f"expected integers in one dimension, got {index.dtype} of shape {index.shape}")
        index = index.astype(np.int64)
        if index.size and not 0 <= index.min() <= index.max() < len(self):
            wrong = index[(index < 0) | (index >= len(self))][0]
            raise IndexError(f"example {wrong} does not exist: they are numbered 0 to {len(self) - 1}")
        return recipe(index, self.n_test, self.n_train)

    def _deformed(self, made: Recipe) -> np.ndarray:
        """Move the sources by their fields, to first order, then by whole pixels."""
        x = self._sources[made.source]  # (n, H + 2, W + 2)
        down, along = tangents(x)
        change = self._fields[made.k1]
        change *= down
        change -= self._fields[made.k2] * along
        change *= made.alpha[:, None, None].astype(np.float32)
        change += x
        moved = np.clip(change, 0, 255, out=change).astype(np.uint8)  # truncates
        windows = np.lib.stride_tricks.sliding_window_view(moved, self.shape, axis=(1, 2))  # (n, 3, 3, H, W)
        top, left = (SHIFTS[made.shift] + MARGIN).T
        return windows[np.arange(len(x)), top, left]


def tangents(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the slopes of smoothed images, down the rows and along the columns, per pixel.

    The images are smoothed by (1, 2, 1) / 4 along both axes and their central differences taken.

    Parameters
    ----------
    images : array (n, H, W)
        With zeros in the first and last row and column.

    Returns
    -------
    two arrays (n, H, W)
        float32; at the frame, meaningless.
    """
    width = images.shape[2]
    # In one line, the pixel above lies `width` before: all steps run over whole batches.
    line = np.zeros(images.size + 4 * width + 2, np.float32)
    line[2 * width + 1 : -2 * width - 1] = images.ravel()
    for step in (width, 1):
        line = line[: -2 * step] + 2 * line[step:-step] + line[2 * step :]
    down = line[2 * width :] - line[: -2 * width]
    along = (line[2:] - line[:-2])[width - 1 : 1 - width]
    return (down / 32).reshape(images.shape), (along / 32).reshape(images.shape)


class Stream:
    """The training images of `digits` and then their deformations, by index, in chunks made ahead of their reader.

        with Stream(InfiniteDigits(dataset), examples=2_500_000) as stream:
            config = CDConfig(epochs=stream.epochs)
            for stats in train_rbm(rbm, stream.images, config, rng=rng): ...

    Every chunk is a function of its number. Two are held, whatever the number of examples: one read, one being made.
    Of several ranks each makes a part of every chunk, and gets the others'.

    Parameters
    ----------
    digits : InfiniteDigits
    examples : int
        How many in all; a last incomplete chunk is left out.
    chunk : int
        Images that an epoch of training reads.
    threads : int, optional
        That make images; by default as many as there are processors, of several ranks one each.

    Raises
    ------
    ValueError
        If there are fewer examples than a chunk, or more than `digits` has.
    """

    def __init__(self, digits: InfiniteDigits, examples: int, *, chunk: int = 50_000, threads: int | None = None):
        most = len(digits) - digits.n_test
        if not 1 <= chunk <= examples <= most:
            raise ValueError(f"expected from {chunk} (a chunk) to {most} examples, got {examples}")
        self.digits, self.chunk, self.epochs = digits, chunk, examples // chunk
        self.sha256 = f"{digits.sha256}, {self.epochs} chunks of {chunk}"
        self.ranks = current()
        threads = threads or (os.cpu_count() if self.ranks.size == 1 else 1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="deform")
        self._chunks: dict[int, tuple[np.ndarray, list[Future[None]]]] = {}

    def images(self, epoch: int) -> np.ndarray:
        """Return chunk `epoch` (chunk, H * W), float32 in [0, 1], waiting if need be; the next is begun.

        Raises
        ------
        IndexError
            If there is no such chunk.
        """
        if not 0 <= epoch < self.epochs:
            raise IndexError(f"chunk {epoch} does not exist: they are numbered 0 to {self.epochs - 1}")
        wanted = dict.fromkeys((epoch, (epoch + 1) % self.epochs))  # after the last, the next layer's first
        self._chunks = {i: self._chunks.get(i) or self._begin(i) for i in wanted}
        pixels, tasks = self._chunks[epoch]
        for task in tasks:
            task.result()
        pixels = np.concatenate(self.ranks.gather(pixels)) if self.ranks.size > 1 else pixels
        return np.divide(pixels.reshape(self.chunk, -1), 255, dtype=np.float32)

    def _begin(self, number: int) -> tuple[np.ndarray, list[Future[None]]]:
        """A chunk, of several ranks this one's part of it, and the tasks that fill it."""
        index = np.arange(number * self.chunk, (number + 1) * self.chunk)[self.ranks.own(self.chunk)]
        index += self.digits.n_test
        pixels = np.empty((len(index), *self.digits.shape), np.uint8)

        def fill(task: slice) -> None:
            pixels[task] = self.digits.pixels(index[task])

        tasks = (slice(start, start + TASK) for start in range(0, len(index), TASK))
        return pixels, [self._threads.submit(fill, task) for task in tasks]

    def close(self) -> None:
        """Make no more images."""
        self._threads.shutdown(cancel_futures=True)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
