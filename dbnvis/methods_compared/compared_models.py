"""The comparison of visualization methods on several models, of digits and of patches, resumed model by model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ..erhan2009.page import Page
from ..evaluate.predictiveness import TESTED
from ..figures.opening import open_study
from ..figures.study import Study
from ..results import Writer
from ..runs.fine_tuned import FineTuning
from .curves import settings_curves
from .summary import summarize, table_figure
from .unit_tables import unit_table

#: Models whose settings are varied.
CURVED = ("digits DBN", "digits SDAE", "patches DBN", "patches SDAE")
HEADING = "Two questions to a picture of a hidden unit: {n} models, every method"


def compare_methods(page: Page) -> None:
    """The figures `methods` and `settings` and their tables, and a table of units for each model.

    The models of the page, a classifier fine-tuned from a DBN, which is kept beside the other results of the digits,
    and the convolutional network that ships with the package. A model whose table of units is whole is not measured
    again.

    Raises
    ------
    ValueError
        If a model or a table that is there is of other data or settings and must stay.
    """
    writer = replace(page.writer, root=page.out.parent / "comparison", figures="figures", tables="tables")
    studies = {name: replace(study, writer=writer) for name, study in _models(page).items()}
    facts: dict[str, Any] = {"models": {name: study.facts for name, study in studies.items()}}
    for table in ("methods", "settings"):
        writer.check(writer.sheet(table), seed=page.seed, **facts)
    rows = [row for name, study in studies.items() for row in unit_table(study, name)]
    summary = summarize(rows, seed=page.seed)
    others = [row["rank_another_units"] for row in rows]
    tested = min(len(study.data_at_hand().test_images) for study in studies.values())
    figure = table_figure(
        summary,
        HEADING.format(n=len(studies)),
        tested=f"{min(tested, TESTED):,}",
        another=f"{round(sum(others) / len(others), 2) + 0.0:.2f}",  # 0.00 rather than -0.00
        size=f"{sum(map(abs, others)) / len(others):.2f}",
    )
    writer.figure("methods", figure, None, seed=page.seed, **facts)
    writer.table("methods", summary, seed=page.seed, **facts)
    settings_curves({name: studies[name] for name in CURVED}, writer, seed=page.seed, **facts)


def _models(page: Page) -> dict[str, Study]:
    """The models by name, in the order of the table, trained where they are not there yet."""
    return {
        "digits DBN": page.study("DBN", "digits"),
        "digits SDAE": page.study("SDAE", "digits"),
        "digits MLP": _classifier(page),
        "digits convnet": _open(page, "convnet", page.out),
        "patches DBN": page.study("DBN", "patches"),
        "patches SDAE": page.study("SDAE", "patches"),
    }


def _classifier(page: Page) -> Study:
    """The classifier of `dbnvis figure classifier`, fine-tuned from a DBN."""
    folder = page.out.parent / page.digits.name
    writer = Writer(folder, "figures", "tables")
    space = FineTuning(page.digits, writer, page.seed, page.xp, page.progress, page.on_epoch)
    space.classifier()
    return _open(page, space.models / "classifier-pretrained.npz", folder)


def _open(page: Page, model: str | Path, out: Path) -> Study:
    opened: dict[str, Any] = {"out": out, "seed": page.seed, "xp": page.xp, "progress": page.progress}
    return open_study(model, page.digits, **opened)
