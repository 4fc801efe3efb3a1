"""What every layer of a convolutional network does with an image: its maps."""

from __future__ import annotations

from collections.abc import Sequence

from ... import plot, views
from ...backend import Array, to_numpy
from ...plot import Panel
from ..study import Study
from .inputs import as_tile, one_per_class, shown


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
