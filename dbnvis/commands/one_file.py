"""Commands that write one page: is there room for it, and the file, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ..console import during
from ..system.files import alone, check_folder, replacing

if TYPE_CHECKING:
    from ..web.document import Document


def check_file(out: Path, example: str) -> None:
    """ValueError unless the file `out` could be written; `example` is the name of one."""
    if out.is_dir():
        raise ValueError(f"--out {out} is a folder; give a file's name, such as {out / example}")
    check_folder(out.absolute().parent, f"--out {out}")


def write_page(out: Path, make: Callable[[], Document], *, overwrite: bool) -> None:
    """Make a page, write it to `out`, and print its size; ValueError if it is there and not to be replaced."""
    if os.path.lexists(out) and not overwrite:
        raise ValueError(f"{out} is there already; --overwrite replaces it, or give another --out")
    with alone(out):
        made = make()
        with during(f"writing {out}"), replacing(out) as file:
            file.write_bytes(made.content)
    print(f"{out}  {len(made.content) / 1e6:.2f} MB")
