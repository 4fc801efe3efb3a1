"""Training curves: every epoch's statistics, one line per layer."""

from dbnvis.cli import study_for_script
from dbnvis.report import figures

if __name__ == "__main__":
    study, history = study_for_script(__doc__)
    figures.training_curves(study, history)
