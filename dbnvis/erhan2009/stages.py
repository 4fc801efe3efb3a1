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
from itertools import product
from pathlib import Path

from .. import results
from ..figures import manifolds
from ..figures.deformations import deformations
from ..figures.gabors import gabor_tables
from ..figures.study import Study
from .families import measure_recipes
from .page import FAMILIES, RECIPES, SEEDS, SUBJECTS, Page
from .page_text import page_text
from .paper_figures import FIGURES
from .table import judge_claims, measure_claims

MODELS = tuple(product(FAMILIES, SUBJECTS))
STRIPS, TRACED = 3, 30  # units of every layer in film strips, and whose invariance is measured

Model = tuple[str, str] | tuple[str, str, int]
"""Family and subject, and the number of a small network."""


@dataclass(frozen=True)
class Stage:
    """One step of the page.

    Parameters
    ----------
    name : str
    file : Path
        What the step writes last.
    models : sequence of Model
        What it shows; a step of none is cheap, or keeps by itself what there is, and is always made.
    make : callable
    artefacts : sequence of Path
        What it writes with a manifest, or with the hash of the table that it follows from.
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
    return [
        *_trainings(page),
        *_figures(page),
        _gabor_fits(page),
        *(_claims(page, subject) for subject in SUBJECTS),
        *(_recipes(page, subject) for subject in SUBJECTS),
        *(_verdicts(page, subject) for subject in SUBJECTS),
        _invariance(page),
        _infinite_digits(page),
        Stage("page", page.out / "README.md", [], lambda: write_page(page)),
    ]


def write_page(page: Page) -> None:
    """Write `README.md` of what the other stages have left."""
    page.writer.text("README.md", page_text(page))


def write_verdicts(page: Page, subject: str) -> None:
    """Judge the claims of "digits" or "patches" from their table."""
    judge_claims(page.named("claims").writer_of(subject), page.data(subject).name)


def _trainings(page: Page) -> list[Stage]:
    large = [_training(page, " of ".join(model), [model]) for model in MODELS]
    return large + [_training(page, f"{SEEDS} small {' of '.join(model)}", _small(*model)) for model in MODELS]


def _small(family: str, subject: str) -> list[Model]:
    return [(family, subject, number) for number in range(SEEDS)]


def _training(page: Page, name: str, models: Sequence[Model]) -> Stage:
    def make() -> None:
        for model in models:
            page.study(*model)

    return Stage(f"training: {name}", page.model_file(*models[-1]), [], make)


def _figures(page: Page) -> list[Stage]:
    """The paper's figures."""
    dbns: list[Model] = [("DBN", subject) for subject in SUBJECTS]
    shown: dict[str, list[Model]] = {
        "figure_1": [("DBN", "digits"), ("SDAE", "digits")],
        "figure_2": [("DBN", "patches"), ("SDAE", "patches")],
        "figure_3": dbns,
        "figure_4": dbns,
        "lee_2008": [("DBN", "patches")],
    }
    steps = []
    for name, models in shown.items():
        files = [f"figure_4_{subject}" for subject in SUBJECTS] if name == "figure_4" else [name]
        artefacts = [page.out / f"{file}.png" for file in files]
        steps.append(Stage(name, artefacts[-1].with_suffix(".md"), models, partial(_draw, page, name), artefacts))
    return steps


def _draw(page: Page, name: str) -> None:
    FIGURES[name](page.named(name))


def _gabor_fits(page: Page) -> Stage:
    tables = [_table(page, "patches", name) for name in ("gabor", "gabor_summary")]

    def make() -> None:
        gabor_tables(page.named("gabor").study("DBN", "patches"))

    return Stage("Gabor fits", tables[-1], [("DBN", "patches")], make, [_figure(page, "patches", "gabor"), *tables])


def _claims(page: Page, subject: str) -> Stage:
    models: list[Model] = [(family, subject) for family in FAMILIES]
    table = _table(page, subject, "claims")

    def make() -> None:
        study, other = (page.named("claims").study(*model) for model in models)
        measure_claims(study, other)

    figures = [_figure(page, subject, name) for name in ("claims", "claims_methods")]
    return Stage(f"claims: {subject}", table, models, make, [*figures, table])


def _recipes(page: Page, subject: str) -> Stage:
    """The families compared by several small networks of each."""
    table = _table(page, subject, "networks")

    def make() -> None:
        named = page.named("claims")
        networks: dict[str, Sequence[Study]] = {
            family: [named.study(*model) for model in _small(family, subject)] for family in FAMILIES
        }
        measure_recipes(named.writer_of(subject), page.data(subject).name, networks, seed=page.seed)

    models = [model for family in FAMILIES for model in _small(family, subject)]
    return Stage(f"families: {subject}", table, models, make, [_figure(page, subject, "networks"), table])


def _verdicts(page: Page, subject: str) -> Stage:
    text, verdicts = _table(page, subject, "claims", ".md"), _table(page, subject, "verdicts", ".json")
    return Stage(f"verdicts: {subject}", text, [], partial(write_verdicts, page, subject), [verdicts])


def _invariance(page: Page) -> Stage:
    layers = [f"h{i}" for i in range(1, len(RECIPES["DBN", "digits"][0]) + 1)]
    strips = [_figure(page, "digits", name) for name in (*(f"manifolds_{layer}" for layer in layers), "invariance")]
    table = _table(page, "digits", "invariance")

    def make() -> None:
        manifolds.film_strips(page.named("manifolds").study("DBN", "digits"), n=STRIPS)
        manifolds.invariance_table(page.named("invariance").study("DBN", "digits"), n=TRACED)

    return Stage("invariance", table, [("DBN", "digits")], make, [*strips, table])


def _infinite_digits(page: Page) -> Stage:
    file = _figure(page, "digits", "infinite").with_suffix(".json")
    return Stage(
        "infinite digits", file, [], lambda: deformations(page.digits, page.named("infinite").writer_of("digits"))
    )


def _table(page: Page, subject: str, name: str, suffix: str = ".csv") -> Path:
    return page.root(subject) / "tables" / f"{name}{suffix}"


def _figure(page: Page, subject: str, name: str) -> Path:
    return page.root(subject) / "figures" / f"{name}.png"
