"""Clamped-unit Gibbs sampling: what the model believes the input looks like while a unit is on.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Gelman & Rubin (1992), "Inference from iterative simulation using multiple sequences".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..backend import Array, UnitStreams, array_module, bernoulli, child_seeds
from ..rbm import RBM
from .base import Unit, UnitImages, as_units, check_choices, chunks, unit_images, unit_rngs

STARTS = 10_000  # training images at the most from which chains start
MIXED = 1.2  # potential scale reduction above which the chains are said not to have mixed


@dataclass(frozen=True)
class ClampedGibbs:
    """Hold one unit of layer j at 1, run block Gibbs in the RBM below it, pass down to the pixels.

    All other units of layer j are resampled. Chains carry binary states; pictures show the pixel
    probabilities of the directed pass down. `images[:, 0]` is the mean over all chains and draws, an
    estimate of E[x | unit on]; the others are the last draws of single chains.

    `extras["mixing"]` (U,) is the potential scale reduction (Gelman & Rubin 1992) of the chains, pooled
    over the units they visit: near 1 when every chain sees the same distribution, and noted when above 1.2.
    """

    title: ClassVar[str] = "clamped Gibbs sampling"
    needs_images: ClassVar[bool] = False
    needs_sampling: ClassVar[bool] = True
    symmetric: ClassVar[bool] = False

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

    def __call__(self, model: Any, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None) -> UnitImages:
        """Sample with each of `units` of one layer held on; see `UnitImages`.

        Raises
        ------
        TypeError
            If the model has no p(v | h) to sample from.
        ValueError
            If a setting makes no sense, or images are needed and absent.
        """
        if not hasattr(model, "sample_decode"):
            raise TypeError(
                f"{type(model).__name__} has no p(v | h), so a unit cannot be held on while sampling; "
                "use activation maximization"
            )
        check_choices(self)
        if min(self.chains, self.draws, self.thin) < 1 or min(self.burn_in, self.shown) < 0:
            raise ValueError(
                "chains, draws and thin must be at least 1, burn_in and shown at least 0; got "
                f"{self.chains}, {self.draws}, {self.thin}, {self.burn_in}, {self.shown}"
            )
        layer, indices = as_units(model, units)
        start = self.start if self.start != "auto" else ("noise" if images is None else "data")
        if start == "data" and images is None:
            raise ValueError("start 'data' needs images; pass images=... or use start='noise'")
        rngs = unit_rngs(model, layer, indices, seed=child_seeds(rng, 1)[0])
        rbm = model.rbms[model.depth(layer) - 1]
        codes = _codes_below(model, layer, images[:STARTS]) if start == "data" and images is not None else None
        row = 2 * rbm.n_visible + 3 * rbm.n_hidden + 2 * model.rbms[0].n_visible
        parts = [
            self._sample(model, layer, indices[part], UnitStreams(rngs[part]), codes)
            for part in chunks(len(indices), model.dtype.itemsize * self.chains * row)
        ]
        pictures, mixing = (model.xp.concatenate(arrays) for arrays in zip(*parts, strict=True))
        notes = [f"chains have not mixed (R = {r:.1f})" if r > MIXED else "" for r in mixing.tolist()]
        return unit_images(self, model, layer, indices, pictures, notes=notes, extras={"mixing": mixing}, start=start)

    def _sample(
        self, model: Any, layer: str, indices: list[int], rng: UnitStreams, codes: Array | None
    ) -> tuple[Array, Array]:
        """Pictures (U, 1 + shown, *shape) and potential scale reduction (U,)."""
        xp = model.xp
        rbm = model.rbms[model.depth(layer) - 1]
        U, C = len(indices), self.chains
        # That unit in all chains: (U, C) of (U, C, H).
        clamped = xp.arange(U), slice(None), xp.asarray(indices)

        def sample_h(v: Array) -> Array:
            h = rbm.sample_h_given_v(v, rng=rng)
            h[clamped] = 1
            return h

        if codes is None:
            v = rbm.random_v((U, C, rbm.n_visible), rng=rng)
        else:
            v = bernoulli(codes[_rows_that_excite(rbm, indices, codes, C, rng)], rng=rng)
        h = sample_h(v)
        for _ in range(self.burn_in):
            h = sample_h(rbm.sample_v_given_h(h, rng=rng))
        mean: Array = 0.0
        visited = xp.zeros_like(h)  # each chain's mean state
        for _ in range(self.draws):
            for _ in range(self.thin):
                h = sample_h(rbm.sample_v_given_h(h, rng=rng))
                visited += h
            pixels = model.sample_decode(h, layer, rng=rng)  # (U, C, *shape)
            mean = mean + pixels.mean(axis=1) / self.draws
        pictures = xp.concatenate([mean[:, None], pixels[:, : self.shown]], axis=1)
        return pictures, _scale_reduction(visited / (self.draws * self.thin))


def _codes_below(model: Any, layer: str, images: Array) -> Array:
    """Means of the layer below `layer` at `images`: (N, V) of the RBM under `layer`."""
    depth = model.depth(layer)
    return images.reshape(len(images), -1) if depth == 1 else model.encode(images, model.layer_names[depth - 2])


def _rows_that_excite(rbm: RBM, indices: list[int], codes: Array, n: int, rng: UnitStreams) -> Array:
    """For each unit draw `n` rows of `codes` in proportion to p(unit on | row): (U, n)."""
    xp = array_module(codes)
    on = rbm.mean_h_given_v(codes)[:, xp.asarray(indices)]
    cumulative = xp.cumsum(on.T, axis=1, dtype="float64")  # (U, N)
    targets = rng.random((len(indices), n)) * cumulative[:, -1:]
    rows = xp.stack([xp.searchsorted(*pair) for pair in zip(cumulative, targets, strict=True)])
    return xp.minimum(rows, len(codes) - 1)


def _scale_reduction(means: Array) -> Array:
    """Potential scale reduction of binary chains from their mean states (U, C, H): (U,).

    sqrt((W + B) / W) with the variances within (W) and between (B) chains summed over the H units; not a
    number for a single chain.
    """
    within = (means * (1 - means)).mean(axis=1).sum(axis=-1)
    C = means.shape[1]
    between = means.var(axis=1).sum(axis=-1) * (C / (C - 1)) if C > 1 else within * float("nan")
    xp = array_module(means)
    return xp.sqrt(1 + between / xp.maximum(within, 1e-12))
