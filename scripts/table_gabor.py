"""Gabor functions fitted to the first-layer filters: a row per filter, a summary, and the filters beside their fits."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.gabors import gabors
from dbnvis.figures.study import Study


def draw(study: Study, _: object) -> None:
    rows, summary = gabors(study)
    study.out = study.out.parent / "tables"
    study.save_table("gabor", rows)
    study.save_table("gabor_summary", [summary])


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw))
