"""Models on disk: arrays in .npz, everything else in a JSON header inside it; never pickled.

A file is written under a temporary name and renamed, so an interrupted save leaves the previous one intact. What is
read may be anybody's: `archive` takes no more memory than the file is large, `header` says what may stand where.
"""

from __future__ import annotations

import json
import os
import reprlib
import textwrap
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array, move, to_numpy
from ..backend.comm import current
from ..models.conv_dbn import ConvDBN
from ..models.dbn import DBN
from ..models.protocol import Stacked
from ..system.environment import computed_with, differences
from ..system.files import replacing
from ..train.optim import KEEPS
from . import archive
from . import header as headers
from .header import FORMAT
from .header import RBM_TYPES as RBM_TYPES
from .parts import Model, put_together, taken_apart

#: The model shipped with the package: 784-1000-500-250, trained on MNIST by scripts/train_pretrained.py.
PRETRAINED = Path(__file__).parent.parent / "weights" / "mnist.npz"
#: The convolutional one, trained on MNIST by scripts/train_convnet.py.
CONVNET = PRETRAINED.with_name("mnist-convnet.npz")
#: Models that ship with the package, by the name that `load` knows.
SHIPPED = {"pretrained": PRETRAINED, "convnet": CONVNET}
EXTRA = "extra."  # before the names of further arrays


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
    computed_with : dict of str
        Libraries, kernels and threads that the last save ran with (`environment.computed_with`); empty where not known.
    """

    model: Any
    config: dict[str, Any]
    seed: int
    info: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)
    computed_with: dict[str, str] = field(default_factory=dict)

    def responses(self) -> dict[str, Array] | None:
        """Kept quantiles of the units' responses by layer, (Q, units) in float32; None where not all layers have them.

        Raises
        ------
        ValueError
            If they are not of this model's units, or do not ascend.
        """
        found = {name: self.arrays[name] for name in self.model.layer_names if name in self.arrays}
        if len(found) < len(self.model.layer_names):
            return None
        for name, x in found.items():
            shape = self.model.layer_shape(name)
            n = shape[0] if len(shape) == 1 else 2 * shape[0]  # channels at their centre, and their means
            if x.ndim != 2 or len(x) == 0 or x.shape[1] != n or bool((x[1:] < x[:-1]).any()):
                raise ValueError(
                    f"the model keeps responses of {name} of shape {x.shape}; expected (Q, {n}), ascending along Q"
                )
        return {name: x.astype("float32") for name, x in found.items()}


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
    ValueError
        If `load` would refuse the settings, the seed or what further is kept.
    """
    if not isinstance(model, Model):
        raise ValueError(
            f"a checkpoint keeps DBN, StackedDAE, ConvDBN, MLP and ConvNet, got {type(model).__name__}; build an MLP "
            "of its layers, or keep its arrays by yourself"
        )
    parts, structure = taken_apart(model)
    stored = {f"{key}.{name}": x for key, _, part in parts for name, x in part.params().items()}
    stored |= {f"{EXTRA}{name}": x for name, x in (arrays or {}).items()}
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
        "computed_with": computed_with(model.xp.__name__),
    }
    text = json.dumps(header, default=_plain).encode()
    headers.check_common(json.loads(text))
    for name, x in host.items():
        if x.dtype.kind not in archive.NUMBERS or not np.isfinite(x).all():
            raise ValueError(f"{name} must hold finite real numbers, in {x.dtype} too; nothing is written to {path}")
    if current().rank:  # rank 0 writes
        return
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, header=np.frombuffer(text, dtype=np.uint8), **host)


def _plain(x: Any) -> Any:
    """A number of NumPy's as one that JSON has."""
    if isinstance(x, np.generic):
        return x.item()
    raise TypeError(f"a checkpoint keeps numbers, texts, lists and dictionaries, got {type(x).__name__}")


