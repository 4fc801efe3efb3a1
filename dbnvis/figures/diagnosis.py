"""What the chains of clamped Gibbs sampling are worth, text beside their samples; measured in `evaluate.chains`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..evaluate.chains import LENGTHS, LEVEL, MIXED, SLOWEST_MIXED
from ..models.protocol import Generative
from ..visualize import ClampedGibbs, UnitImages
from .study import Study

#: Chains of sheets of samples: few, and eight times as long as the default. Those of the shipped model do not mix yet.
LONG_CHAINS = ClampedGibbs(chains=16, burn_in=200, draws=40, thin=20)
APART = 3  # standard errors between two estimates that are said to differ
SHOWN = 0.01  # least difference of probabilities that is seen
MANY = 40  # units whose chains failed that are counted instead
NAMED = 3  # units at the most that a warning names
DETAILS = "results/mnist/README.md, Numbers of chains"  # where the numbers beside samples are explained


def diagnosed(study: Study, method: Any) -> Any:
    """`method` with the diagnosis of its chains, if it runs some, and images are at hand."""
    if not runs_chains(method) or study.images is None or not isinstance(study.model, Generative):
        return method
    return replace(method, diagnose=True)


def runs_chains(method: Any) -> bool:
    """Whether `method` is clamped Gibbs sampling with the other units free."""
    return isinstance(method, ClampedGibbs) and method.others == "free"


def of_chains(pictures: UnitImages) -> bool:
    """Whether `pictures` are what chains were in, with measurements along them."""
    return "tau" in pictures.extras


def title(pictures: UnitImages, i: int) -> str:
    """The name of unit `i`, and how often it is on where that was estimated."""
    if "p_on" not in pictures.extras:
        return str(pictures.units[i])
    p, error = pictures.extras["p_on"][i], pictures.extras["p_on_error"][i]
    chains, annealed = (f"{value:.2f}±{e:.2f}" for value, e in zip(p, error, strict=True))
    differ = _mark(abs(p[0] - p[1]) > max(APART * np.hypot(*error), SHOWN))
    return f"{pictures.units[i]}: p(on) {chains} from free chains, {annealed}{differ} from partition functions"


def odds(pictures: UnitImages, i: int) -> str:
    """`title` as a sentence to follow others; "" where nothing was estimated."""
    return f" {title(pictures, i)}." if "p_on" in pictures.extras else ""


def note(pictures: UnitImages, i: int) -> str:
    """What the chains of unit `i` are worth, above its pictures; a number that fails is followed by "!"."""
    x = {name: values[i] for name, values in pictures.extras.items()}
    text = (
        f"R {_number(x['mixing'])}{_mark(x['mixing'] > MIXED)}, of the slowest {_number(x['slowest'])}"
        f"{_mark(x['slowest'] > SLOWEST_MIXED)}; {_memory(pictures, x['tau'], x['ess'])}"
    )
    if "start_p" in x:
        n = x["occupancy"].shape[-1]
        modes = " and ".join(f"{share * n:.0f}" for share in x["visited"]) + f" of {n}"
        text += f"; starts: mode-share difference {x['distance']:.2f}, "
        text += f"p-value {x['start_p']:.2g}{_mark(x['start_p'] < LEVEL)}; modes {modes}"
    return text


def warning(pictures: UnitImages, dataset: str = "") -> str:
    """A line on units whose chains are not to be believed, to go below a heading; "" if there are none."""
    failed = [str(unit) for unit, note in zip(pictures.units, pictures.notes, strict=True) if note]
    if not failed:
        return ""
    if len(failed) > MANY:
        return f"\nWARNING: the chains of {len(failed)} of {len(pictures.units)} units have not mixed."
    others = len(failed) - NAMED
    more = f" and {others} other{'s' * (others > 1)}" if others > 0 else ""
    return f"\nWARNING: the {dataset}{' ' * bool(dataset)}chains of {', '.join(failed[:NAMED])}{more} have not mixed."


def legend(pictures: UnitImages) -> str:
    """What the numbers of `note` and `title` mean."""
    text = (
        f"R: potential scale reduction of all hidden units, above {MIXED} (!), and of the slowest, above "
        f"{SLOWEST_MIXED} (!), each chain explored only part of the distribution; tau: autocorrelation time in "
        f"{_steps(pictures)}, above a twentieth of the record (!) the chains are too short to have mixed; draws: "
        "independent draws that all states are worth"
    )
    if "start_p" not in pictures.extras:
        return f"{text}. Details: {DETAILS}."
    other = "noise" if pictures.settings["start"] == "data" else "data"
    return (
        f"{text}; starts: against chains from {other}; p-value: probability under no difference, below {LEVEL} (!) "
        f"the start is not forgotten; p(on): probability that the unit is on, ± one standard error. Details: {DETAILS}."
    )


def summary(pictures: UnitImages) -> str:
    """A sentence on the chains of many units."""
    r, slowest, tau, ess = (_median(pictures.extras[name]) for name in ("mixing", "slowest", "tau", "ess"))
    failed = sum(bool(note) for note in pictures.notes)
    return (
        f"Chains (medians): R {_number(r)}, of the slowest hidden units {_number(slowest)}, "
        f"{_memory(pictures, tau, ess)} (potential scale reduction, autocorrelation time "
        f"in {_steps(pictures)}, independent draws); not mixed: {failed} of {len(pictures.units)} units."
    )


def _memory(pictures: UnitImages, tau: float, ess: float) -> str:
    """Autocorrelation time, the record's length, and effective draws; bounds where the record is too short for more."""
    record = pictures.settings["draws"] * pictures.settings["thin"]
    if tau * LENGTHS <= record:
        return f"tau {tau:.0f}, record {record}, {ess:.0f} draws"
    return f"tau >{tau:.0f}!, record {record}, <{ess:.0f} draws"


def _median(values: np.ndarray) -> float:
    """Of those that are numbers; NaN if none is."""
    numbers = values[~np.isnan(values)]
    return float(np.median(numbers)) if len(numbers) else float("nan")


def _number(value: float) -> str:
    """A statistic, which is NaN of a single chain, and of the slowest units where none is on often or seldom enough."""
    return "not measured" if np.isnan(value) else f"{value:.2f}"


def _steps(pictures: UnitImages) -> str:
    """What chains count in."""
    return "proposals" if "acceptance" in pictures.extras else "sweeps"


def _mark(failed: bool) -> str:
    return "!" if failed else ""
