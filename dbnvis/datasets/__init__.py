"""Data sets: a registry of names, and `load`, which finds, downloads, checks and scales them.

    ds = datasets.load("mnist")
    ds.train_images  # (60000, 28, 28) float32 in [0, 1]

A path in place of a name reads data of the user's own (`own`), `from_arrays` takes arrays. A new data set in MNIST's
format, or one that a function makes, is one entry of `DATASETS`.
"""

from __future__ import annotations

import difflib
import math
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dbnvis.datasets import digits, folders, patches
from dbnvis.datasets import fetch as _files
from dbnvis.datasets.bars import bars_and_stripes
from dbnvis.datasets.dataset import Dataset, arrays_hash
from dbnvis.datasets.fetch import Arrays, Spec
from dbnvis.datasets.folders import PathLike
from dbnvis.datasets.idx import read_idx
from dbnvis.datasets.own import kinds as _kinds
from dbnvis.datasets.own.gate import DARK, from_arrays
from dbnvis.images import check_images

__all__ = [
    "DATASETS",
    "Dataset",
    "Spec",
    "advice",
    "bars_and_stripes",
    "check_images",
    "fetch",
    "from_arrays",
    "is_path",
    "load",
    "locate",
    "read_idx",
]

LARGEST = 16 + 60_000 * 28 * 28  # bytes of MNIST's training images

