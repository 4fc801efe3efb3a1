"""Where artefacts go, and the JSON manifest beside each.

Everything is written to a temporary name and renamed: an interrupted run leaves whole files or none. The manifest is
renamed last and holds the hashes of the files beside it, so that a set of which a killed process renamed some files
is known as torn. An artefact of another model, seed, data or settings is never replaced unless asked for.
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import reprlib
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__, plot
from .backend import Array, to_numpy
from .backend.comm import on_first
from .models.protocol import Model, parts
from .system.environment import computed_with
from .system.files import check_folder, replacing

Arrays = dict[str, Array] | None  # what a figure shows, by name
Table = Sequence[Mapping[str, Any]]  # rows of equal keys
#: Of a manifest: hashes of the artefact and of its arrays' file, by name.
FILES = "files_sha256"
#: Entries of manifests that do not say what is shown, but when, by what and where it was computed.
NOT_SHOWN = {"arrays_sha256", FILES, "command", "figure", "machine", "model", "seconds", "versions"}


def array_hash(*arrays: Array) -> str:
    """sha256 of the shapes, types and bytes of arrays."""
    digest = hashlib.sha256()
    for x in map(to_numpy, arrays):
        digest.update(f"{x.shape}{x.dtype.str}".encode())
        digest.update(np.ascontiguousarray(x).tobytes())
    return digest.hexdigest()


def model_hash(model: Model) -> str:
    """sha256 of a model's parameters, and of the variance of Gaussian pixels where that is not 1."""
    variances = [np.asarray(part.variance, "float64") for part in parts(model) if getattr(part, "variance", 1) != 1]
    return array_hash(*(x for part in parts(model) for x in part.params().values()), *variances)


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
    write: Callable[[Path], object],
    *,
    manifest: dict[str, Any],
    arrays: Arrays = None,
    rows: Table = (),
    overwrite: bool = False,
) -> list[Path]:
    """Write one artefact, its manifest `<stem>.json` and, if given, what it shows: `<stem>.npz` and `<stem>.csv`.

    Parameters
    ----------
    path : Path
    write : callable
        Writes the artefact to the path it is given.
    manifest : dict
        Settings, seed, data set, model hash, versions and seconds; the hash of `arrays`, and those of the files, are
        added.
    arrays : dict of array, optional
    rows : sequence of dict of equal keys
        The numbers of the artefact as a table, if any.
    overwrite : bool
        Replace an artefact of another model, seed, data or settings, too.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        If there is an artefact of another model, seed, data or settings.
    OSError
        If the folder cannot be written or is full; what stood there before stays.
    """
    paths, writes = [path, path.with_suffix(".json")], [write]
    if arrays:
        manifest = {**manifest, "arrays_sha256": array_hash(*arrays.values())}
        paths.append(path.with_suffix(".npz"))
        on_host = {name: to_numpy(x) for name, x in arrays.items()}
        writes.append(lambda file: np.savez_compressed(file, **on_host))
    if rows:
        paths.append(path.with_suffix(".csv"))
        writes.append(lambda file: write_csv(file, rows))
    if not overwrite:
        keep_others(path, manifest)
    with ExitStack() as stack:  # none is put in place before all are written; the last entered is the first put there
        text, *beside = [stack.enter_context(replacing(p)) for p in paths[1:]]
        temporaries = [stack.enter_context(replacing(path)), *beside]
        for temporary, each in zip(temporaries, writes, strict=True):
            each(temporary)
        written = zip([path, *paths[2:]], temporaries, strict=True)
        manifest = {**manifest, FILES: {final.name: file_hash(temporary) for final, temporary in written}}
        text.write_text(json.dumps(manifest, indent=2, default=str) + "\n")
    return paths


def file_hash(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def is_whole(path: Path) -> bool:
    """Whether the artefact at `path` and its arrays are those that its manifest is about."""
    hashes = _hashes(_manifest(path))
    files = {path.parent / name: known for name, known in hashes.items()}
    return path in files and all(file.is_file() and file_hash(file) == known for file, known in files.items())


def of_models(folder: Path) -> bool:
    """Whether a folder holds artefacts that show a model."""
    return any("model_sha256" in _manifest(file) for file in listed(folder, "*.json"))


def listed(folder: Path, pattern: str) -> list[Path]:
    """The files of a folder that match, in order, without hidden ones, which are not yet whole or no longer wanted."""
    return sorted(file for file in folder.glob(pattern) if not file.name.startswith("."))


def _manifest(path: Path) -> dict[str, Any]:
    """The manifest beside the artefact at `path`; empty where there is none to be read."""
    try:
        saved = json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError):
        return {}
    return saved if isinstance(saved, dict) else {}


def _hashes(manifest: dict[str, Any]) -> dict[str, str]:
    saved = manifest.get(FILES)
    return saved if isinstance(saved, dict) else {}


