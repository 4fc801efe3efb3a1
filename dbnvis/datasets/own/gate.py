"""The gate for data of the user's own: arrays of any usual layout become a `Dataset`, and what is done is said.

How pixels are scaled, by the training and the test images together:

- true and false, or the numbers 0 and 1, stay 0 and 1;
- whole numbers are divided by 255, or, where one is larger, by 4095, or else by 65535;
- other numbers in [0, 1] stay as they are; from 0 to 255, with one above 64, they are divided by 255;
- where one is negative, they stay as they are: real-valued, for Gaussian units.

Whole numbers of which none is above 64 are refused: nobody can tell their range. `input_range` says it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dbnvis.datasets.dataset import Dataset, arrays_hash
from dbnvis.datasets.own.labels import numbered
from dbnvis.images import plain_array

SEED = 0  # of the split
TEST_SHARE = 5  # one image in so many is for testing
DARK = 64  # bytes of images, 0 to 255, that reach not even this are of another range
TOPS = (255, 4095, 65535)  # of 8, 12 and 16 bits
UNBOUNDED = (-math.inf, math.inf)


def from_arrays(
    name: str,
    train_images: Any,
    train_labels: Any = None,
    test_images: Any = None,
    test_labels: Any = None,
    *,
    shape: tuple[int, ...] | None = None,
    class_names: Sequence[str] | Mapping[int, str] = (),
    input_range: tuple[float, float] | None = None,
    steps: Sequence[str] = (),
    path: Path | None = None,
) -> Dataset:
    """Make a data set of arrays; `steps` of the result says in words what was done to them.

    Parameters
    ----------
    name : str
        Of the data set, and of the folder of its results.
    train_images, test_images : array (N, H, W), (N, H, W, 3), (N, 3, H, W) or (N, pixels)
        Numbers of any type. Channels at the end are put first. Rows of pixels are square pictures, or three square
        planes of red, green and blue, unless `shape` says otherwise. Without test images, one image in five of each
        class is for testing, drawn with seed 0.
    train_labels, test_labels : array (N,), optional
        Whole numbers or texts. They are numbered from 0 in their order, unless they are so already.
    shape : tuple of int, optional
        (H, W) or (3, H, W), of an image whose pixels are given as a row.
    class_names : sequence or mapping, optional
        Name of each class, by its label.
    input_range : (float, float), optional
        The pixels are taken as they are, in this range; default: they are scaled by the rule of this module.
    steps : sequence of str
        What was done before, in words.
    path : Path, optional
        What `datasets.load` takes to read the same again.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the arrays are empty, of no layout that is known or do not belong together, hold Python objects, or a pixel
        that is not finite; if their range cannot be told, or there is nothing to see.
    """
    if not is_name(name):
        raise ValueError(
            f"a data set's name becomes that of a folder: expected letters, digits, - and _, got {name[:60]!r}"
        )
    said = list(steps)
    parts = {"train": train_images} | ({} if test_images is None else {"test": test_images})
    images = {part: _laid_out(x, f"{name}: {part} images", shape, said) for part, x in parts.items()}
    if len({x.shape[1:] for x in images.values()}) > 1:
        train, test = (_words(x.shape[1:]) for x in images.values())
        raise ValueError(f"{name}: the train images are {train} pixels, the test images {test}; expected one size")
    given = {"train": train_labels, "test": test_labels}
    labels, names = numbered(name, images, given, class_names, said)
    if "test" not in images:
        images, labels = _divided(name, images["train"], labels["train"], said)
    whole, within = _scaled(name, images, input_range, said)
    stored = {part: None if x is None else x.astype(_least(x)) for part, x in labels.items()}
    digest = arrays_hash((whole["train"][0], stored["train"], whole["test"][0], stored["test"]))
    scaled = {part: _divide(x, top) for part, (x, top) in whole.items()}
    return Dataset(
        name,
        scaled["train"],
        labels["train"],
        scaled["test"],
        labels["test"],
        digest,
        within,
        path=path,
        class_names=names,
        steps=tuple(dict.fromkeys(said)),
    )


def is_name(name: str) -> bool:
    """Whether a data set may be called so."""
    return re.fullmatch(r"\w[\w.-]{0,59}", name) is not None


def name_of(path: Path, known: Sequence[str]) -> str:
    """A data set's name from its path: "faces" of photos/faces/; "own-mnist" of mnist/, a name that is `known`."""
    plain = re.sub(r"[^\w.-]+", "-", path.absolute().name).strip("-.")[:40] or "pictures"
    return f"own-{plain}" if plain in known else plain


def _words(shape: Sequence[int]) -> str:
    """A shape in words: "28 x 28", "3 x 32 x 32"."""
    return " x ".join(map(str, shape))


