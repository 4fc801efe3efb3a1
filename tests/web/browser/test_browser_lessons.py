"""The lessons in a real browser: predict, play, step, start again, link, hide; every lesson's facts hold."""

import pytest
from chromium import needs_browser, settle

pytestmark = needs_browser
LAST = {1: 20, 2: 20, 3: 40, 4: 40, 5: 300, 6: 160, 7: 500, 8: 200}
FACTS = "() => [...document.querySelectorAll('.fact')].map((fact) => [fact.dataset.holds, fact.textContent])"
PIXELS = """() => [...document.querySelectorAll('#stage canvas')].map((c) => c.toDataURL()).join() +
    document.getElementById('stage').innerHTML.length"""

MOVED = """() => new Promise((done) => {
    const count = document.querySelector(".count"), start = count.textContent;
    const look = () => (count.textContent === start ? requestAnimationFrame(look) : done());
    look();
})"""


@pytest.mark.parametrize("number", LAST)
def test_a_lesson_is_predicted_stepped_and_started_again(lesson, number):
    page = lesson("lessons", f"#lesson={number}&seed=2")
    assert page.locator("#controls button", has_text="Play").is_disabled() and page.evaluate(FACTS) == []
    assert page.locator("#after").is_hidden()
    page.locator("#choices button").first.click()
    assert page.locator("#verdict").inner_text().startswith(("Right. ", "Not so. "))
    assert page.locator("#after").is_visible() and len(page.locator("#happened p").all()) == 3
    before = page.evaluate(PIXELS)
    page.keyboard.press("n")
    assert "steps=1" in page.url and page.evaluate(PIXELS) != before
    page.keyboard.press("r")
    assert "steps" not in page.url and page.evaluate(PIXELS) == before
    page.keyboard.press("p")
    page.evaluate(MOVED)
    page.keyboard.press("p")
    assert "steps=" in page.url


@pytest.mark.parametrize("number", LAST)
def test_a_linked_state_shows_its_facts(lesson, number):
    chains = "&chains=8" if number == 7 else ""
    page = lesson(
        "lessons", f"#lesson={number}&seed=1&steps={LAST[number]}{chains}", viewport={"width": 390, "height": 800}
    )
    facts = page.evaluate(FACTS)
    assert facts and all(holds == "true" for holds, _ in facts), facts
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert f"steps={LAST[number]}" in page.url


def test_controls_are_hidden_and_come_back(lesson):
    page = lesson("lessons", "#lesson=6&steps=10&hide=controls,text,code", color_scheme="dark")
    for name in ("#controls", ".predict", "#actions", "#intro", "#after", ".code"):
        assert page.locator(name).is_hidden(), name
    assert page.locator("#question").is_visible() and page.locator("#stage svg").is_visible()
    page.locator("#showall").click()
    assert "hide" not in page.url and page.locator("#controls").is_visible() and page.locator("#showall").is_hidden()


def test_what_makes_no_sense_in_the_address_is_said(lesson):
    page = lesson("lessons", "#lesson=2&seed=many&unit=9")
    said = page.locator("#notes").inner_text()
    assert "seed=many" in said and "unit=9 in the address: expected a unit from 1 to 6; 1 is taken." in said
    page.fill("#seed", "-3")
    page.press("#seed", "Enter")
    assert "A seed is a whole number" in page.locator("#notes").inner_text()
    page.locator("#contents a").nth(2).click()
    settle(page)
    assert page.locator("#question").inner_text() == "Why data minus model?"


def test_without_motion_play_moves_twice_a_second(lesson):
    page = lesson("lessons", "#lesson=1&answer=shown", reduced_motion="reduce")
    seen = page.evaluate(
        """() => new Promise((done) => {
            const seen = new Set(), end = performance.now() + 1300, count = document.querySelector(".count");
            [...document.querySelectorAll("#controls button")][0].click();
            const look = () => {
                seen.add(count.textContent);
                if (performance.now() < end) requestAnimationFrame(look);
                else done(seen.size);
            };
            look();
        })"""
    )
    assert 2 <= seen <= 4


def test_pixels_and_units_are_set_by_hand(lesson):
    page = lesson("lessons", "#lesson=2&answer=shown&pixels=0000000000000000")
    page.locator(".pixelpad").click(position={"x": 3, "y": 3})
    assert "pixels=8000000000000000" in page.url
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    assert page.url.count("8000000000000000") == 0
    page.locator(".unittile").nth(3).click()
    assert "unit=4" in page.url
    page.goto(page.url.partition("#")[0] + "#lesson=1&answer=shown&bits=00000")
    page.locator(".unit").nth(4).press("Enter")
    assert "bits=00001" in page.url and page.locator(".unit").nth(4).get_attribute("aria-pressed") == "true"
