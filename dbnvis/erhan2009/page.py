"""The page of Erhan et al. 2009: the models that its figures are of, how they are trained, and what goes beside them.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from ..datasets import Dataset
from ..figures.gabors import PATCHES_RECIPE
from ..figures.opening import open_study
from ..figures.study import Study
from ..models.protocol import stacked
from ..progress import Progress, silent
from ..results import Writer
from ..runs.run import MODEL, planned
from ..runs.stacks import train
from ..train import CDConfig, DenoisingConfig, EpochStats
from ..train.config import HIDDEN
from ..visualize import UnitImages
from .measures import short_name
from .texts import texts

FAMILIES, SUBJECTS = ("DBN", "SDAE"), ("digits", "patches")
SEEDS = 5  # small networks of each family, by which families are compared
SMALLER, BRIEFER = 4, 10  # times fewer hidden units of a small network, and deformed digits that it is trained on
#: Hidden units and how each layer is trained, by family and subject.
RECIPES: dict[tuple[str, str], tuple[tuple[int, ...], Any]] = {
    ("DBN", "digits"): (HIDDEN, CDConfig()),
    # Without the sparsity target over a third of the first layer is texture, and the second is mostly single spots;
    # strong noise would empty units of the layers above.
    ("SDAE", "digits"): (
        HIDDEN,
        (
            DenoisingConfig(weight_decay=6e-3, start_activity=0.1, sparsity_target=0.1),
            *[DenoisingConfig(noise_level=0.2, weight_decay=1e-3)] * 2,
        ),
    ),
    ("DBN", "patches"): PATCHES_RECIPE,
    # With salt and pepper the first layer is half texture; Vincent et al. (2010), as remembered, saw Gabor filters with
    # gaussian noise. With it, too, over a third is texture, unless the target is low and the rate high: at a target of
    # 0.05 and a rate of 0.1, or at 0.03 and 1, some is left. Hidden activations then vary little: in the layers above,
    # weak noise and high rates.
    ("SDAE", "patches"): (
        PATCHES_RECIPE[0],
        (
            DenoisingConfig(
                "gaussian",
                0.8,
                epochs=30,
                learning_rate=2.0,
                start_activity=0.03,
                weight_decay=1e-3,
                sparsity_target=0.02,
            ),
            DenoisingConfig("gaussian", 0.08, epochs=20, learning_rate=3.0, start_activity=0.1, weight_decay=1e-4),
            DenoisingConfig("masking", 0.1, epochs=10, learning_rate=1.0, start_activity=0.1, weight_decay=1e-4),
        ),
    ),
}


@dataclass
class Page:
    """Four studies, one per family and subject, small networks beside them, and where their common figures go.

    Parameters
    ----------
    digits, patches : Dataset
    examples : int
        Deformed digits that the models of digits learn from.
    open : callable
        (family, subject, number) -> Study; trains the model if there is none yet. Number: None, or which of the
        `SEEDS` small networks.
    writer : Writer
        Where figures and their captions go; those of one data set alone in a folder of its name under its root.
    seed : int
    xp : module
        Array library of the device.
    progress : callable
    on_epoch : callable
        Called as on_epoch(stats, config) after each epoch.
    """

    digits: Dataset
    patches: Dataset
    examples: int
    open: Callable[[str, str, int | None], Study]
    writer: Writer
    seed: int
    xp: Any
    progress: Progress = silent
    on_epoch: Callable[[Any, Any], None] = lambda stats, config: None

    @property
    def out(self) -> Path:
        """Folder of the page."""
        return self.writer.root

    def data(self, subject: str) -> Dataset:
        """The data set of "digits" or "patches"."""
        return {"digits": self.digits, "patches": self.patches}[subject]

    def root(self, subject: str) -> Path:
        """Folder of what is about one data set alone."""
        return self.out / self.data(subject).name

    def model_file(self, family: str, subject: str, number: int | None = None) -> Path:
        """Where the finished model lies."""
        return _folder(self.out, family, self.data(subject), number) / MODEL

    def study(self, family: str, subject: str, number: int | None = None) -> Study:
        """The study of a model, whose figures and tables go to the folder of its data set."""
        return replace(self.open(family, subject, number), writer=self.writer_of(subject))

    def named(self, entry: str) -> Page:
        """The page, whose manifests name this figure of the catalogue."""
        return replace(self, writer=replace(self.writer, entry=entry))

    def writer_of(self, subject: str) -> Writer:
        """Where figures and tables of one data set alone go."""
        return replace(self.writer, root=self.root(subject), figures="figures", tables="tables")

    def save(self, name: str, figure: Any, shown: dict[str, tuple[Study, UnitImages]], captioned: str = "") -> None:
        """Write a figure, its manifest, its arrays and its caption, a text that states every setting."""
        studies = {f"{study.dataset}, {type(study.model).__name__}": study for study, _ in shown.values()}
        models = {key: {"dataset": study.dataset, **study.provenance} for key, study in studies.items()}
        settings = {key: pictures.settings for key, (_, pictures) in shown.items()}
        arrays = {f"{key}.images": pictures.images for key, (_, pictures) in shown.items()}
        arrays |= {f"{key}.scores": pictures.scores for key, (_, pictures) in shown.items()}
        self.writer.figure(name, figure, arrays, seed=self.seed, models=models, settings=settings)
        self.writer.text(f"{name}.md", _caption(captioned or name, shown))


def open_page(
    digits: Dataset,
    patches: Dataset,
    *,
    examples: int,
    writer: Writer,
    seed: int,
    xp: Any,
    on_epoch: Callable[[EpochStats, Any], None],
    progress: Progress = silent,
    resume: bool = True,
) -> Page:
    """A page whose models are trained when a figure first asks for them, and kept in `models` under the writer's root.

    Before the first training, all models that are there already are looked at: what would be refused after hours is
    refused at once.

    Parameters
    ----------
    digits, patches : Dataset
    examples : int
        Deformed digits that the models of digits learn from.
    writer : Writer
        With its leave to overwrite; with `resume`, only what is of other settings, seed or data is replaced.
    seed : int
    xp : module
        Array library of the device.
    on_epoch, progress : callable
    resume : bool
        Keep the models that are there, and finish one that is not.
    """
    out = writer.root
    studies: dict[tuple[str, str, int | None], Study] = {}
    sets = {"digits": digits, "patches": patches}

    def plan(family: str, subject: str, number: int | None) -> dict[str, Any]:
        hidden, config = RECIPES[family, subject]
        shown = examples
        if number is not None:
            hidden, shown = tuple(max(2, n // SMALLER) for n in hidden), max(1, examples // BRIEFER)
        return {
            "dataset": sets[subject],
            "hidden": hidden,
            "config": config,
            "folder": _folder(out, family, sets[subject], number),
            "seed": seed + (number or 0),
            "resume": resume,
            "overwrite": writer.overwrite,
            "examples": shown if subject == "digits" else None,
        }

    def study(family: str, subject: str, number: int | None = None) -> Study:
        key = family, subject, number
        if key not in studies:
            if not studies:
                for each in product(FAMILIES, SUBJECTS, (None, *range(SEEDS))):
                    planned(**plan(*each))[0].kept(xp=xp)
            model = train(**plan(*key), xp=xp, on_epoch=on_epoch)
            studies[key] = open_study(model, sets[subject], out=out, seed=seed, xp=xp, progress=progress)
        return studies[key]

    return Page(digits, patches, examples, study, writer, seed, xp, progress, on_epoch)


def _folder(out: Path, family: str, data: Dataset, number: int | None) -> Path:
    name = f"{family}-{data.name}"
    return out / "models" / (name if number is None else f"{name}-small-{number}")


def _caption(name: str, shown: dict[str, tuple[Study, UnitImages]]) -> str:
    text = texts()["figures"][name]
    lines = [f"# {name.replace('_', ' ').capitalize()}", "", text["caption"], ""]
    lines += [f"**What to look for.** {text['look_for']}", ""]
    lines += ["| pictures | units | settings |", "| --- | --- | --- |"]
    for key, (_, pictures) in shown.items():
        settings = ", ".join(f"{name} {value}" for name, value in pictures.settings.items() if value is not None)
        lines.append(f"| {key} | {pictures.units[0]} to {pictures.units[-1].index} | {settings} |")
    lines += ["", "| model | data | sizes | norm of the inputs | training |", "| --- | --- | --- | --- | --- |"]
    for study in {id(study): study for study, _ in shown.values()}.values():
        sizes = "-".join(map(str, stacked(study.model).sizes))
        training = study.provenance.get("training", {})
        settings = ", ".join(f"{key} {value}" for key, value in training.items() if key != "hidden")
        kind = short_name(type(study.model).__name__)
        lines.append(f"| {kind} | {study.dataset} | {sizes} | {study.model.input_norm:.3f} | {settings} |")
    return "\n".join(lines) + "\n"
