"""Contrastive divergence for convolutional RBMs, and greedy layer-wise training of a stack of them.

References
----------
Hinton (2002), "Training products of experts by minimizing contrastive divergence".
Tieleman (2008), "Training restricted Boltzmann machines using approximations to the likelihood gradient".
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..backend import Array, add_sparsity_gradient, array_module, child_seeds, make_rng, momentum_step, synchronize
from ..evaluate.audit import unit_audit
from ..images import UNBOUNDED, check_images, images_of
from ..models.conv_dbn import ConvDBN
from ..models.conv_rbm import ConvRBM, GaussianConvRBM
from ..numerics import log_odds
from ..settings import check_kind, check_trainable
from .config import ConvCDConfig
from .greedy import mean_norm, per_layer, rows
from .monitor import EpochStats, epoch_stats, warn_if_constant

MONITOR = 500  # images that the monitoring of an epoch looks at, of training and of held-out data each
CHUNK = 100  # of them at once


@dataclass
class ConvState:
    """Where the training of a stack stands; saving it with the stack makes training resumable."""

    layers_done: int = 0
    epoch: int = 0
    """Epochs done of the layer in training."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """W, vbias, hbias: the updates' velocities; chains (B, K, rows, columns): hidden states, of persistent chains."""


def train_crbm(
    crbm: ConvRBM,
    data: Array,
    config: ConvCDConfig,
    *,
    rng: Any,
    held_out: Array | None = None,
    state: ConvState | None = None,
    layer: str = "h1",
) -> Iterator[EpochStats]:
    """Train `crbm` in place, one epoch per step of the iterator.

    Parameters
    ----------
    crbm : ConvRBM or GaussianConvRBM
        Its weights are where training starts; its biases are set from the data and the sparsity target.
    data : array (N, C, H, W)
        In [0, 1] for binary units, which see them as fresh draws with these probabilities.
    config : ConvCDConfig
    rng : numpy or cupy Generator
        Every epoch draws from a generator of its own, seeded from this one.
    held_out : array (M, C, H, W), optional
        For the free-energy gap.
    state : ConvState, optional
        Where to go on; updated in place, current after every epoch.
    layer : str
        Name in the statistics.

    Yields
    ------
    EpochStats
        `dead` and so on count groups; the reconstruction error is summed over the pixels of an image.

    Raises
    ------
    ValueError
        If the data do not fit the machine or are empty, not finite or out of range, or the sparsity target is more
        than a block allows.
    TrainingDiverged
        If the parameters are no longer finite after an epoch.

    Warns
    -----
    ConstantFeatures
        If at the end no detection unit varies over the images: there were too few updates.
    """
    check_kind("config", config, ConvCDConfig)
    check_trainable(crbm.params())
    xp = array_module(crbm.W)
    data = _checked(crbm, data, "data")
    held_out = None if held_out is None else _checked(crbm, held_out, "held-out data")
    state = ConvState() if state is None else state
    size = min(config.batch_size, len(data))
    seeds = child_seeds(rng, config.epochs + 1)
    if state.epoch == 0:
        _initialize(crbm, data, config, state, make_rng(xp, seeds[-1]))
    for epoch in range(state.epoch, config.epochs):
        started = time.perf_counter()
        epoch_rng = make_rng(xp, seeds[epoch])
        order = epoch_rng.random(len(data)).argsort()
        n_batches = len(data) // size
        for i in range(n_batches):
            v = crbm.sample_v(data[order[i * size : (i + 1) * size]], rng=epoch_rng)
            update(crbm, v, config, state, config.rate(epoch + i / n_batches), epoch, epoch_rng)
        synchronize(xp)
        state.epoch = epoch + 1
        if state.epoch == config.epochs:
            h = crbm.mean_h_given_v(_spread(data, CHUNK))
            warn_if_constant(h.reshape(len(h), -1), layer, config.epochs * n_batches, size)
        seconds = time.perf_counter() - started
        yield _monitor(crbm, data, held_out, layer, state.epoch, config.rate(epoch + 1 - 1 / n_batches), seconds)


