"""Wall time and peak memory of the commands, each as a user would run it: a table under results/bench/.

Each command runs in a process of its own, one after the other; peak memory is that process's maximum
resident set. `reproduce` runs once, the short commands three times, of which the median is reported.
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

COMMANDS = {
    "compare h3:17 (pretrained model)": (["compare", "h3:17"], 3),
    "visualize, all 250 units of h3, activation maximization from 9 starts": (["visualize", "--units", "all"], 3),
    "reproduce --quick": (["reproduce", "--quick"], 1),
    "reproduce": (["reproduce"], 1),
}


def measure(args: list[str], out: str) -> tuple[float, float]:
    """Seconds and peak MiB of one run; the process reports its own peak."""
    code = (
        "import resource, sys; from dbnvis.cli import main; status = main(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024); sys.exit(status)"
    )
    start = time.perf_counter()
    command = [sys.executable, "-c", code, *args, "--out", out]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


if __name__ == "__main__":
    rows = []
    for name, (args, repeats) in COMMANDS.items():
        with tempfile.TemporaryDirectory() as out:
            runs = [measure(args, out) for _ in range(repeats)]
        seconds = statistics.median(s for s, _ in runs)
        rows.append({"command": name, "seconds": round(seconds, 1), "peak MiB": round(max(m for _, m in runs))})
        print(rows[-1], flush=True)
    manifest = {
        "machine": machine(),
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", "not set"),
    }
    results.save_artefact(
        Path("results/bench/commands.csv"), lambda path: results.write_csv(path, rows), manifest=manifest
    )
