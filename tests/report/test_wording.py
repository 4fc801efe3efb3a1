"""Sentences whose numbers come from facts, and pictures as PNG files."""

import io

import numpy as np
import pytest
from one_of_each import small_dbn, study_of
from PIL import Image

from dbnvis.report.drawn import tile
from dbnvis.report.wording import Said, find, written

FACTS = {
    "a": {"n": 1234, "share": 12.345, "none": None, "names": ["x", "y"], "word": "<b>&", "yes": True},
    "top": [7, 8],
}


def test_places_are_filled_from_the_facts():
    said = Said("{n} of {/top.1}: {share:.1f} %, {none:.2f}, {names}, {word}, {yes}", "a")
    assert said.plain(FACTS) == "1,234 of 8: 12.3 %, not defined, x, y, <b>&, yes"
    assert said.paths() == ["a.n", "top.1", "a.share", "a.none", "a.names", "a.word", "a.yes"]


def test_html_names_the_path_and_the_whole_number():
    assert Said("{share:.1f} % < {word}", "a").html(FACTS) == (
        '<data value="12.345" data-at="a.share">12.3</data>&nbsp;% &lt; <span data-at="a.word">&lt;b&gt;&amp;</span>'
    )


def test_facts_are_not_read_as_sentences():
    assert Said("{x}").plain({"x": "{y}"}) == "{y}" == written("{y}")
    assert Said("{x}").html({"x": "{y}"}) == '<span data-at="x">{y}</span>'


@pytest.mark.parametrize("path", ["b", "a.b", "top.2", "top.x", "a.n.x"])
def test_a_path_that_leads_nowhere_is_refused(path):
    with pytest.raises(KeyError, match=f"nothing at {path}"):
        find(FACTS, path)


def opened(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_greys_of_a_tile(tmp_path):
    study = study_of(small_dbn(), tmp_path)
    image = np.array([[0.0, 2.0], [-1.0, 0.5]])
    times = 14  # 2 pixels become 28
    greys = opened(tile(study, image, True))
    np.testing.assert_array_equal(greys[::times, ::times], [[128, 255], [64, 160]])
    assert greys.shape == (28, 28) and greys.dtype == np.uint8
    np.testing.assert_array_equal(opened(tile(study, image, False))[::times, ::times], [[0, 255], [0, 128]])
    assert opened(tile(study, np.zeros((2, 2)), True)).tolist() == [[128] * 28] * 28


def test_large_and_coloured_tiles(tmp_path):
    study = study_of(small_dbn(), tmp_path)
    assert opened(tile(study, np.zeros((300, 150)), False)).shape == (96, 48)
    colours = np.zeros((3, 40, 40))
    colours[1] = 1
    assert opened(tile(study, colours, False))[0, 0].tolist() == [0, 255, 0]


def test_nan_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match="NaN cannot be drawn"):
        tile(study_of(small_dbn(), tmp_path), np.full((6, 6), np.nan), True)
