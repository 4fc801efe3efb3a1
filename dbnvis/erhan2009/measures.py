"""What the claims are measured on: every method's picture of every unit, and the rows that numbers become."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array, to_numpy
from ..evaluate.resampling import bootstrap
from ..evaluate.scores import TYPICAL as TYPICAL
from ..evaluate.scores import typical_responses
from ..figures.sheets import SAMPLING
from ..figures.study import Study
from ..visualize import ActivationMaximization, FilterCombination, TopImages, UnitImages

AM, GIBBS, COMBINATION, TOP = "maximization", "sampling", "combination", "top images"
METHODS: dict[str, Any] = {
    AM: ActivationMaximization(),
    GIBBS: SAMPLING,
    COMBINATION: FilterCombination(),
    TOP: TopImages(),
}


@dataclass(frozen=True)
class Measure:
    """One row of the table of claims.

    Parameters
    ----------
    model, claim, layer, quantity, setting : str
        What was measured, and where.
    value, low, high : float
        With the 95 % bootstrap interval over units, NaN where a number is exact.
    null : float
        What the same quantity is where there is nothing to find, in the sense of `null_is`.
    null_is : str
    random_weights : float
        The same quantity of the model with its weights shuffled within each layer.
    target : str
        What was expected, for the rows that have a reference.
    missed : str
        "missed" where the target is not reached, else "".
    arrays : dict of array (U,)
        What is kept of every unit, by name; not in the table.
    """

    model: str
    claim: str
    layer: str
    quantity: str
    setting: str = ""
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    null: float = math.nan
    null_is: str = ""
    random_weights: float = math.nan
    target: str = ""
    missed: str = ""
    arrays: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)


#: Columns of claims.csv: what a Measure says, without the arrays.
COLUMNS = tuple(f.name for f in fields(Measure) if f.name != "arrays")
#: Those that hold numbers, of four significant digits; an empty cell is NaN.
NUMBERS = ("value", "low", "high", "null", "random_weights")


def printed(measure: Measure) -> dict[str, str]:
    """A row of claims.csv."""
    return {name: _cell(getattr(measure, name)) for name in COLUMNS}


def _cell(value: str | float) -> str:
    if not isinstance(value, float):
        return str(value)  # a name or a count
    return "" if math.isnan(value) else f"{value:.4g}"


def read_measures(path: Path) -> list[Measure]:
    """The rows of claims.csv, models with their short names; ValueError if it is damaged or of another version."""
    measures = []
    for i, cells in enumerate(read_table(path, *COLUMNS), start=1):
        row: dict[str, Any] = {name: short_name(cells[name]) for name in COLUMNS}
        try:
            row |= {name: float(cells[name] or math.nan) for name in NUMBERS}
        except ValueError as error:
            raise damaged(path, f"row {i}: {error}") from None
        measures.append(Measure(**row))
    return measures


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """The rows of a table that a run has left, none where there is no table; ValueError if it lacks columns."""
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise damaged(path, str(error)) from None
    for i, row in enumerate(rows, start=1):
        if None in row or None in row.values() or not {*columns} <= {*row}:  # too many, too few, others
            raise damaged(path, f"row {i} has not one value for each of the columns {', '.join(columns or rows[0])}")
    return rows


def damaged(path: Path, reason: str) -> ValueError:
    """The error of a file that cannot be read, or is of another version."""
    return ValueError(f"{path} is damaged or of another version ({reason}); delete it, and the next run makes it again")


def short_name(text: str) -> str:
    """A text in which models have the names of the paper, not those of their classes."""
    return text.replace("StackedDAE", "SDAE")


@dataclass(frozen=True)
class Pictures:
    """What every method draws of units of one layer; only those that every method can draw.

    Parameters
    ----------
    study : Study
    layer : str
    indices : list of int, length U
    images : dict of array (U, S, *input_shape)
        By method; `[:, 0]` is the method's picture.
    scores : dict of array (U, S)
    typical : array (U,)
        The unit's median pre-activation over training images, at the common norm.
    left_out : int
        Units that some method cannot draw.
    """

    study: Study
    layer: str
    indices: list[int]
    images: dict[str, Array]
    scores: dict[str, Array]
    typical: Array
    left_out: int

    @classmethod
    def of(cls, study: Study, layer: str, n: int | None) -> Pictures:
        units = study.units(layer, n)
        names = {type(method): name for name, method in METHODS.items()}
        drawn: dict[str, UnitImages] = {
            names[type(method)]: study.pictures(method, units) for method in study.applicable(METHODS.values())
        }
        whole = np.all([np.isfinite(x.images[:, 0]).all(axis=(1, 2)) for x in drawn.values()], axis=0)
        indices = [unit.index for unit, ok in zip(units, whole, strict=True) if ok]
        typical = to_numpy(typical_responses(study.model, layer, training_images(study), indices))
        return cls(
            study,
            layer,
            indices,
            {name: x.images[whole] for name, x in drawn.items()},
            {name: x.scores[whole] for name, x in drawn.items()},
            typical,
            int((~whole).sum()),
        )

    def flat(self, method: str) -> Array:
        """The method's pictures as rows of length 1, (U, P): a picture's scale is nothing that is seen."""
        return unit_length(self.images[method][:, 0].reshape(len(self.indices), -1))

    def gain(self, scores: Array) -> Array:
        """Scores (U, ...) as a share of what the best optimum gains over the typical response."""
        best, typical = (x.reshape(-1, *(1,) * (scores.ndim - 1)) for x in (self.scores[AM][:, 0], self.typical))
        return (scores - typical) / (best - typical)


def training_images(study: Study) -> Array:
    """The training images of a study; ValueError if there are none."""
    if study.images is None:
        raise ValueError("the claims need training images; give the model's data set (--dataset, --data-dir)")
    return study.images


def unit_length(x: Array) -> Array:
    """Scale the last axis to Euclidean norm 1; zeros stay zeros."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)


def row(
    claim: str,
    quantity: str,
    values: Array,
    rng: Any,
    random: Array | None = None,
    median: bool = False,
    met: Callable[[float], bool] | None = None,
    **facts: Any,
) -> Measure:
    """The mean (or median) over units, its interval, that over units of the shuffled model; is its target `met`?"""
    statistic = np.median if median else np.mean
    estimate = bootstrap(np.asarray(values, float), rng=rng, statistic=statistic)
    if random is not None:
        facts["random_weights"] = float(statistic(random))
    if met is not None:
        facts["missed"] = missed(met(estimate.value))
    return Measure("", claim, "", quantity, value=estimate.value, low=estimate.low, high=estimate.high, **facts)


def missed(met: bool) -> str:
    """What the table says of a target."""
    return "" if met else "missed"
