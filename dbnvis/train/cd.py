"""Contrastive divergence (CD-k), persistent contrastive divergence (PCD-k) and its tempered chains.

Both follow the gradient of the log-likelihood, <v h>_data - <v h>_model, and estimate its second term from Gibbs
chains that k steps before were at the data (CD) or wherever the last update left them (PCD); see `CDUpdate.__call__`.
Hidden units are drawn as binary states where they drive the visible units, and enter the statistics as probabilities
(Hinton 2010, section 3).

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
    add_sparsity_gradient,
    array_module,
    bernoulli,
    cd_gradient,
    child_seeds,
    logistic_mean,
    logistic_mean_sample,
    logistic_sample,
    make_rng,
    matmul,
    momentum_step,
    next_batch,
    recorded,
    synchronize,
    take_rows,
    update_running_mean,
)
from ..images import UNBOUNDED, check_images
from ..models.rbm import RBM, GaussianRBM
from ..models.tempering import Tempered, base_rates
from ..numerics import log_odds
from ..settings import check_kind, check_trainable
from .averaging import Average
from .config import CDConfig
from .data_parallel import Share, check_start, watched
from .monitor import MONITOR, EpochStats, monitor, warn_if_constant

H_MEAN_DECAY = 0.95  # of the running mean of the hidden units, per update: lambda of Hinton (2010), section 11


@dataclass
class CDState:
    """All that training carries from epoch to epoch beside the RBM; saving both makes it resumable."""

    epoch: int = 0
    """Epochs done."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """chains (B, H), or (T, B, H) with T temperatures: hidden states; h_mean (H,): running mean of h given the data; W,
    vbias, hbias: the updates' velocities; W.average, ...: means of the parameters, once averaging has begun."""


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
    ValueError, RuntimeError
        Of several ranks (`backend.comm`): if they are more than the images of a batch or would train something else;
        if their weights differ after an epoch.

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
        _initialize(rbm, images, config, state, make_rng(xp, seeds[-1]), set_biases)
    average = Average(rbm.params(), state.arrays, config.averaging, config.epochs)
    check_start(rbm.params(), images, seeds)
    update = CDUpdate(rbm, images, config, state, average)
    n_batches = len(images) // update.batch_size
    epoch_rng, repeat, recorded_for = None, None, None
    for epoch in range(state.epoch, config.epochs):
        started = time.perf_counter()
        if callable(data):
            _replace(images, checked(rbm, data(epoch), f"data of epoch {epoch}"))
        epoch_rng = make_rng(xp, seeds[epoch], into=epoch_rng)
        rates = [config.rate(epoch + i / n_batches) for i in range(n_batches)]
        update.begin_epoch(xp.argsort(epoch_rng.random(len(images))), rates)
        momentum = config.momentum if epoch < config.momentum_epochs else config.final_momentum
        arguments = (config.gibbs_steps(epoch), momentum, epoch >= average.first, epoch_rng)
        if repeat is None or recorded_for != (*arguments, *update.addresses()):
            repeat = recorded(xp, partial(update, *arguments))
            recorded_for = (*arguments, *update.addresses())
        repeat(n_batches)
        average.end_epoch(epoch, n_batches)
        update.share.gather_rows(state.arrays["chains"], update.chains_axis)
        synchronize(xp)
        state.epoch = epoch + 1
        if state.epoch == config.epochs:
            h = rbm.mean_h_given_v(images[:MONITOR])
            warn_if_constant(h, layer, config.epochs * n_batches, update.batch_size)
        seconds = time.perf_counter() - started
        yield watched(rbm.params(), partial(monitor, rbm, images, held_out, layer, epoch + 1, rates[-1], seconds))


def checked(rbm: RBM, data: Array, name: str) -> Array:
    """`data` (N, V) in the type of the RBM's parameters, or ValueError if they do not fit it; see `train_rbm`."""
    within = (0.0, 1.0) if rbm.binary else UNBOUNDED
    how = {"shape": (rbm.n_visible,), "within": within, "dtype": rbm.W.dtype, "xp": array_module(rbm.W)}
    return check_images(data, name=name, remedy="use a GaussianRBM", **how).astype(rbm.W.dtype, copy=False)


