"""A panel: picture tiles on a grid, and what else a sheet has in its rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..backend import Array
from .base import ORANGE
from .style import text_width

GAP, TOP, BOTTOM = 0.05, 0.16, 0.15  # inches between tiles, above one for its number, below it for its caption
LINE = 0.1  # inches that a second line of captions takes

TITLE, SMALL, SMALLEST = 8, 6.5, 6  # points: of titles, of all else on a panel, of that on small tiles

ABSENT = (0.7, 0.85, 0.95, 1.0)  # light blue

OUTLINE = "0.75"  # light grey


class Part(Protocol):
    """What a grid has in its rows: a title and a note above something that is drawn in inches, y downwards."""

    @property
    def title(self) -> str: ...
    @property
    def note(self) -> str: ...
    def width(self, tile: float) -> float: ...
    def height(self, tile: float) -> float: ...
    def draw(self, axes: Any, tile: float, top: float) -> None: ...


@dataclass(frozen=True)
class Panel:
    """A grid of picture tiles, each as wide and high as its picture.

    Parameters
    ----------
    tiles : array (N, height, width), or (N, 3, height, width) of red, green and blue
        A tile of NaN is crossed out.
    symmetric : bool
        Both signs, zero at mid-grey, scaled by the tile's largest |value|; otherwise pixels in a range.
    columns : int
    title : str
    labels : sequence of str, length N, optional
        Above each tile, the unit's number; a longer one has the room above the tiles that follow without any.
    captions : sequence of str, length N, optional
        Below each tile, in one line or two.
    frames : sequence of str, length N, optional
        Colour of a frame around each tile, "" for none.
    absent : array (N, height, width) of bool, optional
        Pixels that do not exist, such as those beyond an image's border: light blue.
    outlined : bool
        A thin light-grey line around each tile, so that a white one is seen.
    note : str
        Below the title, as wide as the panel.
    within : (float, float), optional
        Pixel values that are black and white; default: 0 and 1, or, where a value lies outside, the least and
        the largest value.
    what : str
        What the values of pixels in a range are, for the key of the greys.
    side : float, optional
        Inches of a tile's side, if not the sheet's; of one that is not square, the root of its area.

    Raises
    ------
    ValueError
        If the tiles are no pictures, or have not as many labels, captions or frames.
    """

    tiles: Array
    symmetric: bool
    columns: int
    title: str = ""
    labels: Sequence[str] | None = None
    captions: Sequence[str] | None = None
    frames: Sequence[str] | None = None
    absent: Array | None = None
    outlined: bool = False
    note: str = ""
    within: tuple[float, float] | None = None
    what: str = "pixel value"
    side: float | None = None

    def __post_init__(self) -> None:
        check_picture(self.tiles.shape[1:])
        for what in ("labels", "captions", "frames"):
            given = getattr(self, what)
            if given is not None and len(given) != len(self.tiles):
                raise ValueError(f"every tile has one of the {what}: {len(self.tiles)} tiles, {len(given)} {what}")

    @property
    def colored(self) -> bool:
        return self.tiles.ndim == 4 and self.tiles.shape[1] == 3

    @property
    def rows(self) -> int:
        return math.ceil(len(self.tiles) / self.columns)

    @property
    def scale(self) -> tuple[bool, float, float, str]:
        """What the greys mean: symmetric or not, the values of black and white, and what they are of."""
        of = ", each colour" * self.colored
        if self.symmetric:
            return True, -1.0, 1.0, f"of each tile{', all colours together' * self.colored}"
        low, high = self.within or (0.0, 1.0)
        if self.within is None:
            seen = self.tiles[np.isfinite(self.tiles)]
            if seen.size and not (seen.min() >= low and seen.max() <= high):
                low, high = float(seen.min()), float(seen.max())
        return False, low, high, f"{self.what}{of}"

    def size(self, tile: float) -> tuple[float, float]:
        """Width and height of a tile."""
        side, (height, width) = self.side or tile, self.tiles.shape[-2:]
        return side * math.sqrt(width / height), side * math.sqrt(height / width)

    def font(self, tile: float) -> float:
        """Points of labels and captions."""
        return min(SMALL, max(SMALLEST, 13 * (self.side or tile)))

    def pitch(self, tile: float) -> float:
        """From one tile to the next: as wide as the widest text, too."""
        font, widths = self.font(tile), [self.size(tile)[0]]
        widths += [text_width(line, font) for caption in self.captions or () for line in caption.split("\n")]
        for i, label in enumerate(self.labels or ()):
            end = i + 1
            while end % self.columns and end < len(self.tiles) and not self.labels[end]:  # type: ignore[index]
                end += 1
            widths.append((text_width(label, font) + GAP) / (end - i) - GAP)
        return max(widths) + GAP

    def width(self, tile: float) -> float:
        words = (text_width(word, TITLE) for word in self.title.split())
        return max(max(1, min(self.columns, len(self.tiles))) * self.pitch(tile), *words, 0)

    def margins(self) -> tuple[float, float]:
        """Above and below a tile."""
        lines = max((caption.count("\n") for caption in self.captions or ()), default=0)
        return TOP if self.labels else 0.03, BOTTOM + lines * LINE if self.captions else 0.03

    def height(self, tile: float) -> float:
        return self.rows * (self.size(tile)[1] + sum(self.margins()))

    def draw(self, axes: Any, tile: float, top: float) -> None:
        """As one image, one collection of each kind of lines, and one artist of labels, one of captions."""
        from .mosaic import Mosaic, Texts, draw_boxes

        if not len(self.tiles):
            return

        n, columns = len(self.tiles), min(self.columns, len(self.tiles))
        (width, height), pitch, (above, below) = self.size(tile), self.pitch(tile), self.margins()
        lefts, tops = np.arange(columns) * pitch, top + np.arange(self.rows) * (above + height + below) + above
        corners = np.stack([np.tile(lefts, self.rows)[:n], np.repeat(tops, columns)[:n]], axis=1)
        boxes = corners[:, None] + [[0, 0], [width, 0], [width, height], [0, height]]
        colors, learned = self.colors()
        axes.add_image(Mosaic(axes, colors, lefts, tops, (width, height)))
        draw_boxes(axes, boxes[~learned], ORANGE, 0.6, facecolors="white", hatch="xx")
        if self.outlined:
            draw_boxes(axes, boxes, OUTLINE, 0.4, facecolors="none", clip_on=False)
        framed = {i: color for i, color in enumerate(self.frames or ()) if color}
        draw_boxes(axes, boxes[list(framed)], list(framed.values()), 1.6, facecolors="none", clip_on=False)
        for texts, down, align in ((self.labels, -0.015, "bottom"), (self.captions, height + 0.02, "top")):
            if texts:
                axes.add_artist(Texts(axes, corners + np.array([0, down]), texts, fontsize=self.font(tile), va=align))

    def colors(self) -> tuple[Array, Array]:
        """The tiles as they are seen, uint8 (N, height, width, 4) of red, green, blue and opacity; which are finite.

        Tiles that are not finite cannot be seen.
        """
        n, (height, width) = len(self.tiles), self.tiles.shape[-2:]
        tiles = np.moveaxis(self.tiles.reshape(n, -1, height, width), 1, -1)
        finite = np.isfinite(tiles).all(axis=(1, 2, 3))
        if not finite.all():
            tiles = np.where(finite[:, None, None, None], tiles, 0)
        _, low, high, _ = self.scale
        if self.symmetric:
            tiles = tiles / np.maximum(np.abs(tiles).max(axis=(1, 2, 3), keepdims=True), 1e-12)
        shown = np.empty((n, height, width, 4), "uint8")
        shown[..., :3] = np.clip((tiles - low) * (256 / max(high - low, 1e-12)), 0, 255)
        shown[..., 3] = 255
        if self.absent is not None:
            shown[self.absent] = np.array(ABSENT) * 255
        shown[~finite] = 0
        return shown, finite

    def fitting(self, width: float, height: float) -> float:
        """The side at which the tiles fill a box of these inches."""
        across, down = self.size(1.0)
        columns = min(self.columns, len(self.tiles))
        return min((width / columns - GAP) / across, (height / self.rows - sum(self.margins())) / down)


@dataclass(frozen=True)
class Space:
    """Nothing, some inches wide: sets groups of a row apart."""

    inches: float
    title: str = ""
    note: str = ""

    def width(self, tile: float) -> float:
        return self.inches

    def height(self, tile: float) -> float:
        return 0.01

    def draw(self, axes: Any, tile: float, top: float) -> None:
        """Nothing."""


def is_picture(shape: Sequence[int]) -> bool:
    """Whether an image of `shape` can be drawn: in greys (rows, columns), or in three colours."""
    return len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))


def check_picture(shape: Sequence[int]) -> None:
    """ValueError unless `is_picture`."""
    if not is_picture(shape):
        raise ValueError(
            f"a picture has rows and columns, or 1 or 3 colours before them; got images of shape {tuple(shape)}, which "
            "no sheet can draw"
        )
