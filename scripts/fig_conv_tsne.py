"""Test images in two dimensions by the code of every layer, and units by their responses, by t-SNE."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import tsne
from dbnvis.figures.study import Study


def draw(study: Study, _: object) -> None:
    tsne.tsne_figures(study)
    tsne.tsne_units_figure(study)


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw, "convnet", "convnet"))
