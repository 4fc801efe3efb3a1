"""One image through all views, on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ... import plot, views
from ...backend import Array, move, to_numpy
from ...display import Rows
from ...models.layers import Softmax
from ...models.protocol import Model, Spatial, spatial
from ...plot import Panel
from ...visualize import Unit
from ...visualize.tidy import EXPLAINED, address
from ..naming import rounded_down
from ..study import Study
from .attributions import largest_change, response_and_change
from .inputs import held_out, patch_tiles, shown
from .maps import layer_panels

REFERENCE = 1000  # test images whose responses a unit's are compared with
NEAREST, TOP = 3, 5  # units of each layer, top patches of each
#: The views of both signs, and how they are called where there is little room.
SIGNED = {"gradient": "gradient", "gradient x input": "x input", "guided": "guided", "deconvnet": "deconvnet"}
OCCLUSION = views.Occlusion()  # 5 x 5 pixels of 0 at every pixel
COLUMNS = 4  # units in a row of gradient views
ACROSS = 6  # occlusion maps in a row
TILE, HIDDEN, PATCH = 0.58, 1.0, 0.52  # inches of a tile, of an occlusion map, of a patch
BAR = 1.4  # inches of a probability of 1


def read_test_image(study: Study, number: int) -> tuple[Array, list[str]]:
    """Test image `number` of the study's data set, and what it is, in words; ValueError where there is none such."""
    (images, labels), name = held_out(study), study.data_at_hand().name
    if not 0 <= number < len(images):
        raise ValueError(f"no test image {number}; {name} has test:0 to test:{len(images) - 1}")
    label = "" if labels is None else f", a {labels[number]}"
    return to_numpy(images[number]), [f"test image {number} of {name}{label}"]


def explain_test_image(study: Study, number: int = 17) -> None:
    """`explain` of a test image, with the name of its number."""
    explain(study, *read_test_image(study, number), f"explain_test{number}")


def explain(
    study: Study,
    image: Array,
    steps: Sequence[str],
    name: str,
    units: Sequence[Unit] = (),
    occlusion: views.Occlusion = OCCLUSION,
) -> None:
    """Draw image (*input_shape) of the host through all views.

    Parameters
    ----------
    study : Study
        Of a convolutional network whose last layer is "output", or has a softmax.
    image : array (*input_shape)
    steps : sequence of str
        Where the image comes from and what was done to it.
    name : str
        Of the figure.
    units : sequence of Unit
        To be shown beside the two likeliest classes; of any layers.
    occlusion : Occlusion
        How the image is covered.

    Raises
    ------
    ValueError
        If the model is no convolutional classifier, the image has not its shape, or the occlusion's patch is larger
        than the image.
    """
    model = study.model
    classes = model.layer_names[-1]
    if not isinstance(model, Spatial) or not (
        classes == "output" or isinstance(model.network.layers[classes], Softmax)
    ):
        raise ValueError(
            "explain needs a convolutional network with a layer output, or a softmax at the end, such as convnet"
        )
    x = move(image, model.xp)
    map_layers = [layer for layer in model.layer_names if len(model.layer_shape(layer)) > 1]
    hidden = [layer for layer in model.layer_names if layer != classes]
    shares = views.maps(model, x, [classes])[classes]
    likeliest = [Unit(classes, c) for c in to_numpy(model.xp.argsort(-shares, kind="stable")[:2]).tolist()]
    asked = views.located(model, x, units)
    if not asked:
        asked = [_strongest(model, x, layer) for layer in map_layers]
    chosen = [*likeliest, *asked]

    chart = plot.Shares(study.classes(len(shares)), to_numpy(shares), "class probabilities", length=BAR)
    side = max(1.8, chart.height(TILE))
    hidden_patches, hiding = _occlusions(occlusion, model, x, chosen, map_layers)
    rows: list[list[plot.Part]] = [
        [study.panel(shown(image[None]), False, 1, "input", side=side), chart, hidden_patches]
    ]
    gradients = [_gradients(model, x, unit) for unit in chosen]
    rows += [list[plot.Part](gradients[i : i + COLUMNS]) for i in range(0, len(gradients), COLUMNS)]
    panels, maps = layer_panels(study, x, hidden, TILE)
    rows.append([*panels])
    nearest: dict[str, Array] = {}
    active: list[dict[str, Any]] = []
    if study.data is not None:
        beside, nearest, active = _nearest(study, x, hidden)
        rows += map(list[plot.Part], beside)
    figure = plot.grid(
        rows,
        heading=f"{study.heading}: {'; '.join(steps)}; through all views",
        caption=(
            "From above: the prediction; the effect of hiding a patch; the pixels that units are sensitive to; the "
            "activations of every layer; the units that are unusually active, beside what else activates them."
            if study.data is not None
            else "From above: the prediction; the effect of hiding a patch; the pixels that units are sensitive to; "
            "the activations of every layer."
        ),
        key=f"{_advice(study, image)}{_key(study)}",
        tile=TILE,
    )
    arrays = {"image": image, "probabilities": shares, **maps, **nearest}
    settings: dict[str, Any] = {"image": list(steps), "units": [*map(str, chosen)], "occlusion": asdict(occlusion)}
    study.save(name, figure, arrays, _table(classes, to_numpy(shares).tolist(), hiding, active), **settings)


