"""Do Markov chains say what they seem to say? Diagnostics of statistics recorded along them.

A record `x` is (T, C) or (T, C, K): one number, or K numbers whose variances are pooled, of every sweep (T) and every
chain (C). Everything is the distribution's own only if the chains have reached it: see `why_not_mixed` and
`TwoStarts`.

References
----------
Gelman, Rubin (1992), "Inference from iterative simulation using multiple sequences".
Geyer (1992), "Practical Markov chain Monte Carlo".
Sokal (1997), "Monte Carlo methods in statistical mechanics: foundations and new algorithms".
Vehtari, Gelman, Simpson, Carpenter, Buerkner (2021), "Rank-normalization, folding, and localization: an improved R-hat
for assessing convergence of MCMC".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module, check_rng
from ..display import Brief
from ..images import UNBOUNDED, as_floats

# Chains are said not to have mixed above any of three limits, see `why_not_mixed`.
# R pooled over the hidden units: the limit in common use since Gelman & Rubin (1992).
MIXED = 1.2
# R of the slowest units: their limit for a single number. The 1.01 of Vehtari et al. (2021) asks for records of 50 tau.
SLOWEST_MIXED = 1.1
# Times tau that a record must last: a sum of correlations over so few sweeps is cut short, and tau too small (Sokal).
LENGTHS = 20
# Quantile of R over the hidden units: pooled they hide the slow ones, and the largest of hundreds is noise.
SLOWEST = 0.975
# Units that are on, or off, in a smaller share of all states do not count: a single visit of one chain makes their R.
SEEN = 0.01

LONG = 2_000  # sweeps of a record above which its products with itself, lag by lag, take less memory
MEMORY = 256 * 2**20  # bytes that autocorrelations of several records at once may take

LEVEL = 0.01  # p-value below which two starts are said to disagree
PERMUTATIONS = 999  # of the chains between the starts


def autocorrelation(x: Array) -> Array:
    """Autocorrelation at the lags 0 to T - 1 of a record `x`, (T,).

    The variance that it is a share of is that of all chains together, so that chains which keep apart count as one
    long memory: rho_t = 1 - (W - A_t) / (W + B) with the variances within (W) and between (B) chains and the mean
    autocovariance within them (A_t) (Vehtari et al. 2021, section 3.2). NaN if nothing varies.
    """
    return _autocorrelations(_three(x)[None])[0]


def _autocorrelations(x: Array) -> Array:
    """`autocorrelation` of U records (U, T, C, K): (U, T)."""
    xp = array_module(x)
    U, T, C, K = x.shape
    x = x.astype("float64", copy=False)
    apart = (x - x.mean(axis=1, keepdims=True)).reshape(U, T, C * K)
    if T <= LONG:
        products = apart @ apart.swapaxes(1, 2)  # (U, T, T): of every sweep with every other
        lags = [products.diagonal(t, axis1=1, axis2=2).sum(axis=1) for t in range(T)]
    else:
        lags = [(apart[:, : T - t] * apart[:, t:]).sum(axis=(1, 2)) for t in range(T)]
    covariance = xp.stack(lags, axis=1) / (C * T)
    within, between = _variances(x)
    total = within + between
    return 1 - (within[:, None] - covariance) / xp.where(total > 0, total, math.nan)[:, None]


def integrated_time(x: Array) -> float:
    """Sweeps that are worth one independent draw: 1 + 2 sum_t rho_t of a record `x`; 1 for independent draws.

    The sum ends before the first pair rho_2m + rho_2m+1 that is not positive, and no pair counts more than the one
    before it (Geyer 1992, section 3.3). Where that cut comes only at the record's end, the time is at least so long.
    NaN if nothing varies.
    """
    return float(integrated_times(_three(x)[None])[0])


def integrated_times(x: Array) -> Array:
    """`integrated_time` of each of U records (U, T, C, K): (U,)."""
    xp, (U, T, C, K) = array_module(x), x.shape
    size = max(1, MEMORY // (8 * T * (min(T, LONG) + 4 * C * K)))
    rows = [rho for i in range(0, U, size) for rho in _autocorrelations(x[i : i + size]).tolist()]
    return xp.asarray([_sum_of_pairs(rho, T * C) for rho in rows], dtype="float64")


def _sum_of_pairs(rho: list[float], n: int) -> float:
    """The integrated time of autocorrelations `rho` of `n` states in all."""
    if math.isnan(rho[0]):
        return math.nan
    total, least = 0.0, math.inf
    for pair in zip(rho[::2], [*rho[1::2], 0.0], strict=False):
        if sum(pair) <= 0:
            break
        least = min(least, sum(pair))
        total += least
    # Noise can bring the sum below zero; the bound is that of Vehtari et al. (2021, section 3.2).
    return max(2 * total - 1, 1 / math.log10(max(n, 10)))


def effective_samples(x: Array) -> float:
    """Independent draws that the C chains of T sweeps of a record `x` are worth: C T / `integrated_time`."""
    return x.shape[0] * x.shape[1] / integrated_time(x)


def scale_reduction(x: Array) -> float:
    """Potential scale reduction sqrt((W + B) / W) of a record `x`: 1 when every chain sees the same distribution.

    W and B are the variances within and between chains (Gelman & Rubin 1992), summed over the K numbers. NaN for a
    single chain; infinite where chains stand still in different places.
    """
    if x.shape[1] < 2:
        return math.nan
    within, between = (float(variance[0]) for variance in _variances(_three(x)[None]))
    if within > 0:
        return math.sqrt(1 + between / within)
    return math.inf if between > 0 else math.nan


def binary_scale_reduction(means: Array) -> Array:
    """`scale_reduction` of binary chains from their mean states (U, C, H), for each of U groups of chains: (U,)."""
    xp = array_module(means)
    within = (means * (1 - means)).mean(axis=1).sum(axis=-1)
    C = means.shape[1]
    between = means.var(axis=1).sum(axis=-1) * (C / (C - 1)) if C > 1 else within * math.nan
    return xp.sqrt(1 + between / xp.maximum(within, 1e-12))


def slowest_reduction(means: Array) -> Array:
    """R of the slowest hidden units: of each unit's own binary chains the quantile `SLOWEST` over H units, (U,).

    From the mean states (U, C, H) of U groups of chains. Units outside [`SEEN`, 1 - `SEEN`] do not count; NaN for a
    single chain, and where no unit counts.
    """
    xp = array_module(means)
    U, C, H = means.shape
    # Contiguous, or the sums of a single unit were added in another order than those of many.
    apart = xp.ascontiguousarray(xp.moveaxis(means, 2, 1)).reshape(U * H, C, 1)
    each = binary_scale_reduction(apart).reshape(U, H)
    on = means.mean(axis=1)
    counts = (on >= SEEN) & (on <= 1 - SEEN)
    ordered = xp.sort(xp.where(counts, each, -math.inf), axis=1)  # those that count are last
    n = counts.sum(axis=1)
    row = H - n + xp.maximum(xp.ceil(SLOWEST * n).astype(int) - 1, 0)
    found = xp.take_along_axis(ordered, xp.minimum(row, H - 1)[:, None], axis=1)[:, 0]
    return xp.where((n > 0) & (C > 1), found, math.nan)


def why_not_mixed(r: float, slowest: float, tau: float, record: int, steps: str = "sweeps") -> str:
    """Why chains are said not to have mixed, such as "tau 55 sweeps, record 100"; "" if they pass.

    R of all units hides slow ones among fast ones, and both R and tau of a short record are too small: tau grows with
    the record until that lasts many tau. A statistic that is NaN gives no reason.

    Parameters
    ----------
    r, slowest : float
        `scale_reduction` of all hidden units together, at most `MIXED`, and of the slowest, at most `SLOWEST_MIXED`.
    tau : float
        `integrated_time`, at most a twentieth of the record.
    record : int
        Sweeps recorded of each chain.
    steps : str
        What a sweep is called.
    """
    reasons = []
    if LENGTHS * tau > record:
        reasons.append(f"tau {tau:.0f} {steps}, record {record}")
    if r > MIXED:
        reasons.append(f"R {r:.2f}")
    if slowest > SLOWEST_MIXED:
        reasons.append(f"R of the slowest units {slowest:.2f}")
    return ", ".join(reasons)


def standard_error(x: Array) -> float:
    """Monte Carlo standard error of the mean of a record `x` (T, C)."""
    within, between = (float(variance[0]) for variance in _variances(_three(x)[None]))
    return math.sqrt((within + between) / effective_samples(x)) if within + between > 0 else 0.0


# --- modes


def occupancy(states: Array, modes: Array) -> Array:
    """Share of each chain's states that lie nearest to each mode: states (T, C, V), modes (M, V) -> (C, M)."""
    return shares(nearest(states, modes), len(modes))


