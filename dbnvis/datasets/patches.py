"""Patches of whitened photographs, 12 x 12: two of scikit-learn, seven more of scikit-image, or a user's own folder.

Every photograph is divided into 5 x 5 blocks. Five of them, one in each row and in each column, give the test patches,
the others the training patches, and every photograph gives as many as the others. Patches with hardly anything on them
(clear sky, blurred background) are dropped. The pixels are scaled so that those of the training patches have variance
0.1, that of the whitened photographs of Olshausen & Field.

References
----------
Olshausen & Field (1996), "Emergence of simple-cell receptive field properties by learning a sparse code for natural
images".
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np

from dbnvis.datasets.pictures import pixels_of
from dbnvis.datasets.whitening import VARIANCE, whiten
from dbnvis.system.matlab import read_mat

SIDE = 12
N_TRAIN, N_TEST = 100_000, 10_000
#: Of what convolutional machines see, large enough for several filters side by side (Lee et al. 2009).
CROP_SIDE = 70
N_TRAIN_CROPS, N_TEST_CROPS = 1_000, 100
BLOCKS = 5
SEED = 1996
#: A patch is dropped if its variance is below this share of its photograph's.
BLANK = 0.1
#: Pixels are multiples of this, so that the last bits of the arithmetic, other on other processors, do not show.
GRAIN = 2.0**-12
#: Less than one pixel's share of a patch.
EDGE = 1e-3
#: Of red, green and blue (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)
#: Olshausen's whitened photographs, `IMAGES` (512, 512, 10): no others are used where this file lies.
MAT = "IMAGES.mat"
#: Of `skimage.data`, in every wheel of it. Its brick wall is left out: courses at one distance, resampled by a
#: perspective map, put one grating into every patch; grass and gravel are textures as well, but repeat nothing. Its
#: other pictures are no photographs of scenes (cells, a page, the moon), or come without a licence (the motorcycle).
SCENES = ("astronaut", "camera", "chelsea", "coffee", "grass", "gravel", "rocket")
#: Pixels of a photograph, and of all: whitening one takes 60 bytes a pixel.
LARGEST, ALTOGETHER = 25_000_000, 500_000_000
#: Training patches (N, 12, 12), no labels, test patches (M, 12, 12), no labels.
Arrays = tuple[np.ndarray, None, np.ndarray, None]


def sample() -> Arrays:
    """100,000 and 10,000 patches of scikit-learn's two sample photographs, the same at every call."""
    return cut(_whitened_samples(), 2)


def sample_crops() -> Arrays:
    """1,000 and 100 crops of 70 x 70 pixels of scikit-learn's two sample photographs, cut as the patches are."""
    return cut(_whitened_samples(), 2, crops=True)


def sample_photos() -> Arrays:
    """100,000 and 10,000 patches of scikit-learn's two photographs and seven of scikit-image, an equal share of each.

    They come in random order, the same at every call, so that the first thousands are of all nine.

    Raises
    ------
    FileNotFoundError
        If scikit-image is not installed.
    """
    if reason := photos_lack():
        raise FileNotFoundError(f"photos {reason}; patches are of two photographs, and embedded")
    from skimage import data

    scenes = (whiten(_grey(getattr(data, name)())) for name in SCENES)
    train, _, test, _ = cut(chain(_whitened_samples(), scenes), 2 + len(SCENES))
    rng = np.random.default_rng(SEED)
    return rng.permutation(train), None, rng.permutation(test), None


def photos_lack() -> str:
    """What `sample_photos` lacks and how to get it, in words; "" if nothing."""
    return "" if find_spec("skimage") else "needs scikit-image, which is not installed: pip install 'dbnvis[photos]'"


def _whitened_samples() -> Iterator[np.ndarray]:
    from sklearn.datasets import load_sample_images

    return (whiten(_grey(image)) for image in load_sample_images().images)


def _grey(image: np.ndarray) -> np.ndarray:
    """Luminance (H, W) of bytes (H, W, 3); grey ones (H, W) as they are."""
    return image @ LUMINANCE if image.ndim == 3 else image


def from_folder(folder: Path) -> Arrays:
    """Patches of the photographs in `folder`, in any format that Pillow reads, or of its IMAGES.mat.

    Files that cannot be used are left out, and named in one warning.

    Raises
    ------
    ValueError
        If none can be used, or they have too many pixels in all, or IMAGES.mat does not hold what it should.
    """
    if (folder / MAT).exists():
        images = olshausen(folder / MAT)
        return cut(images, len(images))
    usable, left_out, pixels = [], [], 0
    for path in sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")):
        try:
            image = luminance(path)
            check(image)
            usable.append(path)
            pixels += image.size
        except Exception as error:  # a damaged file can raise anything
            left_out.append(f"{path.name} ({_reason(error)})")
        if pixels > ALTOGETHER:
            raise ValueError(
                f"{folder}: expected photographs of at most {ALTOGETHER} pixels in all, found more; leave out some"
            )
    if not usable:
        raise ValueError(
            f"{folder}: expected photographs or {MAT}, found no file that can be used"
            f"{': ' if left_out else ''}{', '.join(left_out)}; add some, or remove the folder for the embedded ones"
        )
    if left_out:
        warnings.warn(f"{folder}: left out {len(left_out)} of the files: {', '.join(left_out)}", stacklevel=4)
    return cut((whiten(luminance(path)) for path in usable), len(usable))


