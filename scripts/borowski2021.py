"""Borowski et al. (2021): "Exemplary natural images explain CNN activations better than ... feature visualization"."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "predictiveness": "which picture tells what a unit of the shipped DBN does on other images",
    "methods_compared": "the same of six models, beside how much a picture excites its unit; settings of two methods",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
