"""Test error of a classifier fine-tuned from a deep belief network, and from random weights.

Pretrains and fine-tunes the networks that `<out>/<data set>/models` does not hold yet; goes on where it was stopped.
"""

import sys

from dbnvis.cli import workshop_script
from dbnvis.figures.finetuning import classifier_table

if __name__ == "__main__":
    sys.exit(workshop_script(__doc__, classifier_table))
