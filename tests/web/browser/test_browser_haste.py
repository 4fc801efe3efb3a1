"""People in a hurry: models and units changed faster than the page can follow, and things done out of order."""

import pytest

pytestmark = pytest.mark.browser


def text(page, selector):
    return page.locator(selector).text_content()


def settled(page):
    page.wait_for_timeout(400)
    return page


def test_models_may_be_switched_faster_than_they_are_shown(opened):
    page = opened()
    page.evaluate("for (const which of [1, 0, 1, 0, 1]) dbnvis.setModel(which); 0")
    settled(page)
    assert page.evaluate("dbnvis.model.id") == "convnet"
    assert page.locator("#layers h2").count() == 4
    assert text(page, "#unitname") == page.evaluate("`${dbnvis.layer}:${dbnvis.index}`") == "output:9"
    page.evaluate("dbnvis.choose('conv2', 3); dbnvis.setModel(0); 0")
    assert text(settled(page), "#unitname") == "h3:17"


def test_the_unit_that_was_chosen_last_is_shown_and_painted(opened):
    page = opened()
    page.evaluate("dbnvis.choose('h1', 3); dbnvis.choose('h2', 5); dbnvis.choose('h3', 20); 0")
    settled(page)
    assert text(page, "#unitname") == "h3:20" and text(page, "#sentence").startswith("h3:20 ")
    assert page.evaluate("dbnvis.panel.views.every(({canvas}) => canvas.isConnected)")


def test_a_frozen_input_stays_while_units_are_chosen(opened):
    page = opened()
    page.keyboard.press("f")
    before = page.evaluate("Array.from(dbnvis.model.input)")
    page.keyboard.press("x")  # an empty pad
    page.keyboard.press("ArrowRight")
    page.keyboard.press("z")
    settled(page)
    assert page.evaluate("Array.from(dbnvis.model.input)") == before
    assert text(page, "#sentence").startswith("h3:18 ") and text(page, "#unitname") == "h3:18"
    page.keyboard.press("f")
    settled(page)
    assert not any(page.evaluate("Array.from(dbnvis.model.input)"))


def test_nearest_images_follow_the_model(opened):
    page = opened()
    page.locator("#nearest button").first.wait_for()
    assert "in h3" in text(page, "#nearesttext")
    page.evaluate("dbnvis.setModel(1)")
    page.locator("#nearesttext", has_text="in dense1").wait_for()


def test_the_chain_stops_with_its_model_and_says_why_there_is_none(opened):
    page = opened()
    page.keyboard.press("g")
    assert "Pause" in text(page, "#chainplay")
    page.evaluate("dbnvis.setModel(1)")
    settled(page).keyboard.press("g")
    assert "no chain" in text(page, "#message")
    page.evaluate("dbnvis.setModel(0)")
    settled(page)
    assert "Run" in text(page, "#chainplay") and not page.evaluate("dbnvis.panel.chain.running")


def test_up_and_down_stay_in_the_column(opened):
    page = opened()
    columns = page.evaluate("dbnvis.viewOf('h3').columns")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("dbnvis.index") == 17
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("dbnvis.index") % columns == 17 % columns
    assert 250 - columns <= page.evaluate("dbnvis.index") < 250


def test_the_first_stroke_replaces_an_image_and_a_changed_address_leaves_the_drawing(opened):
    page = opened()
    assert page.evaluate("dbnvis.image") == 0
    box = page.locator("#pad").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y - 50)
    page.mouse.down()
    page.mouse.move(x, y + 50, steps=5)
    page.mouse.up()
    assert page.evaluate("dbnvis.pad.picture") is None and page.evaluate("dbnvis.image") == -1
    assert "image=" not in page.evaluate("location.hash")
    drawn = page.evaluate("Array.from(dbnvis.x)")
    page.evaluate("location.hash = '#model=pretrained&unit=h2:5'; 0")
    settled(page)
    assert text(page, "#unitname") == "h2:5" and page.evaluate("Array.from(dbnvis.x)") == drawn


def test_keys_work_after_a_network_was_chosen_and_beside_a_slider(opened):
    page = opened()
    page.select_option("#model", "1")
    settled(page).keyboard.press("z")
    assert page.evaluate("dbnvis.zoom")
    page.locator("#brush").focus()
    page.keyboard.press("z")
    assert not page.evaluate("dbnvis.zoom")