def _replace(images: Array, fresh: Array) -> None:
    """Replace the images in place, where a recorded update finds them."""
    if fresh.shape != images.shape:
        raise ValueError(f"an epoch of a stream has {len(fresh)} images, the first had {len(images)}; give all as many")
    images[...] = fresh


def _initialize(rbm: RBM, data: Array, config: CDConfig, state: CDState, rng: Any, set_biases: bool) -> None:
    """Set the biases (Hinton 2010, section 8), the chains at the data, and velocities of zero."""
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


class CDUpdate:
    """One update of the parameters from one minibatch of B images, in buffers made once.

    What changes from batch to batch is read from arrays, so that a GPU can replay a recorded update.
    """

    def __init__(self, rbm: RBM, data: Array, config: CDConfig, state: CDState, average: Average):
        xp, dtype = array_module(rbm.W), rbm.W.dtype
        B = min(config.batch_size, len(data))
        self.rbm, self.data, self.config, self.arrays, self.batch_size = rbm, data, config, state.arrays, B
        self.average, self.share = average, Share(B, rbm.params())
        self.chains_axis = 1 if config.temperatures > 1 else 0  # that runs over the chains
        b = self.share.n  # rows of this rank; alone, B
        self.binary = not isinstance(rbm, GaussianRBM)
        #: Whether W is multiplied with the data and the chains' last v at once, which reads W once: where they persist.
        self.one_product = config.persistent and config.temperatures == 1
        # Rows of the data above rows of the model: one matrix product gives the difference of the two statistics.
        self.v = xp.empty((2 * b, rbm.n_visible), dtype=dtype)
        self.h = xp.empty((2 * b, rbm.n_hidden), dtype=dtype)
        self.v_data, self.v_model = self.v[:b], self.v[b:]
        self.h_data, self.h_model = self.h[:b], self.h[b:]
        self.row_weight = xp.concatenate([xp.full(b, 1 / B, dtype=dtype), xp.full(b, -1 / B, dtype=dtype)])
        self.dW = self.share.gradients["W"]
        self.v_mean = data.mean(axis=0)
        self.batch, self.rate = xp.zeros(1, dtype=int), xp.zeros(1, dtype=dtype)
        self.rows = xp.empty((1, b), dtype=int)
        self.order = xp.empty((len(data) // B, b), dtype=int)
        self.rates = xp.empty(len(data) // B, dtype=dtype)
        if config.temperatures > 1:
            self.tempered = Tempered(rbm, base_rates(data))
            self.betas = xp.linspace(1, 0, config.temperatures, dtype=dtype)

    def begin_epoch(self, order: Array, rates: list[float]) -> None:
        """Cut `order` (N,) into one row of images per batch, this rank's of it; `rates` has one per batch."""
        B, n_batches = self.batch_size, len(self.order)
        self.order[...] = order[: n_batches * B].reshape(n_batches, B)[:, self.share.rows]
        self.rates[...] = array_module(self.v).asarray(rates, dtype=self.v.dtype)
        self.batch[...] = 0

    @property
    def chains(self) -> Array:
        """This rank's chains (b, H), or (T, b, H) with T temperatures."""
        return self.share.part(self.arrays["chains"], self.chains_axis)

    def addresses(self) -> list[int]:
        """Which arrays a recorded update works on, of those that could be replaced between epochs."""
        return [id(x) for x in (*self.rbm.params().values(), *self.arrays.values())]

    def __call__(self, k: int, momentum: float, averaged: bool, rng: Any) -> None:
        """One update of CD-k (Hinton 2002), or of PCD-k where the chains persist (Tieleman 2008)."""
        config = self.config
        next_batch(self.order, self.rates, self.batch, out=(self.rows, self.rate))
        self.positive_phase(rng)  # v_data, and h_data = p(h | v_data)
        self.negative_phase(k, rng)  # k Gibbs steps on: v_model, and h_model = p(h | v_model)
        if config.centered or config.sparsity_target is not None:
            update_running_mean(self.arrays["h_mean"], self.share.mean(self.h_data), decay=H_MEAN_DECAY)
        changes = self.share.add_up(self.gradient())  # rate * (<v h>_data - <v h>_model), and likewise of v and of h
        if config.sparsity_target is not None:  # of the biases only (Lee et al. 2008)
            target, cost = config.sparsity_target, config.sparsity_cost
            add_sparsity_gradient(changes["hbias"], self.arrays["h_mean"], rate=self.rate, cost=cost, target=target)
        decays = {"weight_decay": config.weight_decay, "l1_decay": config.l1_decay}
        momentum_step(self.rbm.params(), self.arrays, changes, rate=self.rate, momentum=momentum, **decays)
        if averaged:
            self.average.add()

    def positive_phase(self, rng: Any) -> None:
        """Clamp the data: v_data, and h_data given it; without persistent chains, they restart there.

        Persistent chains do not need h_data: `negative_phase` finds it by one product with h_model.
        """
        v, h, config, rng = self.v_data, self.h_data, self.config, self.share.draws(rng)
        take_rows(self.data, self.rows[0], out=v, rng=rng if self.binary and config.binarize == "sample" else None)
        if self.binary and config.binarize == "threshold":
            v[...] = v >= 0.5
        if self.one_product:
            return
        matmul(v, self.rbm.W, out=h)
        if config.persistent:
            logistic_mean(h, self.rbm.hbias, out=h)
        else:
            logistic_mean_sample(h, self.rbm.hbias, rng=rng, out=(h, self.chains))

    def negative_phase(self, k: int, rng: Any) -> None:
        """Let the chains run for k Gibbs steps: v_model, and h_model given it; of persistent ones h_data as well."""
        v, h, chains, rng = self.v_model, self.h_model, self.chains, self.share.draws(rng, self.chains_axis)
        if self.config.temperatures > 1:
            for _ in range(k):
                states, chains[...] = self.tempered.exchange(chains, self.betas, rng=rng)
            v[...] = states[0]
            h[...] = self.rbm.mean_h_given_v(v)
            return
        for step in range(k):
            self.reconstruct(chains, rng, out=v)
            if self.one_product and step + 1 == k:
                matmul(self.v, self.rbm.W, out=self.h)
                logistic_mean(self.h_data, self.rbm.hbias, out=self.h_data)
            else:
                matmul(v, self.rbm.W, out=h)
            if step + 1 < k or self.config.persistent:
                logistic_mean_sample(h, self.rbm.hbias, rng=rng, out=(h, chains))
            else:
                logistic_mean(h, self.rbm.hbias, out=h)

    def reconstruct(self, h: Array, rng: Any, out: Array) -> None:
        """Visible units given `h`: a draw, or as the configuration wants their means."""
        draw = self.config.persistent or self.config.reconstruction == "sample"
        if isinstance(self.rbm, GaussianRBM):
            out[...] = self.rbm.sample_v_given_h(h, rng=rng) if draw else self.rbm.mean_v_given_h(h)
            return
        matmul(h, self.rbm.W.T, out=out)
        if draw:
            logistic_sample(out, self.rbm.vbias, rng=rng, out=out)
        else:
            logistic_mean(out, self.rbm.vbias, out=out)

    def gradient(self) -> dict[str, Array]:
        """rate * (statistics of the data - those of the model), which estimates the log-likelihood's gradient.

        Gaussian visible biases move by variance times theirs, as far as the mean of the pixels is off, whatever the
        variance.
        """
        h_mean = self.arrays["h_mean"]
        offsets = (self.v_mean, h_mean) if self.config.centered else None
        dv, dh = cd_gradient(self.v, self.h, self.row_weight, self.rate, offsets=offsets, out=self.dW)
        if self.config.centered and isinstance(self.rbm, GaussianRBM):
            # vbias is a mean, so what W changes at the mean of h moves it by variance * W h_mean, not by W h_mean
            dv += (1 - self.rbm.variance) * matmul(self.dW, h_mean)
        return {"W": self.dW, "vbias": dv, "hbias": dh}
