"""Wall time and peak memory of the commands, each as a user would run it: a table under results/bench/.

Each runs in a process of its own, one after the other, and reports its own peak resident memory; of the short ones
the median of three runs counts.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dbnvis import results
from dbnvis.doctor import machine

COMMANDS = {"compare h3:17": 3, "visualize --units all": 3, "reproduce --quick": 1, "reproduce": 1}
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
    rows = []
    for command, repeats in COMMANDS.items():
        seconds, peaks = zip(*(measure(command) for _ in range(repeats)), strict=True)
        rows.append({"command": command, "seconds": round(statistics.median(seconds), 1), "peak MiB": max(peaks)})
        print(rows[-1], flush=True)
    manifest = {"machine": machine(), "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "not set")}
    results.save_artefact(
        Path("results/bench/commands.csv"), lambda path: results.write_csv(path, rows), manifest=manifest
    )
