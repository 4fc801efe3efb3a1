"""Seconds to draw and save a sheet of tiles with numbers and scores, against an earlier state.

Both states run in turn, each sheet in a process of its own.
"""

from dataclasses import replace

from timing import Variant, measure, middle, options, part, ratio, state, write

from dbnvis import plot

#: The last state that drew an image and two texts for each tile.
BEFORE = "c9c3f3c"
SHEETS = {
    "1,000 tiles": {"tiles": 1000},
    "1,000 tiles, one crossed out": {"tiles": 1000, "crossed": 1},
    "250 tiles": {"tiles": 250},
}
CAPTION = """Shorter is faster. Sheets of first-layer filters, each with its number and a score, drawn and saved before
(an earlier state) and now. A tile crossed out makes the picture a coloured one."""
KEY = "Median of the rounds, a line from the least to the greatest."

if __name__ == "__main__":
    args = options(__doc__, rounds=5)
    with state(BEFORE) as code:
        variants = [
            Variant(f"{name}, {when}", "ours.sheet", settings | ({"tiles": 10} if args.quick else {}), code=root)
            for name, settings in SHEETS.items()
            for when, root in (("before", code), ("now", ""))
        ]
        found = measure(variants, args.rounds, args.threads)
    rows, panels = [], []
    for name in SHEETS:
        states = {when: found[f"{name}, {when}"] for when in ("before", "now")}
        for when, said in states.items():
            seconds, least, most = middle(said)
            rows.append(
                {
                    "sheet": name,
                    "state": when,
                    "seconds": seconds,
                    "least": least,
                    "most": most,
                    "of them saving": middle(part(said, "saving"))[0],
                    "seconds by before": ratio(said, states["before"]),
                    "bytes": said[0]["bytes"],
                }
            )
        panels.append((name, {when: (*middle(said), float("nan")) for when, said in states.items()}))
    heading = __doc__.splitlines()[0]
    figure = plot.bars(panels, x_label="seconds", heading=heading, caption=CAPTION, key=KEY)
    write("drawing", args, rows, figure, [replace(x, code=BEFORE if x.code else "") for x in variants])
