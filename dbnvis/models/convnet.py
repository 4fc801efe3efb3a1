"""The convolutional network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from ..backend import Array, array_module, check_rng
from ..settings import check_input, check_parameters, check_sizes, check_value
from .convolution import Channels, Conv2D, ReLU
from .layers import Dense, Flatten, Softmax
from .spatial import ReceptiveField, SpatialNetwork, receptive_field
from .stack import FeedForward
from .subsampling import MaxPool2D
from .units import Position


@dataclass(repr=False)
class ConvNet(FeedForward):
    """A feed-forward network of convolutional and dense layers.

    Parameters
    ----------
    network : SpatialNetwork
        Its first layer, "input", is `Channels`; every layer with weights has two addresses, such as "conv1.pre"
        (Conv2D or Dense) and "conv1".
    input_shape : tuple of int
        (H, W), or (C, H, W) for colour images.
    input_range : (float, float)
        Range of the pixels.
    input_norm : float, optional
        Mean Euclidean norm of the training images: the norm at which units are excited and compared.

    Raises
    ------
    ValueError
        If there is no layer with weights, or the layers do not fit together or the images.
    """

    network: SpatialNetwork
    input_shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    input_norm: float | None = None

    batch: ClassVar[int] = 250  # few: a convolutional layer's maps are large

    def __post_init__(self) -> None:
        check_input(self.input_shape, self.input_range, self.input_norm)
        first = next(iter(self.network.layers.values()), None)
        if not isinstance(first, Channels) or not self.layer_names:
            raise ValueError(
                "expected Channels at the first address and layers with weights at addresses such as conv1.pre, got "
                f"{', '.join(self.network.layers) or 'none'}"
            )
        if tuple(first.shape) != tuple(self.input_shape):
            raise ValueError(f"images have shape {tuple(self.input_shape)}, the network takes {tuple(first.shape)}")
        self._shapes = self.network.shapes
        check_parameters(**self.network.params())

    @classmethod
    def random(
        cls,
        input_shape: tuple[int, ...] = (28, 28),
        channels: Sequence[int] = (16, 32),
        dense: Sequence[int] = (128,),
        n_classes: int = 10,
        *,
        rng: Any,
        kernel: int = 5,
        dtype: Any = "float32",
        input_range: tuple[float, float] = (0.0, 1.0),
    ) -> ConvNet:
        """Convolutions "conv1", ..., each rectified and pooled 2 x 2 ("pool1", ...), dense layers, softmax "output".

        Weights are N(0, 2 / inputs) below a ReLU (He et al. 2015, "Delving deep into rectifiers") and N(0, 1 / inputs)
        below the softmax; biases are 0; all on the device of `rng`.

        Parameters
        ----------
        input_shape : tuple of int
        channels : sequence of int
            Of each convolutional layer.
        dense : sequence of int
            Units of each dense layer.
        n_classes : int
        rng : numpy or cupy Generator
        kernel : int
            Side of the kernels.
        dtype : dtype
        input_range : (float, float)

        Raises
        ------
        ValueError
            If a layer is to have no unit, or its windows do not fit the maps below.
        """
        check_input(input_shape, input_range, None)
        check_sizes(*channels, *dense, n_classes)
        check_value("kernel", kernel, int, "[1, inf)")

        def weights(*shape: int, n_in: int, gain: float) -> Array:
            W = check_rng(rng).standard_normal(shape, dtype=dtype)
            W *= math.sqrt(gain / n_in)
            return W

        layers: dict[str, Any] = {"input": Channels(tuple(input_shape))}
        shape = (*(input_shape[:-2] or (1,)), *input_shape[-2:])
        for i, n in enumerate(channels, start=1):
            W = weights(n, shape[0], kernel, kernel, n_in=shape[0] * kernel**2, gain=2)
            layers[f"conv{i}.pre"] = Conv2D(W, array_module(W).zeros(n, dtype=dtype))
            layers[f"conv{i}"] = ReLU()
            layers[f"pool{i}"] = MaxPool2D()
            shape = SpatialNetwork(layers).shapes[f"pool{i}"]
        layers["flat"] = Flatten(shape)
        sizes = (math.prod(shape), *dense, n_classes)
        names = [*(f"dense{i + 1}" for i in range(len(dense))), "output"]
        for name, (n_in, n_out) in zip(names, pairwise(sizes), strict=True):
            W = weights(n_in, n_out, n_in=n_in, gain=1 if name == "output" else 2)
            layers[f"{name}.pre"] = Dense(W, array_module(W).zeros(n_out, dtype=dtype))
            layers[name] = Softmax() if name == "output" else ReLU()
        return cls(SpatialNetwork(layers), tuple(input_shape), input_range)

    def layer_shape(self, layer: str) -> tuple[int, ...]:
        """(channels, rows, columns) of a convolutional layer, (units,) of a dense one."""
        self.check_layer(layer)
        return self._shapes[f"{layer}.pre"]

    def receptive_field(self, layer: str, position: Position = None) -> ReceptiveField:
        """What a unit sees of the image; see the function of this name."""
        return receptive_field(self, layer, position)
