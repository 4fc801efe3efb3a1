"""The files of a data set: where they are looked for, how they are checked and downloaded.

They are looked for in the folder that the user names, `data_dir` or else `$DBNVIS_DATA`, and nowhere else; where none
is named, in `data/` of the checkout, then in the user's cache. In each, the files lie in a subfolder of the data set's
name, in the folder itself, or where torchvision puts them; plain or gzipped; their names with "-idx" or ".idx".
Nothing is used or kept before its checksum is right.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import numpy as np

from dbnvis.datasets import download as _download
from dbnvis.datasets import folders
from dbnvis.datasets.folders import PathLike
from dbnvis.datasets.idx import GZIP_MAGIC, gunzip, read_idx

from ..system.files import replacing

#: Training images, training labels, test images, test labels; labels are None where there are none.
Arrays = tuple[np.ndarray, np.ndarray | None, np.ndarray, np.ndarray | None]


@dataclass(frozen=True)
class Spec:
    """One data set: four idx files to find or download, or a function that makes the arrays.

    Arrays of bytes, 0 to 255, are scaled to [0, 1], others taken as they are.

    Parameters
    ----------
    about : str
        One line for people.
    files : mapping
        Name (without .gz) to checksum, in the order train images, train labels, test images, test labels.
        A checksum is a hex digest of the decompressed bytes, so that it does not depend on who compressed
        them: sha256, or with a prefix ("md5:...") another algorithm.
    largest : int
        Bytes that a file may have, decompressed. No more are read, decompressed or downloaded.
    elsewhere : tuple of str
        Where in a folder of data sets the files may lie, too, such as "MNIST/raw".
    mirrors : tuple of str
        Folders on the web, tried in order: a mirror's URL + name + ".gz" is a file.
    generate : callable, optional
        For a data set without files: returns the four arrays, None for labels where there are none.
    from_folder : callable, optional
        Makes the four arrays from a folder of the user's own, of the data set's name, where one is found; without
        one, `generate` does.
    lacks : callable
        What `generate` lacks on this machine and how to get it, in words; "" if nothing.
    input_range : (float, float)
        Of the pixels.
    whitened : bool
        The images are of photographs filtered by `whitening.whiten`; its `unwhiten` leads back.
    patience : float
        Seconds a mirror may take without delivering; see `download.MIN_RATE`.
    """

    about: str
    files: Mapping[str, str] = field(default_factory=dict)
    largest: int = 1 << 30
    elsewhere: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()
    generate: Callable[[], Arrays] | None = None
    from_folder: Callable[[Path], Arrays] | None = None
    lacks: Callable[[], str] = str
    input_range: tuple[float, float] = (0.0, 1.0)
    whitened: bool = False
    patience: float = 5.0

    @property
    def without_files(self) -> str:
        """How a data set that a function makes is at hand, in words."""
        return self.lacks() or "embedded"


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
    if folders.named(data_dir) is not None:
        raise FileNotFoundError(not_there(name, spec, data_dir))
    reason = "downloading was not asked for"
    if download:
        try:
            return fetch(name, spec, progress=progress)
        except OSError as error:
            reason = str(error)
    searched = ", ".join(_describe(root, name, spec) for root in roots())
    raise FileNotFoundError(
        f"{name} is not on this machine ({reason}): looked for {', '.join(spec.files)} (plain or .gz) in {searched}; "
        "put them into one of these folders, or into any folder F and give --data-dir F (data_dir=F) or DBNVIS_DATA=F"
    )


def not_there(name: str, spec: Spec, data_dir: PathLike | None) -> str:
    """One line: what was looked for in the folder that the user named, what was found, what to do."""
    folder = folders.named(data_dir) or Path()
    found, given = folders.contents(folder), f"{folder} ({folders.how(data_dir)})"
    if spec.from_folder is not None:
        return (
            f"{name}: looked for a folder {name}/ of photographs in {given}, {found}; put photographs into "
            f"{folder / name}, or leave --data-dir out for the embedded ones"
        )
    if not spec.files:
        return f"{name} is embedded, and {given} holds nothing of it: {found}; leave --data-dir out"
    lacking = missing(min(_places(folder, name, spec), key=lambda place: len(missing(place, spec))), spec)
    target = "" if data_dir is None else f" --data-dir {folder}"
    own = f"; {folders.OWN}" if "idx files" in found and len(lacking) == len(spec.files) else ""
    return (
        f"{name} is not in {given}: looked for {', '.join(lacking)} (plain or .gz) there and in its "
        f"{', '.join((name, *spec.elsewhere))}; {found}; dbnvis data --fetch {name}{target} downloads it there{own}"
    )


def locate(name: str, spec: Spec, data_dir: PathLike | None = None) -> Path | None:
    """Return the first folder of the search order that holds all of the files, or the user's own, or None."""
    for root in roots(data_dir):
        places = [root / name] if spec.from_folder is not None else _places(root, name, spec) if spec.files else []
        for folder in places:
            if folder.is_dir() and not missing(folder, spec):
                return folder
    return None


def _places(root: Path, name: str, spec: Spec) -> list[Path]:
    """Folders where a folder of data sets may hold the files."""
    return [root / name, root, *(root / inner for inner in spec.elsewhere)]


