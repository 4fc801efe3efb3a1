"""Test images in the plane, as the code of a two-unit autoencoder and by two principal components.

Pretrains and fine-tunes the networks that `<out>/<data set>/models` does not hold yet; goes on where it was stopped.
"""

import sys

from dbnvis.cli import workshop_script
from dbnvis.figures.finetuning import codes_figure

if __name__ == "__main__":
    sys.exit(workshop_script(__doc__, codes_figure))
