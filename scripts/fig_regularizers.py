"""Each regularizer of Yosinski et al. 2015 alone, jitter and Simonyan et al.'s penalty, at growing strength."""

import sys

from dbnvis.cli import figure_script
from dbnvis.figures.convnets import class_models as regularized

if __name__ == "__main__":
    sys.exit(figure_script(__doc__, lambda study, _: regularized.regularizers_figure(study), "convnet", "convnet"))
