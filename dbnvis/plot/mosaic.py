"""Many tiles as one image, many texts as one artist; importing this module imports matplotlib."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..backend import Array
from .style import FONT, fixed, matplotlib_of_any_backend, printable

matplotlib_of_any_backend()

from matplotlib.artist import Artist  # noqa: E402
from matplotlib.backends.backend_agg import RendererAgg  # noqa: E402
from matplotlib.collections import PolyCollection  # noqa: E402
from matplotlib.font_manager import FontProperties  # noqa: E402
from matplotlib.image import AxesImage  # noqa: E402
from matplotlib.text import Text  # noqa: E402
from matplotlib.transforms import Affine2D, Bbox  # noqa: E402

#: A number or several: their characters are never moved closer to each other, and "0" is as high as any.
NUMBERS = re.compile(r"[-!%. 0-9]*[0-9][-!%. 0-9]*")
CHARACTERS = "-!%. 0123456789"
ROOM = 2  # pixels beside a character, which may reach beyond its own


class Mosaic(AxesImage):
    """Tiles of one size where columns and rows cross, drawn as one image.

    As in an image of its own, a tile's borders are rounded to whole pixels of the canvas, of which it has one at the
    least, and each of these has the colour of the tile's pixel under its middle.

    Parameters
    ----------
    axes : Axes
        In inches, y downwards.
    colors : uint8 array (N, height, width, 4)
        Red, green, blue and opacity of the tiles, row by row.
    lefts : array (columns,)
        Inches at which the columns begin.
    tops : array (rows,)
        Inches at which the rows begin.
    size : (float, float)
        Width and height of a tile in inches.
    """

    def __init__(self, axes: Any, colors: Array, lefts: Array, tops: Array, size: tuple[float, float]) -> None:
        self.colors, self.lefts, self.tops, self.size = colors, lefts, tops, size
        super().__init__(
            axes, interpolation="nearest", extent=(lefts[0], lefts[-1] + size[0], tops[-1] + size[1], tops[0])
        )
        _, rows, columns, _ = colors.shape
        whole = np.zeros((len(tops) * len(lefts), rows, columns, 4), "uint8")
        whole[: len(colors)] = colors
        whole = whole.reshape(len(tops), len(lefts), rows, columns, 4).swapaxes(1, 2)
        self.set_data(whole.reshape(len(tops) * rows, len(lefts) * columns, 4))
        self.set_clip_path(axes.patch)

    @property
    def boxes(self) -> list[Bbox]:
        """Where each tile lies on the canvas."""
        (width, height), transform = self.size, self.get_transform()
        corners = [(x, y + height, x + width, y) for y in self.tops for x in self.lefts][: len(self.colors)]
        return [Bbox.from_extents(*corner).transformed(transform) for corner in corners]

    def make_image(
        self, renderer: Any, magnification: float = 1.0, unsampled: bool = False
    ) -> tuple[Array, float, float, Affine2D]:
        """The tiles on a canvas that is `magnification` times as fine, from its lowest row up, and where it begins."""
        width, height = self.size
        _, rows, columns, _ = self.colors.shape
        place = self.get_transform().transform
        left, right = (place([(x, 0) for x in self.lefts + end])[:, 0] * magnification for end in (0, width))
        low, high = (place([(0, y) for y in self.tops[::-1] + end])[:, 1] * magnification for end in (height, 0))
        (x, across), (y, up) = _covered(left, right, columns), _covered(low, high, rows)
        cells = np.ascontiguousarray(self.get_array()).view("uint32")[::-1, :, 0]
        cells = np.pad(cells, ((0, 1), (0, 1)))  # the last row and column, seen in gaps, are transparent
        canvas = cells.take(across, axis=1).take(up, axis=0)
        return canvas[..., None].view("uint8"), x / magnification, y / magnification, Affine2D()


def _covered(starts: Array, ends: Array, cells: int) -> tuple[int, Array]:
    """The first pixel that tiles of so many `cells` between ascending `starts` and `ends` cover; the cell seen in it
    and in each that follows, -1 in gaps."""
    first, last = (np.floor(x + 0.5).astype(int) for x in (starts, ends))
    last = np.maximum(last, first + 1)
    pixels = np.arange(first[0], last[-1])
    tile = np.searchsorted(first, pixels, side="right") - 1
    share = (pixels + 0.5 - starts[tile]) / (ends - starts)[tile]
    cell = tile * cells + np.clip((share * cells).astype(int), 0, cells - 1)
    return int(first[0]), np.where(pixels < last[tile], cell, -1)


def draw_boxes(axes: Any, corners: Array, edges: str | Sequence[str], linewidth: float, **keywords: Any) -> None:
    """Draw rectangles, whose corners (N, 4, 2) are given, as one collection; `keywords` are matplotlib's."""
    axes.add_collection(
        PolyCollection(corners, edgecolors=edges, linewidths=linewidth, joinstyle="miter", **keywords), autolim=False
    )


