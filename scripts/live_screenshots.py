"""Pictures of the live page at several widths, light and dark: live/*.png in the folder of --out.

Each shows the page with a digit, the unit h3:17 of the shipped DBN or a channel of the convnet, and its chain after
two hundred sweeps. PNGs of at most 120 KB, with a palette.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browsing import SEVEN, chromium, opened, place_on_pad, write_page
from PIL import Image

from dbnvis.system.files import replacing

COLOURS = 128  # of a picture's palette: with fewer, greys turn into steps and tints
SWEEPS = 200


@dataclass(frozen=True)
class Shot:
    """One picture: its name, the window, the part that a narrow page shows, and the state."""

    name: str
    width: int
    height: int
    tab: str = "draw"
    state: str = "model=pretrained&unit=h3:17&image=0"
    drawn: bool = False


SHOTS = (
    Shot("1280", 1280, 800),
    Shot("1280-convnet", 1280, 800, state="model=convnet&unit=conv2:5", drawn=True),
    Shot("1920", 1920, 1080),
    Shot("390-draw", 390, 844, drawn=True, state="model=convnet&unit=dense1:5"),
    Shot("390-layers", 390, 844, "layers"),
    Shot("390-unit", 390, 844, "unit"),
)


def draw(page: Any) -> None:
    """A seven on an empty pad."""
    page.locator("#do-clear").click()
    place = place_on_pad(page)
    page.mouse.move(*place(*SEVEN[0]))
    page.mouse.down()
    for point in SEVEN[1:]:
        page.mouse.move(*place(*point), steps=3)
    page.mouse.up()


def take(browser: Any, address: str, shot: Shot, scheme: str) -> bytes:
    """The picture as a PNG with a palette."""
    size = {"width": shot.width, "height": shot.height}
    context = browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce")
    page = opened(context, f"{address}#{shot.state}")
    if shot.drawn:
        draw(page)
    if page.locator("#chain").count():
        page.evaluate(f"for (let i = 0; i < {SWEEPS}; i++) dbnvis.panel.chain.sweep(); dbnvis.panel.chain.paint();")
    if page.locator(f"nav [data-tab={shot.tab}]").is_visible():
        page.locator(f"nav [data-tab={shot.tab}]").click()
    page.wait_for_timeout(2000)  # the nearest images are found while nothing moves
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        whole = picture.convert("RGB")
    context.close()
    file = io.BytesIO()
    whole.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
    return file.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--page", type=Path, help="the page, as dbnvis page writes it; if not given, written anew")
    parser.add_argument("--only", nargs="+", choices=[shot.name for shot in SHOTS], help="take these alone")
    parser.add_argument("--out", type=Path, default=Path("runs"), help="folder whose live/ gets the pictures")
    parser.add_argument("--overwrite", action="store_true", help="replace pictures that are there")
    args = parser.parse_args()
    folder = args.out.expanduser() / "live"
    shots = [shot for shot in SHOTS if not args.only or shot.name in args.only]
    paths = {(shot, scheme): folder / f"{shot.name}-{scheme}.png" for shot in shots for scheme in ("light", "dark")}
    there = [path for path in paths.values() if path.exists()]
    if there and not args.overwrite:
        parser.error(f"{there[0]} is there; --overwrite replaces it, or give another folder (--out)")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, chromium() as browser:
        page = args.page or write_page(Path(temporary) / "page.html")
        for (shot, scheme), path in paths.items():
            with replacing(path) as file:
                file.write_bytes(take(browser, page.resolve().as_uri(), shot, scheme))
            print(f"{path}  {path.stat().st_size / 1e3:.0f} KB")
