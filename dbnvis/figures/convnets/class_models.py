"""Figures of regularized optimization: what each regularizer does by itself, and class models under every recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ... import plot
from ...backend import Array, array_module, move, to_numpy
from ...plot import Panel
from ...visualize import RECIPES, RegularizedOptimization, UnitImages
from ...visualize.regularized import STAYED
from ..study import Study

#: What each regularizer is added to.
ALONE = replace(RECIPES["plain"], starts=1, blur_every=4)
STRENGTHS: dict[str, Sequence[Any]] = {
    "decay": (0, 0.003, 0.01, 0.03, 0.1, 0.3),
    "blur_width": (0, 0.3, 0.5, 0.7, 1.0, 1.5),
    "norm_percentile": (0, 20, 40, 60, 80, 95),
    "contribution_percentile": (0, 20, 40, 60, 80, 95),
    "jitter": (0, 1, 2, 3, 4, 6),
    "penalty": (0, 0.003, 0.01, 0.03, 0.1, 0.3),
}
ACROSS = 3  # regularizers beside each other
SHOWN = (2, 3, 5, 8)  # of the top layer's units, in the rows
NEAREST = 10  # training images of each class that a picture is read by
READ = (
    f"Classified correctly: pictures, of all starts, to which the {NEAREST} nearest training images of the class are "
    "nearer than those of every other class (mean cosine)."
)
REGULARIZERS = (*STRENGTHS, "blur_every")
MOST = 10  # units of the top layer that have a model drawn


def regularizers_figure(study: Study, shown: Sequence[int] = SHOWN) -> None:
    """Each regularizer alone at growing strength, a unit of the top layer per row: those shown, or the first."""
    top = study.units(study.model.layer_names[-1])
    units = [unit for unit in top if unit.index in shown] or top[: len(shown)]
    panels: list[Panel] = []
    arrays: dict[str, UnitImages] = {}
    for name, strengths in study.progress(list(STRENGTHS.items()), "regularizers", len(STRENGTHS)):
        grown = [study.pictures(replace(ALONE, **{name: strength}), units) for strength in strengths]
        arrays |= {f"{name}.{strength}": x for strength, x in zip(strengths, grown, strict=True)}
        captions = [study.captions(pictures) for pictures in grown]
        rows = range(len(units))
        tiles = array_module(grown[0].images).stack([pictures.images[i, 0] for i in rows for pictures in grown])
        labels = [f"{strength:g}" if i == 0 else "" for i in rows for strength in strengths]
        scores = [each[i][0] for i in rows for each in captions]
        panels.append(study.panel(tiles, False, len(strengths), _words(name), labels=labels, captions=scores))
    figure = plot.grid(
        [panels[i : i + ACROSS] for i in range(0, len(panels), ACROSS)],
        heading=f"{study.heading}: each regularizer alone, of growing strength ({', '.join(map(str, units))})",
        caption=(
            "A unit per row; from left to right one regularizer grows. Without any, activation maximization fills the "
            "picture with strokes. Look for the strength at which a digit is left, and nothing else."
        ),
        key=(
            f"Above a column: the strength, 0 none. Each unit is maximized in {ALONE.steps} steps of length "
            f"{ALONE.length:g} from noise, pixels kept in their range; the picture measured highest. Decay: share of a "
            f"pixel lost after each step; blur: standard deviation in pixels, every {ALONE.blur_every} steps; "
            "percentiles: share of the pixels that are set to zero, those of least size or least |pixel x gradient| "
            "(Yosinski et al. 2015); jitter: random moves by up to so many pixels; penalty: times the squared norm "
            f"(Simonyan et al. 2014). {study.legend}"
        ),
        tile=0.52,
    )
    study.save("regularizers", figure, arrays)


def class_models_figure(study: Study, recipes: dict[str, RegularizedOptimization] = RECIPES) -> None:
    """The best picture of every unit of the top layer under every recipe."""
    units = study.units(study.model.layer_names[-1], MOST)
    names = sorted(recipes, key=lambda name: name.rpartition("-")[2])  # those of one number side by side
    by_recipe = {
        name: study.pictures(recipes[name], units) for name in study.progress(names, "class models", len(names))
    }
    panels = [
        study.panel(
            pictures.images[:, 0],
            recipes[name].constraint != "box",
            len(units),
            f"{name}: {regularizers(recipes[name])}",
            captions=[row[0] for row in study.captions(pictures)],
            note="; ".join(_outcome(study, pictures)),
        )
        for name, pictures in by_recipe.items()
    ]
    figure = plot.grid(
        [panels[i : i + 2] for i in range(0, len(panels), 2)],
        heading=f"{study.heading}: units of layer {units[0].layer} under recipes of regularized optimization",
        caption=(
            "Pictures that maximize each class score, a recipe per row of tiles: published settings for photographs "
            "(left), settings made for digits (right); last row: no regularizer, and a penalty. Where can you read the "
            "class?"
        ),
        key=(
            "Yosinski-1 to 4: as published by Yosinski et al. (2015), for photographs of 227 x 227 pixels; digits-1 to "
            "4: the same ideas with settings for digits of 28 x 28, and jitter; plain: no regularizer, pixels kept in "
            "their range; simonyan: the penalty of Simonyan et al. (2014), pixels free. Each picture is the best of "
            f"the recipe's starts. {READ} {study.legend}"
        ),
        tile=0.55,
    )
    study.save("class_models", figure, by_recipe)


def regularizers(recipe: RegularizedOptimization) -> str:
    """The regularizers of a recipe that act, in words."""
    acting = {name: getattr(recipe, name) for name in REGULARIZERS}
    return ", ".join(f"{_words(name)} {value:g}" for name, value in acting.items() if value) or "no regularizer"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _outcome(study: Study, pictures: UnitImages) -> list[str]:
    """How many pictures look like their class, where labelled training images are at hand, and how many are noise."""
    outcome = []
    if study.images is not None and study.data is not None and study.data.train_labels is not None:
        classes = read_as(pictures.images, study.images, study.data.train_labels)
        targets = array_module(classes).asarray([unit.index for unit in pictures.units])
        outcome.append(f"classified correctly in {int((classes == targets[:, None]).sum())} of {classes.size}")
    stayed = sum(STAYED in note for note in pictures.notes)
    if stayed:
        outcome.append(f"{stayed} of {len(pictures.units)} units never left their noise")
    return outcome


def read_as(pictures: Array, images: Array, labels: Array, k: int = NEAREST) -> Array:
    """Classes (U, S) that pictures (U, S, *shape) are nearest to: largest mean cosine with the `k` nearest images.

    Parameters
    ----------
    pictures : NumPy array (U, S, *shape)
        One of NaN belongs to no class, -1.
    images : array (N, *shape)
        On any device.
    labels : integer NumPy array (N,)
    k : int
        Nearest images of each class.
    """
    xp = array_module(images)
    x, y = move(pictures, xp).reshape(-1, images[0].size), images.reshape(len(images), -1)
    x, y = (a / xp.maximum(xp.sqrt((a * a).sum(axis=1, keepdims=True)), 1e-12) for a in (x, y))
    classes = sorted({*labels.tolist()})
    near = [xp.sort(x @ y[xp.asarray(labels == c)].T, axis=1)[:, -k:].mean(axis=1) for c in classes]
    nearest = array_module(labels).asarray(classes)[to_numpy(xp.stack(near).argmax(axis=0))]
    nearest[to_numpy(xp.isnan(x).any(axis=1))] = -1
    return nearest.reshape(pictures.shape[:2])
