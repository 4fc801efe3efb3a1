"""The address of a unit, `h3:17` or `conv2:5@3,4`, and its number in its layer.

A dense unit's number is its index. The units of a layer of maps are its channels at its positions, numbered position by
position, row by row, from 0: (row * columns + column) * channels + channel; after the last position come the channels'
means.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import total_ordering
from itertools import groupby, pairwise
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from ..backend import Array
from ..settings import shown

if TYPE_CHECKING:
    from .protocol import Model

PART = 96  # units of a part, about: between two steps of a progress bar

#: (row, column) of a channel's map, "mean" over the map; None: its centre.
Position = tuple[int, int] | Literal["mean"] | None


@total_ordering
@dataclass(frozen=True)
class Unit:
    """One hidden unit, written `h3:17`: layer `h3`, index 17 (from 0).

    Of a convolutional layer the index is the channel, and `position` says where: `conv2:5` at the centre of its map,
    `conv2:5@3,4` in row 3, column 4, `conv2:5@mean` over the map. `output:3` is a class's score before softmax.
    """

    layer: str
    index: int
    position: Position = None

    def __repr__(self) -> str:
        return f"Unit({self.layer!r}, {self.index}{'' if self.position is None else f', {self.position!r}'})"

    def __str__(self) -> str:
        position = ",".join(map(str, self.position)) if isinstance(self.position, tuple) else self.position
        return f"{self.layer}:{self.index}{'' if position is None else f'@{position}'}"

    def __lt__(self, other: Unit) -> bool:
        return self._order() < other._order()

    def _order(self) -> tuple[Any, ...]:
        at = self.position if isinstance(self.position, tuple) else ()
        return self.layer, self.index, self.position == "mean", at

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read `h3:17`, `conv2:5@3,4` or `conv2:5@mean`; ValueError for anything else."""
        match = isinstance(text, str) and re.fullmatch(r"\s*(\w+):(\d+)(?:@(mean|(\d+),(\d+)))?\s*", text)
        if not match:
            raise ValueError(
                f"a unit is written LAYER:INDEX, such as h3:17; got {shown(text)} (a channel of a convolutional layer "
                "may have a position, conv2:5@3,4, or @mean)"
            )
        layer, index, position, row, column = match.groups()
        if row is None:
            return cls(layer, int(index), "mean" if position else None)
        return cls(layer, int(index), (int(row), int(column)))


def centre(shape: Sequence[int]) -> tuple[int, int]:
    """The middle position of maps (channels, rows, columns); of an even number the later of the two."""
    return shape[1] // 2, shape[2] // 2


def unit_number(shape: Sequence[int], index: int, position: Position = None) -> int:
    """Number of a unit in a layer of `shape`, (channels, rows, columns) or (units,)."""
    if len(shape) == 1:
        return index
    channels, rows, columns = shape
    if position == "mean":
        return rows * columns * channels + index
    row, column = centre(shape) if position is None else position
    return (row * columns + column) * channels + index


def unit_place(shape: Sequence[int], number: int) -> tuple[int, Position]:
    """`unit_number` read backwards: index and position, which is None at the centre and in a dense layer."""
    if len(shape) == 1:
        return number, None
    channels, rows, columns = shape
    place, index = divmod(number, channels)
    position = divmod(place, columns)
    return index, "mean" if place == rows * columns else None if position == centre(shape) else position


def central_units(shape: Sequence[int]) -> list[int]:
    """Numbers of the units of a layer of `shape` that are addressed without position."""
    return [unit_number(shape, index) for index in range(shape[0])]


def parse_units(units: Sequence[Unit | str] | Unit | str) -> list[Unit]:
    """`units`, each of which may be written as `Unit.parse` reads it; a single one is a list of one."""
    if isinstance(units, (Unit, str)):
        units = [units]
    elif not isinstance(units, Iterable):
        raise ValueError(f"expected units such as ['h3:17'], got {shown(units)}")
    return [unit if isinstance(unit, Unit) else Unit.parse(unit) for unit in units]


def as_units(model: Model, units: Sequence[Unit | str] | Unit | str) -> tuple[str, list[int]]:
    """Check `units` against `model`: their common layer and their numbers in it.

    Raises
    ------
    ValueError
        If there are none, they lie in several layers, or an index or position is beyond the layer; the message
        lists what exists.
    KeyError
        If the layer does not exist.
    """
    parsed = parse_units(units)
    layers = sorted({unit.layer for unit in parsed})
    if len(layers) != 1:
        raise ValueError(f"expected units of one layer, got {', '.join(layers) if layers else 'no unit'}")
    layer = layers[0]
    if layer not in model.layer_names:
        nearest = get_close_matches(layer.lower(), model.layer_names, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise KeyError(f"no layer {layer!r}; the model has {', '.join(model.layer_names)}{hint}")
    size, *maps = shape = model.layer_shape(layer)
    for unit in parsed:
        if not (isinstance(unit.index, Integral) and 0 <= unit.index < size):
            raise ValueError(f"no unit {unit}; layer {layer} has units {layer}:0 to {layer}:{size - 1}")
        if unit.position is not None and not maps:
            raise ValueError(f"no unit {unit}; the units of layer {layer} are dense and have no positions")
        if isinstance(unit.position, tuple) and not all(0 <= p < n for p, n in zip(unit.position, maps, strict=True)):
            raise ValueError(f"no unit {unit}; layer {layer} has positions 0,0 to {maps[0] - 1},{maps[1] - 1}")
    return layer, [unit_number(shape, unit.index, unit.position) for unit in parsed]


def channel_at(model: Model, layer: str, index: int, flat: int) -> Unit:
    """The unit of channel `index` at the flat position `flat` of its map; a dense unit has none."""
    shape = model.layer_shape(layer)
    return Unit(layer, index) if len(shape) == 1 else Unit(layer, index, divmod(flat, shape[-1]))


def unit_at(model: Model, layer: str, number: int) -> Unit:
    """The unit of `layer` with this number; at the centre of its map it is written without position."""
    return Unit(layer, *unit_place(model.layer_shape(layer), number))


def one_hot(model: Model, layer: str, number: int) -> Array:
    """1 at the unit of this number, 0 elsewhere: *layer_shape; a channel's mean is spread evenly over its map."""
    shape = model.layer_shape(layer)
    index, position = unit_place(shape, number)
    y = model.xp.zeros(shape, dtype=model.dtype)
    if len(shape) == 1:
        y[index] = 1
    elif position == "mean":
        y[index] = 1 / (shape[1] * shape[2])
    else:
        row, column = position or centre(shape)
        y[index, row, column] = 1
    return y


def neighbours(model: Model, layer: str, number: int, size: int) -> range:
    """Numbers of the block of at most `size` units, at the same position, that unit `number` belongs to."""
    channels = model.layer_shape(layer)[0]
    index = number % channels
    first, end = number - index % size, number - index + channels
    return range(first, min(first + size, end))


def unit_parts(units: Sequence[Unit], ranks: int = 1, together: int = 1) -> list[list[Unit]]:
    """`units` of one layer in parts of about `PART` at the most, as many for each rank and about equally large.

    Neighbours in blocks of `together` indices stay together.
    """
    blocks = [list(block) for _, block in groupby(units, key=lambda unit: unit.index // together)]
    n = min(len(blocks), -(-len(units) // PART // ranks) * ranks)
    bounds = [len(blocks) * i // n for i in range(n + 1)]
    return [[unit for block in blocks[start:stop] for unit in block] for start, stop in pairwise(bounds)]
