"""Backpropagation: minibatch descent on a network's loss, from random weights or to fine-tune others.

References
----------
Hinton, Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks".
Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014), "Dropout: a simple way to prevent neural networks
from overfitting", JMLR 15.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..backend import Array, child_seeds, make_rng
from ..images import UNBOUNDED, check_images, images_of, plain_array
from ..models.layers import Dense, Dropout, Layer, Network
from ..models.spatial import SpatialNetwork
from ..settings import check_kind, check_trainable
from . import optim
from .config import BackpropConfig, ConvNetConfig
from .data_parallel import Share, check_start, watched
from .greedy import mean_norm
from .losses import LOSSES, Loss
from .monitor import TrainingDiverged
from .shifts import shifted

CHUNK = 5000  # images passed up at once when a loss is measured
CHUNK_OF_MAPS = 500  # of networks with maps, which are larger


@dataclass
class BackpropState:
    """All that training carries from epoch to epoch beside the network; saving both makes it resumable."""

    epoch: int = 0
    """Epochs done."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """The optimizer's, by parameter and name, such as "h1.pre.W.mean"."""


@dataclass(frozen=True)
class BackpropStats:
    """What one epoch did."""

    epoch: int
    """From 1."""
    loss: float
    """Mean over the epoch's presentations, dropout included; in nats for a cross-entropy."""
    held_out_loss: float
    held_out_error: float
    """Of held-out images: % wrong for labels, squared error per image for pixels."""
    learning_rate: float
    """At the end of the epoch."""
    seconds: float


def train_backprop(
    model: Any,
    data: Array | Callable[[int], Array],
    targets: Array | Callable[[int], Array],
    config: BackpropConfig,
    *,
    rng: Any,
    held_out: tuple[Array, Array] | None = None,
    state: BackpropState | None = None,
) -> Iterator[BackpropStats]:
    """Descend by the parameters of `model`, in place, one epoch per step of the iterator.

    Sets `model.input_norm`, where not known, to the images' mean norm.

    Parameters
    ----------
    model : MLP or ConvNet
        Or another with `network`, `layer_names` and `input_shape`, whose parameters are contiguous arrays.
    data : array (N, *input_shape) or (N, V), or a function of the epoch
        Left unchanged; a last incomplete batch of an epoch is left out. A function returns the images of epoch 0, 1,
        ..., the same N for all and the same images at every call: a stream.
    targets : integer array (N,), or array like data, or a function of the epoch
        Class labels, or the pixels to reconstruct (in [0, 1] for the loss "pixels"); of all epochs, or of each.
    config : BackpropConfig
    rng : numpy or cupy Generator
        Every epoch draws from a generator of its own, seeded from this one.
    held_out : (data, targets), optional
        For the statistics; nothing is chosen by it.
    state : BackpropState, optional
        Where to go on; updated in place, current after every epoch.

    Yields
    ------
    BackpropStats

    Raises
    ------
    ValueError
        If data or targets do not fit the model or each other, are empty, not finite or out of range, all labels are the
        same, or an epoch's images are more or fewer.
    TrainingDiverged
        If the loss or a parameter is no longer finite after an epoch.
    ValueError, RuntimeError
        Of several ranks (`backend.comm`): if they are more than the images of a batch or would train something else;
        if their weights differ after an epoch.
    """
    check_kind("config", config, BackpropConfig)
    loss = LOSSES[config.loss]
    network = _trained_part(model, loss)
    params, xp = network.params(), model.xp
    check_trainable(params)
    given = (data, targets)
    data, targets = checked(model, *_of_epoch(given, 0), config, "data")
    if loss.labels and int(targets.min()) == int(targets.max()):
        raise ValueError(f"a classifier needs at least two classes, and every label of the data is {int(targets[0])}")
    held_out = None if held_out is None else checked(model, *held_out, config, "held-out data")
    if model.input_norm is None:
        model.input_norm = mean_norm(data.reshape(len(data), -1))
    state = BackpropState() if state is None else state
    seeds = child_seeds(rng, config.epochs)
    if state.epoch == 0:
        kept = optim.KEEPS[config.optimizer]
        state.arrays = {f"{name}.{key}": xp.zeros_like(x) for name, x in params.items() for key in kept}
    check_start(params, data, seeds)
    B = min(config.batch_size, len(data))
    n_batches, share = len(data) // B, Share(B, params)
    update = BackpropUpdate(network, loss, config, state, share)
    for epoch in range(state.epoch, config.epochs):
        started = time.perf_counter()
        if epoch and any(map(callable, given)):
            data, targets = checked(model, *_of_epoch(given, epoch), config, f"data of epoch {epoch}", len(data))
        epoch_rng = make_rng(xp, seeds[epoch])
        order = xp.argsort(epoch_rng.random(len(data)))[: n_batches * B].reshape(n_batches, B)
        own_rng = share.draws(epoch_rng)
        update.begin_epoch(epoch, own_rng)
        total = 0.0
        for i, rows in enumerate(order[:, share.rows]):
            rate = config.learning_rate * (1 - (epoch + i / n_batches) / config.epochs)
            x = data[rows]
            if isinstance(config, ConvNetConfig) and config.shift:
                x = shifted(x, config.shift, rng=own_rng)
            total += update(x, targets[rows], rate, epoch * n_batches + i + 1, n_batches)
        mean_loss, seconds = sum(share.ranks.gather(float(total))) / n_batches, time.perf_counter() - started
        if not (math.isfinite(mean_loss) and all(bool(xp.isfinite(x).all()) for x in params.values())):
            raise TrainingDiverged(
                f"loss or parameters are no longer finite after epoch {epoch + 1}; "
                f"lower the learning rate (now {rate:g})"
            )
        state.epoch = epoch + 1
        measured = watched(params, partial(_measured, model, held_out, config))
        yield BackpropStats(epoch + 1, mean_loss, *measured, rate, seconds)


