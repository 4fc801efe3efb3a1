"""A folder of pictures as a data set.

Pictures in subfolders have the subfolder's name as their class; a pair of subfolders train and test (or val) holds the
two parts. All become as large as the commonest picture, or, where its longer side is above 64 pixels, as that picture
shrunk to 64: they are resized with their proportions kept (bicubic, antialiased), the rest is filled with the median of
the border. All are in colour if one is. What cannot be read is left out and named.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dbnvis.datasets.folders import PICTURES
from dbnvis.datasets.own.found import Found, check_room, some
from dbnvis.datasets.own.gate import SEED
from dbnvis.datasets.pictures import ORIENTATION, fitted, pixels_of

LONGEST = 64  # pixels of the longer side
BYTES = 8  # of memory, a pixel and colour: bytes, then float32, and what is on the way
TRAIN = ("train", "training")
TEST = ("test", "testing", "val", "valid", "validation")
LOOKED_AT = 10_000  # files that are looked at to tell whether a folder holds pictures
TURNED = (5, 6, 7, 8)  # EXIF orientations whose rows are the columns


def holds_pictures(folder: Path) -> bool:
    """Whether there are pictures in a folder, or in folders in it."""
    return any(is_picture(path) for _, path in zip(range(LOOKED_AT), _files(folder), strict=False))


def is_picture(path: Path) -> bool:
    """Whether a file's name ends as that of a picture."""
    return path.suffix.lower() in PICTURES


def read(folder: Path) -> Found:
    """Read a folder of pictures.

    Raises
    ------
    ValueError
        If none can be read, a part has classes that the other lacks, or they need more memory than there is.
    """
    found, left_out = Found(), Counter[str]()
    parts = _parts(folder)
    listed = {part: _by_class(root, folder, found) for part, root in parts.items()}
    if "" not in listed["train"] and [*listed.get("test", ())] == [""]:
        n = len(listed.pop("test")[""])
        found.steps.append(f"{_count(n, 'picture')} to test with left out, as no folders say their classes")
    classes = sorted({name for by_class in listed.values() for name in by_class})
    for part, by_class in listed.items():
        lacking = [name for name in classes if name not in by_class]
        if lacking and part == "train":
            raise ValueError(f"{folder}: the folder to learn from has no class {some(lacking)}, the other has")
    files = [(part, name, path) for part, by_class in listed.items() for name in by_class for path in by_class[name]]
    others = [path for path in _files(folder) if not is_picture(path)]
    if others:
        found.steps.append(f"{_count(len(others), 'file')} of no picture left out ({some(_names(others))})")
    sizes = {path: size for _, _, path in files if (size := _size(path, left_out, folder)) is not None}
    if not sizes:
        raise ValueError(f"{folder}: none of {_count(len(files), 'picture')} can be read: {some(list(left_out))}")
    size = _common(sizes, found)
    check_room(3 * size[0] * size[1] * len(sizes) * BYTES, folder)
    said = Counter[str]()
    colours: dict[str, list[np.ndarray]] = {part: [] for part in listed}
    labels: dict[str, list[int]] = {part: [] for part in listed}
    for part, name, path in files:
        if path in sizes:
            picture = _pixels(path, size, said, left_out, folder)
            if picture is not None:
                colours[part].append(picture)
                labels[part].append(classes.index(name))
    _tell(found, said, left_out)
    _gather(folder, found, colours, labels, classes)
    return found


def _parts(folder: Path) -> dict[str, Path]:
    """The folders of a pair train and test; otherwise the folder itself, to be divided."""
    inner = {path.name.lower(): path for path in sorted(folder.iterdir()) if path.is_dir()}
    train, test = (next((inner[name] for name in names if name in inner), None) for names in (TRAIN, TEST))
    if train is not None and test is not None and holds_pictures(train) and holds_pictures(test):
        return {"train": train, "test": test}
    return {"train": folder}


def _by_class(root: Path, folder: Path, found: Found) -> dict[str, list[Path]]:
    """Pictures by the name of the subfolder that they are in; by "" where there are no subfolders with pictures."""
    by_class: dict[str, list[Path]] = {}
    for path in sorted(_files(root)):
        if is_picture(path):
            inner = path.relative_to(root).parts
            by_class.setdefault(inner[0] if len(inner) > 1 else "", []).append(path)
    if len(by_class) > 1 and (beside := by_class.pop("", [])):
        found.steps.append(
            f"{_count(len(beside), 'picture')} beside the folders of classes left out ({some(_names(beside))})"
        )
    return by_class


