"""What has each hidden unit of a deep network learned?

Deep belief networks from scratch, and every unit through every classical method. Importing the package is
light: no CuPy, no matplotlib, no scikit-learn.
"""

__version__ = "0.1.0"

from .dbn import DBN
from .rbm import RBM, GaussianRBM, clamp, gibbs
from .train import CDConfig, EpochStats, train_dbn, train_rbm
from .visualize import (
    VISUALIZERS,
    ActivationMaximization,
    ClampedGibbs,
    FilterCombination,
    StrongestConnections,
    TopImages,
    Unit,
    UnitImages,
)

__all__ = [
    "DBN",
    "RBM",
    "VISUALIZERS",
    "ActivationMaximization",
    "CDConfig",
    "ClampedGibbs",
    "EpochStats",
    "FilterCombination",
    "GaussianRBM",
    "StrongestConnections",
    "TopImages",
    "Unit",
    "UnitImages",
    "clamp",
    "gibbs",
    "train_dbn",
    "train_rbm",
]