class Texts(Artist):
    """Texts of one font, each at a point of the axes, drawn as one artist.

    On a canvas of pixels texts of numbers, such as "12.3 87%", share one baseline; they begin at a whole pixel and are
    put together from characters drawn once, where these take whole pixels. Others, and all in a PDF or SVG, are drawn
    as matplotlib draws a text.

    Parameters
    ----------
    axes : Axes
    points : array (N, 2)
    texts : sequence of str
    keywords : dict
        Size and vertical alignment: of matplotlib's `Text`.
    """

    zorder = Text.zorder

    def __init__(self, axes: Any, points: Array, texts: Sequence[str], **keywords: Any) -> None:
        super().__init__()
        self.set_clip_on(False)
        self.points, self.texts, self.keywords = points, [printable(text) for text in texts], keywords
        self.one = Text(**keywords)
        self.one.set_figure(axes.figure)

    def artists(self) -> list[Text]:
        """The texts, each as matplotlib's `Text`, on the canvas of now."""
        places = self.get_transform().transform(self.points)
        with fixed():
            found = [Text(x, y, text, **self.keywords) for (x, y), text in zip(places, self.texts, strict=True)]
        for artist in found:
            artist.set_figure(self.figure)
        return found

    def get_window_extent(self, renderer: Any = None) -> Bbox:
        return Bbox.union([artist.get_window_extent(renderer) for artist in self.artists()])

    def draw(self, renderer: Any) -> None:
        if not self.get_visible():
            return
        numbers = []
        for place, text in zip(self.get_transform().transform(self.points), self.texts, strict=True):
            if isinstance(renderer, RendererAgg) and NUMBERS.fullmatch(text):
                numbers.append((place, text))
            else:
                self.one.set_position(place)
                self.one.set_text(text)
                self.one.draw(renderer)
        if numbers:
            self._draw_numbers(renderer, numbers)
        self.stale = False

    def _draw_numbers(self, renderer: Any, numbers: Sequence[tuple[Array, str]]) -> None:
        """Draw texts whose baselines are that of "0", those of each line of the canvas as one image."""
        baseline = _Baseline(1, 1, renderer.dpi)
        self.one.set_position((0, 0))
        self.one.set_text("0")
        self.one.draw(baseline)
        gc = renderer.new_gc()
        characters = _characters(self.one.get_fontsize(), renderer.dpi)
        begins = [place + baseline.found for place, _ in numbers]
        if characters:
            lines: dict[int, list[tuple[int, str]]] = {}
            for begin, (_, text) in zip(begins, numbers, strict=True):
                x, y = np.floor(begin + 0.5).astype(int)
                lines.setdefault(y, []).append((x, text))
            for y, line in lines.items():
                renderer.draw_image(gc, *_composed(line, y, characters))
        else:
            for (x, y), (_, text) in zip(begins, numbers, strict=True):
                renderer.draw_text(gc, x, renderer.height - y, text, self.one.get_fontproperties(), 0)
        gc.restore()


def _composed(
    line: Sequence[tuple[int, str]], y: int, characters: dict[str, tuple[Array, int]]
) -> tuple[int, int, Array]:
    """Texts that begin at pixels x of a baseline y as an image, and the place of its lower left corner."""
    rise = len(characters["0"][0]) // 3
    left = min(x for x, _ in line)
    right = max(x + sum(characters[c][1] for c in text) for x, text in line)
    image = np.zeros((3 * rise, right - left + 2 * ROOM, 4), "uint8")
    for x, text in line:
        for c in text:
            cover, advance = characters[c]
            part = image[:, x - left : x - left + cover.shape[1], 3]
            np.maximum(part, cover, out=part)
            x += advance
    return left - ROOM, y - rise, image


class _Baseline(RendererAgg):
    """Notes where the first letter of a text begins, and draws nothing."""

    found: Array

    def draw_text(self, gc: Any, x: float, y: float, *rest: Any, **keywords: Any) -> None:
        self.found = np.array([x, self.height - y])


@lru_cache(maxsize=64)
def _characters(size: float, dpi: float) -> dict[str, tuple[Array, int]] | None:
    """Each of `CHARACTERS` in black: how much of each pixel it covers, and the pixels from its start to the next one's.

    Pixels (3 rise, width) begin `ROOM` before it, their lowest row `rise` below the baseline. None where a character
    does not take whole pixels, as in matplotlib until 3.10.
    """
    font = FontProperties(family=FONT, size=size)
    rise = int(size * dpi / 72) + 1
    renderer = RendererAgg(3 * rise, 3 * rise, dpi)

    def width(text: str) -> float:
        return renderer.get_text_width_height_descent(text, font, False)[0]

    advances = {c: width(f"0{c}0") - width("00") for c in CHARACTERS}
    if any(advance % 1 for advance in advances.values()):
        return None
    found = {}
    for c, advance in advances.items():
        renderer.clear()
        renderer.draw_text(renderer.new_gc(), ROOM, 2 * rise, c, font, 0)
        cover = np.asarray(renderer.buffer_rgba())[::-1, : int(advance) + 2 * ROOM, 3]
        found[c] = cover.copy(), int(advance)
    return found
