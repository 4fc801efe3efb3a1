"""Gradients that activation maximization takes for a start, and the optima that it reaches, against an earlier state.

Both states run in turn, in processes of their own: all units of every layer of the shipped network and, at their
centre, of the convolutional one, nine starts each. Takes about ten minutes.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from timing import Variant, measure, middle, options, ratio, state, write

from dbnvis import plot

#: The last state with steps that only grow by 1.5 and shrink by 0.5.
BEFORE = "c9c3f3c"
LAYERS = {"pretrained": ("h1", "h2", "h3"), "convnet": ("conv1", "conv2", "dense1", "output")}
CAPTION = """Shorter is better. Gradients of one start until it stops, on average over all units of the layer and nine
starts each, before (an earlier state) and now."""
KEY = (
    "In brackets: mean score of the units' best starts now, divided by that of the earlier state from the same starts."
)


def drawn(rows: Sequence[dict[str, Any]]) -> Any:
    """The table as a figure."""
    panels = []
    for row in rows:
        bars = {}
        for when in ("before", "now"):
            gradients = float(row[f"gradients {when}"])
            bars[when] = (gradients, gradients, gradients, float("nan"))
        panels.append((f"{row['model']}, {row['layer']}  ({float(row['mean optimum by before']):.3f})", bars))
    heading = __doc__.splitlines()[0]
    return plot.bars(panels, x_label="gradients of a start", heading=heading, caption=CAPTION, key=KEY)


if __name__ == "__main__":
    args = options(__doc__, rounds=5)
    with state(BEFORE) as code:
        variants = [
            Variant(f"{model} {layer}, {when}", "ours.ascent", {"model": model, "layer": layer} | few, code=root)
            for model, layers in LAYERS.items()
            for layer in layers
            for few in [{"units": 4} if args.quick else {}]
            for when, root in (("before", code), ("now", ""))
        ]
        found = measure(variants, args.rounds, args.threads)
    rows: list[dict[str, Any]] = []
    for model, layers in LAYERS.items():
        for layer in layers:
            before, now = (found[f"{model} {layer}, {when}"] for when in ("before", "now"))
            both = zip(now[0]["optima"], before[0]["optima"], strict=True)
            pairs = [(a, b) for a, b in both if not math.isnan(a + b)]  # dead units have no optimum
            shares = [a / b for a, b in pairs if b > 0]
            rows.append(
                {
                    "model": model,
                    "layer": layer,
                    "units": len(shares),
                    "gradients before": before[0]["gradients"],
                    "gradients now": now[0]["gradients"],
                    "mean optimum by before": statistics.fmean(a for a, _ in pairs)
                    / statistics.fmean(b for _, b in pairs),
                    "least by before": min(shares),
                    "below 0.995": sum(share < 0.995 for share in shares),
                    "above 1.005": sum(share > 1.005 for share in shares),
                    "ms a unit": 1000 * middle(now)[0],
                    "seconds by before": ratio(now, before),
                    "BLAS": now[0]["blas"],
                }
            )
    kept = [replace(variant, code=BEFORE if variant.code else "") for variant in variants]
    write("ascent", args, rows, drawn(rows), kept)
