"""Fantasies of the whole model: free Gibbs chains in its top RBM, passed down to the pixels."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import sheets as figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: figures.fantasies(study, n=100, steps=1000)))
