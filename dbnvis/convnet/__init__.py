"""A convolutional network as visualizers see it: layers by name, channels at positions as units."""

from .model import ConvNet
from .spatial import Position, ReceptiveField, SpatialNetwork, centre, receptive_field, unit_number, unit_place

__all__ = [
    "ConvNet",
    "Position",
    "ReceptiveField",
    "SpatialNetwork",
    "centre",
    "receptive_field",
    "unit_number",
    "unit_place",
]
