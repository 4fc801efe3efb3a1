"""What model families share: named layers of units above images of a known shape.

`FeedForward` is a network trained as a whole; `Stack` is made of parts, each trained on what the one below gives.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from ..backend import Array, array_module
from ..display import Tabular
from ..images import floats_of
from ..numerics import weight_norm
from ..settings import check_input
from .layers import Dense, Flatten, Network, Sigmoid


class Layered(Tabular, ABC):
    """Layers by name above images; see `protocol.Model` for what the four fields mean."""

    input_shape: tuple[int, ...]
    input_range: tuple[float, float]
    input_norm: float | None

    @property
    @abstractmethod
    def layer_names(self) -> list[str]:
        """From the input upwards."""

    @abstractmethod
    def layer_shape(self, layer: str) -> tuple[int, ...]:
        """Shape of one image's activations in `layer`; KeyError, listing the layers, for another name."""

    @abstractmethod
    def weights(self, layer: str) -> Array:
        """(n_in, units) of a dense `layer`, kernels (channels, n_in, rows, columns) of one of maps."""

    @property
    def xp(self) -> Any:
        """The array library the parameters live in."""
        return array_module(self.weights(self.layer_names[0]))

    @property
    def dtype(self) -> Any:
        """Of every parameter."""
        return self.weights(self.layer_names[0]).dtype

    @property
    def sizes(self) -> list[int]:
        """Numbers in each layer, from the pixels upwards: units, or channels times positions."""
        return [math.prod(self.input_shape), *(math.prod(self.layer_shape(name)) for name in self.layer_names)]

    def check_layer(self, layer: str) -> None:
        """KeyError, listing the layers, for a layer that is not there."""
        if layer not in self.layer_names:
            raise KeyError(f"no layer {layer!r}; the model has {', '.join(self.layer_names)}")

    def passed_up(self, network: Network, v: Array, size: int) -> Array:
        """What `network` gives for images (B, V) or (B, *input_shape), `size` of them at once."""
        v = floats_of(self, v)
        if math.prod(v.shape[1:]) != math.prod(self.input_shape):
            raise ValueError(f"expected images of shape {tuple(self.input_shape)}, got {tuple(v.shape[1:])}")
        v = v.reshape(len(v), *self.input_shape)
        return self.xp.concatenate([network.forward(v[i : i + size])[0] for i in range(0, len(v), size)])

    def _facts(self) -> dict[str, Any]:
        shapes = {"input": tuple(self.input_shape), **{name: self.layer_shape(name) for name in self.layer_names}}
        units = {name: shape[0] if len(shape) == 1 else tuple(shape) for name, shape in shapes.items()}
        return {**units, "dtype": str(self.dtype)}

    def _rows(self) -> list[dict[str, Any]]:
        facts, rows = self._facts(), []
        for name in self.layer_names:
            W = self.weights(name)
            rows.append({"layer": name, "units": facts[name], "weights": tuple(W.shape), "weight_norm": weight_norm(W)})
        return rows


class FeedForward(Layered):
    """A network whose layers with weights have two addresses, such as "h2.pre" and "h2"."""

    network: Network
    batch: ClassVar[int]
    """Images passed up at once by `encode`."""

    @property
    def layer_names(self) -> list[str]:
        return [address.removesuffix(".pre") for address in self.network.layers if address.endswith(".pre")]

    def weights(self, layer: str) -> Array:
        self.check_layer(layer)
        return self.network.weighted(layer).W

    def encode(self, v: Array, layer: str) -> Array:
        """Activations of `layer`: images (B, V) or (B, *input_shape) -> (B, *layer_shape).

        Floats are taken as they are; integers and the like are images, checked (`images.images_of`).
        """
        self.check_layer(layer)
        return self.passed_up(self.network.upto(layer), v, self.batch)


class Stack(Layered):
    """Layers "h1", "h2", ..., each a part of its own."""

    part_name: ClassVar[str]
    """What messages call a part."""

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError(f"a {type(self).__name__} needs at least one {self.part_name}")
        check_input(self.input_shape, self.input_range, self.input_norm)

    @property
    @abstractmethod
    def parts(self) -> Sequence[Any]:
        """From the input upwards."""

    @property
    def layer_names(self) -> list[str]:
        return [f"h{i + 1}" for i in range(len(self.parts))]

    def weights(self, layer: str) -> Array:
        return self.parts[self.depth(layer) - 1].W

    def depth(self, layer: str) -> int:
        """1 for "h1", 2 for "h2", ...; KeyError, listing the layers, for another name."""
        self.check_layer(layer)
        return self.layer_names.index(layer) + 1


class DenseStack(Stack):
    """A stack of parts with weights W (V, H) and hidden biases hbias (H,), under logistic hidden units."""

    def __post_init__(self) -> None:
        super().__post_init__()
        n_pixels, n_visible = math.prod(self.input_shape), self.parts[0].n_visible
        if n_pixels != n_visible:
            raise ValueError(
                f"images of shape {tuple(self.input_shape)} have {n_pixels} pixels, "
                f"the lowest {self.part_name} has {n_visible} visible units"
            )
        for i, (lower, upper) in enumerate(pairwise(self.parts)):
            if lower.n_hidden != upper.n_visible:
                raise ValueError(
                    f"{self.part_name} {i + 1} has {lower.n_hidden} hidden units, "
                    f"{self.part_name} {i + 2} has {upper.n_visible} visible units"
                )

    @staticmethod
    @abstractmethod
    def hidden_means(part: Any, v: Array) -> Array:
        """What a part gives to the one above: (B, V) -> (B, H)."""

    def layer_shape(self, layer: str) -> tuple[int, ...]:
        """(units,) of `layer`."""
        return (self.parts[self.depth(layer) - 1].n_hidden,)

    @property
    def network(self) -> Network:
        """The mean-field pass upwards as a differentiable network: images (..., *input_shape) -> units."""
        layers: dict[str, Any] = {"input": Flatten(self.input_shape)}
        for name, part in zip(self.layer_names, self.parts, strict=True):
            layers[f"{name}.pre"] = Dense(part.W, part.hbias)
            layers[name] = Sigmoid()
        return Network(layers)

    def encode(self, v: Array, layer: str) -> Array:
        """Mean-field pass up: images (B, V) or (B, *input_shape) -> means of `layer` (B, H).

        Floats are taken as they are; integers and the like are images, checked (`images.images_of`).
        """
        v = floats_of(self, v)
        x = v.reshape(len(v), math.prod(v.shape[1:]))
        for part in self.parts[: self.depth(layer)]:
            x = self.hidden_means(part, x)
        return x
