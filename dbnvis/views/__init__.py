"""Views: what an image does to units. Visualizers take units alone; views take images and return maps."""

from .activations import Fault, Statistics, audit, maps, statistics
from .control import MEASURES, randomized
from .embedding import codes, responses_of_units, tsne
from .gradients import RULES, VIEWS, gradients, saliency
from .occlusion import Occlusion, OcclusionMaps
from .responses import located, peaks_of
from .top_patches import TopPatches, crop, top_patches
from .weights import weight_tiles

__all__ = [
    "MEASURES",
    "RULES",
    "VIEWS",
    "Fault",
    "Occlusion",
    "OcclusionMaps",
    "Statistics",
    "TopPatches",
    "audit",
    "codes",
    "crop",
    "gradients",
    "located",
    "maps",
    "peaks_of",
    "randomized",
    "responses_of_units",
    "saliency",
    "statistics",
    "top_patches",
    "tsne",
    "weight_tiles",
]
