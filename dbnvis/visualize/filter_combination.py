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
from ..layers import Network
from .base import Unit, UnitImages, as_units, check_choices, unit_images


@dataclass(frozen=True)
class FilterCombination:
    """Draw a unit as the sum of the pictures of the k lower units it is most strongly linked to.

    The picture of a first-layer unit is its filter; that of a unit above is the sum, over its k strongest
    incoming weights, of weight times picture, layer by layer. Non-linearities and biases are ignored.
    """

    title: ClassVar[str] = "linear combination of filters"
    needs_images: ClassVar[bool] = False
    needs_sampling: ClassVar[bool] = False
    symmetric: ClassVar[bool] = True

    k: int | None = 100
    """Lower units kept per unit (Erhan et al. 2009 keep 100); all of them if absent."""
    rank: Literal["magnitude", "positive"] = "magnitude"
    """magnitude: the k largest |weight|, both signs; positive: the k largest weights, negative ones left out."""

    def __call__(
        self, model: Any, units: Sequence[Unit | str], *, rng: Any = None, images: Array | None = None
    ) -> UnitImages:
        """Draw `units` of one layer; see `UnitImages`. `rng` is not used.

        Raises
        ------
        ValueError
            If k is not between 1 and the size of every layer combined, or a unit does not exist.
        """
        check_choices(self)
        layer, indices = as_units(model, units)
        network = model.network.upto(f"{layer}.pre")
        names = list(network.layers)
        weighted = [name for name in names if hasattr(network.layers[name], "W")]
        strongest = {
            name: replace(network.layers[name], W=self._strongest(network.layers[name].W, name))
            for name in weighted[1:]  # the first layer's filters are drawn whole
        }
        xp = model.xp
        one_hot = (xp.arange(model.layer_shape(layer)[0]) == xp.asarray(indices)[:, None]).astype(model.dtype)
        # One matrix product per unit, so that a picture does not depend on the company it is in.
        pictures = Network({**network.layers, **strongest}).transpose(one_hot[:, None])[:, 0]
        empty = (pictures == 0).all(axis=tuple(range(1, pictures.ndim)))
        pictures[empty] = float("nan")
        notes = ["dead: no weight to combine" if e else "" for e in empty.tolist()]
        return unit_images(self, model, layer, indices, pictures[:, None], notes=notes)

    def _strongest(self, W: Array, name: str) -> Array:
        """`W` (n_in, n_out) with all but the k strongest weights of each column set to zero."""
        xp = array_module(W)
        k = len(W) if self.k is None else self.k
        if not 1 <= k <= len(W):
            raise ValueError(f"k must lie between 1 and {len(W)}, the inputs of {name.removesuffix('.pre')}; got {k}")
        strength = xp.abs(W) if self.rank == "magnitude" else xp.maximum(W, 0)
        rank = xp.argsort(xp.argsort(-strength, axis=0, kind="stable"), axis=0, kind="stable")  # 0 is the strongest
        return xp.where((rank < k) & (strength > 0), W, 0).astype(W.dtype)
