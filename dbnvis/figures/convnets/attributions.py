"""Figures of which pixels a unit needs: occlusion, gradient views, and the control with randomized weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ... import plot, views
from ...backend import Array, make_rng, to_numpy
from ...models.protocol import Model
from ...plot import Panel
from ...visualize import Unit
from ..study import Study
from .inputs import held_out, one_per_class, shown

OCCLUSIONS = tuple(views.Occlusion(patch, fill=fill) for patch, fill in ((3, 0.0), (5, 0.0), (9, 0.0), (5, 0.5)))
DRAWN = OCCLUSIONS[1]
RANDOMIZED = 50  # images that the control is measured on
RULES = (
    "Each map has its own scale. All views run backwards from 1.0 at the unit's pre-activation and differ at the "
    "ReLUs: gradient (Simonyan et al. 2014; saliency is its absolute value), guided (Springenberg et al. 2015), "
    "deconvnet (Zeiler and Fergus 2014)."
)


def gradients_figure(study: Study) -> None:
    """The gradient views of an image per class: of the class's score, and of the channels that respond most."""
    images, classes = one_per_class(study)
    model, last = study.model, _last_maps(study)
    by_class = [Unit("output", int(c)) for c in classes]
    peaks, _ = views.peaks_of(model, images, [last])[last]
    top = to_numpy(peaks).argmax(axis=1)
    by_channel = [views.located(model, x, [Unit(last, int(c))])[0] for x, c in zip(images, top, strict=True)]
    for name, units, what, look_for, unit in (
        (
            "class",
            by_class,
            "a class score",
            "Guided and deconvnet look cleanest because they mostly redraw the image; the gradient is noisier and "
            "tells more about the network.",
            "its class, whose score before softmax is explained",
        ),
        (
            last,
            by_channel,
            f"the most active {last} channel",
            "It sees a small window only. Do the views agree on the stroke in it?",
            "channel@row,column of its largest activation",
        ),
    ):
        maps = {view: views.VIEWS[view](model, images, units) for view in views.VIEWS}
        below = [str(unit) for unit in units] if name == "class" else [_without_layer(unit) for unit in units]
        figure = plot.sheet(
            [
                study.panel(shown(images), False, len(images), "image", captions=below),
                *(_row(view, shown(x)) for view, x in maps.items()),
            ],
            heading=f"{study.heading}: which pixels {what} is sensitive to",
            caption=f"Below each image, five views of the pixels that {what} is sensitive to. {look_for}",
            key=f"Under an image: {unit}. {RULES}",
            tile=0.75,
            side_by_side=False,
        )
        study.save(f"gradients_{name}", figure, {"images": images, **maps}, units=[str(unit) for unit in units])


def _last_maps(study: Study) -> str:
    """The last layer that has maps."""
    return [name for name in study.model.layer_names if len(study.model.layer_shape(name)) > 1][-1]


def _without_layer(unit: Unit) -> str:
    return str(unit).partition(":")[2]


def _row(view: str, tiles: Array) -> Panel:
    """Maps of a view in a row; saliency has no sign."""
    if view == "saliency":
        tiles = tiles / np.maximum(tiles.max(axis=(1, 2), keepdims=True), 1e-12)
    return Panel(tiles, view != "saliency", len(tiles), view, what="of the largest")


def occlusion_figure(study: Study, settings: Sequence[views.Occlusion] = OCCLUSIONS) -> None:
    """How hiding parts of an image per class changes its score, and the channel that responds most.

    The arrays hold the maps of all `settings`; drawn are those of `DRAWN`, or else of the first.
    """
    images, classes = one_per_class(study)
    last = _last_maps(study)
    drawn = DRAWN if DRAWN in settings else settings[0]
    panels = [study.panel(shown(images), False, len(images), "image")]
    arrays: dict[str, Array] = {"images": images}
    for each in settings:
        by_class = [each(study.model, x, [f"output:{c}"]) for x, c in zip(images, classes, strict=True)]
        by_channel = [each.top_channel(study.model, x, last) for x in images]
        for name, title, responses in (
            ("class", "score of the class", by_class),
            (last, f"total activation of the most active {last} channel", by_channel),
        ):
            drops = np.stack([to_numpy(maps.drops)[0] for maps in responses])
            arrays[f"{name}.{each.patch}.{each.fill}"] = drops
            if each != drawn:
                continue
            captions = [
                response_and_change(float(maps.whole[0]), drop) for maps, drop in zip(responses, drops, strict=True)
            ]
            panels.append(Panel(drops, True, len(images), title, captions=captions))
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: effect of hiding a patch of an image",
        caption=(
            "White: the response falls when this part of the image is hidden, so the unit relies on it. Black: the "
            "response rises, so this part counts against it. Which strokes matter most?"
        ),
        key=(
            f"A pixel of a map: the fall in the response while {drawn.patch} x {drawn.patch} pixels around it are set "
            f"to {drawn.fill:g}. Under a map: the response to the whole image, and its largest change. After Zeiler "
            "and Fergus (2014), figure 7."
        ),
        tile=0.75,
        side_by_side=False,
    )
    study.save("occlusion", figure, arrays, settings=[asdict(each) for each in settings])


