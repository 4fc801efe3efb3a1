"""Samples of a DBN weighted by the response of class scores and units of the convnet."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures import evidence_samples

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: evidence_samples.evidence_samples(study), "convnet", "convnet"))
