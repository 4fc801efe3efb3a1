"""Figures of which pixels a unit needs: occlusion, gradient views, and the control with randomized weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ... import plot, views
from ...backend import Array, make_rng, to_numpy
from ...plot import Panel
from ...visualize import Unit
from ..study import Study
from .inputs import held_out, one_per_class, shown

OCCLUSIONS = tuple(views.Occlusion(patch, fill=fill) for patch, fill in ((3, 0.0), (5, 0.0), (9, 0.0), (5, 0.5)))
RANDOMIZED = 50  # images that the control is measured on
UNITS = {"class": "the score of its class before softmax"}
RULES = (
    "Each map is scaled by itself; all rules run backwards through every ReLU from 1.0 at the unit's pre-activation: "
    "gradient (Simonyan et al. 2014; saliency its size), deconvnet (Zeiler and Fergus 2014), guided (Springenberg et "
    "al. 2015)."
)


def gradients_figure(study: Study) -> None:
    """The gradient views of an image per class: of the class's score, and of the channels that respond most."""
    images, classes = one_per_class(study)
    model, last = study.model, [name for name in study.model.layer_names if len(study.model.layer_shape(name)) > 1][-1]
    by_class = [Unit("output", int(c)) for c in classes]
    peaks, _ = views.peaks_of(model, images, [last])[last]
    top = to_numpy(peaks).argmax(axis=1)
    by_channel = [views.located(model, x, [Unit(last, int(c))])[0] for x, c in zip(images, top, strict=True)]
    for name, units in (("class", by_class), (last, by_channel)):
        found = {view: views.VIEWS[view](model, images, units) for view in views.VIEWS}
        figure = plot.sheet(
            [
                study.panel(shown(images), False, 1, "image", captions=[str(unit) for unit in units]),
                *(_panel(view, shown(maps)) for view, maps in found.items()),
            ],
            heading=f"{study.heading}: which pixels {'a class score' if name == 'class' else 'a channel'} answers to",
            key=(
                f"Under an image: the unit, {UNITS.get(name, 'the channel that responds most, where it does')}. {RULES}"
            ),
            tile=0.95,
        )
        study.save(f"gradients_{name}", figure, {"images": images, **found}, units=[str(unit) for unit in units])


def _panel(view: str, tiles: Array) -> Panel:
    """Maps of a view in a column; saliency has no sign."""
    symmetric, captions = view != "saliency", [""] * len(tiles)
    if not symmetric:
        tiles = tiles / np.maximum(tiles.max(axis=(1, 2), keepdims=True), 1e-12)
    return Panel(tiles, symmetric, 1, view, captions=captions, what="of the largest")


def occlusion_figure(study: Study, settings: Sequence[views.Occlusion] = OCCLUSIONS) -> None:
    """What covering parts of an image per class does to its score, and to the channel that responds most."""
    images, classes = one_per_class(study)
    last = [name for name in study.model.layer_names if len(study.model.layer_shape(name)) > 1][-1]
    panels = [study.panel(shown(images), False, len(images), "image")]
    arrays: dict[str, Array] = {"images": images}
    for each in settings:
        how = f"{each.patch} x {each.patch} of value {each.fill:g}"
        by_class = [each(study.model, x, [f"output:{c}"]) for x, c in zip(images, classes, strict=True)]
        by_channel = [each.top_channel(study.model, x, last) for x in images]
        for name, title, found in (
            ("class", f"score of the class, patches of {how}", by_class),
            (last, f"total activation of the channel of {last} with the most, patches of {how}", by_channel),
        ):
            drops = np.stack([to_numpy(maps.drops)[0] for maps in found])
            arrays[f"{name}.{each.patch}.{each.fill}"] = drops
            captions = [
                response_and_change(float(maps.whole[0]), drop) for maps, drop in zip(found, drops, strict=True)
            ]
            panels.append(Panel(drops, True, len(images), title, captions=captions))
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: what covering a patch of an image does",
        key=(
            "A pixel of a map: how much the response falls while a patch is centred there; white where the unit needs "
            "what was covered, black where it responds more without. Under a map: the response to the whole image, and "
            "its largest change. After Zeiler and Fergus (2014), figure 7."
        ),
        tile=0.55,
        side_by_side=False,
    )
    study.save("occlusion", figure, arrays, settings=[asdict(each) for each in settings])


