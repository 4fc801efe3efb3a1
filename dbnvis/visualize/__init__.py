"""One file per method; a new one is a file and a line in `VISUALIZERS`."""

from .activation_maximization import ActivationMaximization
from .base import Unit, UnitImages, Visualizer, as_units
from .clamped_gibbs import ClampedGibbs
from .filter_combination import FilterCombination
from .invariance_manifold import InvarianceManifold
from .strongest_connections import StrongestConnections
from .top_images import TopImages

#: Short name on the command line -> method.
VISUALIZERS: dict[str, type[Visualizer]] = {
    "am": ActivationMaximization,
    "gibbs": ClampedGibbs,
    "combination": FilterCombination,
    "top-images": TopImages,
    "connections": StrongestConnections,
    "invariance": InvarianceManifold,
}

__all__ = [
    "VISUALIZERS",
    "ActivationMaximization",
    "ClampedGibbs",
    "FilterCombination",
    "InvarianceManifold",
    "StrongestConnections",
    "TopImages",
    "Unit",
    "UnitImages",
    "Visualizer",
    "as_units",
]
