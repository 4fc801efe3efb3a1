"""Denoising: autoencoders that learn to give back a clean input from a noisy one, and greedy stacks of them.

An update descends the mean loss of a minibatch by gradient descent with momentum. With x the input, x~ its noisy
copy and y = decode(encode(x~)), the loss of one image is the cross-entropy -sum_i x_i log y_i + (1 - x_i) log(1 - y_i)
for logistic output, and |y - x|^2 / 2 for linear output; by the output's pre-activations both have the gradient y - x.
A wanted sparsity p pulls each hidden bias by cost * (mean activity in the minibatch - p), besides.

References
----------
Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010), "Stacked denoising autoencoders: learning useful
representations in a deep network with a local denoising criterion", JMLR 11.
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003, section 8.
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2", NIPS 20.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..backend import Array, array_module, child_seeds, make_rng, matmul, synchronize, take_rows
from ..evaluate.audit import unit_audit
from ..images import UNBOUNDED, check_images
from ..models.sdae import DAE, StackedDAE
from ..models.tempering import base_rates
from ..numerics import log_odds
from ..settings import check_kind, check_trainable
from .data_parallel import Share, check_start, watched
from .greedy import each, mean_norm, per_layer, stack_rows
from .monitor import MONITOR, EpochStats, epoch_stats, warn_if_constant
from .noise import DenoisingConfig, corrupt, extremes
from .optim import sgd


@dataclass
class DAEState:
    """All that training carries from epoch to epoch beside the autoencoder; saving both makes it resumable."""

    epoch: int = 0
    """Epochs done."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """The updates' velocities, by the names of the parameters."""


@dataclass
class SDAEState:
    """Where greedy training stands; saving it with the stack makes training resumable."""

    layers_done: int = 0
    dae: DAEState = field(default_factory=DAEState)
    """State of the layer in training."""


def train_dae(
    dae: DAE,
    data: Array | Callable[[int], Array],
    config: DenoisingConfig,
    *,
    rng: Any,
    held_out: Array | None = None,
    state: DAEState | None = None,
    layer: str = "h1",
) -> Iterator[EpochStats]:
    """Train `dae` in place, one epoch per step of the iterator.

    Parameters
    ----------
    dae : DAE
        Its weights, contiguous arrays, are where training starts. Visible biases start where they alone give back the
        mean of the data (as of RBMs, Hinton 2010), hidden ones as `config` says.
    data : array (N, V), or a function of the epoch
        In [0, 1] for logistic output. Left unchanged; a last incomplete batch of an epoch is left out. A function
        returns the images (N, V) of epoch 0, 1, ..., the same N for all and the same images at every call: a stream.
    config : DenoisingConfig
    rng : numpy or cupy Generator
        Every epoch draws from a generator of its own, seeded from this one.
    held_out : array (M, V), optional
        For the statistics; nothing is chosen by it.
    state : DAEState, optional
        Where to go on; updated in place, current after every epoch.
    layer : str
        Name in the statistics.

    Yields
    ------
    EpochStats
        Of clean input; there is no free energy, so `free_energy_gap` is NaN.

    Raises
    ------
    ValueError
        If the data do not fit the autoencoder or are empty, not finite or out of range, or an epoch's are more or
        fewer.
    TrainingDiverged
        If the parameters are no longer finite after an epoch.
    ValueError, RuntimeError
        Of several ranks (`backend.comm`): if they are more than the images of a batch or would train something else;
        if their weights differ after an epoch.

    Warns
    -----
    ConstantFeatures
        If at the end no hidden unit varies over the images: there were too few updates.
    """
    check_kind("config", config, DenoisingConfig)
    check_trainable(dae.params())
    images = checked(dae, data(0) if callable(data) else data, "data")
    xp = array_module(dae.W)
    held_out = None if held_out is None else checked(dae, held_out, "held-out data")
    state = DAEState() if state is None else state
    seeds = child_seeds(rng, config.epochs)
    if state.epoch == 0:
        dae.vbias[...] = images.mean(axis=0) if dae.linear else base_rates(images)
        dae.hbias[...] = log_odds(xp.full_like(dae.hbias, config.start_activity))
        state.arrays = {name: xp.zeros_like(x) for name, x in dae.params().items()}
    check_start(dae.params(), images, seeds)
    update = DenoisingUpdate(dae, images, config, state)
    n_batches = len(images) // update.batch_size
    epoch_rng = None
    for epoch in range(state.epoch, config.epochs):
        started = time.perf_counter()
        if callable(data):
            images = checked(dae, data(epoch), f"data of epoch {epoch}", len(images))
        epoch_rng = make_rng(xp, seeds[epoch], into=epoch_rng)
        order = xp.argsort(epoch_rng.random(len(images)))[: n_batches * update.batch_size].reshape(n_batches, -1)
        for i in range(n_batches):
            update(images, order[i, update.share.rows], config.rate(epoch + i / n_batches), rng=epoch_rng)
        synchronize(xp)
        state.epoch, rate = epoch + 1, config.rate(epoch + (n_batches - 1) / n_batches)
        if state.epoch == config.epochs:
            h = dae.encode(images[:MONITOR])
            warn_if_constant(h, layer, config.epochs * n_batches, update.batch_size)
        seconds = time.perf_counter() - started
        yield watched(dae.params(), partial(_monitor, dae, images, held_out, layer, epoch + 1, rate, seconds))


