"""Squared error per image of deep autoencoders (Hinton & Salakhutdinov 2006) and of PCA.

Pretrains and fine-tunes the networks that `<out>/<data set>/models` does not hold yet; goes on where it was stopped.
"""

import sys

from dbnvis.cli import workshop_script
from dbnvis.figures.finetuning import autoencoder_table

if __name__ == "__main__":
    sys.exit(workshop_script(__doc__, autoencoder_table))