def _measured(model: Any, held_out: tuple[Array, Array] | None, config: BackpropConfig) -> tuple[float, float]:
    """`measure` of held-out images, NaN without."""
    return (math.nan, math.nan) if held_out is None else measure(model, *held_out, config)


def measure(model: Any, data: Array, targets: Array, config: BackpropConfig) -> tuple[float, float]:
    """Mean loss, and error (% wrong for labels, squared error per image for pixels), of `model` without dropout."""
    loss = LOSSES[config.loss]
    network = _trained_part(model, loss)
    data, targets = checked(model, data, targets, config, "data")
    losses, errors = 0.0, 0.0
    size = CHUNK_OF_MAPS if isinstance(network, SpatialNetwork) else CHUNK
    for i in range(0, len(data), size):
        y, _ = network.forward(data[i : i + size])
        losses += float(loss.value(y, targets[i : i + size])[0].sum())
        errors += float(loss.error(y, targets[i : i + size]).sum())
    return losses / len(data), errors / len(data) * (100 if loss.labels else 1)


def _of_epoch(given: tuple[Any, Any], epoch: int) -> tuple[Array, Array]:
    """Data and targets of `epoch`: what a stream has for it, or the array of all epochs."""
    data, targets = (x(epoch) if callable(x) else x for x in given)
    return data, targets


