"""Pieces of the report's HTML: paragraphs, tables, pictures, all from facts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any

from .wording import Said


def paragraph(facts: dict[str, Any], text: str, at: str = "", kind: str = "") -> str:
    """A sentence with places, see `Said`."""
    return f"<p{_class(kind)}>{Said(text, at).html(facts)}</p>"


def items(facts: dict[str, Any], sentences: Iterable[Said], kinds: Iterable[str] = ()) -> str:
    """A list, with a class for each sentence where there are `kinds`."""
    said = [sentence.html(facts) for sentence in sentences]
    classes = [*kinds] or [""] * len(said)
    lines = [f"<li{_class(kind)}>{text}</li>" for text, kind in zip(said, classes, strict=True)]
    return "\n".join(["<ul>", *lines, "</ul>"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "", kind: str = "") -> str:
    """A table of cells that are HTML; the first of each row heads it."""
    lines = [f'<div class="wide"><table{_class(kind)}>']
    if caption:
        lines.append(f"<caption>{caption}</caption>")
    if head:
        columns = "".join(f'<th scope="col">{cell}</th>' for cell in head)
        lines.append(f"<thead><tr>{columns}</tr></thead>")
    lines.append("<tbody>")
    for first, *others in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return "\n".join([*lines, "</tbody></table></div>"])


def section(name: str, title: str, *parts: str) -> str:
    """A part of the page under a heading, with an anchor."""
    body = "\n".join(part for part in parts if part)
    return (
        f'<section id="{name}" aria-labelledby="{name}-title">\n<h2 id="{name}-title">{title}</h2>\n{body}\n</section>'
    )


def picture(png: bytes, alt: str, kind: str) -> str:
    """A PNG file inline."""
    data = base64.b64encode(png).decode()
    return f'<img class="{kind}" alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def layers_of(facts: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Name, facts and path of every layer."""
    for name, layer in facts["measured"]["layers"].items():
        yield name, layer, f"measured.layers.{name}"


def cells_of(facts: dict[str, Any], at: str, *texts: str) -> list[str]:
    return [Said(text, at).html(facts) for text in texts]


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
