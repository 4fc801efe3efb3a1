"""The atlas has every method and unit, keeps what it drew, and draws anew what is damaged."""

import io
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from decoded import array
from one_of_each import families, study_of
from PIL import Image

from dbnvis.visualize import VISUALIZERS, ActivationMaximization
from dbnvis.web import unit_atlas
from dbnvis.web.payload import Blobs
from dbnvis.web.unit_atlas import draw, sheet, tiles

QUICK = ("am", "combination", "top-images", "connections")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The methods that take no time, on small models."""
    for key in VISUALIZERS.keys() - set(QUICK):
        monkeypatch.delitem(VISUALIZERS, key)


def drawn(shown, folder, size="full", said=None):
    blobs = Blobs()
    atlas = draw(shown, "m", size, blobs, folder, print if said is None else said.append)
    return {entry["key"]: entry for entry in atlas.entry["methods"]}, atlas.notes, blobs


def test_every_unit_is_drawn_by_every_method(tmp_path):
    shown = study_of(families()["dbn"], tmp_path)
    methods, notes, blobs = drawn(shown, tmp_path / "atlas")
    assert [*methods] == [*QUICK] and not notes
    for key, method in methods.items():
        assert [*method["layers"]] == ["h1", "h2"] and method["question"].endswith("?") and method["settings"]
        for layer, entry in method["layers"].items():
            assert entry["units"] is None and entry["missing"] == []
            scores = array({"blobs": blobs.facts}, blobs.content, entry["scores"])
            assert len(scores) == shown.model.layer_shape(layer)[0], key


def test_a_tile_is_the_pictures_of_its_unit(tmp_path):
    shown = study_of(families()["dbn"], tmp_path)
    methods, _, blobs = drawn(shown, tmp_path / "atlas")
    pictures = shown.pictures(ActivationMaximization(starts=3), shown.units("h1"))
    entry = methods["am"]["layers"]["h1"]
    pixels = np.asarray(Image.open(io.BytesIO(blobs.content[entry["sheet"]])))
    for i in range(9):
        row, column = divmod(i, entry["columns"])
        tile = pixels[6 * row : 6 * row + 6, 6 * column : 6 * column + 6]
        x = pictures.images[i, 0]
        np.testing.assert_allclose(tile.astype(float), 128 + 127 * x / np.abs(x).max(), atol=0.51)
    scores = array({"blobs": blobs.facts}, blobs.content, entry["scores"])
    np.testing.assert_allclose(scores, pictures.scores[:, :1], rtol=1e-6)
    percentiles = array({"blobs": blobs.facts}, blobs.content, entry["percentiles"])
    expected = shown.responses.percentile("h1", list(range(9)), pictures.scores[:, :1])
    np.testing.assert_allclose(percentiles, expected, rtol=1e-6)


def test_links_stand_for_the_filters(tmp_path):
    shown = study_of(families()["dbn"], tmp_path)
    methods, _, blobs = drawn(shown, tmp_path / "atlas")
    entry = methods["connections"]["layers"]["h2"]
    header = {"blobs": blobs.facts}
    filters, links = (array(header, blobs.content, entry["links"][name]) for name in ("filters", "links"))
    W = shown.model.rbms[1].W
    assert filters.dtype == np.uint16 and "sheet" not in entry
    np.testing.assert_array_equal(links, np.take_along_axis(W.T, filters.astype(int), axis=1))
    assert (np.diff(np.abs(links), axis=1) <= 0).all()


def test_top_images_are_the_mean_and_nine_in_sixteen_greys(tmp_path):
    shown = study_of(families()["convnet"], tmp_path)
    methods, _, blobs = drawn(shown, tmp_path / "atlas")
    entry = methods["top-images"]["layers"]["conv1"]
    assert entry["per_unit"] == 10 and entry["columns"] % 10 == 0
    image = Image.open(io.BytesIO(blobs.content[entry["sheet"]]))
    greys = np.asarray(image.convert("L"))
    assert image.mode == "P" and set(np.unique(greys)) <= {17 * i for i in range(16)}
    pictures = shown.pictures(VISUALIZERS["top-images"](), shown.units("conv1"))
    np.testing.assert_allclose(greys[:6, :6], 255 * pictures.images[0, 0], atol=9.1)


def test_what_a_family_or_missing_images_leave_out_is_said(tmp_path):
    methods, notes, _ = drawn(study_of(families()["convnet"], tmp_path, data=False), tmp_path / "atlas")
    assert [*methods] == ["am", "combination"]
    assert any("mean of the top images: left out. TopImages needs tiny training images" in note for note in notes)
    assert any("convolutional" in note for note in notes) and all(note.endswith(".") for note in notes)


def test_a_second_run_reads_what_the_first_has_drawn(tmp_path, monkeypatch):
    shown = study_of(families()["dbn"], tmp_path)
    first = drawn(shown, tmp_path / "atlas")
    files = sorted((tmp_path / "atlas").glob("*.npz"))
    assert len(files) == 8  # four methods, two layers, no layer is larger than a piece
    monkeypatch.setattr(unit_atlas, "_piece", int)  # which takes no studies
    again = drawn(shown, tmp_path / "atlas")
    assert again[0] == first[0] and again[2] == first[2]
    assert drawn(shown, tmp_path / "atlas", "mail")[0] == first[0]  # its units are the first piece
    shown.seed = 1
    with pytest.raises(TypeError):
        drawn(shown, tmp_path / "atlas")


def test_another_model_is_drawn_for_itself(tmp_path):
    first = families()["dbn"]
    drawn(study_of(first, tmp_path), tmp_path / "atlas")
    first.rbms[1].hbias[0] += 1
    drawn(study_of(first, tmp_path), tmp_path / "atlas")
    assert len(list((tmp_path / "atlas").glob("*.npz"))) == 16


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b[:200] + b"\xff" * 40 + b[240:]])
def test_a_damaged_piece_is_drawn_anew_and_said(tmp_path, damage):
    shown = study_of(families()["dbn"], tmp_path)
    first = drawn(shown, tmp_path / "atlas")
    file = next((tmp_path / "atlas").glob("ActivationMaximization-h1-*.npz"))
    file.write_bytes(damage(file.read_bytes()))
    said = []
    again = drawn(shown, tmp_path / "atlas", said=said)
    assert again[0] == first[0] and again[2] == first[2]
    assert len(said) == 1 and said[0].startswith(str(file)) and said[0].endswith("it is drawn anew")
    assert drawn(shown, tmp_path / "atlas", said=said)[0] == first[0] and len(said) == 1


def test_an_interrupted_atlas_goes_on(tmp_path, monkeypatch):
    shown = study_of(families()["dbn"], tmp_path)
    expected = drawn(shown, tmp_path / "whole")
    one, count = unit_atlas._piece, []

    def three(*args):
        count.append(1)
        if len(count) == 4:
            raise KeyboardInterrupt
        return one(*args)

    monkeypatch.setattr(unit_atlas, "_piece", three)
    with pytest.raises(KeyboardInterrupt):
        drawn(shown, tmp_path / "atlas")
    assert len(list((tmp_path / "atlas").glob("*.npz"))) == 3
    assert drawn(shown, tmp_path / "atlas")[2] == expected[2]
    assert len(count) == 4 + 5


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path):
    (tmp_path / "file").write_text("")
    said = []
    methods, _, _ = drawn(study_of(families()["dbn"], tmp_path), tmp_path / "file" / "atlas", said=said)
    assert len(methods) == 4 and len(said) == 1 and "--cache" in said[0]


def test_a_new_method_appears_by_itself(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Mine(ActivationMaximization):
        """Which input a student likes best. And more."""

        title: ClassVar[str] = "my method"

    monkeypatch.setitem(VISUALIZERS, "mine", Mine)
    methods, _, _ = drawn(study_of(families()["sdae"], tmp_path), tmp_path / "atlas")
    assert methods["mine"]["title"] == "my method"
    assert methods["mine"]["question"] == "Which input a student likes best."
    assert methods["mine"]["layers"]["h2"]["tile"] == [6, 6]


def test_a_slow_method_draws_the_first_units_which_is_said(tmp_path, monkeypatch):
    monkeypatch.setitem(unit_atlas.MOST, "am", 2)
    methods, notes, _ = drawn(study_of(families()["dbn"], tmp_path), tmp_path / "atlas")
    assert methods["am"]["layers"]["h1"]["units"] == [0, 1]
    assert any("the first 2 units" in note and "dbnvis visualize --model small --method am" in note for note in notes)


def test_a_dead_unit_has_no_picture(tmp_path):
    model = families()["dbn"]
    model.rbms[1].W[:, 3] = 0
    methods, _, _ = drawn(study_of(model, tmp_path), tmp_path / "atlas")
    entry = methods["am"]["layers"]["h2"]
    assert entry["missing"] == [3] and "dead" in entry["notes"]["3"]


def test_pieces_cover_all_units_once(tmp_path):
    class Wide:
        units = staticmethod(lambda layer, n=None: list(range(1000 if n is None else n)))

    for size, n in (("full", 1000), ("mail", 36)):
        plan = unit_atlas._plan(Wide(), "h1", size, "am")
        assert [unit for piece in plan for unit in piece] == list(range(n)) and plan[0] == list(range(36))


def test_sheets_are_about_square(tmp_path):
    for n_units, shown in ((1000, 1), (1000, 10), (7, 11), (1, 1)):
        x = np.random.default_rng(0).integers(0, 256, (n_units, shown, 4, 5), dtype=np.uint8)
        png, columns, (height, width) = sheet(x)
        pixels = np.asarray(Image.open(io.BytesIO(png)))
        assert pixels.shape == (height, width) and columns % shown == 0 and max(height, width) < 1000
        row, column = divmod(n_units * shown - 1, columns)
        np.testing.assert_array_equal(pixels[4 * row : 4 * row + 4, 5 * column : 5 * column + 5], x[-1, -1])


def test_colours_stay_and_both_signs_are_scaled_together(tmp_path):
    """A picture that is red alone, with 1 in one pixel and -1/2 in another, of green half as strong."""
    shown = study_of(families()["dbn"], tmp_path)
    x = np.zeros((1, 1, 3, 6, 6))
    x[0, 0, 0, 0, 0], x[0, 0, 0, 1, 1], x[0, 0, 1, 2, 2] = 1, -0.5, 0.5
    signed, plain = tiles(shown, x, True)[0, 0], tiles(shown, np.abs(x), False)[0, 0]
    assert signed[0, 0].tolist() == [255, 128, 128] and signed[1, 1].tolist() == [64, 128, 128]
    assert signed[2, 2].tolist() == [128, 192, 128] and signed[5, 5].tolist() == [128, 128, 128]
    assert plain[0, 0].tolist() == [255, 0, 0] and plain[2, 2].tolist() == [0, 128, 0]
    png, columns, (height, width) = sheet(np.stack([signed, plain])[:, None])
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.shape == (height, width, 3) and columns == 1
    np.testing.assert_array_equal(pixels, np.concatenate([signed, plain]))


def test_a_picture_that_is_not_there_is_grey(tmp_path):
    shown = study_of(families()["dbn"], tmp_path)
    x = np.full((1, 2, 6, 6), np.nan)
    x[0, 1] = np.linspace(0, 1, 36).reshape(6, 6)
    assert (tiles(shown, x, False)[0, 0] == 128).all()
    np.testing.assert_array_equal(tiles(shown, x, False)[0, 1].ravel(), np.rint(np.linspace(0, 255, 36)))
