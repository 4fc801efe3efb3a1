"""Fantasies of the whole model: free Gibbs chains in its top RBM, passed down to the pixels."""

from dbnvis.cli import study_for_script
from dbnvis.report import figures

if __name__ == "__main__":
    study, _ = study_for_script(__doc__)
    figures.fantasies(study, n=100, steps=1000)
