"""What every layer of a convolutional network does with an image: its maps."""

from __future__ import annotations

from collections.abc import Sequence

from ... import plot, views
from ...backend import Array, to_numpy
from ...plot import Panel
from ..study import Study
from .inputs import as_tile, equally_high, one_per_class, shown

TILE = 0.5  # inches of a map
MOST = 4  # rows of tiles: the height of an image, and of the block of a dense layer, at the most


def layer_panels(
    study: Study, image: Array, addresses: Sequence[str], tile: float
) -> tuple[list[Panel], dict[str, Array]]:
    """A panel per address with the maps of image (*input_shape), scaled together; and the maps.

    All panels are about as high: those of few maps have fewer columns, and the block of a dense layer is large.
    """
    activations = {address: to_numpy(x) for address, x in views.maps(study.model, image, addresses).items()}
    spatial = {address: len(x) for address, x in activations.items() if x.ndim == 3}
    columns = dict(zip(spatial, equally_high([*spatial.values()]), strict=True)) if spatial else {}
    rows = min(MOST, max((-(-n // columns[address]) for address, n in spatial.items()), default=1))
    panels = []
    for address, x in activations.items():
        scaled, largest, what = x / max(float(x.max()), 1e-12), f"largest {x.max():.1f}", "of the largest"
        if address in spatial:
            title = f"{address}: {len(x)} maps, {largest}"
            panels.append(Panel(scaled, False, columns[address], title, what=what, within=(0.0, 1.0)))
        else:
            title, block, side = f"{address}: {len(x)} units, {largest}", as_tile(scaled)[None], height_of(rows, tile)
            panels.append(Panel(block, False, 1, title, what=what, within=(0.0, 1.0), side=side))
    return panels, activations


def height_of(rows: int, tile: float) -> float:
    """Inches of rows of square tiles without captions, from the first one's top to the last one's bottom."""
    return rows * (tile + 0.06) - 0.06


def activations_figure(study: Study, n: int = 3) -> None:
    """The maps of every layer for the first `n` test images, of different classes."""
    images, labels = one_per_class(study)
    addresses = [name for name in study.model.layer_names if name != "output"]
    rows, arrays = [], {"images": images[:n]}
    for image, label in zip(images[:n], labels, strict=False):
        panels, activations = layer_panels(study, image, addresses, TILE)
        rows.append([study.panel(shown(image[None]), False, 1, f"a {label}", side=height_of(MOST, TILE)), *panels])
        arrays |= {f"{label}.{address}": x for address, x in activations.items()}
    figure = plot.grid(
        rows,
        heading=f"{study.heading}: what every layer does with an image",
        caption=(
            "An image per row, and the activations of all layers. Early maps often trace strokes of one direction, "
            "later ones are coarser. Which maps stay black, and what do the others keep of the image?"
        ),
        key=(
            "A tile per channel: its activation at every position, black 0, white the largest of the layer for this "
            "image. Dense units are one block, row by row."
        ),
        tile=TILE,
    )
    study.save("activations", figure, arrays)
