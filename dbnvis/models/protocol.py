"""What a model must offer: to be looked into (`Model`), and what more where a method asks for it.

Any class with these attributes will do; it need not inherit from anything here. `isinstance(model, Generative)` asks
whether all are there. It computes the properties among them, so ask once, outside loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeGuard, runtime_checkable

from ..backend import Array
from .layers import Network
from .rbm import RBM, Machine
from .spatial import ReceptiveField
from .units import Position, unit_at


@runtime_checkable
class Model(Protocol):
    """Named layers of units above images of a known shape: all that visualizers, scores and views of units need."""

    @property
    def network(self) -> Network:
        """Images (..., *input_shape) -> units, differentiable.

        Every layer NAME has two addresses: "NAME.pre", the pre-activations (..., *layer_shape(NAME)), computed by a
        layer with weights that can `select` units, and "NAME", the activations, of the same shape.
        """
        ...

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one image: (H, W), (C, H, W), or (V,) of no picture."""
        ...

    @property
    def input_range(self) -> tuple[float, float]:
        """Lowest and highest pixel; infinite where pixels have no bound."""
        ...

    @property
    def input_norm(self) -> float | None:
        """Mean Euclidean norm of the training images, at which pictures are scored; None where not known."""
        ...

    @property
    def xp(self) -> Any:
        """The array library the parameters live in, numpy or cupy."""
        ...

    @property
    def dtype(self) -> Any:
        """NumPy dtype of the parameters, float32 or float64."""
        ...

    @property
    def layer_names(self) -> Sequence[str]:
        """From the input upwards."""
        ...

    def layer_shape(self, layer: str) -> tuple[int, ...]:
        """(units,) of a dense layer, (channels, rows, columns) of one of maps; KeyError for another name."""
        ...


@runtime_checkable
class Spatial(Model, Protocol):
    """A model with layers of maps, whose units see a part of the image each."""

    def receptive_field(self, layer: str, position: Position = None) -> ReceptiveField:
        """What a unit of `layer` sees of the image: at `position` (default: the centre), or "mean" of its map."""
        ...


@runtime_checkable
class Stacked(Model, Protocol):
    """A model whose layers are trained one after the other, each a part of its own."""

    @property
    def parts(self) -> Sequence[Any]:
        """From the input upwards; each has `params()`, arrays by name."""
        ...

    @property
    def sizes(self) -> Sequence[int]:
        """Units of each layer, from the pixels upwards."""
        ...

    def depth(self, layer: str) -> int:
        """1 for the lowest layer; KeyError for a name that no layer has."""
        ...

    def encode(self, v: Array, layer: str) -> Array:
        """Mean-field pass up: images (B, *input_shape) -> (B, *layer_shape)."""
        ...


@runtime_checkable
class Generative(Stacked, Protocol):
    """A stack of Boltzmann machines: images are drawn by Gibbs sampling in one and a directed pass down."""

    @property
    def rbms(self) -> Sequence[Machine]:
        """From the input upwards, units in rows; hidden unit j of the machine under a layer is its unit number j."""
        ...

    def visible(self, v: Array, layer: str) -> Array:
        """What the machine under `layer` sees of images (B, ...): pixels, or means of the layer below, (B, V)."""
        ...

    def decode(self, h: Array, layer: str) -> Array:
        """Mean-field pass down: states of `layer` (..., H) -> pixel means (..., *input_shape)."""
        ...

    def sample_decode(self, h: Array, layer: str, *, rng: Any) -> Array:
        """Ancestral pass down, states drawn on the way: of `layer` (..., H) -> pixel means (..., *input_shape)."""
        ...

    def sample(self, n: int, layer: str, steps: int, *, rng: Any, start: Array | None = None) -> Array:
        """Pixel means (n, *input_shape) at the end of `steps` free Gibbs sweeps in the machine under `layer`."""
        ...


def spatial(model: Model) -> Spatial:
    """`model`; TypeError if it is no `Spatial`."""
    if isinstance(model, Spatial):
        return model
    raise TypeError(f"expected a model with layers of maps, such as ConvNet, got {type(model).__name__}")


def stacked(model: Model) -> Stacked:
    """`model`; TypeError if it is no `Stacked`."""
    if isinstance(model, Stacked):
        return model
    raise TypeError(f"expected a model trained layer by layer, such as DBN, got {type(model).__name__}")


def generative(model: Model) -> Generative:
    """`model`; TypeError if it is no `Generative`."""
    if isinstance(model, Generative):
        return model
    raise TypeError(f"expected a model that draws images, such as DBN, got {type(model).__name__}")


class DeepBelief(Generative, Protocol):
    """A stack of fully connected RBMs; `fully_connected` asks for it."""

    @property
    def rbms(self) -> list[RBM]: ...


def fully_connected(model: Any) -> TypeGuard[DeepBelief]:
    """Whether a model's machines are all `RBM`: what annealing, tempering and an exact draw from p(x) take."""
    return isinstance(model, Generative) and all(isinstance(rbm, RBM) for rbm in model.rbms)


def parts(model: Model) -> Sequence[Any]:
    """What has `params()`: the RBMs or autoencoders of a stack, or the one network of another model."""
    return model.parts if isinstance(model, Stacked) else [model.network]


def pixels_seen(model: Model, layer: str, number: int) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Where in images (..., *input_shape) are the pixels that the unit of this number sees, and the shape of that part.

    The others change nothing.
    """
    shape = tuple(model.input_shape)
    if not isinstance(model, Spatial) or len(model.layer_shape(layer)) == 1:
        return (...,), shape
    rows, columns = model.receptive_field(layer, unit_at(model, layer, number).position).slices
    return (..., rows, columns), (*shape[:-2], rows.stop - rows.start, columns.stop - columns.start)
