"""A chain of layers from outside, in double precision, and the model that it becomes once it has proved itself."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..backend import Array
from ..models.convnet import ConvNet
from ..models.convolution import Channels, Conv2D, ReLU
from ..models.layers import Dense, Flatten, Identity, Network, Sigmoid, Softmax, Tanh
from ..models.mlp import MLP
from ..models.spatial import SpatialNetwork
from ..models.subsampling import Windows
from ..settings import check_input
from .widened import rescaled, scaled

#: By how much activations may differ from the source's, in parts of the largest of their layer, or of 1 if it is less.
TOLERANCE = 1e-5
#: Images that are compared.
PROBES = 5
ACTIVATIONS = (ReLU, Sigmoid, Tanh, Identity, Softmax)
LARGEST = np.finfo(np.float32).max


@dataclass(frozen=True)
class Scaling:
    """scale * x + shift of every feature, or of every channel: what batch normalization is after training."""

    scale: Array
    shift: Array


@dataclass(frozen=True)
class Link:
    """One layer of the chain.

    Parameters
    ----------
    name : str
        What the source calls it.
    kind : str
        Of the layer, in lower case: goes in front of a name that begins with a digit.
    layer : Layer, Scaling or None
        None: flattens, or leaves numbers as they are.
    outputs : array (N, ...), optional
        What the source gives there for the images that are compared.
    """

    name: str
    kind: str
    layer: Any
    outputs: Array | None = None


def image_shape(input_shape: Sequence[int]) -> tuple[int, ...]:
    """`input_shape`, checked; of one channel (1, H, W) it becomes (H, W), as grey images are here."""
    check_input(tuple(input_shape), (0, 1), None)
    shape = tuple(int(n) for n in input_shape)
    return shape[1:] if len(shape) == 3 and shape[0] == 1 else shape


def probes(shape: Sequence[int], within: tuple[float, float], images: Any = None) -> Array:
    """Images to compare with (N, *shape), float64: some of `images`, and noise of a seeded generator.

    Of pixels without bounds the noise is normal, else uniform.
    """
    rng, size = np.random.default_rng(0), (PROBES, *shape)
    low, high = within
    bounded = math.isfinite(low) and math.isfinite(high)
    noise = rng.uniform(low, high, size) if bounded else rng.standard_normal(size)
    return noise if images is None else np.concatenate([noise, np.asarray(images[:PROBES], "float64")])


def address(name: str, kind: str, taken: Collection[str]) -> str:
    """The address of a layer of this name, by the rule of the package's docstring."""
    legal = re.sub(r"\W", "_", name) or kind
    legal = f"{kind}{legal}" if legal[0].isdigit() else legal
    numbers = (n for n in range(2, len(taken) + 3) if f"{legal}_{n}" not in taken)
    return f"{legal}_{next(numbers)}" if legal in taken else legal


class Assembly:
    """The layers by address, and what the source gives at each."""

    def __init__(self, links: Sequence[Link], shape: tuple[int, ...]) -> None:
        self.maps = any(isinstance(link.layer, (Conv2D, Windows)) for link in links)
        self.layers: dict[str, Any] = {"input": Channels(shape) if self.maps else Flatten(shape)}
        self.sources: dict[str, Array | None] = {}
        self._open = ""  # the layer with weights whose activation comes next
        self._first: Link | None = None  # a scaling of the images, which what follows may take in
        if self.maps and len(shape) == 1:
            raise ValueError(f"convolutions and windows need pictures, (H, W) or (C, H, W); input_shape is {shape}")
        for link in links:
            self._add(link)
        if self._first is not None:
            self._place(self._first)
        self._close()
        if not any(name.endswith(".pre") for name in self.layers):
            raise ValueError("there is no layer with weights, whose units could be looked into")

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image's output."""
        if self.maps:
            return list(SpatialNetwork(self.layers).shapes.values())[-1]
        dense = [layer for layer in self.layers.values() if isinstance(layer, Dense)]
        return (dense[-1].W.shape[1] if dense else math.prod(self.layers["input"].shape),)

    def _add(self, link: Link) -> None:
        layer = link.layer
        if layer is None:
            return
        if isinstance(layer, Scaling) and len(self.layers) == 1 and self._first is None:
            self._first = link
            return
        if self._first is not None:
            first, self._first = self._first, None
            if (taken_in := rescaled(layer, first.layer.scale, first.layer.shift)) is None:
                self._place(first)
            layer = taken_in or layer
        self._place(replace(link, layer=layer))

    def _place(self, link: Link) -> None:
        layer, outputs = link.layer, link.outputs
        if isinstance(layer, Scaling) and self._open:
            before = f"{self._open}.pre"
            self.layers[before], self.sources[before] = scaled(self.layers[before], layer.scale, layer.shift), outputs
        elif isinstance(layer, ACTIVATIONS) and self._open:
            self.layers[self._open], self.sources[self._open] = layer, outputs
            self._open = ""
        else:
            self._close()
            if isinstance(layer, (Dense, Scaling)):
                self._flatten_for(layer)
            if isinstance(layer, Scaling):
                layer = _alone(layer, self.shape)
            name = address(link.name, link.kind, {x.removesuffix(".pre") for x in self.layers})
            if isinstance(layer, (Dense, Conv2D)):
                self._open, name = name, f"{name}.pre"
            self.layers[name], self.sources[name] = layer, outputs
            self._check(link.name)

    def _flatten_for(self, layer: Dense | Scaling) -> None:
        """Maps are flattened below a dense layer."""
        if isinstance(layer, Dense) and len(self.shape) == 3:
            self.layers[address("flat", "flat", self.layers)] = Flatten(self.shape)

    def _close(self) -> None:
        if self._open:
            self.layers[self._open], self._open = Identity(), ""

    def _check(self, name: str) -> None:
        """ValueError, naming the layer, unless it fits what is below."""
        *below, last = self.layers.values()
        if isinstance(last, Dense) and not self.maps:
            n_in = [layer.W.shape[1] for layer in below if isinstance(layer, Dense)]
            expected = n_in[-1] if n_in else math.prod(self.layers["input"].shape)
            if len(last.W) != expected:
                raise ValueError(f"layer {name} has {len(last.W)} inputs, what is below it gives {expected}")
        elif self.maps:
            try:
                self.shape  # noqa: B018
            except ValueError as error:
                raise ValueError(f"layer {name} does not fit what is below it: {error}") from None


