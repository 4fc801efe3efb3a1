"""The patches of test images that activate every channel most, beside their deconvolutions."""

from __future__ import annotations

from itertools import chain

from ... import plot, views
from ...plot import Panel
from ...views.top_patches import TopPatches
from ..study import Study
from .inputs import held_out, patch_tiles

PAIRS = 4  # channels in a row
BEYOND = "Light blue: beyond the image's border."


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
