"""From what was measured to findings: one plain sentence each, with its number and interval, alarming ones first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..visualize import ActivationMaximization, FilterCombination
from .wording import Said

SHARE = "{percent:.1f} %, interval {low:.1f} to {high:.1f} %"


@dataclass(frozen=True)
class Finding:
    """A sentence, and whether it is a reason for caution."""

    said: Said
    caution: bool = False


def findings(facts: dict[str, Any]) -> list[Finding]:
    """What the facts of a report, of which "measured" was measured, say of the model."""
    measured = facts["measured"]
    found = [*_classes(measured)]
    for name, layer in measured["layers"].items():
        found += [*_audit(layer, f"measured.layers.{name}")]
    found += [*_likelihoods(measured)]
    for name, layer in measured["layers"].items():
        at = f"measured.layers.{name}"
        found += [*_optima(layer, at), *_agreements(layer, at, first=name == next(iter(measured["layers"])))]
        found += [*_chains(layer, at)]
    return sorted(found, key=lambda finding: not finding.caution)


def _share(at: str) -> str:
    """`SHARE` of what stands at `at`."""
    return SHARE.replace("{", "{" + at + ".")


def _classes(measured: dict[str, Any]) -> Iterator[Finding]:
    if measured["classes"] is not None:
        text = f"The network takes {{count}} of {{of}} test images for another class ({SHARE.replace('.1f', '.2f')})."
        yield Finding(Said(text, "measured.classes"))


def _audit(layer: dict[str, Any], at: str) -> Iterator[Finding]:
    audit = layer.get("audit")
    if audit is None:
        return
    count = audit["nothing"]["count"]
    more = "the first are " if count > len(audit["first"]) else ""
    names = f"; {more}{{audit.first}}" if count else ""
    if audit["dead"] is None:
        text = f"{{audit.nothing.count}} of {{units}} units of {{name}} copy another unit ({_share('audit.nothing')})"
        yield Finding(Said(f"{text}{names}.", at), count > 0)
        return
    kinds = "{audit.dead.count} dead, {audit.always_on.count} always on, {audit.duplicate.count} duplicate"
    text = f"{{audit.nothing.count}} of {{units}} units of {{name}} learned nothing ({_share('audit.nothing')})"
    yield Finding(Said(f"{text}: {kinds}{names}.", at), count > 0)


def _likelihoods(measured: dict[str, Any]) -> Iterator[Finding]:
    for depth, (name, row) in enumerate((measured["likelihood"] or {}).items()):
        what = "log p" if depth == 0 else "a lower bound of log p"
        how = "both estimates can be trusted" if row["trusted"] else "do not trust it yet, dbnvis evaluate takes longer"
        text = f"Up to {{layer}}, {what} of a test image is {{low:.1f}} to {{high:.1f}} nats on average; {how}."
        yield Finding(Said(text, f"measured.likelihood.{name}"), not row["trusted"])


def _optima(layer: dict[str, Any], at: str) -> Iterator[Finding]:
    if layer["above"] is not None:
        text = "The optima of {above.count} of {above.of} units of {name} excite them more than any test image does"
        yield Finding(Said(f"{text} ({_share('above')}).", at))


def _agreements(layer: dict[str, Any], at: str, first: bool) -> Iterator[Finding]:
    """Of the first two methods; in the first layer the optimum is the combination."""
    if not layer["agreement"]:
        return
    row = layer["agreement"][0]
    methods = {row["first"], row["second"]}
    if first and methods == {ActivationMaximization.title, FilterCombination.title}:
        return
    null = row["shuffled"]
    beside = max(row["chance"], null["first_rank"]["high"] if null else 0.0)
    caution = row["first_rank"]["low"] <= beside
    text = (
        "Of all pictures by {agreement.0.second}, the own unit's is nearest to its picture by {agreement.0.first} for "
        "{agreement.0.first_rank.count} of {agreement.0.first_rank.of} units of {name} "
        f"({_share('agreement.0.first_rank')}); by chance {{agreement.0.chance:.1f}} %"
    )
    if null:
        text += ", with shuffled weights {agreement.0.shuffled.first_rank.percent:.1f} %"
    yield Finding(Said(f"{text}{': no more than without learning' if caution else ''}.", at), caution)


def _chains(layer: dict[str, Any], at: str) -> Iterator[Finding]:
    if "chains" in layer:
        failed = layer["chains"]["failed"]["count"] > 0
        text = (
            "The chains of {chains.failed.count} of {chains.failed.of} units of {name} have not mixed "
            f"({_share('chains.failed')})"
        )
        yield Finding(Said(f"{text}{'; look at their means with caution' if failed else ''}.", at), failed)
