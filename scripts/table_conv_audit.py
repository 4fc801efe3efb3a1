"""Activation statistics of every layer over the test images, and the units that learned nothing, with likely causes."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import faults

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: faults.audit_tables(study), "convnet", "convnet"))
