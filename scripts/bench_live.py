"""The live page in a real browser (Chromium, no graphics card): a table, live.csv.

Time until the page is ready, from an event of the mouse to the painted layers, from a click to the panel of a unit,
sweeps of the chain while one draws, sizes of the pages, and the time in which the pictures of all units are drawn.
Without MNIST at hand pages have no top images. Takes about ten minutes, most of them for the pictures.
"""

from __future__ import annotations

import math
import statistics
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from browsing import SEVEN, chromium, opened, place_on_pad, write_page
from timing import options

from dbnvis import results
from dbnvis.doctor import machine

#: What the page notes of its own doing: the delay from an event's handling to the end of the update that paints it.
#: The frame that follows comes on the screen's clock, so time since the mouse moved ("stamped") has up to 17 ms more.
NOTE = """() => {
    const live = window.dbnvis, update = live.update.bind(live);
    window.noted = {handled: [], stamped: [], frames: 0, panel: []};
    let waiting = [], clicked = null;
    live.pad.canvas.addEventListener("pointermove", (event) => {
        waiting.push([performance.now(), event.timeStamp]);
    }, true);
    live.update = () => {
        update();
        const now = performance.now();
        for (const [handled, stamped] of waiting) {
            noted.handled.push(now - handled);
            noted.stamped.push(now - stamped);
        }
        waiting = [];
    };
    const frame = () => { noted.frames += 1; requestAnimationFrame(frame); };
    frame();
    document.addEventListener("click", () => { clicked = performance.now(); }, true);
    new MutationObserver(() => {
        if (clicked !== null) noted.panel.push(performance.now() - clicked);
        clicked = null;
    }).observe(document.getElementById("unit"), {childList: true});
}"""
STEP = 1 / 120  # seconds between two moves of the mouse


def draw(page: Any, seconds: float) -> float:
    """Draw sevens with the mouse for a while; how long it took."""
    place, begin = place_on_pad(page), time.perf_counter()
    while time.perf_counter() - begin < seconds:
        page.locator("#do-clear").click()
        page.mouse.move(*place(*SEVEN[0]))
        page.mouse.down()
        for (x0, y0), (x1, y1) in pairwise(SEVEN):
            for i in range(1, 11):
                page.mouse.move(*place(x0 + (x1 - x0) * i / 10, y0 + (y1 - y0) * i / 10))
                time.sleep(STEP)
        page.mouse.up()
    return time.perf_counter() - begin


def quantile(values: list[float], share: float) -> float:
    """The smallest of the values that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


class Table:
    """Rows of what was measured, with limits where there are some."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, what: str, of: str, values: list[float], unit: str, limit: float | str = "") -> None:
        row = {
            "what": what,
            "of": of,
            "median": float(f"{statistics.median(values):.4g}"),
            "p95": float(f"{quantile(values, 0.95):.4g}"),
            "n": len(values),
            "unit": unit,
            "limit": limit,
        }
        self.rows.append(row)
        print(row, flush=True)


def measure_ready(browser: Any, address: str, rounds: int) -> list[float]:
    """Milliseconds from the beginning of the navigation to "ready", each time in a new context."""
    found = []
    for _ in range(rounds):
        context = browser.new_context()
        page = opened(context, address)
        found.append(page.evaluate("performance.getEntriesByName('ready')[0].startTime"))
        context.close()
    return found


def measure_model(browser: Any, address: str, which: int, seconds: float, table: Table) -> None:
    """Drawing and clicks on one of the page's models; its chain, where it has one."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = opened(context, address)
    page.select_option("#model", str(which))
    name = page.evaluate("dbnvis.model.id")
    page.wait_for_timeout(1500)  # the images of the page are encoded
    page.evaluate(NOTE)
    draw(page, 0.5)  # compiled by now
    page.evaluate("Object.assign(noted, {handled: [], stamped: [], frames: 0})")
    took = draw(page, seconds)
    noted = page.evaluate("noted")
    table.add("move of the mouse handled to layers painted", name, noted["handled"], "ms", "p95 16")
    table.add("the same since the mouse moved", name, noted["stamped"], "ms")
    table.add("frames while one draws", name, [noted["frames"] / took], "1/s")
    page.evaluate("noted.panel = []")
    stage = page.locator("#layers .stage").first
    box = stage.bounding_box()
    for i in range(max(3, int(4 * seconds))):
        stage.click(position={"x": box["width"] * ((0.37 * i) % 0.9 + 0.05), "y": box["height"] * 0.3})
        page.wait_for_timeout(60)
    table.add("click to the panel of the unit", name, page.evaluate("noted.panel"), "ms", "100")
    if page.locator("#chain").count():
        page.locator("#chainrate").fill("60")
        page.locator("#chainreset").click()
        page.locator("#chainplay").click()
        before = page.evaluate("dbnvis.panel.chain.chain.sweeps")
        took = draw(page, seconds)
        swept = page.evaluate("dbnvis.panel.chain.chain.sweeps") - before
        table.add("sweeps of the chain while one draws", name, [swept / took], "1/s", "at least 30")
    context.close()


if __name__ == "__main__":
    args = options(__doc__, rounds=5)
    table = Table()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        out, methods = Path(folder), "combination" if args.quick else ""
        shared = ("--cache", str(out / "atlas"))
        begin = time.perf_counter()
        write_page(out / "dbn.html", "--model", "pretrained", *shared, methods=methods)
        table.add("a page with all pictures, none kept before", "pretrained", [time.perf_counter() - begin], "s", "240")
        for size, limit in (("full", "12"), ("mail", "2.5")):
            page = write_page(out / f"{size}.html", "--size", size, *shared, methods=methods)
            table.add(f"size of the page, {size}", "both models", [page.stat().st_size / 1e6], "MB", limit)
        address = (out / "full.html").as_uri()
        ready = measure_ready(browser, address, 1 if args.quick else args.rounds)
        table.add("ready from file://", "both models", ready, "ms", "1500")
        for which in range(2):
            measure_model(browser, address, which, 0.5 if args.quick else 5.0, table)
        manifest = {
            "command": " ".join(["python", *sys.argv]),
            "rounds": args.rounds,
            "browser": f"Chromium {browser.version}, headless, software rendering",
            "machine": machine(),
        }
    written = results.save_artefact(
        args.out / "live.csv",
        lambda path: results.write_csv(path, table.rows),
        manifest=manifest,
        overwrite=True,
    )
    print(*written, sep="\n")
