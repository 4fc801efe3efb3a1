"""What goes wrong: odd pictures, old browsers, refused storage, broken pages; what everybody can read; the server."""

import base64
import io
import os
import signal
import struct
import subprocess
import sys
import zlib

import pytest
from chromium import draw, needs_browser, settle, state, words
from PIL import Image

pytestmark = needs_browser

DELIVER = """([how, name, type, base64]) => {
    const data = new DataTransfer();
    if (base64 === null) data.setData("text/plain", "only words");
    else data.items.add(new File([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], name, {type}));
    const event = how === "drop" ? new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true})
        : new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
}"""


def deliver(page, how, content, kind="image/png"):
    """Drop or paste a file; None: text alone. Whether the browser's own answer is held back."""
    text = None if content is None else base64.b64encode(content).decode()
    return page.evaluate(DELIVER, [how, "file", kind, text])


def png(image):
    with io.BytesIO() as file:
        image.save(file, "PNG")
        return file.getvalue()


def claimed(width, height):
    """A PNG whose header claims a size and that holds hardly anything."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


def seven(ink=255, ground=0, mode="L"):
    picture = Image.new(mode, (90, 60), ground)
    picture.paste(ink, (30, 10, 60, 16))
    picture.paste(ink, (52, 10, 60, 50))
    return png(picture)


BAD = [
    (claimed(60_000, 60_000), "image/png", "no picture that the browser can read"),
    (png(Image.new("1", (8000, 6401))), "image/png", "the picture has 8000 × 6401 pixels; expected at most 50 million"),
    (seven()[:90], "image/png", "no picture that the browser can read, or it is damaged"),
    (b"", "image/png", "no picture that the browser can read"),
    (b"hello", "image/jpeg", "no picture that the browser can read"),
    (
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        "image/svg+xml",
        "no picture that the browser can",
    ),
    (b"hello", "text/plain", "expected a picture, got a file of type text/plain"),
    (None, "", "There is no picture in it."),
    (png(Image.new("L", (40, 40), 255)), "image/png", "almost one grey"),
    (png(Image.new("L", (1, 1), 90)), "image/png", "almost one grey"),
    (seven(ink=0, ground=255), "image/png", "Dark ink on light ground"),
]


@pytest.mark.parametrize("how", ["drop", "paste"])
def test_odd_pictures_are_answered_by_a_sentence(opened, how):
    page = opened("small")
    for content, kind, said in BAD if how == "drop" else BAD[2:8]:
        page.evaluate("dbnvis.say('')")
        held = deliver(page, how, content, kind)
        assert held or how == "paste", said  # the browser would leave the page for a file that is dropped
        for _ in range(100):
            if said in state(page)["message"]:
                break
        now = state(page)
        assert said in now["message"], (now["message"], said)
        assert page.evaluate("dbnvis.x.every(Number.isFinite)") and "NaN" not in words(page), said
    for good in (seven(), seven((255, 255, 255, 255), (0, 0, 0, 0), "RGBA")):
        page.evaluate("dbnvis.clear()")
        deliver(page, how, good)
        for _ in range(100):
            now = state(page)
            if now["ink"] > 1:
                break
        assert now["ink"] > 1 and now["message"] == "" and not now["empty"]
    assert set(opened.requests) <= {opened.address}


def test_an_empty_drawing_has_no_numbers_that_are_none(opened):
    page = opened()
    for model in ("0", "1"):
        page.select_option("#model", model)
        page.locator("#do-clear").click()
        for layer in page.evaluate("dbnvis.model.layerNames"):
            page.evaluate("(layer) => dbnvis.choose(layer, 2)", layer)
            settle(page)
            assert "NaN" not in words(page) and "Infinity" not in words(page) and "undefined" not in words(page)
        assert "The input is empty" in page.locator("#unit").text_content()
    page.keyboard.press("v")  # a white page
    settle(page)
    assert "NaN" not in words(page) and state(page)["ink"] == 784


def test_a_browser_without_decompression_is_told(opened):
    page = opened("small", init="delete window.DecompressionStream;", ready="no")
    said = page.locator("#stop")
    assert said.is_visible() and "this browser is too old for this page" in said.text_content()


def test_weights_that_are_no_numbers_are_said(opened):
    page = opened("broken")
    now = state(page)
    assert now["message"].startswith("Weights of h1.pre are not finite numbers")
    draw(page, [[(30, 30), (60, 60)]])
    page.keyboard.press("g")
    settle(page)


REFUSED = """
const refuse = () => { throw new DOMException("refused", "SecurityError"); };
for (const name of ["localStorage", "sessionStorage", "caches"]) Object.defineProperty(window, name, {get: refuse});
Object.defineProperty(navigator, "clipboard", {get: refuse});
history.replaceState = history.pushState = refuse;
"""


def test_what_the_browser_refuses_is_not_needed(opened):
    page = opened("small", init=REFUSED, hash_="#model=dbn&unit=h1:3&view=activation")
    assert state(page)["unit"] == "h1:3"
    page.keyboard.press("ArrowRight")
    now = state(page)
    assert now["unit"] == "h1:4" and "unit=h1:4" in now["hash"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"format":1', '"format":2', "format 2"),
        ('id="header"', 'id="other"', "no header"),
        ('id="blob-dbn.h1.pre.W">', 'id="blob-dbn.h1.pre.W">AAAA', "cannot start"),
    ],
)
def test_a_damaged_page_says_so(opened, pages, tmp_path, old, new, said):
    text = (pages / "small.html").read_text()
    assert old in text
    damaged = tmp_path / "damaged.html"
    damaged.write_text(text.replace(old, new, 1))
    page = opened(url=damaged.as_uri(), ready="no")
    assert said in page.locator("#stop").text_content() and page.locator("#stop").is_visible()


# --- everybody


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_axe_finds_nothing(opened, width, scheme):
    """In the colours that the system wishes, then in the others, by the page's own button."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = opened(viewport={"width": width, "height": 900}, color_scheme=scheme, bypass_csp=True)
    page.wait_for_selector("#nearest button", state="attached", timeout=8000)
    found = []

    def look():
        page.wait_for_timeout(100)  # colours move to where they belong
        for one in axe.run(page).response["violations"]:
            found.extend((one["id"], node["target"], node["failureSummary"]) for node in one["nodes"])

    for model in ("0", "1"):
        page.select_option("#model", model)
        for tab in ("layers", "unit", "draw") if width < 1000 else ("",):
            if tab:
                page.locator(f"nav [data-tab={tab}]").click()
            look()
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("d")
    page.keyboard.press("h")
    look()
    assert not found, found


# --- served

LIVE = """
import sys
from pathlib import Path
import dbnvis.datasets
from dbnvis.cli import main
from dbnvis.visualize import VISUALIZERS

sys.modules["dbnvis.datasets.fetch"].roots = lambda data_dir=None: iter([Path("nowhere")])
for key in VISUALIZERS.keys() - {"combination"}:
    VISUALIZERS.pop(key)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_page_is_served_until_ctrl_c(opened, strokes, pages, tmp_path):
    command = [sys.executable, "-c", LIVE, "live", "--model", "convnet", "--size", "mail", "--port", "0"]
    with subprocess.Popen(
        [*command, "--no-browser", "--cache", str(pages / "atlas")], stdout=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        try:
            address = process.stdout.readline().strip()
            page = opened(url=address)
            page.locator("#do-clear").click()
            draw(page, strokes["7"])
            bars = page.evaluate("dbnvis.bars.map(({number}) => parseFloat(number.textContent))")
            assert bars.index(max(bars)) == 7
            assert set(opened.requests) == {address}
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=10) == 0
        finally:
            process.kill()
