"""Sampling with a unit fixed to 1, for networks without p(v | h): by Bayes, from a prior and the unit's evidence.

p(x | unit on) is proportional to p(x) e(x). The prior p(x) is an RBM's or a DBN's, trained on the same data; the
evidence is e(x) = sigmoid(beta a(x)), a(x) being the unit's pre-activation, and of a class before the softmax its
log-odds, so that e(x) is the class's probability at beta = 1.

A chain's state is (h, u): the top hidden layer of the prior, and a uniform number for every unit that the directed pass
down draws. The image is a function x(h, u) of both, as a unit below is on where its number is less than its
probability; with h ~ p(h) of the top RBM and u uniform, x(h, u) is distributed as the prior's images. A proposal does
so many times: v ~ p(v | h), then a random share S of h anew from p(h | v); and it draws a random share of u anew. Given
v the hidden units are independent, so that

    p(h) K(h, h') = sum_v p(v) p(h_rest | v) p(h_S | v) p(h'_S | v)

is symmetric in h and h': the proposal is reversible under the prior, and so is its repetition, the shares being drawn
independently of the state. Metropolis-Hastings then accepts with probability min(1, e(x') / e(x)), and the chain leaves
p(h) e(x(h, u)) as it is, exactly. Further sweeps of a proposal ask neither the layers below nor the network.

For hidden unit j of the prior, if that is an RBM of binary pixels, with pixels="states" and beta = 1, the evidence is
e(x) = p(h_j = 1 | x), and the images are those of the clamped chain. With pixels="means", the default, they are not:
the evidence is then that of the grey pixel probabilities, p(h_j = 1 | E[x | h]), which is another distribution.

References
----------
Metropolis, Rosenbluth, Rosenbluth, Teller, Teller (1953), "Equation of state calculations by fast computing machines".
Hastings (1970), "Monte Carlo sampling methods using Markov chains and their applications".
Gelman & Rubin (1992), "Inference from iterative simulation using multiple sequences".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from ..backend import Array, UnitStreams, array_module, child_seeds, make_rng
from ..evaluate.chains import binary_scale_reduction, integrated_times, slowest_reduction, why_not_mixed
from ..evaluate.scores import pre_activations
from ..images import images_of
from ..models.layers import Softmax
from ..models.protocol import DeepBelief, Generative, Model, fully_connected
from ..models.units import Unit, as_units
from ..numerics import log_mean_exp, softplus
from ..settings import check_settings
from .visualizer import UnitImages, blocks, check_applies, unit_images, unit_streams

STARTS = 2_000  # training images at the most from which chains start
SKETCH = 32  # random directions of the top hidden layer along which chains are recorded
STUCK = 0.02  # share of accepted proposals below which a unit is noted


@dataclass(frozen=True)
class EvidenceSampling:
    """Draw images from a prior p(x) times the unit's evidence, by Metropolis-Hastings; exact, see the module.

    `images[:, 0]` is the mean over all chains and draws, an estimate of E[x | unit on]; the others are the last draws
    of single chains. The evidence is that of these very images: pixel probabilities ("means"), or binary ("states").

    `extras["acceptance"]` (U,) is the share of accepted proposals after the burn-in, and `evidence` (U,) the mean
    sigmoid(beta a) of the draws. `mixing`, `slowest`, `tau` and `ess` (U,) are the potential scale reduction (Gelman &
    Rubin 1992) of the prior's top hidden layer and of its slowest units, the integrated autocorrelation time in
    proposals and the effective number of draws of all chains together; units are noted as in `ClampedGibbs`.
    """

    title: ClassVar[str] = "model samples weighted by the unit's response"
    symmetric: ClassVar[bool] = False
    roles: ClassVar[tuple[str, str]] = ("mean", "chain")

    prior: object = field(default=None, repr=False, compare=False)  # an object, so that it is no option of commands
    """The DBN whose images are p(x), see `protocol.fully_connected`; None: the model itself, if it is a DBN."""
    chains: int = 30
    """Parallel chains per unit."""
    burn_in: int = 50
    """Proposals before the first draw."""
    draws: int = 10
    """Draws per chain that enter the mean."""
    thin: int = 10
    """Proposals between draws."""
    sweeps: int = 10
    """Gibbs sweeps of the prior's top RBM in a proposal: more move further, and are rejected more often."""
    share: float = 1.0
    """Share of the units that a sweep may change; less than 1 for evidence so sharp that whole sweeps are rejected."""
    beta: float = 1.0
    """Inverse temperature of the evidence; 0: the prior, large: the unit is on for certain."""
    pixels: Literal["means", "states"] = "means"
    """means: images are pixel probabilities, grey like the data; states: binary draws from them."""
    shown: int = 10
    """Single chains whose last draw is returned beside the mean."""
    start: Literal["auto", "data", "noise"] = "auto"
    """data: training images drawn in proportion to the unit's evidence; noise: fair coins; auto: data where images
    are at hand."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            chains="[1, inf)",
            burn_in="[0, inf)",
            draws="[1, inf)",
            thin="[1, inf)",
            sweeps="[1, inf)",
            share="(0, 1]",
            beta="[0, inf)",
            shown="[0, inf)",
        )

    def why_not(self, model: Model, images: Array | None) -> str | None:
        prior = self._prior_of(model)
        if not isinstance(prior, Generative):
            return (
                f"{type(prior).__name__} has no p(x) to sample from; give a DBN trained on the same images: "
                f"{type(self).__name__}(prior=dbn)"
            )
        if not fully_connected(prior):
            return (
                f"{type(prior).__name__} is no stack of fully connected RBMs to sample p(x) from; give a DBN as prior"
            )
        if tuple(prior.input_shape) != tuple(model.input_shape):
            return (
                f"the prior's images have shape {tuple(prior.input_shape)}, the model takes {tuple(model.input_shape)}"
            )
        if self.pixels == "states" and not prior.rbms[0].binary:
            return "the prior's pixels are Gaussian and have no binary states; use pixels='means'"
        if self.start == "data" and images is None:
            return "start 'data' needs images; pass images=... or use start='noise'"
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages:
        """Sample with each of `units` of one layer fixed to 1; see `UnitImages`.

        Raises
        ------
        NotApplicable
            If there is no prior, or it makes other images than the model takes, or images are needed and absent.
        """
        check_applies(self, model, images)
        prior = self._prior_of(model)
        assert fully_connected(prior)
        layer, indices = as_units(model, units)
        start = self.start if self.start != "auto" else ("noise" if images is None else "data")
        images = None if images is None else images_of(model, images[:STARTS])
        xp, (seed, shared_seed) = model.xp, child_seeds(rng, 2)
        coins = make_rng(xp, shared_seed).random((prior.rbms[-1].n_hidden, SKETCH))
        sketch = xp.where(coins < 0.5, -1.0, 1.0).astype(model.dtype)
        row = 4 * sum(prior.sizes) + self.draws * self.thin * SKETCH
        groups, parts = blocks(model, indices, model.dtype.itemsize * self.chains * row, gpu_units=8), []
        every = [i for group in groups for i in group]
        weights = None if start == "noise" or images is None else _evidence(model, layer, every, images, self.beta)
        for k, group in enumerate(groups):
            own = unit_streams(model, layer, group, seed=seed)
            first = k * len(groups[0])
            of_group = None if weights is None else weights[first : first + len(group)]
            h = _start(prior, (len(group), self.chains), of_group, images, own)
            parts.append(self._measured(Target(self, prior, model, layer, group), h, sketch, own))
        found = {name: xp.concatenate([part[name] for part in parts])[: len(indices)] for name in parts[0]}
        pictures, notes = found.pop("pictures"), self._notes(found)
        resolved, bare = {"start": start, "prior": "-".join(map(str, prior.sizes))}, replace(self, prior=None)
        return unit_images(bare, model, layer, indices, pictures, notes=notes, extras=found, **resolved)

    def _notes(self, extras: dict[str, Array]) -> list[str]:
        """A word on each unit whose chains are not to be believed."""
        notes = []
        for i in range(len(extras["tau"])):
            x = {name: float(extras[name][i]) for name in extras}
            reason = why_not_mixed(x["mixing"], x["slowest"], x["tau"], self.draws * self.thin, "proposals")
            note = []
            if x["acceptance"] < STUCK:
                accepted = 100 * x["acceptance"]
                note.append(f"{accepted:.1f} % accepted: take fewer sweeps, a smaller share or a smaller beta")
            if reason:
                note.append(f"chains have not mixed ({reason})")
            notes.append("; ".join(note))
        return notes

    def _prior_of(self, model: Model) -> object:
        return model if self.prior is None else self.prior

    def _measured(self, target: Target, h: Array, sketch: Array, rng: UnitStreams) -> dict[str, Array]:
        """Run chains from `h` (U, C, H): pictures (U, 1 + shown, *shape) and what `extras` holds."""
        xp, states = array_module(h), target.chain(h, rng=rng)
        for _ in range(self.burn_in + 1):
            h, x, log_e, _ = next(states)
        mean, evidence, visited, accepted, record = xp.zeros_like(x[:, 0]), 0.0, xp.zeros_like(h), 0.0, []
        for _ in range(self.draws):
            for _ in range(self.thin):
                h, x, log_e, moved = next(states)
                visited += h
                accepted = accepted + moved.mean(axis=1)
                record.append(h @ sketch)
            mean += x.mean(axis=1) / self.draws
            evidence = evidence + xp.exp(log_e).mean(axis=1) / self.draws
        n = self.draws * self.thin
        tau = integrated_times(xp.stack(record, axis=1))
        return {
            "pictures": xp.concatenate([mean[:, None], x[:, : self.shown]], axis=1),
            "acceptance": accepted / n,
            "evidence": evidence,
            "mixing": binary_scale_reduction(visited / n),
            "slowest": slowest_reduction(visited / n),
            "tau": tau,
            "ess": self.chains * n / tau,
        }


@dataclass
class Target:
    """p(h) e(x(h, u)) of units of one layer, U of them side by side, and the chain that leaves it as it is.

    Parameters
    ----------
    method : EvidenceSampling
    prior : DBN
    model : the network
    layer : str
    numbers : sequence of int, length U
        Of the units in `layer`.
    """

    method: EvidenceSampling
    prior: DeepBelief
    model: Model
    layer: str
    numbers: Sequence[int]

    def chain(self, h: Array, noise: list[Array] | None = None, *, rng: Any) -> Iterator[tuple[Array, ...]]:
        """From `h` (U, C, H) and `noise`: h, images, log-evidence (U, C) and who moved (U, C), after every proposal."""
        xp = array_module(h)
        noise = self.draw_noise(h, rng) if noise is None else noise
        x = self.images(h, noise)
        log_e, moved = self.log_evidence(x), xp.ones(h.shape[:2], dtype=bool)
        while True:
            yield h, x, log_e, moved
            new_h, new_noise = self.propose(h, noise, rng)
            new_x = self.images(new_h, new_noise)
            new_log_e = self.log_evidence(new_x)
            moved = rng.random(log_e.shape) < xp.exp(xp.minimum(new_log_e - log_e, 0))
            h = _chosen(moved, new_h, h)
            x = _chosen(moved, new_x, x)
            log_e = _chosen(moved, new_log_e, log_e)
            noise = [_chosen(moved, *pair) for pair in zip(new_noise, noise, strict=True)]

    def draw_noise(self, h: Array, rng: Any) -> list[Array]:
        """Uniform numbers of the layers below the top one, from above: (U, C, n) each."""
        lowest = 0 if self.method.pixels == "states" else 1
        return [rng.random((*h.shape[:2], n), dtype=h.dtype) for n in reversed(self.prior.sizes[lowest:-1])]

    def images(self, h: Array, noise: list[Array]) -> Array:
        """x(h, u): (U, C, *input_shape)."""
        for rbm, u in zip(reversed(self.prior.rbms), noise, strict=False):
            h = (u < rbm.mean_v_given_h(h)).astype(h.dtype)
        if self.method.pixels == "means":
            h = self.prior.rbms[0].mean_v_given_h(h)
        return h.reshape(*h.shape[:-1], *self.prior.input_shape)

    def propose(self, h: Array, noise: list[Array], rng: Any) -> tuple[Array, list[Array]]:
        """Another state, by a kernel that is reversible under the prior."""
        top = self.prior.rbms[-1]
        for _ in range(self.method.sweeps):
            v = top.sample_v_given_h(h, rng=rng)
            h = self._partly(top.sample_h_given_v(v, rng=rng), h, rng)
        return h, [self._partly(new, u, rng) for new, u in zip(self.draw_noise(h, rng), noise, strict=True)]

    def _partly(self, new: Array, old: Array, rng: Any) -> Array:
        """`new` at a random share of the places, else `old`."""
        share = self.method.share
        return new if share == 1 else array_module(new).where(rng.random(new.shape, dtype=new.dtype) < share, new, old)

    def log_evidence(self, x: Array) -> Array:
        """log sigmoid(beta a) of each unit at its images (U, C, *input_shape): (U, C)."""
        # One pass per unit (not one for all), so that a unit's chains do not depend on the company they are in.
        each = [_log_odds(self.model, self.layer, [n], own)[:, 0] for n, own in zip(self.numbers, x, strict=True)]
        return -softplus(-self.method.beta * array_module(x).stack(each))


def _log_odds(model: Model, layer: str, numbers: Sequence[int], images: Array) -> Array:
    """Pre-activations of units at images (N, *input_shape), and of classes before the softmax log-odds: (N, U)."""
    xp = array_module(images)
    if len(model.layer_shape(layer)) > 1:  # one pass per unit, as in `unit_scores`
        return xp.concatenate([pre_activations(model, layer, images, [n]) for n in numbers], axis=1)
    if not isinstance(model.network.layers[layer], Softmax):
        return pre_activations(model, layer, images, numbers)
    scores = pre_activations(model, layer, images)
    K = scores.shape[1]
    others = xp.where(xp.eye(K, dtype=bool), -math.inf, scores[:, None, :])  # (N, K, K)
    return (scores - log_mean_exp(others, axis=-1) - math.log(K))[:, xp.asarray(numbers)]


def _evidence(model: Model, layer: str, numbers: Sequence[int], images: Array, beta: float) -> Array:
    """sigmoid(beta a) of each unit at images (N, *input_shape): (U, N), so scaled that its largest is 1."""
    log_e = -softplus(-beta * _log_odds(model, layer, numbers, images)).T
    return array_module(images).exp(log_e - log_e.max(axis=1, keepdims=True))


def _start(
    prior: DeepBelief, shape: tuple[int, int], weights: Array | None, images: Array | None, rng: UnitStreams
) -> Array:
    """First states of the prior's top hidden layer (U, C, H), from images by their `weights` (U, N) or from noise."""
    top = prior.rbms[-1]
    if weights is None or images is None:
        return top.sample_h_given_v(top.random_v((*shape, top.n_visible), rng=rng), rng=rng)
    xp = array_module(weights)
    cumulative = xp.cumsum(weights, axis=1, dtype="float64")
    targets = rng.random(shape) * cumulative[:, -1:]
    rows = xp.stack([xp.searchsorted(*pair) for pair in zip(cumulative, targets, strict=True)])
    h = images[xp.minimum(rows, weights.shape[1] - 1)].reshape(*shape, -1)
    for rbm in prior.rbms:
        h = rbm.sample_h_given_v(h, rng=rng)
    return h


def _chosen(first: Array, a: Array, b: Array) -> Array:
    """Rows of a (U, C, ...) where `first` (U, C), else of b."""
    return array_module(a).where(first.reshape(*first.shape, *(1,) * (a.ndim - 2)), a, b)
