"""Deep belief networks: a stack of RBMs.

Going up uses hidden biases, going down visible biases. `encode` and `decode` carry means, the mean-field
passes; `sample_decode` carries binary states and returns the pixel means of the last step.

References
----------
Hinton, Osindero, Teh (2006), "A fast learning algorithm for deep belief nets".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from ..backend import Array
from ..images import floats_of, images_of
from ..settings import check_sizes, check_value
from .rbm import RBM, GaussianRBM, gibbs
from .stack import DenseStack


@dataclass(repr=False)
class DBN(DenseStack):
    """A stack of RBMs, the visible units of each being the hidden units of the one below.

    Parameters
    ----------
    rbms : list of RBM
        From the input upwards.
    input_shape : tuple of int
        Shape of one image; its product is the lowest RBM's number of visible units.
    input_range : (float, float)
        Range of the pixels.
    input_norm : float, optional
        Mean Euclidean norm of the training images: the norm at which units are excited and compared.

    Raises
    ------
    ValueError
        If the sizes do not fit together.
    """

    rbms: list[RBM]
    input_shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    input_norm: float | None = None

    part_name: ClassVar[str] = "RBM"

    @property
    def parts(self) -> list[RBM]:
        return self.rbms

    @staticmethod
    def hidden_means(part: RBM, v: Array) -> Array:
        return part.mean_h_given_v(v)

    @classmethod
    def random(
        cls,
        sizes: Sequence[int],
        input_shape: tuple[int, ...],
        *,
        rng: Any,
        variance: float | None = None,
        input_range: tuple[float, float] = (0.0, 1.0),
    ) -> DBN:
        """A DBN with `sizes` = (V, H1, H2, ...) units, weights N(0, 0.01^2), biases 0.

        Above Gaussian visible units the weights are N(0, (0.01 / variance)^2): what a hidden unit adds to the mean of a
        visible one is then N(0, 0.01^2), whatever the variance.

        Parameters
        ----------
        sizes : sequence of int
        input_shape : tuple of int
        rng : numpy or cupy Generator
        variance : float, optional
            The visible units are Gaussian of that variance; default: binary.
        input_range : (float, float)

        Raises
        ------
        ValueError
            If a layer is to have no unit, or the variance is not positive.
        """
        check_sizes(*sizes)
        rbms = [RBM.random(n_in, n_out, rng=rng) for n_in, n_out in pairwise(sizes)]
        if variance is not None:
            rbms[0] = GaussianRBM(**rbms[0].params(), variance=variance)
            rbms[0].W /= variance
        return cls(rbms, tuple(input_shape), input_range)

    def visible(self, v: Array, layer: str) -> Array:
        """What the RBM under `layer` sees of images (B, ...): pixels, or means of the layer below, (B, V)."""
        v, depth = floats_of(self, v), self.depth(layer)
        return v.reshape(len(v), -1) if depth == 1 else self.encode(v, self.layer_names[depth - 2])

    def decode(self, h: Array, layer: str) -> Array:
        """Mean-field pass down: states of `layer` (..., H) -> pixel means (..., *input_shape)."""
        for rbm in reversed(self.rbms[: self.depth(layer)]):
            h = rbm.mean_v_given_h(h)
        return h.reshape(*h.shape[:-1], *self.input_shape)

    def sample_decode(self, h: Array, layer: str, *, rng: Any) -> Array:
        """Ancestral pass down: binary states are drawn on the way, pixel means are returned.

        States of `layer` (..., H) -> pixel means (..., *input_shape).
        """
        lowest, *uppers = self.rbms[: self.depth(layer)]
        for rbm in reversed(uppers):
            h = rbm.sample_v_given_h(h, rng=rng)
        x = lowest.mean_v_given_h(h)
        return x.reshape(*x.shape[:-1], *self.input_shape)

    def sample(self, n: int, layer: str, steps: int, *, rng: Any, start: Array | None = None) -> Array:
        """Fantasies: `n` images from free Gibbs chains in the RBM under `layer`, decoded to the pixels.

        Parameters
        ----------
        n : int
        layer : str
        steps : int
            Gibbs sweeps of each chain.
        rng : numpy or cupy Generator
        start : array (n, *input_shape), optional
            Images to start the chains from; default: noise.

        Returns
        -------
        array (n, *input_shape)
            Pixel means.

        Raises
        ------
        ValueError
            If `start` does not hold `n` images.
        """
        check_value("n", n, int, "[1, inf)")
        depth = self.depth(layer)
        rbm = self.rbms[depth - 1]
        if start is None:
            v = rbm.random_v((n, rbm.n_visible), rng=rng)
        else:
            v = images_of(self, start, "start").reshape(-1, self.rbms[0].n_visible)
            if len(v) != n:
                raise ValueError(f"expected {n} start images, got {len(v)}")
            for lower in self.rbms[: depth - 1]:
                v = lower.sample_h_given_v(v, rng=rng)
        v = gibbs(rbm, v, steps, rng=rng)
        return self.sample_decode(rbm.sample_h_given_v(v, rng=rng), layer, rng=rng)
