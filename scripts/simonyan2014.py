"""Simonyan, Vedaldi & Zisserman (2014): "Deep inside convolutional networks", and its successors."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "gradients": "which pixels a class score is sensitive to: gradient, saliency, guided backpropagation, deconvnet",
    "class_models": "images that maximize a class score under a penalty, beside later recipes",
    "randomized": "Adebayo et al. (2018): which of these views depend on what the network learned",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
