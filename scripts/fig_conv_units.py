"""Every channel of a convolutional network, and the class scores, by activation maximization and by combination."""

import sys

import numpy as np

from dbnvis import plot
from dbnvis.cli import figure_script
from dbnvis.figures.study import Study
from dbnvis.plot import Panel
from dbnvis.visualize import ActivationMaximization, FilterCombination

COLUMNS, STRONGEST = 8, 100
COMBINATION = FilterCombination(k=STRONGEST)


def draw(study: Study, _: object) -> None:
    rows, pictures = [], {}
    methods = {"activation maximization": ActivationMaximization(), f"the {STRONGEST} strongest weights": COMBINATION}
    for layer in [name for name in study.model.layer_names if not name.startswith("dense")]:
        unseen = np.ones(study.model.input_shape[-2:], dtype=bool)
        unseen[study.model.receptive_field(layer).slices] = False
        units, panels = study.units(layer), []
        for name, method in methods.items():
            found = pictures[f"{layer}.{type(method).__name__}"] = study.pictures(method, units)
            captions, labels = [row[0] for row in study.captions(found)], [str(unit.index) for unit in units]
            absent = np.broadcast_to(unseen, (len(units), *unseen.shape))
            panels.append(Panel(found.images[:, 0], True, COLUMNS, f"{layer}: {name}", labels, captions, absent=absent))
        rows.append(panels)
    legend = "Whole images, the receptive field of the unit at the centre of its map in its place; light blue: unseen. "
    legend += "A filter of the first layer is drawn whole, whatever the number of weights. "
    heading = f"{study.heading}: channels and class scores; left activation maximization, right linear combination"
    study.save("units", plot.grid(rows, heading=heading, key=f"{legend}{study.legend}", tile=0.6), pictures)


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw, "convnet", "convnet"))