def response_and_change(whole: float, drop: Array) -> str:
    """Caption of an occlusion map: the response to the whole image and, signed, what hiding changes the most.

    drop (rows, columns) is how much the response falls at each place.
    """
    return f"{whole:.1f} {largest_change(drop):+.1f}"


def largest_change(drop: Array) -> float:
    """What hiding a place changes the most, with its sign, of drop (rows, columns) as of `response_and_change`."""
    return 0 - float(drop.flat[np.abs(drop).argmax()])


def randomized_figure(study: Study, n: int = RANDOMIZED) -> None:
    """Gradient views while layers are randomized from the top down: one image's maps, likeness over `n`, a table."""
    images, _ = held_out(study, n)
    model, names = study.model, [name for name in views.VIEWS if name != "saliency"]
    scores, _ = views.peaks_of(model, images, ["output"])["output"]
    units = [Unit("output", c) for c in scores.argmax(axis=1).tolist()]

    def maps(network: Model) -> dict[str, Array]:
        return {name: views.VIEWS[name](network, images, units) for name in names}

    stages = {"trained": maps(model)}
    stages |= {layer: maps(each) for layer, each in views.randomized(model, rng=make_rng(model.xp, study.seed))}
    others = {name: model.xp.roll(x, 1, axis=0) for name, x in stages["trained"].items()}
    stages["other image"] = others
    rows, table = {measure: {} for measure in views.MEASURES}, []  # type: ignore[var-annotated]
    for name in names:
        for measure, like in views.MEASURES.items():
            likeness = np.stack([_by_colour(like, stages["trained"][name], maps[name]) for maps in stages.values()])
            rows[measure][name] = likeness.mean(axis=1), *np.percentile(likeness, [25, 75], axis=1)
            table.append({"view": name, "measure": measure} | _named(stages, likeness.mean(axis=1)))
    charts = [
        plot.Bands(measure, NOTES[measure], "weights randomized from output down to", list(stages), curves, {})
        for measure, curves in rows.items()
    ]
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    figure = plot.dashboard(
        [[_tiles(stages, half) for half in halves], charts],
        heading=f"{study.heading}: which gradient views depend on what the network learned",
        caption=(
            "A control: weights are replaced by random ones, layer after layer from the top. A view that explains the "
            "network must change; one that still shows the image afterwards mostly redraws it."
        ),
        key=(
            f"Score of the predicted class of each of {n} test images; weights and biases drawn anew for the output "
            "layer, then for those below too (Adebayo et al. 2018). Curves: similarity to the trained network's maps; "
            "mean, and as a band the middle half of the images. Other image, the null: maps of the trained network for "
            "two different images."
        ),
        heights=(2.0, 2.2),
    )
    arrays = {f"{stage}.{name}": x for stage, views_of in stages.items() for name, x in views_of.items()}
    study.save("randomized", figure, arrays, images=n, views=names)
    study.save_table("randomized_table", table, images=n)


def _tiles(stages: dict[str, dict[str, Array]], names: Sequence[str]) -> plot.Tiles:
    """A row per view: its maps of the first image at every stage."""
    maps = [to_numpy(maps[name][0]) for name in names for maps in stages.values()]
    labels = [name if i == 0 else "" for name in names for i in range(len(stages))]
    panel = Panel(shown(np.stack(maps)), True, len(stages), labels=labels, captions=[*stages] * len(names))
    return plot.Tiles(f"maps of the first test image: {', '.join(names)}", "", panel)


NOTES = {
    "rank correlation": "Spearman's, of the signed maps. Near 0: nothing in common, or of either sign.",
    "size of the rank correlation": "Of each image, without its sign: a map and its negative count as alike.",
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
