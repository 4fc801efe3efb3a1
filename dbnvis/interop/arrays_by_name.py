"""Weights and biases as arrays, and in words what stands between them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..models.convnet import ConvNet
from ..models.mlp import MLP
from ..settings import check_input, check_value, shown
from .chain import Link, image_shape, model_of
from .layer_words import ACTIVATIONS, Order, WordReader


def from_arrays(
    layers: Sequence[tuple[Any, Any]] | Mapping[str, tuple[Any, Any]],
    input_shape: Sequence[int],
    *,
    activations: Sequence[str] | str,
    order: Order = "auto",
    input_range: tuple[float, float] = (0.0, 1.0),
    input_norm: float | None = None,
    check: tuple[Any, Any] | None = None,
) -> MLP | ConvNet:
    """A network of layers with weights, each under its activation; see `from_state` for pooling and strides.

    Parameters
    ----------
    layers : list or dict of (W, bias)
        From the input upwards; W of a dense layer or kernels (O, I, rows, columns), bias None where there is none. The
        names of a dict become addresses; those of a list are "h1", "h2", ...
    input_shape : tuple of int
        Of one image: (H, W), (C, H, W), or (V,) of no picture; (1, H, W) becomes (H, W).
    activations : str or list of str
        relu, sigmoid (or logistic), tanh, identity (or linear), softmax; one for all layers, or one for each.
    order : {"auto", "in-out", "out-in"}
        Whether W is (inputs, units) or, transposed, (units, inputs). auto tells by shape; of a square W it asks.
    input_range, input_norm, check
        As in `from_state`.

    Returns
    -------
    MLP or ConvNet
        In float32.

    Raises
    ------
    ValueError
        If sizes do not fit together, an activation is not known, or anything that `from_state` refuses.
    """
    named = dict(layers) if isinstance(layers, Mapping) else {f"h{i + 1}": pair for i, pair in enumerate(layers)}
    chosen = [activations] * len(named) if isinstance(activations, str) else list(activations)
    if len(chosen) != len(named):
        raise ValueError(f"there are {len(named)} layers and {len(chosen)} activations; give one for each")
    arrays: dict[str, Any] = {}
    words = []
    for (name, pair), activation in zip(named.items(), chosen, strict=True):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise ValueError(f"layer {name} must be a pair (W, bias), bias None where there is none, got {shown(pair)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"no activation {activation!r}; there are {', '.join(ACTIVATIONS)}")
        arrays[f"{name}.weight"] = pair[0]
        arrays |= {} if pair[1] is None else {f"{name}.bias": pair[1]}
        words += [str(name), activation]
    return from_state(
        arrays, words, input_shape, order=order, input_range=input_range, input_norm=input_norm, check=check
    )


def from_state(
    arrays: Mapping[str, Any],
    layers: Sequence[str] | str,
    input_shape: Sequence[int],
    *,
    order: Order = "auto",
    input_range: tuple[float, float] = (0.0, 1.0),
    input_norm: float | None = None,
    check: tuple[Any, Any] | None = None,
) -> MLP | ConvNet:
    """A network of arrays by name, such as a state dict of PyTorch or the variables of a .mat file.

    Parameters
    ----------
    arrays : dict of array
    layers : str or list of str
        Words from the input upwards: names of layers with weights, and between them relu, sigmoid, tanh, identity,
        softmax, maxpool, avgpool, flatten, such as "conv1 relu maxpool flatten fc1 relu fc2 softmax". Settings follow
        a colon: "conv1:stride=2,padding=1" (also dilation, groups), "maxpool:size=3,stride=2",
        "bn1:eps=0.001", "h1:weight=vishid,bias=hidrecbiases" where arrays have other names than their layer.

        The arrays of layer fc1 are fc1.weight and fc1.bias, or fc1_W and fc1_b, or fc1 alone; of W1, W1 and b1. With
        running_mean and running_var it is a batch normalization. Where there is no bias and the weights have one row
        more than inputs, the last row is the bias (as in Hinton & Salakhutdinov's files of 2006).
    input_shape : tuple of int
        Of one image: (H, W), (C, H, W), or (V,) of no picture; (1, H, W) becomes (H, W).
    order : {"auto", "in-out", "out-in"}
        Whether weights are (inputs, units) or, transposed, (units, inputs). auto tells by shape; of a square array it
        asks.
    input_range : (float, float)
        Range of the pixels.
    input_norm : float, optional
        Mean Euclidean norm of the training images.
    check : (images, outputs), optional
        Images (N, *input_shape) and what the source's last layer gives for them: compared.

    Returns
    -------
    MLP or ConvNet
        In float32.

    Raises
    ------
    ValueError
        If a word is not known, an array is missing, has no numbers or does not fit, weights are square and `order` is
        auto, or outputs differ from those of `check`.

    Warns
    -----
    UserWarning
        If arrays are not used, or a layer has no bias and gets zeros.
    """
    check_value("order", order, Order)
    check_input(tuple(input_shape), input_range, input_norm)
    shape = image_shape(input_shape)
    words = layers.split() if isinstance(layers, str) else list(layers)
    reader = WordReader(arrays, order)
    links: list[Link] = []
    current: tuple[int, ...] = shape if len(shape) != 2 else (1, *shape)
    for word in words:
        link, current = reader.link(word, current)
        links.append(link)
    if notes := reader.notes_to_say():
        warnings.warn("; ".join(notes), stacklevel=2)
    images = None
    if check is not None:
        images = np.asarray(check[0], "float64").reshape(-1, *shape)
        last = links[-1]
        links[-1] = Link(last.name, last.kind, last.layer, np.asarray(check[1], "float64"))
        if last.layer is None:
            raise ValueError(f"the outputs of {last.name} cannot be compared; leave it out")
    return model_of(links, shape, images, (float(input_range[0]), float(input_range[1])), input_norm)
