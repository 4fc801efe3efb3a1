"""One file per method; a new one is a file and a line in `VISUALIZERS`."""

from typing import Any

from ..models.units import Unit, as_units
from .activation_maximization import ActivationMaximization
from .clamped_gibbs import ClampedGibbs
from .evidence_sampling import EvidenceSampling
from .filter_combination import FilterCombination
from .invariance_manifold import InvarianceManifold
from .recipes import RECIPES
from .regularized import RegularizedOptimization
from .strongest_connections import StrongestConnections
from .top_images import TopImages
from .visualizer import NotApplicable, UnitImages, Visualizer

#: Short name on the command line -> method.
VISUALIZERS: dict[str, type[Visualizer]] = {
    "am": ActivationMaximization,
    "gibbs": ClampedGibbs,
    "combination": FilterCombination,
    "top-images": TopImages,
    "connections": StrongestConnections,
    "invariance": InvarianceManifold,
    "regularized": RegularizedOptimization,
    "evidence": EvidenceSampling,
}

#: Settings by the name that `--method` takes: the defaults of every method, and recipes.
METHODS: dict[str, Any] = {**{name: cls() for name, cls in VISUALIZERS.items()}, **RECIPES}

__all__ = [
    "METHODS",
    "RECIPES",
    "VISUALIZERS",
    "ActivationMaximization",
    "ClampedGibbs",
    "EvidenceSampling",
    "FilterCombination",
    "InvarianceManifold",
    "NotApplicable",
    "RegularizedOptimization",
    "StrongestConnections",
    "TopImages",
    "Unit",
    "UnitImages",
    "Visualizer",
    "as_units",
]
