"""Arrays of .npz, .npy and .mat files, told apart by their names and shapes. A pickle is never opened.

In a .npz or .mat file, an array whose name has a word such as train or test is of that part, one named x, X, images,
imgs or data holds images, one named y, labels or targets holds labels. MATLAB counts pictures along the last axis: of
its arrays of three or more axes the last is put first, unless there are as many labels as rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from dbnvis.datasets.own.found import Found, check_room, some
from dbnvis.system.matlab import read_mat

PARTS = {"train": "train", "training": "train", "tr": "train", "test": "test", "testing": "test", "te": "test"}
OTHER_PARTS = {"val", "valid", "validation", "extra"}
IMAGES = {"x", "images", "image", "imgs", "img", "data", "pixels", "faces", "arr", "features"}
LABELS = {"y", "labels", "label", "targets", "target", "classes", "class"}
BYTES = 6  # of memory for a byte of pixels: itself, in another order, as float32


def read(path: Path) -> Found:
    """Read the images of a file of arrays, and labels where it has some.

    Raises
    ------
    ValueError
        If the file is damaged, holds Python objects, or no array that can be told to be the images.
    """
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return Found({"train": _plain(path)})
    arrays = _archive(path) if suffix == ".npz" else _of_matlab(path)
    return chosen(arrays, path, last=suffix == ".mat")


def chosen(arrays: Mapping[str, np.ndarray], path: Path, *, last: bool = False) -> Found:
    """Images and labels among `arrays`, by their names; `last`: pictures may be counted along the last axis."""
    found, left_out = Found(), []
    for name, x in arrays.items():
        part, is_labels = told(name, x)
        to = found.labels if is_labels else found.images
        if part is None or part in to or is_labels is None:
            left_out.append(name)
        else:
            to[part] = x
    if "train" not in found.images:
        shapes = [f"{name} {x.shape}" for name, x in arrays.items()]
        raise ValueError(
            f"{path}: expected an array of images, named images, X or x_train, found {some(shapes) or 'no array'}; "
            "dbnvis.datasets.from_arrays takes any"
        )
    if left_out:
        found.steps.append(f"arrays left out: {some(left_out)}")
    found.labels = {part: x for part, x in found.labels.items() if part in found.images}
    if last:
        found.labels = {part: x.reshape(-1) if 1 in x.shape else x for part, x in found.labels.items()}
        found.images = {part: _counted_first(x, found.labels.get(part), found) for part, x in found.images.items()}
    return found


def told(name: str, x: np.ndarray) -> tuple[str | None, bool | None]:
    """The part that an array is of, None for one that is not used, and whether it holds labels; None if neither."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    part = next((PARTS[word] for word in words if word in PARTS), "train")
    for word in words:  # such as xtrain
        for end, to in PARTS.items():
            if len(end) > 2 and word.endswith(end) and word[: -len(end)] in IMAGES | LABELS:
                part, words = to, [word[: -len(end)], *words]
    if OTHER_PARTS & {*words}:
        return None, None
    if LABELS & {*words}:
        return part, True
    if IMAGES & {*words} or (x.ndim >= 3 and min(x.shape) > 0):
        return part, x.ndim < 2
    return part, None


def _plain(path: Path) -> np.ndarray:
    """The array of a .npy file."""
    check_room(path.stat().st_size * BYTES, path)
    try:
        return np.load(path, allow_pickle=False)
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: {_why(error)}") from None


def _archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as zipped:
            size = sum(entry.file_size for entry in zipped.infolist())
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: {_why(error)}") from None
    check_room(size * BYTES, path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:
        raise ValueError(f"{path}: {_why(error)}") from None


def _of_matlab(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .mat file."""
    check_room(path.stat().st_size * BYTES, path)
    try:
        return read_mat(path)
    except ValueError as error:
        raise ValueError(f"{path} {error}") from None


def _counted_first(x: np.ndarray, labels: np.ndarray | None, found: Found) -> np.ndarray:
    """Pictures of MATLAB's along the first axis."""
    if x.ndim < 3 or (labels is not None and len(labels) == len(x) != x.shape[-1]):
        return x
    found.steps.append(f"the last axis of {x.shape}, MATLAB's count of pictures, put first")
    return np.moveaxis(x, -1, 0)


def _why(error: Exception) -> str:
    """A reader's error in one line."""
    said = str(error).partition("\n")[0] or type(error).__name__
    if "allow_pickle" in said or "pickle" in said.lower():
        return "holds Python objects (a pickle), which can run any code and are never loaded; save arrays of numbers"
    return f"is damaged or of another kind ({said[:160]}); get the file again"
