"""A real browser for the tests of the page: Debian's chromium, driven by playwright."""

import os
import shutil

import pytest

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    sync_playwright = None

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
#: Cameras are pretended; nothing asks the network for anything of the browser's own.
FLAGS = (
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--use-fake-device-for-media-stream",
    *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
)


def missing():
    """Why there is no browser to test in; "" if there is one."""
    if sync_playwright is None:
        return "playwright is not installed: pip install -e '.[test]'"
    return "" if CHROMIUM else f"no browser was found: none of {', '.join(NAMES)} is on the path"


needs_browser = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing() or "there is a browser")]

#: Every script of a page runs after this one: what the policy forbids is counted.
COUNT_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", ({violatedDirective, blockedURI}) => {
    window.violations.push(`${violatedDirective} ${blockedURI}`);
});
"""

STATE = """() => {
    const {dbnvis: live} = window, {panel, pad} = live, text = (id) => document.getElementById(id)?.textContent;
    return {
        model: live.model.id, layer: live.layer, index: live.index, unit: `${live.layer}:${live.index}`,
        view: live.view, image: live.image, gain: live.gain, zoom: live.zoom, frozen: live.frozen, dark: live.dark,
        strokes: pad.strokes.length, inverted: pad.inverted, empty: pad.empty, camera: live.camera.on,
        columns: live.viewOf(live.layer).columns, shown: text("unitname"),
        running: panel.chain.running, sweeps: panel.chain.chain?.sweeps ?? null,
        help: document.getElementById("help").open, hash: location.hash,
        message: text("message"), sentence: text("sentence"), seen: text("inputtext"),
        ground: getComputedStyle(document.body).backgroundColor, ink: live.x.reduce((a, b) => a + b, 0),
    };
}"""


def wait_ready(page, how="yes"):
    page.wait_for_selector(f"html[data-ready={how}]", state="attached", timeout=20_000)


def settle(page, frames=2):
    """Let the page answer what was done: some of its frames, and the promises between them."""
    page.evaluate(
        """(n) => new Promise((done) => {
            const next = () => (n-- > 0 ? requestAnimationFrame(next) : done());
            next();
        })""",
        frames,
    )


def state(page):
    settle(page)
    return page.evaluate(STATE)


def words(page):
    """All text of the page, and what its labels and titles say."""
    return page.evaluate(
        """() => [document.body.innerText, ...[...document.querySelectorAll("[aria-label], [title]")].flatMap(
            (found) => [found.getAttribute("aria-label") ?? "", found.title])].join("\\n")"""
    )


def box_of_pad(page):
    page.locator("#pad").scroll_into_view_if_needed()
    box = page.locator("#pad").bounding_box()
    return lambda x, y: (box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100)


def draw(page, strokes):
    """Draw strokes with the mouse: lists of points in hundredths of the pad's side."""
    place = box_of_pad(page)
    for first, *others in strokes:
        page.mouse.move(*place(*first))
        page.mouse.down()
        for point in others:
            page.mouse.move(*place(*point))
        page.mouse.up()
    settle(page)
