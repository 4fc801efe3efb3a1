"""The health of training, a figure per layer: filters as they grew, parameters, activities, curves, particles."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.health import training_health
from dbnvis.figures.study import Study
from dbnvis.runs.run import MODEL


def draw(study: Study, history: list) -> None:
    training_health(study, history, study.data_at_hand().test_images)
    if not study.written:
        raise ValueError(
            f"{study.name} keeps nothing of its training; dbnvis train leaves a model that does: --model "
            f"runs/{study.dataset}/{MODEL}"
        )


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw))
