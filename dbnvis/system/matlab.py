"""Arrays of MATLAB's .mat files, which a process of its own reads: a damaged file can crash SciPy's reader."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

READ = """
import math, sys
import numpy as np
from scipy.io import loadmat, whosmat
file, to, most, *only = sys.argv[1], sys.argv[2], int(sys.argv[3]), *sys.argv[4:]
try:
    kinds = ("struct", "object", "function", "unknown")
    shapes = {name: shape for name, shape, kind in whosmat(file, appendmat=False) if kind not in kinds}
    lacking = [name for name in only if name not in shapes]
    if lacking:
        sys.exit(f"holds {', '.join(shapes) or 'nothing'}, and no {', '.join(lacking)}")
    shapes = {name: shape for name, shape in shapes.items() if name in (only or shapes)}
    count = sum(map(math.prod, shapes.values()))
    if count > most:
        sys.exit(f"holds {count} numbers; at most {most} are read")
    found = loadmat(file, appendmat=False, variable_names=list(shapes))
except NotImplementedError:
    sys.exit("was saved as version 7.3, which is HDF5; in MATLAB, save it with -v7")
except Exception as error:
    sys.exit(f"is damaged or no .mat file ({' '.join(str(error).split())[:120] or type(error).__name__})")
np.savez(to, **{"_" + name: x for name, x in found.items() if isinstance(x, np.ndarray) and x.dtype.kind in "fiubU"})
"""
MOST = 500_000_000  # numbers in a file
READING = 300  # seconds it may take


def read_mat(path: Path, only: Sequence[str] = (), most: int = MOST) -> dict[str, np.ndarray]:
    """The arrays of numbers and of texts in a .mat file, by name.

    Parameters
    ----------
    path : Path
    only : sequence of str
        Names of those that are read; default: all.
    most : int
        Numbers in them together.

    Raises
    ------
    ValueError
        If it is damaged, no .mat file, of version 7.3, lacks an array of `only`, or holds too many numbers; the message
        says of the file what is wrong with it.
    """
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder, "arrays.npz")
        command = [sys.executable, "-c", READ, str(path.absolute()), str(to), str(most), *only]
        try:
            run = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=READING, check=False
            )
        except subprocess.TimeoutExpired:
            raise ValueError(f"takes more than {READING} s to read") from None
        if run.returncode < 0:
            raise ValueError(f"is damaged: SciPy's reader crashed on it (signal {-run.returncode}); get the file again")
        if run.returncode > 0:
            last = (run.stderr.strip().splitlines() or ["cannot be read by SciPy"])[-1]
            raise ValueError(textwrap.shorten(last, 200, placeholder=" ..."))
        with np.load(to, allow_pickle=False) as arrays:
            return {name.removeprefix("_"): arrays[name] for name in arrays.files}