def nearest(states: Array, modes: Array) -> Array:
    """Number of the mode (M, V) nearest to each state (..., V), in Euclidean distance."""
    states = as_floats(states, within=UNBOUNDED)
    modes = as_floats(modes, within=UNBOUNDED)
    return (0.5 * (modes * modes).sum(axis=1) - states @ modes.T).argmin(axis=-1)


def shares(labels: Array, n: int) -> Array:
    """How often each of `n` labels occurs in each chain: (T, C) -> (C, n), rows of sum 1."""
    xp = array_module(labels)
    return (labels[..., None] == xp.arange(n)).mean(axis=0)


def total_variation(p: Array, q: Array) -> float:
    """Half the sum of |p - q|: 0 for equal distributions, 1 for disjoint ones."""
    return 0.5 * float(array_module(p).abs(p.astype("float64") - q).sum())


@dataclass(frozen=True, repr=False)
class TwoStarts(Brief):
    """Chains started in two ways, compared by the modes they visit; once mixed, the start is forgotten.

    Parameters
    ----------
    occupancy : array (2, M)
        Share of the states nearest to each mode, over the chains of either start.
    distance : float
        Total variation between the two.
    p_value : float
        Share of random divisions of all chains into two such groups that lie at least as far apart: small
        where the start is not forgotten. Whole chains change sides, so that it holds for slow ones too.
    visited : tuple of float
        Share of the modes that any chain of either start came nearest to.
    """

    occupancy: Array
    distance: float
    p_value: float
    visited: tuple[float, float]

    @property
    def agree(self) -> bool:
        return self.p_value >= LEVEL


