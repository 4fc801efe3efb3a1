"""The randomized-weights control: which views depend on what was learned.

A view that shows what a network has learned must change when the learned weights are destroyed. Layers are randomized
one after the other from the top down, and each map is compared with the original one (Adebayo et al. 2018). New weights
and biases are normal, of mean 0 and of the mean square of the learned ones: shuffled ones would keep a sign that most
weights of a layer share, and with it turn the signs of maps.

References
----------
Adebayo, Gilmer, Muelly, Goodfellow, Hardt, Kim (2018), "Sanity checks for saliency maps".
Wang, Bovik, Sheikh, Simoncelli (2004), "Image quality assessment: from error visibility to structural similarity".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

from ..backend import Array, array_module, check_rng
from ..models.protocol import Model

M = TypeVar("M", bound=Model)

WINDOW = 7  # side of the window of the structural similarity, pixels


def randomized(model: M, *, rng: Any) -> Iterator[tuple[str, M]]:
    """Models with ever more layers randomized, from the top down: (the lowest randomized layer, the model).

    Parameters
    ----------
    model : ConvNet or MLP
        A dataclass with a field `network`; stays as it is.
    rng : numpy or cupy Generator
    """
    for layer in reversed(model.layer_names):
        weighted: Any = model.network.weighted(layer)
        arrays = {name: _drawn(x, rng) for name, x in weighted.params().items()}
        layers = {**model.network.layers, f"{layer}.pre": replace(weighted, **arrays)}
        model = replace(model, network=replace(model.network, layers=layers))  # type: ignore[type-var]
        yield layer, model


def _drawn(x: Array, rng: Any) -> Array:
    """Normal numbers of mean 0 and the mean square of x, in its shape."""
    return check_rng(rng).standard_normal(x.shape, dtype=x.dtype) * array_module(x).sqrt((x * x).mean())


def rank_correlation(a: Array, b: Array) -> Array:
    """Spearman's rank correlation of each pair of maps (B, ...): (B,); equal values share a rank.

    A constant map correlates with nothing: 0.
    """
    xp = array_module(a, b)
    x, y = (xp.stack([_ranks(row) for row in maps.reshape(len(maps), -1)]) for maps in (a, b))
    norms = xp.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    return (x * y).sum(axis=1) / xp.where(norms > 0, norms, 1)


def _ranks(x: Array) -> Array:
    """Ranks of x (P,) less their mean."""
    xp = array_module(x)
    ordered = xp.sort(x)
    return (xp.searchsorted(ordered, x, "left") + xp.searchsorted(ordered, x, "right")) / 2 - len(x) / 2


def structural_similarity(a: Array, b: Array) -> Array:
    """Structural similarity (Wang et al. 2004) of each pair of maps (B, height, width), square windows: (B,).

    Each map is scaled to a largest |value| of 1 before, so that their range is 2.
    """
    xp = array_module(a, b)
    x, y = (maps.astype("float64") for maps in (a, b))
    x, y = (maps / xp.maximum(abs(maps).max(axis=(1, 2)), 1e-30)[:, None, None] for maps in (x, y))
    c1, c2 = (0.01 * 2) ** 2, (0.03 * 2) ** 2
    mx, my = _window_means(x), _window_means(y)
    vx, vy = _window_means(x * x) - mx * mx, _window_means(y * y) - my * my
    covariance = _window_means(x * y) - mx * my
    index = (2 * mx * my + c1) * (2 * covariance + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return index.mean(axis=(1, 2))


def _window_means(x: Array) -> Array:
    """Means of all WINDOW x WINDOW windows that lie within x (B, height, width)."""
    xp = array_module(x)
    for axis in (1, 2):
        x = xp.moveaxis(x, axis, 0)
        sums = xp.cumsum(xp.concatenate([xp.zeros_like(x[:1]), x]), axis=0)
        x = xp.moveaxis((sums[WINDOW:] - sums[:-WINDOW]) / WINDOW, 0, axis)
    return x


#: How like two batches of maps (B, height, width) are, by name: (a, b) -> (B,).
MEASURES: dict[str, Callable[[Array, Array], Array]] = {
    "rank correlation": rank_correlation,
    # A map that turns its sign is as alike as before; over images of either sign, a mean with signs hides it.
    "size of the rank correlation": lambda a, b: abs(rank_correlation(a, b)),
    "rank correlation of |map|": lambda a, b: rank_correlation(abs(a), abs(b)),
    "structural similarity": structural_similarity,
}
