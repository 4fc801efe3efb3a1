"""Lee, Grosse, Ranganath & Ng (2009): "Convolutional deep belief networks"."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "crbm": "two convolutional DBNs, of digits and of photographs: filters and second-layer units",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
