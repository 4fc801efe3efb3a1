"""What all visualizers share: the pictures that a method returns for units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ClassVar, Protocol

from ..backend import Array, UnitStreams, array_module, is_gpu, make_rng, to_numpy
from ..display import Brief, Rows
from ..evaluate.scores import Responses, unit_scores
from ..models.protocol import Model
from ..models.units import Unit, unit_at
from ..settings import check_value
from ..system.memory import check_memory
from .tidy import compared, frame, picture_rows

COLUMNS = 12  # pictures in a row
SHOWN = 36  # pictures at the most that a notebook shows unasked
KEY = "Above a picture: the unit. Below: its pre-activation there, at the mean norm of the data."
ROLES = ("picture", "other")  # of the first picture and of the others, where a method does not say
MEMORY = 256 * 2**20  # bytes that the arrays of a group of units may take
GPU_UNITS = 64  # at the most in such a group on a GPU


@dataclass(frozen=True, repr=False)
class UnitImages(Brief):
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
    roles : (str, str)
        What `images[:, 0]` are, and what the others, for tables: "mean", "chain".
    """

    images: Array
    scores: Array
    settings: dict[str, Any]
    units: tuple[Unit, ...] = ()
    notes: tuple[str, ...] = ()
    extras: dict[str, Array] = field(default_factory=dict)
    roles: tuple[str, str] = ROLES

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
            roles=parts[0].roles,
        )

    def part(self, units: slice) -> UnitImages:
        """Those of some of the units."""
        return replace(
            self,
            images=self.images[units],
            scores=self.scores[units],
            units=self.units[units],
            notes=self.notes[units],
            extras={name: x[units] for name, x in self.extras.items()},
        )

    def of(self, units: Sequence[Unit]) -> UnitImages:
        """Those of these units, in their order; ValueError if one is not among them."""
        rows = [self.units.index(unit) for unit in units]
        return replace(
            self,
            images=self.images[rows],
            scores=self.scores[rows],
            units=tuple(units),
            notes=tuple(self.notes[row] for row in rows),
            extras={name: x[rows] for name, x in self.extras.items()},
        )

    def arrays(self, key: str) -> dict[str, Array]:
        """Images, scores and extras, under names that begin with `key`."""
        return {
            f"{key}.images": self.images,
            f"{key}.scores": self.scores,
            **{f"{key}.{name}": x for name, x in self.extras.items()},
        }

    @property
    def layer(self) -> str:
        return self.units[0].layer

    @property
    def indices(self) -> list[int]:
        return [unit.index for unit in self.units]

    @property
    def noted(self) -> str:
        """The notes in a sentence, the first three in full; "" where there are none."""
        noted = [(index, note) for index, note in zip(self.indices, self.notes, strict=False) if note]
        first = ", ".join(f"{index}: {note}" for index, note in noted[:3])
        more = ", ..." if len(noted) > 3 else ""
        return f"Notes on {len(noted)} of {len(self.units)} units ({first}{more})." if noted else ""

    def plot(self, most: int | None = None, *, columns: int = COLUMNS) -> Any:
        """A sheet of every unit's picture, `images[:, 0]`, the unit's number above and its score below.

        If a pixel is negative, zero is mid-grey and each tile is scaled by its largest |value|; otherwise black is 0
        and white 1, or the least and the largest value where some lie beyond. Crossed out: nothing to draw.

        Parameters
        ----------
        most : int, optional
            The first units only; default: all.
        columns : int

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ValueError
            If the images are no pictures, there are none, or `most` or `columns` is less than 1.
        """
        from ..plot import Panel, sheet

        check_value("most", most, int | None, "[1, inf)")
        check_value("columns", columns, int, "[1, inf)")
        if not len(self.images):
            raise ValueError("there are no units, so there is nothing to plot")
        shown = self.part(slice(most))
        panel = Panel(
            shown.images[:, 0],
            symmetric=bool((shown.images[:, 0] < 0).any()),
            columns=columns,
            labels=[str(unit).partition(":")[2] for unit in shown.units] or None,
            captions=["" if math.isnan(score) else f"{score:.1f}" for score in shown.scores[:, 0]],
        )
        drawn, layer = len(shown.images), f", layer {self.layer}" if self.units else ""
        units = f"{drawn} of {len(self.images)} units" if drawn < len(self.images) else f"{drawn} units"
        return sheet([panel], heading=f"{self._method}{layer}, {units}", key=f"{KEY} {shown.noted}")

    def rows(self, responses: Responses | None = None) -> Rows:
        """A row for each picture of each unit, as dicts; the columns are those of `tidy.COLUMNS`.

        Parameters
        ----------
        responses : Responses, optional
            What images do to the model's units, `Responses.of(model, images)`, for the columns percentile,
            predictiveness and choice; without them they are None, as is every number that is not known.

        Returns
        -------
        Rows
            A list of dict of equal keys.

        Raises
        ------
        ValueError, KeyError
            If it is not said of which units the pictures are, or the responses' model has no such units.
        """
        return picture_rows(self, None if responses is None else compared(self, responses))

    def to_frame(self, responses: Responses | None = None) -> Any:
        """The same `rows` as a pandas DataFrame, NaN where a number is not known.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return frame(self.rows(responses))

    def _repr_png_(self) -> bytes | None:
        """For notebooks: the first pictures; None where there are none that can be drawn."""
        from ..plot import is_picture

        drawable = len(self.images) > 0 and is_picture(self.images.shape[2:])
        return self.plot(SHOWN)._repr_png_() if drawable else None

    @property
    def _method(self) -> str:
        return self.settings.get("method", "pictures")

    def _facts(self) -> dict[str, Any]:
        layer = {"layer": self.layer} if self.units else {}
        return {"method": self._method, **layer, "images": self.images, "notes": sum(map(bool, self.notes))}


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
        roles=getattr(method, "roles", ROLES),
    )


def unit_rngs(model: Model, layer: str, indices: Sequence[int], *, seed: int) -> list[Any]:
    """A generator for each unit, a function of `seed` and the unit alone.

    So a unit's picture does not depend on which other units were asked for, nor on how they were chunked.
    """
    return [make_rng(model.xp, *key) for key in _keys(model, layer, indices, seed)]


def unit_streams(model: Model, layer: str, indices: Sequence[int], *, seed: int, draw: int = 0) -> UnitStreams:
    """The generators of `unit_rngs` side by side; with another `draw`, independent ones."""
    return UnitStreams.of(model.xp, [(*key, draw) if draw else key for key in _keys(model, layer, indices, seed)])


def _keys(model: Model, layer: str, indices: Sequence[int], seed: int) -> list[tuple[int, ...]]:
    return [(seed, model.layer_names.index(layer), index) for index in indices]


def blocks(model: Model, indices: Sequence[int], bytes_per_unit: int, *, gpu_units: int = GPU_UNITS) -> list[list[int]]:
    """The units in groups whose arrays fit into `MEMORY`; ValueError if those of one do not fit into the machine.

    A product's last bits depend on how many rows it has. On a CPU each unit has products of its own; on a GPU all of a
    group share one, so there every group has as many units, `gpu_units` or what fits, the last ones repeated: what is
    measured of a unit does not depend on its company. Who asks takes the first `len(indices)` of the results. With
    `gpu_units` of 1 nothing is repeated.
    """
    check_memory(bytes_per_unit, "one unit")
    size, padded = max(1, MEMORY // bytes_per_unit), list(indices)
    if is_gpu(model.xp):
        size = min(size, gpu_units)
        padded += padded[-1:] * (-len(padded) % size)
    return [padded[start : start + size] for start in range(0, len(padded), size)]
