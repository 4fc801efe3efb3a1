"""What covering a patch of an image does to its class's score and to the channel that responds most."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import attributions

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: attributions.occlusion_figure(study), "convnet", "convnet"))
