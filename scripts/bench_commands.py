"""Wall time and peak memory of the commands, each as a user would run it: a table, commands.csv.

Each runs in a process of its own, one after the other, and reports its own peak resident memory; of the short ones
the median of several rounds counts. Takes about half an hour.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from timing import options

from dbnvis import results
from dbnvis.doctor import machine

SHORT, LONG = ("compare h3:17", "visualize --units all"), ("reproduce --quick", "reproduce")
RUN = """import resource, sys; from dbnvis.cli import main; status = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024); sys.exit(status)"""


def measure(command: str) -> tuple[float, int]:
    """Seconds and peak MiB of one run."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        args = [sys.executable, "-c", RUN, *command.split(), "--out", out]
        done = subprocess.run(args, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return time.perf_counter() - start, int(done.stdout.split()[-1])


if __name__ == "__main__":
    args = options(__doc__, rounds=3)
    if args.threads:
        os.environ |= {f"{library}_NUM_THREADS": str(args.threads) for library in ("OPENBLAS", "OMP", "MKL")}
    repeats = dict.fromkeys(SHORT[:1], 1) if args.quick else dict.fromkeys(SHORT, args.rounds) | dict.fromkeys(LONG, 1)
    rows = []
    for command, n in repeats.items():
        seconds, peaks = zip(*(measure(command) for _ in range(n)), strict=True)
        rows.append({"command": command, "seconds": round(statistics.median(seconds), 1), "peak MiB": max(peaks)})
        print(rows[-1], flush=True)
    manifest = {
        "command": " ".join(["python", *sys.argv]),
        "machine": machine(),
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "not set"),
    }
    table = args.out / "commands.csv"
    written = results.save_artefact(
        table, lambda path: results.write_csv(path, rows), manifest=manifest, overwrite=True
    )
    print(*written, sep="\n")