def checked(
    model: Any, data: Array, targets: Array, config: BackpropConfig, name: str, n: int | None = None
) -> tuple[Array, Array]:
    """Data (N, *input_shape) in the type of the parameters and targets as the loss takes them, or ValueError."""
    data, n_out = images_of(model, data, name), model.sizes[-1]
    if n is not None and len(data) != n:
        raise ValueError(f"the {name} of a stream are {len(data)} images, the first epoch's were {n}; give all as many")
    targets = plain_array(targets, f"targets of the {name}", model.xp)
    if targets.shape[:1] != (len(data),):
        raise ValueError(f"expected a target for each of the {len(data)} images of {name}, got shape {targets.shape}")
    if LOSSES[config.loss].labels:
        if targets.ndim != 1 or targets.dtype.kind not in "iu":
            raise ValueError(
                f"the loss {config.loss!r} needs integer labels (N,), got {targets.dtype} {tuple(targets.shape)}"
            )
        low, high = int(targets.min()), int(targets.max())
        if low < 0 or high >= n_out:
            raise ValueError(f"labels of the {name} must lie in 0 to {n_out - 1}, got {low} to {high}")
    else:
        if targets.shape == data.shape:
            targets = targets.reshape(len(targets), -1)
        if targets.shape[1:] != (n_out,):
            raise ValueError(f"targets of shape {targets.shape} do not fit the network's {n_out} outputs")
        within = (0.0, 1.0) if config.loss == "pixels" else UNBOUNDED
        how = {"within": within, "dtype": model.dtype, "remedy": "use the loss 'squared'"}
        targets = check_images(targets, name=f"targets of the {name}", **how).astype(model.dtype, copy=False)
    return data, targets


def with_dropout(network: Network, config: BackpropConfig, *, rng: Any) -> Network:
    """`network` with dropout behind its input and its hidden dense layers' activations."""
    first, *_, last = network.layers
    dense = [address.removesuffix(".pre") for address, layer in network.layers.items() if isinstance(layer, Dense)]
    rates = {first: config.input_dropout, **dict.fromkeys(dense, config.dropout), last: 0.0}
    layers: dict[str, Layer] = {}
    for address, layer in network.layers.items():
        layers[address] = layer
        if rates.get(address):
            layers[f"{address}.dropout"] = Dropout(rates[address], rng)
    return Network(layers)


class BackpropUpdate:
    """One update of the parameters from one minibatch, gradients in arrays made once."""

    def __init__(self, network: Network, loss: Loss, config: BackpropConfig, state: BackpropState, share: Share):
        self.loss, self.config, self.state, self.share = loss, config, state, share
        self.reusing = network.for_training()
        self.params = network.params()
        self.gradients = share.gradients
        self.top = next(name.rpartition(".")[0] for name in reversed(self.params))

    def begin_epoch(self, epoch: int, rng: Any) -> None:
        """Draw the epoch's dropout from `rng`, and choose the parameters that learn in it."""
        self.network = with_dropout(self.reusing, self.config, rng=rng)
        all_learn = epoch >= self.config.top_epochs
        self.learning = {name: x for name, x in self.gradients.items() if all_learn or name.startswith(f"{self.top}.")}

    def __call__(self, x: Array, targets: Array, rate: float, number: int, n_batches: int) -> Array:
        """Make update `number` (from 1, with `n_batches` an epoch); return this rank's part of the mean loss."""
        config, arrays = self.config, self.state.arrays
        y, backward = self.network.trace(x)
        losses, gy = self.loss.value(y, targets)
        gy *= 1 / self.share.batch_size
        backward(gy, self.learning)
        self.share.add_up(self.learning)
        for name, gradient in self.learning.items():
            if config.centered_gradients:
                optim.center(gradient)
            w, kept = self.params[name], [arrays[f"{name}.{key}"] for key in optim.KEEPS[config.optimizer]]
            if config.optimizer == "adam":
                began = 0 if name.startswith(f"{self.top}.") else config.top_epochs * n_batches
                optim.adam(w, gradient, *kept, rate=rate, momentum=config.momentum, step=number - began)
            else:
                optim.sgd(w, gradient, *kept, rate=rate, momentum=config.momentum)
            if config.weight_decay and w.ndim > 1:
                w *= 1 - rate * config.weight_decay
        return losses.sum() / self.share.batch_size


def _trained_part(model: Any, loss: Loss) -> Network:
    """The network up to what the loss takes: the top layer's pre-activations or activations."""
    top = model.layer_names[-1]
    return model.network.upto(f"{top}.pre" if loss.pre else top)
