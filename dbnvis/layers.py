"""Layers: functions with a pullback, and networks of them addressed by name.

A layer offers `forward(x) -> (y, pullback)`; `pullback(gy)` is the gradient by x and pays for no parameter
gradient. `transpose(y)` is its linear part run backwards, which filter combination draws with. Leading axes
are free: a layer maps (..., n_in) to (..., n_out).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from .backend import Array
from .numerics import sigmoid

Pullback = Callable[[Array], Array]


class Layer(Protocol):
    def forward(self, x: Array) -> tuple[Array, Pullback]: ...

    def transpose(self, y: Array) -> Array: ...


@dataclass(frozen=True)
class Flatten:
    """(..., *shape) -> (..., prod(shape))."""

    shape: tuple[int, ...]

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return x.reshape(*x.shape[: x.ndim - len(self.shape)], math.prod(self.shape)), self.transpose

    def transpose(self, y: Array) -> Array:
        return y.reshape(*y.shape[:-1], *self.shape)


@dataclass(frozen=True)
class Dense:
    """x W + bias, with W (n_in, n_out) and bias (n_out,)."""

    W: Array
    bias: Array

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return x @ self.W + self.bias, self.transpose

    def transpose(self, y: Array) -> Array:
        return y @ self.W.T

    def select(self, units: Array) -> Dense:
        """The layer with `units` (U,) as its only outputs."""
        return Dense(self.W[:, units], self.bias[units])


@dataclass(frozen=True)
class Sigmoid:
    """The logistic function, elementwise."""

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        y = sigmoid(x)
        return y, lambda gy: gy * (y * (1 - y))

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True)
class Network:
    """Layers in order, by address: "h2.pre" is the pre-activation of layer h2, "h2" its activation."""

    layers: dict[str, Layer]

    def upto(self, address: str) -> Network:
        """The part of the network whose output is `address`.

        Raises
        ------
        KeyError
            If there is no such address; the message lists those that exist.
        """
        names = list(self.layers)
        if address not in names:
            raise KeyError(f"no layer {address!r}; the network has {', '.join(names)}")
        return Network({name: self.layers[name] for name in names[: names.index(address) + 1]})

    def select(self, units: Array) -> Network:
        """The network with `units` (U,) as its only outputs; its last layer must have a `select`."""
        *_, last = self.layers
        return Network({**self.layers, last: self.layers[last].select(units)})  # type: ignore[attr-defined]

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        """Run all layers; the pullback maps the output's gradient to the input's."""
        pullbacks: list[Pullback] = []
        for layer in self.layers.values():
            x, pullback = layer.forward(x)
            pullbacks.append(pullback)

        def pull(gy: Array) -> Array:
            for pullback in reversed(pullbacks):
                gy = pullback(gy)
            return gy

        return x, pull

    def transpose(self, y: Array) -> Array:
        """Run the linear parts of all layers backwards, from output to input."""
        for layer in reversed(self.layers.values()):
            y = layer.transpose(y)
        return y
