"""Four digits and 35 deformations of each, by index: of --dataset mnist, infinite MNIST."""

import sys
from dataclasses import dataclass

from dbnvis.cli import run_script
from dbnvis.commands import Options
from dbnvis.figures.deformations import deformations


@dataclass(frozen=True)
class Figure(Options):
    def run(self) -> None:
        data = self.load()
        path = self.out / data.name / "figures" / "infinite.png"
        print(*deformations(data, path, overwrite=self.overwrite), sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Figure))
