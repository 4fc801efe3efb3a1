"""Seconds to train the default convolutional network on 60,000 images: batches of 100, Adam; PyTorch beside it.

Needs `pip install -e '.[bench]'`. Takes about five minutes.
"""

from timing import Variant, measure, middle, options, ratio, write

from dbnvis import plot

PYTORCH = "PyTorch"
CAPTION = """Shorter is faster. dbnvis (orange) and PyTorch train the same convolutional network on a CPU; the recipe
adds what shipped models are trained with."""
KEY = """Median of the rounds, a line from the least to the greatest. The same network (16 and 32 channels of 5 x 5,
128 dense units), images, batches, loss and Adam. Recipe: with random shifts and dropout."""

if __name__ == "__main__":
    args = options(__doc__, rounds=5)
    size = {"n": 1_000, "epochs": 1} if args.quick else {}
    variants = [
        Variant("dbnvis", "ours.convnet", size),
        Variant("dbnvis, recipe", "ours.convnet", {**size, "recipe": True}),
        Variant(PYTORCH, "peers.pytorch_convnet", size),
    ]
    found = measure(variants, args.rounds, args.threads)
    rows = []
    for name, said in found.items():
        seconds = dict(zip(("seconds", "least", "greatest"), middle(said), strict=True))
        slower = ratio(said, found[PYTORCH]) if PYTORCH in found else ""
        rest = {"by PyTorch's": slower, "peak MiB": said[0]["peak MiB"], "BLAS": said[0]["blas"]}
        rows.append({"training": name, **seconds, **rest})
    bars = {name: (*middle(said), float("nan")) for name, said in found.items()}
    heading = __doc__.splitlines()[0]
    figure = plot.bars([("", bars)], x_label="seconds per 60,000 images", heading=heading, caption=CAPTION, key=KEY)
    write("convnet", args, rows, figure, variants)