def _alone(layer: Scaling, shape: tuple[int, ...]) -> Dense | Conv2D:
    """A scaling that follows no weights, as a layer with weights of its own."""
    n = shape[0] // len(layer.scale)
    diagonal, shift = np.diag(np.repeat(layer.scale, n)), np.repeat(layer.shift, n)
    return Conv2D(diagonal[:, :, None, None], shift) if len(shape) == 3 else Dense(diagonal, shift)


def model_of(
    links: Sequence[Link],
    shape: tuple[int, ...],
    images: Array | None,
    input_range: tuple[float, float],
    input_norm: float | None,
) -> MLP | ConvNet:
    """The chain as a model in float32, after a comparison with its source at `images` (N, *shape).

    Raises
    ------
    ValueError
        If the layers do not fit together, a weight is not finite, or activations are others than the source's.
    """
    for link in links:
        check_finite(link.name, link.layer)
    assembly = Assembly(links, shape)
    if images is not None:
        _compare(assembly, images)
    layers = {name: _single(layer) for name, layer in assembly.layers.items()}
    if assembly.maps:
        return ConvNet(SpatialNetwork(layers), shape, input_range, input_norm)
    return MLP(Network(layers), shape, input_range, input_norm)


def check_finite(name: str, layer: Any) -> None:
    """ValueError, naming the layer, if one of its numbers is NaN, infinite or larger than float32 holds."""
    for part in ("W", "bias", "vbias", "hbias", "scale", "shift"):
        x = getattr(layer, part, None)
        bad = 0 if x is None else int((~(np.abs(x) <= LARGEST)).sum())
        if bad:
            raise ValueError(f"layer {name} has {bad} weights or biases that are NaN or infinite; train it again")


def _compare(assembly: Assembly, images: Array) -> None:
    x = images
    for name, layer in assembly.layers.items():
        x, _ = layer.forward(x)
        expected = assembly.sources.get(name)
        if expected is not None:
            compare(name, x, expected)


def compare(name: str, found: Array, expected: Array) -> None:
    """ValueError, with the largest difference, unless the activations of layer `name` are the source's."""
    if found.size != expected.size:
        raise ValueError(
            f"layer {name} has activations of shape {found.shape[1:]} for an image, the source's are of shape "
            f"{expected.shape[1:]}"
        )
    difference, scale = np.abs(found - expected.reshape(found.shape)).max(), max(1.0, float(np.abs(expected).max()))
    if not difference <= TOLERANCE * scale:
        raise ValueError(
            f"layer {name} differs from the source by {difference:.2g} where activations are at most {scale:.2g}; "
            "below it they agree: it does not compute what its kind and its settings say"
        )


def _single(layer: Any) -> Any:
    if not isinstance(layer, (Dense, Conv2D)):
        return layer
    return replace(layer, W=np.ascontiguousarray(layer.W, "float32"), bias=np.ascontiguousarray(layer.bias, "float32"))
