"""The page in a real browser: it asks for nothing, computes what Python computes, and reads drawn digits."""

import numpy as np
import pytest
from chromium import draw, needs_browser, settle, state, words
from javascript import in_float64

from dbnvis import checkpoint
from dbnvis.datasets.pictures import center_digit

pytestmark = needs_browser
TAKEN = """() => {
    const {dbnvis: live} = window, plain = (x) => Array.from(x);
    const layers = (model) => Object.fromEntries([...model.activations].map(([name, y]) => [name, plain(y)]));
    return {
        x: plain(live.x), pad: plain(live.pad.pixels()),
        layers: live.models.map((model) => { model.forward(live.x); return layers(model); }),
        bars: live.bars.map(({number}) => parseFloat(number.textContent)),
    };
}"""


def test_from_a_file_nothing_is_asked_for(opened, strokes):
    page = opened()
    draw(page, strokes["7"])
    page.select_option("#model", "1")
    page.wait_for_timeout(500)  # the page compares its images while nothing moves
    assert set(opened.requests) == {opened.address}
    assert page.evaluate("window.violations") == [] and opened.complaints == []
    assert page.evaluate("document.cookie + Object.keys(localStorage).length") == "0"


def test_strokes_are_read_and_every_layer_is_pythons(opened, strokes):
    page = opened(hash_="#model=convnet")
    models = [checkpoint.load(path, xp=np).model for path in (checkpoint.PRETRAINED, checkpoint.CONVNET)]
    networks = [in_float64(model) for model in models]
    assert len(strokes) == 5
    for digit, lines in strokes.items():
        page.locator("#do-clear").click()
        draw(page, lines)
        taken = page.evaluate(TAKEN)
        x = np.array(taken["x"]).reshape(1, 28, 28)
        drawing = np.array(taken["pad"], "float32").reshape(140, 140)
        assert np.array_equal(x[0], center_digit(drawing, (28, 28)))  # both sides normalize alike
        assert int(np.argmax(taken["bars"])) == int(digit) and max(taken["bars"]) > 50
        for network, found in zip(networks, taken["layers"], strict=True):
            y = x
            for address, layer in network.layers.items():
                y, _ = layer.forward(y)
                assert abs(y.ravel() - found[address]).max() < 1e-9, address
        for model, found in zip(models, taken["layers"], strict=True):  # in the model's own single precision
            y = x.astype("float32")
            for address, layer in model.network.layers.items():
                y, _ = layer.forward(y)
                if address in model.layer_names:
                    np.testing.assert_allclose(found[address], y.ravel(), rtol=1e-5, atol=1e-5)


def test_the_sentence_is_pythons_percentile(opened, strokes):
    """What the page says of the chosen unit is what Python's table of responses says."""
    page = opened(hash_="#unit=h3:17")
    draw(page, strokes["3"])
    found = page.evaluate("(() => ({...dbnvis.measure(), rank: dbnvis.rank(), x: Array.from(dbnvis.x)}))()")
    saved = checkpoint.load(checkpoint.PRETRAINED, xp=np)
    network = in_float64(saved.model)
    x = np.array(found["x"]).reshape(1, 28, 28)
    y = x * saved.model.input_norm / np.linalg.norm(x)
    for address, layer in network.layers.items():
        y, _ = layer.forward(y)
        if address == "h3.pre":
            break
    assert abs(y[0, 17] - found["score"]) < 1e-6
    said = state(page)["sentence"]
    share = "at least 99" if found["percent"] >= 99 else f"{int(found['percent'])}"
    assert said.startswith(f"h3:17 responds to this input more strongly than to {share} % of MNIST test images")
    assert said.endswith(f"By pre-activation it is now number {found['rank']} of 250 in h3.")
    quantiles = saved.arrays["h3"][::2, 17].astype(float)  # the page has every second one
    assert found["percent"] == min(max(np.searchsorted(quantiles, found["score"]) - 1, 0), 99)


