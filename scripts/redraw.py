"""Draw the committed figures and tables again, each by the command that its manifest names.

    python scripts/redraw.py --check           compare the arrays that they show with the committed hashes
    python scripts/redraw.py --only am gibbs   replace these in results/

Only what is drawn from a shipped model or from data alone can be drawn again at once. Of the others a line says which
command trains their models first.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dbnvis.catalogue import FIGURES
from dbnvis.checkpoint import SHIPPED
from dbnvis.results import FILES
from dbnvis.system.environment import differences

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "results"


@dataclass
class Drawing:
    """What one command drew.

    Parameters
    ----------
    figure, command : str
        As manifests name them.
    manifests : list of Path
        Of the artefacts, relative to the results.
    threads : str
        How many computed them; "" where it is not known.
    """

    figure: str
    command: str
    manifests: list[Path] = field(default_factory=list)
    threads: str = ""

    @property
    def obstacle(self) -> str:
        """Why it cannot be drawn again at once; "" if it can."""
        words = shlex.split(self.command)
        model = words[words.index("--model") + 1] if "--model" in words else ""
        if words[1] not in ("figure", "evaluate"):
            return f"no model is committed; {self.command} trains and draws it"
        if model and model not in SHIPPED:
            return f"no model is committed; {self.command} draws it of a trained one"
        if self.figure in FIGURES and FIGURES[self.figure].trains:
            return f"no model is committed; {self.command} trains about {FIGURES[self.figure].trains}"
        return ""


def drawings(results: Path) -> Iterator[Drawing]:
    """The committed artefacts, by the command that drew them: of the catalogue, and of `dbnvis evaluate`."""
    by_command: dict[tuple[str, str], Drawing] = {}
    for path in sorted(results.rglob("[!.]*.json")):  # hidden ones are not yet whole
        manifest = read(path)
        if manifest.get("figure") in {*FIGURES, "evaluate"} and "command" in manifest:
            command = manifest["command"]
            figure = manifest["figure"]
            drawing = by_command.setdefault((command, figure), Drawing(figure, command))
            drawing.manifests.append(path.relative_to(results))
            threads = re.search(r"(\d+) threads", manifest.get("versions", {}).get("blas", ""))
            drawing.threads = threads[1] if threads else drawing.threads
    yield from by_command.values()


def read(path: Path) -> dict[str, Any]:
    """A manifest; empty where there is none."""
    manifest = json.loads(path.read_text()) if path.exists() else {}
    return manifest if isinstance(manifest, dict) else {}


def draw(drawing: Drawing, out: Path) -> None:
    """Run the command with as many threads as before, into `out`."""
    command = [sys.executable, "-m", *shlex.split(drawing.command), "--out", str(out), "--overwrite"]
    threads = {"OPENBLAS_NUM_THREADS": drawing.threads} if drawing.threads else {}
    subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL, env={**os.environ, **threads})


def difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    """How what two manifests show differs; "" where the arrays, or of a table the numbers, are the same."""
    if not now:
        return "no longer drawn"
    if "arrays_sha256" in before:
        same = before["arrays_sha256"] == now.get("arrays_sha256")
    else:
        same = before.get(FILES) == now.get(FILES)
    if same:
        return ""
    others = differences(*(each.get("versions", {}) for each in (before, now)))
    return f"other bits{f' (computed with others: {others})' * bool(others)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="draw into a temporary folder, and compare")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="figures of the catalogue; default: all")
    parser.add_argument("--results", type=Path, default=RESULTS, help="default: results")
    args = parser.parse_args()
    committed = list(drawings(args.results))
    unknown = set(args.only) - {drawing.figure for drawing in committed}
    if unknown:
        parser.error(f"nothing committed is named {', '.join(sorted(unknown))}")
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for drawing in committed:
            if args.only and drawing.figure not in args.only:
                continue
            if drawing.obstacle:
                print(f"{drawing.figure:16} {drawing.obstacle}", flush=True)
                continue
            out = Path(folder) if args.check else args.results
            try:
                draw(drawing, out)
            except subprocess.CalledProcessError as error:
                failed += 1
                print(f"{drawing.figure:16} failed: {drawing.command} ended with status {error.returncode}", flush=True)
                continue
            for name in drawing.manifests if args.check else []:
                change = difference(read(args.results / name), read(out / name))
                failed += bool(change)
                print(f"{drawing.figure:16} {name.with_suffix('')}: {change or 'same'}", flush=True)
            if not args.check:
                print(f"{drawing.figure:16} drawn", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
