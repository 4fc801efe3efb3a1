"""Clamped-unit Gibbs sampling: what the model believes the input looks like while a unit is on.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Gelman & Rubin (1992), "Inference from iterative simulation using multiple sequences".
Desjardins, Courville, Bengio, Vincent, Delalleau (2010), "Tempered Markov chain Monte Carlo for training of
restricted Boltzmann machines".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..backend import Array, UnitStreams, array_module, bernoulli, child_seeds, make_rng
from ..backend.clusters import cluster_centres
from ..evaluate import activity, chains
from ..evaluate.chains import LEVEL
from ..images import images_of
from ..models.conv_dbn import Unrolled
from ..models.protocol import Generative, Model, generative
from ..models.rbm import RBM, Machine, clamp, gibbs
from ..models.tempering import Replicas, Tempered, TemperedMaps, base_rates
from ..models.units import Unit, as_units
from ..settings import check_settings
from .visualizer import GPU_UNITS, MEMORY, UnitImages, blocks, check_applies, unit_images, unit_rngs, unit_streams

STARTS = 10_000  # training images at the most from which chains start
SKETCH = 32  # random directions of the hidden layer along which chains are recorded
MODES = 10  # clusters of training codes that count as modes
CLUSTERED = 2_000  # training codes at the most that are clustered

States = Iterator[tuple[Array, Array]]  # v (U, C, V) and h (U, C, H) after every sweep


@dataclass(frozen=True)
class ClampedGibbs:
    """Fix one unit of layer j to 1, run block Gibbs in the RBM below it, pass down to the pixels.

    All other units of layer j are resampled. Chains carry binary states; pictures show the pixel probabilities of the
    directed pass down. `images[:, 0]` is the mean over all chains and draws, an estimate of E[x | unit on]; the others
    are the last draws of single chains.

    With others="zero" all other units of layer j are 0, and the pass down starts from this one state, without a chain.
    Erhan et al.'s sampling averages over the other units as the RBM has them while the unit is on; this conditions on
    their all being off, a state of small probability, and shows what the unit alone adds to the biases. For h1 the
    picture is the exact mean, sigmoid(vbias + W[:, unit]) of binary pixels; above, it is the mean of `chains` times
    `draws` independent draws, of which the first `shown` follow. `burn_in` and `thin` do nothing; no `extras`.

    `extras["mixing"]` and `slowest` (U,) are the potential scale reduction (Gelman & Rubin 1992) of the chains, pooled
    over the hidden units and of the slowest of them: near 1 when every chain sees the same distribution. `tau` and
    `ess` (U,) are the integrated autocorrelation time in sweeps and the effective number of draws of all chains
    together, pooled over 32 random directions of the hidden layer. Units whose chains have not mixed are noted
    (`evaluate.chains.why_not_mixed`): at the defaults those of tau above 5 sweeps, which are most units of deep layers.

    With `diagnose` the extras also hold, from as many chains of the other start, whose states enter no picture:
    `occupancy` (U, 2, M), the share of states nearest to each of 10 clusters of training codes, from `start` and from
    the other; `distance` and `start_p` (U,), their total variation and its p-value, noted below 0.01; `visited` (U, 2),
    the share of clusters visited; and `p_on` and `p_on_error` (U, 2), the probability that the unit is on and its
    standard error, from free chains and by annealing the unit's weights (`evaluate.activity`).
    """

    title: ClassVar[str] = "clamped Gibbs sampling"
    symmetric: ClassVar[bool] = False
    roles: ClassVar[tuple[str, str]] = ("mean", "chain")

    chains: int = 30
    """Parallel chains per unit."""
    burn_in: int = 100
    """Gibbs sweeps before the first draw."""
    draws: int = 5
    """Draws per chain that enter the mean."""
    thin: int = 20
    """Gibbs sweeps between draws."""
    shown: int = 10
    """Single chains whose last draw is returned beside the mean."""
    start: Literal["auto", "data", "noise"] = "auto"
    """data: training images drawn in proportion to the unit's probability of being on; noise: fair coins;
    auto: data where images are at hand."""
    temperatures: int = 1
    """Replicas of every chain, down to independent pixels, that exchange states (Desjardins et al. 2010); 1: none."""
    diagnose: bool = False
    """Also run chains from the other start and estimate how often the unit is on; takes four times as long."""
    others: Literal["free", "zero"] = "free"
    """free: the other units of the layer are sampled with the unit on; zero: they are off, and no chain is needed."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            chains="[1, inf)",
            burn_in="[0, inf)",
            draws="[1, inf)",
            thin="[1, inf)",
            shown="[0, inf)",
            temperatures="[1, 1000]",
        )
        if self.others == "zero":
            object.__setattr__(self, "title", "ancestral sampling from one unit, the others off")
            object.__setattr__(self, "roles", ("mean", "draw"))

    def why_not(self, model: Model, images: Array | None) -> str | None:
        if not isinstance(model, Generative):
            return (
                f"{type(model).__name__} has no p(v | h), so a unit cannot be fixed to 1 while sampling; "
                "use activation maximization or evidence sampling"
            )
        if self.others == "zero":
            return None
        if self.start == "data" and images is None:
            return "start 'data' needs images; pass images=... or use start='noise'"
        if self.diagnose and images is None:
            return "diagnose compares two starts and needs images; pass images=..."
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages:
        """Sample with each of `units` of one layer fixed to 1; see `UnitImages`.

        Raises
        ------
        NotApplicable
            If the model has no p(v | h) to sample from, or images are needed and absent.
        """
        check_applies(self, model, images)
        model = generative(model)
        layer, indices = as_units(model, units)
        if self.others == "zero":
            return self._alone(model, layer, indices, rng)
        start = self.start if self.start != "auto" else ("noise" if images is None else "data")
        rbm = model.rbms[model.depth(layer) - 1]
        codes = None if images is None else model.visible(images_of(model, images[:STARTS]), layer)
        sampler = _Sampler(self, model, layer, codes, child_seeds(rng, 4))
        row = 2 * rbm.n_visible + 3 * rbm.n_hidden + 2 * model.rbms[0].n_visible + self.draws * self.thin * SKETCH
        together = GPU_UNITS if self.temperatures == 1 else 1  # tempered chains of a unit share no product with others
        size = model.dtype.itemsize * self.chains * self.temperatures * row
        groups = blocks(model, indices, size, gpu_units=together)
        parts, n = [sampler(group, start) for group in groups], len(indices)
        pictures = model.xp.concatenate([part[0] for part in parts])[:n]
        extras = {name: model.xp.concatenate([part[1][name] for part in parts])[:n] for name in parts[0][1]}
        return unit_images(self, model, layer, indices, pictures, notes=self._notes(extras), extras=extras, start=start)

    def _notes(self, extras: dict[str, Array]) -> list[str]:
        """A word on each unit whose chains are not to be believed."""
        notes = []
        for i in range(len(extras["tau"])):
            x = {name: float(extras[name][i]) for name in extras if extras[name].ndim == 1}
            reason = chains.why_not_mixed(x["mixing"], x["slowest"], x["tau"], self.draws * self.thin)
            note = []
            if reason:
                note.append(f"chains have not mixed ({reason})")
            if x.get("start_p", 1) < LEVEL:
                note.append(f"data- and noise-started chains visit other modes (distance {x['distance']:.2f})")
            notes.append("; ".join(note))
        return notes

    def _alone(self, model: Generative, layer: str, indices: list[int], rng: Any) -> UnitImages:
        """The pass down from states that have one unit on."""
        if self.start != "auto" or self.temperatures > 1 or self.diagnose:
            raise ValueError("others 'zero' runs no chain: leave start, temperatures and diagnose out")
        depth, (seed,) = model.depth(layer), child_seeds(rng, 1)
        n, shown = (1, 0) if depth == 1 else (self.chains * self.draws, self.shown)  # pixels given h1 are independent
        machines, pictures = model.rbms[:depth], []
        row = sum(rbm.n_visible + rbm.n_hidden for rbm in machines) + model.rbms[0].n_visible
        for group in blocks(model, indices, model.dtype.itemsize * n * row):
            h = model.xp.zeros((len(group), n, machines[-1].n_hidden), dtype=model.dtype)
            machines[-1].hold(h, group)
            streams = unit_streams(model, layer, group, seed=seed)
            pixels = model.sample_decode(h, layer, rng=streams)  # (U, n, *shape)
            pictures.append(model.xp.concatenate([pixels.mean(axis=1, keepdims=True), pixels[:, :shown]], axis=1))
        return unit_images(self, model, layer, indices, model.xp.concatenate(pictures)[: len(indices)])


