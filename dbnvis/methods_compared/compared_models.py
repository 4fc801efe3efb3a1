"""The comparison of visualization methods on several models, of digits and of patches, resumed model by model."""

from __future__ import annotations

from collections.abc import Callable
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

#: Models in the order of the table; the first two of each data set are the page's.
FAMILIES = {
    "digits DBN": ("DBN", "digits"),
    "digits SDAE": ("SDAE", "digits"),
    "patches DBN": ("DBN", "patches"),
    "patches SDAE": ("SDAE", "patches"),
}
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
    studies = {name: replace(make(), writer=writer) for name, make in _models(page).items()}
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
        another=f"{sum(others) / len(others):.2f}",
        size=f"{sum(map(abs, others)) / len(others):.2f}",
    )
    writer.figure("methods", figure, None, seed=page.seed, **facts)
    writer.table("methods", summary, seed=page.seed, **facts)
    curved = {name: studies[name] for name in FAMILIES}
    settings_curves(curved, writer, seed=page.seed, **facts)


def _models(page: Page) -> dict[str, Callable[[], Study]]:
    """How to open each model, trained where it is not there yet."""
    opened: dict[str, Callable[[], Study]] = {}
    for name, model in FAMILIES.items():
        opened[name] = lambda model=model: page.study(*model)  # type: ignore[misc]
        if name == "digits SDAE":
            opened["digits MLP"] = lambda: _classifier(page)
            opened["digits convnet"] = lambda: _open(page, "convnet", page.out)
    return opened


def _classifier(page: Page) -> Study:
    """The classifier of `dbnvis figure classifier`, fine-tuned from a DBN."""
    folder = page.out.parent / page.digits.name
    space = FineTuning(page.digits, Writer(folder, "figures", "tables"), page.seed, page.xp, on_epoch=page.on_epoch)
    space.classifier()
    return _open(page, space.models / "classifier-pretrained.npz", folder)


def _open(page: Page, model: str | Path, out: Path) -> Study:
    opened: dict[str, Any] = {"out": out, "seed": page.seed, "xp": page.xp, "progress": page.progress}
    return open_study(model, page.digits, **opened)
