"""Training curves: every epoch's statistics, one line per layer."""

import sys

from dbnvis.cli import figure_script
from dbnvis.report import figures

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, history: figures.training_curves(study, history)))
