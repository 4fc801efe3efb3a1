"""The comparable number under every picture.

The score of a picture x for a unit is the unit's pre-activation at x rescaled to the norm rho (the training
images' mean Euclidean norm); its percentile says which share of the test images, each rescaled to rho too,
excites the unit less. One definition for every method, so that pictures of different origin compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module

BATCH = 5000  # images passed up at once


def rescale(images: Array, norm: float, n_axes: int) -> Array:
    """Scale each image (its last `n_axes` axes) to Euclidean norm `norm`; a zero image stays zero."""
    xp = array_module(images)
    axes = tuple(range(-n_axes, 0))
    length = xp.sqrt((images * images).sum(axis=axes, keepdims=True))
    return images * (norm / xp.where(length > 0, length, 1)).astype(images.dtype)


def pre_activations(model: Any, layer: str, images: Array, indices: Sequence[int] | None = None) -> Array:
    """Pre-activations of the units `indices` (all if absent) of `layer` at images (N, *input_shape): (N, U)."""
    xp = array_module(images)
    network = model.network.upto(f"{layer}.pre")
    columns = slice(None) if indices is None else xp.asarray(indices)
    batches = (images[i : i + BATCH] for i in range(0, len(images), BATCH))
    return xp.concatenate([network.forward(batch)[0][:, columns] for batch in batches])


def unit_scores(model: Any, layer: str, indices: Sequence[int], images: Array) -> Array:
    """Score pictures of units: images (U, S, *input_shape) of units `indices` (U,) -> scores (U, S).

    Raises
    ------
    ValueError
        If the model does not know its data's norm.
    """
    xp = array_module(images)
    scaled = rescale(images, input_norm(model), len(model.input_shape))
    # One matrix product per unit (not one for all), so that a score does not depend on the company it is in.
    pre = model.network.upto(f"{layer}.pre").forward(scaled)[0]  # (U, S, H)
    own = xp.broadcast_to(xp.asarray(indices).reshape(-1, 1, 1), (*pre.shape[:2], 1))
    return xp.take_along_axis(pre, own, axis=2)[..., 0]


def input_norm(model: Any) -> float:
    """The model's `input_norm`; ValueError if it was never set."""
    if model.input_norm is None:
        raise ValueError(
            "the model does not know the mean norm of its training images; set model.input_norm "
            "(train_dbn and the checkpoints do), 9.2 for MNIST in [0, 1]"
        )
    return float(model.input_norm)


@dataclass(frozen=True)
class Responses:
    """What a set of images, rescaled to the model's norm, does to every unit.

    Parameters
    ----------
    by_layer : dict of array (Q, units)
        For each layer the quantiles of each unit's pre-activation over the images, ascending along axis 0:
        all sorted responses, or a table of `Q` equally spaced quantiles.
    """

    by_layer: dict[str, Array]

    @classmethod
    def of(cls, model: Any, images: Array, n_quantiles: int | None = None) -> Responses:
        """Measure `images` (N, *input_shape) on `model`, keeping all N responses or `n_quantiles` of them."""
        xp = array_module(images)
        scaled = rescale(images, input_norm(model), len(model.input_shape))
        table = {}
        for layer in model.layer_names:
            responses = xp.sort(pre_activations(model, layer, scaled), axis=0)
            if n_quantiles is not None:
                rows = xp.linspace(0, len(responses) - 1, n_quantiles).round().astype(int)
                responses = responses[rows]
            table[layer] = responses
        return cls(table)

    def percentile(self, layer: str, indices: Sequence[int], scores: Array) -> Array:
        """Share of the images below each score, in percent: scores (U, S) -> (U, S) in [0, 100]."""
        xp = array_module(scores)
        reference = self.by_layer[layer]
        rows = [
            xp.searchsorted(xp.ascontiguousarray(reference[:, j]), row) for j, row in zip(indices, scores, strict=True)
        ]
        return xp.stack(rows) * (100.0 / len(reference))