class _Sampler:
    """Chains of units of one layer fixed to 1, and what is measured along them."""

    def __init__(self, method: ClampedGibbs, model: Generative, layer: str, codes: Any, seeds: list[int]):
        self.method, self.model, self.layer, self.codes = method, model, layer, codes
        self.rbm = model.rbms[model.depth(layer) - 1].for_sampling()
        # The first is the pictures' own; the others are of what is measured beside them.
        self.seed, self.other_seed, self.annealing_seed, self.shared_seed = seeds
        coins = make_rng(model.xp, self.shared_seed).random((self.rbm.n_hidden, SKETCH))
        self.sketch = model.xp.where(coins < 0.5, -1.0, 1.0).astype(model.dtype)
        self.modes = None
        if method.diagnose:
            clustered = codes[:CLUSTERED]
            self.modes = cluster_centres(clustered, min(MODES, len(clustered)))

    def __call__(self, indices: list[int], start: str) -> tuple[Array, dict[str, Array]]:
        """Pictures (U, 1 + shown, *shape) and what `extras` holds."""
        xp = self.model.xp
        pictures, means, records, shares = self._chains(indices, start, self.seed)
        extras = {
            "mixing": chains.binary_scale_reduction(means),
            "slowest": chains.slowest_reduction(means),
            "tau": chains.integrated_times(records),
        }
        extras["ess"] = self.method.chains * self.method.draws * self.method.thin / extras["tau"]
        if self.method.diagnose:
            other = "noise" if start == "data" else "data"
            *_, other_shares = self._chains(indices, other, self.other_seed)
            found = [
                chains.compare_starts(*pair, rng=make_rng(xp, self.shared_seed, 1))
                for pair in zip(shares, other_shares, strict=True)
            ]
            extras["occupancy"] = xp.stack([starts.occupancy for starts in found])
            extras["distance"] = xp.asarray([starts.distance for starts in found])
            extras["start_p"] = xp.asarray([starts.p_value for starts in found])
            extras["visited"] = xp.asarray([starts.visited for starts in found])
            extras["p_on"], extras["p_on_error"] = self._activity(indices)
        return pictures, extras

    def _chains(self, indices: list[int], start: str, seed: int) -> tuple[Array, Array, Any, Any]:
        """Pictures (U, 1 + shown, *shape), mean states (U, C, H), records (U, T, C, K), shares of modes (U, C, M)."""
        xp, method = self.model.xp, self.method
        if method.temperatures > 1:
            rngs = unit_rngs(self.model, self.layer, indices, seed=seed)
            rng, states = UnitStreams(rngs), self._tempered(indices, start, rngs)
        else:
            rng = unit_streams(self.model, self.layer, indices, seed=seed)
            states = self._gibbs(indices, start, rng)
        for _ in range(method.burn_in + 1):
            _, h = next(states)
        mean: Array = 0.0
        visited, record, labels = xp.zeros_like(h), [], []  # `visited` becomes each chain's mean state
        for _ in range(method.draws):
            for _ in range(method.thin):
                v, h = next(states)
                visited += h
                record.append(h @ self.sketch)
                if self.modes is not None:
                    labels.append(chains.nearest(v, self.modes))
            pixels = self.model.sample_decode(h, self.layer, rng=rng)  # (U, C, *shape)
            mean = mean + pixels.mean(axis=1) / method.draws
        pictures = xp.concatenate([mean[:, None], pixels[:, : method.shown]], axis=1)
        means = visited / (method.draws * method.thin)
        shares = [] if self.modes is None else [chains.shares(x, len(self.modes)) for x in xp.stack(labels, axis=1)]
        return pictures, means, xp.stack(record, axis=1), shares

    def _start(self, indices: list[int], start: str, rng: UnitStreams) -> Array:
        """First states of the layer below, (U, C, V)."""
        shape = len(indices), self.method.chains, self.rbm.n_visible
        if start == "noise":
            return self.rbm.random_v(shape, rng=rng)
        rows = _rows_that_activate(self.rbm, indices, self.codes, self.method.chains, rng)
        return _drawn(self.rbm, self.codes[rows], rng)

    def _gibbs(self, indices: list[int], start: str, rng: UnitStreams) -> States:
        """Block Gibbs sampling of all units at once."""
        v = self._start(indices, start, rng)
        while True:
            h = self.rbm.sample_h_given_v(v, rng=rng)
            self.rbm.hold(h, indices)
            yield v, h
            v = self.rbm.sample_v_given_h(h, rng=rng)

    def _tempered(self, indices: list[int], start: str, rngs: list[Any]) -> States:
        """Parallel tempering: each unit's machine is one of its own, `clamp`."""
        xp = self.model.xp
        base = xp.zeros_like(self.rbm.vbias) if self.codes is None else base_rates(self.codes)
        betas = xp.linspace(1.0, 0.0, self.method.temperatures).astype(self.model.dtype)
        v = self._start(indices, start, UnitStreams(rngs))
        units = [_replicas(_held(self.rbm, j, base), x, betas, rng) for j, x, rng in zip(indices, v, rngs, strict=True)]
        for states in zip(*units, strict=True):
            v, h = (xp.stack(arrays) for arrays in zip(*states, strict=True))
            if isinstance(self.rbm, RBM):  # whose clamped machines lack the unit
                on = xp.ones_like(h[0, :, :1])
                parts = zip(indices, h, strict=True)
                h = xp.stack([xp.concatenate([x[:, :j], on, x[:, j:]], axis=1) for j, x in parts])
            yield v, h

    def _activity(self, indices: list[int]) -> tuple[Array, Array]:
        """p(unit on) and its standard error from free chains and by annealing: (U, 2) each."""
        xp, method = self.model.xp, self.method
        rng = make_rng(xp, self.shared_seed, 2)
        rows = (rng.random(method.chains) * len(self.codes)).astype(int)
        v = gibbs(self.rbm, _drawn(self.rbm, self.codes[rows], rng), method.burn_in, rng=rng)
        free = activity.p_on_of_chains(self.rbm, v, indices, sweeps=method.draws * method.thin, rng=rng)
        streams = unit_streams(self.model, self.layer, indices, seed=self.annealing_seed)
        rows = (streams.random((len(indices), method.chains)) * len(self.codes)).astype(int)
        v = _drawn(self.rbm, self.codes[rows], streams)
        odds = activity.annealed_log_odds(self.rbm, v, indices, burn_in=method.burn_in, rng=streams)
        pairs = zip((xp.asarray(x) for x in free), activity.p_on_of_odds(*odds), strict=True)
        p, error = (xp.stack(pair, axis=1) for pair in pairs)
        return p, error


