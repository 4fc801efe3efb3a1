"""One epoch of CD-1, 784-500, batch 100, 60,000 images: dbnvis, others as a user runs each, the matrix products alone.

Needs `pip install -e '.[bench]'`; who is not installed is left out. Takes about twenty minutes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ours import PARTS
from timing import Variant, measure, middle, options, part, ratio, write

from dbnvis import plot

CAPTION = """Shorter is faster. One epoch of CD-1 by dbnvis (orange) and by other libraries; the mark is the lower
bound, the matrix products alone."""
KEY = """Median of the rounds, a line from the least to the greatest. Lower bound: every batch's five matrix products
alone. PCD-1 does the same work. AVX2: OpenBLAS's kernels for CPUs without AVX-512 (Haswell). Last panel: the parts of
an epoch, timed in a process of its own."""

if __name__ == "__main__":
    args = options(__doc__, rounds=3)
    size = {"n": 2000, "epochs": 1} if args.quick else {}
    default = [
        Variant("dbnvis", "ours.dbnvis", size),
        Variant("dbnvis, without numba", "ours.dbnvis", {"numba": False} | size),
        Variant("dbnvis, default recipe (PCD-1)", "ours.dbnvis", {"recipe": True, "epochs": 2} | size),
        Variant("PyTorch, a plain loop", "peers.pytorch", size),
        Variant("scikit-learn, float32 (PCD-1)", "peers.scikit_learn", {"dtype": "float32"} | size),
        Variant("scikit-learn, float64 (PCD-1)", "peers.scikit_learn", {"dtype": "float64"} | size),
        Variant("rbms", "peers.rbms", size),
        Variant("learnergy", "peers.learnergy", size),
    ]
    with_openblas = [v for v in default if v.call in ("ours.dbnvis", "peers.scikit_learn")]
    avx2 = [replace(v, name=f"{v.name}, AVX2", kernels="Haswell") for v in with_openblas]
    within = Variant("dbnvis, its parts", "ours.dbnvis", {"parts": True} | size)
    found = measure([*default, within, *avx2], args.rounds, args.threads)
    rows: list[dict[str, Any]] = []
    panels: list[tuple[str, Any]] = []

    def add(
        title: str, shown: Mapping[str, Sequence[dict[str, Any]]], own: Sequence[dict[str, Any]], mark: bool = True
    ) -> None:
        """A panel and the rows of the table for what is `shown`, beside `own`, the trainer of the project."""
        floor = part(own, "floor")
        for name, said in shown.items():
            times = {"times floor": ratio(said, floor), "times dbnvis": ratio(said, own)}
            seconds = dict(zip(("seconds", "least", "greatest"), middle(said), strict=True))
            rows.append({"trainer": name, **seconds, **times, "BLAS": said[0]["blas"]})
        at = middle(floor)[0] if mark else float("nan")
        panels.append((title, {name: (*middle(said), at) for name, said in shown.items()}))

    for title, group in (("as a user would run each", default), ("those of OpenBLAS with AVX2 kernels", avx2)):
        own, plain = found[group[0].name], found[group[1].name]
        shown = {"matrix products alone": part(own, "floor"), "dbnvis, without monitoring": part(own, "updates")}
        shown["dbnvis, without numba, without monitoring"] = part(plain, "updates")
        shown |= {v.name.removesuffix(", AVX2"): found[v.name] for v in group if v.name in found}
        add(title, shown, own)
    pieces = {f"of dbnvis: {name}": part(found[within.name], name) for name in (*PARTS, "the rest")}
    add("where an epoch of dbnvis goes, without monitoring", pieces, found[within.name], mark=False)
    figure = plot.bars(
        panels, x_label="seconds per 60,000 images", heading=__doc__.splitlines()[0], caption=CAPTION, key=KEY
    )
    write("rbm", args, rows, figure, [*default, within, *avx2])
