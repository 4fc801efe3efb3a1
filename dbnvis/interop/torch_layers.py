"""Single layers of PyTorch as layers of this package, in double precision; settings that it has not, by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..models.convolution import ReLU
from ..models.layers import Dense, Sigmoid, Softmax, Tanh
from ..models.subsampling import AvgPool2D, MaxPool2D
from .chain import Scaling
from .widened import conv2d, same_padding

#: Functions and methods, by name: the module that computes the same, and how its arguments are called, in order.
FUNCTIONS: dict[str, tuple[str, tuple[str, ...]]] = {
    "relu": ("ReLU", ("inplace",)),
    "sigmoid": ("Sigmoid", ()),
    "tanh": ("Tanh", ()),
    "softmax": ("Softmax", ("dim", "_stacklevel", "dtype")),
    "log_softmax": ("LogSoftmax", ("dim", "_stacklevel", "dtype")),
    "max_pool2d": (
        "MaxPool2d",
        ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices"),
    ),
    "avg_pool2d": (
        "AvgPool2d",
        ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    ),
    "adaptive_avg_pool2d": ("AdaptiveAvgPool2d", ("output_size",)),
    "dropout": ("Dropout", ("p", "training", "inplace")),
    "dropout2d": ("Dropout2d", ("p", "training", "inplace")),
}
#: Arguments of functions that no result depends on, or that `module_like` looks at by itself.
UNUSED = ("inplace", "_stacklevel", "dtype", "training")
RESHAPES = ("flatten", "view", "reshape", "squeeze")
IGNORED = ("contiguous", "detach", "clone")
NAMES = (
    "understood are Linear, Conv2d, ReLU, Sigmoid, Tanh, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Flatten, Dropout, "
    "BatchNorm, Identity, and at the end Softmax or LogSoftmax"
)
ACTIVATIONS = {"ReLU": ReLU, "Sigmoid": Sigmoid, "Tanh": Tanh, "Softmax": Softmax, "LogSoftmax": Softmax}


def module_like(function: str, name: str, node: Any) -> Any:
    """The module that computes what a call of `function` does."""
    import torch

    kind, arguments = FUNCTIONS[function]
    _, *others = node.args or (node.kwargs.get("input"),)
    settings = dict(zip(arguments, others, strict=False)) | {k: v for k, v in node.kwargs.items() if k != "input"}
    if kind.startswith("Dropout") and settings.get("training", True):
        raise ValueError(f"{name} drops units in evaluation mode, too; write {function}(x, training=self.training)")
    settings = {key: value for key, value in settings.items() if key not in UNUSED}
    return getattr(torch.nn, kind)(**settings)


def layer_of(name: str, part: Any, shape: tuple[int, ...]) -> Any:
    """A module as a layer or `Scaling`, None if it changes nothing; `shape` is that of its input for one image.

    Raises
    ------
    ValueError
        If the module, or one of its settings, has no counterpart.
    """
    from torch import nn

    kind = type(part).__name__
    if isinstance(part, nn.Identity) or kind in ("Dropout", "Dropout1d", "Dropout2d"):
        return None
    if isinstance(part, nn.Linear):
        if len(shape) != 1:
            raise ValueError(f"Linear {name} works on the rows of {shape}; put nn.Flatten() before it")
        W = _array(part.weight).T
        return Dense(W, np.zeros(W.shape[1]) if part.bias is None else _array(part.bias))
    if isinstance(part, nn.Conv2d):
        return _convolution(name, part)
    if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return _scaling(name, part)
    if isinstance(part, (nn.Softmax, nn.LogSoftmax)) and (len(shape) != 1 or part.dim not in (None, 1, -1)):
        raise ValueError(f"{kind} {name} must go over the units of a dense layer, dim=1, got dim={part.dim} of {shape}")
    if kind in ACTIVATIONS:
        return ACTIVATIONS[kind]()
    if isinstance(part, nn.MaxPool2d):
        _refuse(name, part, dilation=1, ceil_mode=False, padding=0, return_indices=False)
        size, stride = _one(name, part, "kernel_size"), _one(name, part, "stride")
        return MaxPool2D(size, stride)
    if isinstance(part, nn.AvgPool2d):
        _refuse(name, part, ceil_mode=False, padding=0, divisor_override=None)
        return AvgPool2D(_one(name, part, "kernel_size"), _one(name, part, "stride"))
    if isinstance(part, nn.AdaptiveAvgPool2d):
        return _adaptive(name, part, shape)
    raise ValueError(f"{name} is a {kind}, which is not understood; {NAMES}")


def _array(tensor: Any) -> Any:
    return tensor.detach().numpy().astype("float64")


def _pair(value: Any) -> tuple[Any, Any]:
    return (value[0], value[-1]) if isinstance(value, (tuple, list)) else (value, value)


def _one(name: str, part: Any, setting: str) -> int:
    """A setting that rows and columns share."""
    rows, columns = _pair(getattr(part, setting))
    if rows != columns:
        raise ValueError(
            f"{type(part).__name__} {name} has {setting}={(rows, columns)}; it must be the same for rows and columns"
        )
    return int(rows)


def _refuse(name: str, part: Any, **understood: Any) -> None:
    """ValueError for a setting that has another value than the one that is understood."""
    for setting, value in understood.items():
        given = getattr(part, setting)
        if any(x != value for x in _pair(given)):
            raise ValueError(f"{type(part).__name__} {name} has {setting}={given}; {setting}={value} is understood")


def _convolution(name: str, part: Any) -> Any:
    _refuse(name, part, padding_mode="zeros")
    W, dilation = _array(part.weight), part.dilation
    bias = np.zeros(len(W)) if part.bias is None else _array(part.bias)
    if part.padding == "same":
        padding = same_padding(W.shape[2:], dilation)
    else:
        padding = [(n, n) for n in ((0, 0) if part.padding == "valid" else part.padding)]
    return conv2d(W, bias, _one(name, part, "stride"), padding, dilation, part.groups)


def _scaling(name: str, part: Any) -> Scaling:
    if part.running_mean is None:
        raise ValueError(
            f"{type(part).__name__} {name} keeps no running statistics: what it computes depends on the batch"
        )
    scale = 1 / np.sqrt(_array(part.running_var) + part.eps)
    if part.affine:
        scale = scale * _array(part.weight)
    shift = -scale * _array(part.running_mean)
    return Scaling(scale, shift + _array(part.bias) if part.affine else shift)


def _adaptive(name: str, part: Any, shape: tuple[int, ...]) -> AvgPool2D:
    rows, columns = (n or size for n, size in zip(_pair(part.output_size), shape[-2:], strict=True))
    sizes = {shape[-2] / rows, shape[-1] / columns}
    size = int(min(sizes))
    if len(sizes) > 1 or size != min(sizes):
        raise ValueError(
            f"AdaptiveAvgPool2d {name} makes {rows} x {columns} of maps of {shape[-2]} x {shape[-1]}; square windows "
            "side by side are understood"
        )
    return AvgPool2D(size)
