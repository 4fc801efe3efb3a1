"""Test images and units in two dimensions, by t-SNE."""

from __future__ import annotations

import numpy as np

from ... import plot, views
from ...backend import to_numpy
from ...plot import Places
from ..study import Study
from .inputs import held_out, labelled, lightness

POINTS, PERPLEXITY = 1500, 30.0  # images in two dimensions


def tsne_figures(study: Study, n: int = POINTS, perplexity: float | None = None) -> None:
    """Test images in the plane by the code of each layer; without a `perplexity`, 30 or the most for so few."""
    images, labels = labelled(study, n)
    perplexity = perplexity or min(PERPLEXITY, (len(images) - 1) / 3)
    model, tiles, arrays = study.model, lightness(study, images), {"labels": labels}
    addresses = ["input", *(name for name in model.layer_names if name != "output")]
    panels = []
    for address in study.progress(addresses, "t-SNE", len(addresses)):
        code = views.codes(model, images, address)
        arrays[address] = views.tsne(code, perplexity=perplexity, seed=study.seed)
        panels.append(Places(f"{address}: {code.shape[1]} numbers", arrays[address], tiles, labels))
    settings = {"images": len(images), "perplexity": perplexity}
    figure = plot.places(
        panels,
        [str(c) for c in range(int(labels.max()) + 1)],
        heading=f"{study.heading}: {len(images)} test images in the plane, by the code of each layer",
        key=(
            f"Each image stands where t-SNE puts its code (van der Maaten and Hinton 2008; perplexity {perplexity:g}); "
            "the colour is its class, whose number stands at the median. Neighbours mean something, distances between "
            "groups and axes do not."
        ),
    )
    study.save("tsne_images", figure, arrays, **settings)


def tsne_units_figure(study: Study, n: int = POINTS, perplexity: float | None = None) -> None:
    """Units in the plane by their responses to test images; perplexity as of `tsne_figures`."""
    images, _ = held_out(study, n)
    model = study.model
    layers = [name for name in model.layer_names if name != "output"]
    units, responses = views.responses_of_units(model, images, layers)
    left_out = sum(model.layer_shape(layer)[0] for layer in layers) - len(units)
    perplexity = perplexity or min(PERPLEXITY, (len(units) - 1) / 3)
    xy = views.tsne(responses, perplexity=perplexity, seed=study.seed)
    best = to_numpy(model.xp.argsort(-responses, axis=1)[:, :9])
    tiles = np.stack([lightness(study, images[model.xp.asarray(rows)]).mean(axis=0) for rows in best])
    own = np.array([layers.index(layer) for layer, _ in units])
    figure = plot.places(
        [Places(f"{len(units)} channels and units", xy, tiles, own, size=0.035)],
        layers,
        heading=f"{study.heading}: channels and units in the plane, by their responses",
        key=(
            f"Each is drawn as the mean of the 9 test images that excite it most, in the colour of its layer, where "
            f"t-SNE puts its peak pre-activations at {len(images)} test images (standardized; perplexity "
            f"{perplexity:g}): neighbours respond to the same images. Left out: {left_out} that no image excites, or "
            "all alike."
        ),
    )
    arrays = {"xy": xy, "layer": own, "index": np.array([index for _, index in units]), "tiles": tiles}
    study.save("tsne_units", figure, arrays, images=n, perplexity=perplexity, left_out=left_out)
