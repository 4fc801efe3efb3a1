"""Where artefacts go, and the JSON manifest beside each.

Everything is written to a temporary name and renamed: an interrupted run leaves whole files or none.
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .backend import Array, to_numpy
from .environment import computed_with
from .files import replacing


def array_hash(*arrays: Array) -> str:
    """sha256 of the shapes, types and bytes of arrays."""
    digest = hashlib.sha256()
    for x in map(to_numpy, arrays):
        digest.update(f"{x.shape}{x.dtype.str}".encode())
        digest.update(np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()


def model_hash(model: Any) -> str:
    """sha256 of a model's parameters, and of the variance of Gaussian pixels where that is not 1."""
    parts = getattr(model, "rbms", None) or getattr(model, "daes", None) or [model.network]
    variances = [np.asarray(part.variance, "float64") for part in parts if getattr(part, "variance", 1) != 1]
    return array_hash(*(x for part in parts for x in part.params().values()), *variances)


def versions(device: str) -> dict[str, str]:
    """Versions of what computed a result, and on which device."""
    packages = {}
    for package in ("scipy", "scikit-learn", "matplotlib"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return {
        "dbnvis": __version__,
        "python": platform.python_version(),
        **packages,
        **computed_with(device),
    }


def save_artefact(
    path: Path,
    write: Callable[[Path], None],
    *,
    manifest: dict[str, Any],
    arrays: dict[str, Array] | None = None,
) -> list[Path]:
    """Write one artefact, its manifest `<stem>.json` and, if given, the arrays it shows `<stem>.npz`.

    Parameters
    ----------
    path : Path
    write : callable
        Writes the artefact to the path it is given.
    manifest : dict
        Settings, seed, data set, model hash, versions and seconds; the hash of `arrays` is added.
    arrays : dict of array, optional

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    OSError
        If the folder cannot be written or is full; what stood there before stays.
    """
    paths = [path, path.with_suffix(".json")]
    if arrays:
        manifest = {**manifest, "arrays_sha256": array_hash(*arrays.values())}
        paths.append(path.with_suffix(".npz"))
    with ExitStack() as stack:  # none is put in place before all are written
        artefact, text, *archive = [stack.enter_context(replacing(p)) for p in paths]
        write(artefact)
        text.write_text(json.dumps(manifest, indent=2, default=str) + "\n")
        if arrays:
            np.savez_compressed(archive[0], **{name: to_numpy(x) for name, x in arrays.items()})
    return paths


def save_text(path: Path, text: str) -> list[Path]:
    """Write a text whole or not at all."""
    with replacing(path) as file:
        file.write_text(text)
    return [path]


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of equal keys under a header."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
