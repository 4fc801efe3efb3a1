"""Verdicts on claims: their conditions, and verdicts.json, which keeps them; what is asked stands in `claims`.

The rule, fixed before the numbers were seen: a condition is met where its p-value, adjusted for all conditions of its
claim (Holm 1979), is at most `LEVEL`. A claim is supported where all of its conditions are met, mixed where at least
half are, not supported where fewer are.

References
----------
Holm (1979), "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .inference import holm
from .measures import Measure, damaged

VERSION = 2  # of verdicts.json
LEVEL = 0.05  # probability that any condition of a claim counts as met where none holds


@dataclass(frozen=True)
class Table:
    """The measures of one model, found by what they measure."""

    rows: Sequence[Measure]

    @property
    def layers(self) -> list[str]:
        """From the lowest on: h2 before h10."""
        return sorted({row.layer for row in self.rows}, key=lambda layer: (len(layer), layer))

    def settings(self, claim: str, layer: str, quantity: str) -> list[str]:
        return [r.setting for r in self.rows if (r.claim, r.layer, r.quantity) == (claim, layer, quantity)]

    def get(self, claim: str, layer: str, quantity: str, setting: str | None = None) -> Measure:
        """The one row of these names; LookupError if there is none."""
        for row in self.rows:
            if (row.claim, row.layer, row.quantity) == (claim, layer, quantity) and setting in (None, row.setting):
                return row
        raise LookupError(f"no row {claim!r}, {layer!r}, {quantity!r}, {setting!r} in the table of claims")

    def along(self, claim: str, quantity: str, setting: str | None = None, *, first: int = 0) -> str:
        """The quantity layer by layer from number `first` on, in words: h2 0.77 [0.75, 0.79], random weights 0.53."""
        rows = [self.get(claim, layer, quantity, setting) for layer in self.layers[first:]]
        return "; ".join(f"{row.layer} {interval(row)}{random_weights(row)}" for row in rows)


def interval(row: Measure) -> str:
    """The number and its interval, such as "0.77 [0.75, 0.79]"."""
    return f"{two_decimals(row.value)} [{two_decimals(row.low)}, {two_decimals(row.high)}]"


def random_weights(row: Measure) -> str:
    """What random weights give, to go behind a number."""
    if math.isnan(row.random_weights):
        return ""
    few = "" if math.isnan(row.among_few) else f" (to be compared with {two_decimals(row.among_few)}, of as many units)"
    return f", random weights {two_decimals(row.random_weights)}{few}"


def two_decimals(x: float) -> str:
    """Two decimals; four, rounded down, where less than 1 would look like 1."""
    return f"{math.floor(1e4 * x) / 1e4:.4f}" if 0.995 <= x < 1 else f"{x:.2f}"


def three_decimals(x: float) -> str:
    """Never -0.000."""
    return f"{round(x, 3) + 0.0:.3f}"


def by_model(rows: Sequence[Measure]) -> dict[str, Table]:
    """The rows about one model, by its name."""
    names = dict.fromkeys(row.model for row in rows if row.model)
    return {name: Table([row for row in rows if row.model == name]) for name in names}


@dataclass(frozen=True)
class Condition:
    """One thing that a claim asks for.

    Parameters
    ----------
    name : str
    value, low, high : float
        The number, with its 95 % interval where it has one.
    least : float
        What it has to exceed.
    among_few : float
        The number among as many units as there are of random weights, NaN where it is the same.
    random_weights : float
        What it, or `among_few`, has to exceed as well; NaN for none.
    p_value : float
        Of its exceeding no more than one of the two (the larger p-value), adjusted for all conditions of the claim.
    """

    name: str
    value: float
    low: float
    high: float
    least: float
    among_few: float
    random_weights: float
    p_value: float

    @property
    def met(self) -> bool:
        return self.p_value <= LEVEL

    def cells(self) -> list[str]:
        """For the table in claims.md."""
        interval = "" if math.isnan(self.low) else f" [{self.low:.3g}, {self.high:.3g}]"
        random = "" if math.isnan(self.random_weights) else f"{self.random_weights:.3g}"
        if not math.isnan(self.among_few):
            random += f" (here {self.among_few:.3g})"
        p = "below 0.001" if self.p_value < 0.001 else f"{self.p_value:.3f}"
        met = "yes" if self.met else "**no**"
        return [self.name, f"{self.value:.3g}{interval}", f"{self.least:.3g}", random, p, met]


def conditions(rows: Sequence[Measure]) -> list[Condition]:
    """The conditions among the rows of one claim, with the p-values that hold for all of them together."""
    asked = [row for row in rows if not math.isnan(row.p)]
    asked.sort(key=lambda row: (len(row.layer), row.layer, row.quantity, row.setting))
    return [
        Condition(_name(row), row.value, row.low, row.high, row.least, row.among_few, row.random_weights, p)
        for row, p in zip(asked, holm([row.p for row in asked]), strict=True)
    ]


def _name(row: Measure) -> str:
    return f"{row.layer}: {row.quantity}" + (f" ({row.setting})" if row.setting else "")


@dataclass(frozen=True)
class Claim:
    """A claim, what must be so for it to be supported, and the numbers that say so.

    Parameters
    ----------
    title : str
    rule : str
    conditions : list of Condition
    sentence : str
        The numbers, in words.
    note : str
        What else is said of the claim, "" for nothing.
    """

    title: str
    rule: str
    conditions: list[Condition]
    sentence: str
    note: str = ""

    @property
    def met(self) -> int:
        return sum(condition.met for condition in self.conditions)

    @property
    def asked(self) -> int:
        return len(self.conditions)

    @property
    def verdict(self) -> str:
        if not self.conditions:
            return "not tested"
        if self.met == self.asked:
            return "supported"
        return "mixed" if 2 * self.met >= self.asked else "not supported"

    def as_json(self) -> dict[str, Any]:
        """What verdicts.json keeps."""
        counts = {"verdict": self.verdict, "met": self.met, "asked": self.asked}
        entries = [{k: None if v != v else v for k, v in asdict(c).items()} for c in self.conditions]
        return {"title": self.title, **counts, **asdict(self), "conditions": entries}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Claim:
        """The claim of an entry of verdicts.json; KeyError, TypeError or ValueError where it is none."""
        texts = {f.name: entry[f.name] for f in fields(cls) if f.name != "conditions"}
        if not all(isinstance(text, str) for text in texts.values()):
            raise TypeError("texts that are none")
        claim = cls(conditions=[_condition(x) for x in entry["conditions"]], **texts)
        if claim.as_json() != entry:
            raise ValueError(f"the verdict of {claim.title!r} does not follow from its conditions")
        return claim

    def markdown(self) -> list[str]:
        """The sentence, the rule, the conditions, and the note."""
        count = f" ({self.met} of {self.asked} conditions)" if self.conditions else ""
        lines = [f"**{self.title}: {self.verdict}**{count}. {self.sentence}.", "", f"*Rule.* {self.rule}", ""]
        if self.conditions:
            lines += ["| condition | number | has to exceed | random weights | p | met |", "| --- " * 6 + "|"]
            lines += [f"| {' | '.join(condition.cells())} |" for condition in self.conditions] + [""]
        return [*lines, self.note, ""] if self.note else lines


def _condition(entry: dict[str, Any]) -> Condition:
    """The condition of an entry of verdicts.json, where null is no number."""
    name, *numbers = (entry[f.name] for f in fields(Condition))
    if not isinstance(name, str):
        raise TypeError(f"a condition called {name!r}")
    return Condition(name, *(math.nan if x is None else float(x) for x in numbers))


@dataclass(frozen=True)
class Verdicts:
    """What is said of the claims about the models of one data set.

    Parameters
    ----------
    subject : str
        Data set, and model where it has a name.
    claims_sha256 : str
        Hash of the claims.csv that was judged; with that of networks.csv, where there is one.
    models : dict of list of Claim
        By model.
    between : Claim
        That the families differ.
    figure, command : str
        Of the catalogue, and what makes the same again; as in every manifest.
    """

    subject: str
    claims_sha256: str
    models: dict[str, list[Claim]]
    between: Claim
    figure: str = ""
    command: str = ""

    def as_text(self) -> str:
        """The content of verdicts.json."""
        document = {
            "version": VERSION,
            "figure": self.figure,
            "command": self.command,
            "subject": self.subject,
            "claims_sha256": self.claims_sha256,
            "models": {name: [claim.as_json() for claim in claims] for name, claims in self.models.items()},
            "between": self.between.as_json(),
        }
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def load(cls, path: Path) -> Verdicts:
        """Read verdicts.json; ValueError if it is damaged or of another version."""
        try:
            document = json.loads(path.read_text())
            if document["version"] != VERSION:
                raise ValueError(f"version {document['version']!r}, this one's is {VERSION}")
            models = {
                str(name): [Claim.from_json(entry) for entry in entries] for name, entries in document["models"].items()
            }
            texts = {name: str(document[name]) for name in ("subject", "claims_sha256", "figure", "command")}
            return cls(models=models, between=Claim.from_json(document["between"]), **texts)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise damaged(path, str(error)) from None
        except KeyError as error:
            raise damaged(path, f"no {error}") from None
