"""Figures of what images do to a convolutional network: its maps, top patches, weights, codes and faults."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from ... import plot, views
from ...backend import Array, move, to_numpy
from ...plot import Panel, Places
from ...views.top_patches import TopPatches
from ..study import Study

PAIRS = 4  # channels in a row of patches
POINTS, PERPLEXITY = 1500, 30.0  # images in the plane
BEYOND = "Light blue: beyond the image's border."


def held_out(study: Study, n: int | None = None) -> tuple[Array, Array | None]:
    """The first `n` test images on the model's device, and their labels, if any; ValueError where no images are."""
    data = study.data_at_hand()
    return move(data.test_images[:n], study.model.xp), None if data.test_labels is None else data.test_labels[:n]


def labelled(study: Study, n: int | None = None) -> tuple[Array, Array]:
    """The first `n` test images and their labels; ValueError where there are none."""
    return held_out(study, n)[0], study.data_at_hand().labels[1][:n]


def one_per_class(study: Study) -> tuple[Array, Array]:
    """The first test image of each class that the network takes for it, and the classes."""
    images, labels = labelled(study, 1000)
    scores, _ = views.peaks_of(study.model, images, ["output"])["output"]
    right = to_numpy(scores).argmax(axis=1) == labels
    if not right.any():
        raise ValueError(f"the network takes none of {len(images)} test images for its class; train it longer")
    rows = [int(np.flatnonzero(right & (labels == c))[0]) for c in np.unique(labels[right])]
    return images[study.model.xp.asarray(rows)], labels[rows]


def shown(images: Array) -> Array:
    """Images or maps (N, *input_shape) as tiles on the host, in greys or in three colours; ValueError for others."""
    plot.check_picture(images.shape[1:])
    return to_numpy(images)


def lightness(study: Study, images: Array) -> Array:
    """Images (N, *input_shape) as greys (N, height, width) from 0, the least value of pixels, to 1, the largest."""
    x = shown(images)
    low, high = study.within or (float(x.min()), float(x.max()))
    return ((x if x.ndim == 3 else x.mean(axis=1)) - low) / max(high - low, 1e-12)


def as_tile(x: Array) -> Array:
    """Activations of dense units (H,) as a block, those missing in its last row 0."""
    columns = int(np.ceil(np.sqrt(len(x))))
    return np.pad(x, (0, -len(x) % columns)).reshape(-1, columns)


def response_and_change(whole: float, drop: Array) -> str:
    """Caption of an occlusion map: the response to the whole image and, signed, what covering changes the most.

    drop (rows, columns) is how much the response falls at each place.
    """
    return f"{whole:.1f} {0 - drop.flat[np.abs(drop).argmax()]:+.1f}"


def layer_panels(study: Study, image: Array, addresses: Sequence[str]) -> tuple[list[Panel], dict[str, Array]]:
    """A panel per address with the maps of image (*input_shape), scaled together; and the maps."""
    found = {address: to_numpy(x) for address, x in views.maps(study.model, image, addresses).items()}
    panels = []
    for address, x in found.items():
        scaled = x / max(float(x.max()), 1e-12)
        tiles = scaled if x.ndim == 3 else as_tile(scaled)[None]
        title = f"{address}: {len(x)} {'maps' if x.ndim == 3 else 'units'}, at the most {x.max():.1f}"
        panels.append(Panel(tiles, False, 8, title, what="of the largest", within=(0.0, 1.0)))
    return panels, found


def activations_figure(study: Study, n: int = 3) -> None:
    """The maps of every layer for the first `n` test images, of different classes."""
    images, labels = one_per_class(study)
    addresses = [name for name in study.model.layer_names if name != "output"]
    rows, arrays = [], {"images": images[:n]}
    for image, label in zip(images[:n], labels, strict=False):
        panels, found = layer_panels(study, image, addresses)
        rows.append([study.panel(shown(image[None]), False, 1, f"a {label}"), *panels])
        arrays |= {f"{label}.{address}": x for address, x in found.items()}
    figure = plot.grid(
        rows,
        heading=f"{study.heading}: what every layer does with an image",
        key=(
            "A tile per channel: its activation at every position, black 0, white the largest of the layer and image, "
            "which stands above. Dense units are shown as one block, row by row."
        ),
        tile=0.45,
    )
    study.save("activations", figure, arrays)


