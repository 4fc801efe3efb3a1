"""Every channel of a convolutional network, and the class scores, by activation maximization and by combination."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import channels

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: channels.units_sheet(study), "convnet", "convnet"))
