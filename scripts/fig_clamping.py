"""Units of every layer fixed to 1 by clamped Gibbs sampling, and by a pass down with all other units of the layer 0."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.clamping import clamping

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: clamping(study)))
