"""Mutated files, odd arguments and option lines: every one must give a result or one clear line.

    python scripts/fuzz.py --seconds 600 --out results

Takes sound samples of every kind of file that dbnvis reads, changes their bytes, and reads them; does the same to the
headers of checkpoints; calls the Python entry points with odd arrays and settings; and runs odd command lines on a tiny
data set (`odd_inputs.py`). A fault is any error of another kind than a user's mistake, a message of several lines or of
more than 400 characters, a case that takes longer than 20 s, or more than 2 GiB of memory. All draws follow --seed. The
summary goes to bench/fuzz.csv; the input of a fault is kept in bench/fuzz_faults/. Ends with status 1 if there was one.
"""

from __future__ import annotations

import itertools
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from odd_inputs import Case, calls, files, headers, option_lines

from dbnvis import results

LONGEST = 400  # characters of a message
LIMIT = 20  # seconds of a case
MEMORY = 2 * 2**30
#: How often a kind has its turn, and how many cases it then tries: MATLAB's files are read in a process of their own.
SELDOM, TIMES = {"mat": 20}, {"options": 1, "mat": 1}
#: What a user's mistake may raise.
REFUSALS = (ValueError, TypeError, KeyError, OSError, RuntimeError)


class Overdue(BaseException):
    """A case that takes too long; no handler of the package may swallow it."""


@dataclass
class Target:
    """One kind of input, and what came of its cases."""

    name: str
    cases: Iterator[Case]
    count: int = 0
    changed_bytes: int = 0
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    faults: list[str] = field(default_factory=list)


def attempt(target: Target, folder: Path) -> None:
    """Run one case and note what came of it."""
    what, changed, call = next(target.cases)
    target.count += 1
    target.changed_bytes += changed
    start = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    fault = ""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            call()
        target.accepted += 1
    except REFUSALS as error:
        message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        target.refused += 1
        if len(message) > LONGEST or "\n" in message.strip() or not message:
            fault = f"{type(error).__name__}, {len(message)} characters, {len(message.splitlines())} lines: {message!r}"
    except KeyboardInterrupt:  # a command that was cut off
        target.accepted += 1
    except Overdue:
        fault = f"more than {LIMIT} s"
    except BaseException as error:
        fault = f"{type(error).__name__}: {str(error)[-1500:]}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    target.slowest = max(target.slowest, time.perf_counter() - start)
    if fault:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{target.name.replace(' ', '_')}_{target.count}"
        (folder / name).write_bytes(what)
        target.faults.append(fault)
        print(f"{name}: {fault}", file=sys.stderr, flush=True)


def peak() -> int:
    """Most bytes that this process, or a child of it, has had in memory."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def fuzz(
    seconds: float,
    out: Path,
    seed: int = 0,
    only: tuple[str, ...] = (),
    least_bytes: int = 0,
    least_lines: int = 0,
) -> list[Target]:
    """Run cases of all kinds, or of `only` some, in turn, for so long and until enough was tried; the kinds."""
    rng = np.random.default_rng(seed)

    def overdue(*_: Any) -> None:
        raise Overdue

    def cut_off(*_: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, overdue)
    signal.signal(signal.SIGPROF, cut_off)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)  # an odd --out goes there
        kinds = {**files(folder, rng), "header": headers(folder, rng), "Python": calls(rng)}
        targets = [Target(*kind) for kind in {**kinds, "options": option_lines(folder, rng)}.items()]
        targets = [target for target in targets if not only or target.name in only]
        start = time.perf_counter()

        def enough() -> bool:
            lines = next((target.count for target in targets if target.name == "options"), least_lines)
            return sum(target.changed_bytes for target in targets) >= least_bytes and lines >= least_lines

        for turn in itertools.count():
            if time.perf_counter() - start >= seconds and enough():
                break
            for target in targets:
                if turn % SELDOM.get(target.name, 1) == 0:
                    for _ in range(TIMES.get(target.name, 3)):
                        attempt(target, out)
            if peak() > MEMORY:
                targets[-1].faults.append(f"{peak() / 2**30:.1f} GiB of memory")
                break
    return targets


@dataclass(frozen=True)
class Options:
    seconds: float = 60.0
    """How long at the least."""
    bytes: int = 0
    """Mutated bytes at the least, however long that takes."""
    lines: int = 0
    """Option lines at the least, however long that takes."""
    seed: int = 0
    """Of every draw."""
    only: tuple[str, ...] = ()
    """Kinds of input, such as checkpoint options; default: all."""
    out: Path = Path("runs")
    """Folder above bench/fuzz.csv."""
    overwrite: bool = False
    """Replace the summary of other settings."""


def main() -> int:
    options = tyro.cli(Options, description=__doc__)
    start = time.perf_counter()
    out = options.out.absolute() / "bench"
    settings = {key: value for key, value in asdict(options).items() if key not in ("out", "overwrite")}
    if not options.overwrite:
        results.keep_others(out / "fuzz.csv", {"settings": settings})
    targets = fuzz(options.seconds, out / "fuzz_faults", options.seed, options.only, options.bytes, options.lines)
    rows = [
        {
            "kind": target.name,
            "cases": target.count,
            "mutated bytes": target.changed_bytes,
            "accepted": target.accepted,
            "refused": target.refused,
            "faults": len(target.faults),
            "slowest s": round(target.slowest, 2),
        }
        for target in targets
    ]
    for row in rows:
        print(*(f"{key} {value}" for key, value in row.items()), sep="  ")
    print(f"{sum(target.changed_bytes for target in targets):,} mutated bytes, peak memory {peak() / 2**20:.0f} MiB")
    manifest = {
        "command": " ".join(["python", *sys.argv]),
        "settings": settings,
        "peak MiB": peak() // 2**20,
        "seconds": round(time.perf_counter() - start),
        "versions": results.versions("numpy"),
    }
    print(
        *results.save_artefact(
            out / "fuzz.csv", lambda path: results.write_csv(path, rows), manifest=manifest, overwrite=options.overwrite
        ),
        sep="\n",
    )
    return int(any(target.faults for target in targets))


if __name__ == "__main__":
    sys.exit(main())
