"""All units of every layer by clamped Gibbs sampling: the mean image while the unit is on."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import sheets as figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: figures.all_units(study, figures.SAMPLING, "gibbs")))