def patches_figures(study: Study, k: int = 9, n: int = 32) -> None:
    """The top patches of the first `n` channels of every layer over the test images, and their deconvolutions."""
    images, _ = held_out(study)
    model = study.model
    peaks = views.peaks_of(model, images, model.layer_names)
    for layer in study.progress(model.layer_names, "top patches", len(model.layer_names)):
        top = views.top_patches(model, images, study.units(layer, n), k, peaks[layer])
        pairs = [patch_panels(study, top, i) for i in range(len(top.units))]
        rows = [[*chain(*pairs[i : i + PAIRS])] for i in range(0, len(pairs), PAIRS)]
        figure = plot.grid(
            rows,
            heading=f"{study.heading}: top {k} patches of {len(pairs)} channels of layer {layer}, and deconvolutions",
            key=(
                f"Left, best first, the receptive field of the unit at the channel's maximum in each of the {k} of "
                f"{len(images)} test images whose maximum is highest (above: the best pre-activation); right the same "
                f"fields, that unit's deconvolution (Zeiler and Fergus 2014), both signs. {BEYOND} Run again alone, "
                f"the patches excite their units within {abs(top.rechecked - top.scores).max():.1g} of that."
            ),
            tile=0.3,
        )
        arrays = {name: getattr(top, name) for name in ("rows", "scores", "patches", "deconvolutions", "rechecked")}
        study.save(f"patches_{layer}", figure, arrays, k=k, images=len(images))


def patch_panels(study: Study, top: TopPatches, i: int, columns: int = 3) -> list[Panel]:
    """Patches of unit `i` and beside them their deconvolutions."""
    best, panels = float(top.scores[i, 0]), []
    titles = f"{top.units[i]}  {'dead' if best <= 0 else f'{best:.1f}'}", ""
    for x, symmetric, title in ((top.patches, False, titles[0]), (top.deconvolutions, True, " ")):
        tiles, absent = patch_tiles(x[i])
        panels.append(study.panel(tiles, symmetric, columns, title, absent=absent, outlined=True))
    return panels


def patch_tiles(patches: Array) -> tuple[Array, Array]:
    """Patches as tiles with zeros beyond the border, and what lies there (N, height, width)."""
    tiles = shown(patches)
    absent = np.isnan(tiles)
    return np.where(absent, 0, tiles), absent if absent.ndim == 3 else absent.all(axis=1)


def weights_figure(study: Study) -> None:
    """Raw weights of every layer."""
    tiles = {layer: to_numpy(views.weight_tiles(study.model, layer)) for layer in study.model.layer_names}
    panels = [
        Panel(x, True, 16 if len(x) < 100 else 22, f"{layer}: {len(x)} units", [str(i) for i in range(len(x))])
        for layer, x in tiles.items()
    ]
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: raw weights of every layer",
        key=(
            "A tile per unit, its number above. A unit that sees several maps has a mosaic, a block per map, row by "
            "row; the weights from dense units stand in one block. Above the first layer raw weights say little: they "
            "weigh what the layer below sees, not pixels."
        ),
        tile=0.5,
        side_by_side=False,
    )
    study.save("weights", figure, tiles)


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


def audit_tables(study: Study) -> None:
    """A row per layer with its statistics over the test images, and a row per unit that learned nothing."""
    images, _ = held_out(study)
    layers = [name for name in study.model.layer_names if name != "output"]
    found = views.statistics(study.model, images, layers)
    rows, faults = [], []
    for layer, each in found.items():
        flagged = views.audit(study.model, layer, each)
        kinds = [fault.kind for fault in flagged]
        low, middle, high = np.percentile(to_numpy(each.on), [0, 50, 100])
        rows.append(
            {
                "layer": layer,
                "channels": len(each.on),
                **{kind: kinds.count(kind) for kind in ("dead", "always on", "duplicate")},
                "mean activation": round(float(each.mean.mean()), 4),
                "positions on, %: least": round(100 * low, 2),
                "positions on, %: median": round(100 * middle, 2),
                "positions on, %: most": round(100 * high, 2),
                "images that reach a channel, %: mean": round(100 * float(each.reached.mean()), 2),
            }
        )
        faults += [{"unit": f"{layer}:{f.index}", "fault": f.kind, "likely cause": f.cause} for f in flagged]
    study.save_table("audit", rows, images=len(images))
    study.save_table("audit_units", faults or [{"unit": "none", "fault": "", "likely cause": ""}], images=len(images))