def _files(folder: Path) -> Iterator[Path]:
    """All files in a folder and in its folders, nothing hidden; links to folders are not followed."""
    for root, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield from (Path(root, name) for name in sorted(names) if not name.startswith("."))


def _size(path: Path, left_out: Counter[str], folder: Path) -> tuple[int, int] | None:
    """Rows and columns that a picture says it has, upright; None, and why, where it cannot be opened."""
    from PIL import Image

    try:
        if path.stat().st_size == 0:
            raise ValueError("0 bytes")
        with Image.open(path) as picture:
            # Of a PNG, Pillow would decode the pixels to know.
            turned = picture.format != "PNG" and picture.getexif().get(ORIENTATION, 1) in TURNED
            return (picture.width, picture.height) if turned else (picture.height, picture.width)
    except Exception as error:  # a damaged file can raise anything
        why = "0 bytes" if str(error) == "0 bytes" else "cannot be opened"
        left_out[f"{path.relative_to(folder)} ({why})"] += 1
        return None


def _common(sizes: dict[Path, tuple[int, int]], found: Found) -> tuple[int, int]:
    """Rows and columns that all pictures get."""
    counts = Counter(sizes.values())
    rows, columns = min(counts, key=lambda size: (-counts[size], size[0] * size[1], size))
    scale = max(rows, columns, LONGEST) / LONGEST
    size = max(round(rows / scale), 1), max(round(columns / scale), 1)
    if counts[size] < len(sizes):
        others = len(sizes) - counts[size]
        rule = "the commonest size" if scale == 1 else f"the commonest, {rows} x {columns}, shrunk to {LONGEST}"
        found.steps.append(
            f"{_count(others, 'picture')} of {len(sizes)} resized to {size[0]} x {size[1]} (rows x columns, {rule}), "
            "proportions kept, the rest filled with the median of the border"
        )
    return size


def _pixels(
    path: Path, size: tuple[int, int], said: Counter[str], left_out: Counter[str], folder: Path
) -> np.ndarray | None:
    """A picture (3, rows, columns) as bytes; None, and why, where it is damaged."""
    try:
        pixels, steps = pixels_of(path)
    except ValueError as error:
        left_out[f"{path.relative_to(folder)} ({str(error)[:80]})"] += 1
        return None
    said.update(steps[1:])
    pixels = fitted(pixels, size, [])
    return np.rint(255 * np.clip(np.broadcast_to(pixels, (*size, 3)), 0, 1)).astype(np.uint8).transpose(2, 0, 1)


def _tell(found: Found, said: Counter[str], left_out: Counter[str]) -> None:
    """Say what was done to how many pictures, and which were left out."""
    found.steps += [f"{_count(n, 'picture')}: {step}" for step, n in said.items()]
    if left_out:
        found.steps.append(f"{_count(len(left_out), 'picture')} left out: {some(list(left_out))}")


def _gather(
    folder: Path,
    found: Found,
    colours: dict[str, list[np.ndarray]],
    labels: dict[str, list[int]],
    classes: Sequence[str],
) -> None:
    """Put the pictures of each part together, grey if all are, in an order that is drawn."""
    grey = True
    for part, pictures in colours.items():
        if not pictures:
            raise ValueError(f"{folder}: no picture to {'learn from' if part == 'train' else 'test with'} can be read")
        order = np.random.default_rng(SEED).permutation(len(pictures))
        found.images[part] = np.stack([pictures[i] for i in order])
        grey = grey and bool((found.images[part] == found.images[part][:, :1]).all())
        if classes != [""]:
            found.labels[part] = np.array(labels[part])[order]
        pictures.clear()
    if grey:
        found.images = {part: np.ascontiguousarray(x[:, 0]) for part, x in found.images.items()}
    found.steps.append("grey" if grey else "in colour: red, green and blue")
    if classes != [""]:
        found.class_names = classes
    if len(classes) == 1 and classes != [""]:
        found.steps.append(f"one class alone, {classes[0]}: a classifier needs two")


def _names(paths: Sequence[Path]) -> list[str]:
    return [path.name for path in paths]


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"
