"""The eight lessons as Jupyter notebooks, from the files in scripts/lessons (percent format), by jupytext.

Needs the extra `notebook`: .venv/bin/pip install -e '.[notebook]'. With --execute each notebook is run, so that it
opens with its pictures; under a minute for all. The files themselves open as notebooks in VS Code and, with
jupytext, in Jupyter.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dbnvis import results

LESSONS = Path(__file__).resolve().parent / "lessons"
LIMIT = 300  # seconds that a cell may take


def convert(source: Path, execute: bool) -> tuple[str, float]:
    """A lesson as a notebook's text, and the seconds its run took.

    Raises
    ------
    ImportError
        If what converts or runs notebooks is not installed.
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    import jupytext

    notebook: Any = jupytext.read(source)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    begin = time.perf_counter()
    if execute:
        from jupyter_client import AsyncKernelManager
        from nbclient import NotebookClient

        # Where there are local sockets: nobody else on this machine can listen.
        transport = "tcp" if os.name == "nt" else "ipc"
        with TemporaryDirectory() as folder:  # the sockets lie beside the connection file, by default in the way
            kernel = AsyncKernelManager(transport=transport, connection_file=str(Path(folder) / "kernel.json"))
            NotebookClient(notebook, kernel, timeout=LIMIT).execute()
    return jupytext.writes(notebook, fmt="ipynb"), time.perf_counter() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--execute", action="store_true", help="run the notebooks, and keep what they show")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder whose lessons/ gets them (default: runs)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace notebooks that are there")
    args = parser.parse_args()
    folder = args.out.expanduser() / "lessons"
    sources = sorted(LESSONS.glob("lesson_*.py"))
    there = [path for source in sources if (path := folder / f"{source.stem}.ipynb").exists()]
    if there and not args.overwrite:
        parser.error(f"{there[0]} is there; --overwrite replaces it, or give another folder (--out)")
    try:
        for source in sources:
            text, seconds = convert(source, args.execute)
            (path,) = results.save_text(folder / f"{source.stem}.ipynb", text)
            print(path, f"({seconds:.0f} s)" if args.execute else "", flush=True)
    except ImportError as error:
        parser.error(f"{error.name} is not installed; the extra notebook has it: pip install -e '.[notebook]'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