def fetch(name: str, spec: Spec, data_dir: PathLike | None = None, *, progress: bool, repair: bool = False) -> Path:
    """Download the files that a folder lacks, and return that folder.

    It is `data_dir`/`name`; without `data_dir`, $DBNVIS_DATA/`name`, or `name` in the user's cache. With `repair`, a
    file that is there and not the expected one is replaced, and kept beside the new one as `.bad`.

    Raises
    ------
    ConnectionError
        If no mirror delivers them; one line gives each mirror's reason.
    OSError
        If the folder cannot be written.
    """
    root = Path(data_dir).expanduser() if data_dir is not None else folders.named() or cache()
    folder, reasons = root / name, []
    wanted = [file for file in spec.files if not (_is_good(folder, file, spec) if repair else _path(folder, file))]
    for mirror in spec.mirrors:
        try:
            while wanted:
                _fetch_file(mirror, wanted[0], folder, spec, progress)
                del wanted[0]
            return folder
        except (OSError, ValueError) as error:
            reasons.append(f"{urlsplit(mirror).netloc}: {_download.reason(error)}")
    if not wanted:
        return folder
    raise ConnectionError(f"downloading failed ({'; '.join(reasons) or 'no mirror is known'})")


def _fetch_file(mirror: str, file: str, folder: Path, spec: Spec, progress: bool) -> None:
    """Put a file of a mirror into `folder`; what was there stays beside it as `.bad`."""
    data = _download.get(f"{mirror}{file}.gz", most=_most(spec.largest), patience=spec.patience, progress=progress)
    _check(gunzip(data, file, spec.largest), spec.files[file], file)
    with replacing(folder / (f"{file}.gz" if data.startswith(GZIP_MAGIC) else file), every_rank=True) as temporary:
        temporary.write_bytes(data)
        while (old := _path(folder, file)) is not None:
            old.replace(old.with_name(f"{old.name}.bad"))
            warnings.warn(f"{old} was not the expected file: replaced, and kept as {old.name}.bad", stacklevel=5)


def _is_good(folder: Path, file: str, spec: Spec) -> bool:
    """Whether the file is there, and the expected one."""
    path = _path(folder, file)
    try:
        return path is not None and _matches(_content(path, spec), spec.files[file])
    except ValueError:
        return False


def read(folder: Path, spec: Spec, known: Mapping[str, Spec]) -> Arrays:
    """Read and check the four arrays of a data set from `folder`.

    Raises
    ------
    ValueError
        If a file is damaged or is not the expected one; one line says which, how, and what to do. A file of another of
        the `known` data sets is named as that.
    """
    arrays = []
    for (file, checksum), ndim in zip(spec.files.items(), (3, 1, 3, 1), strict=True):
        path = _path(folder, file)
        if path is None:
            raise FileNotFoundError(f"{folder / file}: gone, plain and .gz")
        payload = _content(path, spec)
        # The format first: "truncated" helps more than "wrong checksum".
        arrays.append(read_idx(payload, ndim=ndim, name=str(path)))
        _check(payload, checksum, str(path), known)
    return arrays[0], arrays[1], arrays[2], arrays[3]


def _content(path: Path, spec: Spec) -> bytes:
    """The decompressed bytes of a file; ValueError for more than it may have."""
    if path.stat().st_size > _most(spec.largest):
        raise ValueError(
            f"{path}: expected at most {_most(spec.largest)} bytes, found {path.stat().st_size}; get the file again"
        )
    return gunzip(path.read_bytes(), str(path), spec.largest)


def _most(size: int) -> int:
    """Bytes that a file of `size` bytes may have, gzipped: more than plain where it cannot be made smaller."""
    return size + size // 1000 + 1024


def roots(data_dir: PathLike | None = None) -> Iterator[Path]:
    """Yield the folders of the search order, whether they exist or not; errors as of `folders.named`."""
    folder = folders.named(data_dir)
    if folder is not None:
        yield folder
        return
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
    names = (f"{stem}{end}" for stem in (file, file.replace("-idx", ".idx")) for end in ("", ".gz"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _describe(root: Path, name: str, spec: Spec) -> str:
    """Name a searched folder, with what it lacks where it holds a part of the data set."""
    folder = min(_places(root, name, spec), key=lambda place: len(missing(place, spec)))
    lacking = missing(folder, spec)
    return str(folder) if len(lacking) == len(spec.files) else f"{folder} (lacks {', '.join(lacking)})"


def _check(payload: bytes, checksum: str, name: str, known: Mapping[str, Spec] = MappingProxyType({})) -> None:
    """Raise ValueError unless `payload`, decompressed, is the expected file."""
    if _matches(payload, checksum):
        return
    owner = next((o for o, s in known.items() if any(_matches(payload, c) for c in s.files.values())), None)
    if owner is not None:
        advice = f"it is a file of {owner}: give --dataset {owner}"
    else:
        title = folders.relative(Path(name))
        which = f", of MNIST, not of {title}" if title else ""
        advice = f"get the file again{which}; {folders.OWN}"
    algorithm, expected = _digest(checksum)
    found = hashlib.new(algorithm, payload, usedforsecurity=False).hexdigest()
    raise ValueError(
        f"{name}: not the expected file: the {algorithm} of its {len(payload)} decompressed bytes is "
        f"{found}, expected {expected}; {advice}"
    )


def _digest(checksum: str) -> tuple[str, str]:
    """Algorithm and hex digest of a checksum of `Spec.files`."""
    prefix, _, expected = checksum.rpartition(":")
    return prefix or "sha256", expected


def _matches(payload: bytes, checksum: str) -> bool:
    algorithm, expected = _digest(checksum)
    return hashlib.new(algorithm, payload, usedforsecurity=False).hexdigest() == expected
