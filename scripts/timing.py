"""Variants timed in rotation, each in a process of its own; a table, a manifest and a plot of what came out.

Run as a program, it is that process: it calls one function and prints what that returns.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: What libraries read, and may have been set for reasons of this machine: a user's environment has none of it.
TUNING = ("OPENBLAS_", "GOTO_", "OMP_", "MKL_", "NVPL_", "DBNVIS_KEEP", "DBNVIS_REPLACED", "DBNVIS_NO")

#: The results that are kept with the code.
COMMITTED = Path(__file__).resolve().parent.parent / "results"


@dataclass(frozen=True)
class Variant:
    """One row of a table: a function of a module beside this one, and where it runs."""

    name: str
    call: str
    settings: dict[str, Any] = field(default_factory=dict)
    kernels: str = ""
    """OPENBLAS_CORETYPE of its process; OpenBLAS's own choice if empty."""
    code: str = ""
    """Folder of the dbnvis that its process imports, such as that of an earlier `state`; the installed one if empty."""
    ranks: int = 1
    """Processes that share the work, started by mpiexec if there are several."""


def options(
    description: str | None, rounds: int, what: str = "how often each variant is timed", **more: dict[str, Any]
) -> argparse.Namespace:
    """Read the command line that all benchmarks share; `rounds` says `what`, and `more` are options of this one.

    A table that is there is kept, unless --overwrite; only whole measurements go to the folder of committed results.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="run through, with far too little work to measure")
    parser.add_argument("--rounds", type=int, default=rounds, help=what)
    parser.add_argument("--threads", type=int, help="threads of every library; if not given, its own choice")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder whose bench/ gets the table")
    parser.add_argument("--overwrite", action="store_true", help="replace the table that is there")
    for name, settings in more.items():
        parser.add_argument(f"--{name}", **settings)
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {args.rounds}")
    args.out = args.out.expanduser() / "bench"
    trial = (args.quick, args.rounds, args.threads) != (False, rounds, None) or any(getattr(args, x) for x in more)
    if trial and args.out.resolve().is_relative_to(COMMITTED):
        said = ", ".join(f"--{name}" for name in ("quick", "rounds", *more))
        parser.error(f"{args.out} is of results with the default settings; leave out {said} and --threads")
    table = args.out / f"{Path(sys.argv[0]).stem.removeprefix('bench_')}.csv"
    if table.exists() and not args.overwrite:
        parser.error(f"{table} is there; --overwrite replaces it, or give another folder (--out)")
    return args


def measure(variants: Sequence[Variant], rounds: int, threads: int | None = None) -> dict[str, list[dict[str, Any]]]:
    """What each variant returned in each round; every round begins with another. Those not installed are left out."""
    found: dict[str, list[dict[str, Any]]] = {variant.name: [] for variant in variants}
    missing: set[str] = set()
    for i in range(rounds):
        for variant in (*variants[i % len(variants) :], *variants[: i % len(variants)]):
            if variant.name in missing:
                continue
            said = run(variant, threads)
            if "missing" in said:
                missing.add(variant.name)
            else:
                found[variant.name].append(said)
            print(f"round {i + 1} of {rounds}: {variant.name}: {brief(said)}", file=sys.stderr, flush=True)
    return {name: said for name, said in found.items() if said}


@contextlib.contextmanager
def state(commit: str) -> Iterator[str]:
    """A folder with the code of an earlier commit, for `Variant.code`; it is taken away at the end."""
    repository = ["git", "-C", str(COMMITTED.parent)]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*repository, "worktree", "add", "--quiet", "--detach", folder, commit], check=True)
        try:
            yield folder
        finally:
            subprocess.run([*repository, "worktree", "remove", "--force", folder], check=True)


def run(variant: Variant, threads: int | None) -> dict[str, Any]:
    """Call the variant's function in a fresh process, or in several, without what this environment tunes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(TUNING)}
    if variant.kernels:
        environment["OPENBLAS_CORETYPE"] = variant.kernels
    if threads:
        environment |= {f"{library}_NUM_THREADS": str(threads) for library in ("OPENBLAS", "OMP", "MKL")}
    if variant.code:
        environment["PYTHONPATH"] = variant.code
    command = [sys.executable, __file__, variant.call, json.dumps(variant.settings)]
    if variant.ranks > 1:
        mpiexec = shutil.which("mpiexec", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
        if mpiexec is None:
            return {"missing": "mpiexec is not installed"}
        command = [mpiexec, "-n", str(variant.ranks), *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{variant.name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def brief(said: dict[str, Any]) -> str:
    """The numbers of one result, in a line."""
    shown = {k: v for k, v in said.items() if k not in ("blas", "optima", "stages")}
    return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in shown.items())


def part(results: Sequence[dict[str, Any]], key: str) -> list[dict[str, Any]]:
    """Another of the numbers that a variant returned, in the place of its seconds."""
    return [{**said, "seconds": said[key]} for said in results]


def middle(results: Sequence[dict[str, Any]]) -> tuple[float, float, float]:
    """Median, least and greatest seconds of the rounds."""
    values = [float(said["seconds"]) for said in results]
    return statistics.median(values), min(values), max(values)


def ratio(results: Sequence[dict[str, Any]], others: Sequence[dict[str, Any]]) -> float:
    """Median over the rounds of the seconds by those of others in the same round."""
    return statistics.median(a["seconds"] / b["seconds"] for a, b in zip(results, others, strict=True))


def write(
    name: str, args: argparse.Namespace, rows: list[dict[str, Any]], figure: Any, variants: Sequence[Any], most: int = 0
) -> None:
    """Print the table, or its first `most` rows; write it with its manifest and its plot to `args.out`."""
    from dbnvis import plot, results
    from dbnvis.system.files import replacing

    rows = [{k: float(f"{v:.4g}") if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    widths = {key: max(len(str(row[key])) for row in [*rows, {k: k for k in rows[0]}]) for key in rows[0]}
    for row in [{key: key for key in rows[0]}, *rows[: most or None]]:
        print("  ".join(str(row[key]).ljust(width) for key, width in widths.items()))
    machine = run(Variant("machine", "ours.machine"), args.threads)
    manifest = {
        "command": " ".join(["python", *sys.argv]),
        "rounds": args.rounds,
        "threads": args.threads or "each library's own choice",
        "variants": [asdict(variant) for variant in variants],
        **machine,
    }
    path = args.out / f"{name}.csv"
    for written in results.save_artefact(path, lambda p: results.write_csv(p, rows), manifest=manifest, overwrite=True):
        print(written)
    with replacing(path.with_suffix(".png")) as picture:
        plot.save(figure, picture)
    print(path.with_suffix(".png"))


if __name__ == "__main__":
    module, _, function = sys.argv[1].partition(".")
    try:
        said = getattr(importlib.import_module(module), function)(**json.loads(sys.argv[2]))
    except ModuleNotFoundError as error:
        said = {"missing": f"{error.name} is not installed"}
    if said:  # of several ranks the first says it
        print(json.dumps(said))
