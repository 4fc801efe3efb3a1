"""Weighted linear combination of the strongest lower-layer filters.

References
----------
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from ..backend import Array, array_module
from ..models.protocol import Model
from ..models.units import Unit, as_units, one_hot
from ..settings import check_settings
from .visualizer import UnitImages, unit_images


def combined_inputs(model: Model) -> list[int]:
    """Inputs of a unit of every layer whose strongest weights are combined, or of the only layer's outputs."""
    _, *uppers = weights = list(model.network.weights.values())
    return [W[0].size if W.ndim > 2 else len(W) for W in uppers] or [weights[0].shape[-1]]


@dataclass(frozen=True)
class FilterCombination:
    """Draw a unit as the sum of the pictures of the k lower units it is most strongly linked to.

    The picture of a first-layer unit is its filter; that of a unit above is the sum, over its k strongest
    incoming weights, of weight times picture, layer by layer. Non-linearities and biases are ignored. In a
    convolutional network the lower units of a channel are the weights of its kernel, each at its place, and what is
    drawn below max-pooling is spread evenly over the window; the unit's receptive field stands where it is.
    """

    title: ClassVar[str] = "linear combination of filters"
    symmetric: ClassVar[bool] = True
    roles: ClassVar[tuple[str, str]] = ("sum", "sum")

    k: int | None = 100
    """Lower units kept per unit (Erhan et al. 2009 keep 100); None: all of them."""
    rank: Literal["magnitude", "positive"] = "magnitude"
    """magnitude: the k largest |weight|, both signs; positive: the k largest weights, negative ones left out."""

    def __post_init__(self) -> None:
        check_settings(self)

    def why_not(self, model: Model, images: Array | None) -> str | None:
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any = None, images: Array | None = None
    ) -> UnitImages:
        """Draw `units` of one layer; see `UnitImages`. `rng` is not used.

        Raises
        ------
        ValueError
            If k is not between 1 and the size of every layer combined, or a unit does not exist.
        """
        layer, indices = as_units(model, units)
        network = model.network.upto(f"{layer}.pre")
        _, *uppers = network.weights.items()  # the first layer's filters are drawn whole
        strongest: dict[str, Any] = {
            name: replace(network.layers[name], W=self._strongest(W, name))  # type: ignore[type-var]
            for name, W in uppers
        }
        xp = model.xp
        outputs = xp.stack([one_hot(model, layer, number) for number in indices])  # (U, *layer_shape)
        # One matrix product per unit, so that a picture does not depend on the company it is in.
        drawing = replace(network, layers={**network.layers, **strongest})
        pictures = drawing.transpose(outputs[:, None])[:, 0]
        empty = (pictures == 0).all(axis=tuple(range(1, pictures.ndim)))
        pictures[empty] = float("nan")
        notes = ["dead: no weight to combine" if e else "" for e in empty.tolist()]
        return unit_images(self, model, layer, indices, pictures[:, None], notes=notes)

    def _strongest(self, W: Array, name: str) -> Array:
        """`W`, (n_in, n_out) or kernels (O, I, kh, kw), with all but each unit's k strongest weights set to zero."""
        xp = array_module(W)
        if W.ndim > 2:
            return self._strongest(W.reshape(len(W), -1).T, name).T.reshape(W.shape)
        k = len(W) if self.k is None else self.k
        if not 1 <= k <= len(W):
            raise ValueError(f"k must lie between 1 and {len(W)}, the inputs of {name.removesuffix('.pre')}; got {k}")
        strength = xp.abs(W) if self.rank == "magnitude" else xp.maximum(W, 0)
        rank = xp.argsort(xp.argsort(-strength, axis=0, kind="stable"), axis=0, kind="stable")  # 0 is the strongest
        return xp.where((rank < k) & (strength > 0), W, 0).astype(W.dtype)
