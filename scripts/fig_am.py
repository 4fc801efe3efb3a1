"""All units of every layer by activation maximization (Erhan et al. 2009)."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import sheets as figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: figures.all_units(study, figures.MAXIMIZATION, "am")))
