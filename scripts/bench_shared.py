"""Two commands at once on the same processors, against one alone; and a command beside a process that is always busy.

Each round runs one command alone, then the same command twice at once, then one beside a loop of matrix products with a
thread per processor. A table under bench/ of the folder --out.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from timing import TUNING, middle, options, write

from dbnvis import plot

COMMANDS = {
    "train": ["train", "--dataset", "mnist", "--hidden", "500", "--epochs", "5"],
    "visualize": ["visualize", "--method", "am", "--units", "all"],
    "reproduce --quick": ["reproduce", "--quick"],
}
BUSY = "import numpy as np\na = np.ones((1000, 1000), 'f4')\nwhile True: a @ a"


def environment() -> dict[str, str]:
    """What a user's is: nothing is tuned."""
    return {name: value for name, value in os.environ.items() if not name.startswith(TUNING)}


def seconds(command: list[str], copies: int) -> float:
    """Wall time until `copies` of the command, started together, have ended."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "dbnvis", *command, "--out", f"{folder}/{i}"],
                env=environment(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for i in range(copies)
        ]
        if any([process.wait() for process in running]):
            raise RuntimeError(f"{' '.join(command)} failed")
        return time.perf_counter() - start


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", BUSY], env=environment())
    try:
        yield
    finally:
        process.kill()
        process.wait()


def measured(name: str, rounds: int) -> dict[str, list[float]]:
    """Seconds of each way to run the command, in rounds."""
    found: dict[str, list[float]] = {"alone": [], "two at once": [], "beside a busy process": []}
    for i in range(rounds):
        found["alone"].append(seconds(COMMANDS[name], 1))
        found["two at once"].append(seconds(COMMANDS[name], 2))
        with busy_process():
            found["beside a busy process"].append(seconds(COMMANDS[name], 1))
        print(
            f"round {i + 1}: {name}: { {way: round(s[-1], 1) for way, s in found.items()} }",
            file=sys.stderr,
            flush=True,
        )
    return found


def main() -> None:
    args = options(__doc__, rounds=3)
    rows: list[dict[str, Any]] = []
    panels = []
    for name in ["visualize"] if args.quick else COMMANDS:
        found = measured(name, 1 if name.startswith("reproduce") else args.rounds)
        bars: dict[str, tuple[float, float, float, float]] = {}
        for way, times in found.items():
            ratio = statistics.median(b / a for a, b in zip(found["alone"], times, strict=True))
            value, low, high = middle([{"seconds": s} for s in times])
            rows.append({"command": name, "run": way, "seconds": value, "least": low, "most": high, "by alone": ratio})
            bars[way] = (value, low, high, float("nan"))
        panels.append((f"dbnvis {' '.join(COMMANDS[name])}", bars))
    key = "Median of the rounds, a line from the least to the greatest. Two at once: until both have ended."
    caption = (
        "Shorter is faster. The same command alone, twice at once, and beside a process that keeps every core busy. "
        "Two at once should take at most twice as long as one."
    )
    heading = "Commands that share the processors"
    figure = plot.bars(panels, x_label="seconds", heading=heading, caption=caption, key=key)
    write("shared", args, rows, figure, [])


if __name__ == "__main__":
    main()
