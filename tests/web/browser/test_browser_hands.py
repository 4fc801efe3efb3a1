"""What a person does on the page: every key and button, mouse, finger and pen, the camera, the chain."""

import json
import re
import time

import numpy as np
from chromium import box_of_pad, draw, needs_browser, settle, state, words
from PIL import Image

from dbnvis import checkpoint

pytestmark = needs_browser


def until(page, true, seconds=4.0):
    """The state of the page once `true` holds of it, or at last."""
    end = time.monotonic() + seconds
    while True:
        now = state(page)
        if true(now) or time.monotonic() > end:
            return now


LINE = [[(30, 30), (70, 70)]]
MIDDLE = "dbnvis.choose('h2', 250)"


def chosen(index):
    """The unit of layer h2 that is chosen after unit 250 of it; `index` takes the number of columns."""
    return MIDDLE, lambda was, now: (now["unit"], now["shown"]) == (f"h2:{index(was['columns'])}",) * 2


#: What to do before each action, a script or strokes, and what must hold of the states before and after it.
EFFECTS = {
    "undo": (LINE, lambda was, now: now["strokes"] == was["strokes"] - 1),
    "clear": (LINE, lambda was, now: now["empty"] and now["ink"] == 0 and was["ink"] > 1),
    "invert": (
        "dbnvis.clear(); if (dbnvis.pad.inverted) dbnvis.pad.invert()",
        lambda was, now: now["inverted"] and not was["inverted"],
    ),
    "camera": ("", lambda was, now: now["camera"] != was["camera"]),
    "previous": ("dbnvis.showImage(0)", lambda was, now: now["image"] == 499 and "image 499" in now["seen"]),
    "next": ("dbnvis.showImage(0)", lambda was, now: now["image"] == 1 and "image=1" in now["hash"]),
    "left": chosen(lambda columns: 249),
    "right": chosen(lambda columns: 251),
    "above": chosen(lambda columns: 250 - columns),
    "below": chosen(lambda columns: 250 + columns),
    "fastleft": chosen(lambda columns: 240),
    "fastright": chosen(lambda columns: 260),
    "fastabove": chosen(lambda columns: max(250 - 5 * columns, 0)),
    "fastbelow": chosen(lambda columns: min(250 + 5 * columns, 499)),
    "up": (MIDDLE, lambda was, now: now["unit"] == "h3:249"),
    "down": (MIDDLE, lambda was, now: now["unit"] == "h1:250"),
    "freeze": ("", lambda was, now: now["frozen"] != was["frozen"]),
    "overlay": ("", lambda was, now: {was["view"], now["view"]} == {"activation", "combination"}),
    "zoom": (MIDDLE, lambda was, now: now["columns"] in (2 * was["columns"], was["columns"] // 2)),
    "gain": ("", lambda was, now: now["gain"] == (was["gain"] + 1) % 4),
    "chain": (
        "dbnvis.choose('h3', 17)",
        lambda was, now: now["running"] != was["running"] and (now["sweeps"] > was["sweeps"] or was["running"]),
    ),
    "theme": ("", lambda was, now: now["dark"] != was["dark"] and now["ground"] != was["ground"]),
    "help": ("document.getElementById('help').close()", lambda was, now: now["help"]),
}


def prepare(page, what):
    if isinstance(what, str):
        page.evaluate(f"() => {{ {what}; document.activeElement?.blur(); }}")
    else:
        draw(page, what)


def ways(page, action):
    """The key presses, and the click of the button, that start an action."""
    for key in action["keys"]:
        yield f"key {key}", lambda key=key: page.keyboard.press(key)
    if action["place"]:
        yield "button", lambda: page.locator(f"#do-{action['id']}").click()


def test_every_key_and_button_does_what_it_says(opened):
    page = opened(permissions=["camera"])
    actions = page.evaluate("dbnvis.actions.map(({id, keys, place}) => ({id, keys, place}))")
    assert {action["id"] for action in actions} == {*EFFECTS, "file", "save", "reset"}  # which have tests of their own
    keys = [key for action in actions for key in action["keys"]]
    assert len(keys) == len(set(keys)) and all(action["keys"] for action in actions)
    for action in actions:
        if action["id"] not in EFFECTS:
            continue
        before, holds = EFFECTS[action["id"]]
        for way, act in ways(page, action):
            prepare(page, before)
            was = state(page)
            act()
            now = until(page, lambda now, was=was, holds=holds: holds(was, now))
            assert holds(was, now), (action["id"], way, was, now)
            if now["help"]:
                page.locator("#help button").click()
                assert not state(page)["help"]


def test_a_picture_is_opened_and_all_is_saved(opened, tmp_path):
    page = opened(hash_="#unit=h3:17&image=4", accept_downloads=True)
    actions = page.evaluate("dbnvis.actions.map(({id, keys, place}) => ({id, keys, place}))")
    of = {action["id"]: action for action in actions}
    got = []
    page.on("download", lambda file: got.append(file))
    for _, act in ways(page, of["save"]):
        page.wait_for_timeout(100)
        got.clear()
        act()
        now = until(page, lambda now: len(got) == 2 and "Saved" in now["message"])
        assert now["message"] == "Saved as dbnvis-pretrained-h3-17.png and dbnvis-pretrained-h3-17.json."
        files = {one.suggested_filename.rpartition(".")[2]: one.path() for one in got}
        numbers = json.loads(files["json"].read_text())
        assert numbers["unit"] == "h3:17" and numbers["image"] == 4
        assert [len(y) for y in numbers["activations"].values()] == [1000, 500, 250]
        with Image.open(files["png"]) as picture:
            assert picture.size[0] == 1200 and len(picture.convert("L").getcolors()) > 20
    Image.new("L", (50, 50)).save(tmp_path / "black.png")
    ink = Image.new("L", (50, 50))
    ink.paste(255, (20, 10, 30, 40))
    ink.save(tmp_path / "bar.png")
    page.evaluate("""() => document.getElementById("file").addEventListener("click", (event) => {
        event.preventDefault();
        window.asked = (window.asked ?? 0) + 1;
    })""")  # in the place of the browser's own window of files
    for n, (_, act) in enumerate(ways(page, of["file"])):
        page.evaluate("dbnvis.clear(); document.activeElement?.blur()")
        act()
        assert page.evaluate("window.asked") == n + 1
        page.locator("#file").set_input_files(tmp_path / "bar.png")
        now = until(page, lambda now: now["ink"] > 10)
        assert now["ink"] > 10 and not now["empty"]
    page.locator("#file").set_input_files(tmp_path / "black.png")
    assert "almost one grey" in until(page, lambda now: "grey" in now["message"])["message"]


def test_reset_puts_everything_back(opened):
    page = opened()
    start = state(page)
    for act in (lambda: page.keyboard.press("Escape"), lambda: page.locator("#do-reset").click()):
        draw(page, LINE)
        for key in "vfztgu":
            page.keyboard.press(key)
        page.select_option("#view", "activation")
        page.evaluate("dbnvis.choose('h1', 3); document.activeElement?.blur()")
        messy = state(page)
        assert messy["frozen"] and messy["zoom"] and messy["running"] and messy["gain"] == 1 and messy["inverted"]
        act()
        now = until(page, lambda now: now["unit"] == start["unit"] and now["columns"] == start["columns"])
        leave = {"dark", "ground", "message", "sentence"}
        assert {k: v for k, v in now.items() if k not in leave} == {k: v for k, v in start.items() if k not in leave}


def test_frozen_layers_stay_while_one_draws(opened):
    page = opened()
    taken = "Array.from(dbnvis.model.activations.get('h1'))"
    before = page.evaluate(taken)
    page.keyboard.press("f")
    draw(page, LINE)
    assert page.evaluate(taken) == before
    assert page.locator("#do-freeze").get_attribute("aria-pressed") == "true"
    page.keyboard.press("f")
    settle(page)
    assert page.evaluate(taken) != before


def test_controls_that_are_no_actions(opened):
    page = opened(hash_="#unit=h2:5")
    wide = "dbnvis.pad.pixels().reduce((a, b) => a + b, 0)"
    inks = []
    for brush in ("4", "16"):
        page.evaluate("dbnvis.clear()")
        page.locator("#brush").fill(brush)
        draw(page, LINE)
        inks.append(page.evaluate(wide))
    assert inks[1] > 2.5 * inks[0]
    centred = page.evaluate("Array.from(dbnvis.x)")
    page.locator("#center").uncheck()
    settle(page)
    assert page.evaluate("Array.from(dbnvis.x)") != centred
    stage = page.locator("#stage-h2")
    box, columns = stage.bounding_box(), state(page)["columns"]
    size = box["width"] / columns
    stage.click(position={"x": 3.5 * size, "y": 1.5 * size})
    assert until(page, lambda now: now["shown"] == f"h2:{columns + 3}")["unit"] == f"h2:{columns + 3}"
    link = page.locator("#unit button.link").first
    name = link.locator("span").first.text_content()
    link.click()
    assert until(page, lambda now: now["shown"] == name)["unit"] == name
    page.wait_for_selector("#nearest button", timeout=8000)
    near = page.locator("#nearest button").first
    index = int(re.match(r"image (\d+)", near.get_attribute("aria-label"))[1])
    near.click()
    assert until(page, lambda now: now["image"] == index)["image"] == index


def test_tabs_of_a_narrow_page(opened):
    page = opened(viewport={"width": 390, "height": 844})
    for tab, shown in {"layers": "#layers", "unit": "#unit", "draw": "#draw"}.items():
        page.locator(f"nav [data-tab={tab}]").click()
        settle(page)
        assert page.locator(shown).is_visible()
        assert [page.locator(name).is_visible() for name in ("#draw", "#layers", "#unit")].count(True) == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, tab


def test_one_tab_stop_for_each_grid(opened):
    page = opened()
    assert page.locator("[role=grid][tabindex='0']").count() == 1
    page.evaluate("dbnvis.choose('h2', 7)")
    page.locator("#stage-h2").focus()
    page.keyboard.press("ArrowRight")
    now = state(page)
    assert now["unit"] == "h2:8"
    assert page.locator("#stage-h2").get_attribute("aria-activedescendant") == "cell-h2"
    assert page.locator("#cell-h2").get_attribute("aria-label") == "unit h2:8"
    page.locator("#brush").focus()  # keys belong to a field that one types in
    page.keyboard.press("ArrowRight")
    assert state(page)["unit"] == "h2:8"


def test_a_finger_draws_and_does_not_scroll(opened):
    page = opened(has_touch=True, viewport={"width": 390, "height": 844})
    page.evaluate(
        "dbnvis.clear(); dbnvis.pad.canvas.addEventListener('pointerdown', (e) => { window.kind = e.pointerType; })"
    )
    place, touch = box_of_pad(page), page.context.new_cdp_session(page)
    for kind, points in (("Start", [(50, 20)]), *(("Move", [(50, y)]) for y in range(24, 84, 6)), ("End", [])):
        at = [dict(zip("xy", place(*point), strict=True)) for point in points]
        touch.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": at})
    now = state(page)
    assert page.evaluate("[window.kind, scrollY]") == ["touch", 0]
    assert now["strokes"] == 1 and now["ink"] > 10 and page.evaluate("dbnvis.pad.strokes[0].points.length") > 4


def test_a_pen_draws_and_another_button_does_not(opened):
    page = opened()
    page.evaluate(
        "dbnvis.clear(); dbnvis.pad.canvas.addEventListener('pointerdown', (e) => { window.kind = e.pointerType; })"
    )
    place, pen = box_of_pad(page), page.context.new_cdp_session(page)
    for button, strokes in (("left", 1), ("right", 1)):
        for kind, y in (("mousePressed", 20), *(("mouseMoved", y) for y in range(30, 80, 10)), ("mouseReleased", 80)):
            x, top = place(50, y)
            pen.send(
                "Input.dispatchMouseEvent",
                {"type": kind, "x": x, "y": top, "button": button, "buttons": 1 if button == "left" else 2,
                 "clickCount": 1, "pointerType": "pen"},
            )  # fmt: skip
        assert page.evaluate("window.kind") == "pen"
        assert state(page)["strokes"] == strokes


# --- the camera

STREAMS = """
window.streams = [];
const asked = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
    const stream = await asked(wish);
    window.streams.push(stream);
    return stream;
};
"""
LIVE_TRACKS = "streams.flatMap((stream) => stream.getTracks()).filter(({readyState}) => readyState === 'live').length"


def test_a_camera_shows_until_it_is_stopped(opened):
    page = opened(permissions=["camera"], init=STREAMS)
    begin = time.monotonic()
    page.evaluate("() => { for (let i = 0; i < 2; i++) dbnvis.toggleCamera(); }")  # pressed twice while it starts
    now = until(page, lambda now: now["camera"] and "camera" in now["seen"])
    assert now["camera"] and "camera" in now["seen"] and now["ink"] > 1
    assert time.monotonic() - begin < 3
    before = page.evaluate("Array.from(dbnvis.x)")
    page.wait_for_timeout(400)
    assert page.evaluate("Array.from(dbnvis.x)") != before  # pictures follow one another
    assert page.locator("#do-camera").get_attribute("aria-pressed") == "true"
    page.keyboard.press("x")
    assert not state(page)["camera"] and page.evaluate(LIVE_TRACKS) == 0
    assert page.evaluate("streams.length") == 1


#: What may become of the wish for a camera, and what is said then. At first the browser itself refuses.
ANSWERS = {
    "": "The camera may not be used",
    "() => Promise.reject(new DOMException('', 'NotFoundError'))": "No camera was found",
    "() => Promise.reject(new DOMException('', 'NotReadableError'))": "in use by another program",
    "() => new Promise(() => {})": "did not answer within 3 seconds",
    "undefined": "offers no camera",
}


def test_no_camera_is_said(opened):
    page = opened("small")
    for answer, said in ANSWERS.items():
        if answer:
            page.evaluate(f"navigator.mediaDevices.getUserMedia = {answer}; 0")
        page.keyboard.press("c")
        now = until(page, lambda now, said=said: said in now["message"])
        assert said in now["message"] and not now["camera"], said
        assert page.locator("#do-camera").get_attribute("aria-pressed") != "true"


# --- the chain


def test_the_chain_runs_pauses_and_starts_again(opened):
    page = opened(hash_="#unit=h3:17")
    page.locator("#chainrate").fill("60")
    page.locator("#chainplay").click()
    said = page.locator("#chain p")
    now = until(page, lambda now: now["sweeps"] > 10 and "R = " in said.text_content(), 20)
    assert now["running"] and now["sweeps"] > 10
    assert re.match(r"\d+ sweeps after 20 .* R = \d\.\d\d: ", said.text_content())
    page.locator("#chainplay").click()
    paused = state(page)["sweeps"]
    page.wait_for_timeout(150)
    assert state(page)["sweeps"] == paused and "Run" in page.locator("#chainplay").text_content()
    page.locator("#chainreset").click()
    assert state(page)["sweeps"] == 0


def test_chains_show_what_their_unit_wants(opened):
    """A unit of h1 fixed to 1 is excited more by the mean of its own chains than by that of another's."""
    page = opened()
    units = (5, 17)
    means = page.evaluate(
        """async (units) => {
            const means = [];
            for (const unit of units) {
                await dbnvis.panel.show(dbnvis.model, dbnvis.atlas, "h1", unit);
                const {chain} = dbnvis.panel.chain;
                for (let i = 0; i < 40; i++) chain.sweep();
                means.push(Array.from(chain.mean));
            }
            return means;
        }""",
        units,
    )
    means = np.array(means)
    rbm = checkpoint.load(checkpoint.PRETRAINED, xp=np).model.rbms[0]
    pre = means @ rbm.W[:, units] + rbm.hbias[list(units)]
    assert pre[0, 0] > pre[1, 0] and pre[1, 1] > pre[0, 1]
    assert abs(means[0] - means[1]).max() > 0.2
    assert (means.std(axis=1) > 0.1).all()  # a free coin for each pixel would have 0.5 / sqrt(160)
    assert "NaN" not in words(page)