def _table(
    classes: str, shares: Sequence[float], hiding: Sequence[dict[str, Any]], active: Sequence[dict[str, Any]]
) -> Rows:
    """The numbers of the sheet, of the columns `EXPLAINED`: every class, what hiding does, the most active units."""
    rows = [{**address(Unit(classes, c)), "probability": p, "role": "class"} for c, p in enumerate(shares)]
    for row in hiding:
        if row["layer"] == classes:
            rows[row["index"]] |= {"response": row["response"], "change": row["change"]}
        else:
            rows.append(row)
    return Rows({name: row.get(name) for name in EXPLAINED} for row in [*rows, *active])


def _advice(study: Study, image: Array) -> str:
    """A word where the image is bright at its border and training images are not."""
    if study.data is None or study.within is None:
        return ""

    def border(x: Array) -> float:
        return float(np.median(np.concatenate([x[..., 0, :], x[..., -1, :], x[..., 0], x[..., -1]], axis=-1)))

    middle = sum(study.within) / 2
    usual = border(study.data.train_images[:100])
    if (border(image) - middle) * (usual - middle) >= 0:
        return ""
    return f"The image's border is {'bright' if usual < middle else 'dark'}, that of {study.dataset} is not: --invert? "


def _strongest(model: Model, image: Array, layer: str) -> Unit:
    peaks, _ = views.peaks_of(model, image[None], [layer])[layer]
    return views.located(model, image, [Unit(layer, int(peaks[0].argmax()))])[0]


def _occlusions(
    occlusion: views.Occlusion, model: Model, image: Array, units: Sequence[Unit], map_layers: Sequence[str]
) -> tuple[Panel, list[dict[str, Any]]]:
    """A map for each of the units, and for each layer's most active channel; and their numbers, a row each."""
    maps = [occlusion(model, image, units), *(occlusion.top_channel(model, image, layer) for layer in map_layers)]
    drops = np.concatenate([to_numpy(each.drops) for each in maps])
    whole = np.concatenate([to_numpy(each.whole) for each in maps])
    names = [*map(str, units), *(f"total {each.units[0]}" for each in maps[1:])]
    captions = [response_and_change(a, d) for a, d in zip(whole, drops, strict=True)]
    of = [(unit, "unit") for unit in units] + [(each.units[0], "total") for each in maps[1:]]
    rows = [
        {**address(unit), "role": role, "response": float(a), "change": largest_change(d)}
        for (unit, role), a, d in zip(of, whole, drops, strict=True)
    ]
    step = "" if occlusion.stride == 1 else f" at every {occlusion.stride} pixels"
    how = f"{occlusion.patch} x {occlusion.patch} pixels (set to {occlusion.fill:g}){step}"
    title = f"effect of hiding {how}: the response, its largest change"
    return Panel(drops, True, ACROSS, title, names, captions, side=HIDDEN), rows


