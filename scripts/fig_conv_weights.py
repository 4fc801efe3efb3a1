"""The raw weights of every layer of a convolutional network."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import channels

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: channels.weights_figure(study), "convnet", "convnet"))
