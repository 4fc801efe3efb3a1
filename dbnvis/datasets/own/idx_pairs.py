"""Idx files of MNIST's relatives by their own names: images with their labels, training with test files.

EMNIST's pictures lie on their side: its files hold the columns where others hold the rows. Pictures of files whose own
name begins with "emnist" are transposed, which turns them upright; no others are.

References
----------
Cohen, Afshar, Tapson, van Schaik (2017), "EMNIST: an extension of MNIST to handwritten letters".
Yadav, Bottou (2019), "Cold case: the lost MNIST digits": QMNIST, whose labels are the first of eight numbers.
Clanuwat et al. (2018), "Deep learning for classical Japanese literature": Kuzushiji-MNIST and -49.
"""

from __future__ import annotations

import re
import string
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dbnvis.datasets.idx import read_idx
from dbnvis.datasets.own.found import Found, check_room

NAME = re.compile(
    r"(?P<title>.*?)[-_.]?(?P<part>train|test10k|test50k|test60k|t10k|test|val)?[-_.]?"
    r"(?P<what>images?|labels?)[-_.]idx(?P<axes>\d)[-_.](?P<type>ubyte|int)(\.gz)?",
    re.IGNORECASE,
)
TESTS = ("test", "t10k", "test10k", "test60k", "test50k")  # the first that is there is taken
BYTES, PACKED = 6, 4  # of memory for a pixel: itself, turned, as float32; how much smaller gzipped pictures are
DIGITS = tuple("0123456789")
#: EMNIST's merged classes: letters whose small form looks as the capital have one class.
MERGED = (*DIGITS, *string.ascii_uppercase, *"abdefghnqrt")
KANA = (
    *("a", "i", "u", "e", "o", "ka", "ki", "ku", "ke", "ko", "sa", "shi", "su", "se", "so", "ta", "chi", "tsu", "te"),
    *("to", "na", "ni", "nu", "ne", "no", "ha", "hi", "fu", "he", "ho", "ma", "mi", "mu", "me", "mo", "ya", "yu", "yo"),
    *("ra", "ri", "ru", "re", "ro", "wa", "wi", "we", "wo", "n", "iteration mark"),
)
CLOTHES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
#: Classes by a word of the files' or the folder's names; the first that is found counts.
CLASSES: dict[str, tuple[str, ...] | dict[int, str]] = {
    "emnist-letters": {i: letter for i, letter in enumerate(string.ascii_uppercase, start=1)},
    "emnist-balanced": MERGED,
    "emnist-bymerge": MERGED,
    "emnist-byclass": (*DIGITS, *string.ascii_uppercase, *string.ascii_lowercase),
    "emnist-digits": DIGITS,
    "emnist-mnist": DIGITS,
    "qmnist": DIGITS,
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "k49": KANA,
    "fashion": CLOTHES,
    "notmnist": tuple("ABCDEFGHIJ"),
}


class Named(NamedTuple):
    """What the name of an idx file says."""

    title: str
    """Of the data set, such as "emnist-letters"; "" of files named as MNIST's."""
    part: str
    images: bool


def named(path: Path) -> Named | None:
    """What the name of an idx file says; None for other files."""
    match = NAME.fullmatch(path.name)
    if match is None:
        return None
    return Named(match["title"], (match["part"] or "").lower(), match["what"].lower().startswith("image"))


def is_idx(path: Path) -> bool:
    """Whether a file is called as idx files of images or labels are."""
    return named(path) is not None


def title(path: Path) -> str:
    """The title of an idx file's data set: its own, or its folder's where it is called as MNIST's are."""
    told, folder = named(path), path.absolute().parent
    return (told.title if told else "") or (folder.parent if folder.name.lower() == "raw" else folder).name


def training_files(folder: Path) -> list[Path]:
    """Images to learn from, a file for each data set in a folder; plain ones before gzipped ones."""
    found: dict[str, Path] = {}
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        told = named(path)
        if told and told.images and told.part in ("train", ""):
            found.setdefault(told.title, path)
    return list(found.values())


def read(path: Path) -> Found:
    """Read the data set that an idx file is part of.

    Raises
    ------
    ValueError
        If a file is damaged, holds no images, or there are none to learn from.
    """
    told = named(path)
    assert told is not None
    files = _files(path.parent, told.title)
    part = "train" if ("train", True) in files else ""
    if (part, True) not in files:
        raise ValueError(f"{path}: expected a file of images to learn from beside it, {told.title}-train-images-...")
    found = Found(class_names=classes(path))
    test = next((name for name in TESTS if part and (name, True) in files), None)
    for to, name in (("train", part), *([("test", test)] if test else [])):
        images = _images(files[name, True], found)
        if told.title.lower().startswith("emnist"):
            images = images.swapaxes(1, 2)
        found.images[to] = images
        if (name, False) in files:
            found.labels[to] = _labels(files[name, False])
    if told.title.lower().startswith("emnist"):
        found.steps.append("pictures of EMNIST transposed, which turns them upright")
    if not found.labels:
        found.steps.append("no file of labels beside them")
    return found


def classes(path: Path) -> tuple[str, ...] | dict[int, str]:
    """Names of the classes, where the data set's are known by the names of files and folders."""
    words = "/".join(path.absolute().parts[-3:]).lower().replace("_", "-")
    if "emnist" in words and "emnist" not in path.name.lower():
        return ()  # renamed: nobody knows which part of it
    return next((names for word, names in CLASSES.items() if word in words), ())


def _files(folder: Path, of: str) -> dict[tuple[str, bool], Path]:
    """Files of the data set `of`, by part and whether they hold images; plain ones before gzipped ones."""
    found: dict[tuple[str, bool], Path] = {}
    for path in sorted(file for file in folder.iterdir() if file.is_file()):
        told = named(path)
        if told and told.title == of:
            found.setdefault((told.part, told.images), path)
    return found


def _images(path: Path, found: Found) -> np.ndarray:
    """Images (N, H, W), or (N, H, W, 3) of colours, of an idx file."""
    check_room(path.stat().st_size * BYTES * (PACKED if path.suffix.lower() == ".gz" else 1), path)
    images = read_idx(path)
    if images.ndim not in (3, 4) or images.size == 0:
        raise ValueError(f"{path}: expected images (N, H, W), found shape {images.shape}; are these labels?")
    return images


def _labels(path: Path) -> np.ndarray:
    """Labels (N,) of an idx file; of several numbers for each image, as QMNIST's, the first."""
    labels = read_idx(path, types=("uint8", "int32"))
    return labels if labels.ndim == 1 else labels.reshape(len(labels), -1)[:, 0]