def compare_starts(a: Array, b: Array, *, rng: Any) -> TwoStarts:
    """Compare chains of two starts by their occupancies (C, M) of the same modes, as `shares` counts them."""
    xp = array_module(a, b)
    both, n = xp.concatenate([a, b]), len(a)
    order = check_rng(rng).random((PERMUTATIONS, len(both))).argsort(axis=1)  # (P, C)
    first = both[order[:, :n]].mean(axis=1)  # (P, M)
    second = both[order[:, n:]].mean(axis=1)
    found = total_variation(a.mean(axis=0), b.mean(axis=0))
    chance = 0.5 * xp.abs(first - second).sum(axis=1)
    at_least = int((chance >= found - 1e-9).sum())
    return TwoStarts(
        xp.stack([a.mean(axis=0), b.mean(axis=0)]),
        found,
        (1 + at_least) / (1 + PERMUTATIONS),
        tuple(float((x.sum(axis=0) > 0).mean()) for x in (a, b)),  # type: ignore[arg-type]
    )


def _three(x: Array) -> Array:
    """A record as (T, C, K), in float64."""
    return x.reshape(*x.shape[:2], -1).astype("float64")


def _variances(x: Array) -> tuple[Array, Array]:
    """Variances within and between chains of U records (U, T, C, K), summed over K: (U,) each."""
    C = x.shape[2]
    within = x.var(axis=1).mean(axis=1).sum(axis=1)
    between = x.mean(axis=1).var(axis=1).sum(axis=1) * C / (C - 1) if C > 1 else 0 * within
    return within, between
