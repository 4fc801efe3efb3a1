"""Units of h3 of the shipped network that each method draws in a second, and PyTorch's autograd in the same ascent.

Needs `pip install -e '.[bench]'`. Takes about seven minutes.
"""

from timing import Variant, measure, middle, options, ratio, write

from dbnvis import VISUALIZERS, plot

AM = "dbnvis am"
SLOW = {"gibbs": 250, "invariance": 3, "evidence": 10, "regularized": 50}  # units that each draws
PYTORCH = {"PyTorch, unit by unit": True, "PyTorch, start by start": False}
CAPTION = """Longer is faster. Pictures of hidden units drawn in a second by each method of dbnvis (orange); PyTorch
does the same activation maximization."""
KEY = """Median of the rounds, a line from the least to the greatest. dbnvis: each method with its defaults, the slow
ones of fewer units. PyTorch: the same starts, steps, constraint and stop; a unit's nine starts climb at once or in
turn."""

if __name__ == "__main__":
    args = options(__doc__, rounds=3)
    units, fewer = (16, 4) if args.quick else (250, 25)
    drawn = {name: min(units, SLOW.get(name, units)) for name in VISUALIZERS}
    variants = [Variant(f"dbnvis {name}", "ours.visualizer", {"method": name, "units": n}) for name, n in drawn.items()]
    variants += [Variant(n, "peers.pytorch_ascent", {"units": fewer, "together": t}) for n, t in PYTORCH.items()]
    found = measure(variants, args.rounds, args.threads)
    rows, bars = [], {}
    for name, said in found.items():
        middling, slowest, fastest = (1 / s for s in (middle(said)[0], max(middle(said)), min(middle(said))))
        bars[name] = (middling, slowest, fastest, float("nan"))
        speed = {"units per second": middling, "least": slowest, "greatest": fastest}
        peers: dict[str, float | str] = {"seconds by those of am": "", "optima apart": ""}
        if name in (AM, *PYTORCH):
            pairs = zip(found[AM][0]["optima"], said[0]["optima"], strict=False)
            apart = max(abs(a - b) / abs(b) for a, b in pairs)  # of the optima's activations
            peers = {"seconds by those of am": ratio(said, found[AM]), "optima apart": apart}
        rows.append({"method": name, **speed, **peers, "BLAS": said[0]["blas"]})
    slow = [f"dbnvis {name}" for name in SLOW]
    panels = {"activation maximization": [AM, *PYTORCH], "other methods by many steps": slow}
    panels["other methods"] = [name for name in bars if not any(name in names for names in panels.values())]
    shown = [(title, {name: bars[name] for name in names if name in bars}) for title, names in panels.items()]
    figure = plot.bars(shown, x_label="units per second", heading=__doc__.splitlines()[0], caption=CAPTION, key=KEY)
    write("visualizers", args, rows, figure, variants)
