"""The comparable number under every picture.

The score of a picture x for a unit is the unit's pre-activation at x rescaled to the norm rho (the training
images' mean Euclidean norm); its percentile says which share of the test images, each rescaled to rho too,
excites the unit less. One definition for every method, so that pictures of different origin compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..backend import Array, array_module
from ..backend.comm import over_ranks
from ..display import Brief
from ..images import UNBOUNDED, as_floats, floats_of, images_of
from ..models.protocol import Model
from ..models.spatial import SpatialNetwork
from ..models.units import central_units, unit_number
from ..settings import check_value

BATCH = 5000  # images passed up at once
MAPS_BATCH = 500  # of networks with maps, which are larger
TYPICAL = 5000  # images whose median response is a unit's typical one


def rescale(images: Array, norm: float, n_axes: int) -> Array:
    """Scale each image (its last `n_axes` axes) to Euclidean norm `norm`; a zero image stays zero."""
    images = as_floats(images, within=UNBOUNDED)
    xp = array_module(images)
    axes = tuple(range(-n_axes, 0))
    length = xp.sqrt((images * images).sum(axis=axes, keepdims=True))
    return images * (norm / xp.where(length > 0, length, 1)).astype(images.dtype)


def spread(images: Array, n: int) -> Array:
    """At most `n` images, evenly spread over all (N, ...): the first ones may all be of one photograph, or easier."""
    if len(images) <= n:
        return images
    return images[array_module(images).linspace(0, len(images) - 1, n).round().astype("int64")]


def pre_activations(model: Model, layer: str, images: Array, indices: Sequence[int] | None = None) -> Array:
    """Pre-activations of units of `layer` at images (N, *input_shape): (N, U).

    The units of the numbers `indices`; default: all, of a convolutional layer all channels at their centre. Floats
    are taken as they are, such as pictures out of range; other images are checked (`images_of`).
    """
    images = floats_of(model, images)
    xp, shape = array_module(images), model.layer_shape(layer)
    network = model.network.upto(f"{layer}.pre")
    size, columns = BATCH, slice(None) if indices is None else xp.asarray(indices)
    if isinstance(network, SpatialNetwork):
        size = MAPS_BATCH
    if len(shape) > 1:
        network = network.select(xp.asarray(central_units(shape)) if indices is None else columns)
        columns = slice(None)
    batches = [images[i : i + size] for i in range(0, len(images), size)]
    return xp.concatenate(over_ranks(lambda batch: network.forward(batch)[0][:, columns], batches))


def unit_scores(model: Model, layer: str, indices: Sequence[int], images: Array) -> Array:
    """Score pictures of units: images (U, S, *input_shape) of the units of numbers `indices` (U,) -> scores (U, S).

    Raises
    ------
    ValueError
        If the model does not know its data's norm.
    """
    images = as_floats(images, within=UNBOUNDED)
    xp = array_module(images)
    scaled = rescale(images, input_norm(model), len(model.input_shape))
    network = model.network.upto(f"{layer}.pre")
    # One matrix product per unit (not one for all), so that a score does not depend on the company it is in.
    if len(model.layer_shape(layer)) > 1:
        units = (network.select(xp.asarray([number])) for number in indices)
        return xp.stack([unit.forward(x)[0][:, 0] for unit, x in zip(units, scaled, strict=True)])
    pre = network.forward(scaled)[0]  # (U, S, H)
    own = xp.broadcast_to(xp.asarray(indices).reshape(-1, 1, 1), (*pre.shape[:2], 1))
    return xp.take_along_axis(pre, own, axis=2)[..., 0]


def typical_responses(model: Model, layer: str, images: Array, indices: Sequence[int]) -> Array:
    """What units of the numbers `indices` do at usual images: (U,), medians of pre-activations.

    A unit's gain at an input is its pre-activation there above this.

    Parameters
    ----------
    images : array (N, *input_shape)
        Training images, of which 5,000 count, spread over all; each rescaled to the model's norm.

    Raises
    ------
    ValueError
        If the model does not know its data's norm.
    """
    scaled = rescale(spread(images, TYPICAL), input_norm(model), len(model.input_shape))
    return array_module(scaled).median(pre_activations(model, layer, scaled, indices), axis=0)


def input_norm(model: Model) -> float:
    """The model's `input_norm`; ValueError if it was never set."""
    if model.input_norm is None:
        raise ValueError(
            "the model does not know the mean norm of its training images; set model.input_norm "
            "(train_dbn and the checkpoints do), 9.2 for MNIST in [0, 1]"
        )
    check_value("model.input_norm", model.input_norm, float, "[0, inf)")
    return float(model.input_norm)


