"""36 units of every layer, the methods side by side (after Erhan et al. 2009, figure 4)."""

from dbnvis.cli import study_for_script
from dbnvis.report import figures

if __name__ == "__main__":
    study, _ = study_for_script(__doc__)
    figures.methods_side_by_side(study, n=36)
