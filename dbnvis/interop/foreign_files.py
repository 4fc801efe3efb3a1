"""Arrays by name out of files of others: .npz, .mat and .safetensors; never a pickle."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import Array
from ..checkpoint import archive
from ..system.matlab import read_mat

#: Python that makes of a file with state dict, or of a fitted estimator, what can be opened.
OF_TORCH = (
    "import numpy, torch; s = torch.load({name!r}, map_location='cpu', weights_only=True); "
    "numpy.savez({npz!r}, **{{k: v.numpy() for k, v in s.items()}})"
)
OF_SKLEARN = (
    "import joblib; from dbnvis import checkpoint, interop; m = interop.from_sklearn(joblib.load({name!r}), (28, 28)); "
    "checkpoint.save('model.npz', m, config={{}}, seed=0)"
)
#: Endings of files that hold pickles.
PICKLES = {
    **dict.fromkeys((".pt", ".pth", ".bin", ".ckpt"), OF_TORCH),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), OF_SKLEARN),
}


def read_arrays(path: Path) -> dict[str, Array]:
    """The arrays of numbers in a file, by name.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a pickle or of another kind, damaged, or holds no array of numbers.
    """
    ending = path.suffix.lower()
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}" + (": it is a folder" if path.is_dir() else ""))
    if ending in PICKLES:
        python = PICKLES[ending].format(npz=f"{path.stem}.npz", name=path.name)
        raise ValueError(f"{path.name} is a pickle, which could run any code: never opened here. In Python: {python}")
    readers = {".npz": archive.read, ".mat": read_mat, ".safetensors": _safetensors}
    if ending not in readers:
        raise ValueError(f"{path.name} is none of {', '.join(readers)}; save its arrays by numpy.savez")
    try:
        found = readers[ending](path)
    except OSError as error:
        raise type(error)(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{path.name} {error}") from None
    arrays = {name: x for name, x in found.items() if isinstance(x, np.ndarray) and x.dtype.kind in "biuf" and x.size}
    if not arrays:
        raise ValueError(f"{path.name} holds no array of numbers")
    return arrays


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        from safetensors.numpy import load_file
    except ImportError:
        raise ValueError("needs the package safetensors: pip install safetensors") from None
    try:
        return load_file(path)
    except Exception as error:  # SafetensorError, KeyError of a type that NumPy has not
        raise ValueError(f"is damaged, or holds types that NumPy has not ({_short(error)})") from None


def _short(error: Exception | str) -> str:
    return textwrap.shorten(str(error) or type(error).__name__, 150, placeholder=" ...")
