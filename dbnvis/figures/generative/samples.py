"""Samples of units, and of the whole model."""

from __future__ import annotations

from dataclasses import replace

from ... import plot
from ...backend import make_rng, to_numpy
from ...models.protocol import Generative
from ...visualize import ClampedGibbs, UnitImages
from .. import diagnosis
from ..naming import settings_line
from ..rows import unit_row
from ..study import Study

SAMPLED = (
    "A row is one unit, fixed to 1. Blue frame: the mean over all chains; then samples of single chains. Look for what "
    "a row's samples share. Numbers marked ! say that its chains are not to be trusted."
)

FREE = (
    "Images that the whole network makes up: each tile is the end of a chain of its own. Look for clear images of "
    "every kind; blurred or all alike, they mean that the network learned little."
)


def samples(
    study: Study, n: int = 6, shown: int = 12, temperatures: int = 1, chains: ClampedGibbs | None = None
) -> None:
    """Rows of samples of the first `n` units of every layer (Erhan et al. 2009, figure 3).

    `chains`: how they are drawn, by default `diagnosis.LONG_CHAINS`. Where those of the top layer fail, chains of so
    many `temperatures`, if several, are drawn as well.
    """
    plain = diagnosis.diagnosed(study, replace(chains or diagnosis.LONG_CHAINS, shown=shown))
    tempered = replace(plain, temperatures=temperatures)
    for layer in study.model.layer_names:
        units = study.units(layer, n)
        pictures = study.pictures(plain, units)
        samples_sheet(study, plain, pictures, f"samples_{layer}")
        top = layer == study.model.layer_names[-1]  # RBMs below are larger, and tempered chains of them slow
        if top and temperatures > 1 and any(pictures.notes):
            samples_sheet(study, tempered, study.pictures(tempered, units), f"samples_{layer}_tempered")


def samples_sheet(study: Study, method: ClampedGibbs, pictures: UnitImages, name: str) -> None:
    """Samples of few units, a row each, and what their chains are worth; chains not yet diagnosed run once more."""
    if diagnosis.diagnosed(study, method) != method:
        method = diagnosis.diagnosed(study, method)
        pictures = study.pictures(method, pictures.units)
    rows = [
        unit_row(study, method, pictures, captions, i, diagnosis.title(pictures, i))
        for i, captions in enumerate(study.captions(pictures))
    ]
    figure = plot.sheet(
        rows,
        heading=(
            f"{study.heading}: samples of layer {pictures.layer} with one unit fixed to 1, {len(rows)} units"
            f"{', tempered chains' if method.temperatures > 1 else ''}{diagnosis.warning(pictures)}"
        ),
        caption=SAMPLED,
        key=f"{diagnosis.legend(pictures)} {study.legend} {settings_line(method)}",
        side_by_side=False,
    )
    study.save(name, figure, {"pictures": pictures})


def fantasies(study: Study, n: int = 100, steps: int = 1000) -> None:
    """Free samples of the whole model: no unit fixed, chains started from noise."""
    layer = study.model.layer_names[-1]
    if not isinstance(study.model, Generative):
        raise ValueError(f"{type(study.model).__name__} does not generate images; give a deep belief network (--model)")
    rng = make_rng(study.model.xp, study.seed)
    tiles = to_numpy(study.model.sample(n, layer, steps, rng=rng))
    figure = plot.sheet(
        [study.panel(tiles, False, columns=20)],
        heading=f"{study.heading}: {n} fantasies of the whole model, {steps} Gibbs sweeps from noise in its top RBM",
        caption=FREE,
        key="No unit is fixed; pixel probabilities after one directed pass down from the top RBM.",
        tile=0.36,
    )
    study.save("fantasies", figure, {"tiles": tiles}, n=n, steps=steps)
