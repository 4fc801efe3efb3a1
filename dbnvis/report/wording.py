"""Sentences that take every number from the facts of a report, as plain text and as HTML.

A sentence has places such as "{dead.count}" or "{dead.percent:.1f}": a path in the facts, and how the number is
written. In HTML each becomes an element that names its path, so that page and facts can be compared.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any

PLACE = re.compile(r"\{([^{}:]+)(?::([^{}]*))?\}")
NOTHING = "not defined"  # in the place of a number that is None


@dataclass(frozen=True)
class Said:
    """A sentence with places.

    Parameters
    ----------
    text : str
    at : str
        Path that those in `text` go on from; one that begins with "/" begins at the root.
    """

    text: str
    at: str = ""

    def paths(self) -> list[str]:
        """Of all places, from the root."""
        return [_path(match[1], self.at) for match in PLACE.finditer(self.text)]

    def plain(self, facts: dict[str, Any]) -> str:
        """The sentence; KeyError for a path that leads nowhere."""
        return self._filled(self.text, lambda path, style: written(find(facts, path), style))

    def html(self, facts: dict[str, Any]) -> str:
        """The sentence as HTML; KeyError for a path that leads nowhere."""
        text = escape(self.text, quote=False).replace(" %", "&nbsp;%")
        return self._filled(text, lambda path, style: _element(facts, path, style))

    def _filled(self, text: str, fill: Callable[[str, str], str]) -> str:
        return PLACE.sub(lambda match: fill(_path(match[1], self.at), match[2] or ""), text)


def _path(path: str, at: str) -> str:
    if path.startswith("/"):
        return path[1:]
    return f"{at}.{path}" if at else path


def find(facts: Any, path: str) -> Any:
    """What `facts` hold at a path such as "measured.layers.h1.units"; KeyError if nothing."""
    for name in path.split("."):
        try:
            facts = facts[int(name) if isinstance(facts, list) else name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise KeyError(f"the facts of the report have nothing at {path}") from None
    return facts


def written(value: Any, style: str = "") -> str:
    """A fact in words: integers with commas between thousands, truth values as yes and no."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return ", ".join(written(each, style) for each in value)
    return format(value, style or ("," if isinstance(value, int) else ".4g"))


def _element(facts: dict[str, Any], path: str, style: str) -> str:
    value = find(facts, path)
    text, at = escape(written(value, style)), escape(path)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f'<data value="{value!r}" data-at="{at}">{text}</data>'
    return f'<span data-at="{at}">{text}</span>'
