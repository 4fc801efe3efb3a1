"""What all visualizers share: the address of a unit, and the pictures a method returns for units."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, Protocol, get_args, get_origin, get_type_hints

from ..backend import Array, array_module, make_rng, to_numpy
from ..evaluate.scores import unit_scores

MEMORY = 256 * 2**20  # bytes that the arrays of a chunk of units may take


@dataclass(frozen=True, order=True)
class Unit:
    """One hidden unit, written `h3:17`: layer `h3`, index 17 (from 0)."""

    layer: str
    index: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.index}"

    @classmethod
    def parse(cls, text: str) -> Unit:
        """Read `h3:17`; ValueError for anything else."""
        match = re.fullmatch(r"\s*(\w+):(\d+)\s*", text)
        if match is None:
            raise ValueError(f"a unit is written LAYER:INDEX, such as h3:17; got {text!r}")
        return cls(match[1], int(match[2]))


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


def as_units(model: Any, units: Sequence[Unit | str]) -> tuple[str, list[int]]:
    """Check `units` against `model`: their common layer and their indices.

    Raises
    ------
    ValueError
        If there are none, they lie in several layers, or an index is beyond the layer; the message lists
        what exists.
    KeyError
        If the layer does not exist.
    """
    parsed = [unit if isinstance(unit, Unit) else Unit.parse(unit) for unit in units]
    layers = sorted({unit.layer for unit in parsed})
    if len(layers) != 1:
        raise ValueError(f"expected units of one layer, got {', '.join(layers) if layers else 'no unit'}")
    layer = layers[0]
    if layer not in model.layer_names:
        nearest = get_close_matches(layer, model.layer_names, n=1, cutoff=0)
        others = [name for name in model.layer_names if name not in nearest]
        raise KeyError(f"no layer {layer!r}; the model has {', '.join(nearest + others)}")
    size = model.layer_shape(layer)[0]
    for unit in parsed:
        if not 0 <= unit.index < size:
            raise ValueError(f"no unit {unit}; layer {layer} has units {layer}:0 to {layer}:{size - 1}")
    return layer, [unit.index for unit in parsed]


def check_choices(method: Any) -> None:
    """ValueError if a setting of `method` declared as a Literal holds none of its values."""
    for name, hint in get_type_hints(type(method)).items():
        if get_origin(hint) is Literal and getattr(method, name) not in get_args(hint):
            raise ValueError(f"{name} must be {' or '.join(get_args(hint))}, got {getattr(method, name)!r}")


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
        units=tuple(Unit(layer, int(index)) for index in indices),
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
    """Slices of units whose arrays fit into `MEMORY`."""
    size = max(1, MEMORY // bytes_per_unit)
    for start in range(0, n_units, size):
        yield slice(start, min(start + size, n_units))