def test_models_are_switched(opened):
    page = opened()
    assert page.locator("#classes").is_hidden()
    assert page.locator("#layers h2").all_text_contents()[0].startswith("h3")
    page.select_option("#model", "1")
    page.locator("#classes").wait_for()
    assert state(page)["model"] == "convnet" and "model=convnet" in state(page)["hash"]
    assert page.locator("#bars li").count() == 10
    assert sum(page.evaluate("dbnvis.bars.map(({number}) => parseFloat(number.textContent))")) == pytest.approx(
        100, abs=1
    )
    assert page.locator("#chain").count() == 0  # there is no machine to sample from
    page.select_option("#model", "0")
    page.locator("#chain").wait_for()
    assert state(page)["model"] == "pretrained"


def test_an_address_restores_the_state(opened):
    page = opened(hash_="#model=convnet&unit=conv2:5&view=activation&image=7")
    now = state(page)
    assert (now["model"], now["unit"], now["view"], now["image"]) == ("convnet", "conv2:5", "activation", 7)
    assert now["shown"] == "conv2:5" and page.locator("#view").input_value() == "activation"
    assert "image 7" in now["seen"]
    page.evaluate("location.hash = '#model=pretrained&unit=h2:3&view=combination&image=0'")
    page.wait_for_timeout(300)
    now = state(page)
    assert (now["model"], now["unit"], now["view"], now["image"]) == ("pretrained", "h2:3", "combination", 0)


NONSENSE = [
    "#unit=h3:99999", "#unit=<script>alert(1)</script>", "#image=99999999", "#image=-1",
    f"#image={'9' * 400}", "#model=<img src=x onerror=alert(1)>", "#view=__proto__", "#unit=conv2:5&model=pretrained",
    "#%E0%A4%A", "#&&==&unit", "#image=1e3&unit=h3:17@mean", "#model=constructor&view=toString",
]  # fmt: skip


def test_nonsense_in_the_address_is_harmless(opened):
    page = opened()
    for address in NONSENSE:
        page.evaluate("(hash) => { location.hash = hash; }", address)
        page.wait_for_timeout(60)
        now = state(page)
        assert now["model"] == "pretrained" and now["shown"] == now["unit"] and 0 <= now["index"] < 250, address
        assert now["image"] in range(-1, 500) and now["ink"] > 1, address
        assert page.locator("main script, main img").count() == 0, address


@pytest.mark.parametrize("address", [NONSENSE[5], "#model=no&unit=<script>&view="])
def test_a_page_opens_from_a_nonsense_address(opened, address):
    page = opened(hash_=address)
    now = state(page)
    assert now["shown"] == now["unit"] and now["ink"] > 1


def test_every_family_has_a_page(opened):
    page = opened("small")
    names = page.locator("#model option").all_text_contents()
    assert [name.split()[0] for name in names] == ["DBN", "DBN", "MLP", "SDAE", "ConvNet", "ConvDBN"]
    for which, name in enumerate(names):
        page.select_option("#model", str(which))
        settle(page)
        assert page.evaluate("dbnvis.current") == which
        for layer in page.evaluate("dbnvis.model.layerNames"):
            page.evaluate("(layer) => dbnvis.choose(layer, 1)", layer)
            settle(page)
            assert state(page)["shown"] == f"{layer}:1"
        for view in page.locator("#view option").evaluate_all("(all) => all.map(({value}) => value)"):
            page.select_option("#view", view)
        page.locator("#do-clear").click()  # nothing to see: no number may be NaN, and none is
        settle(page)
        assert "NaN" not in words(page) and "undefined" not in words(page), name
        draw(page, [[(30, 50), (70, 50)]])
        assert page.evaluate("dbnvis.x.some((x) => x !== 0) && dbnvis.x.every(Number.isFinite)")
        assert state(page)["sentence"] and "NaN" not in words(page), name
        assert page.locator("#chain").count() == (1 if name.startswith("DBN") else 0)
