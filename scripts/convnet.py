"""The shipped convolutional network: its units, and what images do to them."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "units": "every channel and the class scores, by maximization and by combination",
    "weights": "the raw weights",
    "explain": "one image through all views",
    "evidence": "images of a DBN, weighted by a unit's response",
    "tsne_images": "van der Maaten & Hinton (2008): test images in two dimensions, by the code of each layer",
    "tsne_units": "channels and units in two dimensions, by their responses",
    "audit": "units that learned nothing, and why",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