def olshausen(path: Path) -> np.ndarray:
    """The whitened photographs (N, H, W) of an `IMAGES.mat`.

    Raises
    ------
    ValueError
        If the file is damaged, or holds no array IMAGES (H, W, N) of real numbers; one line says so.
    """
    try:
        images = read_mat(path, only=["IMAGES"], most=LARGEST)["IMAGES"]
        if images.ndim != 3 or images.dtype.kind not in "fiu":
            raise ValueError(f"its IMAGES is {images.dtype} {images.shape}")
        for image in images.T:
            check(image.astype(np.float64), whitened=True)
    except Exception as error:  # a damaged file can raise anything
        raise ValueError(f"{path}: expected whitened photographs IMAGES (512, 512, 10): {_reason(error)}") from None
    return images.transpose(2, 0, 1).astype(np.float64)


def luminance(path: Path) -> np.ndarray:
    """Luminance of an image file (H, W) from 0 to 255, of any mode; see `pixels_of` for what is done to it."""
    pixels, _ = pixels_of(path, LARGEST)
    if pixels.shape[-1] == 1:
        return 255 * pixels[..., 0].astype(np.float64)
    return np.stack([(255 * row).astype(np.float64) @ LUMINANCE for row in pixels])  # row by row to spare memory


def check(image: np.ndarray, *, whitened: bool = False) -> None:
    """Raise ValueError unless `image` (H, W) has room for training and test patches, and something on both."""
    if min(image.shape) < BLOCKS * SIDE:
        raise ValueError(f"{image.shape[1]} x {image.shape[0]} pixels, expected at least {BLOCKS * SIDE} on each side")
    if not np.isfinite(image).all():
        raise ValueError("holds NaN or infinite pixels")
    if image.min() == image.max():
        raise ValueError("of one grey")
    if not all(len(corners) for corners in positions(image if whitened else whiten(image))):
        raise ValueError("nothing on it to train or to test on")


def cut(photographs: Iterable[np.ndarray], n: int, *, crops: bool = False) -> Arrays:
    """Draw different patches (or `crops`) of `n` whitened photographs (H, W), an equal share of each.

    They are fewer where a photograph has few.
    """
    side, n_train, n_test = (CROP_SIDE, N_TRAIN_CROPS, N_TEST_CROPS) if crops else (SIDE, N_TRAIN, N_TEST)
    rng = np.random.default_rng(SEED)
    train: list[np.ndarray] = []
    test: list[np.ndarray] = []
    for i, image in enumerate(photographs):
        train_at, test_at = positions(image, side)
        for parts, at, total in ((train, train_at, n_train), (test, test_at, n_test)):
            share = min(total * (i + 1) // n - total * i // n, len(at))
            rows, columns = rng.choice(at, share, replace=False).T
            parts.append(windows(image, side)[rows, columns])
    scale = np.sqrt(VARIANCE / np.concatenate(train).var())
    train_images, test_images = (
        (np.rint(np.concatenate(parts) * scale / GRAIN) * GRAIN).astype(np.float32) for parts in (train, test)
    )
    return train_images, None, test_images, None


def windows(image: np.ndarray, side: int = SIDE) -> np.ndarray:
    """All patches of `image` (H, W): a view (H - side + 1, W - side + 1, side, side)."""
    return np.lib.stride_tricks.sliding_window_view(image, (side, side))


def positions(image: np.ndarray, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Upper left corners (N, 2) of the patches of a photograph for training, and of those for testing."""
    from scipy.ndimage import uniform_filter

    def mean(x: np.ndarray) -> np.ndarray:
        """Of the patch that begins at each pixel."""
        return uniform_filter(x, side, origin=-(side // 2))[: 1 - side, : 1 - side]

    busy = mean(image**2) - mean(image) ** 2 > BLANK * image.var()
    row, column = (np.arange(n) * BLOCKS // n for n in image.shape)  # of the block that each pixel is in
    share = mean(((2 * row[:, None] + column) % BLOCKS == 0).astype(float))  # of a patch's pixels that are for testing
    return np.argwhere(busy & (share < EDGE)), np.argwhere(busy & (share > 1 - EDGE))


def _reason(error: Exception) -> str:
    """One line of an error."""
    return str(error).partition("\n")[0] or type(error).__name__
