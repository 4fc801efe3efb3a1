"""36 units of every layer, the methods side by side (after Erhan et al. 2009, figure 4)."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import sheets as figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: figures.methods_side_by_side(study, n=36)))
