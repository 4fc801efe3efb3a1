"""What is written around every figure: a heading above, a caption and a key below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import MARGIN, wrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADING, CAPTION, KEY = 9, 8, 6.5  # points
SPACING = 1.2  # of lines, in heights of one


@dataclass(frozen=True)
class Words:
    """Heading, caption and key of a figure of some width, broken into lines.

    Parameters
    ----------
    heading : str
    caption : str
        Plain sentences, at most forty words: what is seen, and what to look for.
    key : str
        In small print: what numbers and colours mean, settings.
    """

    heading: str
    caption: str
    key: str

    @classmethod
    def of(cls, width: float, heading: str, caption: str, key: str) -> Words:
        """Words for a figure of `width` inches."""
        return cls(
            wrap(heading, width, HEADING, "bold"),
            wrap(caption, width, CAPTION) if caption else "",
            wrap(key, width, KEY) if key else "",
        )

    @property
    def head(self) -> float:
        """Inches that the heading takes."""
        return 0.12 + _height(self.heading, HEADING)

    @property
    def foot(self) -> float:
        """Inches that caption and key take."""
        return 0.12 + _height(self.caption, CAPTION) + _height(self.key, KEY) + 0.05 * bool(self.caption and self.key)

    def write(self, figure: Figure) -> None:
        """Write them on `figure`, whose head and foot are free."""
        width, height = figure.get_size_inches()
        x = MARGIN / width
        figure.text(x, 1 - 0.06 / height, self.heading, fontsize=HEADING, weight="bold", va="top", linespacing=SPACING)
        figure.text(x, 0.06 / height, self.key, fontsize=KEY, va="bottom", linespacing=SPACING, gid="key")
        top = (self.foot - 0.06) / height
        figure.text(x, top, self.caption, fontsize=CAPTION, va="top", linespacing=SPACING, gid="caption")


def _height(text: str, font: float) -> float:
    """Inches of lines of `font` points."""
    return SPACING * font / 72 * (text.count("\n") + 1) if text else 0.0
