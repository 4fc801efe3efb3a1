"""The first-layer filters that a unit is most strongly linked to.

After the connection grid of pylearn2's `top_filters` (Goodfellow et al. 2013), with unit order, coverage and
normalization made explicit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Array
from ..models.protocol import Model
from ..models.units import Unit, as_units
from ..settings import check_settings
from .visualizer import UnitImages, check_applies, unit_images


@dataclass(frozen=True)
class StrongestConnections:
    """The k first-layer filters of largest |link|, strongest first, drawn as they are: not summed, not flipped.

    The link of a second-layer unit is its weight; that of a unit above is the product of the weight matrices
    in between (W2 W3 ...), and a first-layer unit is linked to its own filter alone. A filter without link is
    not drawn (NaN).
    `extras["links"]` (U, k) holds the signed links, `extras["covered"]` (U, k) which share of the sum of
    all |link| the filters up to here cover, `extras["filters"]` (U, k) which filters they are.
    """

    title: ClassVar[str] = "strongest first-layer filters"
    symmetric: ClassVar[bool] = True
    roles: ClassVar[tuple[str, str]] = ("filter", "filter")

    k: int = 9
    """Filters per unit."""

    def __post_init__(self) -> None:
        check_settings(self)

    def why_not(self, model: Model, images: Array | None) -> str | None:
        if any(len(model.layer_shape(name)) > 1 for name in model.layer_names):
            return (
                "StrongestConnections multiplies the weight matrices of dense layers, and this model has convolutional "
                "ones; use FilterCombination"
            )
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any = None, images: Array | None = None
    ) -> UnitImages:
        """Find the filters of `units` of one layer; see `UnitImages`. `rng` is not used.

        Raises
        ------
        NotApplicable
            If the model has convolutional layers.
        ValueError
            If k is not between 1 and the size of the first layer, or a unit does not exist.
        """
        layer, indices = as_units(model, units)
        check_applies(self, model, images)
        xp = model.xp
        first, *uppers = model.network.upto(f"{layer}.pre").weights.values()
        if not 1 <= self.k <= first.shape[1]:
            raise ValueError(f"k must lie between 1 and {first.shape[1]}, the units of the first layer; got {self.k}")
        links = xp.eye(first.shape[1], dtype=first.dtype)
        for W in uppers:
            links = links @ W
        links = links[:, xp.asarray(indices)].T  # (U, H1)
        filters = xp.argsort(-xp.abs(links), axis=1, kind="stable")[:, : self.k]
        strongest = xp.take_along_axis(links, filters, axis=1)
        total = xp.abs(links).sum(axis=1, keepdims=True)
        covered = xp.cumsum(xp.abs(strongest), axis=1) / xp.where(total > 0, total, 1)
        pictures = xp.where((strongest == 0)[..., None], xp.asarray(float("nan"), dtype=first.dtype), first.T[filters])
        pictures = pictures.reshape(*filters.shape, *model.input_shape)
        extras = {"links": strongest, "covered": covered, "filters": filters}
        return unit_images(self, model, layer, indices, pictures, extras=extras)
