"""Seconds for all ten classes and nine starts of the shipped convnet under a recipe; a loop over images in PyTorch.

Needs `pip install -e '.[bench]'`. Takes about three minutes.
"""

from timing import Variant, measure, middle, options, ratio, write

from dbnvis import plot

RECIPES = ("digits-1", "yosinski-1", "yosinski-3")
CAPTION = """Shorter is faster. dbnvis (orange) optimizes 90 pictures as one batch; the usual loop in PyTorch takes one
picture at a time."""
KEY = """Median of the rounds, a line from the least to the greatest. PyTorch: its autograd for one image at a time,
SciPy's blur and NumPy's percentiles, timed on four images of the 90."""

if __name__ == "__main__":
    args = options(__doc__, rounds=3)
    few = {"steps": 20} if args.quick else {}
    pairs = {name: (f"dbnvis, {name}", f"PyTorch, image by image, {name}") for name in RECIPES}
    variants = [
        Variant(name, call, {"recipe": recipe, **few})
        for recipe, names in pairs.items()
        for name, call in zip(names, ("ours.regularized", "peers.pytorch_regularized"), strict=True)
    ]
    found = measure(variants, args.rounds, args.threads)
    rows, panels = [], []
    for recipe, names in pairs.items():
        here = {name: found[name] for name in names if name in found}
        panels.append((recipe, {name.rpartition(",")[0]: (*middle(said), float("nan")) for name, said in here.items()}))
        for name, said in here.items():
            seconds = dict(zip(("seconds", "least", "greatest"), middle(said), strict=True))
            slower = ratio(said, found[names[0]])
            rest = {key: said[0][key] for key in ("highest", "peak MiB", "blas")}
            rows.append({"ascent": name, **seconds, "by dbnvis's": slower, **rest})
    heading = __doc__.splitlines()[0]
    figure = plot.bars(panels, x_label="seconds for 90 images", heading=heading, caption=CAPTION, key=KEY)
    write("regularized", args, rows, figure, variants)
