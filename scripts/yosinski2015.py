"""Yosinski, Clune, Nguyen, Fuchs & Lipson (2015): "Understanding neural networks through deep visualization"."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "regularizers": "each regularizer alone, at growing strength",
    "class_models": "class scores under the published recipes, and under recipes for digits",
    "activations": "what every layer does with an image",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
