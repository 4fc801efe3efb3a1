"""The partition function of a large RBM, estimated from below and from above.

`ais` anneals from independent pixels to the RBM. Its mean weight is unbiased for Z, so log Z comes out too low on
average (Jensen), by much if the chains miss part of the RBM's mass: likelihoods then look too good. `reverse_ais`
anneals the other way, from states of the RBM, and comes out too high: likelihoods look too poor. Believe a
likelihood where the two agree. (On a CPU in float32 probabilities are rounded to multiples of 2**-16.)

References
----------
Neal (2001), "Annealed importance sampling".
Salakhutdinov, Murray (2008), "On the quantitative analysis of deep belief networks".
Burda, Grosse, Salakhutdinov (2015), "Accurate and conservative estimates of MRF log-likelihood using reverse
annealing".
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ..backend import Array, array_module, check_rng
from ..backend.comm import current
from ..display import Tabular
from ..models.rbm import RBM
from ..models.tempering import Tempered
from ..settings import check_value
from .likelihood import visible_states

TRUSTED_SHARE, TRUSTED_LEAST = 0.1, 5  # of the chains that must count: a tenth, and five
TRUSTED_GAP = 2.0  # nats between the two estimates

#: Wraps an iterable in a progress bar.
Progress = Callable[[Iterable[Any]], Iterable[Any]]


class UntrustedEstimate(UserWarning):
    """An estimate of a partition function is not to be believed as it stands."""


@dataclass(frozen=True, repr=False)
class AISEstimate(Tabular):
    """An estimate of log Z, in nats.

    Parameters
    ----------
    log_z : float
    log_z_low, log_z_high : float
        log of the mean weight 3 standard errors lower and higher; infinite where the errors swallow the mean.
    log_weights : array (n_chains,)
        log w of each chain, in float64: for `ais` w estimates Z, for `reverse_ais` 1 / Z.
    """

    log_z: float
    log_z_low: float
    log_z_high: float
    log_weights: Array

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "effective_samples": self.effective_samples}

    @property
    def effective_samples(self) -> float:
        """(sum w)^2 / sum w^2 of the weights: how many of the chains count."""
        w = array_module(self.log_weights).exp(self.log_weights - self.log_weights.max())
        return float(w.sum() ** 2 / (w * w).sum())


def schedule(*steps: int) -> list[float]:
    """Inverse temperatures with so many equal steps in [0, 0.5], [0.5, 0.9] and [0.9, 1].

    The default, 500, 4,000 and 10,000, is that of Salakhutdinov & Murray (2008): 14,501 values.
    """
    steps = steps or (500, 4_000, 10_000)
    if len(steps) != 3:
        raise ValueError(f"expected three numbers of steps, got {len(steps)}")
    for n in steps:
        check_value("steps", n, int, "[1, inf)")
    corners = (0.0, 0.5, 0.9, 1.0)
    betas = [
        low + (high - low) * i / n for (low, high), n in zip(pairwise(corners), steps, strict=True) for i in range(n)
    ]
    return [*betas, 1.0]


def ais(
    rbm: RBM,
    *,
    base_vbias: Array,
    betas: Sequence[float] | None = None,
    n_chains: int = 100,
    rng: Any,
    progress: Progress = iter,
) -> AISEstimate:
    """Estimate log Z by annealing from independent pixels to the RBM; too low on average.

    Parameters
    ----------
    rbm : RBM
        With binary visible units.
    base_vbias : array (V,)
        The independent pixels' biases; `tempering.base_rates` of the training data.
    betas : sequence of float, optional
        Inverse temperatures, rising from 0 to 1; default: `schedule()`.
    n_chains : int
    rng : numpy or cupy Generator
    progress : callable
        Wraps the iterable over the temperatures.

    Raises
    ------
    ValueError
        If the temperatures do not rise from 0 to 1, there are fewer than 2 chains, or `base_vbias` does not fit.
    TypeError
        If the visible units are Gaussian.

    Warns
    -----
    UntrustedEstimate
        If fewer than a tenth of the chains, or than five, carry the estimate.
    """
    path, betas = Tempered(rbm.for_sampling(), base_vbias), _checked(betas, n_chains)
    check_rng(rng)
    v = path.base_sample(n_chains, rng=rng)
    log_w = path.base_log_partition + _anneal(path, v, list(pairwise(betas)), rng, progress)
    return _trusted(_estimate(log_w, +1), "forward")


def reverse_ais(
    rbm: RBM,
    *,
    base_vbias: Array,
    v: Array,
    betas: Sequence[float] | None = None,
    rng: Any,
    progress: Progress = iter,
) -> AISEstimate:
    """Estimate log Z by annealing states of the RBM down to independent pixels; too high on average.

    Parameters
    ----------
    rbm, base_vbias, betas, rng, progress
        As for `ais`.
    v : array (n_chains, V)
        Draws from the RBM, as good as they can be had: training images after many Gibbs sweeps, say. Where they
        come from one part only of the RBM's mass, the estimate is about that part.

    Raises
    ------
    ValueError, TypeError
        As `ais`; ValueError also if `v` does not fit the RBM.

    Warns
    -----
    UntrustedEstimate
        As `ais`.
    """
    path = Tempered(rbm.for_sampling(), base_vbias)
    v = visible_states(rbm, v)
    betas = _checked(betas, len(v))
    check_rng(rng)
    log_w = _anneal(path, v.astype(rbm.W.dtype), list(pairwise(betas[::-1])), rng, progress)
    return _trusted(_estimate(log_w - path.base_log_partition, -1), "reverse")


def _checked(betas: Sequence[float] | None, n_chains: int) -> list[float]:
    check_value("n_chains", n_chains, int, "[2, inf)")
    betas = schedule() if betas is None else [float(beta) for beta in betas]
    if len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or any(not b > a for a, b in pairwise(betas)):
        raise ValueError("the inverse temperatures must rise from 0 to 1")
    return betas


def _anneal(path: Tempered, v: Array, steps: list[tuple[float, float]], rng: Any, progress: Progress) -> Array:
    """log of the product of p*_next(v) / p*_now(v) over all steps (now, next) of beta: (n_chains,).

    Several ranks share the chains.
    """
    xp, ranks = array_module(v), current()
    rng, v = ranks.draws(rng, len(v)), v[ranks.own(len(v))]
    log_w = xp.zeros(len(v), dtype="float64")
    for now, following in progress(steps):
        pre = path.rbm.input_to_h(v)
        log_w += path.log_weight(v, pre, following) - path.log_weight(v, pre, now)
        v = path.sample_v(path.sample_h(pre, following, rng=rng), following, rng=rng)
    return xp.concatenate(ranks.gather(log_w))


def _estimate(log_w: Array, sign: int) -> AISEstimate:
    """From chains whose mean weight estimates Z (sign 1) or 1 / Z (sign -1)."""
    top = float(log_w.max())
    w = array_module(log_w).exp(log_w - top)
    mean = float(w.mean())
    error = 3 * math.sqrt(float(((w - mean) ** 2).sum()) / (len(w) - 1) / len(w))
    low = math.log(mean - error) if mean > error else -math.inf
    low, high = sorted(sign * (top + x) for x in (low, math.log(mean + error)))
    return AISEstimate(sign * (top + math.log(mean)), low, high, log_w)


def _trusted(estimate: AISEstimate, direction: str) -> AISEstimate:
    """`estimate`, with a warning if few of its chains count."""
    n, effective = len(estimate.log_weights), estimate.effective_samples
    if not math.isfinite(estimate.log_z):
        raise FloatingPointError(f"{direction} AIS: log Z is {estimate.log_z}; are the parameters finite?")
    if not _carried(estimate):
        warnings.warn(
            f"{direction} AIS: log Z = {estimate.log_z:.2f} nats rests on {effective:.1f} effective of {n} chains; "
            "take more temperatures or more chains",
            UntrustedEstimate,
            stacklevel=3,
        )
    return estimate


def _carried(estimate: AISEstimate) -> bool:
    """Whether enough chains count."""
    n = len(estimate.log_weights)
    return estimate.effective_samples >= max(TRUSTED_SHARE * n, min(TRUSTED_LEAST, n - 1))


def trusted(forward: AISEstimate, reverse: AISEstimate) -> bool:
    """Whether enough chains carry both estimates of log Z and they lie within 2 nats of each other."""
    return _carried(forward) and _carried(reverse) and abs(reverse.log_z - forward.log_z) <= TRUSTED_GAP


def warn_if_apart(forward: AISEstimate, reverse: AISEstimate) -> None:
    """Warn with UntrustedEstimate if the two estimates of log Z differ by more than 2 nats."""
    gap = reverse.log_z - forward.log_z
    if abs(gap) > TRUSTED_GAP:
        warnings.warn(
            f"forward AIS gives log Z = {forward.log_z:.2f} nats, reverse AIS {reverse.log_z:.2f}: quote both; "
            "neither is to be believed alone",
            UntrustedEstimate,
            stacklevel=2,
        )
