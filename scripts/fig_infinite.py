"""Infinite MNIST: four digits and 35 deformations of each, by index."""

import sys

from dbnvis.cli import run_script
from dbnvis.commands import Options
from dbnvis.report.deformations import deformations


class Figure(Options):
    def run(self) -> None:
        data = self.load()
        print(*deformations(data, self.out / data.name / "figures" / "infinite.png"), sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Figure))