def _gradients(model: Model, image: Array, unit: Unit) -> Panel:
    tiles = np.concatenate([shown(views.VIEWS[view](model, image[None], [unit])) for view in SIGNED])
    return Panel(tiles, True, len(tiles), f"pixels that {unit} is sensitive to", captions=tuple(SIGNED.values()))


def _nearest(
    study: Study, image: Array, layers: Sequence[str]
) -> tuple[list[list[Panel]], dict[str, Array], list[dict[str, Any]]]:
    """A row for each layer: the units most active relative to their own distribution, each one's patch and top patches.

    Also, by layer, how many standard deviations above its mean each unit is, and which are shown; and a row for each
    that is, with its numbers.
    """
    model, (images, _) = study.model, held_out(study, REFERENCE)
    peaks, here = views.peaks_of(model, images, layers), views.peaks_of(model, image[None], layers)
    rows: list[list[Panel]] = []
    arrays: dict[str, Array] = {}
    numbers: list[dict[str, Any]] = []
    for layer in layers:
        values, response = to_numpy(peaks[layer][0]), to_numpy(here[layer][0])[0]
        spread = values.std(axis=0)
        standard = np.where(spread > 0, (response - values.mean(axis=0)) / np.where(spread > 0, spread, 1), -np.inf)
        best = np.argsort(-standard, kind="stable")
        # A silent unit is not active, however rarely it is less silent, nor one that is less active than usual.
        best = best[(response[best] > 0) & (standard[best] > 0)][:NEAREST]
        arrays |= {f"{layer}.standard": standard, f"{layer}.nearest": best}
        if not len(best):
            continue
        units = [Unit(layer, j) for j in best.tolist()]
        top = views.top_patches(spatial(model), images, units, min(TOP, len(images)), peaks[layer])
        panels = []
        for i, unit in enumerate(views.located(model, image, units)):
            patch = views.crop(image[None], spatial(model).receptive_field(layer, unit.position))
            tiles, absent = patch_tiles(np.concatenate([to_numpy(patch), to_numpy(top.patches[i])]))
            share = 100 * (values[:, unit.index] < response[unit.index]).mean()
            title = (
                f"{unit}: {response[unit.index]:.1f} ({standard[unit.index]:+.1f} s.d.), "
                f"above {rounded_down(share)} % of images"
            )
            measured = {"response": float(response[unit.index]), "standard": float(standard[unit.index])}
            numbers.append({**address(unit), "role": "nearest", **measured, "percentile": float(share)})
            frames = [plot.BLUE, *[""] * (len(tiles) - 1)]
            how = {"frames": frames, "absent": absent, "outlined": True, "side": PATCH}
            panels.append(study.panel(tiles, False, len(tiles), title, **how))
        rows.append(panels)
    return rows, arrays, numbers


def _key(study: Study) -> str:
    nearest = (
        f"Last rows: units most active relative to their own distribution over {REFERENCE} test images: largest "
        "pre-activation, standard deviations above the mean, share of images with less; blue frame: the patch seen "
        "here; then the test images' top patches; light blue: beyond the border."
        if study.data is not None
        else f"No {study.dataset} at hand: units are not compared with their responses to test images (dbnvis data)."
    )
    return (
        "A unit: layer:channel@row,column, where it responds most. Hiding: white where the response falls; total: of "
        "the most active channel. Pixels: backwards from 1.0 at the pre-activation (of a class: its score before "
        "softmax): gradient (Simonyan et al. 2014), guided (Springenberg et al. 2015), deconvnet (Zeiler and Fergus "
        "2014); the last two mostly redraw the image, whatever was learned (Adebayo et al. 2018). Activations: white "
        f"is the layer's largest. {nearest}"
    )
