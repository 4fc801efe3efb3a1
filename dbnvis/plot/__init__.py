"""Drawing: the only package that imports matplotlib. Functions take NumPy arrays and return a Figure.

Conventions: filters and optimal inputs in a symmetric grey scale, zero at mid-grey, each tile by its own
largest |value|; samples and images in their pixel range, black to white; no axes around tiles; every figure
carries a legend of its greys, colours and numbers. Colours are Okabe & Ito's, distinct to the colour-blind.
"""

from .atlas import Places, places
from .base import BLACK, BLUE, DPI, GREEN, ORANGE, save
from .charts import Bands, HeatMap, bars, scatter
from .dashboard import Chart, Histograms, Lines, Matrix, Tiles, dashboard
from .tiles import Panel, grid, sheet

__all__ = [
    "BLACK",
    "BLUE",
    "DPI",
    "GREEN",
    "ORANGE",
    "Bands",
    "Chart",
    "HeatMap",
    "Histograms",
    "Lines",
    "Matrix",
    "Panel",
    "Places",
    "Tiles",
    "bars",
    "dashboard",
    "grid",
    "places",
    "save",
    "scatter",
    "sheet",
]
