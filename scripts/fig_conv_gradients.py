"""Which pixels class scores and channels are sensitive to: gradient, saliency, gradient x input, guided, deconvnet."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import attributions

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: attributions.gradients_figure(study), "convnet", "convnet"))
