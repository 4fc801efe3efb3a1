"""The command that writes the page of lessons."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from .one_file import check_file, write_page
from .options import Options


@dataclass(frozen=True)
class Lessons(Options):
    """Write the lessons on restricted Boltzmann machines: one HTML file that computes all it shows, without a network.

    It needs no data set: the digits that it embeds are scikit-learn's.
    """

    writes: ClassVar[bool] = False

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("lessons.html")
    """The file. One that is there is replaced with --overwrite alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_file(self.out, "lessons.html")

    def run(self) -> None:
        from ..web.lessons_page import lessons_page

        write_page(self.out, lessons_page, overwrite=self.overwrite)
