"""Zeiler & Fergus (2014): "Visualizing and understanding convolutional networks"."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "patches": "for each channel the nine test patches that activate it most, beside their deconvolutions",
    "occlusion": "how the response falls when a part of the image is hidden",
    "activations": "the maps of every layer for three images",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
