"""Contrastive divergence (CD-k) and persistent contrastive divergence (PCD-k).

Sampling and mean-field choices follow Hinton (2010), section 3: hidden units driven by data or by chains are
drawn as binary states where they drive the visible units, and enter the statistics as probabilities.

References
----------
Hinton (2002), "Training products of experts by minimizing contrastive divergence".
Tieleman (2008), "Training restricted Boltzmann machines using approximations to the likelihood gradient".
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.
Melchior, Fischer, Wiskott (2016), "How to center deep Boltzmann machines", JMLR 17(99).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from ..backend import Array, array_module, bernoulli, child_seeds, logistic_mean, logistic_sample, make_rng
from ..numerics import log_odds
from ..rbm import RBM, GaussianRBM
from .monitor import EpochStats, monitor

MEMORY = 0.95  # of the running mean of the hidden units, per batch


@dataclass(frozen=True)
class CDConfig:
    """How one RBM is trained. The defaults give a model that generates, not only reconstructs."""

    epochs: int = 30
    """Passes over the data."""
    batch_size: int = 100
    """Images per update, and persistent chains."""
    learning_rate: float = 0.05
    """At the start; it falls linearly to zero at the end, so that persistent chains catch up with the model."""
    momentum: float = 0.5
    """In the first `momentum_epochs` epochs."""
    final_momentum: float = 0.5
    """In the later epochs; 0.9 is usual with CD (Hinton 2010), too fast for persistent chains."""
    momentum_epochs: int = 5
    """Epochs at the first momentum."""
    k: int = 1
    """Gibbs steps per update."""
    persistent: bool = True
    """Chains go on from update to update (PCD); otherwise they restart at the data (CD)."""
    binarize: Literal["sample", "threshold", "none"] = "sample"
    """Data in [0, 1] shown to binary units: drawn afresh at every presentation, cut at 0.5, or as they are."""
    reconstruction: Literal["sample", "mean"] = "sample"
    """Visible units of a CD step: drawn, or their probabilities (Hinton 2010, 3.2). Persistent chains draw."""
    centered: bool = True
    """Subtract running means from both sides of the statistics (Melchior et al. 2016)."""
    weight_decay: float = 1e-3
    """L2 penalty on the weights: each update shrinks them by rate * weight_decay, outside the momentum."""
    l1_decay: float = 2e-4
    """L1 penalty on the weights: local filters (Hinton 2010, section 10)."""
    sparsity_target: float | None = 0.1
    """Wanted mean probability of a hidden unit, 0.01 to 0.1 (Hinton 2010, section 11); none if absent. Hidden
    biases start at its log-odds."""
    sparsity_cost: float = 0.5
    """Pull of the hidden biases towards the target (Lee et al. 2008: biases only)."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "k"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "weight_decay", "l1_decay", "sparsity_cost"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a finite number of at least 0, got {getattr(self, name)}")
        for name in ("momentum", "final_momentum"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")
        for name, choices in (("binarize", ("sample", "threshold", "none")), ("reconstruction", ("sample", "mean"))):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be {' or '.join(choices)}, got {getattr(self, name)!r}")
        if self.sparsity_target is not None and not 0 < self.sparsity_target < 1:
            raise ValueError(f"sparsity_target must lie between 0 and 1, got {self.sparsity_target}")


@dataclass
class CDState:
    """All that training carries from epoch to epoch beside the RBM; saving both makes it resumable."""

    epoch: int = 0
    """Epochs done."""
    arrays: dict[str, Array] = field(default_factory=dict)
    """chains (B, H): hidden states; h_mean (H,): running mean; W, vbias, hbias: the updates' velocities."""


def train_rbm(
    rbm: RBM,
    data: Array,
    config: CDConfig,
    *,
    rng: Any,
    held_out: Array | None = None,
    state: CDState | None = None,
    layer: str = "h1",
) -> Iterator[EpochStats]:
    """Train `rbm` in place, one epoch per step of the iterator.

    Parameters
    ----------
    rbm : RBM or GaussianRBM
        Its visible biases are set from the data at the start (Hinton 2010, section 8), its weights stay.
    data : array (N, V)
        In [0, 1] for binary units. Left unchanged; a last incomplete batch of an epoch is left out.
    config : CDConfig
    rng : numpy or cupy Generator
        Every epoch draws from a generator of its own, seeded from this one.
    held_out : array (M, V), optional
        For the free-energy gap.
    state : CDState, optional
        Where to go on; updated in place, current after every epoch.
    layer : str
        Name in the statistics.

    Yields
    ------
    EpochStats

    Raises
    ------
    ValueError
        If the data do not fit the RBM or are empty, not finite or out of range.
    TrainingDiverged
        If the parameters are no longer finite after an epoch.
    """
    xp = array_module(rbm.W, data)
    data = checked(rbm, data, "data")
    held_out = None if held_out is None else checked(rbm, held_out, "held-out data")
    state = CDState() if state is None else state
    seeds = child_seeds(rng, config.epochs + 1)
    if state.epoch == 0:
        _start(rbm, data, config, state, make_rng(xp, seeds[-1]))
    step = _Step(rbm, data, config, state)
    n_batches = len(data) // step.batch_size
    for epoch in range(state.epoch, config.epochs):
        started = time.perf_counter()
        epoch_rng = make_rng(xp, seeds[epoch])
        order = xp.argsort(epoch_rng.random(len(data)))
        momentum = config.momentum if epoch < config.momentum_epochs else config.final_momentum
        for i in range(n_batches):
            rate = config.learning_rate * (1 - (epoch + i / n_batches) / config.epochs)
            step(order[i * step.batch_size : (i + 1) * step.batch_size], rate, momentum, epoch_rng)
        state.epoch = epoch + 1
        yield monitor(rbm, data, held_out, layer, epoch + 1, rate, time.perf_counter() - started)


def checked(rbm: RBM, data: Array, name: str) -> Array:
    """`data` (N, V) in the type of the RBM's parameters, or ValueError if they do not fit it; see `train_rbm`."""
    xp = array_module(data)
    if data.ndim != 2 or data.shape[1] != rbm.n_visible or len(data) == 0:
        raise ValueError(f"expected {name} (N, {rbm.n_visible}) with N > 0, got {data.shape}")
    low, high = float(data.min()), float(data.max())
    if not bool(xp.isfinite(xp.asarray([low, high])).all()):
        raise ValueError(f"the {name} contain NaN or infinite values")
    if not isinstance(rbm, GaussianRBM) and (low < 0 or high > 1):
        raise ValueError(
            f"binary visible units need {name} in [0, 1], got {low:g} to {high:g}; rescale them or use a GaussianRBM"
        )
    return data.astype(rbm.W.dtype, copy=False)


def _start(rbm: RBM, data: Array, config: CDConfig, state: CDState, rng: Any) -> None:
    """Set the biases and begin the state."""
    xp = array_module(rbm.W)
    mean = data.mean(axis=0)
    # Smoothed by one image on and one off: a pixel that is never on gets a finite bias.
    rbm.vbias[...] = mean if isinstance(rbm, GaussianRBM) else log_odds((mean * len(data) + 1) / (len(data) + 2))
    if config.sparsity_target is not None:
        rbm.hbias[...] = log_odds(xp.full_like(rbm.hbias, config.sparsity_target))
    mean_h = rbm.mean_h_given_v(data[: config.batch_size])
    state.arrays = {
        "chains": bernoulli(mean_h, rng=rng),
        "h_mean": mean_h.mean(axis=0),
        **{name: xp.zeros_like(value) for name, value in rbm.params().items()},
    }


class _Step:
    """One update of the parameters from one minibatch, in buffers made once."""

    def __init__(self, rbm: RBM, data: Array, config: CDConfig, state: CDState):
        xp = array_module(rbm.W)
        B = min(config.batch_size, len(data))
        self.rbm, self.data, self.config, self.arrays, self.batch_size = rbm, data, config, state.arrays, B
        # Positive rows above negative rows: one matrix product gives the difference of the two statistics.
        self.v = xp.empty((2 * B, rbm.n_visible), dtype=rbm.W.dtype)
        self.h = xp.empty((2 * B, rbm.n_hidden), dtype=rbm.W.dtype)
        self.gradient = xp.empty_like(rbm.W)
        self.v_mean = data.mean(axis=0)

    def __call__(self, rows: Array, rate: float, momentum: float, rng: Any) -> None:
        B, config = self.batch_size, self.config
        v_data, v_model, h_data, h_model = self.v[:B], self.v[B:], self.h[:B], self.h[B:]
        self._present(rows, v_data, rng)
        self._mean_h(v_data, out=h_data)
        chains = self.arrays["chains"]  # (B, H): states of the hidden units
        if not config.persistent:
            bernoulli(h_data, rng=rng, out=chains)
        for _ in range(config.k):
            self._visible(chains, rng, out=v_model)
            self._mean_h(v_model, out=h_model)
            bernoulli(h_model, rng=rng, out=chains)
        self._update(rate, momentum)

    def _present(self, rows: Array, out: Array, rng: Any) -> None:
        out[...] = self.data[rows]
        if isinstance(self.rbm, GaussianRBM) or self.config.binarize == "none":
            return
        if self.config.binarize == "sample":
            bernoulli(out, rng=rng, out=out)
        else:
            out[...] = out >= 0.5

    def _mean_h(self, v: Array, out: Array) -> None:
        xp = array_module(v)
        xp.matmul(v, self.rbm.W, out=out)
        logistic_mean(out, self.rbm.hbias, out=out)

    def _visible(self, h: Array, rng: Any, out: Array) -> None:
        xp = array_module(h)
        draw = self.config.persistent or self.config.reconstruction == "sample"
        if isinstance(self.rbm, GaussianRBM):
            out[...] = self.rbm.sample_v_given_h(h, rng=rng) if draw else self.rbm.mean_v_given_h(h)
            return
        xp.matmul(h, self.rbm.W.T, out=out)
        if draw:
            logistic_sample(out, self.rbm.vbias, rng=rng, out=out)
        else:
            logistic_mean(out, self.rbm.vbias, out=out)

    def _update(self, rate: float, momentum: float) -> None:
        """Ascend the difference of the statistics of data and model."""
        xp = array_module(self.v)
        B, config, params, arrays = self.batch_size, self.config, self.rbm.params(), self.arrays
        h_mean = arrays["h_mean"]
        on = self.h[:B].mean(axis=0)
        dv = self.v[:B].mean(axis=0) - self.v[B:].mean(axis=0)
        dh = on - self.h[B:].mean(axis=0)
        h_mean *= MEMORY
        h_mean += (1 - MEMORY) * on
        if config.centered:
            self.v -= self.v_mean
            self.h -= h_mean
        self.v[B:] *= -1
        xp.matmul(self.v.T, self.h, out=self.gradient)  # B times the difference
        if config.centered:  # the centered machine's biases, written in those of the ordinary one
            dv, dh = dv - self.gradient @ h_mean / B, dh - self.v_mean @ self.gradient / B
        if config.sparsity_target is not None:
            dh = dh + config.sparsity_cost * (config.sparsity_target - h_mean)
        self.gradient *= rate / B
        for name, change in (("W", self.gradient), ("vbias", rate * dv), ("hbias", rate * dh)):
            arrays[name] *= momentum
            arrays[name] += change
            params[name] += arrays[name]
        if config.weight_decay:
            params["W"] *= 1 - rate * config.weight_decay
        if config.l1_decay:  # soft threshold: |W| shrinks by rate * l1_decay, to zero at the least
            xp.clip(params["W"], -rate * config.l1_decay, rate * config.l1_decay, out=self.gradient)
            params["W"] -= self.gradient