def _held(rbm: Machine, unit: int, base: Array) -> Replicas:
    """A machine with `unit` fixed to 1, at all temperatures."""
    if isinstance(rbm, RBM):
        return Tempered(clamp(rbm, unit).for_sampling(), base)
    assert isinstance(rbm, Unrolled)
    return TemperedMaps(rbm, base, unit)


def _replicas(path: Replicas, v: Array, betas: Array, rng: Any) -> States:
    """Tempered chains from `v` (C, V): the states at beta = 1 after every sweep."""
    h = path.sample_h(array_module(v).stack([path.rbm.input_to_h(v)] * len(betas)), betas[:, None, None], rng=rng)
    yield v, h[0]
    while True:
        all_v, h = path.exchange(h, betas, rng=rng)
        yield all_v[0], h[0]


def _drawn(rbm: Machine, means: Array, rng: Any) -> Array:
    """States of the visible units from their means; Gaussian units start at the means themselves."""
    return bernoulli(means, rng=rng) if rbm.binary else means


def _rows_that_activate(rbm: Machine, indices: list[int], codes: Array, n: int, rng: UnitStreams) -> Array:
    """For each unit draw `n` rows of `codes` in proportion to p(unit on | row): (U, n)."""
    xp = array_module(codes)
    size, units = max(1, MEMORY // (codes.dtype.itemsize * rbm.n_hidden)), xp.asarray(indices)
    on = xp.concatenate([rbm.mean_h_given_v(codes[i : i + size])[:, units] for i in range(0, len(codes), size)])
    cumulative = xp.cumsum(on.T, axis=1, dtype="float64")  # (U, N)
    targets = rng.random((len(indices), n)) * cumulative[:, -1:]
    rows = xp.stack([xp.searchsorted(*pair) for pair in zip(cumulative, targets, strict=True)])
    return xp.minimum(rows, len(codes) - 1)