def _checked(crbm: ConvRBM, data: Array, name: str) -> Array:
    """`data` in the machine's type; ValueError where they do not fit it."""
    within = (0.0, 1.0) if crbm.binary else UNBOUNDED
    how = {"within": within, "dtype": crbm.W.dtype, "xp": array_module(crbm.W)}
    x = check_images(data, name=name, remedy="use a GaussianConvRBM", **how)
    if x.ndim != 4:
        raise ValueError(f"expected {name} (N, {crbm.n_channels}, rows, columns), got {x.shape}")
    crbm.hidden_shape(x.shape[1:])
    return x.astype(crbm.W.dtype, copy=False)


def _initialize(crbm: ConvRBM, data: Array, config: ConvCDConfig, state: ConvState, rng: Any) -> None:
    """Set the biases, the chains at the data, and velocities of zero."""
    xp = array_module(crbm.W)
    pixels = data.mean(axis=(0, 2, 3))
    crbm.vbias[...] = log_odds(xp.clip(pixels, 1e-3, 1 - 1e-3)) if crbm.binary else pixels
    if config.sparsity_target is not None:
        p, n = config.sparsity_target, crbm.pool**2
        if p * n >= 1:
            raise ValueError(
                f"one of the {n} detection units of a block is on at the most, so sparsity_target must lie "
                f"below {1 / n:g}, got {p}"
            )
        crbm.hbias[...] = math.log(p / (1 - n * p))  # exp(b) / (1 + n exp(b)) = p
    state.arrays = {name: xp.zeros_like(value) for name, value in crbm.params().items()}
    if config.persistent:
        chains = crbm.sample_v(data[: config.batch_size], rng=rng)
        state.arrays["chains"] = crbm.sample_h_given_v(chains, rng=rng)


def update(crbm: ConvRBM, v: Array, config: ConvCDConfig, state: ConvState, rate: float, epoch: int, rng: Any) -> None:
    """One update of CD-k, or of PCD-k where the chains persist, from one batch `v` (B, C, H, W)."""
    h = crbm.mean_h_given_v(v)
    chains = state.arrays["chains"] if config.persistent else crbm.sample_h(h, rng=rng)
    v_model, h_model, chains = _negative_phase(crbm, chains, config, rng)
    if config.persistent:
        state.arrays["chains"] = chains
    changes = _gradient(crbm, (v, h), (v_model, h_model), rate)
    rates = array_module(v).full(1, rate, dtype=v.dtype)
    if config.sparsity_target is not None:  # of the biases only (Lee et al. 2008)
        target, cost = config.sparsity_target, config.sparsity_cost
        add_sparsity_gradient(changes["hbias"], h.mean(axis=(0, 2, 3)), rate=rates, cost=cost, target=target)
    momentum = config.final_momentum if epoch else config.momentum
    decays = {"weight_decay": config.weight_decay, "l1_decay": config.l1_decay}
    momentum_step(crbm.params(), state.arrays, changes, rate=rates, momentum=momentum, **decays)


def _negative_phase(crbm: ConvRBM, chains: Array, config: ConvCDConfig, rng: Any) -> tuple[Array, Array, Array]:
    """Let the chains run for k Gibbs steps: visible units, means of the hidden ones, and the chains' new states."""
    for step in range(config.k):
        v = crbm.sample_v_given_h(chains, rng=rng)
        h = crbm.mean_h_given_v(v)
        if step + 1 < config.k or config.persistent:
            chains = crbm.sample_h(h, rng=rng)
    return v, h, chains


