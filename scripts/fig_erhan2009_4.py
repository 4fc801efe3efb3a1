"""Second-layer units of the DBN by three methods, digits and patches (after Erhan et al. 2009, figure 4)."""

import sys

from dbnvis.cli import page_script
from dbnvis.erhan2009.paper_figures import FIGURES

if __name__ == "__main__":
    sys.exit(page_script(__doc__, FIGURES["figure_4"]))