def _laid_out(images: Any, name: str, shape: tuple[int, ...] | None, said: list[str]) -> np.ndarray:
    """Images (N, H, W) or (N, 3, H, W) from any layout that is known."""
    x = plain_array(images, name, np)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, got an array of {x.dtype}")
    if x.size == 0 or x.ndim < 2:
        raise ValueError(f"{name}: expected at least one image, (N, H, W), got shape {x.shape}")
    if x.ndim == 2:
        return _from_rows(x, name, shape, said)
    if x.ndim == 3:
        return x
    if x.ndim == 4 and x.shape[-1] in (1, 3) and (x.shape[1] not in (1, 3) or x.shape[2] not in (1, 3)):
        channels, x = x.shape[-1], np.moveaxis(x, -1, 1)
        said += [f"channels put first: (N, 3, {x.shape[2]}, {x.shape[3]})"] if channels == 3 else []
    if x.ndim == 4 and x.shape[1] == 1:
        said.append("the one channel left out")
        return x[:, 0]
    if x.ndim == 4 and x.shape[1] == 3:
        return x
    alpha = "; leave the fourth channel out, which is how opaque a pixel is" * (x.ndim == 4 and x.shape[-1] == 4)
    raise ValueError(
        f"{name}: expected (N, H, W) of greys, (N, H, W, 3) or (N, 3, H, W) of colours, got shape {x.shape}{alpha}"
    )


def _from_rows(x: np.ndarray, name: str, shape: tuple[int, ...] | None, said: list[str]) -> np.ndarray:
    """Images from rows of pixels (N, pixels)."""
    n = x.shape[1]
    if shape is None:
        side, of_colours = math.isqrt(n), math.isqrt(n // 3)
        if side * side == n:
            shape = (side, side)
        elif n % 3 == 0 and of_colours * of_colours == n // 3:
            shape = (3, of_colours, of_colours)
        else:
            raise ValueError(
                f"{name}: rows of {n} pixels are no square picture, grey or of three colours; give an array (N, H, W), "
                "or shape=(H, W) in Python"
            )
    if math.prod(shape) != n:
        raise ValueError(f"{name}: rows of {n} pixels are no pictures of {_words(shape)}")
    said.append(f"rows of {n} pixels read as {_words(shape)}, row by row")
    return _laid_out(x.reshape(len(x), *shape), name, None, said)


def _least(labels: np.ndarray) -> Any:
    """The type that labels are hashed in: the same for those of MNIST's files, read from anywhere."""
    return np.uint8 if labels.max() < 256 else np.int64


def _divided(
    name: str, images: np.ndarray, labels: np.ndarray | None, said: list[str]
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray | None]]:
    """Training and test images, and their labels: one in `TEST_SHARE` of each class is for testing."""
    n = len(images)
    if n < 2:
        raise ValueError(f"{name}: expected two images at least, one to learn from and one to test with; found one")
    order = np.random.default_rng(SEED).permutation(n)
    classes = np.zeros(n, np.int64) if labels is None else labels[order]
    test = np.zeros(n, bool)
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        test[members[TEST_SHARE - 1 :: TEST_SHARE]] = True
    if not test.any():
        test[-1] = True
    rows = {"train": order[~test], "test": order[test]}
    of_each = "" if labels is None else " of each class"
    said.append(
        f"no test images are marked: one in {TEST_SHARE}{of_each}, drawn with seed {SEED}, is for testing "
        f"({len(rows['train'])} to learn from, {len(rows['test'])} to test with)"
    )
    return (
        {part: images[row] for part, row in rows.items()},
        {part: None if labels is None else labels[row] for part, row in rows.items()},
    )


def _scaled(
    name: str, images: Mapping[str, np.ndarray], within: tuple[float, float] | None, said: list[str]
) -> tuple[dict[str, tuple[np.ndarray, int]], tuple[float, float]]:
    """Images in the type that is hashed, what they are to be divided by, and the range then; see the module."""
    for part, x in images.items():
        bad = 0 if x.dtype.kind != "f" else int((~np.isfinite(x)).sum())
        if bad:
            raise ValueError(f"{name}: {part} images: expected finite pixels, found {bad} that are NaN or infinite")
    low, high = (float(f([f(x) for x in images.values()])) for f in (np.min, np.max))
    if low == high:
        raise ValueError(f"{name}: all pixels of all images are {low:g}, so there is nothing to see")
    if within is not None:
        said.append(f"pixels from {low:g} to {high:g} taken as they are")
        return {part: (x.astype(np.float32, copy=False), 1) for part, x in images.items()}, within
    whole = all(x.dtype.kind in "iub" or bool((x == np.rint(x)).all()) for x in images.values())
    if low < 0:
        said.append(f"pixels from {low:g} to {high:g} taken as they are, real-valued: Gaussian units see them")
        return {part: (x.astype(np.float32, copy=False), 1) for part, x in images.items()}, UNBOUNDED
    if high <= 1:
        said.append("pixels are 0 and 1" if whole else f"pixels from {low:.3g} to {high:.3g} taken as they are")
        kind: Any = np.uint8 if whole else np.float32
        return {part: (x.astype(kind, copy=False), 1) for part, x in images.items()}, (0.0, 1.0)
    top = next((top for top in TOPS if high <= top), None)
    if top is None or high < DARK or (not whole and top != TOPS[0]):
        raise ValueError(
            f"{name}: expected pixels in [0, 1], or whole numbers up to 255, 4095 or 65535, found {low:g} to {high:g}; "
            "divide them by the largest value that there can be"
        )
    said.append(f"pixels from {low:g} to {high:g} divided by {top}")
    kind = np.float32 if not whole else np.uint8 if top == TOPS[0] else np.uint16
    return {part: (x.astype(kind, copy=False), top) for part, x in images.items()}, (0.0, 1.0)


def _divide(x: np.ndarray, top: int) -> np.ndarray:
    return x.astype(np.float32, copy=False) if top == 1 else np.divide(x, top, dtype=np.float32)
