"""Which kind of data a path holds: told here, and here alone, by names first and then by what is inside."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from dbnvis.datasets import folders
from dbnvis.datasets.dataset import Dataset
from dbnvis.datasets.own import array_files, idx_pairs, picture_folder, picture_tables
from dbnvis.datasets.own.found import Found
from dbnvis.datasets.own.gate import from_arrays, name_of

ARRAYS = (".npz", ".npy", ".mat")
TABLES = (".csv", ".tsv")
#: Files that can run any code when they are opened.
CODE = (".pkl", ".pickle", ".pt", ".pth", ".joblib", ".dill")
PACKED = (".zip", ".tar", ".tgz", ".7z", ".rar", ".bz2", ".xz")
TAKEN = "a folder of pictures, idx files, .npz, .npy, .mat or .csv"


def is_path(name: str) -> bool:
    """Whether a data set is given by its path: what exists, has a slash, or ends as a file that is read."""
    path = Path(name).expanduser()
    ends = path.suffix.lower() in (*ARRAYS, *TABLES, *CODE, *PACKED)
    return bool(name) and (os.sep in name or "/" in name or ends or os.path.lexists(path))


def read(name: str, known: Sequence[str]) -> Dataset:
    """Read the data that a path holds.

    Parameters
    ----------
    name : str
        The path of a file or a folder.
    known : sequence of str
        Names of data sets, which no other takes.

    Raises
    ------
    FileNotFoundError
        If there is nothing at that path; the line names the nearest that there is.
    ValueError
        If it is of no kind that is read, damaged or empty, or needs more memory than there is.
    """
    path = Path(name).expanduser()
    if not os.path.lexists(path):
        raise FileNotFoundError(f"no data at {path}{_nearest(path)}; --dataset takes a name or a path: {TAKEN}")
    if not path.is_dir() and not path.is_file():
        raise ValueError(f"{path} is neither a file nor a folder; give {TAKEN}")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes); get the file again")
    found, called = _folder(path) if path.is_dir() else _file(path)
    images = (found.images.get("train"), found.labels.get("train"), found.images.get("test"), found.labels.get("test"))
    return from_arrays(
        name_of(called, known),
        *images,
        shape=found.shape,
        class_names=found.class_names,
        steps=found.steps,
        path=path.absolute(),
    )


def _file(path: Path) -> tuple[Found, Path]:
    """What a file holds, and a path of the name that its data set gets."""
    suffix = path.suffix.lower()
    stem = path.with_suffix("")
    if suffix in CODE:
        raise ValueError(f"{path}: such a file can run any code when it is opened, so it is not; save .npz or .csv")
    if idx_pairs.is_idx(path):
        return idx_pairs.read(path), path.with_name(idx_pairs.title(path))
    if suffix in ARRAYS:
        return array_files.read(path), stem
    if suffix in TABLES:
        return picture_tables.read(path), stem
    if suffix in folders.PICTURES:
        raise ValueError(
            f"{path} is one picture, and a network learns from many: give their folder; dbnvis explain {path.name} "
            "shows one picture to a trained network"
        )
    if suffix in PACKED or suffix == ".gz":
        raise ValueError(f"{path} is packed; extract it, and give the folder")
    raise ValueError(f"{path}: of no kind that is read; give {TAKEN}")


def _folder(path: Path) -> tuple[Found, Path]:
    """What a folder holds, and a path of the name that its data set gets."""
    idx = idx_pairs.training_files(path)
    if len(idx) > 1:
        names = ", ".join(file.name for file in idx[:8])
        raise ValueError(f"{path} holds several data sets; give the path of one of their files: {names}")
    if idx:
        return idx_pairs.read(idx[0]), path / idx_pairs.title(idx[0])
    if picture_folder.holds_pictures(path):
        return picture_folder.read(path), path
    files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if (path / "train.csv").is_file():  # Kaggle's, whose test.csv has no labels
        return picture_tables.read(path / "train.csv"), path
    arrays = [file for file in files if file.suffix.lower() in (*ARRAYS, *TABLES)]
    if len(arrays) == 1:
        return _file(arrays[0])
    raise ValueError(f"{path}: expected {TAKEN}; {folders.contents(path)}; give the path of one of the files")


def _nearest(path: Path) -> str:
    """What lies beside a path that is not there and has nearly its name."""
    parent = path.parent
    names = [p.name for p in parent.iterdir()] if parent.is_dir() and os.access(parent, os.R_OK | os.X_OK) else []
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; is it {parent / close[0]}?" if close else ""
