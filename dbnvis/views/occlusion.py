"""Which parts of an image a unit needs: its response while a patch of the image is covered.

References
----------
Zeiler, Fergus (2014), "Visualizing and understanding convolutional networks", section 4.2 and figure 7: the score of
the class, and the total activation of the map that responds most to the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module
from ..images import UNBOUNDED, as_floats, image_of
from ..models.protocol import Model
from ..models.units import Unit, as_units, one_hot, parse_units
from ..settings import check_settings
from .responses import batch_size, passes

Place = tuple[slice, slice]  # rows and columns that are covered
NOWHERE: Place = (slice(0), slice(0))


@dataclass(frozen=True)
class Occlusion:
    """How an image is covered: a square centred at every `stride`-th pixel, cut at the border."""

    patch: int = 5
    """Side of the square, pixels; of an even one the centre is below and to the right of the middle."""
    stride: int = 1
    """Pixels between two places."""
    fill: float = 0.0
    """Pixel value of the square."""

    def __post_init__(self) -> None:
        check_settings(self, patch="[1, inf)", stride="[1, inf)")

    def covered(self, image: Array) -> Array:
        """Copies of image (..., height, width), one per place: (rows, columns, ..., height, width).

        Raises
        ------
        ValueError
            If the square is larger than the image, or the stride passes over it.
        """
        image = as_floats(image, within=UNBOUNDED)
        grid = self._grid(image)
        copies = self._copies(image, [place for row in grid for place in row])
        return copies.reshape(len(grid), len(grid[0]), *image.shape)

    def _grid(self, image: Array) -> list[list[Place]]:
        """Where the square stands on `image`, by rows; ValueError as of `covered`."""
        height, width = image.shape[-2:]
        if self.patch > min(height, width):
            raise ValueError(f"the patch of {self.patch} x {self.patch} is larger than the image, {height} x {width}")
        if self.stride >= min(height, width):
            raise ValueError(f"the stride must be smaller than the image, {height} x {width}; got {self.stride}")
        tops, lefts = (range(-(self.patch // 2), n - self.patch // 2, self.stride) for n in (height, width))
        rows, columns = ([slice(max(i, 0), i + self.patch) for i in starts] for starts in (tops, lefts))
        return [[(row, column) for column in columns] for row in rows]

    def _copies(self, image: Array, places: Sequence[Place]) -> Array:
        copies = array_module(image).tile(image, (len(places), *(1,) * image.ndim))
        for i, (rows, columns) in enumerate(places):
            copies[i, ..., rows, columns] = self.fill
        return copies

    def __call__(self, model: Model, image: Array, units: Sequence[Unit | str]) -> OcclusionMaps:
        """Cover `image` (*input_shape) and read `units`, of any layers, at their pre-activations.

        See `located` for the position at which a channel responds most to the whole image.
        """
        image = image_of(model, image)
        parsed = tuple(parse_units(units))
        readers = [(f"{unit.layer}.pre", one_hot(model, *_number(model, unit))) for unit in parsed]

        def readings(found: dict[str, Array]) -> Array:
            products = [found[address] * own for address, own in readers]
            return array_module(image).stack([x.reshape(len(x), -1).sum(axis=1) for x in products], axis=1)

        return self._measured(model, image, parsed, [address for address, _ in readers], readings)

    def top_channel(self, model: Model, image: Array, layer: str) -> OcclusionMaps:
        """Cover `image` and sum the activation of the channel of `layer` that responds most to the whole image."""
        image = image_of(model, image)
        whole = next(passes(model, image[None], [layer]))[layer]
        totals = whole.reshape(*whole.shape[:2], -1).sum(axis=-1)[0]
        top = int(totals.argmax())

        def readings(found: dict[str, Array]) -> Array:
            return found[layer][:, top].reshape(len(found[layer]), -1).sum(axis=1)[:, None]

        return self._measured(model, image, (Unit(layer, top),), [layer], readings)

    def _measured(
        self, model: Model, image: Array, units: tuple[Unit, ...], addresses: Sequence[str], readings: Any
    ) -> OcclusionMaps:
        xp, grid, size = array_module(image), self._grid(image), batch_size(model)
        places = [NOWHERE, *(place for row in grid for place in row)]
        parts = []
        for start in range(0, len(places), size):  # all copies at once would take memory as the side's fourth power
            copies = self._copies(image, places[start : start + size])
            parts += [readings(found) for found in passes(model, copies, addresses)]
        values = xp.concatenate(parts)  # (1 + places, U)
        covered = values[1:].reshape(len(grid), len(grid[0]), -1)
        return OcclusionMaps(units, values[0], xp.moveaxis(covered, -1, 0))


def _number(model: Model, unit: Unit) -> tuple[str, int]:
    layer, numbers = as_units(model, [unit])
    return layer, numbers[0]


@dataclass(frozen=True)
class OcclusionMaps:
    """What covering did.

    Parameters
    ----------
    units : tuple of Unit, length U
    whole : array (U,)
        Responses to the whole image.
    covered : array (U, rows, columns)
        Responses while the square stands at each place.
    """

    units: tuple[Unit, ...]
    whole: Array
    covered: Array

    @property
    def drops(self) -> Array:
        """How much the response falls, (U, rows, columns): positive where the unit needs what was covered."""
        return self.whole[:, None, None] - self.covered
