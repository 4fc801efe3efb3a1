"""What has each hidden unit of a deep network learned?

Deep belief networks, denoising autoencoders and small convnets from scratch, and every unit through every classical
method.
Importing the package is light: a name is imported when it is first used. No CuPy, no matplotlib, no scikit-learn.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
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

#: Which module has which of the names.
_HOMES = {
    "models.conv_dbn": ["ConvDBN"],
    "models.conv_rbm": ["ConvRBM", "GaussianConvRBM"],
    "models.convnet": ["ConvNet"],
    "models.dbn": ["DBN"],
    "models.rbm": ["RBM", "GaussianRBM", "clamp", "gibbs"],
    "models.sdae": ["DAE", "StackedDAE"],
    "train": ["CDConfig", "DenoisingConfig", "EpochStats", "train_dae", "train_dbn", "train_rbm", "train_sdae"],
    "visualize": [
        "VISUALIZERS",
        "ActivationMaximization",
        "ClampedGibbs",
        "EvidenceSampling",
        "FilterCombination",
        "InvarianceManifold",
        "RegularizedOptimization",
        "StrongestConnections",
        "TopImages",
        "Unit",
        "UnitImages",
    ],
}

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


def __getattr__(name: str) -> Any:
    """A name of the package, from its module, or a module of it (PEP 562)."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    try:
        return import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise  # something that the module imports
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
