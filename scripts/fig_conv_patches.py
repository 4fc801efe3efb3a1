"""The test images' patches that activate every channel most, each beside its deconvolution (Zeiler & Fergus 2014)."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import patches

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: patches.patches_figures(study), "convnet", "convnet"))
