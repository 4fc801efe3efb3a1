"""The training images that activate a unit most, and their mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Array, array_module
from ..evaluate.scores import pre_activations
from ..images import images_of
from ..models.protocol import Model
from ..models.units import Unit, as_units
from ..settings import check_settings
from .visualizer import UnitImages, check_applies, unit_images


@dataclass(frozen=True)
class TopImages:
    """Mean of the k training images of highest pre-activation, then those images, best first.

    Ranked by pre-activation at the images as they are: sigmoid outputs saturate at 1 and would tie. Equal
    responses keep the order of the data set. `extras["rows"]` (U, k) says which images they are.
    """

    title: ClassVar[str] = "mean of the top images"
    symmetric: ClassVar[bool] = False
    roles: ClassVar[tuple[str, str]] = ("mean", "image")

    k: int = 9
    """Images per unit."""

    def __post_init__(self) -> None:
        check_settings(self)

    def why_not(self, model: Model, images: Array | None) -> str | None:
        if images is None:
            return "TopImages needs training images; pass images=... (or a data set on the command line)"
        return None

    def together(self, model: Model) -> int:
        """All units of a layer: one pass over the images serves them."""
        return 2**63

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any = None, images: Array | None = None
    ) -> UnitImages:
        """Find the top images of `units` of one layer; see `UnitImages`. `rng` is not used.

        Raises
        ------
        NotApplicable
            If there are no images.
        ValueError
            If there are fewer than k.
        """
        layer, indices = as_units(model, units)
        check_applies(self, model, images)
        images = images_of(model, images)
        if not 1 <= self.k <= len(images):
            raise ValueError(f"k must lie between 1 and the {len(images)} images, got {self.k}")
        xp = model.xp
        pre = pre_activations(model, layer, images, indices)  # (N, U)
        rows = xp.stack([_highest(own, self.k) for own in pre.T])  # (U, k)
        top = images[rows]  # (U, k, *shape)
        pictures = xp.concatenate([top.mean(axis=1, keepdims=True), top], axis=1)
        return unit_images(self, model, layer, indices, pictures, extras={"rows": rows})


def _highest(values: Array, k: int) -> Array:
    """Where the `k` highest of (N,) are, in descending order, equal ones as they come: (k,)."""
    xp = array_module(values)
    falling = -values
    last = xp.partition(falling, k - 1)[k - 1]
    (among,) = xp.nonzero((falling <= last) | xp.isnan(last))
    return among[xp.argsort(falling[among], kind="stable")[:k]]
