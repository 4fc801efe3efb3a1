"""Erhan, Bengio, Courville & Vincent (2009), figure by figure: "Visualizing higher-layer features of a deep network".

The models of the page are trained first, in an hour; `dbnvis reproduce --paper erhan2009` makes the whole page.
"""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "figure_1": "digits: what units of three layers respond to most, and four of them from nine random starts",
    "figure_2": "the same of patches of photographs",
    "figure_3": "samples of six second-layer units with the unit fixed to 1, digits and patches",
    "figure_4": "the same second-layer units by three methods: sampling, linear combination, activation maximization",
    "claims": "the paper's claims, measured on every unit of the shipped network against null baselines",
    "manifolds": "Erhan, Courville & Bengio (2010): along which inputs a unit's response falls least",
    "invariance": "the same as a number for each layer: degrees from the optimum to 90 % of its gain",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
