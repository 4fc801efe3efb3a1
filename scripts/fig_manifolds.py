"""What units are invariant to: film strips from their optima, flattest and steepest (after Erhan et al. 2010)."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import manifolds

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: manifolds.film_strips(study, n=4)))
