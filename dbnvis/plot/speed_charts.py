"""How much faster: charts for dashboards, of gains beside their targets, and of speed-ups against ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import BLACK, BLUE, ORANGE, STYLES
from .charts import Bars
from .dashboard import Chart


@dataclass(frozen=True)
class Gains(Chart):
    """Bars from zero with their names on them: {name: (value, low, high, target)}.

    A line runs from low to high, and a mark stands across the bar at the target (NaN: none).
    """

    bars: Bars

    def draw(self, axes: Any) -> None:
        for i, (name, (value, low, high, target)) in enumerate(self.bars.items()):
            axes.barh(i, value, height=0.8, color=BLUE, alpha=0.3)
            axes.plot([low, high], [i, i], color=BLACK, linewidth=0.8)
            axes.plot([target, target], [i - 0.45, i + 0.45], color=ORANGE, linewidth=1.6)
            axes.text(0.01, i, name, fontsize=6.5, va="center")
            axes.text(max(value, high), i, f"  {value:.2f}", fontsize=6.5, va="center")
        axes.set_yticks([])
        axes.set_ylim(len(self.bars) - 0.5, -0.5)
        axes.set_xlim(0, 1.1 * max(np.nanmax(row) for row in self.bars.values()))


@dataclass(frozen=True)
class SpeedUps(Chart):
    """Speed-ups against ranks, on logarithmic axes, beside a thin line where the two are equal.

    `lines` {name: (ranks, speed-ups)} are computed; `points` {name: (ranks, speed-up, low, high)} are measured, in the
    colour of the line of that name, black where there is none.
    """

    x_label: str
    lines: Mapping[str, tuple[Sequence[int], Sequence[float]]]
    points: Mapping[str, tuple[float, float, float, float]]

    def draw(self, axes: Any) -> None:
        ranks = sorted({n for x, _ in self.lines.values() for n in x})
        lowest = min(min(y) for _, y in self.lines.values())
        axes.plot(ranks, ranks, color=BLACK, linewidth=0.5)
        axes.axhline(1, color=BLACK, linewidth=0.5, alpha=0.4)
        colors = {}
        for (name, (x, y)), (color, style) in zip(self.lines.items(), STYLES, strict=False):
            axes.plot(x, y, color=color, linestyle=style, linewidth=1.4, label=name)
            colors[name] = color
        for name, (n, value, low, high) in self.points.items():
            color, lowest = colors.get(name, BLACK), min(lowest, low)
            axes.plot([n, n], [low, high], color=color, linewidth=1)
            axes.plot(n, value, color=color, marker="o", markersize=4.5, markeredgecolor=BLACK, linestyle="none")
        if self.points:
            axes.plot(
                [],
                [],
                color="white",
                marker="o",
                markersize=4.5,
                markeredgecolor=BLACK,
                linestyle="none",
                label="measured here",
            )
        axes.set_xscale("log", base=2)
        axes.set_yscale("log", base=2)
        axes.set_xticks(ranks, [str(n) for n in ranks])
        axes.set_ylim(0.8 * min(1, lowest), 1.1 * ranks[-1])
        low, high = axes.get_ylim()
        ticks = [2.0**i for i in range(-10, 20) if low <= 2.0**i <= high]
        axes.set_yticks(ticks, [f"{y:g}" for y in ticks])
        axes.minorticks_off()
        axes.set_xlabel(self.x_label, fontsize=7)
        axes.grid(alpha=0.3, linewidth=0.4)
        axes.legend(fontsize=6.5, frameon=False, loc="upper left")
