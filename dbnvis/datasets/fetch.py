"""The files of a data set: where they are looked for, how they are checked and downloaded.

Search order: the folder that the caller names, `$DBNVIS_DATA`, `data/` of the checkout, the user's cache.
In each, the files lie in a subfolder of the data set's name or in the folder itself, plain or gzipped.
Nothing is used or kept before its checksum is right.
"""

from __future__ import annotations

import hashlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from dbnvis.datasets.idx import GZIP_MAGIC, gunzip, read_idx
from dbnvis.files import replacing

#: Training images, training labels, test images, test labels.
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
PathLike = str | os.PathLike[str]

#: Bytes per second. A download slower than this is given up, once `Spec.patience` is used up.
MIN_RATE = 20_000


@dataclass(frozen=True)
class Spec:
    """One data set: four idx files to find or download, or a function that makes the arrays.

    Arrays of bytes are scaled to [0, 1], others taken as they are.

    Parameters
    ----------
    about : str
        One line for people.
    files : mapping
        Name (without .gz) to checksum, in the order train images, train labels, test images, test labels.
        A checksum is a hex digest of the decompressed bytes, so that it does not depend on who compressed
        them: sha256, or with a prefix ("md5:...") another algorithm.
    mirrors : tuple of str
        Folders on the web, tried in order: a mirror's URL + name + ".gz" is a file.
    generate : callable, optional
        For a data set without files: returns the four arrays.
    from_folder : callable, optional
        Makes the four arrays from a folder of the user's own, of the data set's name, where one is found; without
        one, `generate` does.
    input_range : (float, float)
        Of the pixels.
    whitened : bool
        The images are of photographs filtered by `whitening.whiten`; its `unwhiten` leads back.
    patience : float
        Seconds a mirror may take without delivering; see `MIN_RATE`.
    """

    about: str
    files: Mapping[str, str] = field(default_factory=dict)
    mirrors: tuple[str, ...] = ()
    generate: Callable[[], Arrays] | None = None
    from_folder: Callable[[Path], Arrays] | None = None
    input_range: tuple[float, float] = (0.0, 1.0)
    whitened: bool = False
    patience: float = 5.0


def obtain(name: str, spec: Spec, data_dir: PathLike | None = None, *, download: bool, progress: bool) -> Path:
    """Return the folder that holds the data set's files, downloading them where need be.

    Raises
    ------
    FileNotFoundError
        If they are not on this machine and cannot be downloaded; one line says where they were looked for
        and what to do.
    """
    folder = locate(name, spec, data_dir)
    if folder is not None:
        return folder
    reason = "downloading was not asked for"
    if download:
        try:
            return fetch(name, spec, data_dir, progress=progress)
        except OSError as error:
            reason = str(error)
    searched = ", ".join(_describe(root, name, spec) for root in roots(data_dir))
    raise FileNotFoundError(
        f"{name} is not on this machine: looked for {', '.join(spec.files)} (plain or .gz) in {searched}; "
        f"{reason}; put the {len(spec.files)} files into one of these folders, or into any folder F and pass "
        "--data-dir F (data_dir=F) or set DBNVIS_DATA=F"
    )


def locate(name: str, spec: Spec, data_dir: PathLike | None = None) -> Path | None:
    """Return the first folder of the search order that holds all of the files, or the user's own, or None."""
    if spec.from_folder is not None:
        return next((root / name for root in roots(data_dir) if (root / name).is_dir()), None)
    if not spec.files:
        return None
    for root in roots(data_dir):
        for folder in (root / name, root):
            if not missing(folder, spec):
                return folder
    return None


def fetch(name: str, spec: Spec, data_dir: PathLike | None = None, *, progress: bool) -> Path:
    """Download the files that `data_dir`/`name` (default: the user's cache) lacks, and return that folder.

    Raises
    ------
    ConnectionError
        If no mirror delivers them; one line gives each mirror's reason.
    OSError
        If the folder cannot be written.
    """
    folder = (Path(data_dir).expanduser() if data_dir is not None else cache()) / name
    reasons = []
    for mirror in spec.mirrors:
        try:
            for file in missing(folder, spec):
                data = _get(f"{mirror}{file}.gz", patience=spec.patience, progress=progress)
                _check(gunzip(data, file), spec.files[file], file)
                with replacing(folder / (f"{file}.gz" if data.startswith(GZIP_MAGIC) else file)) as temporary:
                    temporary.write_bytes(data)
            return folder
        except (OSError, ValueError) as error:
            reasons.append(f"{urlsplit(mirror).netloc}: {_reason(error)}")
    raise ConnectionError(f"downloading failed ({'; '.join(reasons) or 'no mirror is known'})")


