"""Sections of a report on units: by several methods, what these share, which units and chains are not to be trusted."""

from __future__ import annotations

from html import escape
from typing import Any

from .markup import cells_of, items, layers_of, paragraph, picture, table
from .plan import Measured
from .wording import Said


def units(facts: dict[str, Any], found: Measured) -> list[str]:
    """A table per layer: a row per unit, a column per method."""
    text = (
        "The first {settings.shown} units of every layer. Trust what several methods agree on. Under a picture: the "
        "unit's score, and the share of test images that excite it less."
    )
    parts = [paragraph(facts, text)]
    for _, layer, at in layers_of(facts):
        head = ["unit", *map(escape, layer["methods"])]
        rows = []
        for i, row in enumerate(layer["pictures"]):
            cells = [
                _cell(facts, found, f"{at}.pictures.{i}.cells.{j}", j, row, layer) for j in range(len(row["cells"]))
            ]
            rows.append([*cells_of(facts, f"{at}.pictures.{i}", "{unit}"), *cells])
        caption = Said("{name}, {units} units", at).html(facts)
        parts.append(table(head, rows, caption, kind="units"))
    return parts


def _cell(facts: dict[str, Any], found: Measured, path: str, j: int, row: dict[str, Any], layer: dict[str, Any]) -> str:
    cell = row["cells"][j]
    note = Said("{note}", path).html(facts)
    if path not in found.tiles:
        return f'<span class="absent">no picture</span><br><small>{note}</small>'
    image = picture(found.tiles[path], f"{row['unit']} by {layer['methods'][j]}", "tile")
    text = "{score:.1f}" if cell["percentile"] is None else "{score:.1f}, {percentile:g} %"
    mark = ' <small title="see the section on chains">!</small>' if cell["note"] else ""
    return f"{image}<br>{Said(text, path).html(facts)}{mark}"


def agreement(facts: dict[str, Any]) -> list[str]:
    """A row for every two methods and layer."""
    text = (
        "Of {settings.units} units of each layer, or all: the cosine of a unit's two pictures, less each method's mean "
        "picture; and for how many units the own picture is nearest among those of all units. By chance, and with "
        "weights that are shuffled within each layer, so that nothing is left of what was learned, it is what the last "
        "columns say. In the first layer of a dense network optimum and combination are the filter itself."
    )
    parts = [paragraph(facts, text)]
    head = ("layer", "methods", "cosine", "of other units", "own unit first", "by chance", "shuffled weights")
    rows = []
    for _, layer, at in layers_of(facts):
        for i, pair in enumerate(layer["agreement"]):
            null = "{shuffled.first_rank.percent:.1f} %" if pair["shuffled"] else "not drawn"
            texts = (
                "{first}, {second}",
                "{cosine.mean:.2f} ({cosine.low:.2f} to {cosine.high:.2f})",
                "{cosine.others:.2f}",
                "{first_rank.percent:.1f} % ({first_rank.low:.1f} to {first_rank.high:.1f})",
                "{chance:.1f} %",
                null,
            )
            rows.append([*cells_of(facts, at, "{name}"), *cells_of(facts, f"{at}.agreement.{i}", *texts)])
    return [
        *parts,
        table(head, rows, kind="intervals") if rows else paragraph(facts, "No two methods draw two units or more."),
    ]


def audit(facts: dict[str, Any]) -> list[str]:
    """A row per layer."""
    limits = (
        "Dead: p is below {off:g}, or the same to within {stirs:g}, for every image; always on: above {on:g} for every "
        "image; of rectifiers: for no image, for every image above zero. Duplicate: the weights have a cosine above "
        "{same:g} with those of an earlier unit."
    )
    head = ("layer", "test images", "dead", "always on", "duplicate", "share of any", "the first of them")
    rows = []
    for _, layer, at in layers_of(facts):
        if "audit" not in layer:
            continue
        found = layer["audit"]
        kinds = [
            f"{{{kind}.count}}" if found[kind] else "not looked for" for kind in ("dead", "always_on", "duplicate")
        ]
        share = "{nothing.percent:.1f} % ({nothing.low:.1f} to {nothing.high:.1f})"
        images = "{images}" if found["images"] else "none"
        texts = (images, *kinds, share, "{first}" if found["first"] else "none")
        rows.append([*cells_of(facts, at, "{name}"), *cells_of(facts, f"{at}.audit", *texts)])
    return [paragraph(facts, limits, "measured.limits"), table(head, rows)]


def chains(facts: dict[str, Any]) -> list[str]:
    """A row per layer, and why the chains of the first units have not mixed."""
    rows, reasons = [], []
    for _, layer, at in layers_of(facts):
        if "chains" not in layer:
            continue
        texts = [
            f"{{{name}}}" for name in ("chains", "burn_in", "record", "mixing:.2f", "slowest:.2f", "tau:.1f", "ess:.0f")
        ]
        cells = [*texts, "{failed.count} of {failed.of}"]
        rows.append([*cells_of(facts, at, "{name}"), *cells_of(facts, f"{at}.chains", *cells)])
        reasons += [Said(f"{{chains.notes.{i}}}", at) for i in range(len(layer["chains"]["notes"]))]
    if not rows:
        return [paragraph(facts, "The model runs no chains.")]
    head = ("layer", "chains", "burn-in", "record", "R", "R of the slowest", "tau", "draws", "not mixed")
    text = (
        "Medians over the units; sweeps. R compares the chains of a unit, and is near one if all see the same. They "
        "have not mixed if R is above {mixed:g}, R of the slowest hidden units above {slowest:g}, or the record "
        "shorter than {lengths} times tau, their memory; then a mean may be that of a few chains. Draws: independent "
        "ones that all states are worth."
    )
    parts = [table(head, rows), paragraph(facts, text, "measured.limits")]
    return [*parts, paragraph(facts, "The first ones of each layer:"), items(facts, reasons)] if reasons else parts