def train_sdae(
    sdae: StackedDAE,
    data: Array | Callable[[int], Array],
    config: DenoisingConfig | Sequence[DenoisingConfig],
    *,
    rng: Any,
    held_out: Array | None = None,
    state: SDAEState | None = None,
) -> Iterator[EpochStats]:
    """Train the autoencoders of `sdae` in place from the bottom up, one epoch per step of the iterator.

    Each learns from the hidden activations of the one below at clean input, to which it adds noise of its own
    (Vincent et al. 2010). Sets `sdae.input_norm` to the mean norm of the images, of a stream those of epoch 0.

    Parameters
    ----------
    sdae : StackedDAE
    data : array (N, *input_shape) or (N, V), or a function of the epoch
        As for `train_dae`; a stream begins again for every layer.
    config : DenoisingConfig, or one per layer
    rng : numpy or cupy Generator
    held_out : array like data, optional
        For the statistics; nothing is chosen by it.
    state : SDAEState, optional
        Where to go on; updated in place, current after every epoch.

    Yields
    ------
    EpochStats

    Raises
    ------
    ValueError
        If the number of configurations is not that of the layers, or as `train_dae`.
    """
    configs = per_layer(config, len(sdae.daes), DenoisingConfig)
    state = SDAEState() if state is None else state
    data = each(lambda images: stack_rows(sdae, images, "data"), data)
    held_out = None if held_out is None else stack_rows(sdae, held_out, "held-out data")
    sdae.input_norm = mean_norm(data(0) if callable(data) else data)
    seeds = child_seeds(rng, len(sdae.daes))
    for i, (name, dae) in enumerate(zip(sdae.layer_names, sdae.daes, strict=True)):
        if i >= state.layers_done:
            layer_rng = make_rng(sdae.xp, seeds[i])
            yield from train_dae(dae, data, configs[i], rng=layer_rng, held_out=held_out, state=state.dae, layer=name)
            state.layers_done, state.dae = i + 1, DAEState()
        if i + 1 < len(sdae.daes):
            data = each(dae.encode, data)
            held_out = None if held_out is None else dae.encode(held_out)


def checked(dae: DAE, data: Array, name: str, n: int | None = None) -> Array:
    """`data` (N, V) in the type of the parameters, or ValueError if they do not fit the autoencoder or are not `n`."""
    within = UNBOUNDED if dae.linear else (0.0, 1.0)
    how = {"shape": (dae.n_visible,), "within": within, "dtype": dae.W.dtype, "xp": array_module(dae.W)}
    x = check_images(data, name=name, remedy="make the output linear", **how)
    if n is not None and len(x) != n:
        raise ValueError(f"the {name} are {len(x)} images, the first epoch's were {n}; give all as many")
    return x.astype(dae.W.dtype, copy=False)


