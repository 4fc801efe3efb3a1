"""Test images in the plane by the code of every layer, and units by their responses, by t-SNE."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import maps as views
from dbnvis.figures.study import Study


def draw(study: Study, _: object) -> None:
    views.tsne_figures(study)
    views.tsne_units_figure(study)


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw, "convnet", "convnet"))
