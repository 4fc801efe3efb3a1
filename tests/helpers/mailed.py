"""Reports as their readers have them: text, facts, pictures, links."""

import base64
import io
import json
import re
from decimal import Decimal
from html.parser import HTMLParser

from PIL import Image

VOID = {"meta", "link", "img", "br", "hr", "input"}


class Read(HTMLParser):
    """An HTML file taken apart.

    `facts`: (path, value or None, text) of every element that names a path; `rest`: all other text that is read;
    `elements`: (tag, attributes) in order; `style`: the style sheets.
    """

    def __init__(self, html):
        super().__init__()
        self.facts, self.rest, self.elements, self.style = [], [], [], ""
        self.open, self.inside = [], None
        self.feed(html)
        self.close()
        assert not self.open, f"elements that nothing closes: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        if tag in VOID:
            return
        self.open.append(tag)
        if "data-at" in attrs:
            assert self.inside is None
            self.inside = [attrs["data-at"], attrs.get("value"), ""]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if self.inside is not None:
            self.facts.append(tuple(self.inside))
            self.inside = None

    def handle_data(self, text):
        if self.open and self.open[-1] == "style":
            self.style += text
        elif self.inside is not None:
            self.inside[2] += text
        elif not (self.open and self.open[-1] == "title"):
            self.rest.append(text)

    @property
    def pictures(self):
        """(alternative text, picture) of every image."""
        found = [attrs for tag, attrs in self.elements if tag == "img"]
        return [(attrs["alt"], decoded(attrs["src"])) for attrs in found]


def decoded(src):
    assert src.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2], validate=True)))


def at(facts, path):
    """What JSON has at a path of the report, read independently of the report's own code."""
    for name in path.split("."):
        facts = facts[int(name)] if isinstance(facts, list) else facts[name]
    return facts


def disagreements(html, facts):
    """What the HTML says otherwise than its JSON, in words; digits that come from nowhere, too."""
    read, found = Read(html), []
    for path, value, text in read.facts:
        known = at(facts, path)
        if value is not None:
            number = Decimal(text.replace(",", ""))
            half = Decimal(5) * Decimal(10) ** (number.as_tuple().exponent - 1)
            if json.loads(value) != known or abs(number - Decimal(repr(known))) > half * Decimal("1.000001"):
                found.append(f"{path}: {text} ({value}), JSON has {known}")
        elif text != in_words(known):
            found.append(f"{path}: {text}, JSON has {known}")
    found += [f"digits from nowhere: {text.strip()}" for text in read.rest if re.search(r"\d", text)]
    return found


def in_words(known):
    if known is None:
        return "not defined"
    if isinstance(known, bool):
        return "yes" if known else "no"
    return ", ".join(known) if isinstance(known, list) else known


def report_of(folder, name="report"):
    """HTML and JSON of a report in `folder`."""
    return (folder / f"{name}.html").read_text(), json.loads((folder / f"{name}.json").read_text())
