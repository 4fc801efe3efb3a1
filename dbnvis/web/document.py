"""One HTML file of a header, blobs, a script and a style sheet, which asks for nothing else.

Its policy (Content-Security-Policy), in the file and from the server, lets the browser run this one script and load
nothing. Blobs stand in script elements of a type that no browser runs.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bundle import STATIC, bundle

#: The module that starts the page, its style sheet and its HTML, in `static/`.
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


def document(header: dict[str, Any], blobs: dict[str, bytes], folder: Path = STATIC) -> Document:
    """Put a page together from the files in `folder`.

    The style sheet is put at the end of the head, data and script at the end of the body.

    Raises
    ------
    BundleError
        If a module of the script breaks the rule of bundles.
    ValueError
        If the HTML has no head or body, or the header holds NaN.
    """
    script = f"\n{bundle([SCRIPT], folder)}"
    policy = policy_of(script)
    html = LINKED.sub("", (folder / HTML).read_text(encoding="utf-8"))
    css = (folder / STYLE).read_text(encoding="utf-8")
    if "</style" in css.lower():
        raise ValueError(f"{STYLE} holds </style, which would end it")
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    charset = "" if re.search(r"<meta charset", html, re.IGNORECASE) else '<meta charset="utf-8">\n'
    html = _insert(html, "<head>", f"<head>\n{charset}{meta}")
    icon = "" if re.search(r'rel="icon"', html) else f"{ICON}\n"
    html = _insert(html, "</head>", f"{icon}<style>\n{css}</style>\n</head>")
    data = [f'<script type="application/json" id="header">{as_json(header)}</script>']
    for name, blob in blobs.items():
        text = base64.b64encode(blob).decode()
        data.append(f'<script type="application/octet-stream" id="blob-{name}">{text}</script>')
    end = "\n".join([*data, f"<script>{script}</script>", "</body>"])
    return Document(_insert(html, "</body>", end), policy)


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


def _insert(html: str, mark: str, text: str) -> str:
    """`html` with the one `mark` replaced by `text`."""
    if html.count(mark) != 1:
        raise ValueError(f"{HTML} has {html.count(mark)} times {mark}; expected it once")
    before, after = html.split(mark)
    return f"{before}{text}{after}"
