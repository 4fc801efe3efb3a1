"""A deep belief network whose units' preferred patterns are known, because they were put there by hand.

Every first-layer unit detects one horizontal bar of pixels, every second-layer unit the conjunction of bars of
its own, every third-layer unit the conjunction of second-layer units of its own. The patterns of a layer are
disjoint and cover the image. Read downwards the same weights draw a unit's pattern on dark ground: all
visible biases are negative, every unit turns its own parts on.
"""

from dataclasses import dataclass

import numpy as np

from dbnvis import DBN, RBM
from dbnvis.backend import move

SHAPE = (12, 12)
BAR = 4  # pixels of a bar
PARTS = 3  # lower units that a unit above the first layer joins
N_UNITS = {"h1": 36, "h2": 12, "h3": 4}
WEIGHT = 4.0  # of a link to a part
OTHERS = {"h1": -0.1, "h2": -0.2, "h3": -0.3}  # of the links to everything else
NOISE = 0.01  # standard deviation of what is added to all weights, so that nothing ties
VBIAS = -2.0  # a part is on with p = 0.88 under its unit, else with p = 0.12 at the most


@dataclass
class Planted:
    """The model; `patterns` by layer, (U, *SHAPE) of 0 and 1; `parents` by layer above the first, (lower units, U)
    of 0 and 1; `images` (N, *SHAPE), training images made of the patterns."""

    model: DBN
    patterns: dict
    parents: dict
    images: np.ndarray


def planted(xp=np, dtype="float32", seed=0):
    """Build the planted network and its training images in library `xp`; the same for the same seed."""
    rng = np.random.default_rng(seed)
    pixels = np.arange(SHAPE[0] * SHAPE[1])
    memberships = [(pixels[:, None] // BAR == np.arange(N_UNITS["h1"])).astype(float)]
    for below, above in ((36, 12), (12, 4)):  # parts are scattered, not neighbours
        owner = rng.permutation(np.repeat(np.arange(above), below // above))
        memberships.append((owner[:, None] == np.arange(above)).astype(float))

    rbms = []
    for layer, member in zip(N_UNITS, memberships, strict=True):
        W = np.where(member, WEIGHT, OTHERS[layer]) + NOISE * rng.standard_normal(member.shape)
        vbias = np.full(len(member), VBIAS)
        hbias = -WEIGHT / 2 * member.sum(axis=0)  # on when more than half of the parts are
        rbms.append(RBM(*(move(x.astype(dtype), xp) for x in (W, vbias, hbias))))

    patterns, pattern = {}, np.eye(len(pixels))
    for layer, member in zip(N_UNITS, memberships, strict=True):
        pattern = pattern @ member
        patterns[layer] = pattern.T.reshape(-1, *SHAPE)

    images = _images(patterns, rng).astype(dtype)
    norm = float(np.sqrt((images**2).sum(axis=(1, 2))).mean())
    model = DBN(rbms, SHAPE, input_norm=norm)
    parents = {"h2": memberships[1], "h3": memberships[2]}
    return Planted(model, patterns, parents, move(images, xp))


def _images(patterns, rng, n=1000):
    """Draw images as unions of patterns of all layers, of uneven brightness, with a little noise."""
    drawn = np.zeros((n, *SHAPE))
    for layer, p in (("h3", 0.08), ("h2", 0.08), ("h1", 0.12)):
        on = rng.random((n, N_UNITS[layer])) < p
        drawn = np.maximum(drawn, np.einsum("nu,uij->nij", on, patterns[layer]))
    return np.clip(drawn * rng.uniform(0.85, 1, drawn.shape) + 0.1 * rng.random(drawn.shape), 0, 1)


def cosines(pictures, patterns):
    """Mean-removed cosine of each picture (U, *shape) with each pattern (K, *shape): (U, K)."""
    a, b = (x.reshape(len(x), -1).astype(float) for x in (np.asarray(pictures), np.asarray(patterns)))
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    return (a @ b.T) / np.maximum(np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)), 1e-12)