DATASETS: dict[str, Spec] = {
    "mnist": Spec(
        about="70,000 handwritten digits, 28 x 28 (LeCun, Cortes & Burges)",
        files={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        largest=LARGEST,
        elsewhere=("MNIST/raw",),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "fashion-mnist": Spec(
        about="70,000 pictures of clothes in MNIST's format (Xiao, Rasul & Vollgraf 2017)",
        # The authors publish md5 of the compressed files; these belong to the same files, decompressed.
        files={
            "train-images-idx3-ubyte": "md5:f4a8712d7a061bf5bd6d2ca38dc4d50a",
            "train-labels-idx1-ubyte": "md5:9018921c3c673c538a1fc5bad174d6f9",
            "t10k-images-idx3-ubyte": "md5:8181f5470baa50b63fa0f6fddb340f0a",
            "t10k-labels-idx1-ubyte": "md5:15d484375f8d13e6eb1aabb0c3f46965",
        },
        largest=LARGEST,
        elsewhere=("FashionMNIST/raw",),
        mirrors=(
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
    ),
    "digits": Spec(
        about="embedded: 1,797 handwritten digits of the UCI repository, rendered and enlarged to 35,000",
        generate=digits.render,
    ),
    "patches": Spec(
        about="embedded: 110,000 patches, 12 x 12, of two whitened photographs, or of those in a folder patches/",
        generate=patches.sample,
        from_folder=patches.from_folder,
        input_range=(-math.inf, math.inf),
        whitened=True,
    ),
    "photos": Spec(
        about="110,000 patches, 12 x 12, of nine whitened photographs: the two, and seven of scikit-image",
        generate=patches.sample_photos,
        lacks=patches.photos_lack,
        input_range=(-math.inf, math.inf),
        whitened=True,
    ),
    "crops": Spec(
        about="embedded: 1,100 crops, 70 x 70, of the two whitened photographs, for convolutional networks",
        generate=patches.sample_crops,
        input_range=(-math.inf, math.inf),
        whitened=True,
    ),
}


def load(
    name: PathLike = "auto",
    data_dir: PathLike | None = None,
    *,
    download: bool = True,
    progress: bool = False,
    notify: Callable[[str], object] | None = None,
) -> Dataset:
    """Load a data set: find its files or download them, check and scale them.

    Parameters
    ----------
    name : str
        A name of `DATASETS`; or "auto": MNIST where it is found or can be downloaded, otherwise "digits". In a folder
        that the user named, "auto" is MNIST. Or the path of the user's own: a folder of pictures, idx files, .npz,
        .npy, .mat or .csv; a name of `DATASETS` is not taken for a path.
    data_dir : path, optional
        The folder that holds this data set: it is looked for nowhere else, and an error if it is not there. By default
        $DBNVIS_DATA, a folder of several data sets, does likewise for those that need files; embedded ones need not lie
        there. If neither is given: `data/` of the checkout, then the user's cache, the place of downloads. A folder
        `patches` in one of them holds photographs, or an IMAGES.mat, that patches are cut from in place of the embedded
        ones.
    download : bool
        Whether files that are not found may be downloaded to the user's cache; never to a named folder, see `fetch`.
    progress : bool
        Whether downloads draw a progress bar on standard error.
    notify : callable, optional
        Called once, with one line, when "auto" falls back to "digits". Default: a warning.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        If the name is unknown, a file that was found is damaged or not the expected one, which is never silently
        replaced, or a path holds nothing that can be read or more than there is memory for.
    FileNotFoundError
        If the files are neither found nor downloaded, or the folder that the user named does not exist or does not hold
        the data set; one line says what was looked for, and what was found there.
    """
    name = os.fspath(name)
    if is_path(name):
        if data_dir is not None:
            raise ValueError(f"{name} is a path, which says where the data are; leave --data-dir out")
        return _kinds.read(name, [*DATASETS, "auto"])
    if name == "auto":
        try:
            _files.obtain("mnist", DATASETS["mnist"], data_dir, download=download, progress=progress)
            name = "mnist"
        except FileNotFoundError as error:
            if folders.named(data_dir) is not None:
                raise FileNotFoundError(f"{error}; or give --dataset digits, which is embedded") from None
            name = "digits"
            line = f"using the embedded data set digits, because {error}"
            if notify is None:
                warnings.warn(line, stacklevel=2)
            else:
                notify(line)
    spec = _spec(name, data_dir)
    folder = locate(name, data_dir)
    if spec.generate is None:
        folder = folder or _files.obtain(name, spec, data_dir, download=download, progress=progress)
        return _dataset(name, _files.read(folder, spec, DATASETS), folder)
    if folder is not None and spec.from_folder is not None:
        return _dataset(name, spec.from_folder(folder), folder)
    if data_dir is not None:
        raise FileNotFoundError(_files.not_there(name, spec, data_dir))
    return _dataset(name, spec.generate())


def is_path(name: str) -> bool:
    """Whether `load` takes `name` for a path: it is none of `DATASETS`, and exists, has a slash, or ends as a file."""
    return name != "auto" and name not in DATASETS and _kinds.is_path(name)


def locate(name: str, data_dir: PathLike | None = None) -> Path | None:
    """Return the folder where a data set's files, or the user's own, are found, or None. Does not use the network.

    Raises
    ------
    ValueError
        If the name is unknown.
    FileNotFoundError
        If `data_dir`, or else $DBNVIS_DATA, does not exist.
    """
    return _files.locate(name, _spec(name), data_dir)


def fetch(name: str, data_dir: PathLike | None = None, progress: bool = True) -> Path:
    """Download a data set's files to `data_dir`/`name`; return that folder. "auto" is MNIST.

    By default they go to $DBNVIS_DATA where that is set, otherwise to the user's cache. Files that are there stay if
    they are the expected ones; others are replaced, and kept beside them as `.bad`.

    Raises
    ------
    ValueError
        If the name is unknown, or the data set has no files.
    ConnectionError
        If no mirror delivers.
    OSError
        If the folder cannot be written.
    """
    name = "mnist" if name == "auto" else name
    spec = _spec(name)
    if not spec.files:
        raise ValueError(f"{name} is embedded, there is nothing to download: --dataset {name}, or load({name!r})")
    return _files.fetch(name, spec, data_dir, progress=progress, repair=True)


def advice(name: str) -> str:
    """How to get a data set that is not at hand, for the end of a message."""
    if name not in DATASETS:
        return f"{name} is no data set that dbnvis knows; {folders.OWN}"
    if DATASETS[name].files:
        return f"dbnvis data --fetch {name}, or --data-dir"
    return "name its folder by --data-dir" if DATASETS[name].from_folder else f"give --dataset {name}"


def _spec(name: str, data_dir: PathLike | None = None) -> Spec:
    """Look a name up, or raise ValueError with the names, nearest first, and what lies in `data_dir`."""
    if name in DATASETS:
        return DATASETS[name]
    known = [*DATASETS, "auto"]
    nearest = difflib.get_close_matches(name, known, n=len(known), cutoff=0.0)
    ours = folders.relative(Path(name)) or _kinds.is_path(name)
    shown = repr(name) if len(name) <= 60 else f"{name[:60]!r}..."
    parts = [f"unknown data set {shown}", f"known are {', '.join(nearest)}"]
    if data_dir is not None:
        parts.append(f"in {data_dir} {folders.contents(folders.named(data_dir) or Path())}")
    if ours or data_dir is not None:
        parts.append(folders.OWN)
    raise ValueError("; ".join(parts))


def _dataset(name: str, arrays: Arrays, folder: Path | None = None) -> Dataset:
    """Hash the arrays, and scale bytes to [0, 1]."""
    within = _spec(name).input_range
    bytes_ = [images.dtype == np.uint8 for images in arrays[::2]]
    if any(bytes_) and (not all(bytes_) or within != (0.0, 1.0)):
        low, high = within
        raise ValueError(
            f"{name}: bytes become pixels in [0, 1], and its images are in [{low:g}, {high:g}], or not all of them "
            "bytes; give all as floats"
        )
    if all(bytes_):
        _check_bytes(name, max(int(images.max(initial=0)) for images in arrays[::2]))
    train_images, test_images = (
        np.divide(images, 255, dtype=np.float32) if images.dtype == np.uint8 else images for images in arrays[::2]
    )
    train_labels, test_labels = (None if labels is None else _integers(labels, name) for labels in arrays[1::2])
    return Dataset(name, train_images, train_labels, test_images, test_labels, arrays_hash(arrays), within, folder)


def _check_bytes(name: str, most: int) -> None:
    """ValueError where the greatest of all bytes says that they do not range from 0 to 255."""
    if most < DARK:
        raise ValueError(
            f"{name}: expected bytes from 0 to 255, found none above {most}; give such pixels as float32 in [0, 1], "
            "divided by the greatest that they can be"
        )


def _integers(labels: np.ndarray, name: str) -> np.ndarray:
    """Labels as int64; ValueError for those that are no integers."""
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iub" and not (labels.dtype.kind == "f" and (labels == np.rint(labels)).all()):
        raise ValueError(f"{name}: expected integer labels, got {labels.dtype}")
    return labels.astype(np.int64)
