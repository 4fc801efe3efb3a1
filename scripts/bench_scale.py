"""What several ranks gain: two on this machine, measured; up to 64 machines, extrapolated by a model of an update.

Needs `pip install -e '.[mpi]'`. Every rank has one thread. Takes about ten minutes on two idle cores.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from step_time import Arithmetic, Interconnect, StepTime, Update, fitted_arithmetic, fitted_interconnect
from timing import Variant, measure, middle, options, write

from dbnvis import plot

Said = list[dict[str, Any]]  # of one variant, what it returned in each round

RANKS, BATCHES, NETWORKS = (2, 4, 8, 16, 64), (100, 1_000, 10_000), ((784, 500), (2_000, 2_000))
MACHINES = (8, 64)  # from which batch do so many pay?
#: Assumed, of what such hardware is usually said to reach; nothing here was measured on them.
ASSUMED = (Interconnect("10 GbE", 30e-6, 1.1e9), Interconnect("InfiniBand HDR", 1.5e-6, 23e9))
#: To fit the arithmetic to: units of two layers, batches, of how many ranks this is one.
FITTED = [Update(784, h, b, r) for h in (250, 1_000) for b in (100, 1_000) for r in (1, 2, 10)]
QUICKLY = [FITTED[i] for i in (0, 2, 4, 6, 8, 9, 11)]
#: To check the model with what it was not fitted to.
CHECKED = [
    *(Update(*units, batch, 2) for units, batch in (((784, 500), 100), ((784, 500), 1_000), ((784, 500), 300))),
    *(Update(*units, batch, 2) for units, batch in (((2_000, 2_000), 100), ((2_000, 2_000), 300))),
]
SIZES = [4 * 8**i for i in range(9)]  # bytes of sums, up to 64 MiB
ADDED = 2**21  # bytes
NONE = float("nan")  # where there is no target
ROWS = 20_000  # images of an epoch of a timed training of 784-500

COLUMNS: dict[str, Any] = {
    "row": "",  # measured or extrapolated
    "what": "",
    "units": "",
    "batch": "",
    "ranks": "",
    "interconnect": "",
    "seconds": "",
    "least": "",
    "greatest": "",
    "predicted": "",
    "speed-up": "",
    "least speed-up": "",
    "greatest speed-up": "",
    "predicted speed-up": "",
    "efficiency": "",
    "target": "",
}
CAPTION = """Above: what two ranks on this machine gain, measured; orange marks are targets. Below: what more machines
would gain, extrapolated. Larger batches gain more: the sums over the ranks are the same for all."""
KEY = """A rank is one thread of the machine measured, on other machines, too. Measured: median of the rounds, a line
from the least to the greatest. Extrapolated: the arithmetic fitted to measurements of one process; the sums over the
ranks from assumptions of latency and bandwidth, 10 GbE {0}, InfiniBand HDR {1}. Dots: two ranks measured here, joined
by memory and not by that network. Thin line: as many times as fast as there are ranks."""


@dataclass(frozen=True)
class Work:
    """Something that ranks share, and how many times as fast two of them are to be."""

    what: str
    call: str
    settings: dict[str, Any]
    target: float
    update: Update | None = None

    def by(self, ranks: int) -> Variant:
        return Variant(f"{self.what}, {ranks} rank{'s' * (ranks > 1)}", self.call, self.settings, ranks=ranks)


def training(update: Update, quick: bool) -> dict[str, Any]:
    """Settings of a timed training: epochs of about as much arithmetic, 20 updates at least."""
    rows = ROWS * 784 * 500 / (update.visible * update.hidden)
    updates = 2 if quick else max(20, int(rows / update.batch))
    units = {"visible": update.visible, "hidden": update.hidden}
    return {"batch": update.batch, **units, "updates": updates, "epochs": 1 if quick else 2}


def one_of(update: Update, quick: bool) -> Variant:
    """What one of its ranks does in an update, alone: all but the sums."""
    settings = training(update, quick) | {"one_of": update.ranks}
    return Variant(f"one of {update.ranks}, {name(update)}, batch {update.batch:,}", "by_ranks.training", settings)


def works(quick: bool) -> list[Work]:
    """What is to be shared by two ranks, with the targets."""
    drawn = {"units": 4 if quick else 128}
    trained = [
        Work(f"{name(update)}, batch {update.batch:,}", "by_ranks.training", training(update, quick), target, update)
        for update, target in zip(CHECKED[:3] if quick else CHECKED, (1.3, 1.7, NONE, NONE, NONE), strict=False)
    ]
    return [
        *trained,
        Work("activation maximization, h3", "by_ranks.pictures", {"method": "am"} | drawn, 1.8),
        Work("clamped Gibbs sampling, h3", "by_ranks.pictures", {"method": "gibbs"} | drawn, 1.8),
        *(
            Work(f"log Z of h1 by AIS, {n:,} chains", "by_ranks.likelihood", {"steps": steps, "chains": n}, target)
            for n, steps, target in ((100, (50, 200, 300), 1.8), (1_000, (5, 20, 30), NONE))
        ),
    ]


def name(update: Update) -> str:
    return f"training {update.visible}-{update.hidden}"


def speed_ups(alone: Said, together: Said) -> tuple[float, float, float]:
    """Of every round: their median, least and greatest."""
    found = [a["seconds"] / b["seconds"] for a, b in zip(alone, together, strict=True)]
    return statistics.median(found), min(found), max(found)


def row(kind: str, what: str, update: Update | None = None, **more: Any) -> dict[str, Any]:
    """A row of the table; what it does not say is left empty."""
    of = {"units": f"{update.visible}-{update.hidden}", "batch": update.batch, "ranks": update.ranks} if update else {}
    return COLUMNS | {"row": kind, "what": what} | of | {key.replace("_", " "): x for key, x in more.items()}


def seconds_of(said: Said) -> dict[str, Any]:
    return dict(zip(("seconds", "least", "greatest"), middle(said), strict=True))


def measured_rows(shared: Sequence[Work], found: dict[str, Said], model: StepTime | None) -> Iterator[dict[str, Any]]:
    """Of each work, by one rank and by two, beside what a model fitted to other measurements predicts."""
    for work in shared:
        alone, together = (found[work.by(ranks).name] for ranks in (1, 2))
        for ranks, said in ((1, alone), (2, together)):
            update = work.update and work.update._replace(ranks=ranks)
            more: dict[str, Any] = {**seconds_of(said), "ranks": ranks, "interconnect": "memory"}
            if update and model:
                more["predicted"] = model.seconds(update)
            if ranks == 2:
                middling, least, greatest = speed_ups(alone, together)
                more |= {"speed-up": middling, "least speed-up": least, "greatest speed-up": greatest}
                if update and model:
                    more["predicted speed-up"] = model.speed_up(update)
                more |= {"efficiency": middling / 2, "target": work.target if work.target == work.target else ""}
            yield row("measured", name(update) if update else work.what, update, **more)


def extrapolated_rows(arithmetic: Arithmetic, joined: Sequence[Interconnect]) -> Iterator[dict[str, Any]]:
    """Seconds, speed-up and efficiency of more ranks, and the batches from which they pay."""
    for interconnect in joined:
        model = StepTime(arithmetic, interconnect)
        for units in NETWORKS:
            for update in (Update(*units, batch, ranks) for batch in BATCHES for ranks in RANKS):
                more: dict[str, Any] = {"speed-up": model.speed_up(update), "efficiency": model.efficiency(update)}
                more |= {"interconnect": interconnect.name, "seconds": model.seconds(update)}
                yield row("extrapolated", name(update), update, **more)
            for ranks in MACHINES:
                at = Update(*units, model.pays_from(Update(*units, 0, ranks)), ranks)
                more = {"speed-up": model.speed_up(at), "efficiency": model.efficiency(at)}
                more["interconnect"] = interconnect.name
                yield row("extrapolated", "least batch with efficiency 1/2", at, **more)


def charts(
    shared: Sequence[Work], found: dict[str, Said], arithmetic: Arithmetic, joined: Sequence[Interconnect]
) -> list[list[plot.Chart]]:
    """Bars of what was measured; speed-ups against ranks, a row for each network, a column for each interconnect."""
    measured = {work.what: speed_ups(found[work.by(1).name], found[work.by(2).name]) for work in shared}
    bars = {work.what: (*measured[work.what], work.target) for work in shared}
    rows: list[list[plot.Chart]] = [[plot.Gains("Measured: 2 ranks on this machine, speed-up", "", bars)]]
    ranks = [1, *RANKS]
    for units in NETWORKS:
        points = {
            f"batch {work.update.batch:,}": (2.0, *measured[work.what])
            for work in shared
            if work.update and work.update[:2] == units and work.update.batch in BATCHES
        }
        rows.append([])
        for interconnect in joined:
            model = StepTime(arithmetic, interconnect)
            lines = {
                f"batch {batch:,}": (ranks, [model.speed_up(Update(*units, batch, r)) for r in ranks])
                for batch in BATCHES
            }
            title = f"Extrapolated: {units[0]}-{units[1]}, {interconnect.name}, speed-up"
            rows[-1].append(plot.SpeedUps(title, "", "ranks, one on each machine", lines, points))
    return rows


def main() -> None:
    args = options(__doc__, rounds=3)
    args.threads = args.threads or 1
    shared, fitted, sizes = works(args.quick), FITTED, SIZES
    if args.quick:
        fitted, sizes = QUICKLY, sizes[::4]
    short = {"seconds": 0.01} if args.quick else {}
    alone = [one_of(update, args.quick) for update in fitted]
    sums = [Variant(f"sum of {n:,} bytes", "by_ranks.summing", {"n_bytes": n} | short, ranks=2) for n in sizes]
    added = Variant(f"adding {ADDED:,} bytes", "by_ranks.adding", {"n_bytes": ADDED} | short)
    variants = [*(work.by(ranks) for work in shared for ranks in (1, 2)), *alone, *sums, added]
    found = measure(variants, args.rounds, args.threads)
    if missing := [variant.name for variant in variants if variant.name not in found]:
        sys.exit(f"cannot be measured: {missing[0]} and {len(missing) - 1} more; pip install -e '.[mpi]'")

    arithmetic = fitted_arithmetic(fitted, [middle(found[variant.name])[0] for variant in alone])
    memory = fitted_interconnect("memory", sizes, [middle(found[variant.name])[0] for variant in sums])
    joined = [replace(each, add=middle(found[added.name])[0] / ADDED) for each in ASSUMED]

    rows = [*measured_rows(shared, found, StepTime(arithmetic, memory))]
    for update, variant in zip(fitted, alone, strict=True):
        more = seconds_of(found[variant.name]) | {"predicted": arithmetic.seconds(update)}
        rows.append(row("measured", "fitted to: one of the ranks, without sums", update, **more))
    for n, variant in zip(sizes, sums, strict=True):
        more = seconds_of(found[variant.name]) | {"predicted": memory.seconds(n, 2)}
        rows.append(row("measured", f"fitted to: sum of {n} bytes", ranks=2, interconnect="memory", **more))
    rows.append(row("measured", f"adding {ADDED} bytes to others", ranks=1, **seconds_of(found[added.name])))
    constants = vars(arithmetic) | {"latency of a sum": memory.latency, "byte of a sum": 1 / memory.bandwidth}
    rows += [row("measured", f"fitted constant: {constant}", seconds=x) for constant, x in constants.items()]
    for each in joined:
        for what, x in (("latency", each.latency), ("byte", 1 / each.bandwidth)):
            rows.append(row("extrapolated", f"assumed constant: {what}", interconnect=each.name, seconds=x))
    rows += extrapolated_rows(arithmetic, joined)

    told = (f"{each.latency * 1e6:g} µs and {each.bandwidth / 1e9:g} GB/s" for each in joined)
    figure = plot.dashboard(
        charts(shared, found, arithmetic, joined),
        heading="Several ranks: measured on this machine, extrapolated to more",
        caption=" ".join(CAPTION.split()),
        key=" ".join(KEY.format(*told).split()),
        heights=[0.19 * len(shared), *[2.4] * len(NETWORKS)],
    )
    write("scale", args, rows, figure, variants)


if __name__ == "__main__":
    main()
