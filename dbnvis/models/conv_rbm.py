"""Convolutional restricted Boltzmann machines: what they are, not how they learn.

Hidden units come in K groups that share weights and bias; each is a map of detection units, one for every place of
the filter inside the image, in blocks of which at most one is on (`blocks`). With (W * v)_kij the filter of group k at
row i and column j of the image,

    E(v, h) = - sum_kij h_kij ((W * v)_kij + hbias_k) - sum_c vbias_c sum_ij v_cij,

and E is infinite where two detection units of one block are on. The pooling unit of a block is on if one of its
detection units is, so it is a function of h.

References
----------
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Array, array_module, bernoulli, check_rng
from ..display import Brief
from ..numerics import sigmoid
from ..settings import check_parameters, check_sizes, check_value
from . import pooling as blocks
from .convolution import Conv2D


@dataclass(repr=False)
class ConvRBM(Brief):
    """Binary visible units in C channels, K groups of detection units.

    Images are (..., C, rows, columns) of any size that has room for the filters; detection units are
    (..., K, rows - kh + 1, columns - kw + 1), pooling units (..., K, R, S).

    Parameters
    ----------
    W : array (K, C, kh, kw)
        The filters as they look: `W[k]` is what detection unit k adds to the input of the visible units under it.
    vbias : array (C,)
    hbias : array (K,)
    pool : int
        Rows and columns of a block; 1: every detection unit by itself.

    Raises
    ------
    ValueError
        If the shapes disagree, or blocks have no unit.
    """

    W: Array
    vbias: Array
    hbias: Array
    pool: int = 2

    binary: ClassVar[bool] = True
    """Visible units are 0 or 1."""

    def __post_init__(self) -> None:
        check_parameters(**self.params())
        if self.W.ndim != 4 or self.W.shape[:2] != (*self.hbias.shape, *self.vbias.shape):
            raise ValueError(
                f"expected W (K, C, rows, columns), vbias (C,), hbias (K,); "
                f"got {self.W.shape}, {self.vbias.shape}, {self.hbias.shape}"
            )
        check_value("pool", self.pool, int, "[1, inf)")

    @classmethod
    def random(
        cls,
        n_groups: int,
        n_channels: int,
        size: int,
        *,
        rng: Any,
        pool: int = 2,
        scale: float = 0.01,
        dtype: Any = "float32",
    ) -> ConvRBM:
        """Filters of size x size, weights N(0, scale^2), biases 0; on the device of `rng`."""
        check_sizes(n_groups, n_channels, size)
        W = check_rng(rng).standard_normal((n_groups, n_channels, size, size), dtype=dtype)
        W *= scale
        xp = array_module(W)
        return cls(W, xp.zeros(n_channels, dtype=dtype), xp.zeros(n_groups, dtype=dtype), pool)

    @property
    def n_groups(self) -> int:
        return self.W.shape[0]

    @property
    def n_channels(self) -> int:
        return self.W.shape[1]

    @property
    def conv(self) -> Conv2D:
        """The way up as a layer: v -> pre-activations of the detection units."""
        return Conv2D(self.W, self.hbias)

    def params(self) -> dict[str, Array]:
        """The parameters by name, the arrays themselves."""
        return {"W": self.W, "vbias": self.vbias, "hbias": self.hbias}

    def hidden_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Shape (K, rows, columns) of the detection units over an image of `shape` (C, rows, columns).

        Raises
        ------
        ValueError
            If the image has other channels than the filters, or no room for them.
        """
        return self.conv.out_shape(shape)

    # --- p(h | v)

    def input_to_h(self, v: Array) -> Array:
        """Pre-activations of the detection units, W * v + hbias: (..., C, H, W) -> (..., K, rows, columns)."""
        return self.conv.forward(v)[0]

    def mean_h_given_v(self, v: Array) -> Array:
        """Probability of each detection unit to be the one that is on in its block: -> (..., K, rows, columns)."""
        return blocks.mean(self.input_to_h(v), self.pool)

    def sample_h_given_v(self, v: Array, *, rng: Any) -> Array:
        """Draw h ~ p(h | v), of 0 and 1: one state for each block."""
        return self.sample_h(self.mean_h_given_v(v), rng=rng)

    def sample_h(self, means: Array, *, rng: Any) -> Array:
        """Draw detection units with these `means`."""
        return blocks.sample(means, self.pool, rng=rng)

    def pooled(self, h: Array) -> Array:
        """Pooling units of detection units, states of states and means of means: -> (..., K, R, S)."""
        return blocks.block_sum(h, self.pool)

    # --- p(v | h)

    def input_to_v(self, h: Array) -> Array:
        """Pre-activations of the visible units: (..., K, rows, columns) -> (..., C, H, W)."""
        return self.conv.transpose(h) + self.vbias[:, None, None]

    def mean_v_given_h(self, h: Array) -> Array:
        """E[v | h]."""
        return sigmoid(self.input_to_v(h))

    def sample_v_given_h(self, h: Array, *, rng: Any) -> Array:
        """Draw v ~ p(v | h)."""
        return bernoulli(self.mean_v_given_h(h), rng=rng)

    def sample_v(self, means: Array, *, rng: Any) -> Array:
        """Draw visible units with these `means`."""
        return bernoulli(means, rng=rng)

    def random_v(self, shape: tuple[int, ...], *, rng: Any) -> Array:
        """Noise to start chains from: fair coins, `shape` (..., C, H, W)."""
        return bernoulli(array_module(self.W).full(shape, 0.5, dtype=self.W.dtype), rng=rng)

    # --- given the pooling units

    def mean_h_given_pool(self, pool: Array, shape: tuple[int, ...]) -> Array:
        """Detection units (..., K, *shape) where `pool` (..., K, R, S) is on, at each place of the block alike.

        The first guess at p(v, h | pool): biases, being shared, prefer no place.
        """
        xp = array_module(pool)
        flat = xp.zeros((*pool.shape[:-2], *shape[-2:]), dtype=pool.dtype)
        return blocks.mean_given_pool(flat, pool, self.pool)

    def sample_h_given_pool(self, pool: Array, shape: tuple[int, ...], sweeps: int, *, rng: Any) -> Array:
        """Draw h ~ p(h | pool) by Gibbs sampling of p(v, h | pool), from places at random: (..., K, *shape).

        `pool` (..., K, R, S) of 0 and 1. Where it is off no detection unit of the block is on; where it is on exactly
        one is, unit i with probability exp(x_i) / sum_j exp(x_j) of the block's pre-activations x.
        """
        h = blocks.sample(self.mean_h_given_pool(pool, shape), self.pool, rng=rng, given_pool=True)
        for _ in range(sweeps):
            pre = self.input_to_h(self.sample_v_given_h(h, rng=rng))
            h = blocks.sample(blocks.mean_given_pool(pre, pool, self.pool), self.pool, rng=rng, given_pool=True)
        return h

    # --- energies, in nats

    def energy(self, v: Array, h: Array) -> Array:
        """E(v, h) of each image, (B,); infinite where a block has two units on."""
        xp = array_module(v, h)
        allowed = (self.pooled(h) <= 1).all(axis=(-3, -2, -1))
        energy = self._visible_energy(v) - (self.input_to_h(v) * h).sum(axis=(-3, -2, -1))
        return xp.where(allowed, energy, xp.inf)

    def free_energy(self, v: Array) -> Array:
        """F(v) = -log sum_h exp(-E(v, h)) of each image, (B,)."""
        return self._visible_energy(v) - blocks.log_total(self.input_to_h(v), self.pool).sum(axis=(-3, -2, -1))

    def free_energy_grad(self, v: Array) -> dict[str, Array]:
        """Gradient of the mean free energy of the batch `v` (B, C, H, W) by each parameter."""
        return self.energy_grad(v, self.mean_h_given_v(v))

    def energy_grad(self, v: Array, h: Array) -> dict[str, Array]:
        """Gradient of the mean energy of a batch, v (B, C, H, W) and h, states or means given v, by each parameter."""
        up = self.conv.gradients(v, h)
        xp = array_module(v, h)
        return {
            "W": up["W"] / -len(v),
            "vbias": self._visible_statistic(v).sum(axis=(0, 2, 3)) / -len(v),
            "hbias": xp.sum(h, axis=(0, 2, 3)) / -len(v),
        }

    def _visible_energy(self, v: Array) -> Array:
        return -(v.sum(axis=(-2, -1)) @ self.vbias)

    def _visible_statistic(self, v: Array) -> Array:
        """-dE/dvbias at each place: what the visible biases' gradient sums."""
        return v


