"""Contrastive divergence (CD-k), persistent contrastive divergence (PCD-k) and its tempered chains.

Sampling and mean-field choices follow Hinton (2010), section 3: hidden units driven by data or by chains are
drawn as binary states where they drive the visible units, and enter the statistics as probabilities.

References
----------
Hinton (2002), "Training products of experts by minimizing contrastive divergence".
Tieleman (2008), "Training restricted Boltzmann machines using approximations to the likelihood gradient".
Salakhutdinov, Murray (2008), "On the quantitative analysis of deep belief networks": annealed CD-k.
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.
Desjardins, Courville, Bengio, Vincent, Delalleau (2010), "Tempered Markov chain Monte Carlo for training of
restricted Boltzmann machines".
Melchior, Fischer, Wiskott (2016), "How to center deep Boltzmann machines", JMLR 17(99).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..backend import (
    Array,
    array_module,
    ascend,
    attract,
    bernoulli,
    child_seeds,
    contrast,
    deal,
    logistic_mean,
    logistic_mean_sample,
    logistic_sample,
    make_rng,
    matmul,
    recorded,
    remember,
    synchronize,
    take_rows,
)
from ..images import UNBOUNDED, check_images
from ..models.rbm import RBM, GaussianRBM
from ..models.tempering import Tempered, base_rates
from ..numerics import log_odds
from ..settings import check_kind, check_trainable
from .config import CDConfig
from .monitor import MONITOR, EpochStats, monitor, warn_if_constant

MEMORY = 0.95  # of the running mean of the hidden units, per batch


@dataclass
class CDState:
    """All that training carries from epoch to epoch beside the RBM; saving both makes it resumable."""

    epoch: int = 0
    """Epochs done."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """chains (B, H), or (T, B, H) with T temperatures: hidden states; h_mean (H,): running mean; W, vbias, hbias: the
    updates' velocities."""


def train_rbm(
    rbm: RBM,
    data: Array | Callable[[int], Array],
    config: CDConfig,
    *,
    rng: Any,
    held_out: Array | None = None,
    state: CDState | None = None,
    layer: str = "h1",
    set_biases: bool = True,
) -> Iterator[EpochStats]:
    """Train `rbm` in place, one epoch per step of the iterator.

    Parameters
    ----------
    rbm : RBM or GaussianRBM
        Its weights are where training starts.
    data : array (N, V), or a function of the epoch
        In [0, 1] for binary units. Left unchanged; a last incomplete batch of an epoch is left out. A function returns
        the images (N, V) of epoch 0, 1, ..., the same N for all and the same images at every call: a stream, of which
        the start of training and the centering know epoch 0 alone.
    config : CDConfig
    rng : numpy or cupy Generator
        Every epoch draws from a generator of its own, seeded from this one.
    held_out : array (M, V), optional
        For the free-energy gap.
    state : CDState, optional
        Where to go on; updated in place, current after every epoch.
    layer : str
        Name in the statistics.
    set_biases : bool
        Set the visible biases from the data at the start (Hinton 2010, section 8), and the hidden ones with a sparsity
        target; otherwise training starts at the biases of `rbm`.

    Yields
    ------
    EpochStats

    Raises
    ------
    ValueError
        If the data do not fit the RBM or are empty, not finite or out of range, or an epoch's are more or fewer.
    TrainingDiverged
        If the parameters are no longer finite after an epoch.

    Warns
    -----
    ConstantFeatures
        If at the end no hidden unit varies over the images: there were too few updates.
    """
    check_kind("config", config, CDConfig)
    check_trainable(rbm.params())
    images = checked(rbm, data(0).copy() if callable(data) else data, "data")  # the array of every epoch
    xp = array_module(rbm.W)
    held_out = None if held_out is None else checked(rbm, held_out, "held-out data")
    state = CDState() if state is None else state
    seeds = child_seeds(rng, config.epochs + 1)
    if state.epoch == 0:
        _start(rbm, images, config, state, make_rng(xp, seeds[-1]), set_biases)
    step = _Step(rbm, images, config, state)
    n_batches = len(images) // step.batch_size
    epoch_rng, update, recording = None, None, None
    for epoch in range(state.epoch, config.epochs):
        started = time.perf_counter()
        if callable(data):
            _show(images, checked(rbm, data(epoch), f"data of epoch {epoch}"))
        epoch_rng = make_rng(xp, seeds[epoch], into=epoch_rng)
        rates = [config.rate(epoch + i / n_batches) for i in range(n_batches)]
        step.begin_epoch(xp.argsort(epoch_rng.random(len(images))), rates)
        momentum = config.momentum if epoch < config.momentum_epochs else config.final_momentum
        settings = (config.gibbs_steps(epoch), momentum, epoch_rng)
        if update is None or recording != (*settings, *step.addresses()):
            update, recording = recorded(xp, partial(step, *settings)), (*settings, *step.addresses())
        update(n_batches)
        synchronize(xp)
        state.epoch = epoch + 1
        if state.epoch == config.epochs:
            h = rbm.mean_h_given_v(images[:MONITOR])
            warn_if_constant(h, layer, config.epochs * n_batches, step.batch_size)
        yield monitor(rbm, images, held_out, layer, epoch + 1, rates[-1], time.perf_counter() - started)


