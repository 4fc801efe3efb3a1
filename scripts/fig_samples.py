"""Six units of every higher layer, a row of samples each (after Erhan et al. 2009, figure 3)."""

from dbnvis.cli import study_for_script
from dbnvis.report import figures

if __name__ == "__main__":
    study, _ = study_for_script(__doc__)
    figures.samples(study, n=6, shown=12)
