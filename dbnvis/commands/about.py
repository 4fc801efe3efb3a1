"""Commands about data sets and this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import datasets
from ..doctor import diagnosis
from .options import Options


@dataclass(frozen=True)
class Data(Options):
    """List the data sets and where each was found, or fetch one."""

    writes: ClassVar[bool] = False
    fetch: str = ""
    """Download this data set, or what a broken copy lacks: to --data-dir, or $DBNVIS_DATA, or the user's cache."""

    def run(self) -> None:
        if self.fetch:
            print(datasets.fetch(self.fetch, self.data_dir))
            return
        for name, spec in datasets.DATASETS.items():
            missing = "embedded" if spec.generate else f"not found; dbnvis data --fetch {name}"
            print(f"{name:14} {datasets.locate(name, self.data_dir) or missing}\n{'':14} {spec.about}")


@dataclass(frozen=True)
class Doctor(Options):
    """Say what this machine computes with, what is missing, and what would make it faster."""

    writes: ClassVar[bool] = False

    def run(self) -> None:
        print(diagnosis(self.data_dir))
