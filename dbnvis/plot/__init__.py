"""Drawing: the only package that imports matplotlib. Functions take NumPy arrays and return a Figure.

Conventions: filters and optimal inputs in a symmetric grey scale, zero at mid-grey, each tile by its own
largest |value|; samples and images in their pixel range, black to white; pictures of three colours in colour, on the
same scales; no axes around tiles; every figure has a caption of at most forty words, and a key of its greys, colours
and numbers; text of 6 points or more. Colours are Okabe & Ito's, distinct to the colour-blind. The user's matplotlib
settings change nothing.
"""

from . import style as settings
from .atlas import Places, places
from .base import BLACK, BLUE, DPI, GREEN, ORANGE, save
from .charts import Bands, HeatMap, Shares, Table, bars, scatter
from .crosstab import crosstab
from .dashboard import Chart, Histograms, Lines, Matrix, Tiles, dashboard
from .grids import grid, packed, sheet
from .panel import Panel, Part, Space, check_picture, is_picture
from .speed_charts import Gains, SpeedUps

__all__ = [
    "BLACK",
    "BLUE",
    "DPI",
    "GREEN",
    "ORANGE",
    "Bands",
    "Chart",
    "Gains",
    "HeatMap",
    "Histograms",
    "Lines",
    "Matrix",
    "Panel",
    "Part",
    "Places",
    "Shares",
    "Space",
    "SpeedUps",
    "Table",
    "Tiles",
    "bars",
    "check_picture",
    "crosstab",
    "dashboard",
    "grid",
    "is_picture",
    "packed",
    "places",
    "save",
    "scatter",
    "settings",
    "sheet",
]
