"""Data sets: a registry of names, and `load`, which finds, downloads, checks and scales them.

    ds = datasets.load("mnist")
    ds.train_images  # (60000, 28, 28) float32 in [0, 1]

A new data set in MNIST's format, or one that a function makes, is one entry of `DATASETS`.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from dbnvis.datasets import digits, patches
from dbnvis.datasets import fetch as _files
from dbnvis.datasets.fetch import Arrays, PathLike, Spec
from dbnvis.datasets.idx import read_idx
from dbnvis.images import check_images

__all__ = ["DATASETS", "Dataset", "Spec", "check_images", "fetch", "load", "locate", "read_idx"]

DATASETS: dict[str, Spec] = {
    "mnist": Spec(
        about="70,000 handwritten digits, 28 x 28 (LeCun, Cortes & Burges)",
        files={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
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
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
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
    "crops": Spec(
        about="embedded: 1,100 crops, 70 x 70, of the two whitened photographs, for convolutional networks",
        generate=patches.sample_crops,
        input_range=(-math.inf, math.inf),
        whitened=True,
    ),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images and labels, for training and for testing.

    Parameters
    ----------
    name : str
    train_images, test_images : array (N, H, W)
        float32, in `input_range`; the same H and W.
    train_labels, test_labels : array (N,)
        int64, at least 0.
    sha256 : str
        Hex digest of all four arrays, for manifests.
    input_range : (float, float)
        Of the pixels; (-inf, inf) where they are real numbers, such as whitened ones.

    Raises
    ------
    ValueError
        If the arrays are empty, do not belong together, or hold a pixel out of range or not finite.
    """

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    sha256: str
    input_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        for part, images, labels in (
            ("train", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            if images.ndim != 3:
                raise ValueError(f"{self.name}: expected {part} images (N, H, W), got shape {images.shape}")
            if labels.shape != images.shape[:1]:
                raise ValueError(
                    f"{self.name}: {len(images)} {part} images need as many labels, got shape {labels.shape}"
                )
            check_images(images, within=self.input_range, name=f"{self.name}: {part} images")
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise ValueError(
                f"{self.name}: the train images are {self.train_images.shape[1:]}, "
                f"the test images {self.test_images.shape[1:]}; expected one size"
            )

    def first(self, n: int) -> Dataset:
        """The same data set with the first `n` training images only."""
        return replace(
            self,
            train_images=self.train_images[:n],
            train_labels=self.train_labels[:n],
            sha256=f"{self.sha256} [:{n}]",
        )

    @property
    def input_shape(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        _, height, width = self.train_images.shape
        return height, width

    @cached_property
    def mean_norm(self) -> float:
        """Mean Euclidean norm of the training images."""
        squares = np.einsum("nij,nij->n", self.train_images, self.train_images)
        return float(np.sqrt(squares).mean(dtype=np.float64))


def load(
    name: str = "auto",
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
        A name of `DATASETS`; or "auto": MNIST where it is found or can be downloaded, otherwise "digits".
    data_dir : path, optional
        Searched first, and downloaded to. Then follow $DBNVIS_DATA, `data/` of the checkout and the user's
        cache (the default place of downloads). A folder `patches` in one of them holds photographs, or an
        IMAGES.mat, that patches are cut from in place of the embedded ones.
    download : bool
        Whether files that are not found may be downloaded.
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
        If the name is unknown, or a file that was found is damaged or not the expected one: such a file is
        never silently replaced.
    FileNotFoundError
        If the files are neither found nor downloaded.
    """
    if name == "auto":
        try:
            _files.obtain("mnist", DATASETS["mnist"], data_dir, download=download, progress=progress)
            name = "mnist"
        except FileNotFoundError as error:
            name = "digits"
            line = f"using the embedded data set digits, because {error}"
            if notify is None:
                warnings.warn(line, stacklevel=2)
            else:
                notify(line)
    spec = _spec(name)
    if spec.from_folder is not None and (folder := locate(name, data_dir)) is not None:
        return _dataset(name, spec.from_folder(folder))
    if spec.generate is not None:
        return _dataset(name, spec.generate())
    folder = _files.obtain(name, spec, data_dir, download=download, progress=progress)
    return _dataset(name, _files.read(folder, spec))


def locate(name: str, data_dir: PathLike | None = None) -> Path | None:
    """Return the folder where a data set's files, or the user's own, are found, or None. Does not use the network.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    return _files.locate(name, _spec(name), data_dir)


def fetch(name: str, data_dir: PathLike | None = None, progress: bool = True) -> Path:
    """Download a data set's files to `data_dir`/`name` (default: the user's cache); return that folder.

    Files that are already there stay, and cost nothing.

    Raises
    ------
    ValueError
        If the name is unknown, or the data set has no files.
    ConnectionError
        If no mirror delivers.
    OSError
        If the folder cannot be written.
    """
    spec = _spec(name)
    if not spec.files:
        raise ValueError(f"{name} is embedded, there is nothing to download; use load({name!r})")
    return _files.fetch(name, spec, data_dir, progress=progress)


def _spec(name: str) -> Spec:
    """Look a name up, or raise ValueError with the names, nearest first."""
    if name not in DATASETS:
        known = [*DATASETS, "auto"]
        nearest = difflib.get_close_matches(name, known, n=len(known), cutoff=0.0)
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(nearest)}")
    return DATASETS[name]


def _dataset(name: str, arrays: Arrays) -> Dataset:
    """Hash the arrays, and scale bytes to [0, 1]."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    train_images, test_images = (
        np.divide(images, 255, dtype=np.float32) if images.dtype == np.uint8 else images for images in arrays[::2]
    )
    train_labels, test_labels = (labels.astype(np.int64) for labels in arrays[1::2])
    sha256 = digest.hexdigest()
    return Dataset(name, train_images, train_labels, test_images, test_labels, sha256, _spec(name).input_range)
