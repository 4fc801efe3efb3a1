"""The figure that all drawings are made on; importing this module imports matplotlib."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from .base import save
from .style import fixed, matplotlib_of_any_backend, printable

matplotlib_of_any_backend()

from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402


class FixedFigure(Figure):
    """A figure that is drawn and saved with matplotlib's own settings, too, and whose font has every character."""

    def draw(self, renderer: Any) -> None:
        with fixed():
            for artist in (child for parent in (self, *self.axes) for child in parent.get_children()):
                if isinstance(artist, Text):
                    artist.set_text(printable(artist.get_text()))
            super().draw(renderer)

    def savefig(self, *args: Any, **keywords: Any) -> None:
        with fixed():
            super().savefig(*args, **keywords)

    def _repr_png_(self) -> bytes:
        """For notebooks."""
        file = BytesIO()
        save(self, file)
        return file.getvalue()


def blank(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches."""
    figure = FixedFigure(figsize=(width, height), facecolor="white")
    FigureCanvasAgg(figure)
    return figure