def keep_others(path: Path, manifest: dict[str, Any]) -> None:
    """ValueError if the artefact at `path`, or its table, is of another model, seed, data or settings than `manifest`.

    The manifest of what is there may be about other files than those that are: a torn set, which is no obstacle.
    """
    saved = _manifest(path)
    hashes = _hashes(saved)
    kept = [file for file in (path, path.with_suffix(".csv")) if file.is_file()]
    kept = [file for file in kept if hashes.get(file.name) in (None, file_hash(file))]
    if not kept:
        return
    new = json.loads(json.dumps(manifest, default=str))
    if saved.get("data_sha256", "") is None and new.get("data_sha256"):  # drawn without data: with them it is fuller
        saved = {name: value for name, value in saved.items() if name != "settings"}
    difference = _difference(saved, new)
    if difference:
        raise ValueError(f"{kept[0]} is another one: {difference}; --overwrite replaces it, or give another --out")


def _difference(saved: dict[str, Any], new: dict[str, Any], names: tuple[str, ...] = ()) -> str:
    """The first entry of two manifests that tells what they show apart, in words; "" if none does."""
    common = set(saved) & set(new) if not names else set(saved) | set(new)  # of settings, also those of one alone
    for name in sorted(common - NOT_SHOWN):
        old, value = saved.get(name), new.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            inner = _difference(old, value, (*names, name))
            if inner:
                return inner
        elif old != value and not (name.endswith("sha256") and old is None):  # what was not known is made better
            was, now = ("none" if x is None else reprlib.repr(x).strip("'") for x in (old, value))
            return f"its {'.'.join((*names, name))} is {was}, this one's is {now}"
    return ""


def short_hash(value: Any) -> str:
    """Six digits of the sha256 of a JSON value, to tell file names of several settings apart."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:6]


@dataclass
class Writer:
    """Writes figures, tables and texts into a folder; only here a manifest is made, one for each artefact.

    Parameters
    ----------
    root : Path
    figures, tables : str
        Folders in it.
    entry : str
        The name of the figure in the catalogue (`catalogue.FIGURES`), or of the command that draws a sheet.
    command : str
        What draws the same again.
    overwrite : bool
        Replace artefacts of another model, seed, data or settings.
    tabled : bool
        Beside figures write their numbers as a table, `<name>.csv`, where there are some.
    written : list of Path
        What was written, in order.
    """

    root: Path
    figures: str = ""
    tables: str = ""
    entry: str = ""
    command: str = ""
    overwrite: bool = False
    tabled: bool = False
    written: list[Path] = field(default_factory=list)
    _started: float = field(init=False, default_factory=lambda: time.perf_counter())

    def figure(self, name: str, figure: Any, arrays: Arrays = None, rows: Table = (), **facts: Any) -> None:
        """Write `figure` as `<root>/<figures>/<name>.png`, its manifest, arrays and, if `tabled`, rows that it shows.

        Raises
        ------
        ValueError
            If there is an artefact of another model, seed, data or settings.
        """
        shown = {"arrays": arrays, "rows": rows if self.tabled else ()}
        self._write(self.picture(name), lambda path: plot.save(figure, path), facts, **shown)

    def table(self, name: str, rows: Table, **facts: Any) -> None:
        """Write `rows`, of equal keys, as `<root>/<tables>/<name>.csv`, and its manifest; raises as `figure`."""
        self._write(self.sheet(name), lambda path: write_csv(path, rows), facts)

    def document(self, name: str, html: str, **facts: Any) -> None:
        """Write `html` as `<root>/<name>.html`, and its manifest; raises as `figure`."""
        self._write(self.page(name), lambda path: path.write_text(html, encoding="utf-8"), facts)

    def text(self, name: str, text: str) -> None:
        """Write `text` to `<root>/<name>`."""
        self.written += save_text(self.root / name, text)

    def picture(self, name: str) -> Path:
        """Where `figure` writes."""
        return self.root / self.figures / f"{name}.png"

    def sheet(self, name: str) -> Path:
        """Where `table` writes."""
        return self.root / self.tables / f"{name}.csv"

    def page(self, name: str) -> Path:
        """Where `document` writes."""
        return self.root / f"{name}.html"

    def check(self, path: Path, **facts: Any) -> None:
        """ValueError, before any work, if `path` cannot be written, or what stands there is of other `facts`."""
        check_folder(path.parent, str(path))
        if not self.overwrite:
            keep_others(path, facts)

    def _write(self, path: Path, write: Callable[[Path], object], facts: dict[str, Any], **shown: Any) -> None:
        made_by = {"figure": self.entry, "command": self.command}
        manifest = {
            **{name: value for name, value in made_by.items() if value},
            "artefact": path.name,
            **facts,
            "seconds": round(time.perf_counter() - self._started, 2),
        }
        how = {"manifest": manifest, "overwrite": self.overwrite, **shown}
        self.written += on_first(lambda: save_artefact(path, write, **how))
        self._started = time.perf_counter()


def save_text(path: Path, text: str) -> list[Path]:
    """Write a text whole or not at all."""
    with replacing(path) as file:
        file.write_text(text)
    return [path]


def write_csv(path: Path, rows: Table) -> None:
    """Write rows of equal keys under a header."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
