"""Restricted Boltzmann machines: what they are, not how they learn.

One short method per mathematical object, named as the papers name it. Conditional *means* and *samples* are
different methods; `energy` is of (v, h), `free_energy` of v with h summed out. Batches are rows and
`W` is (V, H) everywhere.

References
----------
Smolensky (1986), "Information processing in dynamical systems: foundations of harmony theory".
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol

from ..backend import Array, array_module, bernoulli, check_rng, logistic_mean, logistic_sample, matmul
from ..display import Tabular
from ..numerics import softplus, weight_norm
from ..settings import check_parameters, check_sizes, check_value


class Machine(Protocol):
    """What block Gibbs sampling runs on: an RBM, or one whose units are put in rows. Leading axes are free."""

    @property
    def n_visible(self) -> int: ...

    @property
    def n_hidden(self) -> int: ...

    @property
    def binary(self) -> bool:
        """Visible units are 0 or 1."""
        ...

    def params(self) -> dict[str, Array]: ...

    def for_sampling(self) -> Machine:
        """The machine for many sweeps, while its parameters stay as they are."""
        ...

    @property
    def vbias(self) -> Array:
        """Of every visible unit, (V,)."""
        ...

    def input_to_h(self, v: Array) -> Array:
        """Pre-activations of the hidden units: (..., V) -> (..., H)."""
        ...

    def input_to_v(self, h: Array) -> Array:
        """Pre-activations of binary visible units, means of Gaussian ones: (..., H) -> (..., V)."""
        ...

    def mean_h_given_v(self, v: Array) -> Array:
        """E[h | v]: (..., V) -> (..., H)."""
        ...

    def sample_h_given_v(self, v: Array, *, rng: Any) -> Array:
        """h ~ p(h | v): (..., V) -> (..., H)."""
        ...

    def mean_v_given_h(self, h: Array) -> Array:
        """E[v | h]: (..., H) -> (..., V)."""
        ...

    def sample_v_given_h(self, h: Array, *, rng: Any) -> Array:
        """v ~ p(v | h): (..., H) -> (..., V)."""
        ...

    def random_v(self, shape: tuple[int, ...], *, rng: Any) -> Array:
        """Noise to start chains from, `shape` (..., V)."""
        ...

    def hold(self, h: Array, units: Sequence[int]) -> None:
        """In the states h[u] (U, ..., H), drawn given v, switch unit `units[u]` on, in place."""
        ...

    def block(self, unit: int) -> list[int]:
        """The hidden units of which at most one is on together with `unit`, itself first."""
        ...


@dataclass(repr=False)
class RBM(Tabular):
    """Binary visible and hidden units, E(v, h) = - vbias.v - hbias.h - v'Wh.

    Parameters
    ----------
    W : array (V, H)
    vbias : array (V,)
    hbias : array (H,)

    Raises
    ------
    ValueError
        If the shapes disagree.
    """

    W: Array
    vbias: Array
    hbias: Array
    _kept: Array | None = field(default=None, init=False, repr=False, compare=False)

    binary: ClassVar[bool] = True
    """Visible units are 0 or 1."""

    def __post_init__(self) -> None:
        check_parameters(**self.params())
        if self.W.ndim != 2 or self.W.shape != (*self.vbias.shape, *self.hbias.shape):
            raise ValueError(
                f"expected W (V, H), vbias (V,), hbias (H,); got {self.W.shape}, {self.vbias.shape}, {self.hbias.shape}"
            )

    @classmethod
    def random(cls, n_visible: int, n_hidden: int, *, rng: Any, scale: float = 0.01, dtype: Any = "float32") -> RBM:
        """Weights N(0, scale^2), biases 0 (Hinton 2010, section 8); on the device of `rng`."""
        check_sizes(n_visible, n_hidden)
        W = check_rng(rng).standard_normal((n_visible, n_hidden), dtype=dtype)
        W *= scale
        xp = array_module(W)
        return cls(W, xp.zeros(n_visible, dtype=dtype), xp.zeros(n_hidden, dtype=dtype))

    @property
    def n_visible(self) -> int:
        return self.W.shape[0]

    @property
    def n_hidden(self) -> int:
        return self.W.shape[1]

    def params(self) -> dict[str, Array]:
        """The parameters by name, the arrays themselves."""
        return {"W": self.W, "vbias": self.vbias, "hbias": self.hbias}

    @property
    def weights_back(self) -> Array:
        """W.T, (H, V)."""
        return self.W.T if self._kept is None else self._kept

    def for_sampling(self) -> RBM:
        """The machine for many sweeps, while W stays as it is: W.T is put row by row once, not in each product."""
        machine = replace(self)
        machine._kept = array_module(self.W).ascontiguousarray(self.W.T)
        return machine

    # --- p(h | v)

    def input_to_h(self, v: Array) -> Array:
        """Pre-activations of the hidden units, v W + hbias: (..., V) -> (..., H)."""
        return self._times(v, self.W, "visible") + self.hbias

    def mean_h_given_v(self, v: Array) -> Array:
        """p(h = 1 | v): (..., V) -> (..., H), in [0, 1]."""
        pre = self._times(v, self.W, "visible")
        return logistic_mean(pre, self.hbias, out=pre)

    def sample_h_given_v(self, v: Array, *, rng: Any) -> Array:
        """Draw h ~ p(h | v): (..., V) -> (..., H), of 0 and 1."""
        pre = self._times(v, self.W, "visible")
        return logistic_sample(pre, self.hbias, rng=rng, out=pre)

    def hold(self, h: Array, units: Sequence[int]) -> None:
        """In the states h[u] (U, ..., H), drawn given v, switch unit `units[u]` on, in place."""
        for states, unit in zip(h, units, strict=True):
            states[..., unit] = 1

    def block(self, unit: int) -> list[int]:
        """The unit by itself: any others may be on with it."""
        return [unit]

    # --- p(v | h)

    def input_to_v(self, h: Array) -> Array:
        """Pre-activations of the visible units, h W' + vbias: (..., H) -> (..., V)."""
        return self._times(h, self.weights_back, "hidden") + self.vbias

    def mean_v_given_h(self, h: Array) -> Array:
        """E[v | h]: (..., H) -> (..., V)."""
        pre = self._times(h, self.weights_back, "hidden")
        return logistic_mean(pre, self.vbias, out=pre)

    def sample_v_given_h(self, h: Array, *, rng: Any) -> Array:
        """Draw v ~ p(v | h): (..., H) -> (..., V)."""
        pre = self._times(h, self.weights_back, "hidden")
        return logistic_sample(pre, self.vbias, rng=rng, out=pre)

    def random_v(self, shape: tuple[int, ...], *, rng: Any) -> Array:
        """Noise to start chains from: fair coins, `shape` (..., V)."""
        return bernoulli(array_module(self.W).full(shape, 0.5, dtype=self.W.dtype), rng=rng)

    # --- energies, in nats

    def energy(self, v: Array, h: Array) -> Array:
        """E(v, h) of each row, (B,)."""
        return -(h @ self.hbias) - (self._times(v, self.W, "visible") * h).sum(axis=-1) + self._visible_energy(v)

    def free_energy(self, v: Array) -> Array:
        """F(v) = -log sum_h exp(-E(v, h)) of each row, (B,)."""
        return -softplus(self.input_to_h(v)).sum(axis=-1) + self._visible_energy(v)

    def hidden_free_energy(self, h: Array) -> Array:
        """-log sum_v exp(-E(v, h)) of each row, (B,): v integrated out instead of h."""
        return -softplus(self.input_to_v(h)).sum(axis=-1) - h @ self.hbias

    def free_energy_grad(self, v: Array) -> dict[str, Array]:
        """Gradient of the mean free energy of the batch `v` (B, V) by each parameter."""
        h = self.mean_h_given_v(v)
        return {
            "W": -(v.T @ h) / v.shape[0],
            "vbias": -self._visible_statistic(v).mean(axis=0),
            "hbias": -h.mean(axis=0),
        }

    def _facts(self) -> dict[str, Any]:
        sizes = {"visible": self.n_visible, "hidden": self.n_hidden}
        return {**sizes, "dtype": str(self.W.dtype), "weight_norm": weight_norm(self.W)}

    def _visible_energy(self, v: Array) -> Array:
        return -(v @ self.vbias)

    def _visible_statistic(self, v: Array) -> Array:
        """-dE/dvbias: what the visible biases' gradient averages."""
        return v

    def _times(self, x: Array, weights: Array, side: str) -> Array:
        if x.shape[-1] != weights.shape[0]:
            raise ValueError(
                f"batch has {x.shape[-1]} columns, the RBM has {weights.shape[0]} {side} units; "
                "was it built for another data set or layer?"
            )
        return matmul(x, weights)


