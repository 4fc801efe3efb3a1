"""Labels of any usual kind as numbers from 0, and the names of their classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

LONGEST = 60  # characters of a class's name


def numbered(
    name: str,
    images: Mapping[str, np.ndarray],
    given: Mapping[str, Any],
    class_names: Sequence[str] | Mapping[int, str],
    said: list[str],
) -> tuple[dict[str, np.ndarray | None], tuple[str, ...]]:
    """Labels as int64 from 0, and the classes' names, where they have some."""
    found = {part: _column(given[part], f"{name}: {part} labels", len(x)) for part, x in images.items()}
    if found.get("test") is None and "test" in images and found["train"] is not None:
        said.append("the test images have no labels, so those of the training images are left out")
        found["train"] = None
    present = [x for x in found.values() if x is not None]
    if found["train"] is None or not present:
        return {"train": None, "test": None}, ()
    if len({x.dtype.kind for x in present}) > 1:
        raise ValueError(f"{name}: expected labels of one type, got {present[0].dtype} and {present[1].dtype}")
    values = np.unique(np.concatenate(present)).tolist()
    texts = present[0].dtype.kind == "U"
    by_label = dict(class_names if isinstance(class_names, Mapping) else enumerate(class_names))
    top = len(by_label) if set(by_label) == set(range(len(by_label))) else 0
    if not texts and (values == list(range(len(values))) or (values[0] >= 0 and values[-1] < top)):
        names = [_name(by_label.get(i, i)) for i in range(max(top, len(values)))] if by_label else []
        return {part: None if x is None else x.astype(np.int64) for part, x in found.items()}, tuple(names)
    if not texts:
        said.append(f"labels {_some(values)} numbered from 0")
    numbers = {part: None if x is None else np.searchsorted(values, x).astype(np.int64) for part, x in found.items()}
    return numbers, tuple(_name(value if texts else by_label.get(value, value)) for value in values)


def _name(value: Any) -> str:
    """A class's name, which can be printed."""
    text = str(value)
    return (text if text.isprintable() else ascii(text))[:LONGEST]


def _column(labels: Any, name: str, n: int) -> np.ndarray | None:
    """Labels (n,) as int64 or texts."""
    if labels is None:
        return None
    x = np.asarray(labels)
    x = x[:, 0] if x.ndim == 2 and x.shape[1] == 1 else x
    if x.ndim == 2:
        raise ValueError(f"{name}: expected one number for each image, got shape {x.shape}; argmax(axis=1), if one-hot")
    if x.shape != (n,):
        raise ValueError(f"{name}: expected one for each of {n} images, got shape {x.shape}")
    if x.dtype.kind == "O" and all(isinstance(value, str) for value in x):
        x = x.astype(str)
    if x.dtype.kind == "S":
        x = np.char.decode(x, "utf-8", "replace")
    whole = x.dtype.kind in "iub" or (x.dtype.kind == "f" and bool((x == np.rint(x)).all()))
    if not whole and x.dtype.kind != "U":
        raise ValueError(f"{name}: expected whole numbers or texts, got {x.dtype}")
    return x if x.dtype.kind == "U" else x.astype(np.int64)


def _some(values: Sequence[Any]) -> str:
    """A few values in words: "1 to 26", or "3, 7"."""
    if len(values) > 4 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(map(str, values[:4])) + ", ..." * (len(values) > 4)
