"""Erhan et al. 2009, figure by figure: a DBN and a stacked denoising autoencoder (SDAE), of digits and of patches.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import plot, results
from ..datasets import Dataset
from ..plot import Panel
from ..train import CDConfig, DenoisingConfig, EpochStats
from ..visualize import ActivationMaximization, ClampedGibbs, FilterCombination, StrongestConnections, UnitImages
from .gabors import PATCHES_RECIPE
from .session import HIDDEN, open_study, train
from .study import Progress, Study, describe, silent

FAMILIES = ("DBN", "SDAE")
SUBJECTS = ("digits", "patches")
#: Units of each layer in figures 1, 2 and 4, and tiles' columns and sides in inches.
SHOWN = {"digits": (36, 6, 0.42), "patches": (144, 12, 0.24)}
#: Hidden units and how each layer is trained, by family and subject.
RECIPES: dict[tuple[str, str], tuple[tuple[int, ...], Any]] = {
    ("DBN", "digits"): (HIDDEN, CDConfig()),
    ("SDAE", "digits"): (HIDDEN, DenoisingConfig(noise_level=0.5, weight_decay=0.003, start_activity=0.25)),
    ("DBN", "patches"): PATCHES_RECIPE,
    ("SDAE", "patches"): (PATCHES_RECIPE[0], (DenoisingConfig(learning_rate=0.02), *[DenoisingConfig()] * 2)),
}


@dataclass
class Page:
    """Four studies, one per family and subject, and where their common figures go.

    Parameters
    ----------
    study : callable
        (family, subject) -> Study; trains the model if there is none yet.
    out : Path
        Folder of figures, captions and manifests.
    seed : int
    """

    study: Callable[[str, str], Study]
    out: Path
    seed: int
    written: list[Path] = field(default_factory=list)

    def save(self, name: str, figure: Any, shown: dict[str, tuple[Study, UnitImages]], captioned: str = "") -> None:
        """Write a figure, its manifest, its arrays and its caption, a text that states every setting."""
        studies = {f"{study.dataset}, {type(study.model).__name__}": study for study, _ in shown.values()}
        manifest = {
            "artefact": f"{name}.png",
            "seed": self.seed,
            "models": {key: {"dataset": study.dataset, **study.provenance} for key, study in studies.items()},
            "settings": {key: pictures.settings for key, (_, pictures) in shown.items()},
        }
        arrays = {f"{key}.images": pictures.images for key, (_, pictures) in shown.items()}
        arrays |= {f"{key}.scores": pictures.scores for key, (_, pictures) in shown.items()}
        path = self.out / f"{name}.png"
        self.written += results.save_artefact(
            path, lambda file: plot.save(figure, file), manifest=manifest, arrays=arrays
        )
        self.written += results.save_text(path.with_suffix(".md"), _caption(captioned or name, shown))


def open_page(
    digits: Dataset,
    patches: Dataset,
    *,
    examples: int,
    out: Path,
    seed: int,
    xp: Any,
    on_epoch: Callable[[EpochStats, Any], None],
    progress: Progress = silent,
) -> Page:
    """A page whose models are trained when a figure first asks for them, and kept in `out`/models.

    Parameters
    ----------
    digits, patches : Dataset
    examples : int
        Deformed digits that the models of digits learn from.
    out : Path
    seed : int
    xp : module
        Array library of the device.
    on_epoch, progress : callable
    """
    studies: dict[tuple[str, str], Study] = {}

    def study(family: str, subject: str) -> Study:
        if (family, subject) not in studies:
            data = {"digits": digits, "patches": patches}[subject]
            hidden, config = RECIPES[family, subject]
            model = train(
                data,
                hidden,
                config,
                folder=out / "models" / f"{family}-{data.name}",
                seed=seed,
                xp=xp,
                resume=True,
                examples=examples if subject == "digits" else None,
                on_epoch=on_epoch,
            )
            studies[family, subject], _ = open_study(model, data, out=out, seed=seed, xp=xp, progress=progress)
        return studies[family, subject]

    return Page(study, out, seed)


def _caption(name: str, shown: dict[str, tuple[Study, UnitImages]]) -> str:
    caption, look_for = CAPTIONS[name]
    lines = [f"# {name.replace('_', ' ').capitalize()}", "", caption, "", f"**What to look for.** {look_for}", ""]
    lines += ["| pictures | units | settings |", "| --- | --- | --- |"]
    for key, (_, pictures) in shown.items():
        said = ", ".join(f"{name} {value}" for name, value in pictures.settings.items() if value is not None)
        lines.append(f"| {key} | {pictures.units[0]} to {pictures.units[-1].index} | {said} |")
    lines += ["", "| model | data | sizes | norm of the inputs | training |", "| --- | --- | --- | --- | --- |"]
    for study in {id(study): study for study, _ in shown.values()}.values():
        kind, sizes = type(study.model).__name__, "-".join(map(str, study.model.sizes))
        training = study.provenance.get("training", {})
        said = ", ".join(f"{key} {value}" for key, value in training.items() if key != "hidden")
        lines.append(f"| {kind} | {study.dataset} | {sizes} | {study.model.input_norm:.3f} | {said} |")
    return "\n".join(lines) + "\n"


def _panel(study: Study, method: Any, pictures: UnitImages, subject: str, title: str) -> Panel:
    """One picture per unit; numbers and scores where tiles are large enough to read them."""
    _, columns, tile = SHOWN[subject]
    legible = tile > 0.3
    symmetric = method.symmetric or subject == "patches"
    return Panel(
        pictures.images[:, 0],
        symmetric,
        columns,
        title,
        labels=[str(i) for i in pictures.indices] if legible else None,
        captions=[row[0] for row in study.captions(pictures)] if legible else None,
    )


def maximization(page: Page, subject: str, name: str) -> None:
    """Figures 1 (digits) and 2 (patches): units of every layer, and 4 of the top layer from 9 starts."""
    n, _, tile = SHOWN[subject]
    one, nine = ActivationMaximization(), ActivationMaximization(starts=9)
    rows: list[list[Panel]] = []
    shown: dict[str, tuple[Study, UnitImages]] = {}
    for family in FAMILIES:
        study = page.study(family, subject)
        row = []
        for layer in study.model.layer_names:
            pictures = study.pictures(one, study.units(layer, n))
            shown[f"{family} {layer}"] = study, pictures
            row.append(_panel(study, one, pictures, subject, f"{family}, layer {layer}"))
        top = study.pictures(nine, study.units(study.model.layer_names[-1], 4))
        shown[f"{family} {top.layer}, nine starts"] = study, top
        spread = 100 * np.nanmedian(top.scores.std(axis=1) / np.abs(top.scores.mean(axis=1)))
        row.append(
            Panel(
                top.images.reshape(-1, *top.images.shape[2:]),
                True,
                9,
                f"{family}, {top.layer}: 4 units, a row each, from 9 starts (scores vary by {spread:.1g} %)",
            )
        )
        rows.append(row)
    studies = [page.study(family, subject) for family in FAMILIES]
    figure = plot.grid(
        rows,
        heading=f"{studies[0].dataset}: activation maximization, {n} units of every layer, DBN above, SDAE below",
        legend=f"{studies[0].legend if subject == 'digits' else ''} Every unit is the best of {one.starts} starts. "
        f"Settings: {describe(one)}.",
        tile=tile,
    )
    page.save(name, figure, shown)


def sampling(page: Page, name: str = "figure_3", units: int = 6, samples: int = 10) -> None:
    """Figure 3: rows of samples of second-layer units of the DBN, digits left, patches right."""
    method = ClampedGibbs(shown=samples)
    panels, shown = [], {}
    for subject in SUBJECTS:
        study = page.study("DBN", subject)
        pictures = study.pictures(method, study.units("h2", units))
        shown[f"DBN h2, {subject}"] = study, pictures
        r = np.median(pictures.extras["mixing"])
        panels.append(
            Panel(
                pictures.images[:, 1:].reshape(-1, *pictures.images.shape[2:]),
                subject == "patches",
                samples,
                f"{study.dataset}, {pictures.units[0]} to {pictures.units[-1].index}, a row each (median R {r:.2f})",
            )
        )
    figure = plot.sheet(
        panels,
        heading=f"Samples of the DBN with one unit of the second layer held on, {units} units",
        legend="Each picture is the last draw of one chain, as pixel means. R: potential scale reduction (Gelman & "
        f"Rubin 1992), 1 where all chains see one distribution. Settings: {describe(method)}.",
        tile=0.42,
    )
    page.save(name, figure, shown)


def comparison(page: Page, name: str = "figure_4") -> None:
    """Figure 4: the same second-layer units of the DBN by three methods, digits above, patches below."""
    for subject in SUBJECTS:
        study = page.study("DBN", subject)
        n, _, tile = SHOWN[subject]
        methods = [ClampedGibbs(), study.fitted(FilterCombination()), ActivationMaximization()]
        found = [study.pictures(method, study.units("h2", n)) for method in methods]
        panels = [
            _panel(study, method, pictures, subject, method.title)
            for method, pictures in zip(methods, found, strict=True)
        ]
        figure = plot.sheet(
            panels,
            heading=f"{study.dataset}: the same {n} units of the DBN's second layer by three methods",
            legend=study.legend if subject == "digits" else "",
            tile=tile,
        )
        shown = {method.title: (study, pictures) for method, pictures in zip(methods, found, strict=True)}
        page.save(f"{name}_{subject}", figure, shown, name)


def ingredients(page: Page, name: str = "lee_2008", units: int = 16, k: int = 10) -> None:
    """The sheet of Lee et al. 2008: second-layer units of the DBN of patches beside their strongest filters."""
    study = page.study("DBN", "patches")
    combination, strongest = FilterCombination(k=k), StrongestConnections(k=k)
    chosen = study.units("h2", units)
    whole, parts = study.pictures(combination, chosen), study.pictures(strongest, chosen)
    tiles = np.concatenate([whole.images[:, :1], parts.images], axis=1)  # (U, 1 + k, H, W)
    links = parts.extras["links"]
    labels = [label for row in links for label in ("sum", *(f"{w:+.2f}" for w in row))]
    panel = Panel(tiles.reshape(-1, *tiles.shape[2:]), True, 1 + k, "", labels)
    figure = plot.sheet(
        [panel],
        heading=f"{study.dataset}: second-layer units as combinations of first-layer filters (Lee et al. 2008)",
        legend=f"A row is a unit: the sum of its {k} strongest filters, each times its weight, then these filters as "
        "they are, the strongest first, the weight above.",
        tile=0.42,
    )
    page.save(name, figure, {"combination": (study, whole), "filters": (study, parts)})


#: What each figure shows, and what to look for in it.
CAPTIONS = {
    "figure_1": (
        "Activation maximization of 36 units of each of three layers, DBN in the first row, SDAE in the second; "
        "at the right four units of the third layer, each from nine random starts. After figure 1 of Erhan et al."
        " 2009.",
        "First layer: strokes and local edges. Second: longer strokes and parts of digits. Third: shapes closer "
        "to whole digits. The nine starts of a unit end in nearly the same picture.",
    ),
    "figure_2": (
        "Activation maximization of 144 units of each of three layers, DBN in the first row, SDAE in the second; "
        "at the right four units of the third layer, each from nine random starts. After figure 2 of Erhan et al."
        " 2009.",
        "First layer: localized oriented edges (Gabor functions). Above: gratings, corners, textures. The nine "
        "starts of a unit end in nearly the same picture, up to where a grating lies.",
    ),
    "figure_3": (
        "Samples of six second-layer units of the DBN, digits left and patches right, a row per unit. After "
        "figure 3 of Erhan et al. 2009.",
        "Samples of a unit differ from each other, look like data, and share something that another unit's lack.",
    ),
    "figure_4": (
        "The same second-layer units of the DBN as the mean of clamped samples, as the linear combination of the "
        "strongest first-layer filters, and by activation maximization. After figure 4 of Erhan et al. 2009.",
        "Does a unit show the same thing in all columns? Sampling means look like data, optima like features; the"
        " linear combination knows no non-linearity.",
    ),
    "lee_2008": (
        "Second-layer units of a sparse DBN of patches beside the first-layer filters that they are built of, the"
        " strongest first. After Lee, Ekanadham & Ng 2008.",
        "The filters of a row are alike in orientation or lie on one contour; their sum is a contour, corner or "
        "junction.",
    ),
}
FIGURES: dict[str, Callable[[Page], None]] = {
    "figure_1": lambda page: maximization(page, "digits", "figure_1"),
    "figure_2": lambda page: maximization(page, "patches", "figure_2"),
    "figure_3": sampling,
    "figure_4": comparison,
    "lee_2008": ingredients,
}
