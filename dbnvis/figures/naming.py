"""Names of models, sheets and settings, in file names and in words."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from .. import checkpoint, results
from ..runs.run import MODEL


def sheet_name(what: str, label: str, seed: int, settings: Any = None) -> str:
    """A file name; see `Study.sheet_name`."""
    suffix = "" if settings is None else results.short_hash(settings)
    return "_".join(filter(None, (what, label, f"seed{seed}" if seed else "", suffix)))


def model_name(model: str | Path) -> str:
    """That of a shipped model; of a run's `model.npz` its folder's; of another file its own without the suffix."""
    if str(model) in checkpoint.SHIPPED:
        return str(model)
    path = Path(model).absolute()
    return shortened(path.parent.name if path.name == MODEL else path.stem)


def shortened(text: str, most: int = 40) -> str:
    """`text` as a part of a file name: letters, digits, dots, commas, dashes; the end of a long one as its hash."""
    plain = re.sub(r"[^\w.,-]", "_", text)
    return plain if len(plain) <= most else f"{plain[: most - 7]}-{results.short_hash(text)}"


def describe(method: Any, *, changed: bool = False) -> str:
    """Settings of a method in words, "starts 9, constraint norm, ...", or of them those that are not its defaults.

    Whether chains are diagnosed as well changes no picture and is left out of the latter.
    """
    return ", ".join(
        f"{f.name.replace('_', ' ')} {getattr(method, f.name)}"
        for f in fields(method)
        if f.repr
        and getattr(method, f.name) is not None
        and not (changed and (getattr(method, f.name) == f.default or f.name == "diagnose"))
    )


def settings_line(method: Any) -> str:
    """A sentence with the settings of a method that are not its defaults, for the end of a key."""
    changed = describe(method, changed=True)
    return f"Settings: {changed}; otherwise the defaults." if changed else "Settings: the defaults."


def rounded_down(percent: float) -> str:
    """A percentage in words, never more than it is: "87", from 99 on "99.9", and "100" for all alone."""
    return f"{math.floor(10 * percent + 1e-9) / 10:g}" if 99 <= percent < 100 else str(int(percent))
