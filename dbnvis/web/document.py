"""One HTML file of a header, blobs, a script and a style sheet, which asks for nothing else.

Its policy (Content-Security-Policy), in the file and from the server, lets the browser run this one script and load
nothing. Blobs stand in script elements of a type that no browser runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bundle import STATIC, bundle

#: The module that starts the live page, its style sheet and its HTML, in `static/`.
SCRIPT, STYLE, HTML = "live.js", "page.css", "page.html"
ICON = '<link rel="icon" href="data:,">'
# What page.html may have for use without the bundler: links to its style sheet and modules.
LINKED = re.compile(r'[ \t]*<(?:link\b[^>]*rel="stylesheet"[^>]*>|script\b[^>]*src="[^"]*"[^>]*></script>)\n?')


@dataclass(frozen=True)
class Document:
    """A page.

    Parameters
    ----------
    html : str
        The file.
    policy : str
        What a server that sends it says in the header Content-Security-Policy.
    """

    html: str
    policy: str

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return self.html.encode()


def document(
    header: dict[str, Any],
    blobs: dict[str, bytes],
    folder: Path = STATIC,
    *,
    script: str = SCRIPT,
    styles: Sequence[str] = (STYLE,),
    html: str = HTML,
) -> Document:
    """Put a page together from the files in `folder`.

    The style sheets are put at the end of the head, data and script at the end of the body.

    Parameters
    ----------
    header : dict
    blobs : dict of bytes
    folder : Path
    script : str
        The module that starts the page.
    styles : sequence of str
        Style sheets, of which a later one has the last word.
    html : str

    Raises
    ------
    BundleError
        If a module of the script breaks the rule of bundles.
    ValueError
        If the HTML has no head or body, or the header holds NaN.
    """
    code = f"\n{bundle([script], folder)}"
    policy = policy_of(code)
    text = LINKED.sub("", (folder / html).read_text(encoding="utf-8"))
    css = ""
    for style in styles:
        css += (folder / style).read_text(encoding="utf-8")
        if "</style" in css.lower():
            raise ValueError(f"{style} holds </style, which would end it")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    charset = "" if re.search(r"<meta charset", text, re.IGNORECASE) else '<meta charset="utf-8">\n'
    text = _insert(text, "<head>", f"<head>\n{charset}{meta}", html)
    icon = "" if re.search(r'rel="icon"', text) else f"{ICON}\n"
    text = _insert(text, "</head>", f"{icon}<style>\n{css}</style>\n</head>", html)
    data = [f'<script type="application/json" id="header">{as_json(header)}</script>']
    for name, blob in blobs.items():
        coded = base64.b64encode(blob).decode()
        data.append(f'<script type="application/octet-stream" id="blob-{name}">{coded}</script>')
    end = "\n".join([*data, f"<script>{code}</script>", "</body>"])
    return Document(_insert(text, "</body>", end, html), policy)


def policy_of(script: str) -> str:
    """The policy of a page with this inline script: it runs, and nothing is loaded or sent."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data: blob:; "
        "media-src blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def as_json(value: Any) -> str:
    """JSON that may stand in a script element; ValueError for NaN and infinite numbers."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _insert(page: str, mark: str, text: str, name: str) -> str:
    """`page`, the file `name`, with the one `mark` replaced by `text`."""
    if page.count(mark) != 1:
        raise ValueError(f"{name} has {page.count(mark)} times {mark}; expected it once")
    before, after = page.split(mark)
    return f"{before}{text}{after}"
