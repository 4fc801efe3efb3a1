"""Convolutional deep belief networks: a stack of convolutional RBMs.

The pooling units of each are the visible units of the next. Going up uses the machines' hidden biases, going down
from the hidden units of one to the pooling units of the one below its visible biases. Where a pooling unit is on,
which of its detection units is follows from p(v, h | pooling units) of the machine below.

The units of a layer are its detection units, numbered as in `units`: position by position, row by row,
group by group.

References
----------
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from ..backend import Array, array_module
from ..images import floats_of, images_of
from .conv_rbm import ConvRBM
from .convolution import Channels
from .pooling import Detection, Pooling, in_maps, in_rows
from .rbm import gibbs
from .spatial import ReceptiveField, SpatialNetwork, receptive_field
from .stack import Stack
from .units import Position, centre, unit_place

SETTLE = 10  # Gibbs sweeps by which the places of detection units within their blocks find each other
BATCH = 500  # images passed up at once by `encode`


@dataclass(frozen=True)
class Unrolled:
    """A convolutional RBM on images of one size, its units in rows: what `rbm.gibbs` and a visualizer's chains run on.

    Parameters
    ----------
    crbm : ConvRBM
    shape : (int, int, int)
        Channels, rows and columns of an image; visible units are numbered in that order, hidden ones as in the module.
    """

    crbm: ConvRBM
    shape: tuple[int, int, int]

    @property
    def hidden_shape(self) -> tuple[int, int, int]:
        return self.crbm.hidden_shape(self.shape)

    @property
    def n_visible(self) -> int:
        return math.prod(self.shape)

    @property
    def n_hidden(self) -> int:
        return math.prod(self.hidden_shape)

    @property
    def binary(self) -> bool:
        """Whether the visible units are."""
        return self.crbm.binary

    @property
    def variance(self) -> float:
        """Of Gaussian visible units, given the hidden ones; 1 for binary ones, which have none."""
        return getattr(self.crbm, "variance", 1.0)

    def params(self) -> dict[str, Array]:
        return self.crbm.params()

    def for_sampling(self) -> Unrolled:
        return self

    @property
    def vbias(self) -> Array:
        """Of every visible unit, (V,): the channels' own, repeated."""
        biases = self.crbm.vbias[:, None, None]
        return self.rows(biases + array_module(biases).zeros(self.shape, dtype=biases.dtype))

    def input_to_h(self, v: Array) -> Array:
        """Pre-activations of the detection units: (..., V) -> (..., H)."""
        return in_rows(self.crbm.input_to_h(self._maps(v)))

    def input_to_v(self, h: Array) -> Array:
        """Pre-activations of the visible units, of Gaussian ones the means: (..., H) -> (..., V)."""
        return self.rows(self.crbm.input_to_v(in_maps(h, self.hidden_shape)))

    def mean_h_given_v(self, v: Array) -> Array:
        """Means of the detection units: (..., V) -> (..., H)."""
        return in_rows(self.crbm.mean_h_given_v(self._maps(v)))

    def sample_h_given_v(self, v: Array, *, rng: Any) -> Array:
        """Draw h ~ p(h | v): (..., V) -> (..., H)."""
        return in_rows(self.crbm.sample_h_given_v(self._maps(v), rng=rng))

    def mean_v_given_h(self, h: Array) -> Array:
        """E[v | h]: (..., H) -> (..., V)."""
        return self.rows(self.crbm.mean_v_given_h(in_maps(h, self.hidden_shape)))

    def sample_v_given_h(self, h: Array, *, rng: Any) -> Array:
        """Draw v ~ p(v | h): (..., H) -> (..., V)."""
        return self.rows(self.crbm.sample_v_given_h(in_maps(h, self.hidden_shape), rng=rng))

    def random_v(self, shape: tuple[int, ...], *, rng: Any) -> Array:
        """Noise to start chains from, `shape` (..., V)."""
        return self.rows(self.crbm.random_v((*shape[:-1], *self.shape), rng=rng))

    def hold(self, h: Array, units: Sequence[int]) -> None:
        """In the states h[u] (U, ..., H) switch unit `units[u]` on and the others of its block off, in place.

        That is p(h | v, unit on): in its block only one state is left, so its pooling unit is on too; the other blocks
        are independent of it given v. What it does to v is what any detection unit does, so that Gibbs sampling with
        it fixed to 1 draws from p(v, h | unit on).

        Raises
        ------
        ValueError
            If a unit is no single one, but a group's mean.
        """
        for states, unit in zip(h, units, strict=True):
            states[..., self.block(unit)] = 0
            states[..., unit] = 1

    def block(self, unit: int) -> list[int]:
        """The detection units of the block of `unit`, itself first; ValueError for a group's mean."""
        (groups, rows, columns), size = self.hidden_shape, self.crbm.pool
        group, position = unit_place(self.hidden_shape, unit)
        if position == "mean":
            raise ValueError("the mean of a group has no state to hold; give the position of one detection unit")
        row, column = centre(self.hidden_shape) if position is None else position
        first, left = row - row % size, column - column % size
        places = product(range(first, min(first + size, rows)), range(left, min(left + size, columns)))
        return [unit, *((i * columns + j) * groups + group for i, j in places if (i, j) != (row, column))]

    def _maps(self, v: Array) -> Array:
        return v.reshape(*v.shape[:-1], *self.shape)

    def rows(self, v: Array) -> Array:
        """Maps of visible units (..., *shape) as rows (..., V)."""
        return v.reshape(*v.shape[:-3], -1)


