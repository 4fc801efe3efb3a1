"""CD-1 and its floor as the network, the batch, the Gibbs steps and the data grow, in seconds per 60,000 images.

The middle is 784-500, batch 100, one step. Takes about four minutes.
"""

from collections import defaultdict

from timing import Variant, measure, middle, options, part, ratio, write

from dbnvis import plot

GROWTH = {
    "hidden": ("hidden units", (250, 500, 1000, 2000, 4000)),
    "batch": ("batch", (10, 30, 100, 300, 1000)),
    "k": ("Gibbs steps", (1, 3, 5, 10, 25)),
}
CAPTION = """Shorter is faster. Training time as network, batch, Gibbs steps and data grow; the mark is the lower
bound, the matrix products alone."""
KEY = """Median of the rounds, a line from the least to the greatest. Lower bound: the matrix products alone. Streamed:
digits and deformed digits, each seen once, 10,000 at a time; making them included."""


def images(hidden: int = 500, batch: int = 100, k: int = 1, quick: bool = False) -> int:
    """As many as take about as long in every setting, 20 batches at least."""
    return 2 * batch if quick else max(20, round(12_000 * 500 / hidden * 2.5 / (k + 1.5)) // batch) * batch


if __name__ == "__main__":
    args = options(__doc__, rounds=3)
    settings = {f"{title} {n}": {name: n} for name, (title, sizes) in GROWTH.items() for n in sizes}
    variants = [Variant(n, "ours.dbnvis", s | {"n": images(**s, quick=args.quick)}) for n, s in settings.items()]
    sizes = (10_000, 20_000) if args.quick else (10_000, 100_000, 1_000_000)
    streams = [Variant(f"streamed images {n}", "ours.stream", {"n": n, "chunk": 10_000}) for n in sizes]
    found = {name: part(said, "updates") for name, said in measure(variants, args.rounds, args.threads).items()}
    found |= measure(streams, 1, args.threads)
    rows, panels = [], defaultdict[str, dict[str, tuple[float, float, float, float]]](dict)
    for name, said in found.items():
        floor, (title, _, size) = part(said, "floor"), name.rpartition(" ")
        seconds = dict(zip(("seconds", "least", "greatest"), middle(said), strict=True))
        own = {"without deforming": middle(part(said, "updates"))[0], "peak MiB": said[0]["peak MiB"]}
        times = {"floor": middle(floor)[0], "times floor": ratio(part(said, "updates"), floor)}
        rows.append({"growing": title, "size": size, **seconds, **own, **times, "BLAS": said[0]["blas"]})
        panels[title][size] = (*middle(said), middle(floor)[0])
    texts = {"heading": __doc__.splitlines()[0], "caption": CAPTION, "key": KEY}
    figure = plot.bars(list(panels.items()), x_label="seconds per 60,000 images", **texts)
    write("scaling", args, rows, figure, [*variants, *streams])
