"""Sheets drawn as one image and as texts put together from characters: what matplotlib draws tile by tile."""

import matplotlib
import numpy as np
import pytest
from legible import texts_of
from matplotlib.text import Text
from matplotlib.transforms import IdentityTransform

from dbnvis import plot
from dbnvis.plot import Panel, sheet
from dbnvis.plot.base import blank
from dbnvis.plot.mosaic import Mosaic
from dbnvis.plot.style import _width, fixed, text_width

CAPTIONS = ["12.3 87%", "-0.4 100%", "7.0 0%", "1.1 11%", "!8.2 9%", "", "-30.0 3%"]


#: Until 3.10 matplotlib stretched an image to whole pixels, and characters took none.
since_3_11 = pytest.mark.skipif(matplotlib.__version_info__ < (3, 11), reason="until 3.10 matplotlib drew otherwise")


def rendered(figure, dpi):
    figure.set_dpi(dpi)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def empty_axes():
    """Axes of 5 by 4 inches, y downwards, that begin at no whole pixel."""
    figure = blank(5.37, 4.21)
    axes = figure.add_axes((0.123 / 5.37, 0.077 / 4.21, 5 / 5.37, 4 / 4.21))
    axes.set(xlim=(0, 5), ylim=(4, 0))
    axes.axis("off")
    return figure, axes


def own_images(axes, panel, tile, top):
    """What `Panel.draw` draws of tiles, each as an image of its own; where they lie, in inches."""
    (width, height), pitch, (above, below) = panel.size(tile), panel.pitch(tile), panel.margins()
    corners = []
    for i, image in enumerate(panel.tiles):
        x = i % panel.columns * pitch
        y = top + i // panel.columns * (above + height + below) + above
        shown = image / np.abs(image).max() if panel.symmetric else image
        _, low, high, _ = panel.scale
        shown = (np.moveaxis(shown, 0, -1) - low) / (high - low) if panel.colored else shown
        extent = (x, x + width, y + height, y)
        axes.imshow(shown, cmap="gray", vmin=low, vmax=high, extent=extent, interpolation="nearest", aspect="auto")
        corners.append((x, y))
    axes.set(xlim=(0, 5), ylim=(4, 0))
    return corners


@since_3_11
@pytest.mark.parametrize("dpi", [100, 160, 47])
@pytest.mark.parametrize(
    ("shape", "symmetric", "tile"),
    [
        ((28, 28), True, 0.42),
        ((28, 28), False, 0.613),
        ((9, 14), True, 0.3),
        ((3, 8, 5), True, 0.5),
        ((1, 7), False, 0.4),
    ],
)
def test_a_sheet_has_the_pixels_that_images_of_its_tiles_have(shape, symmetric, tile, dpi):
    tiles = np.random.default_rng(0).random((11, *shape)) * 2 - symmetric
    panel = Panel(tiles, symmetric, 4, labels=["7"] * 11)
    (one, axes), (many, others) = empty_axes(), empty_axes()
    with fixed():
        panel.draw(axes, tile, 0.1)
        own_images(others, panel, tile, 0.1)
    labels = next(artist for artist in axes.artists if artist.texts)
    labels.set_visible(False)
    seen, expected = rendered(one, dpi), rendered(many, dpi)
    apart = np.abs(seen - expected).max(axis=-1)
    assert (expected < 250).any(axis=-1).sum() > 0.5 * 11 * np.prod(panel.size(tile)) * dpi**2
    assert (apart > 1).mean() < 1e-4  # a middle of a pixel between two of a tile's: either


