"""The live page in a real browser, for the scripts that measure it and take its pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: No graphics card, and nothing that the browser asks the network for on its own account.
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: `dbnvis` in a process of its own; the first argument says which methods the page has, "" for all.
RUN = """import sys; from dbnvis.cli import main; from dbnvis.visualize import VISUALIZERS
for key in VISUALIZERS.keys() - set(sys.argv[1].split(",")) if sys.argv[1] else (): VISUALIZERS.pop(key)
sys.exit(main(sys.argv[2:]))"""
#: A seven, in hundredths of the pad's side.
SEVEN = ((28, 22), (42, 21), (56, 20), (72, 19), (66, 34), (58, 50), (52, 66), (47, 85))


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of playwright's, headless; SystemExit where there is none."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("playwright is not installed; pip install -e '.[test]'")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        sys.exit(f"no browser was found: none of {', '.join(NAMES)} is on the path")
    flags = [*FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=flags)
        try:
            yield browser
        finally:
            browser.close()


def write_page(out: Path, *options: str, methods: str = "") -> Path:
    """`dbnvis page` with `options`; `methods`: of units' pictures, all if empty."""
    subprocess.run([sys.executable, "-c", RUN, methods, "page", "-o", str(out), *options], check=True)
    return out


def opened(context: Any, address: str) -> Any:
    """A page of a context, once it is ready."""
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=60_000)
    return page


def place_on_pad(page: Any) -> Any:
    """(x, y) in hundredths of the pad's side -> where the mouse must be."""
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    return lambda x, y: (box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100)
