"""Six units of every layer, a row of samples each (after Erhan et al. 2009, figure 3); tempered where chains fail."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import sheets as figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: figures.samples(study, temperatures=10)))
