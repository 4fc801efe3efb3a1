"""Class models under re-tuned and published settings of regularized optimization."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import class_models as regularized

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: regularized.class_models_figure(study), "convnet", "convnet"))