def checked(rbm: RBM, data: Array, name: str) -> Array:
    """`data` (N, V) in the type of the RBM's parameters, or ValueError if they do not fit it; see `train_rbm`."""
    within = (0.0, 1.0) if rbm.binary else UNBOUNDED
    how = {"shape": (rbm.n_visible,), "within": within, "dtype": rbm.W.dtype, "xp": array_module(rbm.W)}
    return check_images(data, name=name, remedy="use a GaussianRBM", **how).astype(rbm.W.dtype, copy=False)


def _show(images: Array, fresh: Array) -> None:
    """Replace the images in place, where a recorded update finds them."""
    if fresh.shape != images.shape:
        raise ValueError(f"an epoch of a stream has {len(fresh)} images, the first had {len(images)}; give all as many")
    images[...] = fresh


def _start(rbm: RBM, data: Array, config: CDConfig, state: CDState, rng: Any, set_biases: bool) -> None:
    """Begin the state."""
    xp = array_module(rbm.W)
    if set_biases:
        rbm.vbias[...] = data.mean(axis=0) if isinstance(rbm, GaussianRBM) else base_rates(data)
    if set_biases and config.sparsity_target is not None:
        rbm.hbias[...] = log_odds(xp.full_like(rbm.hbias, config.sparsity_target))
    mean_h = rbm.mean_h_given_v(data[: config.batch_size])
    replicas = mean_h if config.temperatures == 1 else xp.stack([mean_h] * config.temperatures)
    state.arrays = {
        "chains": bernoulli(replicas, rng=rng),
        "h_mean": mean_h.mean(axis=0),
        **{name: xp.zeros_like(value) for name, value in rbm.params().items()},
    }


