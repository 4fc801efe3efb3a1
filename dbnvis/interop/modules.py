"""Networks of PyTorch: a module whose forward pass is a chain of layers.

`torch.fx` records what the forward pass calls, so that it may be written in any way: an `nn.Sequential`, or functions
such as `F.relu` between modules.
"""

from __future__ import annotations

import copy
import math
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array
from ..images import check_images
from ..models.convnet import ConvNet
from ..models.mlp import MLP
from ..settings import check_input, shown
from .chain import Link, Scaling, check_finite, compare, image_shape, model_of, probes
from .torch_layers import FUNCTIONS, IGNORED, NAMES, RESHAPES, layer_of, module_like


def from_torch(
    module: Any,
    input_shape: Sequence[int],
    *,
    input_range: tuple[float, float] = (0.0, 1.0),
    input_norm: float | None = None,
    normalize: tuple[Any, Any] | None = None,
    images: Any = None,
) -> MLP | ConvNet:
    """A PyTorch module as a model, in evaluation mode; the module is left as it is.

    Layers that are understood: Linear, Conv2d (any padding with zeros, dilation and groups; the same stride for rows
    and columns), ReLU, Sigmoid, Tanh, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Flatten, Dropout, BatchNorm, and Softmax
    or LogSoftmax at the end, both of which become Softmax. BatchNorm is folded into the layer before it; after an
    activation it becomes a layer with weights of its own. Dropout is left out.

    Parameters
    ----------
    module : torch.nn.Module
    input_shape : tuple of int
        Of one image: (H, W), (C, H, W), or (V,) of no picture; (1, H, W) becomes (H, W). A module that begins with a
        Linear layer gets it flattened, any other one as (N, C, H, W).
    input_range : (float, float)
        Range of the pixels, before `normalize`: pictures are drawn in it.
    input_norm : float, optional
        Mean Euclidean norm of the training images; default: that of `images`.
    normalize : (mean, standard deviation), optional
        What the pixels are normalized with before the module sees them, as by torchvision's Normalize: numbers, or one
        for each channel. It becomes a part of the first layer; below a convolution that pads, a layer "normalize".
    images : array (N, *input_shape), optional
        Some of the training images: activations are compared at the first of them, too.

    Returns
    -------
    MLP or ConvNet
        In float32, of NumPy: a ConvNet if there are convolutions or windows. Its activations were compared with the
        module's, layer by layer, in float64.

    Raises
    ------
    ValueError
        If the forward pass branches or uses weights twice, a layer is none of the above, images of this shape do not
        fit, weights are NaN or infinite, or activations differ: the message names the layer.
    TypeError
        If `module` is no module.

    Warns
    -----
    UserWarning
        If weights were converted from another type or device, or the module is in training mode and has layers that
        compute something else there.
    """
    import torch

    if not isinstance(module, torch.nn.Module) or isinstance(module, torch.jit.ScriptModule):
        raise TypeError(f"expected a torch.nn.Module that is not compiled, got {type(module).__name__}")
    check_input(tuple(input_shape), input_range, input_norm)
    shape = image_shape(input_shape)
    if images is not None:
        images = check_images(np.asarray(images).reshape(-1, *shape), shape=shape, within=input_range)
        input_norm = input_norm or float(np.sqrt((images.reshape(len(images), -1) ** 2).sum(axis=1)).mean())
    _say_what_changes(module)
    try:
        own = copy.deepcopy(module).cpu().double().eval()
    except Exception as error:
        raise ValueError(f"the module cannot be copied: {_short(error)}") from None
    x = probes(shape, input_range, images)
    before = _normalization(normalize, shape)
    seen = x if before is None else x * _by_channel(before.scale, shape) + _by_channel(before.shift, shape)
    links = _links(own, seen)
    if before is not None:
        links.insert(0, Link("normalize", "normalize", before))
    return model_of(links, shape, x, (float(input_range[0]), float(input_range[1])), input_norm)