@dataclass(frozen=True, repr=False)
class Responses(Brief):
    """What a set of images, rescaled to the model's norm, does to every unit.

    Parameters
    ----------
    by_layer : dict of array (Q, units)
        For each layer the quantiles of each unit's pre-activation over the images, ascending along axis 0:
        all sorted responses, or a table of `Q` equally spaced quantiles. Of a convolutional layer first every
        channel's at its centre, then every channel's mean.
    model, images : optional
        What units are measured with, when asked for, that have quantiles only or no table.
    """

    by_layer: dict[str, Array]
    model: Model | None = None
    images: Array | None = None
    _measured: dict[tuple[str, int], Array] = field(default_factory=dict, init=False, repr=False, compare=False)
    _unscaled: dict[tuple[str, int, int], Array] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, model: Model, images: Array, n_quantiles: int | None = None) -> Responses:
        """Measure `images` (N, *input_shape) on `model`, keeping all N responses or `n_quantiles` of them.

        Raises
        ------
        ValueError
            If the images do not fit the model or its pixels' range, or the model does not know its data's norm.
        """
        check_value("n_quantiles", n_quantiles, int | None, "[1, inf)")
        images = images_of(model, images)
        xp = model.xp
        scaled = rescale(images, input_norm(model), len(model.input_shape))
        table = {}
        for layer in model.layer_names:
            responses = xp.sort(pre_activations(model, layer, scaled, _tabled(model.layer_shape(layer))), axis=0)
            if n_quantiles is not None:
                rows = xp.linspace(0, len(responses) - 1, n_quantiles).round().astype(int)
                responses = responses[rows]
            table[layer] = responses
        return cls(table, model, images)

    def percentile(self, layer: str, indices: Sequence[int], scores: Array) -> Array:
        """Share of the images below each score, in percent: scores (U, S) -> (U, S) in [0, 100].

        Exact where there are images; of Q quantiles alone at least this share, in steps of 100 / (Q - 1), and at most
        one step less than 100. NaN for a score that is NaN, and for a position that is not in the table, where there
        are no images to measure it with.
        """
        xp = array_module(scores)
        self._measure(layer, indices)
        return xp.stack([self._below(layer, number, row) for number, row in zip(indices, scores, strict=True)])

    def at_images(self, layer: str, numbers: Sequence[int], n: int) -> Array:
        """Pre-activations of units at `n` of the images, evenly `spread`, as they are: (n, U); computed once.

        Parameters
        ----------
        layer : str
        numbers : sequence of int, length U
        n : int

        Raises
        ------
        ValueError
            If the responses have no images.
        """
        if self.model is None or self.images is None:
            raise ValueError("these responses have no images; make them by Responses.of(model, images)")
        kept = self._unscaled
        missing = [number for number in dict.fromkeys(numbers) if (layer, number, n) not in kept]
        if missing:
            found = pre_activations(self.model, layer, spread(self.images, n), missing).T
            kept.update({(layer, number, n): x for number, x in zip(missing, found, strict=True)})
        return array_module(self.images).stack([kept[layer, number, n] for number in numbers], axis=1)

    def _below(self, layer: str, number: int, scores: Array) -> Array:
        """Percentages of images below `scores` (S,) of a unit."""
        xp = array_module(scores)
        exact, quantiles = self._measured.get((layer, number)), self._quantiles(layer, number)
        if exact is not None:
            percent = xp.searchsorted(exact, scores) * 100.0 / len(exact)
        elif quantiles is not None:
            steps = max(len(quantiles) - 1, 1)
            passed = xp.searchsorted(xp.ascontiguousarray(quantiles), scores) - 1
            percent = xp.clip(passed, 0, steps - 1) * 100.0 / steps
        else:
            return xp.full(scores.shape, float("nan"))
        return xp.where(xp.isnan(scores), float("nan"), percent)

    def _measure(self, layer: str, numbers: Sequence[int]) -> None:
        """Keep ascending responses to every image of the units of these numbers."""
        if self.model is None or self.images is None:
            return
        missing = []
        for number in dict.fromkeys(numbers):
            quantiles = self._quantiles(layer, number)
            if (layer, number) in self._measured:
                continue
            if quantiles is not None and len(quantiles) == len(self.images):  # they are the responses themselves
                self._measured[layer, number] = array_module(quantiles).ascontiguousarray(quantiles)
            else:
                missing.append(number)
        if missing:
            xp = array_module(self.images)
            scaled = rescale(self.images, input_norm(self.model), len(self.model.input_shape))
            found = pre_activations(self.model, layer, scaled, missing).T
            self._measured.update({(layer, number): xp.sort(x) for number, x in zip(missing, found, strict=True)})

    def _quantiles(self, layer: str, number: int) -> Array | None:
        """The table's column of the unit of this number; None if it has none."""
        tabled = None if self.model is None else _tabled(self.model.layer_shape(layer))
        if tabled is None:
            return self.by_layer[layer][:, number]
        return self.by_layer[layer][:, tabled.index(number)] if number in tabled else None


def _tabled(shape: Sequence[int]) -> list[int] | None:
    """Numbers of the units of a layer of `shape` that `Responses` has a table of; None for all."""
    if len(shape) == 1:
        return None
    return central_units(shape) + [unit_number(shape, index, "mean") for index in range(shape[0])]
