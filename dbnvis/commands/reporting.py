"""The command that writes a report of a model."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, ClassVar

import tyro

from ..console import progress
from ..report.plan import Plan
from ..system.files import alone
from .one_file import check_file
from .options import ModelOptions, load_study


@dataclass(frozen=True)
class Report(ModelOptions):
    """Write a report of a model that one can mail: one HTML file, and beside it every number as JSON."""

    writes: ClassVar[bool] = False

    model: tyro.conf.Positional[str] = "pretrained"
    """A checkpoint (model.npz of a training), or a model shipped with the package: pretrained, convnet."""
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("report.html")
    """The file, whose name ends in .html; the numbers go to the same name with .json. What is there is replaced with
    --overwrite alone."""
    plan: tyro.conf.OmitArgPrefixes[Plan] = field(default_factory=Plan)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.out.suffix != ".html":
            raise ValueError(f"--out names the report's file, which ends in .html, such as report.html; got {self.out}")
        check_file(self.out, "report.html")

    def run(self) -> None:
        from ..report.mailing import write_report
        from ..results import Writer

        for path in (self.out, self.out.with_suffix(".json")):
            if os.path.lexists(path) and not self.overwrite:
                raise ValueError(f"{path} is there already; --overwrite replaces it, or give another --out")
        with alone(self.out):
            study = load_study(self, self.model)
            study = replace(study, progress=partial(progress, least=1))
            writer = Writer(self.out.parent, entry="report", command=self.command, overwrite=self.overwrite)
            said = write_report(study, self.plan, writer, self.out.stem)
        print(*said, "", *writer.written, sep="\n")
