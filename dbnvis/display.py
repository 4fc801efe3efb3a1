"""How objects show themselves: on one line, of arrays the type and shape alone, and in a notebook as a small table."""

from __future__ import annotations

import html
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

MOST = 6  # items of a list that are shown


class Brief:
    """A dataclass, of repr=False, whose repr is one short line."""

    def _facts(self) -> dict[str, Any]:
        """What is shown, by name: the fields, unless a class knows better."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.repr}  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={brief(x)}' for name, x in self._facts().items())})"


class Tabular(Brief):
    """One that a notebook shows as a small table."""

    def _rows(self) -> Sequence[Mapping[str, Any]]:
        return [self._facts()]

    def _repr_html_(self) -> str:
        return table(type(self).__name__, self._rows())


class Rows(list[dict[str, Any]]):
    """Rows of a table, with equal keys: a list that a notebook shows as one."""

    def _repr_html_(self) -> str:
        return table("", self)


def brief(x: Any) -> str:
    """`x` in a few characters: numbers with four digits, arrays by type and shape, the first six items of a list."""
    if getattr(x, "shape", ()) != ():
        return f"{x.dtype} {tuple(x.shape)}"
    if hasattr(x, "shape") and hasattr(x, "item"):
        x = x.item()
    if isinstance(x, (list, tuple)):
        items = [brief(item) for item in x[:MOST]] + ["..."] * (len(x) > MOST)
        left, right = "[]" if isinstance(x, list) else "()"
        return f"{left}{', '.join(items)}{',' * (len(x) == 1 and left == '(')}{right}"
    if isinstance(x, Mapping):
        items = [f"{key!r}: {brief(x[key])}" for key in list(x)[:MOST]] + ["..."] * (len(x) > MOST)
        return f"{{{', '.join(items)}}}"
    if isinstance(x, float):
        return f"{x:.4g}"
    return repr(x) if isinstance(x, Brief) else " ".join(reprlib.repr(x).split())


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """`rows`, of equal keys, as a table in HTML."""

    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    head = [line([name.replace("_", " ") for name in rows[0]], "th")] if rows else []
    body = [line([x if isinstance(x, str) else brief(x) for x in row.values()], "td") for row in rows]
    caption = f"<caption>{html.escape(title)}</caption>" if title else ""
    return f"<table>{caption}{''.join(head + body)}</table>"
