"""The rows of the table of claims: numbers over units, and conditions with their p-values."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array
from ..evaluate.resampling import Estimate, bootstrap, share
from .inference import p_above_networks
from .unit_pictures import Values


@dataclass(frozen=True)
class Measure:
    """One row of the table of claims. A row with p-values is a condition of its claim: its value has to exceed `least`.

    Parameters
    ----------
    model, claim, layer, quantity, setting : str
        What was measured, and where.
    value, low, high : float
        With the 95 % interval over units, NaN where a number is exact.
    least : float
        What the value has to exceed, of a condition.
    null : float
        What the same quantity is where there is nothing to find, in the sense of `null_is`.
    null_is : str
    among_few : float
        The value among as many units as there are of random weights, where it depends on how many there are.
    random_weights : float
        The same quantity where weights are shuffled within each layer, mean of `NETWORKS` networks.
    p_units : float
        p-value of no more than `least`, over the units of this network.
    p_networks : float
        p-value of no more than random weights give, networks being what is repeated (`p_above_networks`).
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
    least: float = math.nan
    null: float = math.nan
    null_is: str = ""
    among_few: float = math.nan
    random_weights: float = math.nan
    p_units: float = math.nan
    p_networks: float = math.nan
    target: str = ""
    missed: str = ""
    arrays: dict[str, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def p(self) -> float:
        """The larger of the p-values: a condition asks for both. NaN of a row that is none."""
        return max((p for p in (self.p_units, self.p_networks) if not math.isnan(p)), default=math.nan)


#: Columns of claims.csv: what a Measure says, without the arrays.
COLUMNS = tuple(f.name for f in fields(Measure) if f.name != "arrays")
#: Those that hold numbers, of four significant digits; an empty cell is NaN.
NUMBERS = ("value", "low", "high", "least", "null", "among_few", "random_weights", "p_units", "p_networks")


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


def row(
    claim: str,
    quantity: str,
    values: Values,
    rng: Any,
    median: bool = False,
    least: Array | float | None = None,
    met: Callable[[float], bool] | None = None,
    **facts: Any,
) -> Measure:
    """The mean (or share, or median) over units, its interval, and that of random weights; is its target `met`?

    With `least` it is a condition: a number, or one for every unit (U,), that the mean has to exceed.
    """
    units, statistic = np.asarray(values.units), np.median if median else np.mean
    if units.dtype == bool:
        estimate = share(units)
    else:
        estimate = bootstrap(units.astype(float), rng=rng, statistic=statistic)
    random = [float(statistic(x)) for x in values.random]
    if random:
        facts["random_weights"] = float(np.mean(random))
    if met is not None:
        facts["missed"] = missed(met(estimate.value))
    if least is not None:
        facts["least"] = float(np.mean(least))
        facts["p_units"] = p_above(units, least)
        if random:
            compared = float(np.mean(values.compared))
            facts["p_networks"] = p_above_networks(compared, random, standard_error(values.compared))
            if values.few is not None:
                facts["among_few"] = compared
    return Measure("", claim, "", quantity, **_numbers(estimate), **facts)


def rise(claim: str, quantity: str, lower: Values, upper: Values, sign: int = 1, **facts: Any) -> Measure:
    """A condition: from one layer to the next the mean rises (`sign` -1: falls), and more than with random weights."""
    from scipy.stats import ttest_ind

    a, b = sign * np.asarray(lower.units, float), sign * np.asarray(upper.units, float)
    welch = ttest_ind(b, a, equal_var=False)
    interval = welch.confidence_interval(0.95)
    estimate = Estimate(float(b.mean() - a.mean()), float(interval.low), float(interval.high))
    facts["p_units"] = _or_one(float(ttest_ind(b, a, equal_var=False, alternative="greater").pvalue))
    random = [sign * float(u.mean() - v.mean()) for u, v in zip(upper.random, lower.random, strict=True)]
    if random:
        error = math.hypot(standard_error(a), standard_error(b))
        facts["random_weights"] = float(np.mean(random))
        facts["p_networks"] = p_above_networks(estimate.value, random, error)
    name = f"{'rise' if sign > 0 else 'fall'} of {quantity}"
    return Measure("", claim, "", name, least=0.0, **_numbers(estimate), **facts)


def _or_one(p: float) -> float:
    """A p-value that cannot be had supports nothing."""
    return 1.0 if math.isnan(p) else p


def _numbers(estimate: Estimate) -> dict[str, Any]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def p_above(units: Array, least: Array | float) -> float:
    """p-value of a mean, or share of truth values, of no more than `least`; one-sided, over units (U,)."""
    from scipy.stats import binomtest, ttest_1samp

    if units.dtype == bool:
        return float(binomtest(int(units.sum()), len(units), float(np.mean(least)), alternative="greater").pvalue)
    above = units - least
    if np.ptp(above) == 0:  # nothing varies
        return 0.0 if above[0] > 0 else 1.0
    return _or_one(float(ttest_1samp(above, 0.0, alternative="greater").pvalue))


def standard_error(units: Array) -> float:
    """Of the mean of (U,); of a share of 0 or 1 as if half a unit were otherwise."""
    n = len(units)
    if units.dtype == bool:
        p = (units.sum() + 0.5) / (n + 1)
        return math.sqrt(p * (1 - p) / n)
    return float(np.std(units, ddof=1)) / math.sqrt(n) if n > 1 else math.inf


def missed(met: bool) -> str:
    """What the table says of a target."""
    return "" if met else "missed"