@dataclass(repr=False)
class GaussianRBM(RBM):
    """Gaussian visible units: E(v, h) = |v - vbias|^2 / (2 variance) - hbias.h - v'Wh.

    So p(h | v) is that of binary units, and p(v | h) = N(vbias + variance * W h, variance). Learning rates are 10 to
    100 times smaller than for binary units (Hinton 2010, section 13.2).

    Parameters
    ----------
    W, vbias, hbias : arrays
        As in `RBM`.
    variance : float
        Of each visible unit given the hidden ones, not learned: somewhat below that of the data.

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
        """Means of the visible units, variance * h W' + vbias: (..., H) -> (..., V)."""
        return self.variance * self._times(h, self.weights_back, "hidden") + self.vbias

    def mean_v_given_h(self, h: Array) -> Array:
        return self.input_to_v(h)

    def sample_v_given_h(self, h: Array, *, rng: Any) -> Array:
        mean = self.input_to_v(h)
        mean += self._noise(mean.shape, rng)
        return mean

    def random_v(self, shape: tuple[int, ...], *, rng: Any) -> Array:
        """Noise to start chains from: N(vbias, variance), `shape` (..., V)."""
        return self._noise(shape, rng) + self.vbias

    def _facts(self) -> dict[str, Any]:
        return {**super()._facts(), "variance": self.variance}

    def hidden_free_energy(self, h: Array) -> Array:
        drive = self._times(h, self.weights_back, "hidden")  # -|v - b|^2 / (2 variance) + v.drive, integrated over v
        gaussian = 0.5 * self.n_visible * math.log(2 * math.pi * self.variance)
        return -(drive @ self.vbias) - 0.5 * self.variance * (drive * drive).sum(axis=-1) - gaussian - h @ self.hbias

    def _visible_energy(self, v: Array) -> Array:
        return ((v - self.vbias) ** 2).sum(axis=-1) / (2 * self.variance)

    def _visible_statistic(self, v: Array) -> Array:
        return (v - self.vbias) / self.variance

    def _noise(self, shape: tuple[int, ...], rng: Any) -> Array:
        return math.sqrt(self.variance) * check_rng(rng).standard_normal(shape, dtype=self.W.dtype)


