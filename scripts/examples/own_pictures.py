"""A folder of pictures, to a stack trained on them, to a live page: python own_pictures.py FOLDER -o page.html

Without FOLDER it makes one: squares in red, green or blue on a dark ground, a class each.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from dbnvis import datasets
from dbnvis.cli import main

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", nargs="?", type=Path, default=Path("runs/squares"))
parser.add_argument("-o", "--out", type=Path, default=Path("runs/own_pictures.html"))
parser.add_argument("--epochs", default="20")
asked = parser.parse_args()

if not asked.folder.exists():
    rng = np.random.default_rng(0)
    for i in range(300):
        picture, (row, column) = rng.integers(0, 60, (16, 16, 3), dtype=np.uint8), rng.integers(0, 9, 2)
        picture[row : row + 8, column : column + 8, i % 3] = 230
        file = asked.folder / ("red", "green", "blue")[i % 3] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(file)

data = datasets.load(asked.folder)  # dbnvis data FOLDER says the same
print(f"{data.source}: {len(data.train_images)} pictures of shape {data.input_shape}", *data.steps, sep="\n  ")
stack, runs = ["--hidden", "40", "20", "--batch-size", "10", "--epochs", asked.epochs], asked.out.parent
main(["train", "--dataset", str(asked.folder), *stack, "--out", str(runs), "--resume"])
main(["page", "--model", str(runs / data.name / "model.npz"), "--size", "mail", "-o", str(asked.out), "--overwrite"])
