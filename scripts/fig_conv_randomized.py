"""Which gradient views depend on what was learned: layers randomized from the top down (Adebayo et al. 2018)."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import attributions

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: attributions.randomized_figure(study), "convnet", "convnet"))
