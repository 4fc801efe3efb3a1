"""Do two methods draw the same picture of a unit, and do several starts find the same optimum?

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..backend import Array, array_module, check_rng
from ..display import Brief
from ..images import UNBOUNDED, as_floats
from ..models.dbn import DBN
from ..models.layers import Dense, Layer, Network
from ..models.mlp import MLP
from ..models.protocol import Model


def cosines(a: Array, b: Array) -> Array:
    """Cosine between every picture of `a` (U, P) and every one of `b` (U, P): (U, U).

    What all units of a method have in common says nothing about a unit: each method's mean picture is
    removed first.
    """
    xp = array_module(a, b)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    a = a / xp.maximum(xp.sqrt((a * a).sum(axis=1, keepdims=True)), 1e-12)
    b = b / xp.maximum(xp.sqrt((b * b).sum(axis=1, keepdims=True)), 1e-12)
    return a @ b.T


def own_rank(similarity: Array) -> Array:
    """Rank, from 1, of the own unit among all units: similarity (U, U) -> (U,)."""
    own = similarity.diagonal()
    return (similarity > own[:, None]).sum(axis=1) + 1


@dataclass(frozen=True, repr=False)
class Agreement(Brief):
    """How alike the pictures are that two methods draw of the same units.

    Parameters
    ----------
    own : array (U,)
        Mean-removed cosine (`cosines`) between both pictures of each unit.
    others : array (U,)
        Mean cosine between the first method's picture of the unit and the second's of all other units.
    rank : array (U,)
        Rank of the own unit among all, from 1; (U + 1) / 2 on average for pictures that have nothing in common.
    """

    own: Array
    others: Array
    rank: Array


def agreement(a: Array, b: Array) -> Agreement:
    """Compare the pictures `a` (U, P) and `b` (U, P) of the same U units, at least two.

    Raises
    ------
    ValueError
        If there are fewer than two units, so that there is no other to compare with.
    """
    if len(a) < 2:
        raise ValueError(f"agreement needs at least two units, got {len(a)}")
    similarity = cosines(a, b)
    own = similarity.diagonal()
    return Agreement(own, (similarity.sum(axis=1) - own) / (len(a) - 1), own_rank(similarity))


@dataclass(frozen=True, repr=False)
class Optima(Brief):
    """Where several starts of the same units ended.

    Parameters
    ----------
    spread : array (U,)
        Standard deviation over |mean| of the final scores.
    cosine : array (U,)
        Median cosine over all pairs of starts.
    count : array (U,)
        Distinct optima: groups of starts linked by a cosine of at least the threshold.
    """

    spread: Array
    cosine: Array
    count: Array


def optima(images: Array, scores: Array, same: float) -> Optima:
    """Compare the optima `images` (U, S, P) of S starts, with their `scores` (U, S); alike from cosine `same` on.

    Raises
    ------
    ValueError
        If there are fewer than two starts.
    """
    images, scores = as_floats(images, within=UNBOUNDED), as_floats(scores, within=UNBOUNDED)
    xp, n_starts = array_module(images, scores), images.shape[1]
    if n_starts < 2:
        raise ValueError(f"distinct optima need at least two starts, got {n_starts}")
    x = images / xp.maximum(xp.sqrt((images * images).sum(axis=2, keepdims=True)), 1e-12)
    alike = x @ x.swapaxes(1, 2)  # (U, S, S)
    linked = (alike >= same) | (xp.eye(n_starts) == 1)
    for _ in range(n_starts.bit_length()):  # links of links: paths twice as long each time
        linked = xp.matmul(linked.astype("float32"), linked.astype("float32")) > 0
    first = linked.argmax(axis=2) == xp.arange(n_starts)  # the first start of its group
    pairs = alike[:, xp.eye(n_starts) == 0]
    return Optima(
        spread=scores.std(axis=1) / xp.abs(scores.mean(axis=1)),
        cosine=xp.median(pairs, axis=1),
        count=first.sum(axis=1),
    )


def shuffled(model: Model, *, rng: Any) -> DBN | MLP:
    """`model` without what it has learned: within each layer's matrix the weights change places, biases stay.

    So every layer keeps its weights' distribution and every unit its bias, but no weight vector points anywhere.

    Parameters
    ----------
    model : Model
    rng : numpy or cupy Generator

    Returns
    -------
    DBN or MLP
    """

    def shuffle(W: Array) -> Array:
        return W.reshape(-1)[check_rng(rng).random(W.size).argsort()].reshape(W.shape)

    if isinstance(model, DBN):
        return replace(model, rbms=[replace(rbm, W=shuffle(rbm.W)) for rbm in model.rbms])
    layers: dict[str, Layer] = {
        name: replace(layer, W=shuffle(layer.W)) if isinstance(layer, Dense) else layer
        for name, layer in model.network.layers.items()
    }
    return MLP(Network(layers), model.input_shape, model.input_range, model.input_norm)
