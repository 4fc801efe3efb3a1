"""From the numbers about each claim to a sentence, by one rule.

A claim holds where all of its conditions are met, holds in part where some are, does not hold where none is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isnan

from .claims import DEFORMATIONS, DIFFER, SAME, SEEDS, STEADY
from .measures import AM, COMBINATION, Measure

COMPLEXITY = ("novelty", "extent", "spectral entropy")
MOST = 0.5  # share of the units from which most are meant
AS_WELL = 0.05  # share of the units by which random weights may fall short and still do as well
LEVEL = 0.01  # p-value up to which two sets of pictures differ


@dataclass(frozen=True)
class Table:
    """The measures of one model, found by what they measure."""

    rows: Sequence[Measure]

    @property
    def layers(self) -> list[str]:
        return list(dict.fromkeys(row.layer for row in self.rows))

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
        found = {}
        for lower, upper in pairwise(self.layers):
            a, b = (self.get(claim, layer, quantity, setting) for layer in (lower, upper))
            met = b.low > a.high if sign > 0 else b.high < a.low
            where = f" ({setting})" if setting in DEFORMATIONS else ""
            found[f"{quantity}{where}, {lower} to {upper}"] = bool(met)
        return found

    def along(self, claim: str, quantity: str, setting: str | None = None, *, null: str = "random_weights") -> str:
        """The quantity layer by layer, in words."""
        said = []
        for layer in self.layers:
            row = self.get(claim, layer, quantity, setting)
            baseline = getattr(row, null)
            beside = "" if isnan(baseline) else f", null {baseline:.2f}"
            said.append(f"{layer} {row.value:.2f} [{row.low:.2f}, {row.high:.2f}{beside}]")
        return "; ".join(said)


@dataclass(frozen=True)
class Claim:
    """A claim, what must be so for it to hold, and the numbers it rests on."""

    title: str
    rule: str
    conditions: dict[str, bool]
    numbers: str

    @property
    def verdict(self) -> str:
        met = self.conditions.values()
        if not self.conditions:
            return "was not tested"
        return "holds" if all(met) else "holds in part" if any(met) else "does not hold here"

    def told(self) -> list[str]:
        """The claim in Markdown: the sentence with its figures, the rule, the conditions that are not met."""
        count = f" ({sum(self.conditions.values())} of {len(self.conditions)} conditions)" if self.conditions else ""
        unmet = [key for key, met in self.conditions.items() if not met]
        failed = f" Not met: {'; '.join(unmet)}." if unmet else ""
        return [f"**{self.title}: {self.verdict}**{count}. {self.numbers}.", "", f"*Rule.* {self.rule}{failed}", ""]


def judge(table: Table) -> list[Claim]:
    """The claims about one model."""
    return [
        _one_optimum(table),
        _methods_agree(table),
        _combination_degrades(table),
        _more_complex(table),
        _more_invariant(table),
    ]


def _one_optimum(t: Table) -> Claim:
    claim, conditions = "one optimum", {}
    for layer in t.layers[1:]:
        for quantity, least in (
            ("share of units with equal scores", 0.8),
            ("share of units with like starts", MOST),
            ("share of units with one optimum", MOST),
        ):
            row = t.get(claim, layer, quantity)
            conditions[f"{layer}: {quantity} ({row.setting}) {row.value:.2f}, at least {least}"] = row.value >= least
    shares = {layer: t.get(claim, layer, "share of units with one optimum") for layer in t.layers}
    as_well = [layer for layer, row in shares.items() if row.random_weights >= row.value - AS_WELL]
    where = " and ".join([", ".join(as_well[:-1]), as_well[-1]] if as_well[1:] else as_well)
    nothing = f". In {where} random weights do as well: one optimum says nothing of learning there" if where else ""
    return Claim(
        "Random starts find one optimum",
        f"In every layer above the first, 80 % of the units reach equal scores (spread at most {STEADY}) from all "
        f"starts, and for half of them the median cosine of two starts is at least {SAME} and all starts form one "
        f"group linked by cosines of {SAME}.",
        conditions,
        f"Share of units with one optimum: {t.along(claim, 'share of units with one optimum')}{nothing}",
    )


def _methods_agree(t: Table) -> Claim:
    claim, conditions, said = "methods agree", {}, []
    for layer in t.layers:
        pairs = [s for s in t.settings(claim, layer, "cosine") if (layer, s) != (t.layers[0], f"{AM}, {COMBINATION}")]
        cosines, firsts = ([t.get(claim, layer, q, s) for s in pairs] for q in ("cosine", "own unit first"))
        for row in cosines:
            conditions[f"{layer}: cosine of {row.setting}"] = row.low > max(row.null, row.random_weights)
        for row in firsts:
            conditions[f"{layer}: own unit first, {row.setting} ({row.value:.2f})"] = row.value >= MOST
        if pairs:
            row, first = (min(found, key=lambda r: r.value) for found in (cosines, firsts))
            said.append(
                f"{layer} cosine {row.value:.2f} [{row.low:.2f}, {row.high:.2f}, null {row.random_weights:.2f}] "
                f"({row.setting}), own unit first {first.value:.2f} [{first.low:.2f}, {first.high:.2f}, null "
                f"{first.random_weights:.2f}] ({first.setting})"
            )
    return Claim(
        "Methods agree",
        "In every layer and for every pair of methods, the interval of the mean cosine of a unit's two pictures lies "
        "above both nulls, pictures of other units and the same methods on random weights; and for half of the units "
        "no other unit's picture is more alike than the own (own unit first). In the first layer maximization and "
        "combination are both the filter, and left out.",
        conditions,
        f"The pairs that agree least: {'; '.join(said)}",
    )


def _combination_degrades(t: Table) -> Claim:
    claim = "combination degrades"
    like = f"cosine with {AM}"
    best = [t.get(claim, layer, "share of the gain at the best k") for layer in t.layers[1:]]
    return Claim(
        "The linear combination degrades with depth",
        "From each layer to the next, the intervals of its share of the gain of maximization and of its cosine with "
        "the optimum fall.",
        {**t.rises(claim, "share of the gain", sign=-1), **t.rises(claim, like, sign=-1)},
        f"Share of the gain: {t.along(claim, 'share of the gain')}; cosine: {t.along(claim, like)}; "
        f"best k: {', '.join(f'{row.layer} {row.setting} ({row.value:.2f})' for row in best) or 'nothing to combine'}",
    )


def _more_complex(t: Table) -> Claim:
    claim = "deeper is more complex"
    conditions = {key: met for quantity in COMPLEXITY for key, met in t.rises(claim, quantity).items()}
    return Claim(
        "Deeper units are more complex",
        f"From each layer to the next, the intervals of {', '.join(COMPLEXITY[:-1])} and {COMPLEXITY[-1]} of the "
        "optima rise.",
        conditions,
        ". ".join(f"{quantity.capitalize()}: {t.along(claim, quantity)}" for quantity in COMPLEXITY),
    )


def _more_invariant(t: Table) -> Claim:
    claim, beyond = "deeper is more invariant", "gain kept beyond the null"
    conditions = {
        key: met
        for quantity in ("gain kept", beyond)
        for kind in DEFORMATIONS
        for key, met in t.rises(claim, quantity, kind).items()
    }
    kept = ". ".join(f"{kind}: {t.along(claim, 'gain kept', kind, null='null')}" for kind in DEFORMATIONS)
    return Claim(
        "Deeper units are more invariant",
        "From each layer to the next, the interval of the gain that an optimum keeps when it is shifted, rotated or "
        "zoomed rises; so does what it keeps beyond the null, a change as large the way another unit's optimum moves.",
        conditions,
        f"Gain kept: {kept}",
    )


def judge_difference(rows: Sequence[Measure]) -> Claim:
    """The claim about two models, from the rows of `difference`."""

    def tests(claim: str) -> dict[tuple[str, str], tuple[Measure, float]]:
        """By layer and quantity: the distance and its p-value."""
        found = [(row, p) for row, p in pairwise(rows) if row.claim == claim and p.quantity.startswith("p-value")]
        return {(row.layer, row.quantity): (row, p.value) for row, p in found}

    def told(found: dict[tuple[str, str], tuple[Measure, float]]) -> str:
        return "; ".join(
            f"{layer}, {quantity}: {row.value:.3f} (mixed up {row.null:.3f}, p = {p:.3f})"
            for (layer, quantity), (row, p) in found.items()
        )

    between, seeds = tests(DIFFER), tests(SEEDS)
    conditions = {f"{layer}: {quantity}": p <= LEVEL for (layer, quantity), (_, p) in between.items()}
    for key in (key for key in between if key in seeds):
        conditions[f"{key[0]}: {key[1]}, above that of two seeds"] = between[key][0].value > seeds[key][0].value
    within = [
        f"{row.model} {row.setting}, {row.quantity} {row.value:.3f}"
        for row in rows
        if row.claim not in (DIFFER, SEEDS) and row.quantity.startswith("energy")
    ]
    names = next(iter(between.values()))[0].setting if between else "DBN and SDAE"
    return Claim(
        f"{names} learn different filters",
        f"In every layer both energy distances between the models' optima, of pictures and of log spectra, have "
        f"p at most {LEVEL} under permutation and, where the first model was trained twice, exceed those of its two "
        "seeds (distance against distance, point values without a test of their difference).",
        conditions,
        f"{told(between) or 'There was no second model'}. "
        + (f"Control, the first model from two seeds: {told(seeds)}. " if seeds else "")
        + f"Yardstick, between layers of one model: {'; '.join(within) or 'one layer only'}",
    )
