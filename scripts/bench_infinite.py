"""Infinite MNIST: making deformed digits, and training 784-1000 on them by CD-1; seconds per 60,000 images.

Images are made by as many threads as there are processors, ahead of the trainer. Takes about eight minutes.
"""

from timing import Variant, measure, middle, options, part, ratio, write

from dbnvis import plot

CAPTION = """Shorter is faster. Images are deformed while the network trains, so the question is whether training has
to wait for them: the mark shows the seconds of waiting."""
KEY = """Median of the rounds, a line from the least to the greatest. The streams are the published examples in their
order, 50,000 at a time, monitoring included."""
HIDDEN = 1000

if __name__ == "__main__":
    args = options(__doc__, rounds=3)
    made = 50_000 if args.quick else 600_000
    sizes, passes = ((2000, 4000), {"n": 2000, "epochs": 1}) if args.quick else ((100_000, 2_500_000), {"n": 60_000})
    chunk = {"chunk": 2000} if args.quick else {}
    making = [Variant(f"threads: {n}", "ours.deforming", {"n": made, "threads": n}) for n in (1, 2)]
    plain = Variant("60,000 images again and again", "ours.dbnvis", {"hidden": HIDDEN, **passes})
    streams = [Variant(f"{n:,} of the stream", "ours.stream", {"n": n, "hidden": HIDDEN, **chunk}) for n in sizes]
    found = measure([*making, plain, streams[0]], args.rounds, args.threads)
    found |= measure(streams[1:], 1, args.threads)  # long enough to need no repetition
    rows: list[dict] = []
    panels: dict[str, dict] = {}
    for title, group in (("making images", making), ("training 784-1000", [plain, *streams])):
        panels[title] = {}
        for variant in group:
            said = found[variant.name]
            seconds = dict(zip(("seconds", "least", "greatest"), middle(said), strict=True))
            waits = part(said, "waiting") if "waiting" in said[0] else []
            share = ratio(waits, said) if waits else ""
            more = {"images per second": 60_000 / seconds["seconds"], "waiting share": share}
            told = {"peak MiB": max(s["peak MiB"] for s in said), "BLAS": said[0]["blas"]}
            rows.append({"what": f"{title}, {variant.name}", **seconds, **more, **told})
            panels[title][variant.name] = (*middle(said), middle(waits)[0] if waits else float("nan"))
    texts = {"heading": __doc__.splitlines()[0], "caption": CAPTION, "key": KEY}
    figure = plot.bars(list(panels.items()), x_label="seconds per 60,000 images", **texts)
    write("infinite", args, rows, figure, [*making, plain, *streams])
