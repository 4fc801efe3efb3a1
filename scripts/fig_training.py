"""Training curves: every epoch's statistics, one line per layer."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.health import training_curves

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, training_curves))
