"""What has each hidden unit of a deep network learned?

Deep belief networks, denoising autoencoders and small convnets from scratch, and every unit through every classical
method.
Importing the package is light: no CuPy, no matplotlib, no scikit-learn.
"""

__version__ = "0.1.0"

from .models.conv_dbn import ConvDBN
from .models.conv_rbm import ConvRBM, GaussianConvRBM
from .models.convnet import ConvNet
from .models.dbn import DBN
from .models.rbm import RBM, GaussianRBM, clamp, gibbs
from .models.sdae import DAE, StackedDAE
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
    "ConvDBN",
    "ConvNet",
    "ConvRBM",
    "DenoisingConfig",
    "EpochStats",
    "EvidenceSampling",
    "FilterCombination",
    "GaussianConvRBM",
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