@dataclass(repr=False)
class GaussianConvRBM(ConvRBM):
    """Gaussian visible units: E(v, h) = |v - vbias|^2 / (2 variance) - sum_kij h_kij ((W * v)_kij + hbias_k).

    Parameters
    ----------
    W, vbias, hbias, pool
        As in `ConvRBM`.
    variance : float
        Of each visible unit given the hidden ones, not learned.

    Raises
    ------
    ValueError
        If the shapes disagree or the variance is not positive.
    """

    variance: float = 1.0

    binary: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_value("variance", self.variance, float, "(0, inf)")

    def input_to_v(self, h: Array) -> Array:
        """Means of the visible units: (..., K, rows, columns) -> (..., C, H, W)."""
        return self.variance * self.conv.transpose(h) + self.vbias[:, None, None]

    def mean_v_given_h(self, h: Array) -> Array:
        return self.input_to_v(h)

    def sample_v_given_h(self, h: Array, *, rng: Any) -> Array:
        mean = self.input_to_v(h)
        mean += self._noise(mean.shape, rng)
        return mean

    def sample_v(self, means: Array, *, rng: Any) -> Array:
        """`means` as they are: images are real-valued themselves."""
        return means

    def random_v(self, shape: tuple[int, ...], *, rng: Any) -> Array:
        """Noise to start chains from: N(vbias, variance), `shape` (..., C, H, W)."""
        return self._noise(shape, rng) + self.vbias[:, None, None]

    def _visible_energy(self, v: Array) -> Array:
        return ((v - self.vbias[:, None, None]) ** 2).sum(axis=(-3, -2, -1)) / (2 * self.variance)

    def _visible_statistic(self, v: Array) -> Array:
        return (v - self.vbias[:, None, None]) / self.variance

    def _noise(self, shape: tuple[int, ...], rng: Any) -> Array:
        return math.sqrt(self.variance) * check_rng(rng).standard_normal(shape, dtype=self.W.dtype)
