"""What every layer of a convolutional network does with an image: its maps, of three classes."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import maps

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: maps.activations_figure(study), "convnet", "convnet"))
