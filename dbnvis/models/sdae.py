"""Denoising autoencoders and stacks of them: what they are, not how they learn.

A denoising autoencoder sends an input through hidden units and back; it is trained to give back the clean input
from a noisy one (`train.denoising`). It defines no distribution of v given h, so nothing can be sampled from it.

References
----------
Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010), "Stacked denoising autoencoders: learning useful
representations in a deep network with a local denoising criterion", JMLR 11.
Glorot, Bengio (2010), "Understanding the difficulty of training deep feedforward neural networks".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from ..backend import Array, array_module, check_rng, logistic_mean, matmul
from ..display import Brief
from ..settings import check_parameters, check_sizes
from .stack import DenseStack


@dataclass(repr=False)
class DAE(Brief):
    """One autoencoder: h = s(v W + hbias), v' = s(h W' + vbias), with s the logistic function.

    Parameters
    ----------
    W : array (V, H)
    vbias : array (V,)
    hbias : array (H,)
    decoder : array (H, V), optional
        Weights of the way back; default: those of the way up, transposed ("tied").
    linear : bool
        v' = h W' + vbias instead, for real-valued input.

    Raises
    ------
    ValueError
        If the shapes disagree.
    """

    W: Array
    vbias: Array
    hbias: Array
    decoder: Array | None = None
    linear: bool = False

    def __post_init__(self) -> None:
        check_parameters(**self.params())
        if self.W.ndim != 2 or self.W.shape != (*self.vbias.shape, *self.hbias.shape):
            raise ValueError(
                f"expected W (V, H), vbias (V,), hbias (H,); got {self.W.shape}, {self.vbias.shape}, {self.hbias.shape}"
            )
        if self.decoder is not None and self.decoder.shape != self.W.shape[::-1]:
            raise ValueError(f"expected a decoder (H, V) = {self.W.shape[::-1]}, got {self.decoder.shape}")

    @classmethod
    def random(
        cls,
        n_visible: int,
        n_hidden: int,
        *,
        rng: Any,
        tied: bool = True,
        linear: bool = False,
        scale: float = 0.1,
        dtype: Any = "float32",
    ) -> DAE:
        """Weights uniform on +-4 scale sqrt(6 / (V + H)), biases 0; on the device of `rng`.

        The range of Glorot & Bengio (2010) is for tanh; logistic units, a quarter as steep at zero, take four times
        as much. With scale 1, which suits backpropagation through many layers, a filter shows the noise that it
        started from long after the layer reconstructs well; layers trained one at a time can do with less.
        """
        bound = 4 * scale * math.sqrt(6 / (n_visible + n_hidden))

        def uniform(*shape: int) -> Array:
            weights = check_rng(rng).random(shape, dtype=dtype)
            weights *= 2 * bound
            weights -= bound
            return weights

        W = uniform(n_visible, n_hidden)
        xp, decoder = array_module(W), None if tied else uniform(n_hidden, n_visible)
        return cls(W, xp.zeros(n_visible, dtype=dtype), xp.zeros(n_hidden, dtype=dtype), decoder, linear)

    @property
    def n_visible(self) -> int:
        return self.W.shape[0]

    @property
    def n_hidden(self) -> int:
        return self.W.shape[1]

    @property
    def tied(self) -> bool:
        return self.decoder is None

    @property
    def weights_back(self) -> Array:
        """(H, V): the decoder, or W transposed."""
        return self.W.T if self.decoder is None else self.decoder

    def params(self) -> dict[str, Array]:
        """Parameters by name, the arrays themselves."""
        tied = {"W": self.W, "vbias": self.vbias, "hbias": self.hbias}
        return tied if self.decoder is None else {**tied, "decoder": self.decoder}

    def encode(self, v: Array, out: Array | None = None) -> Array:
        """Hidden activations: (..., V) -> (..., H)."""
        if v.shape[-1] != self.n_visible:
            raise ValueError(
                f"batch has {v.shape[-1]} columns, the autoencoder has {self.n_visible} visible units; "
                "was it built for another data set or layer?"
            )
        pre = matmul(v, self.W, out=out)
        return logistic_mean(pre, self.hbias, out=pre)

    def decode(self, h: Array, out: Array | None = None) -> Array:
        """What the hidden activations say of the input: (..., H) -> (..., V)."""
        pre = matmul(h, self.weights_back, out=out)
        if not self.linear:
            return logistic_mean(pre, self.vbias, out=pre)
        pre += self.vbias
        return pre


@dataclass(repr=False)
class StackedDAE(DenseStack):
    """Denoising autoencoders on top of each other: the input of each is the hidden activations of the one below.

    Parameters
    ----------
    daes : list of DAE
        From the input upwards.
    input_shape : tuple of int
        Shape of one image; its product is the lowest autoencoder's number of visible units.
    input_range : (float, float)
        Range of the pixels.
    input_norm : float, optional
        Mean Euclidean norm of the training images: the norm at which units are excited and compared.

    Raises
    ------
    ValueError
        If the sizes do not fit together.
    """

    daes: list[DAE]
    input_shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    input_norm: float | None = None

    part_name: ClassVar[str] = "autoencoder"

    @property
    def parts(self) -> list[DAE]:
        return self.daes

    @staticmethod
    def hidden_means(part: DAE, v: Array) -> Array:
        return part.encode(v)

    @classmethod
    def random(
        cls,
        sizes: Sequence[int],
        input_shape: tuple[int, ...],
        *,
        rng: Any,
        tied: bool = True,
        linear: bool = False,
        input_range: tuple[float, float] = (0.0, 1.0),
    ) -> StackedDAE:
        """A stack with `sizes` = (V, H1, H2, ...) units, each layer as of `DAE.random`.

        Parameters
        ----------
        sizes : sequence of int
        input_shape : tuple of int
        rng : numpy or cupy Generator
        tied : bool
            The way back of each layer has the weights of the way up.
        linear : bool
            The output of the lowest layer is linear, for real-valued images.
        input_range : (float, float)

        Raises
        ------
        ValueError
            If a layer is to have no unit.
        """
        check_sizes(*sizes)
        daes = [
            DAE.random(n_in, n_out, rng=rng, tied=tied, linear=linear and i == 0)
            for i, (n_in, n_out) in enumerate(pairwise(sizes))
        ]
        return cls(daes, tuple(input_shape), input_range)
