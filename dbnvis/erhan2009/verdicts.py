"""Verdicts on claims: their conditions, and verdicts.json, which keeps them; the rules are in `judging`.

A claim holds where all of its conditions are met, holds in part where some are, does not hold where none is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from math import isnan
from pathlib import Path
from typing import Any

from .claims import DEFORMATIONS
from .measures import Measure, damaged

VERSION = 1  # of verdicts.json


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

    def rises(self, claim: str, quantity: str, setting: str | None = None, sign: int = 1) -> dict[str, bool]:
        """From each layer to the next: does the interval lie above (`sign` -1: below) the one before?"""
        conditions = {}
        where = f" ({setting})" if setting in DEFORMATIONS else ""
        for lower, upper in pairwise(self.layers):
            a, b = (self.get(claim, layer, quantity, setting) for layer in (lower, upper))
            met = b.low > a.high if sign > 0 else b.high < a.low
            conditions[f"{quantity}{where}, {lower} to {upper}"] = bool(met)
        return conditions

    def along(self, claim: str, quantity: str, setting: str | None = None, *, null: str = "random_weights") -> str:
        """The quantity layer by layer, in words."""
        numbers = []
        for layer in self.layers:
            row = self.get(claim, layer, quantity, setting)
            baseline = getattr(row, null)
            beside = "" if isnan(baseline) else f", null {baseline:.2f}"
            numbers.append(f"{layer} {row.value:.2f} [{row.low:.2f}, {row.high:.2f}{beside}]")
        return "; ".join(numbers)


def by_model(rows: Sequence[Measure]) -> dict[str, Table]:
    """The rows about one model, by its name."""
    names = dict.fromkeys(row.model for row in rows if row.model)
    return {name: Table([row for row in rows if row.model == name]) for name in names}


@dataclass(frozen=True)
class Claim:
    """A claim, what must be so for it to hold, and the numbers that say so.

    Parameters
    ----------
    title : str
    rule : str
    conditions : dict of bool
        What the rule asks for, and whether it is met.
    sentence : str
        The numbers, in words.
    note : str
        What else is said of the claim, "" for nothing.
    """

    title: str
    rule: str
    conditions: dict[str, bool]
    sentence: str
    note: str = ""

    @property
    def met(self) -> int:
        return sum(self.conditions.values())

    @property
    def asked(self) -> int:
        return len(self.conditions)

    @property
    def verdict(self) -> str:
        if not self.conditions:
            return "was not tested"
        if self.met == self.asked:
            return "holds"
        return "holds in part" if self.met else "does not hold here"

    def as_json(self) -> dict[str, Any]:
        """What verdicts.json keeps."""
        counts = {"verdict": self.verdict, "met": self.met, "asked": self.asked}
        return {"title": self.title, **counts, **asdict(self)}

    @classmethod
    def from_json(cls, entry: dict[str, Any]) -> Claim:
        """The claim of an entry of verdicts.json; KeyError, TypeError or ValueError where it is none."""
        claim = cls(**{f.name: entry[f.name] for f in fields(cls)})
        if not all(isinstance(text, str) for text in (claim.title, claim.rule, claim.sentence, claim.note)):
            raise TypeError("texts that are none")
        if not all(isinstance(met, bool) for met in claim.conditions.values()):
            raise TypeError(f"conditions of {claim.title!r} that are neither true nor false")
        if claim.as_json() != entry:
            raise ValueError(f"the verdict of {claim.title!r} does not follow from its conditions")
        return claim

    def markdown(self) -> list[str]:
        """The sentence, the rule, the conditions that are not met, and the note."""
        count = f" ({self.met} of {self.asked} conditions)" if self.conditions else ""
        lines = [f"**{self.title}: {self.verdict}**{count}. {self.sentence}.", "", f"*Rule.* {self.rule}"]
        unmet = [condition for condition, met in self.conditions.items() if not met]
        if unmet:
            lines[-1] += f" Not met: {'; '.join(unmet)}."
        if self.note:
            lines += ["", self.note]
        return [*lines, ""]


@dataclass(frozen=True)
class Verdicts:
    """What is said of the claims about the models of one data set.

    Parameters
    ----------
    subject : str
        Data set, and model where it has a name.
    claims_sha256 : str
        Hash of the claims.csv that was judged.
    models : dict of list of Claim
        By model.
    between : Claim
        That the models differ.
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
