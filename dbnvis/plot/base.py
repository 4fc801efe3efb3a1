"""Colours, an empty figure, lines of text that fit, a file."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..backend import Array
from .style import printable, text_width

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image as Picture

BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
#: Lines of one chart: told apart without colour, too.
STYLES = [(BLUE, "-"), (ORANGE, "--"), (GREEN, ":"), (BLACK, "-.")]
DPI = 160
MARGIN = 0.12  # inches


def save(figure: Figure, path: Path | IO[bytes]) -> None:
    """Write `figure` as a PNG of 8 bits a pixel, whose bytes depend on nothing but what it shows.

    Greys are kept as they are; where there are colours, the picture has the 256 that are nearest.
    """
    import numpy as np
    from PIL import Image

    figure.set_dpi(DPI)
    canvas: Any = figure.canvas
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    red, green, blue = np.moveaxis(pixels[..., :3], -1, 0)
    if (red == green).all() and (green == blue).all():
        picture: Picture = Image.fromarray(np.ascontiguousarray(red))
    else:
        picture = _indexed(pixels)
    picture.save(path, "PNG", dpi=(DPI, DPI))


def _indexed(pixels: Array) -> Picture:
    """Pixels (H, W, 4), opaque, as a picture of the 256 colours that are nearest.

    Each colour is quantized once, with a weight as large as its share.
    """
    import numpy as np
    from PIL import Image

    codes = pixels.view("<u4")[..., 0] & 0xFFFFFF  # a colour as one number
    strips = [slice(i, i + 64) for i in range(0, len(codes), 64)]  # of rows: indices take eight bytes a pixel
    there = np.zeros(2**24, bool)
    for strip in strips:
        there[codes[strip]] = True
    seen = np.flatnonzero(there)
    number = np.empty(2**24, "uint16" if len(seen) <= 2**16 else "uint32")  # of a colour among those seen
    number[seen] = np.arange(len(seen))
    counts = sum(np.bincount(number[codes[strip]].ravel(), minlength=len(seen)) for strip in strips)
    weights = 1 + 2**16 * counts // codes.size
    colors = seen.astype("<u4").view("uint8").reshape(-1, 4)[:, :3]
    few = Image.fromarray(np.repeat(colors, weights, axis=0)[None]).quantize(256, dither=Image.Dither.NONE)
    nearest = np.asarray(few)[0, np.cumsum(weights) - 1]
    picture = Image.fromarray(np.concatenate([nearest[number[codes[strip]]] for strip in strips]))
    picture.putpalette(few.getpalette() or [])
    return picture


def blank(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches."""
    from . import figure

    return figure.blank(width, height)


def wrap(text: str, width: float, font: float, weight: str = "normal") -> str:
    """Break lines at `width` inches less two margins; characters are 0.46 of their size wide or more, on average."""
    room = width - 2 * MARGIN
    return fit(text, room, font, weight, most=max(40, int(room * 72 / (0.46 * font))))


def fit(text: str, room: float, font: float, weight: str = "normal", most: int | None = None) -> str:
    """Break lines into as many characters, at the most `most`, as `room` inches hold."""
    text = printable(text)
    most = most or max(1, len(text))
    while True:
        lines = [line for paragraph in text.split("\n") for line in textwrap.wrap(paragraph, most) or [""]]
        widest = max(text_width(line, font, weight) for line in lines)
        if widest <= room or most == 1:
            return "\n".join(lines)
        most = max(1, min(most - 1, int(most * room / widest)))