@dataclass(repr=False)
class ConvDBN(Stack):
    """A stack of convolutional RBMs, the visible units of each being the pooling units of the one below.

    Parameters
    ----------
    crbms : list of ConvRBM
        From the input upwards; all but the lowest have binary visible units.
    input_shape : tuple of int
        (H, W), or (C, H, W).
    input_range : (float, float)
        Range of the pixels.
    input_norm : float, optional
        Mean Euclidean norm of the training images: the norm at which units are excited and compared.

    Raises
    ------
    ValueError
        If there is none, or the sizes do not fit together.
    """

    crbms: list[ConvRBM]
    input_shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    input_norm: float | None = None

    part_name: ClassVar[str] = "convolutional RBM"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.rbms  # noqa: B018 (the shapes are checked where they are computed)

    @property
    def parts(self) -> list[ConvRBM]:
        return self.crbms

    @property
    def rbms(self) -> list[Unrolled]:
        """The machines with their units in rows, as a `DBN` has them."""
        channels, (rows, columns) = (*self.input_shape[:-2], 1)[0], self.input_shape[-2:]
        shape, found = (channels, rows, columns), []
        for crbm in self.crbms:
            found.append(Unrolled(crbm, shape))
            groups, rows, columns = found[-1].hidden_shape
            shape = groups, -(-rows // crbm.pool), -(-columns // crbm.pool)
        return found

    def layer_shape(self, layer: str) -> tuple[int, int, int]:
        """(K, rows, columns) of the detection units of `layer`."""
        return self.rbms[self.depth(layer) - 1].hidden_shape

    @property
    def network(self) -> SpatialNetwork:
        """The mean-field pass upwards as a differentiable network.

        "h1.pre" are the pre-activations of the detection units, "h1" their probabilities, "p1" those of the pooling
        units, which "h2.pre" sees.
        """
        layers: dict[str, Any] = {"input": Channels(tuple(self.input_shape))}
        for i, rbm in enumerate(self.rbms, start=1):
            layers[f"h{i}.pre"] = rbm.crbm.conv
            layers[f"h{i}"] = Detection(rbm.crbm.pool)
            layers[f"p{i}"] = Pooling(rbm.crbm.pool, rbm.hidden_shape[1:])
        return SpatialNetwork(layers)

    def receptive_field(self, layer: str, position: Position = None) -> ReceptiveField:
        """What a unit sees of the image; see `convnet.receptive_field`."""
        return receptive_field(self, layer, position)

    def encode(self, v: Array, layer: str) -> Array:
        """Mean-field pass up: images (B, V) or (B, *input_shape) -> means of detection units (B, K, rows, columns).

        Floats are taken as they are; integers and the like are images, checked (`images.images_of`).
        """
        return self.passed_up(self.network.upto(layer), v, BATCH)

    def maps(self, v: Array, layer: str) -> Array:
        """What the machine under `layer` sees of images (B, ...): pixels, or means of pooling units, (B, C, H, W)."""
        depth, v = self.depth(layer), floats_of(self, v)
        if depth > 1:
            pooled = self.crbms[depth - 2].pooled(self.encode(v, self.layer_names[depth - 2]))
            v = self.xp.clip(pooled, 0, 1)  # a sum of probabilities may round to above 1
        return v.reshape(len(v), *self.rbms[depth - 1].shape)

    def visible(self, v: Array, layer: str) -> Array:
        """`maps` as rows (B, V)."""
        return self.rbms[self.depth(layer) - 1].rows(self.maps(v, layer))

    def decode(self, h: Array, layer: str) -> Array:
        """Mean-field pass down: detection units (..., K, rows, columns) or (..., H) -> pixel means (..., *input_shape).

        Of a pooling unit that is on, each detection unit has the same share.
        """
        depth, h = self.depth(layer), self._maps(h, layer)
        for i in reversed(range(depth)):
            v = self.crbms[i].mean_v_given_h(h)
            if i:
                h = self.crbms[i - 1].mean_h_given_pool(v, self.rbms[i - 1].hidden_shape)
        return v.reshape(*v.shape[:-3], *self.input_shape)

    def sample_decode(self, h: Array, layer: str, *, rng: Any) -> Array:
        """Ancestral pass down: states are drawn on the way, pixel means are returned.

        Detection units of a lower machine are drawn by 10 Gibbs sweeps of its p(v, h | pooling units). As `decode`.
        """
        depth, h = self.depth(layer), self._maps(h, layer)
        for i in range(depth - 1, 0, -1):
            pool = self.crbms[i].sample_v_given_h(h, rng=rng)
            h = self.crbms[i - 1].sample_h_given_pool(pool, self.rbms[i - 1].hidden_shape, SETTLE, rng=rng)
        v = self.crbms[0].mean_v_given_h(h)
        return v.reshape(*v.shape[:-3], *self.input_shape)

    def sample(self, n: int, layer: str, steps: int, *, rng: Any, start: Array | None = None) -> Array:
        """Fantasies: `n` images from free Gibbs chains in the machine under `layer`, decoded to the pixels.

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
        rbm = self.rbms[self.depth(layer) - 1]
        if start is None:
            v = rbm.random_v((n, rbm.n_visible), rng=rng)
        elif len(start) != n:
            raise ValueError(f"expected {n} start images, got {len(start)}")
        else:
            v = rbm.crbm.sample_v(self.visible(images_of(self, start, "start"), layer), rng=rng)
        v = gibbs(rbm, v, steps, rng=rng)
        return self.sample_decode(rbm.sample_h_given_v(v, rng=rng), layer, rng=rng)

    def _maps(self, h: Array, layer: str) -> Array:
        shape = self.layer_shape(layer)
        return h if h.shape[-3:] == shape else in_maps(h, shape)
