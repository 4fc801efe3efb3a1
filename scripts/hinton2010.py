"""Hinton (2010): "A practical guide to training restricted Boltzmann machines": is a training healthy?

Of a model of your own: --model runs/mnist/model.npz.
"""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "training": "every epoch's statistics, a line for each layer",
    "likelihood": "Tieleman (2008): how the training decides the likelihood; takes an hour",
    "averaging": "what averaging the last parameters does to the likelihood",
    "infinite": "Loosli, Canu & Bottou (2007): the deformed digits of `dbnvis train --examples`",
    "health": "filters as they grew, parameters, activities and chains; only a model of `dbnvis train` keeps them",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
