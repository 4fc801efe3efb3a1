"""Images drawn with class scores and units of the convolutional network held on, a DBN's images weighed by evidence."""

import sys

from dbnvis.cli import figure_script
from dbnvis.report import evidence_samples

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: evidence_samples.evidence_samples(study), "convnet", "convnet"))
