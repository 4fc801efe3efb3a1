"""Hinton & Salakhutdinov (2006): pretrained networks, fine-tuned by backpropagation.

The networks are trained first, which takes about half an hour each, and kept.
"""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "autoencoder": "squared error of deep autoencoders and of principal components",
    "codes": "test images in two dimensions, by an autoencoder and by principal components",
    "classifier": "test error of a classifier, pretrained and from random weights",
    "deformed_classifier": "test errors after fine-tuning on plain and on deformed digits",
    "features": "what unsupervised features are worth to a logistic regression",
    "finetuning": "what fine-tuning changes in the units",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
