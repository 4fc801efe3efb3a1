"""Models on disk: arrays in .npz, everything else in a JSON header inside it; never pickled.

A file is written under a temporary name and renamed, so an interrupted save leaves the previous one intact.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .backend import Array, move, to_numpy
from .convnet import ConvNet, SpatialNetwork
from .convolution import Channels, Conv2D, MaxPool2D, ReLU
from .crbm import ConvDBN, ConvRBM, GaussianConvRBM
from .dbn import DBN
from .files import replacing
from .layers import Dense, Flatten, Identity, Layer, Network, Sigmoid, Softmax, Trainable
from .mlp import MLP
from .rbm import RBM, GaussianRBM
from .sdae import DAE, StackedDAE

FORMAT = 1
#: The model shipped with the package: 784-1000-500-250, trained on MNIST by scripts/train_pretrained.py.
PRETRAINED = Path(__file__).parent / "models" / "mnist.npz"
#: The convolutional one, trained on MNIST by scripts/train_convnet.py.
CONVNET = Path(__file__).parent / "models" / "mnist-convnet.npz"
#: Models that ship with the package, by the name that `load` knows.
SHIPPED = {"pretrained": PRETRAINED, "convnet": CONVNET}
RBM_TYPES = {cls.__name__: cls for cls in (RBM, GaussianRBM)}
CRBM_TYPES = {cls.__name__: cls for cls in (ConvRBM, GaussianConvRBM)}
ACTIVATIONS: dict[str, Any] = {cls.__name__: cls for cls in (Sigmoid, Softmax, Identity, ReLU)}
Model = DBN | MLP | StackedDAE | ConvNet | ConvDBN


class CheckpointError(ValueError):
    """The file is no checkpoint that this version can read; the message says what is wrong with it."""


@dataclass
class Checkpoint:
    """What a file holds.

    Parameters
    ----------
    model : DBN, MLP, StackedDAE, ConvNet or ConvDBN
    config : dict
        How it was trained.
    seed : int
    info : dict
        Further JSON values the writer kept (data set, history of epochs, training state).
    arrays : dict of array
        Further arrays the writer kept, by name.
    """

    model: Any
    config: dict[str, Any]
    seed: int
    info: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


def save(
    path: str | os.PathLike[str],
    model: Model,
    *,
    config: dict[str, Any],
    seed: int,
    info: dict[str, Any] | None = None,
    arrays: dict[str, Array] | None = None,
    dtype: str | None = None,
) -> None:
    """Write `model` to `path`; the live model is left as it is.

    Parameters
    ----------
    path : path
        Its folder is made where missing.
    model : DBN, MLP, StackedDAE, ConvNet or ConvDBN
    config, seed, info, arrays
        See `Checkpoint`.
    dtype : str, optional
        Store floating-point arrays in this type, "float16" to halve the file.

    Raises
    ------
    OSError
        If the folder cannot be written; nothing is left behind.
    """
    parts, structure = _taken_apart(model)
    stored = {f"{key}.{name}": x for key, _, part in parts for name, x in part.params().items()}
    stored |= {f"extra.{name}": x for name, x in (arrays or {}).items()}
    host = {name: to_numpy(x) for name, x in stored.items()}
    if dtype is not None:
        host = {name: x.astype(dtype) if x.dtype.kind == "f" else x for name, x in host.items()}
    header = {
        "format": FORMAT,
        "model": type(model).__name__,
        **structure,
        "dtype": str(model.dtype),
        "input_shape": list(model.input_shape),
        "input_range": list(model.input_range),
        "input_norm": model.input_norm,
        "config": config,
        "seed": seed,
        "info": info or {},
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8), **host)


def load(path: str | os.PathLike[str], *, xp: Any) -> Checkpoint:
    """Read a checkpoint, or one shipped with the package ("pretrained", "convnet"), onto the device of library `xp`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    CheckpointError
        If it is damaged, no checkpoint, of another format version, of inconsistent shapes, not finite, or
        holds pickled objects.
    """
    path = SHIPPED.get(str(path)) or Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} is damaged or no checkpoint; train again or take another copy")
    try:
        with np.load(path, allow_pickle=False) as archive:
            stored = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, EOFError, OSError, KeyError) as error:
        raise CheckpointError(
            f"{path} is damaged or no checkpoint ({error}); train again or take another copy"
        ) from None
    except ValueError as error:
        if "pickle" in str(error).lower():
            raise CheckpointError(f"{path} holds pickled objects, which are never loaded") from None
        raise CheckpointError(f"{path} is damaged or no checkpoint ({error})") from None
    except Exception as error:  # zlib.error and relatives of a damaged archive
        raise CheckpointError(f"{path} is damaged ({error}); train again or take another copy") from None
    try:
        header = json.loads(bytes(stored.pop("header")))
    except (KeyError, ValueError, AttributeError, TypeError):
        header = None
    if not isinstance(header, dict):
        raise CheckpointError(f"{path} is no dbnvis checkpoint: it has no header")
    if header.get("format") != FORMAT:
        raise CheckpointError(
            f"{path} has checkpoint format {header.get('format')}, this version reads format {FORMAT}; "
            "train again or use the dbnvis version that wrote it"
        )
    try:

        def take(name: str) -> Array:
            return move(np.asarray(stored.pop(name), dtype=header["dtype"]), xp)

        model = _put_together(header, take)
        config, seed, info = header["config"], header["seed"], header["info"]
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{path} does not hold the model its header describes: {error}") from None
    for _, title, part in _taken_apart(model)[0]:
        for name, x in part.params().items():
            if not bool(xp.isfinite(x).all()):
                raise CheckpointError(f"{path}: {name} of {title} holds NaN or infinite values")
    arrays = {name.removeprefix("extra."): move(x, xp) for name, x in stored.items()}
    return Checkpoint(model, config, seed, info, arrays)


def _taken_apart(model: Model) -> tuple[list[tuple[str, str, Any]], dict[str, Any]]:
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
    if isinstance(layer, MaxPool2D):
        return [{"size": layer.size, "stride": layer.stride}]
    return []


def _put_together(header: dict[str, Any], take: Callable[[str], Array]) -> Model:
    """The model that `header` describes; `take` gives its arrays by name."""
    shape = tuple(header["input_shape"])
    images = shape, tuple(header["input_range"]), header["input_norm"]

    def taken(part: str, *names: str) -> dict[str, Array]:
        return {name: take(f"{part}.{name}") for name in ("W", "vbias", "hbias", *names)}

    if header.get("model") == "StackedDAE":
        daes = [
            DAE(**taken(f"dae{i}", *(() if each["tied"] else ("decoder",))), linear=each["linear"])
            for i, each in enumerate(header["daes"])
        ]
        return StackedDAE(daes, *images)
    if header.get("model") == "ConvDBN":
        machines = enumerate(header["crbms"])
        return ConvDBN([CRBM_TYPES[kind](**taken(f"crbm{i}"), **each) for i, (kind, each) in machines], *images)
    if header.get("model") not in ("MLP", "ConvNet"):
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
            layers[address] = Dense(take(f"{address}.W"), take(f"{address}.bias"))
        elif kind == "Conv2D":
            layers[address] = Conv2D(take(f"{address}.W"), take(f"{address}.bias"), **settings[0])
        elif kind == "MaxPool2D":
            layers[address] = MaxPool2D(**settings[0])
        else:
            layers[address] = ACTIVATIONS[kind]()
    if header["model"] == "ConvNet":
        return ConvNet(SpatialNetwork(layers), *images)
    return MLP(Network(layers), *images)
