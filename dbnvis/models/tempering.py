"""The machines between independent pixels and an RBM, dense or convolutional, for annealing and for tempered chains.

At inverse temperature beta the path from the base rates b0 (beta = 0) to the RBM (beta = 1) is

    log p*_beta(v, h) = v.b0 + beta D(v, h),    D(v, h) = v.(b - b0) + h.c + v'Wh,

which leaves the visible biases b0 and uniform hidden units at beta = 0 (Salakhutdinov & Murray 2008, section 4.1).

References
----------
Salakhutdinov, Murray (2008), "On the quantitative analysis of deep belief networks".
Desjardins, Courville, Bengio, Vincent, Delalleau (2010), "Tempered Markov chain Monte Carlo for training of
restricted Boltzmann machines".
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module, bernoulli, logistic_sample, matmul
from ..numerics import log_odds, sigmoid, softplus
from . import pooling as blocks
from .conv_dbn import Unrolled
from .rbm import RBM


def base_rates(data: Array) -> Array:
    """Visible biases (V,) of independent pixels with the means of `data` (N, V), smoothed by one image on, one off."""
    return log_odds((data.mean(axis=0) * len(data) + 1) / (len(data) + 2))


class Replicas(ABC):
    """What machines at several inverse temperatures have in common: how their states change places.

    A subclass has the machine, `rbm`, and draws its units at any beta.
    """

    rbm: Any
    base_vbias: Array

    def __post_init__(self) -> None:
        if not self.rbm.binary:
            raise TypeError("tempering is written for binary visible units; this machine has Gaussian ones")
        if self.base_vbias.shape != self.rbm.vbias.shape:
            raise ValueError(f"expected base_vbias {self.rbm.vbias.shape}, got {self.base_vbias.shape}")
        if not bool(array_module(self.base_vbias).isfinite(self.base_vbias).all()):
            raise ValueError("base_vbias must be finite; see `base_rates`, of images in [0, 1]")

    @abstractmethod
    def sample_h(self, pre: Array, beta: Any, *, rng: Any) -> Array:
        """Draw h ~ p_beta(h | v) from `pre` = rbm.input_to_h(v), (..., H)."""

    @abstractmethod
    def sample_v(self, h: Array, beta: Any, *, rng: Any) -> Array:
        """Draw v ~ p_beta(v | h): (..., H) -> (..., V)."""

    def exchange(self, h: Array, betas: Array, *, rng: Any) -> tuple[Array, Array]:
        """One sweep of every replica, then an offer to each pair of neighbours in temperature to change places.

        A swap of replicas i and j is accepted with probability min(1, exp((beta_i - beta_j)(D_j - D_i))), which
        leaves every replica's distribution unchanged.

        Parameters
        ----------
        h : array (M, B, H)
            Hidden states of the M replicas of B chains.
        betas : array (M,)
        rng : numpy or cupy Generator

        Returns
        -------
        v (M, B, V), h (M, B, H)
            The new states.
        """
        xp = array_module(h)
        beta = betas[:, None, None]
        v = self.sample_v(h, beta, rng=rng)
        pre = self.rbm.input_to_h(v)
        h = self.sample_h(pre, beta, rng=rng)
        gain = (pre * h).sum(axis=-1) + self._bias_gain(v)  # D(v, h), (M, B)
        source = xp.arange(len(h))[:, None] + xp.zeros(h.shape[1], dtype=int)  # (M, B): whose state each takes
        for first in (0, 1):
            low, high = gain[first:-1:2], gain[first + 1 :: 2]
            step = betas[first:-1:2] - betas[first + 1 :: 2]
            swap = xp.log(rng.random(low.shape, dtype=h.dtype)) < step[:, None] * (high - low)
            for x in (gain, source):
                a, b = x[first:-1:2].copy(), x[first + 1 :: 2].copy()
                x[first:-1:2], x[first + 1 :: 2] = xp.where(swap, b, a), xp.where(swap, a, b)
        chain = xp.arange(h.shape[1])
        return v[source, chain], h[source, chain]

    def _bias_gain(self, v: Array) -> Array:
        return matmul(v, self.rbm.vbias - self.base_vbias)


@dataclass(frozen=True)
class Tempered(Replicas):
    """An RBM at all inverse temperatures. `beta` is a number, or an array that broadcasts against (..., 1).

    Parameters
    ----------
    rbm : RBM
        With binary visible units.
    base_vbias : array (V,)
        Visible biases b0 at beta = 0; see `base_rates`.

    Raises
    ------
    TypeError
        If the visible units are not binary.
    ValueError
        If `base_vbias` does not fit the RBM.
    """

    rbm: RBM
    base_vbias: Array

    def base_sample(self, n: int, *, rng: Any) -> Array:
        """Exact draws of v at beta = 0: (n, V)."""
        rows = array_module(self.base_vbias).ones((n, 1), dtype=self.base_vbias.dtype)
        return bernoulli(sigmoid(rows * self.base_vbias), rng=rng)

    @property
    def base_log_partition(self) -> float:
        """log Z at beta = 0, in closed form."""
        return float(softplus(self.base_vbias.astype("float64")).sum()) + self.rbm.n_hidden * 0.6931471805599453

    def log_weight(self, v: Array, pre: Array, beta: Any) -> Array:
        """log sum_h p*_beta(v, h) - v.b0 of v (..., V) with `pre` = rbm.input_to_h(v): (...,), in float64."""
        return beta * self._bias_gain(v) + softplus(beta * pre).sum(axis=-1, dtype="float64")

    def sample_h(self, pre: Array, beta: Any, *, rng: Any) -> Array:
        xp = array_module(pre)
        return logistic_sample(beta * pre, xp.zeros_like(self.rbm.hbias), rng=rng)

    def sample_v(self, h: Array, beta: Any, *, rng: Any) -> Array:
        pre = matmul(h, self.rbm.weights_back)
        pre *= beta
        bias = (1 - beta) * self.base_vbias + beta * self.rbm.vbias
        return logistic_sample(pre, bias, rng=rng, out=pre)

    def sweep(self, v: Array, beta: Any, *, rng: Any) -> Array:
        """One Gibbs sweep v -> h -> v at `beta`."""
        return self.sample_v(self.sample_h(self.rbm.input_to_h(v), beta, rng=rng), beta, rng=rng)


@dataclass(frozen=True)
class TemperedMaps(Replicas):
    """A convolutional RBM at all inverse temperatures, one detection unit fixed to 1, the others of its block to 0.

    Parameters
    ----------
    rbm : Unrolled
        With binary visible units.
    base_vbias : array (V,)
        As in `Tempered`.
    unit : int
        Number of the detection unit.

    Raises
    ------
    TypeError, ValueError
        As `Tempered`.
    """

    rbm: Unrolled
    base_vbias: Array
    unit: int

    def sample_h(self, pre: Array, beta: Any, *, rng: Any) -> Array:
        """Draw h ~ p_beta(h | v, unit on) from `pre` = rbm.input_to_h(v), (..., H)."""
        size = self.rbm.crbm.pool
        means = blocks.mean(blocks.in_maps(beta * pre, self.rbm.hidden_shape), size)
        h = blocks.in_rows(blocks.sample(means, size, rng=rng))
        self.rbm.hold(h[None], [self.unit])
        return h

    def sample_v(self, h: Array, beta: Any, *, rng: Any) -> Array:
        return bernoulli(sigmoid((1 - beta) * self.base_vbias + beta * self.rbm.input_to_v(h)), rng=rng)
