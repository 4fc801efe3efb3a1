"""The facts of the eight lessons, measured over 20 seeds in Python and in JavaScript: a table, lessons/facts.csv.

Python runs the cells of scripts/lessons, JavaScript the modules of the page (needs Node); each draws from its own
generator. The bounds stand in the page's modules; a test compares those of the notebooks. Takes about ten minutes.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import shutil
import subprocess
import sys
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from notebooks import LESSONS
from sklearn.datasets import load_digits

from dbnvis import results
from dbnvis.doctor import machine

SEEDS = 20
HERE = Path(__file__).resolve().parent
COMMITTED = HERE.parent / "results"


def in_python(source: Path, seed: int) -> dict[str, float]:
    """The facts of one lesson's cells, run with another seed, whether they hold or not."""
    text = source.read_text(encoding="utf-8")
    first = "\nseed = 1\n"
    if text.count(first) != 1:
        raise ValueError(f"{source.name} needs one line 'seed = 1'")
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()), suppress(AssertionError):  # the last cell's, which the table will say
        exec(compile(text.replace(first, f"\nseed = {seed}\n"), str(source), "exec"), names)
    plt.close("all")
    return {name: float(x) for name, x in names["fact"].items()}


def in_javascript(seeds: list[int]) -> list[dict[str, Any]]:
    """One row for each lesson, fact and seed, with the bounds.

    Raises
    ------
    FileNotFoundError
        If there is no Node.
    """
    node = shutil.which("node")
    if node is None:
        raise FileNotFoundError("node, which runs the page's JavaScript, is not installed")
    given = json.dumps({"seeds": seeds, "digits": (load_digits().data / 16).tolist()})
    done = subprocess.run([node, HERE / "lesson_facts.mjs"], input=given, capture_output=True, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def summary(values: list[float], language: str) -> dict[str, str]:
    middle = math.fsum(values) / len(values)
    return {
        f"{language}_{name}": f"{x:.3g}"
        for name, x in zip(("mean", "min", "max"), (middle, min(values), max(values)), strict=True)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"how many (default: {SEEDS})")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder whose lessons/ gets it (default: runs)")
    parser.add_argument("--overwrite", action="store_true", help="replace the table that is there")
    args = parser.parse_args()
    path = args.out.expanduser() / "lessons" / "facts.csv"
    if args.seeds < 1:
        parser.error(f"--seeds is at least 1, got {args.seeds}")
    if args.seeds != SEEDS and path.resolve().is_relative_to(COMMITTED):
        parser.error(f"{args.out} is of results with the default settings; leave out --seeds")
    if path.exists() and not args.overwrite:
        parser.error(f"{path} is there; --overwrite replaces it, or give another folder (--out)")
    matplotlib.use("agg")
    seeds = list(range(1, args.seeds + 1))
    print(f"JavaScript: {len(seeds)} seeds of eight lessons", file=sys.stderr, flush=True)
    try:
        javascript = in_javascript(seeds)
    except FileNotFoundError as error:
        parser.error(str(error))
    python: dict[str, list[float]] = {}
    for source in sorted(LESSONS.glob("lesson_*.py")):
        print(f"Python: {source.stem}", file=sys.stderr, flush=True)
        for seed in seeds:
            for name, x in in_python(source, seed).items():
                python.setdefault(name, []).append(x)
    rows = []
    for name, values in python.items():
        own = [row for row in javascript if row["fact"] == name]
        lesson, least, most = (own[0][key] for key in ("lesson", "least", "most"))
        bounds = {"above": "" if least is None else least, "below": "" if most is None else most}
        within = all(
            (least is None or x > least) and (most is None or x < most)
            for x in [*values, *(row["value"] for row in own)]
        )
        rows.append(
            {
                "lesson": lesson,
                "fact": name,
                **bounds,
                **summary(values, "python"),
                **summary([row["value"] for row in own], "javascript"),
                "seeds": len(values),
                "holds_for_all": "yes" if within else "no",
            }
        )
    manifest = {"command": " ".join(["python", *sys.argv]), "seeds": seeds, "machine": machine()}
    written = results.save_artefact(path, lambda p: results.write_csv(p, rows), manifest=manifest, overwrite=True)
    print(*written, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
