"""Four top-layer units, each maximized from nine random starts (after Erhan et al. 2009, figure 1)."""

from dbnvis.cli import study_for_script
from dbnvis.report import figures

if __name__ == "__main__":
    study, _ = study_for_script(__doc__)
    figures.starts(study, n=4, n_starts=9)