def response_and_change(whole: float, drop: Array) -> str:
    """Caption of an occlusion map: the response to the whole image and, signed, what covering changes the most.

    drop (rows, columns) is how much the response falls at each place.
    """
    return f"{whole:.1f} {0 - drop.flat[np.abs(drop).argmax()]:+.1f}"


def randomized_figure(study: Study, n: int = RANDOMIZED) -> None:
    """Gradient views while layers are randomized from the top down: one image's maps, likeness over `n`, a table."""
    images, _ = held_out(study, n)
    model, names = study.model, [name for name in views.VIEWS if name != "saliency"]
    scores, _ = views.peaks_of(model, images, ["output"])["output"]
    units = [Unit("output", c) for c in scores.argmax(axis=1).tolist()]

    def maps(network: Any) -> dict[str, Array]:
        return {name: views.VIEWS[name](network, images, units) for name in names}

    stages = {"trained": maps(model)}
    stages |= {layer: maps(each) for layer, each in views.randomized(model, rng=make_rng(model.xp, study.seed))}
    others = {name: model.xp.roll(x, 1, axis=0) for name, x in stages["trained"].items()}
    stages["other image"] = others
    rows, table = {measure: {} for measure in views.MEASURES}, []  # type: ignore[var-annotated]
    for name in names:
        for measure, like in views.MEASURES.items():
            found = np.stack([_by_colour(like, stages["trained"][name], maps[name]) for maps in stages.values()])
            rows[measure][name] = found.mean(axis=1), *np.percentile(found, [25, 75], axis=1)
            table.append({"view": name, "measure": measure} | _named(stages, found.mean(axis=1)))
    charts = [
        plot.Bands(measure, NOTES[measure], "weights randomized from output down to", list(stages), curves, {})
        for measure, curves in rows.items()
    ]
    tiles = [
        plot.Tiles(
            f"{name} of the first test image",
            "",
            Panel(
                shown(np.stack([to_numpy(s[name][0]) for s in stages.values()])),
                True,
                len(stages),
                captions=list(stages),
            ),
        )
        for name in names
    ]
    figure = plot.dashboard(
        [tiles[:2], tiles[2:], charts],
        heading=f"{study.heading}: which gradient views depend on what the network learned",
        key=(
            f"The score of the class that the trained network takes each of {n} test images for, after drawing new "
            "weights and biases for the output layer, then for those below too (after Adebayo et al. 2018). Curves: "
            "mean, band: middle half of the images. Other image: maps of the trained network for two different images. "
            "A view that keeps its looks without the learned weights shows the image, not what was learned."
        ),
        heights=(0.8, 0.8, 2.2),
    )
    arrays = {f"{stage}.{name}": x for stage, found in stages.items() for name, x in found.items()}
    study.save("randomized", figure, arrays, images=n, views=names)
    study.save_table("randomized_table", table, images=n)


NOTES = {
    "rank correlation": "Spearman's, of the signed maps. 1: the same order of pixels; 0: nothing in common.",
    "rank correlation of |map|": "Signs left out: high if maps are large, or zero, at the same pixels.",
    "structural similarity": "Wang et al. (2004), windows of 7 x 7, maps scaled to a largest size of 1.",
}


def _by_colour(like: Callable[[Array, Array], Array], a: Array, b: Array) -> Array:
    """How alike maps (n, *input_shape) are, on the host: (n,); the mean over their colours."""
    pairs = [(a, b)] if a.ndim == 3 else [(a[:, c], b[:, c]) for c in range(a.shape[1])]
    return np.mean([to_numpy(like(*pair)) for pair in pairs], axis=0)


def _named(stages: dict[str, Any], means: Array) -> dict[str, float]:
    first, *layers, last = stages
    names = [first, *(f"randomized to {layer}" for layer in layers), last]
    return dict(zip(names, (round(float(x), 4) for x in means), strict=True))
