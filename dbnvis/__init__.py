"""What has each hidden unit of a deep network learned?

Deep belief networks and stacked denoising autoencoders from scratch, and every unit through every classical method.
Importing the package is light: no CuPy, no matplotlib, no scikit-learn.
"""

__version__ = "0.1.0"

from .dbn import DBN
from .rbm import RBM, GaussianRBM, clamp, gibbs
from .sdae import DAE, StackedDAE
from .train import CDConfig, DenoisingConfig, EpochStats, train_dae, train_dbn, train_rbm, train_sdae
from .visualize import (
    VISUALIZERS,
    ActivationMaximization,
    ClampedGibbs,
    EvidenceSampling,
    FilterCombination,
    InvarianceManifold,
    RegularizedOptimization,
    StrongestConnections,
    TopImages,
    Unit,
    UnitImages,
)

__all__ = [
    "DAE",
    "DBN",
    "RBM",
    "VISUALIZERS",
    "ActivationMaximization",
    "CDConfig",
    "ClampedGibbs",
    "DenoisingConfig",
    "EpochStats",
    "EvidenceSampling",
    "FilterCombination",
    "GaussianRBM",
    "InvarianceManifold",
    "RegularizedOptimization",
    "StackedDAE",
    "StrongestConnections",
    "TopImages",
    "Unit",
    "UnitImages",
    "clamp",
    "gibbs",
    "train_dae",
    "train_dbn",
    "train_rbm",
    "train_sdae",
]