class _Step:
    """One update of the parameters from one minibatch, in buffers made once.

    What changes from batch to batch is read from arrays, so that a GPU can replay a recorded update.
    """

    def __init__(self, rbm: RBM, data: Array, config: CDConfig, state: CDState):
        xp, dtype = array_module(rbm.W), rbm.W.dtype
        B = min(config.batch_size, len(data))
        self.rbm, self.data, self.config, self.arrays, self.batch_size = rbm, data, config, state.arrays, B
        # Positive rows above negative rows: one matrix product gives the difference of the two statistics.
        self.v = xp.empty((2 * B, rbm.n_visible), dtype=dtype)
        self.h = xp.empty((2 * B, rbm.n_hidden), dtype=dtype)
        self.sign = xp.concatenate([xp.full(B, 1 / B, dtype=dtype), xp.full(B, -1 / B, dtype=dtype)])
        self.gradient = xp.empty_like(rbm.W)
        self.v_mean = data.mean(axis=0)
        self.batch, self.rate = xp.zeros(1, dtype=int), xp.zeros(1, dtype=dtype)
        self.rows = xp.empty((1, B), dtype=int)
        self.order = xp.empty((len(data) // B, B), dtype=int)
        self.rates = xp.empty(len(data) // B, dtype=dtype)
        if config.temperatures > 1:
            self.tempered = Tempered(rbm, base_rates(data))
            self.betas = xp.linspace(1, 0, config.temperatures, dtype=dtype)

    def begin_epoch(self, order: Array, rates: list[float]) -> None:
        """Cut `order` (N,) into one row of images per batch; `rates` has one per batch."""
        self.order[...] = order[: self.order.size].reshape(self.order.shape)
        self.rates[...] = array_module(self.v).asarray(rates, dtype=self.v.dtype)
        self.batch[...] = 0

    def addresses(self) -> list[int]:
        """Which arrays a recorded update works on, of those that could be replaced between epochs."""
        return [id(x) for x in (*self.rbm.params().values(), *self.arrays.values())]

    def __call__(self, k: int, momentum: float, rng: Any) -> None:
        deal(self.order, self.rates, self.batch, out=(self.rows, self.rate))
        self._positive_phase(rng)
        self._negative_phase(k, rng)
        self._update(momentum)

    def _positive_phase(self, rng: Any) -> None:
        """Clamp the data."""
        B, config = self.batch_size, self.config
        v, h, chains = self.v[:B], self.h[:B], self.arrays["chains"]
        binary = not isinstance(self.rbm, GaussianRBM)
        take_rows(self.data, self.rows[0], out=v, rng=rng if binary and config.binarize == "sample" else None)
        if binary and config.binarize == "threshold":
            v[...] = v >= 0.5
        matmul(v, self.rbm.W, out=h)
        if config.persistent:
            logistic_mean(h, self.rbm.hbias, out=h)
        else:
            logistic_mean_sample(h, self.rbm.hbias, rng=rng, out=(h, chains))

    def _negative_phase(self, k: int, rng: Any) -> None:
        """Let the chains run."""
        B, chains = self.batch_size, self.arrays["chains"]
        v, h = self.v[B:], self.h[B:]
        if self.config.temperatures > 1:
            for _ in range(k):
                states, chains[...] = self.tempered.exchange(chains, self.betas, rng=rng)
            v[...] = states[0]
            h[...] = self.rbm.mean_h_given_v(v)
            return
        for step in range(k):
            self._visible(chains, rng, out=v)
            matmul(v, self.rbm.W, out=h)
            if step + 1 < k or self.config.persistent:
                logistic_mean_sample(h, self.rbm.hbias, rng=rng, out=(h, chains))
            else:
                logistic_mean(h, self.rbm.hbias, out=h)

    def _visible(self, h: Array, rng: Any, out: Array) -> None:
        draw = self.config.persistent or self.config.reconstruction == "sample"
        if isinstance(self.rbm, GaussianRBM):
            out[...] = self.rbm.sample_v_given_h(h, rng=rng) if draw else self.rbm.mean_v_given_h(h)
            return
        matmul(h, self.rbm.W.T, out=out)
        if draw:
            logistic_sample(out, self.rbm.vbias, rng=rng, out=out)
        else:
            logistic_mean(out, self.rbm.vbias, out=out)

    def _update(self, momentum: float) -> None:
        """Ascend the difference of the statistics of data and model.

        It estimates the gradient of the log-likelihood; Gaussian visible biases move by variance times theirs, as far
        as the mean of the pixels is off, whatever the variance.
        """
        config, rate, h_mean = self.config, self.rate, self.arrays["h_mean"]
        if config.centered or config.sparsity_target is not None:
            remember(h_mean, self.h[: self.batch_size], MEMORY)
        offsets = (self.v_mean, h_mean) if config.centered else None
        dv, dh = contrast(self.v, self.h, self.sign, rate, offsets=offsets, out=self.gradient)
        if config.centered and isinstance(self.rbm, GaussianRBM):
            # vbias is a mean, so what W changes at the mean of h moves it by variance * W h_mean, not by W h_mean
            dv += (1 - self.rbm.variance) * matmul(self.gradient, h_mean)
        if config.sparsity_target is not None:
            attract(dh, h_mean, rate=rate, strength=config.sparsity_cost, target=config.sparsity_target)
        ascend(
            self.rbm.params(),
            self.arrays,
            {"W": self.gradient, "vbias": dv, "hbias": dh},
            rate=rate,
            momentum=momentum,
            weight_decay=config.weight_decay,
            l1_decay=config.l1_decay,
        )
