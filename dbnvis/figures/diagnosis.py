"""What the chains of clamped Gibbs sampling are worth, text beside their samples; measured in `evaluate.chains`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..evaluate.chains import LEVEL, MIXED
from ..models.protocol import Generative, fully_connected
from ..visualize import ClampedGibbs, UnitImages
from .study import Study

#: Chains of sheets of samples: few, and so long that those of the shipped model mix.
LONG_CHAINS = ClampedGibbs(chains=16, burn_in=200, draws=40, thin=20)
ENOUGH = 10  # times tau that a record lasts where its tau is more than a lower bound
APART = 3  # standard errors between two estimates that are text to differ
SHOWN = 0.01  # least difference of probabilities that is seen
MANY = 40  # units whose chains failed that are counted instead
NAMED = 3  # units at the most that a warning names
DETAILS = "results/mnist/README.md, Numbers of chains"  # where the numbers beside samples are explained


def diagnosed(study: Study, method: Any) -> Any:
    """`method` with the diagnosis of its chains, if it runs some, in RBMs without maps, and images are at hand."""
    if not runs_chains(method) or study.images is None or not isinstance(study.model, Generative):
        return method
    return replace(method, diagnose=fully_connected(study.model))


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
    text = f"R {x['mixing']:.2f}{_mark(x['mixing'] > MIXED)}, {_memory(pictures, x['tau'], x['ess'])}"
    if "start_p" in x:
        n = x["occupancy"].shape[-1]
        modes = " and ".join(f"{share * n:.0f}" for share in x["visited"]) + f" of {n}"
        text += f"; starts: R {x['start_mixing']:.2f}{_mark(x['start_mixing'] > MIXED)}, "
        text += f"mode-share difference {x['distance']:.2f}, "
        text += f"p-value {x['start_p']:.2g}{_mark(x['start_p'] < LEVEL)}; modes {modes}"
    return text


def warning(pictures: UnitImages, dataset: str = "") -> str:
    """A line on units whose chains are not to be believed, to go below a heading; "" if there are none."""
    failed = [str(unit) for unit, note in zip(pictures.units, pictures.notes, strict=True) if note]
    if not failed:
        return ""
    if len(failed) > MANY:
        among = f"{len(failed)} of {len(pictures.units)} units"
        return f"\nWARNING: the chains of {among} have not mixed (R above {MIXED})."
    more = f" and {len(failed) - NAMED} others" if len(failed) > NAMED else ""
    return f"\nWARNING: the {dataset}{' ' * bool(dataset)}chains of {', '.join(failed[:NAMED])}{more} have not mixed."


def legend(pictures: UnitImages) -> str:
    """What the numbers of `note` and `title` mean."""
    steps = "proposals" if "acceptance" in pictures.extras else "sweeps"
    text = (
        f"R: potential scale reduction, above {MIXED} (!) each chain explored only part of the distribution; tau: "
        f"autocorrelation time in {steps}; draws: independent draws that all states are worth"
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
    r, tau, ess = (pictures.extras[name] for name in ("mixing", "tau", "ess"))
    return (
        f"Chains of clamped Gibbs sampling (medians): R {np.median(r):.2f}, "
        f"{_memory(pictures, np.nanmedian(tau), np.nanmedian(ess))} (potential scale reduction, autocorrelation time "
        f"in sweeps, independent draws); {100 * np.mean(r > MIXED):.0f} % of the units above R {MIXED}: not mixed."
    )


def _memory(pictures: UnitImages, tau: float, ess: float) -> str:
    """Autocorrelation time and effective draws; bounds where the record is too short for more."""
    short = pictures.settings["draws"] * pictures.settings["thin"] < ENOUGH * tau
    return f"tau {'>' if short else ''}{tau:.0f}, {'<' if short else ''}{ess:.0f} draws"


def _mark(failed: bool) -> str:
    return "!" if failed else ""
