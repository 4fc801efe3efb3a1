"""The raw weights of every layer of a convolutional network."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import maps as views

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: views.weights_figure(study), "convnet", "convnet"))
