"""Models as a page knows them: a header that JSON can say, and blobs, arrays by name.

A blob is compressed as it is, or, of half precision, split into byte planes first: all low bytes, then all high ones,
of which neighbours resemble each other. A page of size "mail" keeps weights as int8 with a scale for every output.
"""

from __future__ import annotations

import hashlib
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..backend import Array, to_numpy
from ..figures.study import Study
from ..models.convolution import Channels, Conv2D, ReLU
from ..models.layers import Dense, Flatten, Identity, Layer, Sigmoid, Softmax, Tanh
from ..models.pooling import Detection, Pooling
from ..models.protocol import Model, Spatial, fully_connected
from ..models.rbm import GaussianRBM
from ..models.subsampling import AvgPool2D, MaxPool2D

#: Number of the header's form; the page refuses another one.
FORMAT = 1
#: Quantiles of every unit's responses that a page keeps, by its size.
QUANTILES = {"full": 101, "mail": 21}
#: Families as the page names them, by their class.
FAMILIES = {"DBN": "dbn", "ConvDBN": "convdbn", "MLP": "mlp", "StackedDAE": "sdae", "ConvNet": "convnet"}
LARGEST = float(np.finfo(np.float16).max)


@dataclass
class Blobs:
    """What a page carries beside its header.

    Parameters
    ----------
    facts : dict
        What the header says of each blob, by its name.
    content : dict of bytes
        The blobs, compressed.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    content: dict[str, bytes] = field(default_factory=dict)

    def array(self, name: str, x: Array, scale: str | None = None) -> str:
        """Add an array, little-endian, in its own type; `scale` names the blob that it must be multiplied by."""
        plain = np.asarray(to_numpy(x))
        raw = np.ascontiguousarray(plain.astype(plain.dtype.newbyteorder("<"), copy=False)).tobytes()
        encoding, coded = "deflate", raw
        if plain.dtype == np.float16:
            encoding, coded = "planes+deflate", raw[0::2] + raw[1::2]
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        return self._add(name, packer.compress(coded) + packer.flush(), raw, plain, encoding, scale)

    def number(self, name: str, x: Array) -> str:
        """Add numbers in half precision, or, where one is too large for it, in single precision."""
        host = np.asarray(to_numpy(x))
        return self.array(name, host.astype("float16" if _fits(host) else "float32"))

    def picture(self, name: str, png: bytes, shape: Sequence[int]) -> str:
        """Add a PNG file of `shape`, rows and columns."""
        return self._add(name, png, png, np.empty(shape, np.uint8), "png", None)

    def _add(self, name: str, packed: bytes, raw: bytes, x: np.ndarray, encoding: str, scale: str | None) -> str:
        if name in self.content:
            raise ValueError(f"two blobs are called {name}")
        self.facts[name] = {
            "shape": list(x.shape),
            "dtype": x.dtype.name,
            "encoding": encoding,
            "scale": scale,
            "sha256": hashlib.sha256(raw).hexdigest(),
        }
        self.content[name] = packed
        return name


def identifiers(studies: Sequence[Study]) -> list[str]:
    """A name for each model that no other has on the page, of letters and digits that an address may hold."""
    found: list[str] = []
    for study in studies:
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", study.name).strip("-") or "model"
        same = [name for name in found if re.fullmatch(rf"{re.escape(plain)}(-\d+)?", name)]
        found.append(f"{plain}-{len(same) + 1}" if same else plain)
    return found


def describe_model(study: Study, name: str, size: str, blobs: Blobs) -> dict[str, Any]:
    """The header's entry of a model, without its atlas; its arrays go to `blobs`.

    Parameters
    ----------
    study : Study
    name : str
        Of the model on the page.
    size : "full" or "mail"
    blobs : Blobs

    Raises
    ------
    ValueError
        If the model is of no family that the page computes, a layer is of none of its kinds, or a weight is NaN or
        infinite.
    """
    model = study.model
    family = FAMILIES.get(type(model).__name__)
    if family is None:
        raise ValueError(f"the page computes {', '.join(FAMILIES)}, and {study.name} is a {type(model).__name__}")
    check_finite(model)
    low, high = map(float, model.input_range)
    bounded = math.isfinite(low) and math.isfinite(high)
    layers = model.network.layers
    last = list(layers.values())[-1]
    top = model.layer_names[-1]
    return {
        "id": name,
        "name": title(model, family),
        "family": family,
        "dataset": study.dataset,
        "sha256": study.provenance["model_sha256"],
        "input_shape": list(model.input_shape),
        "input_range": [low, high] if bounded else None,
        "input_norm": None if model.input_norm is None else float(model.input_norm),
        "network": [
            {"address": address, **_layer(layer, f"{name}.{address}", size, blobs)} for address, layer in layers.items()
        ],
        "layers": [{"name": layer, "shape": list(model.layer_shape(layer))} for layer in model.layer_names],
        "machines": _machines(model, name, blobs),
        "classes": study.classes(model.layer_shape(top)[0]) if isinstance(last, Softmax) else None,
        "quantiles": {
            layer: blobs.number(f"{name}.{layer}.quantiles", _thinned(study, layer, size))
            for layer in model.layer_names
        },
    }


def title(model: Model, family: str) -> str:
    """A model in words: "DBN 784-1000-500-250"; of maps, their channels: "ConvNet 28x28-16-32-128-10"."""
    words = {"dbn": "DBN", "convdbn": "ConvDBN", "mlp": "MLP", "sdae": "SDAE", "convnet": "ConvNet"}
    pixels = "x".join(map(str, model.input_shape)) if isinstance(model, Spatial) else math.prod(model.input_shape)
    return f"{words[family]} {'-'.join(map(str, [pixels, *(model.layer_shape(x)[0] for x in model.layer_names)]))}"


def check_finite(model: Model) -> None:
    """ValueError, naming the layer, where a weight or a bias is NaN or infinite."""
    for name, x in model.network.params().items():
        bad = int((~np.isfinite(to_numpy(x))).sum())
        if bad:
            address, _, part = name.rpartition(".")
            raise ValueError(
                f"{bad} numbers in {part} of layer {address.removesuffix('.pre')} are NaN or infinite, so its "
                "activations cannot be shown; train the model again, with a smaller learning rate"
            )


def _layer(layer: Layer, name: str, size: str, blobs: Blobs) -> dict[str, Any]:
    """The header's entry of a layer; its weights go to `blobs`."""
    match layer:
        case Dense() | Conv2D():
            entry = {"type": type(layer).__name__, "W": _weights(layer, f"{name}.W", size, blobs)}
            entry["bias"] = blobs.number(f"{name}.bias", layer.bias)
            return entry | ({"stride": layer.stride, "padding": layer.padding} if isinstance(layer, Conv2D) else {})
        case Sigmoid() | Tanh() | Softmax() | Identity() | ReLU():
            return {"type": type(layer).__name__}
        case Flatten() | Channels():
            return {"type": type(layer).__name__, "shape": list(layer.shape)}
        case MaxPool2D() | AvgPool2D():
            return {"type": type(layer).__name__, "size": layer.size, "stride": layer.step}
        case Detection():
            return {"type": "Detection", "size": layer.size}
        case Pooling():
            return {"type": "Pooling", "size": layer.size, "shape": list(layer.shape)}
    raise ValueError(f"the page computes no layer of type {type(layer).__name__}, as {name} is one")


