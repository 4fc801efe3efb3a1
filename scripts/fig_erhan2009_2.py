"""Activation maximization of patches of photographs, DBN and SDAE (after Erhan et al. 2009, figure 2)."""

import sys

from dbnvis.cli import page_script
from dbnvis.erhan2009.paper_figures import FIGURES

if __name__ == "__main__":
    sys.exit(page_script(__doc__, FIGURES["figure_2"]))