def read(folder: Path, spec: Spec) -> Arrays:
    """Read and check the four arrays of a data set from `folder`.

    Raises
    ------
    ValueError
        If a file is damaged or is not the expected one; one line says which, how, and what to do.
    """
    arrays = []
    for (file, checksum), ndim in zip(spec.files.items(), (3, 1, 3, 1), strict=True):
        path = _path(folder, file)
        if path is None:
            raise FileNotFoundError(f"{folder / file}: gone, plain and .gz")
        payload = gunzip(path.read_bytes(), str(path))
        # The format first: "truncated" helps more than "wrong checksum".
        arrays.append(read_idx(payload, ndim=ndim, name=str(path)))
        _check(payload, checksum, str(path))
    return arrays[0], arrays[1], arrays[2], arrays[3]


def roots(data_dir: PathLike | None = None) -> Iterator[Path]:
    """Yield the folders of the search order, whether they exist or not."""
    if data_dir is not None:
        yield Path(data_dir).expanduser()
    if os.environ.get("DBNVIS_DATA"):
        yield Path(os.environ["DBNVIS_DATA"]).expanduser()
    checkout = Path(__file__).resolve().parents[2]
    if (checkout / "setup.cfg").exists():  # otherwise the package is installed, and this is site-packages
        yield checkout / "data"
    yield cache()


def cache() -> Path:
    """Return the user's cache folder for data sets."""
    import pooch

    return Path(pooch.os_cache("dbnvis"))


def missing(folder: Path, spec: Spec) -> list[str]:
    """List the files that `folder` has neither plain nor gzipped."""
    return [file for file in spec.files if _path(folder, file) is None]


def _path(folder: Path, file: str) -> Path | None:
    return next((p for p in (folder / file, folder / f"{file}.gz") if p.is_file()), None)


def _describe(root: Path, name: str, spec: Spec) -> str:
    """Name a searched folder, with what it lacks where it holds a part of the data set."""
    folder = min((root / name, root), key=lambda place: len(missing(place, spec)))
    lacking = missing(folder, spec)
    return str(folder) if len(lacking) == len(spec.files) else f"{folder} (lacks {', '.join(lacking)})"


def _check(payload: bytes, checksum: str, name: str) -> None:
    """Raise ValueError unless `payload`, decompressed, is the expected file."""
    prefix, _, expected = checksum.rpartition(":")
    algorithm = prefix or "sha256"
    found = hashlib.new(algorithm, payload, usedforsecurity=False).hexdigest()
    if found != expected:
        raise ValueError(
            f"{name}: not the expected file: the {algorithm} of its {len(payload)} decompressed bytes is "
            f"{found}, expected {expected}; get the file again"
        )


def _get(url: str, *, patience: float, progress: bool) -> bytes:
    """Download `url` into memory.

    A timeout of the sockets bounds neither a slow name server nor a server that drips. So the download runs
    in a thread, and is given up when it falls behind `MIN_RATE` by more than `patience` seconds.
    """
    from pooch import HTTPDownloader
    from tqdm import tqdm

    buffer = io.BytesIO()
    errors: list[Exception] = []
    # pooch reads the total from the server's answer; until then, a bar without one has no truth value.
    with tqdm(total=1, desc=url.rpartition("/")[2], unit="B", unit_scale=True, disable=not progress) as bar:
        downloader = HTTPDownloader(progressbar=bar, timeout=patience)

        def work() -> None:
            try:
                downloader(url, buffer, None)
            except Exception as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        start = time.monotonic()
        thread.start()
        while thread.is_alive():
            thread.join(0.02)
            if thread.is_alive() and time.monotonic() - start > patience + buffer.tell() / MIN_RATE:
                received, bar.leave = buffer.tell(), False
                buffer.close()  # ends the thread at its next write
                raise TimeoutError(f"only {received} bytes in {time.monotonic() - start:.0f} s")
        bar.leave = not errors  # a failed download's bar goes: the error says all
    if errors:
        raise errors[0]
    return buffer.getvalue()


def _reason(error: Exception) -> str:
    """Shorten an error of a download to what a user can act on."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    if isinstance(error, requests.ConnectionError):
        return "cannot connect"
    return str(error).partition("\n")[0]
