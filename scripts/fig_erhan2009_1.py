"""Activation maximization of digits, DBN and SDAE, three layers (after Erhan et al. 2009, figure 1)."""

import sys

from dbnvis.cli import page_script
from dbnvis.erhan2009.paper_figures import FIGURES

if __name__ == "__main__":
    sys.exit(page_script(__doc__, FIGURES["figure_1"]))