def gibbs(rbm: Machine, v: Array, steps: int, *, rng: Any) -> Array:
    """Run `steps` full Gibbs sweeps v -> h -> v from the states `v` (B, V); `v` is left unchanged."""
    check_value("steps", steps, int, "[0, inf)")
    rbm = rbm.for_sampling()
    for _ in range(steps):
        v = rbm.sample_v_given_h(rbm.sample_h_given_v(v, rng=rng), rng=rng)
    return v


def clamp(rbm: RBM, unit: int) -> RBM:
    """The RBM over v and the other hidden units, given that hidden `unit` is on.

    Exact: p(v, h_rest | h_unit = 1) is the RBM without that unit whose visible biases are what that unit alone puts
    in: vbias + W[:, unit], or vbias + variance * W[:, unit] of Gaussian units.
    """
    if not 0 <= unit < rbm.n_hidden:
        raise ValueError(f"unit must lie in 0 to {rbm.n_hidden - 1}, got {unit}")
    rest = [j for j in range(rbm.n_hidden) if j != unit]
    alone = array_module(rbm.W).zeros(rbm.n_hidden, dtype=rbm.W.dtype)
    alone[unit] = 1
    return replace(rbm, W=rbm.W[:, rest], vbias=rbm.input_to_v(alone), hbias=rbm.hbias[rest])
