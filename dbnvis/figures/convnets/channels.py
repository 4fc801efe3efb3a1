"""Every channel of a convolutional network: the pictures that activate it most, and its raw weights."""

from __future__ import annotations

import math

from ... import plot, views
from ...backend import to_numpy
from ...models.protocol import spatial
from ...plot import Panel
from ...visualize import ActivationMaximization, FilterCombination
from ..study import Study

STRONGEST = 100  # weights of a linear combination
COLUMNS, TILE, GAP = 8, 0.6, 0.05  # tiles in a row; inches of one, and between two
WIDTH = 9.0  # inches of a row of weights
DENSE = 8  # dense units whose weights are drawn: those above the first say little


def units_sheet(study: Study) -> None:
    """Every channel and class score by activation maximization and by linear combination, cut to its receptive field.

    The arrays are the whole images, of the unit at the centre of its map.
    """
    methods = {
        "activation maximization": ActivationMaximization(),
        "linear combination": FilterCombination(k=STRONGEST),
    }
    rows, pictures = [], {}
    for layer in [name for name in study.model.layer_names if not name.startswith("dense")]:
        field = (..., *spatial(study.model).receptive_field(layer).slices)
        units, panels = study.units(layer), []
        columns = math.ceil(len(units) / math.ceil(len(units) / COLUMNS))
        side = COLUMNS * (TILE + GAP) / columns - GAP
        for name, method in methods.items():
            images = pictures[f"{layer}.{type(method).__name__}"] = study.pictures(method, units)
            tiles = images.images[:, 0][field]
            labels, captions = [str(unit.index) for unit in units], [row[0] for row in study.captions(images)]
            size = "{} x {}".format(*tiles.shape[-2:])
            panels.append(Panel(tiles, True, columns, f"{layer}, {size}: {name}", labels, captions, side=side))
        rows.append(panels)
    figure = plot.grid(
        rows,
        heading=f"{study.heading}: what activates every channel and class score most",
        caption=(
            "Left: the input that activates a unit most. Right: a weighted sum of the filters below it. In conv1 both "
            "are the filter itself; higher up only maximization knows the nonlinearities. Where are shapes clear?"
        ),
        key=(
            f"Pixels that the unit sees; its number above. Linear combination: the {STRONGEST} strongest weights to "
            f"the layer below, the first layer whole. {study.legend}"
        ),
        tile=TILE,
    )
    study.save("units", figure, pictures)


def weights_figure(study: Study) -> None:
    """Raw weights of every layer: all channels and class scores, and the first dense units."""
    tiles = {layer: to_numpy(views.weight_tiles(study.model, layer)) for layer in study.model.layer_names}
    panels = []
    for layer, x in tiles.items():
        n = min(len(x), DENSE) if layer.startswith("dense") else len(x)
        columns = math.ceil(n / math.ceil(n / 16))
        title = f"{layer}: {f'the first {n} of ' if n < len(x) else ''}{len(x)} units"
        side = (WIDTH / columns - GAP) * math.sqrt(x.shape[-2] / x.shape[-1])
        labels = [str(i) for i in range(n)]
        panels.append(Panel(x[:n], True, columns, title, labels, side=side))
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: raw weights of every layer",
        caption=(
            "The weights of conv1 are pictures of pixels. Those of higher layers weigh the maps below, and can hardly "
            "be read: the reason for all other methods."
        ),
        key=(
            "A tile per unit, its number above. A unit that sees several maps has a mosaic, a block per map, row by "
            "row; weights from dense units stand in one block. Each tile has its own scale."
        ),
        side_by_side=False,
    )
    study.save("weights", figure, tiles)
