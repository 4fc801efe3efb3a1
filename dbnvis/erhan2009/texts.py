"""The texts of the page, read from page.toml."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@cache
def texts() -> dict[str, Any]:
    """The tables of page.toml.

    Returns
    -------
    dict
        "page", "claims" and "known": dicts of str; "figures": by name, a dict with "caption", "look_for" and "seen";
        "protocol": a list of dicts with "topic", "paper", "known" and "here".
    """
    return tomllib.loads((Path(__file__).parent / "page.toml").read_text(encoding="utf-8"))