def _weights(layer: Dense | Conv2D, name: str, size: str, blobs: Blobs) -> str:
    if size == "full":
        return blobs.number(name, layer.W)
    levels, scale = coarse(layer)
    return blobs.array(name, levels, blobs.array(f"{name}.scale", scale))


def coarse(layer: Dense | Conv2D) -> tuple[np.ndarray, np.ndarray]:
    """Weights as int8, and what each output's must be multiplied by, float32: its largest |weight| is 127."""
    W = np.asarray(to_numpy(layer.W), "float64")
    outputs = 0 if isinstance(layer, Conv2D) else W.ndim - 1
    scale = np.abs(W).max(axis=tuple(axis for axis in range(W.ndim) if axis != outputs)) / 127
    scale = np.where(scale > 0, scale, 1).astype("float32")
    return np.rint(W / _along(scale, W.ndim, outputs)).astype("int8"), scale


def _along(x: np.ndarray, n_axes: int, axis: int) -> np.ndarray:
    """`x`, of one axis, as axis number `axis` of `n_axes`."""
    return x.reshape([-1 if i == axis else 1 for i in range(n_axes)])


def _machines(model: Model, name: str, blobs: Blobs) -> list[dict[str, Any]] | None:
    """The header's entries of the Boltzmann machines; W and hidden biases are those of the network's layers."""
    if not fully_connected(model):
        return None
    return [
        {
            "layer": layer,
            "type": type(rbm).__name__,
            "vbias": blobs.number(f"{name}.{layer}.vbias", rbm.vbias),
            "variance": float(rbm.variance) if isinstance(rbm, GaussianRBM) else 1.0,
        }
        for layer, rbm in zip(model.layer_names, model.rbms, strict=True)
    ]


def _thinned(study: Study, layer: str, size: str) -> np.ndarray:
    """Quantiles of the units' pre-activations over the test images (Q, units), of maps of channels at the centre."""
    table = to_numpy(study.responses.by_layer[layer])[:, : study.model.layer_shape(layer)[0]]
    rows = np.linspace(0, len(table) - 1, min(len(table), QUANTILES[size])).round().astype(int)
    return np.asarray(table[rows], "float32")


def _fits(x: np.ndarray) -> bool:
    return bool((np.abs(x) <= LARGEST).all())


# --- what rounding does


def rounded_layer(layer: Layer, size: str) -> Layer:
    """A layer with the weights that a page of `size` has of it."""
    if not isinstance(layer, (Dense, Conv2D)):
        return layer
    if size == "mail":
        levels, scale = coarse(layer)
        W = levels * _along(scale, levels.ndim, 0 if isinstance(layer, Conv2D) else levels.ndim - 1)
    else:
        W = _halved(to_numpy(layer.W))
    return replace(layer, W=W, bias=_halved(to_numpy(layer.bias)))


def _halved(x: np.ndarray) -> np.ndarray:
    return x.astype("float16").astype("float32") if _fits(x) else x.astype("float32")


def largest_difference(model: Model, images: Array, size: str) -> float:
    """By how much an activation of the page differs at most from the model's, over `images` (N, *input_shape)."""
    exact = rounded = np.asarray(to_numpy(images), "float32")
    largest = 0.0
    for address, layer in model.network.layers.items():
        exact = _on_host(layer).forward(exact)[0]
        rounded = rounded_layer(layer, size).forward(rounded)[0]
        if address in model.layer_names:
            largest = max(largest, float(np.abs(exact - rounded).max()))
    return largest


def _on_host(layer: Layer) -> Layer:
    if not isinstance(layer, (Dense, Conv2D)):
        return layer
    return replace(layer, W=to_numpy(layer.W), bias=to_numpy(layer.bias))
