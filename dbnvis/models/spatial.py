"""Networks on images of a known shape: what each unit of their maps sees, and what it takes to compute it.

Units are numbered as in `units`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..backend import Array, array_module
from .convolution import Channels, Conv2D, Pullback, ReLU
from .layers import Dense, Flatten, Identity, Network, Sigmoid, Tanh
from .subsampling import AvgPool2D, MaxPool2D
from .units import Position, centre

if TYPE_CHECKING:
    from .protocol import Model

#: Layers whose outputs depend on the pixels of their window alone, wherever it is.
LOCAL = (Conv2D, MaxPool2D, AvgPool2D, ReLU, Sigmoid, Tanh, Identity)


class ReceptiveField(NamedTuple):
    """The part of the input that a unit sees."""

    slices: tuple[slice, slice]
    """Rows and columns of the image."""
    extent: tuple[tuple[int, int], tuple[int, int]]
    """(first, last + 1) row and column, beyond the image where the unit sees padding."""


@dataclass(frozen=True)
class Reading:
    """Read channels at positions: (..., U, rows, columns) -> (..., U), the sum weighted by `weights` of that shape."""

    weights: Array

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return (x * self.weights).sum(axis=(-2, -1)), self.transpose

    def transpose(self, y: Array) -> Array:
        return y[..., None, None] * self.weights


@dataclass(frozen=True)
class Window:
    """Cut images (..., H, W) out: their part [rows, columns]."""

    rows: slice
    columns: slice
    shape: tuple[int, ...]

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return x[..., self.rows, self.columns], self.transpose

    def transpose(self, y: Array) -> Array:
        x = array_module(y).zeros((*y.shape[:-2], *self.shape[-2:]), dtype=y.dtype)
        x[..., self.rows, self.columns] = y
        return x


@dataclass(frozen=True, repr=False)
class SpatialNetwork(Network):
    """A network whose first layer is `Channels`: it knows the shape of every layer's output."""

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one image's output, by address; ValueError where layers do not fit together."""
        first, *others = self.layers.values()
        shape: tuple[int, ...] = (*(first.shape[:-2] or (1,)), *first.shape[-2:])  # type: ignore[attr-defined]
        found = [shape]
        for layer in others:
            if hasattr(layer, "out_shape"):
                shape = layer.out_shape(shape)
            elif isinstance(layer, Flatten):
                if tuple(layer.shape) != shape:
                    raise ValueError(
                        f"expected maps of shape {tuple(layer.shape)} to flatten, those below give {shape}"
                    )
                shape = (math.prod(shape),)
            elif isinstance(layer, Dense):
                if (len(layer.W),) != shape:
                    raise ValueError(f"a dense layer has {len(layer.W)} inputs, the layer below it gives {shape}")
                shape = (layer.W.shape[1],)
            found.append(shape)
        return dict(zip(self.layers, found, strict=True))

    def transpose(self, y: Array) -> Array:
        """Run the linear parts backwards; rows and columns of a layer's input that it leaves out get zeros."""
        shapes = list(self.shapes.values())
        for layer, shape in zip(reversed(self.layers.values()), [*shapes[-2::-1], None], strict=True):
            y = layer.transpose(y)
            if shape is not None and y.shape[-len(shape) :] != shape:
                part, y = y, array_module(y).zeros((*y.shape[: -len(shape)], *shape), dtype=y.dtype)
                y[..., : part.shape[-2], : part.shape[-1]] = part
        return y

    def select(self, units: Array) -> Network:
        """The network with the units of these numbers (U,) as its only outputs, (..., U).

        Where all of them are at one position, and no layer pads, only what that position depends on is computed.
        """
        *_, last = self.layers
        conv, shape = self.layers[last], self.shapes[last]
        if not isinstance(conv, Conv2D):
            return super().select(units)
        xp, (channels, rows, columns) = array_module(units), shape
        position, channel = units // channels, units % channels
        low, high = int(position.min()), int(position.max())
        if low != high or low == rows * columns or not self._local():
            everywhere = xp.arange(rows * columns) == position[:, None]
            weights = xp.where((position == rows * columns)[:, None], 1 / (rows * columns), everywhere)
            layers = dict(self.layers)
        else:
            weights = xp.ones((len(units), 1))
            rows = columns = 1
            layers = self._around(divmod(low, shape[2]))
        layers[last] = replace(conv, W=conv.W[channel], bias=conv.bias[channel])
        layers["reading"] = Reading(weights.astype(conv.W.dtype).reshape(-1, rows, columns))
        return Network(layers)

    def _local(self) -> bool:
        """Whether a part of the image gives the same outputs by itself as in its surroundings."""
        _, *layers = self.layers.values()
        return all(isinstance(layer, LOCAL) and not getattr(layer, "padding", 0) for layer in layers)

    def _around(self, position: tuple[int, int]) -> dict[str, Any]:
        """The layers on the receptive field of one position of the last of them, where none pads."""
        first, *others = self.layers
        shape = self.layers[first].shape  # type: ignore[attr-defined]
        rows, columns = (slice(*part) for part in extent(list(self.layers.values()), position, position))
        window = Window(rows, columns, shape)
        cut = Channels((*shape[:-2], rows.stop - rows.start, columns.stop - columns.start))
        return {"window": window, first: cut, **{name: self.layers[name] for name in others}}


def extent(
    layers: Sequence[Any], first: tuple[int, int], last: tuple[int, int]
) -> tuple[tuple[int, int], tuple[int, int]]:
    """(first, last + 1) input row and column that outputs `first` to `last` of `layers` see, unclipped."""
    found = []
    for axis in (0, 1):
        start, stop = first[axis], last[axis] + 1
        for layer in reversed(layers):
            if hasattr(layer, "window"):
                *size, stride, padding = layer.window
                start, stop = start * stride - padding, (stop - 1) * stride - padding + size[axis]
        found.append((start, stop))
    return found[0], found[1]


def receptive_field(model: Model, layer: str, position: Position = None) -> ReceptiveField:
    """What a unit of `layer` of a model sees of the image: at `position` (default: the centre), or "mean" of the map.

    Raises
    ------
    KeyError
        If there is no such layer.
    ValueError
        If the position lies beyond the layer's map.
    """
    shape = model.layer_shape(layer)
    network: Any = model.network.upto(f"{layer}.pre")
    if len(shape) == 1:  # as the highest maps, all of them
        maps = {address: shape for address, shape in network.shapes.items() if len(shape) == 3}
        (*_, top), position = maps, "mean"
        shape, network = maps[top], network.upto(top)
    size = shape[1], shape[2]
    if position == "mean":
        first, last = (0, 0), (size[0] - 1, size[1] - 1)
    else:
        first = last = centre(shape) if position is None else position
    if not all(0 <= p < n for p, n in zip(last, size, strict=True)):
        there = f"positions 0,0 to {size[0] - 1},{size[1] - 1}"
        raise ValueError(f"no position {last[0]},{last[1]}; layer {layer} has {there}")
    found = extent(list(network.layers.values()), first, last)
    rows, columns = (slice(max(a, 0), min(b, n)) for (a, b), n in zip(found, model.input_shape[-2:], strict=True))
    return ReceptiveField((rows, columns), found)