def _gradient(crbm: ConvRBM, data: tuple[Array, Array], model: tuple[Array, Array], rate: float) -> dict[str, Array]:
    """rate * (statistics of the data - those of the model) by place of the filters; of visible biases, by pixel.

    Gaussian visible biases are means, and move by what the mean of the pixels is off, whatever the variance.
    """
    v, h = data
    xp, places, pixels = array_module(v), math.prod(h.shape[2:]), math.prod(v.shape[2:])
    variance = crbm.variance if isinstance(crbm, GaussianConvRBM) else 1.0
    per = {"W": places, "vbias": pixels / variance, "hbias": places}
    energy_data, energy_model = crbm.energy_grad(*data), crbm.energy_grad(*model)  # of E, so model minus data
    return {name: xp.ascontiguousarray((energy_model[name] - energy_data[name]) * (rate / per[name])) for name in per}


def _monitor(
    crbm: ConvRBM, data: Array, held_out: Array | None, layer: str, epoch: int, rate: float, seconds: float
) -> EpochStats:
    """Look at images spread over training and held-out data; TrainingDiverged if the machine is no longer finite."""
    xp, data = array_module(crbm.W), _spread(data, MONITOR)
    peaks, errors = [], []
    for v in _chunks(data):
        h = crbm.mean_h_given_v(v)
        peaks.append(h.max(axis=(2, 3)))
        errors.append(((v - crbm.mean_v_given_h(h)) ** 2).sum(axis=(1, 2, 3)))
    filters = crbm.W.reshape(crbm.n_groups, -1).T
    measured = {
        "reconstruction_error": xp.concatenate(errors).mean(),
        "weight_norm": xp.sqrt((filters * filters).sum(axis=0)).mean(),
        "free_energy": _mean_free_energy(crbm, data),
    }
    if held_out is not None:
        measured["held_out_energy"] = _mean_free_energy(crbm, _spread(held_out, MONITOR))
    return epoch_stats(measured, unit_audit(xp.concatenate(peaks), filters), layer, epoch, rate, seconds)


def _mean_free_energy(crbm: ConvRBM, images: Array) -> Array:
    """Of `images`, ()."""
    return array_module(images).concatenate([crbm.free_energy(v) for v in _chunks(images)]).mean()


def _spread(images: Array, n: int) -> Array:
    """At most `n` images, evenly spread: the first ones may all be of one photograph, or of one class."""
    return images[:: -(-len(images) // n)]


def _chunks(images: Array) -> list[Array]:
    """The images, in parts."""
    return [images[i : i + CHUNK] for i in range(0, len(images), CHUNK)]


def train_conv_dbn(
    dbn: ConvDBN,
    data: Array,
    config: ConvCDConfig | Sequence[ConvCDConfig],
    *,
    rng: Any,
    held_out: Array | None = None,
    state: ConvState | None = None,
) -> Iterator[EpochStats]:
    """Train the machines of `dbn` in place from the bottom up, one epoch per step of the iterator.

    Each learns from the probabilities of the pooling units below, drawn as binary states at every presentation. Sets
    `dbn.input_norm` to the mean norm of the images.

    Parameters
    ----------
    dbn : ConvDBN
    data : array (N, *input_shape)
    config : ConvCDConfig, or one per layer
    rng : numpy or cupy Generator
    held_out : array like data, optional
        For the free-energy gap.
    state : ConvState, optional
        Where to go on; updated in place, current after every epoch.

    Yields
    ------
    EpochStats

    Raises
    ------
    ValueError
        If the number of configurations is not that of the layers, or as `train_crbm`.
    """
    configs = per_layer(config, len(dbn.crbms), ConvCDConfig)
    data = images_of(dbn, data, "data")
    held_out = None if held_out is None else images_of(dbn, held_out, "held-out data")
    state = ConvState() if state is None else state
    dbn.input_norm = mean_norm(rows(data))
    seeds = child_seeds(rng, len(dbn.crbms))
    for i in range(state.layers_done, len(dbn.crbms)):
        name, rbm = dbn.layer_names[i], dbn.rbms[i]
        seen, held = dbn.maps(data, name), None if held_out is None else dbn.maps(held_out, name)
        yield from train_crbm(
            rbm.crbm, seen, configs[i], rng=make_rng(dbn.xp, seeds[i]), held_out=held, state=state, layer=name
        )
        state.layers_done, state.epoch, state.arrays = i + 1, 0, {}
