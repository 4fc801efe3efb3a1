"""Bars in the place of the embedded digits, options of short trainings, and commands that are refused."""

import numpy as np

from dbnvis.cli import main

HIDDEN = ("14", "10", "9")

FAST = ("--hidden", *HIDDEN, "--epochs", "2", "--batch-size", "20", "--device", "cpu")


def bars():
    """In the place of the embedded digits: 80 training and 40 test images of bars, 6 x 6, in bytes."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((120, 6, 6), dtype=np.uint8), rng.integers(0, 10, 120).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[(label, slice(None)) if label < 6 else (slice(None), label - 6)] = rng.integers(150, 256)
    return images[:80], labels[:80], images[80:], labels[80:]


def refused(capsys, *args):
    """Run a command that is a mistake; its one line, after the one that names the data."""
    capsys.readouterr()
    assert main([str(arg) for arg in args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    seen = [line.rpartition("\r")[2] for line in err.split("\n")]  # progress bars return to the line's beginning
    seen = [line for line in seen if not line.startswith("data: ")]
    assert len(seen) == 2 and seen[1] == "", err
    assert seen[0].startswith("dbnvis: ")
    return seen[0]