def test_texts_stand_where_matplotlib_draws_them():
    """Of each text the ink and its middle, which may be off by half a pixel, as texts begin at whole ones."""
    points = np.array([[0.3 + 1.237 * (i % 3), 0.4 + 1.173 * (i // 3)] for i in range(len(CAPTIONS))])
    (one, axes), (many, others) = empty_axes(), empty_axes()
    with fixed():
        axes.add_artist(plot.mosaic.Texts(axes, points, CAPTIONS, fontsize=6, va="top"))
        for point, text in zip(points, CAPTIONS, strict=True):
            others.text(*point, text, fontsize=6, va="top")
    seen, expected = (255 - rendered(figure, 160)[..., 0] for figure in (one, many))
    for text in others.texts:
        if not text.get_text():
            continue
        x0, y0, x1, y1 = (int(z) for z in text.get_window_extent().extents)
        around = slice(len(seen) - y1 - 4, len(seen) - y0 + 4), slice(x0 - 4, x1 + 4)
        found, wanted = seen[around].astype(float), expected[around].astype(float)
        assert found.sum() == pytest.approx(wanted.sum(), rel=0.03)
        for axis in (0, 1):
            at = [np.average(np.arange(ink.shape[axis]), weights=ink.sum(axis=1 - axis)) for ink in (found, wanted)]
            assert at[0] == pytest.approx(at[1], abs=0.55), text.get_text()
        seen[around] = expected[around] = 0
    assert not seen.any() and not expected.any()


@since_3_11
def test_texts_are_put_together_as_matplotlib_draws_one_at_a_whole_pixel():
    """On a canvas of its own, whose lower left corner is the text's."""
    (one, axes), (many, _) = empty_axes(), empty_axes()
    points = np.array([[0.4, 0.5 + 0.4 * i] for i in range(len(CAPTIONS))])
    with fixed():
        texts = axes.add_artist(plot.mosaic.Texts(axes, points, CAPTIONS, fontsize=6.5, va="baseline"))
        one.set_dpi(160)
        for (x, y), text in zip(texts.get_transform().transform(points), CAPTIONS, strict=True):
            whole = Text(np.floor(x + 0.5), np.floor(y + 0.5), text, fontsize=6.5, transform=IdentityTransform())
            many.add_artist(whole)
    np.testing.assert_allclose(rendered(one, 160), rendered(many, 160), atol=1)


def test_where_characters_take_no_whole_pixels_texts_are_those_of_matplotlib(monkeypatch):
    """As in matplotlib until 3.10."""
    monkeypatch.setattr(plot.mosaic, "_characters", lambda size, dpi: None)
    (one, axes), (many, others) = empty_axes(), empty_axes()
    points = np.array([[0.4, 0.5 + 0.4 * i] for i in range(len(CAPTIONS))])
    with fixed():
        axes.add_artist(plot.mosaic.Texts(axes, points, CAPTIONS, fontsize=6, va="top"))
        for point, text in zip(points, CAPTIONS, strict=True):
            others.text(*point, text, fontsize=6, va="top")
    np.testing.assert_array_equal(rendered(one, 160), rendered(many, 160))


def test_texts_that_reach_beyond_the_canvas_are_cut():
    (one, axes), (many, others) = empty_axes(), empty_axes()
    points = np.array([[-0.22, 1], [5.1, 1], [2, -0.15], [2, 4.1], [9, 9], [-3, 2]])
    with fixed():
        axes.add_artist(plot.mosaic.Texts(axes, points, ["12.3 87%"] * len(points), fontsize=8, va="top"))
        for x, y in points:
            others.text(x, y, "12.3 87%", fontsize=8, va="top")
    seen, expected = (255 - rendered(figure, 100)[..., 0] for figure in (one, many))
    for part in (np.s_[:, :80], np.s_[:, -80:], np.s_[:20, 100:-100], np.s_[-20:, 100:-100], np.s_[20:-20, 80:-80]):
        assert seen[part].sum() == pytest.approx(expected[part].sum(), rel=0.1)


def numbered(n):
    tiles = np.random.default_rng(0).standard_normal((n, 6, 6))
    tiles[n // 2] = np.nan
    names, frames = [str(i) for i in range(n)], [plot.BLUE, ""] * (n // 2)
    panel = Panel(tiles, True, 10, "title", names, [f"{i / 10} 50%" for i in range(n)], frames, outlined=True)
    return sheet([panel], heading="h", caption="c", key="k", tile=0.4)


def test_more_tiles_are_drawn_by_no_more_artists():
    few, many = ([len(axes.get_children()) for axes in numbered(n).axes] for n in (20, 200))
    assert many == few
    assert {text.get_text() for text in texts_of(numbered(200))} >= {"0", "199", "19.9 50%"}


def test_a_tile_smaller_than_a_pixel_is_one():
    figure, axes = empty_axes()
    Panel(np.zeros((6, 4, 4)), False, 3).draw(axes, 0.002, 0.1)
    assert (rendered(figure, 50) == 0).all(axis=-1).sum() == 6


def test_a_drawing_of_lines_has_its_texts_and_one_image(tmp_path):
    numbered(20).savefig(tmp_path / "a.svg", metadata={"Date": None})
    drawn = (tmp_path / "a.svg").read_text()
    assert all(f"<!-- {text} -->" in drawn for text in ("0", "19", "1.9 50%"))
    assert drawn.count("<image") == 2  # the tiles, and the key of their greys
    numbered(20).savefig(tmp_path / "a.pdf", metadata={"CreationDate": None})
    assert b"/Subtype /Image" in (tmp_path / "a.pdf").read_bytes()


def test_a_figure_cut_to_what_it_shows_keeps_texts_beyond_the_axes():
    """As notebooks of matplotlib save it."""
    figure, axes = empty_axes()
    with fixed():
        texts = axes.add_artist(plot.mosaic.Texts(axes, np.array([[1, 1], [4.8, 2]]), ["7", "12.3 87%"], fontsize=6))
    figure.draw_without_rendering()
    right = texts.artists()[1].get_window_extent().x1
    assert axes.bbox.x1 < right == pytest.approx(figure.dpi * figure.get_tightbbox().x1)


def test_digits_between_others_are_as_wide_as_any():
    rng = np.random.default_rng(0)
    texts = [
        *map(str, range(1000)),
        *(f"{x:.1f} {p}%" for x, p in zip(rng.normal(0, 20, 500), range(500), strict=True)),
    ]
    texts += ["conv1:15@20,11", "R²=0.11 17", "1", "T1T7T 4A7A", "7,7;7-1"]
    for weight in ("normal", "bold"):
        assert [text_width(text, 6, weight) for text in texts] == [_width(text, 6, weight) for text in texts]


def test_a_tile_is_where_its_box_says():
    tiles = np.zeros((3, 4, 4))
    tiles[2] = 1
    figure = sheet([Panel(tiles, False, 2)], heading="h", tile=0.5)
    pixels = rendered(figure, 160)
    (mosaic,) = (image for axes in figure.axes for image in axes.images if isinstance(image, Mosaic))
    x0, y0, x1, y1 = (round(float(z)) for z in mosaic.boxes[2].extents)
    assert (pixels[len(pixels) - y1 : len(pixels) - y0, x0:x1] == 255).all()
    x0, y0, x1, y1 = (round(float(z)) for z in mosaic.boxes[1].extents)
    assert (pixels[len(pixels) - y1 : len(pixels) - y0, x0:x1] == 0).all()


def test_a_panel_without_tiles_has_no_image():
    figure = sheet([Panel(np.zeros((0, 4, 4)), True, 1, "no links", labels=[])], heading="h")
    rendered(figure, 50)
    assert not any(isinstance(image, Mosaic) for axes in figure.axes for image in axes.images)


@pytest.mark.parametrize("what", ["labels", "captions", "frames"])
def test_every_tile_has_one_text_of_each_kind(what):
    with pytest.raises(ValueError, match=f"every tile has one of the {what}: 2 tiles, 3 {what}"):
        Panel(np.zeros((2, 4, 4)), True, 1, **{what: ["", "", ""]})
