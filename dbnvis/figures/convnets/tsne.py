"""Test images and units in two dimensions, by t-SNE."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import plot, views
from ...backend import to_numpy
from ...plot import Places
from ..study import Study
from .inputs import held_out, labelled, lightness

POINTS, PERPLEXITY = 1500, 30.0  # images in two dimensions
LAYERS = (plot.BLUE, plot.ORANGE, plot.GREEN, plot.BLACK, "#CC79A7", "#56B4E9")  # colours


def tsne_figures(study: Study, n: int = POINTS, perplexity: float | None = None) -> None:
    """Test images in two dimensions by the code of each layer; without a `perplexity`, 30 or the most for so few."""
    images, labels = labelled(study, n)
    perplexity = perplexity or min(PERPLEXITY, (len(images) - 1) / 3)
    model, tiles, arrays = study.model, lightness(study, images), {"labels": labels}
    addresses = ["input", *(name for name in model.layer_names if name != "output")]
    panels = []
    for address in study.progress(addresses, "t-SNE", len(addresses)):
        code = views.codes(model, images, address)
        arrays[address] = views.tsne(code, perplexity=perplexity, seed=study.seed)
        panels.append(Places(f"{address}: {code.shape[1]} numbers", arrays[address], tiles, labels))
    settings: dict[str, Any] = {"images": len(images), "perplexity": perplexity}
    figure = plot.places(
        panels,
        [str(c) for c in range(int(labels.max()) + 1)],
        heading=f"{study.heading}: {len(images)} test images in two dimensions (t-SNE), by the code of each layer",
        caption=(
            "Images with similar codes lie close together. Do the classes come apart from layer to layer? Compare how "
            "much they mix in the pixels (input) and in the last hidden layer."
        ),
        key=(
            f"t-SNE: van der Maaten and Hinton (2008), perplexity {perplexity:g}. Colour: the class. Neighbours mean "
            "something; distances between groups, sizes of groups and the axes do not."
        ),
    )
    study.save("tsne_images", figure, arrays, **settings)


def tsne_units_figure(study: Study, n: int = POINTS, perplexity: float | None = None) -> None:
    """Units in two dimensions by their responses to test images; perplexity as of `tsne_figures`."""
    images, _ = held_out(study, n)
    model = study.model
    layers = [name for name in model.layer_names if name != "output"]
    units, responses = views.responses_of_units(model, images, layers)
    left_out = sum(model.layer_shape(layer)[0] for layer in layers) - len(units)
    perplexity = perplexity or min(PERPLEXITY, (len(units) - 1) / 3)
    xy = views.tsne(responses, perplexity=perplexity, seed=study.seed)
    best = to_numpy(model.xp.argsort(-responses, axis=1)[:, :9])
    tiles = np.stack([lightness(study, images[model.xp.asarray(rows)]).mean(axis=0) for rows in best])
    layer_of = np.array([layers.index(layer) for layer, _ in units])
    figure = plot.places(
        [Places(f"{len(units)} channels and units", xy, tiles, layer_of, size=0.045)],
        layers,
        heading=f"{study.heading}: units by their responses, in two dimensions (t-SNE)",
        caption=(
            "Every channel or unit is drawn as the mean of the 9 test images that activate it most. Neighbours respond "
            "to the same images. Do they gather by class in the last layer, and in the first?"
        ),
        key=(
            f"Colour: the layer. t-SNE of the peak pre-activations at {len(images)} test images, standardized; "
            f"perplexity {perplexity:g}. Left out: {left_out} that no image activates, or all alike."
        ),
        colors=LAYERS,
    )
    arrays = {"xy": xy, "layer": layer_of, "index": np.array([index for _, index in units]), "tiles": tiles}
    study.save("tsne_units", figure, arrays, images=n, perplexity=perplexity, left_out=left_out)
