"""The embedded data set: scikit-learn's 1,797 handwritten digits, rendered in MNIST's format.

The digits (UCI "Optical Recognition of Handwritten Digits") are 8 x 8 counts, 0 to 16, of the inked pixels
in 4 x 4 blocks of a 32 x 32 bitmap. They are interpolated to MNIST's 20 x 20 box, centred by their centre of
mass in 28 x 28, and enlarged by small random deformations. Training and test images are made from different
digits.

References
----------
Alpaydin & Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository.
"""

from __future__ import annotations

import numpy as np

from dbnvis.datasets.deform import elastic_field, random_affine, warp

N_TRAIN, N_TEST = 30_000, 5_000
#: One in so many of each class's digits is kept for the test images.
TEST_SHARE = 6
SEED = 1998
#: Interpolated ink that becomes white (0) and full ink (1). Between them lies the antialiased edge; their
#: values give strokes as wide as MNIST's (mean pixel 0.13, mean norm 9.2).
WHITE, INK = 0.40, 0.80
#: Milder than Simard et al.'s 34: eight pixels across do not say enough of a stroke to bend it as far.
ELASTIC = {"sigma": 4.0, "alpha": 16.0}
#: The digits fill the height of their box: more would push them out of the frame.
AFFINE = {"rotation": 15.0, "scale": 0.1, "shear": 0.15, "shift": 1.0}
#: Images deformed at once: the temporaries stay in the processor's cache.
BATCH = 250


def render() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the data set, the same at every call.

    Returns
    -------
    train_images : array (30000, 28, 28), uint8
    train_labels : array (30000,), uint8
    test_images : array (5000, 28, 28), uint8
    test_labels : array (5000,), uint8
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    strokes, labels = upsample(source.images / 16), source.target.astype(np.uint8)
    rng = np.random.default_rng(SEED)
    train, test = (
        # Cycling through the shuffled digits uses each equally often, and mixes the classes.
        np.resize(digits, n)
        for digits, n in zip(split(labels, rng=rng), (N_TRAIN, N_TEST), strict=True)
    )
    return deformed(strokes, train, rng=rng), labels[train], deformed(strokes, test, rng=rng), labels[test]


def split(labels: np.ndarray, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Divide the digits into training and test digits, each class in the same proportion.

    Returns
    -------
    train, test : arrays of int
        Indices into `labels`, shuffled; together each index once.
    """
    order = rng.permutation(len(labels))
    ranks = np.empty_like(order)  # (N,) how many of its class come before each digit, in the shuffled order
    for label in np.unique(labels):
        members = labels[order] == label
        ranks[members] = np.arange(members.sum())
    is_test = ranks % TEST_SHARE == 0
    return order[~is_test], order[is_test]


def upsample(digits: np.ndarray) -> np.ndarray:
    """Interpolate digits (N, 8, 8) to the middle 20 x 20 pixels of (N, 28, 28), by cubic splines."""
    from scipy import ndimage

    padded = np.pad(digits.astype(np.float32), ((0, 0), (2, 2), (2, 2)))
    smooth = ndimage.zoom(padded, (1, 2.5, 2.5), order=3, mode="grid-constant", grid_mode=True)  # (N, 30, 30)
    return smooth[:, 1:-1, 1:-1]


def ink(smooth: np.ndarray) -> np.ndarray:
    """Raise the contrast of interpolated digits: background 0, strokes 1, antialiased edges between."""
    return np.clip((smooth - WHITE) / (INK - WHITE), 0, 1)


def deformed(strokes: np.ndarray, chosen: np.ndarray, *, rng: np.random.Generator) -> np.ndarray:
    """Draw one deformed, centred image of each chosen digit.

    Parameters
    ----------
    strokes : array (N, H, W)
        Interpolated digits.
    chosen : array (n,)
        Indices into `strokes`.
    rng : numpy Generator

    Returns
    -------
    array (n, H, W)
        uint8.
    """
    shape = strokes.shape[1:]
    off_centre = _centre_of_mass(ink(strokes)) - (np.array(shape, np.float32) - 1) / 2  # (N, 2)
    images = np.empty((len(chosen), *shape), np.uint8)
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        field = elastic_field(len(batch), shape, rng=rng, **ELASTIC)
        field += random_affine(len(batch), shape, rng=rng, **AFFINE)
        field += off_centre[batch][:, :, None, None]
        # The contrast is raised last, so that interpolating does not blur the edges.
        images[start : start + BATCH] = np.rint(255 * ink(warp(strokes[batch], field)))
    return images


def _centre_of_mass(images: np.ndarray) -> np.ndarray:
    """Return (N, 2) float32: row and column."""
    mass = images.sum(axis=(1, 2))
    rows = images.sum(axis=2) @ np.arange(images.shape[1])
    columns = images.sum(axis=1) @ np.arange(images.shape[2])
    return (np.stack([rows, columns], axis=1) / mass[:, None]).astype(np.float32)
