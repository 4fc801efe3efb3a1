"""The shipped network of 784-1000-500-250 units: every unit by every method."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "training": "how it was trained",
    "fantasies": "what it generates by itself",
    "combination": "every unit as the sum of its strongest lower-layer filters",
    "am": "every unit by activation maximization",
    "gibbs": "every unit by clamped Gibbs sampling",
    "methods": "the same units by five methods",
    "starts": "does a unit have one optimum? Nine random starts",
    "samples": "samples with a unit fixed to 1, and whether their chains mix",
    "clamping": 'two readings of "a unit fixed to 1"',
    "predictiveness": "which picture tells what its unit does on other images; takes ten minutes",
    "acceptance": "what these pictures are worth, as a table; takes a quarter of an hour",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
