"""Effect of hiding a patch of an image on its class's score and on the most active channel."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import attributions

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: attributions.occlusion_figure(study), "convnet", "convnet"))
