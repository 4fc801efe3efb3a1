"""The whole page of Erhan et al. 2009 in stages: models, figures, tables, and the page that shows them.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Erhan, Courville, Bengio (2010), "Understanding representations learned in deep architectures", TR 1355.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import results
from ..figures import manifolds
from ..figures.deformations import deformations
from ..figures.gabors import gabor_tables
from .page import AGAIN, RECIPES, Page
from .page_text import page_text
from .paper_figures import FIGURES, SUBJECTS
from .table import claims

STRIPS, TRACED = 3, 30  # units of every layer in film strips, and whose invariance is measured

Model = tuple[str, str]
"""Family and subject."""


@dataclass(frozen=True)
class Stage:
    """One step of the page.

    Parameters
    ----------
    name : str
    file : Path
        What the step writes last.
    models : sequence of (family, subject)
        What it shows; a step of none is cheap, or keeps by itself what there is, and is always made.
    make : callable
    artefacts : sequence of Path
        What it writes with a manifest.
    """

    name: str
    file: Path
    models: Sequence[Model]
    make: Callable[[], object]
    artefacts: Sequence[Path] = ()

    def done(self, page: Page) -> bool:
        """Is there a file no older than the models, and every artefact whole? False of a step without models."""
        files = [page.model_file(*model) for model in self.models]
        if not files or not all(file.exists() for file in [self.file, *files]):
            return False
        newer = all(self.file.stat().st_mtime >= file.stat().st_mtime for file in files)
        return newer and all(map(results.is_whole, self.artefacts))

    def check(self, page: Page) -> None:
        """ValueError if the step would replace pictures of a model that is no longer there."""
        lost = [page.model_file(*model) for model in self.models if not page.model_file(*model).exists()]
        there = [path for path in self.artefacts if path.exists()]
        if lost and there:
            raise ValueError(
                f"{there[0]} shows a model that is no longer there, {lost[0]}; --overwrite replaces it, or --out "
                "another folder"
            )


def stages(page: Page) -> list[Stage]:
    """All steps in their order; the last writes `README.md`."""
    dbns: list[Model] = [("DBN", subject) for subject in SUBJECTS]
    models = [(family, subject) for family in ("DBN", "SDAE", AGAIN) for subject in SUBJECTS]
    steps = [
        Stage(
            f"training: {family} of {subject}",
            page.model_file(family, subject),
            [],
            partial(page.study, family, subject),
        )
        for family, subject in models
    ]
    of: dict[str, tuple[str, list[Model]]] = {
        "figure_1": ("figure_1", [("DBN", "digits"), ("SDAE", "digits")]),
        "figure_2": ("figure_2", [("DBN", "patches"), ("SDAE", "patches")]),
        "figure_3": ("figure_3", dbns),
        "figure_4": ("figure_4_patches", dbns),
        "lee_2008": ("lee_2008", [("DBN", "patches")]),
    }
    halves = [page.out / f"figure_4_{subject}.png" for subject in SUBJECTS]
    steps += [
        Stage(
            name,
            page.out / f"{file}.md",
            shown,
            partial(FIGURES[name], page.named(name)),
            halves if name == "figure_4" else [page.out / f"{file}.png"],
        )
        for name, (file, shown) in of.items()
    ]
    tables = [_table(page, "patches", name) for name in ("gabor", "gabor_summary")]
    steps.append(
        Stage(
            "Gabor fits",
            tables[-1],
            [("DBN", "patches")],
            lambda: _gabors(page.named("gabor")),
            [_figure(page, "patches", "gabor"), *tables],
        )
    )
    steps += [
        Stage(
            f"claims: {subject}",
            _table(page, subject, "claims", ".md"),
            [(family, subject) for family in ("DBN", "SDAE", AGAIN)],
            partial(_claims, page.named("claims"), subject),
            [_figure(page, subject, "claims"), _table(page, subject, "claims")],
        )
        for subject in SUBJECTS
    ]
    layers = [f"h{i}" for i in range(1, len(RECIPES["DBN", "digits"][0]) + 1)]
    strips = [_figure(page, "digits", name) for name in (*(f"manifolds_{layer}" for layer in layers), "invariance")]
    table = _table(page, "digits", "invariance")
    steps += [
        Stage(
            "invariance", table, [("DBN", "digits")], lambda: _invariance(page.named("invariance")), [*strips, table]
        ),
        Stage(
            "infinite digits",
            page.root("digits") / "figures" / "infinite.json",
            [],
            lambda: _infinite(page.named("infinite")),
        ),
        Stage("page", page.out / "README.md", [], lambda: write_page(page)),
    ]
    return steps


def write_page(page: Page) -> None:
    """Write `README.md` of what the other stages have left."""
    page.writer.text("README.md", page_text(page))


def _table(page: Page, subject: str, name: str, suffix: str = ".csv") -> Path:
    return page.root(subject) / "tables" / f"{name}{suffix}"


def _figure(page: Page, subject: str, name: str) -> Path:
    return page.root(subject) / "figures" / f"{name}.png"


def _gabors(page: Page) -> None:
    gabor_tables(page.study("DBN", "patches"))


def _claims(page: Page, subject: str) -> None:
    study, other, control = (page.study(family, subject) for family in ("DBN", "SDAE", AGAIN))
    claims(study, other, control=control)


def _invariance(page: Page) -> None:
    study = page.study("DBN", "digits")
    manifolds.film_strips(study, n=STRIPS)
    manifolds.invariance_table(study, n=TRACED)


def _infinite(page: Page) -> None:
    deformations(page.digits, page.writer_of("digits"))