def _normalization(normalize: Any, shape: tuple[int, ...]) -> Scaling | None:
    """(x - mean) / deviation of each channel."""
    if normalize is None:
        return None
    channels = shape[0] if len(shape) == 3 else 1
    try:
        mean, deviation = (np.broadcast_to(np.asarray(x, "float64"), (channels,)) for x in normalize)
    except (TypeError, ValueError):
        raise ValueError(
            f"normalize must be a mean and a standard deviation, numbers or {channels} of each, got {shown(normalize)}"
        ) from None
    if not (np.isfinite(mean).all() and np.isfinite(deviation).all() and (deviation > 0).all()):
        raise ValueError(f"normalize must be finite, and the standard deviation above 0, got {shown(normalize)}")
    return Scaling(1 / deviation, -mean / deviation)


def _by_channel(x: Array, shape: tuple[int, ...]) -> Array:
    return x.reshape(-1, *[1] * (len(shape) - 1)) if len(shape) == 3 else x.reshape([1] * len(shape))


def _say_what_changes(module: Any) -> None:
    """Warn of other types, other devices, and of layers that training mode changes."""
    tensors = [*module.parameters(), *(x for x in module.buffers() if x.is_floating_point())]
    kinds = sorted({str(x.dtype).removeprefix("torch.") for x in tensors} - {"float32"})
    devices = sorted({str(x.device) for x in tensors} - {"cpu"})
    said = [f"weights of type {', '.join(kinds)} become float32"] if kinds else []
    said += [f"weights on {', '.join(devices)} are copied to the processor"] if devices else []
    changing = [
        name
        for name, part in module.named_modules()
        if part.training and type(part).__name__.startswith(("Dropout", "BatchNorm"))
    ]
    said += [f"{', '.join(changing)} as in evaluation mode, and the module is in training mode"] if changing else []
    if said:
        warnings.warn(f"{type(module).__name__}: {'; '.join(said)}", stacklevel=3)


def _links(module: Any, images: Array) -> list[Link]:
    """The chain that `module` computes, with its outputs for `images` (N, *shape)."""
    import torch

    graph, kept = _recorded(module, images)
    links: list[Link] = []
    used: dict[int, str] = {}
    sizes: set[Any] = set()
    current: Any = None
    for node in graph.nodes:
        if node.op == "placeholder":
            current = current or node
        elif _is_size(node, sizes):
            sizes.add(node)
        elif node.op == "output":
            _check_last(node, current)
        else:
            _check_chain(node, current, sizes)
            links.append(_link(module, node, kept[current], kept[node], used))
            current = node
    for link in links[:-1]:
        if link.kind in ("softmax", "logsoftmax"):
            raise ValueError(f"{link.name}: a softmax is understood as the last layer alone")
    with torch.no_grad():
        whole = module(torch.as_tensor(kept[next(iter(graph.nodes))])).numpy()
    if links:
        outputs = np.exp(whole) if links[-1].kind == "logsoftmax" else whole
        compare(links[-1].name, kept[current] if links[-1].outputs is None else links[-1].outputs, outputs)
    return links


def _recorded(module: Any, images: Array) -> tuple[Any, dict[Any, Array]]:
    """What the forward pass calls, and what each call gives for `images`."""
    import torch
    from torch import fx

    name = type(module).__name__
    try:
        traced = fx.symbolic_trace(module)
        traced.graph.eliminate_dead_code()
    except Exception as error:
        raise ValueError(
            f"{name} is no chain of layers: torch.fx cannot record its forward pass ({_short(error)}); "
            "give the layers as an nn.Sequential"
        ) from None
    kept: dict[Any, Array] = {}

    class Keeping(fx.Interpreter):
        def run_node(self, n: Any) -> Any:
            result = super().run_node(n)
            if isinstance(result, torch.Tensor):
                kept[n] = result.numpy().copy()  # what follows may overwrite it
            return result

    x = images.reshape(len(images), *_form(module, traced.graph, images.shape[1:]))
    with torch.no_grad():
        try:
            Keeping(traced).run(torch.tensor(x))  # a copy, which the module may overwrite
        except Exception as error:
            message = str(error).partition("While executing")[0]
            raise ValueError(f"{name} does not take images of shape {x.shape[1:]}: {_short(message)}") from None
    return traced.graph, kept


