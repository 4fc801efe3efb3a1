"""Words such as "conv1:stride=2 relu maxpool fc1", with the arrays that they name, as layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from ..backend import Array
from ..images import plain_array
from ..models.convolution import Conv2D, ReLU
from ..models.layers import Dense, Identity, Sigmoid, Softmax, Tanh
from ..models.subsampling import AvgPool2D, MaxPool2D
from .chain import Link, Scaling
from .widened import conv2d

Order = Literal["auto", "in-out", "out-in"]

ACTIVATIONS: dict[str, Any] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "logistic": Sigmoid,
    "tanh": Tanh,
    "identity": Identity,
    "linear": Identity,
    "softmax": Softmax,
    "logsoftmax": Softmax,
}
WINDOWS: dict[str, Any] = {"maxpool": MaxPool2D, "avgpool": AvgPool2D}
#: How weights and biases of a layer NAME may be called; NAME alone is its weights, too.
WEIGHTS = ("{}.weight", "{}.W", "{}_weight", "{}_W", "{}")
BIASES = ("{}.bias", "{}.b", "{}_bias", "{}_b")
#: Settings of a layer with weights in words: integers, but for names of arrays and `eps`.
SETTINGS = ("weight", "bias", "stride", "padding", "dilation", "groups", "eps")
EPS = 1e-5  # that batch normalization adds to variances


class WordReader:
    """Words to links, with the arrays they name; it remembers which were used."""

    def __init__(self, arrays: Mapping[str, Any], order: Order) -> None:
        self.arrays, self.order = arrays, order
        self.used: set[str] = set()
        self.notes: list[str] = []

    def link(self, word: str, shape: tuple[int, ...]) -> tuple[Link, tuple[int, ...]]:
        """The link of a word, above outputs of `shape`, and the shape of its own."""
        name, _, text = word.partition(":")
        settings = _settings(word, text)
        if self._first(WEIGHTS, name) is None and "weight" not in settings:
            return self._plain(name, settings, shape)
        _check_names(name, settings, SETTINGS)
        if self._first(("{}.running_mean", "{}_running_mean"), name) is not None:
            return Link(name, "batchnorm", self._scaling(name, settings)), shape
        weight = settings.get("weight") or self._first(WEIGHTS, name) or name
        W = self._array(weight)
        given = settings.get("bias") or self._first(BIASES, name) or self._partner(weight)
        bias = None if given is None else self._array(given).reshape(-1)
        if W.ndim == 4:
            conv = self._kernels(name, W, bias, settings, shape)
            return Link(name, "conv", conv), conv.out_shape(_maps(name, shape))
        _check_names(name, settings, ("weight", "bias"))
        dense = self._dense(name, W, bias, math.prod(shape))
        return Link(name, "dense", dense), (dense.W.shape[1],)

    def notes_to_say(self) -> list[str]:
        """What was not as one might expect, each in a few words."""
        rest = [name for name in self.arrays if name not in self.used and not name.endswith("num_batches_tracked")]
        return [*self.notes, *([f"not used: {', '.join(rest)}"] if rest else [])]

    def _plain(self, name: str, settings: dict[str, str], shape: tuple[int, ...]) -> tuple[Link, tuple[int, ...]]:
        """A layer without weights."""
        kind = name.lower()
        if kind in ACTIVATIONS:
            _check_names(name, settings, ())
            return Link(name, kind, ACTIVATIONS[kind]()), shape
        if kind == "flatten":
            _check_names(name, settings, ())
            return Link(name, kind, None), (math.prod(shape),)
        if kind in WINDOWS:
            _check_names(name, settings, ("size", "stride"))
            pool = WINDOWS[kind](**{key: _integer(name, key, value) for key, value in settings.items()})
            return Link(name, kind, pool), pool.out_shape(_maps(name, shape))
        raise ValueError(
            f"no array belongs to {name}; there are {', '.join(self.arrays) or 'none'}; words without arrays are "
            f"{', '.join([*ACTIVATIONS, *WINDOWS, 'flatten'])}"
        )

    def _first(self, patterns: Iterable[str], name: str) -> str | None:
        return next((each for each in (pattern.format(name) for pattern in patterns) if each in self.arrays), None)

    def _partner(self, weight: str) -> str | None:
        """b1 of W1, or hid_b of hid_W."""
        names = [f"{b}{weight[1:]}" for w, b in (("W", "b"), ("w", "b")) if weight[:1] == w]
        names += [f"{weight[:-1]}b"] if weight[-1:] in ("W", "w") else []
        return next((name for name in names if name in self.arrays and name != weight), None)

    def _array(self, name: str | None) -> Array:
        if name is None or name not in self.arrays:
            raise ValueError(f"there is no array {name}; there are {', '.join(self.arrays) or 'none'}")
        x = plain_array(self.arrays[name], name)
        if x.dtype.kind not in "fiu" or x.size == 0:
            raise ValueError(f"the array {name} must hold real numbers, got {x.dtype} of shape {x.shape}")
        self.used.add(name)
        return x.astype("float64")

    def _dense(self, name: str, W: Array, bias: Array | None, n_in: int) -> Dense:
        if W.ndim != 2:
            raise ValueError(f"the weights of {name} have shape {W.shape}; expected two axes, or four of kernels")
        more = n_in + (bias is None)  # with a row of biases
        fits = [W.shape[0] in (n_in, more), W.shape[1] in (n_in, more)]
        fits = [here and (bias is None or len(bias) == n) for here, n in zip(fits, W.shape[::-1], strict=True)]
        if self.order == "auto" and all(fits):
            raise ValueError(
                f"the weights of {name} are {W.shape[0]} x {W.shape[1]}, so their shape does not say what rows are: "
                "order in-out where they are (inputs, units), out-in where they are (units, inputs)"
            )
        transposed = self.order == "out-in" or (self.order == "auto" and fits[1])
        if not fits[transposed]:
            also = "" if bias is None else f" and a bias of {len(bias)}"
            raise ValueError(
                f"the weights of {name} have shape {W.shape}{also}, what is below gives {n_in} numbers"
                + (f", and the order is {self.order}" if self.order != "auto" else "")
            )
        W = W.T if transposed else W
        if bias is None and len(W) == n_in + 1:
            self.notes.append(f"the last of the {len(W)} rows of {name} is its bias")
            W, bias = W[:-1], W[-1]
        elif bias is None:
            self.notes.append(f"{name} has no bias: zeros")
            bias = np.zeros(W.shape[1])
        return Dense(W, bias)

    def _kernels(
        self, name: str, W: Array, bias: Array | None, settings: dict[str, str], shape: tuple[int, ...]
    ) -> Conv2D:
        channels = _maps(name, shape)[0]
        number = {key: _integer(name, key, x) for key, x in settings.items() if key not in ("weight", "bias", "eps")}
        groups, padding, dilation = number.get("groups", 1), number.get("padding", 0), number.get("dilation", 1)
        if min([groups, dilation, number.get("stride", 1)]) < 1 or W.shape[1] * groups != channels or len(W) % groups:
            hint = "; these are (rows, columns, I, O): give W.transpose(3, 2, 0, 1)" * (W.shape[2] == channels)
            raise ValueError(f"kernels (O, I, rows, columns) {W.shape} of {name} do not fit maps of {shape}{hint}")
        if bias is None:
            self.notes.append(f"{name} has no bias: zeros")
            bias = np.zeros(len(W))
        if len(bias) != len(W):
            raise ValueError(f"the bias of {name} has {len(bias)} numbers for {len(W)} channels")
        return conv2d(W, bias, number.get("stride", 1), [(padding, padding)] * 2, [dilation] * 2, groups)

    def _scaling(self, name: str, settings: dict[str, str]) -> Scaling:
        mean, variance = (self._array(f"{name}.running_{x}") for x in ("mean", "var"))
        gain, shift = self._first(WEIGHTS, name), self._first(BIASES, name)
        scale = 1 / np.sqrt(variance + float(settings.get("eps", EPS)))
        scale = scale if gain is None else scale * self._array(gain)
        return Scaling(scale, (0 if shift is None else self._array(shift)) - scale * mean)


def _settings(word: str, text: str) -> dict[str, str]:
    parts = [part.partition("=") for part in text.split(",") if part]
    if not all(key and sign and value for key, sign, value in parts):
        raise ValueError(f"settings are written NAME:KEY=VALUE,KEY=VALUE, got {word!r}")
    return {key: value for key, _, value in parts}


def _check_names(name: str, settings: dict[str, str], known: Sequence[str]) -> None:
    for key in settings:
        if key not in known:
            raise ValueError(f"{name} has no setting {key!r}; it has {', '.join(known) or 'none'}")


def _integer(name: str, key: str, value: str) -> int:
    if not value.isdecimal():
        raise ValueError(f"{key} of {name} must be a number such as 2, got {value!r}")
    return int(value)


def _maps(name: str, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError(f"{name} works on maps (C, H, W), what is below it gives {shape}")
    return shape[0], shape[1], shape[2]
