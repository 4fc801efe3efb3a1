"""What all visualizers share: the address of a unit, and the pictures a method returns for units."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from functools import total_ordering
from numbers import Integral
from typing import Any, ClassVar, Protocol

from ..backend import Array, array_module, make_rng, to_numpy
from ..evaluate.scores import unit_scores
from ..models.spatial import Position, centre, unit_number, unit_place
from ..settings import shown
from ..system.memory import check_memory

MEMORY = 256 * 2**20  # bytes that the arrays of a chunk of units may take


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


@dataclass(frozen=True)
class UnitImages:
    """The pictures that one method gives for units of one layer.

    Parameters
    ----------
    images : NumPy array (U, S, *input_shape)
        `images[:, 0]` is the method's picture of each unit; the others are what it rests on: further starts,
        samples, single training images. NaN where there is nothing to draw (see `notes`).
    scores : NumPy array (U, S)
        Pre-activation of the unit at the picture rescaled to the data's mean norm (`evaluate.scores`).
    settings : dict
        The method's name and settings, resolved.
    units : tuple of Unit, length U
    notes : tuple of str, length U
        A word where a unit needs one ("dead: ..."), else "".
    extras : dict of NumPy array
        What else the method measured, by name, first axis U.
    """

    images: Array
    scores: Array
    settings: dict[str, Any]
    units: tuple[Unit, ...] = ()
    notes: tuple[str, ...] = ()
    extras: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def join(cls, parts: Sequence[UnitImages]) -> UnitImages:
        """One result from those of several groups of units, same method and settings."""
        xp = array_module(parts[0].images)
        return cls(
            units=tuple(unit for part in parts for unit in part.units),
            images=xp.concatenate([part.images for part in parts]),
            scores=xp.concatenate([part.scores for part in parts]),
            settings=parts[0].settings,
            notes=tuple(note for part in parts for note in part.notes),
            extras={name: xp.concatenate([part.extras[name] for part in parts]) for name in parts[0].extras},
        )

    @property
    def layer(self) -> str:
        return self.units[0].layer

    @property
    def indices(self) -> list[int]:
        return [unit.index for unit in self.units]


class Visualizer(Protocol):
    """A method: frozen settings, called on a model and units of one layer.

    `images` are training images (N, *input_shape) on the model's device, for the methods that need some
    (`needs_images`); `needs_sampling` methods draw from p(v | h), which only some models have (`sample_decode`).
    """

    title: ClassVar[str]
    needs_images: ClassVar[bool]
    needs_sampling: ClassVar[bool]
    symmetric: ClassVar[bool]
    """Pictures have both signs, zero is mid-grey; otherwise they are pixels in the input range."""

    def __call__(
        self, model: Any, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages: ...


def parse_units(units: Sequence[Unit | str] | Unit | str) -> list[Unit]:
    """`units`, each of which may be written as `Unit.parse` reads it; a single one is a list of one."""
    if isinstance(units, (Unit, str)):
        units = [units]
    elif not isinstance(units, Iterable):
        raise ValueError(f"expected units such as ['h3:17'], got {shown(units)}")
    return [unit if isinstance(unit, Unit) else Unit.parse(unit) for unit in units]


def as_units(model: Any, units: Sequence[Unit | str] | Unit | str) -> tuple[str, list[int]]:
    """Check `units` against `model`: their common layer and their numbers in it.

    A dense unit's number is its index; that of a channel at a position is in `convnet`.

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


def unit_at(model: Any, layer: str, number: int) -> Unit:
    """The unit of `layer` with this number; at the centre of its map it is written without position."""
    return Unit(layer, *unit_place(model.layer_shape(layer), number))


def one_hot(model: Any, layer: str, number: int) -> Array:
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


def neighbours(model: Any, layer: str, number: int, size: int) -> range:
    """Numbers of the block of at most `size` units, at the same position, that unit `number` belongs to."""
    channels = model.layer_shape(layer)[0]
    index = number % channels
    first, end = number - index % size, number - index + channels
    return range(first, min(first + size, end))


def unit_images(
    method: Any,
    model: Any,
    layer: str,
    indices: Sequence[int],
    images: Array,
    *,
    notes: Sequence[str] | None = None,
    extras: dict[str, Array] | None = None,
    **resolved: Any,
) -> UnitImages:
    """Score `images` (U, S, *input_shape) on the model's device and bring everything to the host."""
    settings = {"method": type(method).__name__, **asdict(method), **resolved}
    return UnitImages(
        units=tuple(unit_at(model, layer, int(index)) for index in indices),
        images=to_numpy(images),
        scores=to_numpy(unit_scores(model, layer, indices, images)),
        settings=settings,
        notes=tuple(notes) if notes is not None else ("",) * len(indices),
        extras={name: to_numpy(value) for name, value in (extras or {}).items()},
    )


def unit_rngs(model: Any, layer: str, indices: Sequence[int], *, seed: int) -> list[Any]:
    """A generator for each unit, a function of `seed` and the unit alone.

    So a unit's picture does not depend on which other units were asked for, nor on how they were chunked.
    """
    return [make_rng(model.xp, seed, model.layer_names.index(layer), index) for index in indices]


def chunks(n_units: int, bytes_per_unit: int) -> Iterator[slice]:
    """Slices of units whose arrays fit into `MEMORY`; ValueError if those of one unit do not fit into the machine."""
    check_memory(bytes_per_unit, "one unit")
    size = max(1, MEMORY // bytes_per_unit)
    for start in range(0, n_units, size):
        yield slice(start, min(start + size, n_units))
