"""Commands about data sets and this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tyro

from ..system.files import check_folder
from .options import Options


@dataclass(frozen=True)
class Data(Options):
    """Say what data are: of a path or a name, with a sheet of the first 36 images; else list the data sets known."""

    writes: ClassVar[bool] = False
    what: tyro.conf.Positional[str] = ""
    """A path, or the name of a data set. A folder of pictures, or files: idx, .npz, .npy, .mat, .csv. If absent, the
    data sets that dbnvis knows are listed, and where each was found."""
    fetch: str = ""
    """Download this data set, or what a broken copy lacks: to --data-dir, or $DBNVIS_DATA, or the user's cache."""

    def run(self) -> None:
        from .. import datasets

        if self.fetch:
            print(datasets.fetch(self.fetch, self.data_dir))
            return
        if self.what:
            self._describe()
            return
        for name, spec in datasets.DATASETS.items():
            missing = spec.without_files if spec.generate else f"not found; dbnvis data --fetch {name}"
            print(f"{name:14} {datasets.locate(name, self.data_dir) or missing}\n{'':14} {spec.about}")

    def _describe(self) -> None:
        from .. import datasets
        from ..figures.first_images import described, first_images

        check_folder(self.out, f"--out {self.out}")
        data = datasets.load(self.what, self.data_dir, download=False)
        print(data.source, *(f"  {line}" for line in described(data)), sep="\n")
        writer = self.writer(data.name, "sheets")
        first_images(data, writer)
        print(*writer.written, sep="\n")


@dataclass(frozen=True)
class Doctor(Options):
    """Say what this machine computes with, what is missing, and what would make it faster."""

    writes: ClassVar[bool] = False

    def run(self) -> None:
        from ..doctor import diagnosis

        print(diagnosis(self.data_dir))
