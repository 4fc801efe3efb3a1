"""Layers: functions with a pullback, and networks of them addressed by name.

A layer is a frozen dataclass of its arrays and settings and offers `forward(x) -> (y, pullback)`;
`pullback(gy)` is the gradient by x and pays for no parameter gradient. `transpose(y)` is its linear part run
backwards, which filter combination draws with. Leading axes are free: a layer maps (..., n_in) to (..., n_out).

A layer with parameters also offers `params()`, the arrays by name, and `gradients(x, gy)`, the gradient by each
of them under the same name. `Network.trace` runs a network for training.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from ..backend import Array, array_module, bernoulli
from ..display import Brief
from ..numerics import sigmoid

Pullback = Callable[[Array], Array]


class Layer(Protocol):
    def forward(self, x: Array) -> tuple[Array, Pullback]: ...

    def transpose(self, y: Array) -> Array: ...


@runtime_checkable
class Trainable(Protocol):
    """What a layer with parameters offers beside `Layer`."""

    def params(self) -> dict[str, Array]: ...

    def gradients(self, x: Array, gy: Array, out: dict[str, Array] | None = None) -> dict[str, Array]: ...


class Weighted(Layer, Trainable, Protocol):
    """A layer with weights, `Dense` or `Conv2D`."""

    W: Array
    """(n_in, n_out), or kernels (O, I, rows, columns)."""
    bias: Array
    """One number for each output, or each channel of it."""


@runtime_checkable
class Buffered(Protocol):
    """What a layer offers beside `Layer` that gains from memory of its own, as in training, where shapes repeat."""

    def for_training(self) -> Layer: ...


@runtime_checkable
class Kinked(Protocol):
    """What a layer offers beside `Layer` whose gradient jumps where its input crosses a border."""

    kinked: ClassVar[bool]


@dataclass(frozen=True)
class Flatten:
    """(..., *shape) -> (..., prod(shape))."""

    shape: tuple[int, ...]

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return x.reshape(*x.shape[: x.ndim - len(self.shape)], math.prod(self.shape)), self.transpose

    def transpose(self, y: Array) -> Array:
        return y.reshape(*y.shape[:-1], *self.shape)


@dataclass(frozen=True, repr=False)
class Dense(Brief):
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

    def params(self) -> dict[str, Array]:
        return {"W": self.W, "bias": self.bias}

    def gradients(self, x: Array, gy: Array, out: dict[str, Array] | None = None) -> dict[str, Array]:
        xp, out = array_module(x), out or {}
        x, gy = x.reshape(-1, x.shape[-1]), gy.reshape(-1, gy.shape[-1])
        return {"W": xp.matmul(x.T, gy, out=out.get("W")), "bias": xp.sum(gy, axis=0, out=out.get("bias"))}


@dataclass(frozen=True)
class Sigmoid:
    """The logistic function, elementwise."""

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        y = sigmoid(x)
        return y, lambda gy: gy * (y * (1 - y))

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True)
class Tanh:
    """The hyperbolic tangent, elementwise."""

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        y = array_module(x).tanh(x)
        return y, lambda gy: gy * (1 - y * y)

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True)
class Softmax:
    """exp(x) / sum exp(x) along the last axis."""

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        xp = array_module(x)
        y = xp.exp(x - x.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        return y, lambda gy: y * (gy - (gy * y).sum(axis=-1, keepdims=True))

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True)
class Identity:
    """The activation of linear units."""

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        return x, self.transpose

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True)
class Dropout:
    """Each number is zero with probability `rate` and otherwise divided by 1 - rate; in training networks alone.

    Every `forward` draws from `rng`; its pullback keeps that draw (Srivastava et al. 2014).
    """

    rate: float
    rng: Any

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        xp = array_module(x)
        mask = xp.full(x.shape, 1 - self.rate, dtype=x.dtype)
        bernoulli(mask, rng=self.rng, out=mask)
        mask *= 1 / (1 - self.rate)
        return x * mask, lambda gy: gy * mask

    def transpose(self, y: Array) -> Array:
        return y


@dataclass(frozen=True, repr=False)
class Network(Brief):
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
        return replace(self, layers={name: self.layers[name] for name in names[: names.index(address) + 1]})

    def weighted(self, name: str) -> Weighted:
        """The layer with weights of this name, whose address is "NAME.pre"."""
        return self.layers[f"{name}.pre"]  # type: ignore[return-value]

    def select(self, units: Array) -> Network:
        """The network with `units` (U,) as its only outputs; its last layer must have a `select`."""
        *_, last = self.layers
        return replace(self, layers={**self.layers, last: self.layers[last].select(units)})  # type: ignore[attr-defined]

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

    @property
    def kinked(self) -> bool:
        """Whether the gradient jumps, as that of ReLUs and of max-pooling."""
        return any(isinstance(layer, Kinked) for layer in self.layers.values())

    def params(self) -> dict[str, Array]:
        """All parameters, the arrays themselves, by layer and name: "h2.pre.W"."""
        return {
            f"{address}.{name}": x
            for address, layer in self.layers.items()
            if isinstance(layer, Trainable)
            for name, x in layer.params().items()
        }

    @property
    def weights(self) -> dict[str, Array]:
        """Matrices (n_in, n_out) and kernels (O, I, rows, columns), by address, from the input upwards."""
        params = {address: layer.params() for address, layer in self.layers.items() if isinstance(layer, Trainable)}
        return {address: arrays["W"] for address, arrays in params.items() if "W" in arrays}

    def for_training(self) -> Network:
        """The network with layers that write into the same arrays again, for inputs of the same shape."""
        layers = self.layers.items()
        return Network({name: layer.for_training() if isinstance(layer, Buffered) else layer for name, layer in layers})

    def trace(self, x: Array) -> tuple[Array, Callable[..., dict[str, Array]]]:
        """Run all layers for training: (y, gradients).

        `gradients(gy)` maps the output's gradient to that of every parameter, named as in `params`.
        `gradients(gy, out)` writes into the arrays of `out` instead; its names say which are wanted, and
        nothing is computed below the lowest of them.
        """
        steps: list[tuple[str, Layer, Array, Pullback]] = []
        for address, layer in self.layers.items():
            y, pullback = layer.forward(x)
            steps.append((address, layer, x, pullback))
            x = y

        def gradients(gy: Array, out: dict[str, Array] | None = None) -> dict[str, Array]:
            wanted = list(self.params() if out is None else out)
            found: dict[str, Array] = {}
            for address, layer, x, pullback in reversed(steps):
                own = [name for name in wanted if name.rpartition(".")[0] == address]
                if own and isinstance(layer, Trainable):
                    arrays = None if out is None else {name.rpartition(".")[2]: out[name] for name in own}
                    by_name = layer.gradients(x, gy, arrays)
                    found |= {name: by_name[name.rpartition(".")[2]] for name in own}
                if len(found) == len(wanted):
                    break
                gy = pullback(gy)
            return {name: found[name] for name in wanted}

        return x, gradients
