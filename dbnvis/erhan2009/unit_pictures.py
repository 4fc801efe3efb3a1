"""What the claims are measured on: every method's picture of every unit, here and in networks of random weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import Array, to_numpy
from ..evaluate.scores import typical_responses
from ..figures.sheets import SAMPLING
from ..figures.study import Study
from ..visualize import ActivationMaximization, FilterCombination, TopImages, UnitImages

AM, GIBBS, COMBINATION, TOP = "maximization", "sampling", "combination", "top images"
METHODS: dict[str, Any] = {
    AM: ActivationMaximization(),
    GIBBS: SAMPLING,
    COMBINATION: FilterCombination(),
    TOP: TopImages(),
}
NETWORKS, FEW = 10, 50  # with random weights, and their units of each layer, that every condition is compared with


@dataclass(frozen=True)
class Pictures:
    """What every method draws of units of one layer; only those that every method can draw.

    Parameters
    ----------
    study : Study
    layer : str
    indices : list of int, length U
    images : dict of array (U, S, *input_shape)
        By method; `[:, 0]` is the method's picture.
    scores : dict of array (U, S)
    typical : array (U,)
        The unit's median pre-activation over training images, at the common norm.
    left_out : int
        Units that some method cannot draw.
    """

    study: Study
    layer: str
    indices: list[int]
    images: dict[str, Array]
    scores: dict[str, Array]
    typical: Array
    left_out: int

    @classmethod
    def of(cls, study: Study, layer: str, n: int | None) -> Pictures:
        units = study.units(layer, n)
        names = {type(method): name for name, method in METHODS.items()}
        drawn: dict[str, UnitImages] = {
            names[type(method)]: study.pictures(method, units) for method in study.applicable(METHODS.values())
        }
        whole = np.all([np.isfinite(x.images[:, 0]).all(axis=(1, 2)) for x in drawn.values()], axis=0)
        indices = [unit.index for unit, ok in zip(units, whole, strict=True) if ok]
        typical = to_numpy(typical_responses(study.model, layer, training_images(study), indices))
        return cls(
            study,
            layer,
            indices,
            {name: x.images[whole] for name, x in drawn.items()},
            {name: x.scores[whole] for name, x in drawn.items()},
            typical,
            int((~whole).sum()),
        )

    def first(self, n: int) -> Pictures:
        """Of the first `n` units alone."""
        images, scores = (
            {method: x[:n] for method, x in by_method.items()} for by_method in (self.images, self.scores)
        )
        return replace(self, indices=self.indices[:n], images=images, scores=scores, typical=self.typical[:n])

    def flat(self, method: str) -> Array:
        """The method's pictures as rows of length 1, (U, P): a picture's scale is nothing that is seen."""
        return unit_length(self.images[method][:, 0].reshape(len(self.indices), -1))

    def gain(self, scores: Array) -> Array:
        """Scores (U, ...) as a share of what the best optimum gains over the typical response."""
        best, typical = (x.reshape(-1, *(1,) * (scores.ndim - 1)) for x in (self.scores[AM][:, 0], self.typical))
        return (scores - typical) / (best - typical)


@dataclass(frozen=True)
class Layer:
    """A layer of the network, and the first units of that layer in networks with random weights."""

    x: Pictures
    random: Sequence[Pictures]

    @classmethod
    def of(cls, study: Study, random: Sequence[Study], layer: str, n: int | None) -> Layer:
        """All units of a layer, or the first `n`; of random weights `FEW` at the most."""
        x = Pictures.of(study, layer, n)
        others = [Pictures.of(each, layer, min(n or FEW, FEW)) for each in random]
        few = min(len(each.indices) for each in [x, *others])
        return cls(x, [each.first(few) for each in others])

    @property
    def few(self) -> Pictures:
        """As many units of this network as there are of each with random weights."""
        return self.x.first(min(len(each.indices) for each in self.random))

    def values(self, quantity: Callable[[Pictures], Array]) -> Values:
        """What a quantity is of each unit, if it does not depend on the other units."""
        return Values(quantity(self.x), [quantity(pictures) for pictures in self.random])


@dataclass(frozen=True)
class Values:
    """One quantity of every unit (U,) of a layer, and of N units there in each of K networks with random weights.

    Where it depends on how many units there are, as a rank does, `few` (N,) is that of this network's first N.
    """

    units: Array
    random: Sequence[Array] = ()
    few: Array | None = None

    @property
    def compared(self) -> Array:
        """Of this network, what is compared with random weights."""
        return self.units if self.few is None else self.few

    def map(self, function: Callable[..., Array], *others: Values) -> Values:
        """`function` of each array, and of those of `others` beside it."""
        units = function(self.units, *(v.units for v in others))
        random = [function(*arrays) for arrays in zip(self.random, *(v.random for v in others), strict=True)]
        few = None if self.few is None else function(self.few, *(v.few for v in others))
        return Values(units, random, few)


def training_images(study: Study) -> Array:
    """The training images of a study; ValueError if there are none."""
    if study.images is None:
        raise ValueError("the claims need training images; give the model's data set (--dataset, --data-dir)")
    return study.images


def unit_length(x: Array) -> Array:
    """Scale the last axis to Euclidean norm 1; zeros stay zeros."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def kept(study: Study) -> int | None:
    """Filters that the linear combination keeps."""
    return study.fitted(METHODS[COMBINATION]).k


def filters(study: Study) -> Array:
    """First-layer filters as rows (F, P)."""
    return to_numpy(study.model.network.weighted(study.model.layer_names[0]).W).T
