"""Pictures as rows of a table, as Kaggle has MNIST: a CSV file, a row a picture, its label and then its pixels.

The first line may name the columns. A column named label, class, target or y holds labels; without names the first
one does, where the others, and not all, are as many as the pixels of a square picture. A name such as 28x28 of the last
pixel says the size of others.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from pathlib import Path

import numpy as np

from dbnvis.datasets.own.found import Found, check_room

LABELS = {"label", "labels", "class", "target", "y"}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
SIZE = re.compile(r"(\d+)x(\d+)")
#: Bytes of memory for a byte of text: a pixel has two or three characters, and is a float32 and then a copy.
BYTES = 4


def read(path: Path) -> Found:
    """Read a table of pictures; of a folder's train.csv, a test.csv beside it too, if that has labels.

    Raises
    ------
    ValueError
        If a value is missing or no number, rows differ in length, or the pixels are those of no picture.
    """
    images, labels, shape, said = _read(path)
    found = Found({"train": images}, {} if labels is None else {"train": labels}, shape, steps=said)
    beside = path.with_name(path.name.replace("train", "test"))
    if beside != path and beside.is_file():
        images, labels, other, _ = _read(beside)
        if labels is None and found.labels:
            found.steps.append(f"{beside.name} left out, as it has no labels")
        elif other != shape:
            raise ValueError(f"{beside}: its pictures are {other}, those of {path.name} {shape}; expected one size")
        else:
            found.images["test"] = images
            found.labels |= {} if labels is None else {"test": labels}
    return found


def _read(path: Path) -> tuple[np.ndarray, np.ndarray | None, tuple[int, ...] | None, list[str]]:
    """Rows of pixels, labels, the shape of a picture where the names of columns say it, and what was done."""
    check_room(path.stat().st_size * BYTES, path)
    separator, first = _opening(path)
    header = not all(map(_is_number, first[1:])) or (not _is_number(first[0]) and first[0].lower() in LABELS)
    names = [name.strip().strip('"').lower() for name in first] if header else []
    n = len(first)
    column = next((i for i, name in enumerate(names) if name in LABELS), None)
    if column is None and not names and not _is_picture(n) and _is_picture(n - 1):
        column = 0
    size = next((match for name in reversed(names) if (match := SIZE.fullmatch(name))), None)
    shape = (int(size[1]), int(size[2])) if size else None
    said = [f"a table of {SEPARATORS[separator]}{', its first line names the columns' * header}"]
    said += [f"labels from column {column + 1}"] if column is not None else ["no column of labels"]
    texts: list[str] = []
    columns = [i for i in range(n) if i != column]
    pixels = _numbers(path, separator, header, columns, n)
    if column is not None:
        with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = itertools.islice(csv.reader(file, delimiter=separator), int(header), None)
            texts = [row[column].strip() for row in rows if row]
        missing = next((i for i, text in enumerate(texts) if not text), None)
        if missing is not None:
            raise ValueError(f"{path}: the label of row {missing + 1 + header} is missing; fill it, or leave it out")
    if shape is not None and math.prod(shape) != pixels.shape[1]:
        shape = None
    return pixels, _labels(texts), shape, said


def _opening(path: Path) -> tuple[str, list[str]]:
    """What separates the columns, and the first line's."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        line = file.readline()
        separator = max(SEPARATORS, key=line.count)
        first = next(csv.reader([line], delimiter=separator), [])
    if len(first) < 2:
        raise ValueError(
            f"{path}: expected columns separated by commas, semicolons or tabs, found one column: {line[:40]!r}"
        )
    return separator, first


def _numbers(path: Path, separator: str, header: bool, columns: list[int], n: int) -> np.ndarray:
    """The pixels (rows, columns), float32."""
    try:
        return np.loadtxt(
            path,
            np.float32,
            delimiter=separator,
            skiprows=int(header),
            usecols=columns,
            ndmin=2,
            encoding="utf-8-sig",
            comments=None,
            quotechar='"',
        )
    except ValueError as error:
        raise ValueError(f"{path}: {_fault(path, separator, header, columns, n) or error}") from None


def _fault(path: Path, separator: str, header: bool, columns: list[int], n: int) -> str:
    """The first row that is wrong, in words."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        for i, row in enumerate(csv.reader(file, delimiter=separator), start=1):
            if not row or (header and i == 1):
                continue
            if len(row) != n:
                return f"row {i} has {len(row)} columns, the first {n}; is a line cut off?"
            for c in columns:
                if not row[c].strip():
                    return f"the value of row {i}, column {c + 1} is missing; fill it, or leave the row out"
                if not _is_number(row[c]):
                    return f"row {i}, column {c + 1} holds {row[c][:20]!r}, expected a number"
    return ""


def _labels(texts: list[str]) -> np.ndarray | None:
    """Labels as whole numbers where all are, otherwise as texts; None where there are none."""
    if not texts:
        return None
    if all(re.fullmatch(r"[+-]?\d{1,9}(\.0*)?", text) for text in texts):
        return np.array([int(float(text)) for text in texts])
    return np.array(texts)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_picture(n: int) -> bool:
    """Whether `n` pixels are a square picture, of one or three colours."""
    return math.isqrt(n) ** 2 == n or (n % 3 == 0 and math.isqrt(n // 3) ** 2 == n // 3)
