"""How invariant each layer is: degrees from the optimum to 90 % of its gain; a table and a figure of the curves."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import manifolds
from dbnvis.figures.study import Study


def draw(study: Study, _: object) -> None:
    rows = manifolds.invariance(study, n=30)
    study.out = study.out.parent / "tables"
    study.save_table("invariance", rows, units=30, share=manifolds.SHARE, bootstraps=manifolds.BOOTSTRAPS)


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw))
