"""Lee, Ekanadham & Ng (2008): "Sparse deep belief net model for visual area V2"."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "lee_2008": "second-layer units of patches beside the first-layer filters that they are made of",
    "combination": "every unit of the shipped network as the sum of its strongest lower-layer filters",
    "gabor": "how well first-layer filters are described by Gabor functions",
    "scenes": "patches of two photographs, and of nine (--dataset photos): what units of the second layer generate",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
