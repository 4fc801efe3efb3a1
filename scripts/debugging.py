"""Networks that fail in a known way, and the pictures that show it; trains small ones in seconds."""

import sys

from dbnvis.commands.scripted import figures_script

FIGURES = {
    "debugging_rate": "a learning rate that is too high kills units",
    "debugging_noise": "too little training leaves noise in the filters",
    "debugging_mark": "Lapuschkin et al. (2019): a mark in the images of one class, learned in the place of the class",
}

if __name__ == "__main__":
    sys.exit(figures_script(__doc__, FIGURES))
