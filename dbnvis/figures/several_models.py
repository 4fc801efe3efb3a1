"""Units of several models by every method: one sheet for each unit, and a table of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import plot, results
from ..display import Rows
from ..models.units import as_units
from ..plot import Part
from ..results import Writer
from ..visualize import VISUALIZERS, Unit
from ..visualize.tidy import together
from . import diagnosis
from .naming import sheet_name, shortened
from .side_by_side import PACK, TILE, Compared, compare, legend_of, sheet_of
from .study import Study

LONGEST = 80  # characters of the models in a file name

ONE_UNIT = (
    "One unit of several models by every method, a method's rows below each other. Blue frame: the method's picture. "
    "Units of one address in two models need not be related."
)


def check_different(studies: Sequence[Study], names: Sequence[str]) -> None:
    """ValueError if two of the models, opened by `names`, are the same."""
    seen: dict[str, str] = {}
    for study, name in zip(studies, names, strict=True):
        sha = study.facts["model_sha256"]
        if sha in seen:
            raise ValueError(f"{seen[sha]} and {name} are the same model (hash {sha[:8]}); name each model once")
        seen[sha] = name


def owners(studies: Sequence[Study], names: Sequence[str], units: Sequence[Unit]) -> tuple[list[list[int]], list[str]]:
    """For every unit the places of the models that have it, and a sentence for each model that lacks some.

    Parameters
    ----------
    studies : sequence of Study
    names : sequence of str
        What the models are called in messages.
    units : sequence of Unit

    Raises
    ------
    ValueError
        If a unit is named twice, no model has it, or a model has none of the units.
    """
    having: list[list[int]] = []
    lacking: list[list[Unit]] = [[] for _ in names]
    seen: set[tuple[int, str, int]] = set()
    for unit in units:
        found, reasons = [], []
        for i, study in enumerate(studies):
            try:
                layer, (number,) = as_units(study.model, [unit])
            except (KeyError, ValueError) as error:
                reasons.append(f"{names[i]}: " * (len(names) > 1) + error.args[0])
                lacking[i].append(unit)
                continue
            if (i, layer, number) in seen:
                raise ValueError(f"every unit is drawn once, and {unit} is named twice; name each once")
            seen.add((i, layer, number))
            found.append(i)
        if not found:
            raise ValueError("; ".join(reasons))
        having.append(found)
    said = []
    for name, study, missing in zip(names, studies, lacking, strict=True):
        exist = ", ".join(f"{layer}:0 to {study.units(layer)[-1]}" for layer in study.model.layer_names)
        if len(missing) == len(units):
            raise ValueError(f"{name} has none of the units {', '.join(map(str, units))}; it has {exist}")
        if missing:
            said.append(f"{name} is left out of the sheets of {', '.join(map(str, missing))}; it has {exist}")
    return having, said


def label_of(studies: Sequence[Study]) -> str:
    """The models in a file name: their names and hashes; of many their number, and one hash of all hashes."""
    label = "_".join(study.source for study in studies)
    if len(label) <= LONGEST:
        return label
    return f"{len(studies)}-models-{results.short_hash([study.source for study in studies])}"


def compare_all(
    studies: Sequence[Study], units: Sequence[Unit], having: Sequence[Sequence[int]], writer: Writer
) -> None:
    """Draw a sheet for each unit, and write a table of all.

    Parameters
    ----------
    studies : sequence of Study
        Each draws the units that it alone has, into its own folder.
    units : sequence of Unit
    having : sequence of sequence of int
        For every unit the places of the studies that have it (`owners`).
    writer : Writer
        Of sheets of several models, and of the table.

    Raises
    ------
    ValueError
        Before any work, if what is there is of other models, data or settings and must stay.
    """
    names = sheet_name(f"compare_{shortened(','.join(map(str, units)))}", label_of(studies), studies[0].seed)
    sheets = [[studies[i] for i in found] for found in having]
    for unit, owning in zip(units, sheets, strict=True):
        if len(owning) > 1:
            writer.check(writer.picture(_name(owning, unit)), **_facts(owning))
        else:
            owning[0].check(owning[0].sheet_name(sheet_of(unit)))
    if len(units) > 1:
        writer.check(writer.sheet(names), **_facts(studies))
    tables = []
    for unit, owning in zip(units, sheets, strict=True):
        if len(owning) > 1:
            tables.append(_compare(owning, unit, writer))
        else:
            rows = compare(owning[0], unit, owning[0].sheet_name)
            tables.append(_of_model(owning[0], rows) if len(studies) > 1 else rows)
    if len(units) > 1:
        writer.table(names, together(tables), **_facts(studies), settings={"units": [str(unit) for unit in units]})


def _compare(studies: Sequence[Study], unit: Unit, writer: Writer) -> Rows:
    """One unit of several models on one sheet."""
    found = [Compared.of(study, unit, f"{study.label}, ") for study in studies]
    names = [name for name in (cls.__name__ for cls in VISUALIZERS.values()) if any(name in x.shown for x in found)]
    rows: list[list[Part]] = []
    for name in names:
        rows += plot.packed([x.panels[name] for x in found if name in x.panels], TILE, PACK)
    warnings = (diagnosis.warning(pictures, x.study.label) for x in found for pictures in x.chains)
    figure = plot.grid(
        rows,
        heading=(
            f"unit {unit} of {len(found)} models by {len(names)} methods: "
            f"{'; '.join(x.study.heading for x in found)}{''.join(warnings)}"
        ),
        caption=ONE_UNIT,
        key=" ".join([legend_of(names), *_worth(found), *_legends(found), *_missing(found)]),
        tile=TILE,
    )
    table = together(_of_model(x.study, x.study.rows(x.shown)) for x in found)
    arrays = {
        key: a for x in found for name, shown in x.shown.items() for key, a in shown.arrays(_key(x, name)).items()
    }
    settings: dict[str, Any] = {"unwhiten": True} if studies[0].unwhiten else {}
    settings |= {"unit": str(unit)}
    for x in found:
        settings[x.study.label] = {**{name: shown.settings for name, shown in x.shown.items()}, **x.told}
    writer.figure(_name(studies, unit), figure, arrays, table, **_facts(studies), settings=settings)
    return table


def _key(x: Compared, name: str) -> str:
    return f"{x.study.label}.{name}"


def _worth(found: Sequence[Compared]) -> list[str]:
    """What the numbers of chains mean, once, and how often the unit of each model is on."""
    legends = dict.fromkeys(diagnosis.legend(pictures) for x in found for pictures in x.chains)
    odds = [(x, diagnosis.odds(pictures, 0)) for x in found for pictures in x.chains]
    return [*legends, *(f"{x.study.label},{said}" for x, said in odds if said)]


def _legends(found: Sequence[Compared]) -> list[str]:
    """What captions mean: for all models at once, or for each where they differ."""
    labels: dict[str, list[str]] = {}
    for x in found:
        labels.setdefault(x.legend, []).append(x.study.label)
    if len(labels) == 1:
        return [*labels]
    return [f"{', '.join(whose)}: {legend}" for legend, whose in labels.items()]


def _missing(found: Sequence[Compared]) -> list[str]:
    return [f"{x.study.label}:{x.missing}" for x in found if x.missing]


def _of_model(study: Study, rows: Rows) -> Rows:
    """Rows that also say whose they are."""
    whose = {"model": study.label, "model_sha256": study.facts["model_sha256"], "dataset": study.dataset}
    return Rows({**whose, **row} for row in rows)


def _name(studies: Sequence[Study], unit: Unit) -> str:
    name = sheet_name(sheet_of(unit), label_of(studies), studies[0].seed)
    return f"{name}{'_unwhitened' * studies[0].unwhiten}"


def _facts(studies: Sequence[Study]) -> dict[str, Any]:
    """What a manifest says of several models."""
    if len(studies) == 1:
        return studies[0].facts
    datasets = dict.fromkeys(study.dataset for study in studies)
    models = {study.label: study.facts for study in studies}
    return {"dataset": ", ".join(datasets), "seed": studies[0].seed, "models": models}
