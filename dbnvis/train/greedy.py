"""Greedy layer-wise training of a deep belief network.

References
----------
Hinton, Osindero, Teh (2006), "A fast learning algorithm for deep belief nets".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, TypeVar

from ..backend import Array, child_seeds, make_rng
from ..images import images_of
from ..models.dbn import DBN
from ..models.rbm import RBM, GaussianRBM
from ..settings import check_kind
from .cd import CDState, train_rbm
from .config import CDConfig
from .monitor import EpochStats

C = TypeVar("C")


@dataclass
class DBNState:
    """Where greedy training stands; saving it with the DBN makes training resumable."""

    layers_done: int = 0
    cd: CDState = field(default_factory=CDState)
    """State of the layer in training."""


def train_dbn(
    dbn: DBN,
    data: Array | Callable[[int], Array],
    config: CDConfig | Sequence[CDConfig],
    *,
    rng: Any,
    held_out: Array | None = None,
    state: DBNState | None = None,
) -> Iterator[EpochStats]:
    """Train the RBMs of `dbn` in place from the bottom up, one epoch per step of the iterator.

    Each RBM learns from the mean activations of the one below, drawn as binary states at every presentation
    (`CDConfig.binarize`), and may start as its transpose (`CDConfig.start`). Sets `dbn.input_norm` to the mean norm of
    the images, of a stream those of epoch 0.

    Parameters
    ----------
    dbn : DBN
    data : array (N, *input_shape) or (N, V), or a function of the epoch
        As for `train_rbm`; a stream begins again for every layer.
    config : CDConfig, or one per layer
    rng : numpy or cupy Generator
    held_out : array like data, optional
        For the free-energy gap.
    state : DBNState, optional
        Where to go on; updated in place, current after every epoch.

    Yields
    ------
    EpochStats

    Raises
    ------
    ValueError
        If the number of configurations is not that of the layers, an RBM cannot start as the one below transposed, or
        as `train_rbm`.
    """
    configs = per_layer(config, len(dbn.rbms), CDConfig)
    for (below, rbm), chosen in zip(pairwise(dbn.rbms), configs[1:], strict=True):
        kind = "Gaussian" if isinstance(below, GaussianRBM) else "binary"
        if chosen.start == "transposed" and (kind == "Gaussian" or rbm.n_hidden < below.n_visible):
            raise ValueError(
                f"an RBM of {rbm.n_visible} visible and {rbm.n_hidden} hidden units cannot start as the transpose of "
                f"one with {below.n_visible} {kind} visible units; "
                "give it as many hidden units or more, or start it at random"
            )
    state = DBNState() if state is None else state
    data = each(lambda images: stack_rows(dbn, images, "data"), data)
    held_out = None if held_out is None else stack_rows(dbn, held_out, "held-out data")
    dbn.input_norm = mean_norm(data(0) if callable(data) else data)
    seeds = child_seeds(rng, len(dbn.rbms))
    for i, (name, rbm) in enumerate(zip(dbn.layer_names, dbn.rbms, strict=True)):
        if i >= state.layers_done:
            layer_rng = make_rng(dbn.xp, seeds[i])
            transposed = i > 0 and configs[i].start == "transposed"
            if transposed and state.cd.epoch == 0:
                set_to_transpose(rbm, dbn.rbms[i - 1])
            yield from train_rbm(
                rbm,
                data,
                configs[i],
                rng=layer_rng,
                held_out=held_out,
                state=state.cd,
                layer=name,
                set_biases=not transposed,
            )
            state.layers_done, state.cd = i + 1, CDState()
        if i + 1 < len(dbn.rbms):
            data = each(rbm.mean_h_given_v, data)
            held_out = None if held_out is None else rbm.mean_h_given_v(held_out)


def stack_rows(model: Any, images: Any, name: str) -> Array:
    """Images (N, *input_shape) or (N, V) for the lowest layer of a stack, (N, V) in its type; ValueError as there."""
    remedy = "give the model another input_range, and Gaussian or linear units for its pixels"
    return rows(images_of(model, images, name, remedy))


def rows(x: Array) -> Array:
    """Images (N, ...) as (N, V)."""
    return x.reshape(len(x), math.prod(x.shape[1:]))


def mean_norm(x: Array) -> float:
    """Mean Euclidean norm of the rows of `x` (N, V)."""
    return float(((x * x).sum(axis=1) ** 0.5).mean())


def each(function: Callable[[Array], Array], data: Array | Callable[[int], Array]) -> Array | Callable[[int], Array]:
    """`function` of the data, or of what a stream gives for every epoch."""
    return (lambda epoch: function(data(epoch))) if callable(data) else function(data)


def per_layer(config: C | Sequence[C], n_layers: int, kind: type = object) -> list[C]:
    """One configuration for each layer; ValueError if `config` are more or fewer, TypeError if one is no `kind`."""
    configs = list(config) if isinstance(config, Sequence) else [config] * n_layers
    if len(configs) != n_layers:
        raise ValueError(f"got {len(configs)} configurations for {n_layers} layers")
    for each_config in configs:
        check_kind("config", each_config, kind)
    return configs


def set_to_transpose(rbm: RBM, below: RBM) -> None:
    """Make `rbm` the transpose of `below`, which has no more visible units than `rbm` hidden ones; others stay.

    Without others the two as a DBN have the likelihood of `below`, and its bound is tight (Hinton et al. 2006).
    """
    n = below.n_visible
    rbm.W[:, :n], rbm.vbias[...], rbm.hbias[:n] = below.W.T, below.hbias, below.vbias
