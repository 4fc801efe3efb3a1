"""How far optima of activation maximization differ by chance: from other starts, beside another ascent from the same.

All units of the shipped convolutional network's upper layers at their centre, whose gradient jumps, nine starts each,
by an earlier ascent and by the present one. Nothing is timed. Takes about ten minutes.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from timing import Variant, measure, options, state, write

from dbnvis import plot

BEFORE = "c9c3f3c"  # the last state with steps that only grow by 1.5 and shrink by 0.5
LAYERS = ("conv2", "dense1", "output")
CHANCE, OURS = "before, other starts", "now, same starts"
CAPTION = """Shorter is better. Units whose best of nine starts is more than 0.5 % below what the earlier ascent found:
by that ascent from nine other starts (chance), and by the present one from the same nine starts."""
KEY = "Bars: mean over the seeds of the starts; lines: from the least to the greatest."


def compared(pairs: Sequence[tuple[list[float], list[float]]], layer: str, what: str) -> dict[str, Any]:
    """The row of a layer: of the optima of its units, a pair of lists for each seed, the first by the second."""
    shares = [[a / b for a, b in zip(*pair, strict=True) if b > 0] for pair in pairs]
    below = [100 * sum(x < 0.995 for x in seed) / len(seed) for seed in shares]
    every = [x for seed in shares for x in seed]
    return {
        "layer": layer,
        "compared": what,
        "units": len(shares[0]),
        "mean optimum by before": sum(sum(a) for a, _ in pairs) / sum(sum(b) for _, b in pairs),
        "% below 0.995": sum(below) / len(below),
        "least %": min(below),
        "greatest %": max(below),
        "% below 0.98": 100 * sum(x < 0.98 for x in every) / len(every),
        "% above 1.005": 100 * sum(x > 1.005 for x in every) / len(every),
        "least by before": min(every),
    }


def drawn(rows: Sequence[dict[str, Any]]) -> Any:
    """The table as a figure."""
    panels = [
        (
            f"convnet, {layer}",
            {
                row["compared"]: (row["% below 0.995"], row["least %"], row["greatest %"], float("nan"))
                for row in rows
                if row["layer"] == layer
            },
        )
        for layer in LAYERS
    ]
    heading = __doc__.splitlines()[0]
    return plot.bars(panels, x_label="% of the units", heading=heading, caption=CAPTION, key=KEY)


if __name__ == "__main__":
    args = options(__doc__, rounds=3, what="seeds of the starts; the earlier ascent takes one more, to compare with")
    with state(BEFORE) as code:
        variants = [
            Variant(
                f"{layer}, {when}, {seed}",
                "ours.ascent",
                {"model": "convnet", "layer": layer, "seed": seed} | few,
                code=root,
            )
            for layer in LAYERS
            for when, root, seeds in (("before", code, args.rounds + 1), ("now", "", args.rounds))
            for seed in range(seeds)
            for few in [{"units": 4} if args.quick else {}]
        ]
        found = measure(variants, 1, args.threads)
    optima = {name: said[0]["optima"] for name, said in found.items()}
    rows = []
    for layer in LAYERS:
        before, now = (
            [x for name, x in optima.items() if name.startswith(f"{layer}, {when}")] for when in ("before", "now")
        )
        rows.append(compared([*pairwise(before)], layer, CHANCE))
        rows.append(compared([*zip(now, before, strict=False)], layer, OURS))
    kept = [replace(variant, code=BEFORE if variant.code else "") for variant in variants]
    write("starts", args, rows, drawn(rows), kept)
