"""A test image, a 7, through all views of the shipped convolutional network, on one sheet: `dbnvis explain test:17`."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets.explaining import explain, read_test_image
from dbnvis.figures.study import Study


def draw(study: Study, _: object) -> None:
    explain(study, *read_test_image(study, 17), "explain_test17")


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw, "convnet", "convnet"))
