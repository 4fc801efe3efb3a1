"""Four top-layer units, each maximized from nine random starts (after Erhan et al. 2009, figure 1)."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import sheets as figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: figures.starts(study, n=4, n_starts=9)))
