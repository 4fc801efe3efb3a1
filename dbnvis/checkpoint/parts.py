"""Models as the named parts that a checkpoint keeps, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend import Array
from ..models.conv_dbn import ConvDBN
from ..models.convnet import ConvNet
from ..models.convolution import Channels, Conv2D
from ..models.dbn import DBN
from ..models.layers import Dense, Flatten, Layer, Network, Trainable
from ..models.mlp import MLP
from ..models.sdae import DAE, StackedDAE
from ..models.spatial import SpatialNetwork
from ..models.subsampling import AvgPool2D, MaxPool2D, Windows
from .header import ACTIVATIONS, CRBM_TYPES, RBM_TYPES

LARGEST = 2**26  # numbers in one layer's activations of one image
Model = DBN | MLP | StackedDAE | ConvNet | ConvDBN


def taken_apart(model: Model) -> tuple[list[tuple[str, str, Any]], dict[str, Any]]:
    """The parts that have `params()`, each with its name in the file and in words; what else the header needs."""
    if isinstance(model, DBN):
        settings = {
            "rbms": [type(rbm).__name__ for rbm in model.rbms],
            "variances": [getattr(rbm, "variance", None) for rbm in model.rbms],
        }
        return [(f"rbm{i}", f"RBM {i + 1}", rbm) for i, rbm in enumerate(model.rbms)], settings
    if isinstance(model, StackedDAE):
        kinds = {"daes": [{"tied": dae.tied, "linear": dae.linear} for dae in model.daes]}
        return [(f"dae{i}", f"autoencoder {i + 1}", dae) for i, dae in enumerate(model.daes)], kinds
    if isinstance(model, ConvDBN):
        extra = [{name: getattr(x, name) for name in ("pool", "variance") if hasattr(x, name)} for x in model.crbms]
        each = {"crbms": [[type(x).__name__, settings] for x, settings in zip(model.crbms, extra, strict=True)]}
        return [(f"crbm{i}", f"convolutional RBM {i + 1}", x) for i, x in enumerate(model.crbms)], each
    layers = model.network.layers
    trainable = [(address, address, layer) for address, layer in layers.items() if isinstance(layer, Trainable)]
    return trainable, {
        "layers": [[address, type(layer).__name__, *_settings(layer)] for address, layer in layers.items()]
    }


def _settings(layer: Layer) -> list[dict[str, Any]]:
    """What a layer is beside its arrays, where that does not follow from the images' shape."""
    if isinstance(layer, Conv2D):
        return [{"stride": layer.stride, "padding": layer.padding}]
    if isinstance(layer, Windows):
        return [{"size": layer.size, "stride": layer.stride}]
    return []


def put_together(header: dict[str, Any], take: Callable[[str], Array]) -> Model:
    """The model that a checked `header` describes; `take` gives its arrays by name.

    Raises
    ------
    ValueError
        If arrays do not fit the header or each other, or images of this shape would take too much memory.
    """
    model = _built(header, take)
    largest = max(model.sizes)
    if largest > LARGEST:
        raise ValueError(f"a layer has {largest} numbers for one image; at most {LARGEST} are taken")
    return model


def _built(header: dict[str, Any], take: Callable[[str], Array]) -> Model:
    shape = tuple(header["input_shape"])
    images = shape, tuple(header["input_range"]), header["input_norm"]

    def taken(part: str, *names: str) -> dict[str, Array]:
        return {name: take(f"{part}.{name}") for name in ("W", "vbias", "hbias", *names)}

    if header["model"] == "StackedDAE":
        daes = [
            DAE(**taken(f"dae{i}", *(() if each["tied"] else ("decoder",))), linear=each["linear"])
            for i, each in enumerate(header["daes"])
        ]
        return StackedDAE(daes, *images)
    if header["model"] == "ConvDBN":
        machines = enumerate(header["crbms"])
        return ConvDBN([CRBM_TYPES[kind](**taken(f"crbm{i}"), **each) for i, (kind, each) in machines], *images)
    if header["model"] == "DBN":
        kinds = header["rbms"]
        variances = header.get("variances", [None] * len(kinds))  # all 1 before they were written
        rbms = [
            RBM_TYPES[kind](**taken(f"rbm{i}"), **({} if variance is None else {"variance": variance}))
            for i, (kind, variance) in enumerate(zip(kinds, variances, strict=True))
        ]
        return DBN(rbms, *images)
    layers: dict[str, Layer] = {}
    for address, kind, *settings in header["layers"]:
        if kind == "Channels":
            layers[address] = Channels(shape)
        elif kind == "Flatten":
            layers[address] = Flatten(list(SpatialNetwork(layers).shapes.values())[-1] if layers else shape)
        elif kind == "Dense":
            W, bias = take(f"{address}.W"), take(f"{address}.bias")
            if W.ndim != 2 or bias.shape != W.shape[1:]:
                raise ValueError(
                    f"{address}: expected W (inputs, units) and bias (units,), got {W.shape}, {bias.shape}"
                )
            layers[address] = Dense(W, bias)
        elif kind == "Conv2D":
            conv = Conv2D(take(f"{address}.W"), take(f"{address}.bias"), **settings[0])
            if conv.padding >= max(conv.W.shape[2:]):
                raise ValueError(f"{address}: padding {conv.padding} is as wide as its kernels {conv.W.shape}")
            layers[address] = conv
        elif kind in ("MaxPool2D", "AvgPool2D"):
            layers[address] = (MaxPool2D if kind == "MaxPool2D" else AvgPool2D)(**settings[0])
        else:
            layers[address] = ACTIVATIONS[kind]()
    if header["model"] == "ConvNet":
        return ConvNet(SpatialNetwork(layers), *images)
    return MLP(Network(layers), *images)
