"""The same units before and after fine-tuning as a classifier, by activation maximization.

Pretrains and fine-tunes the networks that `<out>/<data set>/models` does not hold yet; goes on where it was stopped.
"""

import sys

from dbnvis.cli import workshop_script
from dbnvis.figures.finetuning import finetuning_figure

if __name__ == "__main__":
    sys.exit(workshop_script(__doc__, finetuning_figure))
