"""Every channel of a convolutional network: what activates it most, and its raw weights."""

from __future__ import annotations

from ... import plot, views
from ...backend import to_numpy
from ...plot import Panel
from ..study import Study


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
