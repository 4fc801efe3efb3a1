"""All units of every layer by clamped Gibbs sampling: the mean image while the unit is on."""

from dbnvis.cli import study_for_script
from dbnvis.report import figures

if __name__ == "__main__":
    study, _ = study_for_script(__doc__)
    figures.all_units(study, figures.SAMPLING, "gibbs")
