"""What all visualizers share: the pictures that a method returns for units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Protocol

from ..backend import Array, array_module, make_rng, to_numpy
from ..evaluate.scores import unit_scores
from ..models.protocol import Model
from ..models.units import Unit, unit_at
from ..system.memory import check_memory

MEMORY = 256 * 2**20  # bytes that the arrays of a chunk of units may take


@dataclass(frozen=True)
class UnitImages:
    """The pictures that one method gives for units of one layer.

    Parameters
    ----------
    images : NumPy array (U, S, *input_shape)
        `images[:, 0]` is the method's picture of each unit; the others are further starts, samples or single
        training images. NaN where there is nothing to draw (see `notes`).
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


class NotApplicable(TypeError, ValueError):
    """A method does not apply to a model, or not without training images; the message says why."""


class Visualizer(Protocol):
    """A method: frozen settings, called on a model and units of one layer.

    `images` are training images (N, *input_shape) on the model's device, for the methods that need some.
    """

    title: ClassVar[str]
    symmetric: ClassVar[bool]
    """Pictures have both signs, zero is mid-grey; otherwise they are pixels in the input range."""

    def why_not(self, model: Model, images: Array | None) -> str | None:
        """Why the method, as it is set, does not apply to `model` with these images: a sentence; None if it does."""
        ...

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages:
        """Draw `units` of one layer; NotApplicable for the reason of `why_not`."""
        ...


def check_applies(method: Visualizer, model: Model, images: Array | None) -> None:
    """NotApplicable, which is a TypeError and a ValueError, unless the method applies (`Visualizer.why_not`)."""
    reason = method.why_not(model, images)
    if reason is not None:
        raise NotApplicable(reason)


def unit_images(
    method: Any,
    model: Model,
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


def unit_rngs(model: Model, layer: str, indices: Sequence[int], *, seed: int) -> list[Any]:
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
