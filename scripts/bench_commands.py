"""Wall time and peak memory of the commands as a user runs them, and of an earlier commit's: a table, commands.csv.

Each runs in a process of its own, this checkout and that commit in turn; the median of the rounds counts, and the
median of their ratios within a round. Both checkouts are compiled to bytecode first, and each short command runs once
before it is timed. Takes 40 minutes, 26 of them for the whole reproduction.
"""

from __future__ import annotations

import compileall
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from timing import COMMITTED, TUNING, options, state

from dbnvis import results
from dbnvis.doctor import machine

ROOT = str(COMMITTED.parent)
BEFORE = "c9c3f3c"  # the commit that is compared with
START = ("--help", "train --help", "visualize --help", "figure --list")
WORK = ("compare h3:17", "visualize --units all")
QUICK, WHOLE = "reproduce --quick", "reproduce"
LONG = {QUICK: 3, WHOLE: 1}  # rounds


def environment(checkout: str, threads: int | None) -> dict[str, str]:
    """What a user's is, nothing tuned, with the package of `checkout`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((*TUNING, "PYTHONDONTWRITE"))}
    libraries = ("OPENBLAS", "OMP", "MKL") if threads else ()
    return kept | {"PYTHONPATH": checkout} | {f"{library}_NUM_THREADS": str(threads) for library in libraries}


def measure(command: str, checkout: str, threads: int | None) -> tuple[float, float, int]:
    """Seconds by the clock, seconds of all processors together, and peak MiB of one run."""
    with tempfile.TemporaryDirectory() as out:
        words = [sys.executable, "-m", "dbnvis", *shlex.split(command)]
        words += [] if command in START else ["--out", out]
        start = time.perf_counter()
        process = subprocess.Popen(
            words, env=environment(checkout, threads), cwd=out, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)  # which Popen need not wait for any more
        if process.returncode:
            raise RuntimeError(f"dbnvis {command} of {checkout} failed with status {process.returncode}")
        return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss // 1024


def compared(command: str, before: str, rounds: int, threads: int | None) -> dict[str, Any]:
    """The row of a command: medians here and before, of the ratios within a round, and the greatest peaks."""
    checkouts = {"now": ROOT, "before": before}
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in checkouts}
    if command not in LONG:
        for checkout in checkouts.values():
            measure(command, checkout, threads)
    for i in range(rounds):
        for name in sorted(checkouts, reverse=bool(i % 2)):
            found[name].append(measure(command, checkouts[name], threads))
        times = {name: round(runs[-1][0], 2) for name, runs in found.items()}
        print(f"round {i + 1} of {rounds}: dbnvis {command}: {times}", file=sys.stderr, flush=True)
    row: dict[str, Any] = {"command": command, "rounds": rounds}
    for i, unit in enumerate(("seconds", "processor seconds")):
        now, then = ([run[i] for run in found[name]] for name in ("now", "before"))
        row[unit], row[f"{unit} before"] = (round(statistics.median(x), 2) for x in (now, then))
        row[f"{unit} by before"] = round(statistics.median(a / b for a, b in zip(now, then, strict=True)), 3)
    peaks = {name: max(peak for *_, peak in runs) for name, runs in found.items()}
    return row | {"peak MiB": peaks["now"], "peak MiB before": peaks["before"]}


def main() -> None:
    args = options(
        __doc__,
        rounds=5,
        what="how often each short command is timed; `reproduce --quick` three times, `reproduce` once",
        since={"metavar": "COMMIT", "help": f"compare with another commit than {BEFORE}"},
    )
    commit = args.since or BEFORE
    repeats = dict.fromkeys((*START, *WORK), args.rounds) | LONG
    if args.quick:
        repeats = dict.fromkeys(START[:1], 1)
    rows = []
    with state(commit) as before:
        for checkout in (before, ROOT):
            compileall.compile_dir(f"{checkout}/dbnvis", quiet=1)
        for command, n in repeats.items():
            rows.append(compared(command, before, n, args.threads))
            print(rows[-1], flush=True)
    manifest = {
        "command": " ".join(["python", *sys.argv]),
        "before": commit,
        "threads": args.threads or "each library's own choice",
        "machine": machine(),
    }
    table = args.out / "commands.csv"
    written = results.save_artefact(
        table, lambda path: results.write_csv(path, rows), manifest=manifest, overwrite=True
    )
    print(*written, sep="\n")


if __name__ == "__main__":
    main()
