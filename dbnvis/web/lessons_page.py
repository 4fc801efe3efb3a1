"""The page of lessons: the digits, the lines of Python, and the modules of `static/lessons`, as one file."""

from __future__ import annotations

import numpy as np

from .. import __version__
from .document import STYLE, Document, document
from .payload import FORMAT, Blobs
from .snippets import SNIPPETS


def lessons_page(command: str = "dbnvis lessons") -> Document:
    """The page; the same bytes at every call.

    It embeds scikit-learn's 1,797 digits of 8 x 8 pixels (Alpaydin & Kaynak 1998), 0 to 16.
    """
    from sklearn.datasets import load_digits

    source, blobs = load_digits(), Blobs()
    images = blobs.array("digits", source.images.astype(np.uint8))
    header = {
        "format": FORMAT,
        "title": "dbnvis lessons",
        "pool": {
            "dataset": "UCI digits",
            "shape": [8, 8],
            "n": len(source.images),
            "images": images,
            "labels": None,
            "range": [0, 16],
        },
        "python": {str(number): text for number, text in SNIPPETS.items()},
        "blobs": blobs.facts,
        "provenance": {"dbnvis": __version__, "command": command},
    }
    return document(
        header, blobs.content, script="lessons/lessons.js", styles=(STYLE, "lessons.css"), html="lessons.html"
    )
