"""The patches of test images that activate every channel most, beside their deconvolutions."""

from __future__ import annotations

from itertools import chain

from ... import plot, views
from ...models.protocol import spatial
from ...plot import Panel
from ...views.top_patches import TopPatches
from ..study import Study
from .inputs import held_out, patch_tiles

PAIRS = 4  # channels in a row


def patches_figures(study: Study, k: int = 9, n: int = 32) -> None:
    """The top patches of the first `n` channels of every layer over the test images, and their deconvolutions."""
    images, _ = held_out(study)
    model = study.model
    peaks = views.peaks_of(model, images, model.layer_names)
    for layer in study.progress(model.layer_names, "top patches", len(model.layer_names)):
        top = views.top_patches(spatial(model), images, study.units(layer, n), k, peaks[layer])
        pairs = [patch_panels(study, top, i) for i in range(len(top.units))]
        rows = [[*chain(*pairs[i : i + PAIRS])] for i in range(0, len(pairs), PAIRS)]
        key = [
            f"Patches: of {len(images)} test images the {k} with the channel's largest activation, best first, cut to "
            "the receptive field at that maximum. Number above: the largest pre-activation; dead: none is positive. "
            "Deconvolution: Zeiler and Fergus (2014), both signs. Check: isolated patches give the same activation "
            f"within {abs(top.rechecked - top.scores).max():.1g}."
        ]
        if any(panel.absent is not None and panel.absent.any() for row in rows for panel in row):
            key.append("Light blue: beyond the image's border.")
        figure = plot.grid(
            rows,
            heading=f"{study.heading}: top {k} patches of {len(pairs)} channels of layer {layer}, and deconvolutions",
            caption=(
                "Left of each pair: the image patches that activate a channel most. Right: the pixels in them that "
                "did it. The more alike the patches of a channel, the clearer what it detects."
            ),
            key=" ".join(key),
            tile=0.3,
        )
        arrays = {name: getattr(top, name) for name in ("rows", "scores", "patches", "deconvolutions", "rechecked")}
        study.save(f"patches_{layer}", figure, arrays, k=k, images=len(images))


def patch_panels(study: Study, top: TopPatches, i: int, columns: int = 3) -> list[Panel]:
    """Patches of unit `i` and beside them their deconvolutions."""
    best, panels = float(top.scores[i, 0]), []
    title = f"{top.units[i]}  {'dead' if best <= 0 else f'{best:.1f}'}"
    for x, symmetric, above in ((top.patches, False, title), (top.deconvolutions, True, "deconvolution")):
        tiles, absent = patch_tiles(x[i])
        panels.append(study.panel(tiles, symmetric, columns, above, absent=absent, outlined=True))
    return panels
