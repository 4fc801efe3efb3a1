"""The data folder that the user names: --data-dir, or $DBNVIS_DATA; and what lies in a folder, in words."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

PathLike = str | os.PathLike[str]

VARIABLE = "DBNVIS_DATA"
#: Data sets in MNIST's format, by a word of their files' or folders' names.
RELATIVES = {
    "emnist": "EMNIST",
    "kmnist": "Kuzushiji-MNIST",
    "k49": "Kuzushiji-49",
    "qmnist": "QMNIST",
    "notmnist": "notMNIST",
    "fashion": "Fashion-MNIST",
}
IDX = re.compile(r"[-.]idx\d")
PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm")
SHOWN, LOOKED_AT = 2, 1000  # names of a folder that a message gives, and that are looked at
#: How data that no entry of `DATASETS` describes are used.
OWN = "data of your own are given by their path: --dataset PATH, and dbnvis data PATH says what they are"


def named(data_dir: PathLike | None = None) -> Path | None:
    """The folder that the user named, `data_dir` or else $DBNVIS_DATA; None if neither.

    Raises
    ------
    FileNotFoundError
        If there is no such folder; the line names the nearest that there is.
    NotADirectoryError
        If it is a file.
    """
    if data_dir is None and not os.environ.get(VARIABLE):
        return None
    folder = Path(os.environ[VARIABLE] if data_dir is None else data_dir).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise NotADirectoryError(f"{how(data_dir)} names {folder}, which is a file; expected a folder of data sets")
    readable = os.access(folder.parent, os.R_OK | os.X_OK)
    siblings = [path.name for path in folder.parent.iterdir() if path.is_dir()] if readable else []
    nearest = difflib.get_close_matches(folder.name, siblings, n=1)
    hint = f"; is it {folder.parent / nearest[0]}?" if nearest else ""
    raise FileNotFoundError(f"{how(data_dir)} names the folder {folder}, which was not found{hint}")


def how(data_dir: PathLike | None) -> str:
    """How the user named the folder."""
    return f"${VARIABLE}" if data_dir is None else "--data-dir"


def relative(path: Path) -> str:
    """The relative of MNIST that a file's name, or its folder's, tells of; "" if none."""
    words = "/".join(path.parts[-3:]).lower()
    return next((title for word, title in RELATIVES.items() if word in words), "")


def contents(folder: Path) -> str:
    """What lies in `folder`, in a few words: idx files and whose, photographs, or the first names."""
    paths = sorted(islice(_walk(folder), LOOKED_AT))
    if not paths:
        return "found it empty"
    idx = [path for path in paths if IDX.search(path.name)]
    pictures = [path for path in paths if path.suffix.lower() in PICTURES]
    titles = sorted({title for path in idx if (title := relative(path))})
    kind = ""
    if idx:
        kind = f"idx files of {', '.join(titles)}: " if titles else "idx files: "
    elif pictures:
        kind = "pictures: "
    some = idx or pictures or [path for path in paths if path.parent == folder]
    names = [str(path.relative_to(folder)) for path in some[:SHOWN]]
    more = f" and {len(some) - SHOWN} more" if len(some) > SHOWN else ""
    return f"found {kind}{', '.join(name if name.isprintable() else ascii(name) for name in names)}{more}"


def _walk(folder: Path, depth: int = 2) -> Iterator[Path]:
    """What lies in `folder`, and in its folders to `depth`, in any order; nothing hidden."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        yield path
        if depth and path.is_dir() and os.access(path, os.R_OK | os.X_OK):
            yield from _walk(path, depth - 1)
