"""Second-layer units of a sparse DBN of patches beside the filters they are built of (after Lee et al. 2008)."""

import sys

from dbnvis.cli import page_script
from dbnvis.erhan2009.paper_figures import FIGURES

if __name__ == "__main__":
    sys.exit(page_script(__doc__, FIGURES["lee_2008"]))