def load(path: str | os.PathLike[str], *, xp: Any, resume: bool = False) -> Checkpoint:
    """Read a checkpoint, or one shipped with the package ("pretrained", "convnet"), onto the device of library `xp`.

    With `resume` the state of a training must be in it, too; where other kernels or another number of threads go on
    with an unfinished one, a warning says so.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be read.
    CheckpointError
        If it is damaged, compressed, no checkpoint, of another format version, of inconsistent shapes, not finite,
        holds pickled objects, or says anything that no model has.
    """
    path = SHIPPED.get(str(path)) or Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}" + (": it is a folder" if path.is_dir() else ""))
    try:
        stored = archive.read(path)
    except OSError as error:
        raise type(error)(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise CheckpointError(f"{path} {error}") from None
    try:
        header = headers.parse(stored.pop("header").tobytes())
    except (KeyError, ValueError):
        raise CheckpointError(f"{path} is no dbnvis checkpoint: it has no header") from None
    if header.get("format") != FORMAT:
        found = reprlib.repr(header.get("format")).strip("'")
        raise CheckpointError(
            f"{path} has checkpoint format {found}, "
            f"this version reads format {FORMAT}; train again or use the dbnvis version that wrote it"
        )
    try:
        saved = _opened(header, stored, xp)
        if resume:
            _check_state(saved)
    except (KeyError, TypeError, ValueError) as error:
        said = textwrap.shorten(str(error), 250, placeholder=" ...")
        raise CheckpointError(f"{path} does not hold the model its header describes: {said}") from None
    for _, title, part in taken_apart(saved.model)[0]:
        for name, x in part.params().items():
            if not bool(xp.isfinite(x).all()):
                raise CheckpointError(f"{path}: {name} of {title} holds NaN or infinite values")
    for name, x in saved.arrays.items():
        if not bool(xp.isfinite(x).all()):
            raise CheckpointError(f"{path}: the array {name} holds NaN or infinite values")
    if resume and _unfinished(saved):
        other = differences(saved.computed_with, computed_with(xp.__name__))
        if other:
            warnings.warn(f"{path} goes on otherwise than it began, results may differ: {other}", stacklevel=2)
    return saved


def _opened(header: dict[str, Any], stored: dict[str, Array], xp: Any) -> Checkpoint:
    """What `header` and the arrays `stored` describe; ValueError where they do not fit."""
    headers.check(header)

    def take(name: str) -> Array:
        if name not in stored:
            raise ValueError(f"the array {name} is missing")
        x = stored.pop(name)
        if x.dtype.kind != "f" or x.size == 0:
            raise ValueError(f"the array {name} must hold floating-point numbers, got {x.dtype} {x.shape}")
        with np.errstate(over="ignore"):  # infinite values are refused below
            return move(x.astype(header["dtype"], copy=False), xp)

    model = put_together(header, take)
    unknown = [name for name in stored if not name.startswith(EXTRA)]
    if unknown:
        raise ValueError(f"no part of it has an array {unknown[0]!r}")
    arrays = {name.removeprefix(EXTRA): move(x, xp) for name, x in stored.items()}
    return Checkpoint(model, header["config"], header["seed"], header["info"], arrays, header.get("computed_with", {}))


def _unfinished(saved: Checkpoint) -> bool:
    info = saved.info
    if not isinstance(saved.model, Stacked):
        return info.get("epoch", 0) < saved.config.get("epochs", 0)
    n_layers = len(saved.model.parts)
    return info.get("layers_done", n_layers) < n_layers


def _check_state(saved: Checkpoint) -> None:
    """ValueError unless a training can go on from what is kept."""
    info, stacked = saved.info, isinstance(saved.model, Stacked)
    if isinstance(saved.model, ConvDBN) and "layers_done" not in info:  # of a version that kept finished ones alone
        return
    for name in ("epoch", "history", "layers_done") if stacked else ("epoch", "tuning"):
        if name not in info:
            raise ValueError(f"info.{name} is missing: it is no training to go on with")
    headers.LAYER_SETTINGS(saved.config.get("layers", []), "config.layers")
    if info["epoch"] == 0 or not _unfinished(saved):
        return
    if not stacked:
        keys = KEEPS.get(saved.config.get("optimizer", ""), ())
        wanted = {f"{name}.{key}": x.shape for name, x in saved.model.network.params().items() for key in keys}
    else:
        part = saved.model.parts[info["layers_done"]]
        wanted = {name: x.shape for name, x in part.params().items()}
        if isinstance(saved.model, DBN):
            chains = saved.arrays.get("chains")
            rows = ("B",) if chains is None or chains.ndim not in (2, 3) else chains.shape[:-1]
            wanted |= {"h_mean": (part.n_hidden,), "chains": (*rows, part.n_hidden)}
        elif isinstance(saved.model, ConvDBN) and "chains" in saved.arrays:
            wanted["chains"] = (len(saved.arrays["chains"]), *saved.model.rbms[info["layers_done"]].hidden_shape)
    for name, shape in wanted.items():
        x = saved.arrays.get(name)
        if x is None or x.shape != shape or x.dtype != saved.model.dtype:
            found = "none" if x is None else f"{x.dtype} {x.shape}"
            raise ValueError(f"to go on, the array {name} must be {saved.model.dtype} {shape}, got {found}")