def _form(module: Any, graph: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """How the module takes one image: flat if its first layer that tells is Linear, else (C, H, W)."""
    if len(shape) == 1:
        return shape
    for node in graph.nodes:
        kind = type(module.get_submodule(node.target)).__name__ if node.op == "call_module" else ""
        if kind in ("Linear", "BatchNorm1d"):
            return (math.prod(shape),)
        if kind in ("Conv2d", "MaxPool2d", "AvgPool2d", "BatchNorm2d", "Flatten"):
            break
    return shape if len(shape) == 3 else (1, *shape)


def _is_size(node: Any, sizes: set[Any]) -> bool:
    """Whether a call gives numbers that follow from shapes alone, such as x.size(0)."""
    if node.op == "call_method" and node.target in ("size", "dim"):
        return True
    if node.op == "call_function" and getattr(node.target, "__name__", "") == "getattr":
        return node.args[1] in ("shape", "ndim")
    inputs = node.all_input_nodes
    return node.op == "call_function" and bool(inputs) and all(n in sizes for n in inputs)


def _check_chain(node: Any, current: Any, sizes: set[Any]) -> None:
    """ValueError unless a call takes what the one before it gives, and that alone."""
    if node.op == "get_attr":
        raise ValueError(f"the forward pass uses the weights {node.target} by themselves; layers alone are understood")
    inputs = [n for n in node.all_input_nodes if n not in sizes]
    if inputs != [current]:
        taken = " and ".join(_said(n) for n in inputs) or "nothing"
        raise ValueError(
            f"the network branches at {_said(node)}: it takes {taken}, the layer before it gives {_said(current)}; "
            "a chain of layers is understood"
        )


def _check_last(node: Any, current: Any) -> None:
    if node.args[0] is not current:
        raise ValueError(
            f"the network branches: it does not give what its last layer, {_said(current)}, gives, and that alone"
        )


def _said(node: Any) -> str:
    return "the image" if node.op == "placeholder" else str(node.target if node.op == "call_module" else node.name)


def _link(module: Any, node: Any, x: Array, y: Array, used: dict[int, str]) -> Link:
    """One call as a link of the chain; `x` and `y` are what it takes and gives, `used` the weights so far."""
    if node.op == "call_module":
        name, part = str(node.target), module.get_submodule(node.target)
        for tensor in part.parameters():
            if id(tensor) in used:
                raise ValueError(f"the network shares weights: {name} has those of {used[id(tensor)]}")
        used |= {id(tensor): name for tensor in part.parameters()}
    else:
        function = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        function, name = function.rstrip("_"), node.name
        if function in IGNORED:
            return Link(name, function, None)
        if function in RESHAPES:
            _check_flattened(name, x, y)
            return Link(name, function, None)
        if function not in FUNCTIONS:
            raise ValueError(f"{name} is a call of {function}, which is not understood; {NAMES}")
        part = module_like(function, name, node)
    kind = type(part).__name__
    if kind == "Flatten":
        _check_flattened(name, x, y)
        return Link(name, "flatten", None)
    layer = layer_of(name, part, x.shape[1:])
    check_finite(name, layer)
    outputs = np.exp(y) if kind == "LogSoftmax" else y
    return Link(name, kind.lower().removesuffix("1d").removesuffix("2d"), layer, outputs)


def _check_flattened(name: str, x: Array, y: Array) -> None:
    """ValueError unless `y` is `x` with one row for each image, or as it was."""
    if y.shape not in (x.shape, (len(x), math.prod(x.shape[1:]))):
        raise ValueError(f"{name} makes {y.shape[1:]} of {x.shape[1:]}; flattening all of an image is understood")


def _short(error: Any) -> str:
    return textwrap.shorten(str(error).strip().partition("\n")[0], 150, placeholder=" ...") or type(error).__name__
