"""Charts of their own: bars, points in the plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..backend import Array
from .base import BLACK, BLUE, MARGIN, ORANGE, blank, wrap

#: Ten classes: Paul Tol's "muted" colours, distinct to the colour-blind, and black.
CLASSES = ("#332288", "#88CCEE", "#117733", "#DDCC77", "#CC6677", "#AA4499", "#44AA99", "#999933", "#882255", "#000000")


def scatter(points: dict[str, Array], labels: Array, *, heading: str, legend: str) -> Figure:
    """Points in the plane, coloured by class, side by side; each class's number stands at the median of its points.

    Parameters
    ----------
    points : {title: array (N, 2)}
    labels : array (N,)
        The class of each point, 0 to 9.
    heading, legend : str
    """
    side = 5.0
    width = side * len(points) + MARGIN * (len(points) + 1)
    legend = wrap(legend, width, 7)
    foot = 0.125 * (legend.count("\n") + 1) + 0.45
    height = side + 0.62 + foot
    figure = blank(width, height)
    figure.text(MARGIN / width, 1 - 0.06 / height, heading, fontsize=9, weight="bold", va="top")
    figure.text(MARGIN / width, 0.06 / height, legend, fontsize=7, va="bottom", linespacing=1.2)
    classes = np.unique(labels)
    order = np.random.default_rng(0).permutation(len(labels))  # no class is drawn over the others
    colors = np.array(CLASSES)[labels[order] % len(CLASSES)]
    for i, (title, xy) in enumerate(points.items()):
        x = MARGIN + i * (side + MARGIN)
        axes = figure.add_axes((x / width, foot / height, side / width, side / height))
        axes.scatter(xy[order, 0], xy[order, 1], s=2, c=colors, linewidths=0)
        for c in classes:
            x, y = np.median(xy[labels == c], axis=0)
            box = {
                "boxstyle": "circle,pad=0.1",
                "facecolor": "white",
                "edgecolor": CLASSES[c % len(CLASSES)],
                "alpha": 0.8,
            }
            axes.text(x, y, str(c), fontsize=8, weight="bold", ha="center", va="center", bbox=box)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_title(title, fontsize=8, loc="left", pad=3)
    for c in classes:
        axes.scatter([], [], color=CLASSES[c % len(CLASSES)], label=str(c))
    corner = (0, (foot - 0.38) / height)
    figure.legend(ncols=10, fontsize=8, frameon=False, loc="lower left", handletextpad=0, bbox_to_anchor=corner)
    return figure


Bars = dict[str, tuple[float, float, float, float]]  # value, low, high, floor


def bars(panels: Sequence[tuple[str, Bars]], *, x_label: str, heading: str, legend: str) -> Figure:
    """Bars from zero, panels below each other; the names that begin with "dbnvis" stand out.

    Parameters
    ----------
    panels : sequence of (title, {name: (value, low, high, floor)})
        A line runs from low to high, and a mark stands across the bar at the floor (NaN: none).
    x_label, heading, legend : str
    """
    width, heading, legend = 6.8, wrap(heading, 6.4, 9), wrap(legend, 6.8, 7)
    head, foot = 0.05 + 0.16 * (heading.count("\n") + 1), 0.4 + 0.125 * (legend.count("\n") + 1)
    height = head + foot + sum(0.5 + 0.2 * len(rows) for _, rows in panels)
    figure = blank(width, height)
    figure.suptitle(heading, fontsize=9, weight="bold", x=0.01, ha="left", y=1 - 0.06 / height, va="top")
    figure.text(0.01, 0.06 / height, legend, fontsize=7, va="bottom")
    y = height - head
    for title, rows in panels:
        y -= 0.5 + 0.2 * len(rows)
        axes = figure.add_axes((0.3, (y + 0.15) / height, 0.67, 0.2 * len(rows) / height))
        for i, (name, (value, low, high, floor)) in enumerate(rows.items()):
            axes.barh(i, value, height=0.7, color=ORANGE if name.startswith("dbnvis") else BLUE)
            axes.plot([low, high], [i, i], color=BLACK, linewidth=0.8)
            axes.plot([floor, floor], [i - 0.45, i + 0.45], color=BLACK, linewidth=1.6)
            axes.text(high, i, f" {value:.3g}", fontsize=6.5, va="center")
        axes.set_yticks(range(len(rows)), list(rows), fontsize=7)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.1 * max(high for _, _, high, _ in rows.values()))
        axes.set_title(title, fontsize=8, loc="left", pad=3)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(x_label, fontsize=7)
    return figure
