"""Whom the measurements of a report are after."""

from __future__ import annotations

from typing import Any

ALWAYS = (
    'Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.',
    'Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2".',
    'Yosinski, Clune, Nguyen, Fuchs, Lipson (2015), "Understanding neural networks through deep visualization".',
    'Wilson (1927), "Probable inference, the law of succession, and statistical inference".',
    'Efron, Tibshirani (1993), "An introduction to the bootstrap".',
)
TRAINING = (
    'Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.',
    'Hinton, Osindero, Teh (2006), "A fast learning algorithm for deep belief nets".',
)
LIKELIHOOD = (
    'Salakhutdinov, Murray (2008), "On the quantitative analysis of deep belief networks".',
    'Burda, Grosse, Salakhutdinov (2015), "Accurate and conservative estimates of MRF log-likelihood using reverse '
    'annealing".',
)
CHAINS = (
    'Gelman, Rubin (1992), "Inference from iterative simulation using multiple sequences".',
    'Sokal (1997), "Monte Carlo methods in statistical mechanics: foundations and new algorithms".',
    'Vehtari, Gelman, Simpson, Carpenter, Buerkner (2021), "Rank-normalization, folding, and localization: an improved '
    'R-hat for assessing convergence of MCMC".',
)


def references(measured: dict[str, Any]) -> list[str]:
    """Of what was `measured`."""
    layers = measured["layers"].values()
    return [
        *ALWAYS,
        *(TRAINING if any("training" in layer for layer in layers) else ()),
        *(LIKELIHOOD if measured["likelihood"] else ()),
        *(CHAINS if any("chains" in layer for layer in layers) else ()),
    ]