class DenoisingUpdate:
    """One update of the parameters from one minibatch of B images, in buffers made once."""

    def __init__(self, dae: DAE, data: Array, config: DenoisingConfig, state: DAEState):
        xp, dtype = array_module(dae.W), dae.W.dtype
        B = min(config.batch_size, len(data))
        self.dae, self.config, self.velocities, self.batch_size = dae, config, state.arrays, B
        self.extremes = extremes(dae, data)
        self.share = Share(B, dae.params())
        b = self.share.n  # rows of this rank; alone, B
        self.clean = xp.empty((b, dae.n_visible), dtype=dtype)
        # The way up above the way back: one matrix product gives the gradient of weights that serve both.
        self.visible = xp.empty((2 * b, dae.n_visible), dtype=dtype)
        self.hidden = xp.empty((2 * b, dae.n_hidden), dtype=dtype)
        self.gradients = self.share.gradients

    def __call__(self, data: Array, batch: Array, rate: float, *, rng: Any) -> None:
        """Descend the mean loss of a batch, of which the images `batch` (b,) of the data are this rank's."""
        take_rows(data, batch, out=self.clean)
        gradients = self.share.add_up(self.gradient(self.share.draws(rng)))
        for name, x in self.dae.params().items():
            sgd(x, gradients[name], self.velocities[name], rate=rate, momentum=self.config.momentum)
            if self.config.weight_decay and x.ndim > 1:
                x *= 1 - rate * self.config.weight_decay

    def gradient(self, rng: Any) -> dict[str, Array]:
        """Gradient of the batch's mean loss, this rank's part of it: x~ from x, h from x~, y from h, and back."""
        dae, b, gradients = self.dae, self.share.n, self.gradients
        noisy, error = self.visible[:b], self.visible[b:]
        delta, h = self.hidden[:b], self.hidden[b:]
        corrupt(self.clean, self.config, self.extremes, rng=rng, out=noisy)
        dae.encode(noisy, out=h)
        dae.decode(h, out=error)
        error -= self.clean  # y - x: the loss's gradient by the output's pre-activations ...
        error *= 1 / self.batch_size
        matmul(error, dae.weights_back.T, out=delta)
        delta *= h * (1 - h)  # ... and by the hidden ones
        gradients["vbias"][...] = error.sum(axis=0)
        gradients["hbias"][...] = delta.sum(axis=0)
        if self.config.sparsity_target is not None:  # of the biases only (Lee et al. 2008)
            too_active = (h.sum(axis=0) - b * self.config.sparsity_target) / self.batch_size
            gradients["hbias"] += self.config.sparsity_cost * too_active
        if dae.tied:
            matmul(self.visible.T, self.hidden, out=gradients["W"])
        else:
            matmul(noisy.T, delta, out=gradients["W"])
            matmul(h.T, error, out=gradients["decoder"])
        return gradients


def _monitor(
    dae: DAE, data: Array, held_out: Array | None, layer: str, epoch: int, rate: float, seconds: float
) -> EpochStats:
    """Look at the first images of training and held-out data; TrainingDiverged if something is no longer finite."""
    xp = array_module(dae.W)
    v = data[:MONITOR]
    h = dae.encode(v)
    measured = {
        "reconstruction_error": ((v - dae.decode(h)) ** 2).sum(axis=1).mean(),
        "weight_norm": xp.sqrt((dae.W**2).sum(axis=0)).mean(),
        **{f"largest {name}": abs(x).max() for name, x in dae.params().items()},
    }
    if held_out is not None:
        other = held_out[:MONITOR]
        measured["held_out_error"] = ((other - dae.decode(dae.encode(other))) ** 2).sum(axis=1).mean()
    return epoch_stats(measured, unit_audit(h, dae.W), layer, epoch, rate, seconds)
