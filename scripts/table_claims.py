"""The claims of Erhan et al. 2009, tested on every unit against null baselines: table, sentences, figure."""

import sys
from dataclasses import dataclass

from dbnvis.cli import run_script
from dbnvis.commands import ModelOptions, load_study
from dbnvis.erhan2009.table import claims


@dataclass(frozen=True)
class Claims(ModelOptions):
    model: str = "pretrained"
    """A checkpoint, or pretrained: the model shipped with the package."""
    other: str | None = None
    """A checkpoint of another family trained on the same data, to compare with."""
    units: int | None = None
    """Only the first so many units of every layer."""

    def run(self) -> None:
        study, _ = load_study(self, self.model)
        study.out = self.out / study.dataset
        other = load_study(self, self.other)[0] if self.other else None
        claims(study, other, self.units)
        print(*study.written, sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Claims))
