"""dbnvis.plot: what is seen in the rendered pixels."""

import struct
import zlib
from itertools import pairwise

import numpy as np
import pytest
from legible import texts_of, tiles_of

from dbnvis import plot
from dbnvis.plot import BLUE, GREEN, ORANGE, Histograms, Lines, Matrix, Panel, Tiles, bars, dashboard, grid, sheet
from dbnvis.plot.charts import _apart
from dbnvis.plot.panel import LINE

MID = (127, 128)


def render(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].astype(int)


def panel_axes(figure):
    """The axes with tiles; the keys of the grey scales are images of one row."""
    return [axes for axes in figure.axes if not any(image.get_array().shape[0] == 1 for image in axes.images)]


def boxes(figure):
    """Where each drawn tile lies in the rendered pixels: (top, bottom, left, right), in the order drawn."""
    figure.canvas.draw()
    height = figure.bbox.height
    found = []
    for axes in panel_axes(figure):
        for _, box in tiles_of(axes):
            x0, y0, x1, y1 = box.extents
            found.append(tuple(round(float(z)) for z in (height - y1, height - y0, x0, x1)))
    return found


def centre(pixels, box, row, column, rows, columns):
    """Colour in the middle of a tile's picture element."""
    top, bottom, left, right = box
    y, x = top + (row + 0.5) * (bottom - top) / rows, left + (column + 0.5) * (right - left) / columns
    return tuple(pixels[int(y), int(x)])


def grey(pixels, box, tile):
    """The rendered greys of all elements of `tile`, sampled at their middles."""
    rows, columns = tile.shape
    out = np.zeros(tile.shape, dtype=int)
    for i in range(rows):
        for j in range(columns):
            red, green, blue = centre(pixels, box, i, j, rows, columns)
            assert red == green == blue
            out[i, j] = red
    return out


def draw(tiles, symmetric=True, **keywords):
    panel = Panel(np.asarray(tiles, dtype=float), symmetric, columns=keywords.pop("columns", len(tiles)), **keywords)
    return sheet([panel], heading="Heading", key="Legend", tile=1.0)


def rgb(color):
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def texts(figure):
    return [t.get_text() for t in texts_of(figure)]


# --- greys


def test_symmetric_scale_has_zero_at_mid_grey_and_the_largest_value_at_an_end():
    tile = np.array([[0.0, -4.0, 0.0], [2.0, 0.0, -2.0], [0.0, 1.0, 0.0]])
    figure = draw([tile])
    seen = grey(render(figure), boxes(figure)[0], tile)
    assert set(seen[tile == 0]) <= set(MID)
    assert seen[0, 1] == 0
    np.testing.assert_allclose(seen, (tile / 4 + 1) / 2 * 255, atol=1.5)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_each_symmetric_tile_is_scaled_by_its_own_largest_value(scale):
    tile = np.array([[1.0, -0.5], [0.0, 0.25]])
    figure = draw([100 * tile, scale * tile])
    pixels = render(figure)
    a, b = (grey(pixels, box, tile) for box in boxes(figure))
    np.testing.assert_array_equal(a, b)
    assert a[0, 0] == 255


def test_a_tile_of_zeros_is_mid_grey_all_over():
    figure = draw([np.zeros((3, 3)), np.ones((3, 3))])
    assert set(grey(render(figure), boxes(figure)[0], np.zeros((3, 3))).ravel()) <= set(MID)


def test_pixels_are_drawn_from_black_at_0_to_white_at_1_and_not_stretched():
    tile = np.array([[0.0, 0.5], [0.25, 0.5]])
    figure = draw([tile, np.ones((2, 2))], symmetric=False)
    pixels = render(figure)
    np.testing.assert_allclose(grey(pixels, boxes(figure)[0], tile), 255 * tile, atol=1.5)
    assert (grey(pixels, boxes(figure)[1], tile) == 255).all()


def test_rows_and_columns_of_a_picture_are_not_exchanged_or_flipped():
    tile = np.zeros((4, 4))
    tile[0, 3] = 1.0  # top right
    figure = draw([tile], symmetric=False)
    seen = grey(render(figure), boxes(figure)[0], tile)
    assert np.argwhere(seen > 100).tolist() == [[0, 3]]


@pytest.mark.parametrize("symmetric", [True, False])
def test_a_tile_of_nan_is_crossed_out_not_grey(symmetric):
    plain, tiles = np.zeros((3, 4, 4)), np.zeros((3, 4, 4))
    plain[:, 0, 0] = tiles[:, 0, 0] = 1.0
    tiles[1] = np.nan
    reference = draw(plain, symmetric)
    top, bottom, left, right = boxes(reference)[1]
    area = render(draw(tiles, symmetric))[top + 2 : bottom - 2, left + 2 : right - 2].reshape(-1, 3)
    colours = {tuple(colour) for colour in area}
    assert (255, 255, 255) in colours
    orange = np.abs(area - rgb(ORANGE)).max(axis=1) < 40
    assert 0.05 < orange.mean() < 0.8  # the hatching
    is_grey = (np.ptp(area, axis=1) == 0) & (area[:, 0] < 250)
    assert not is_grey.any()
    # and its neighbours are drawn as before
    assert len(boxes(draw(tiles, symmetric))) == 2


def test_a_tile_with_a_single_nan_is_crossed_out_too():
    tiles = np.ones((2, 3, 3))
    tiles[0, 1, 1] = np.nan
    assert len(boxes(draw(tiles))) == 1


# --- pixel ranges, shapes, colours


RAMP = np.linspace(0, 1, 16).reshape(4, 4)


@pytest.mark.parametrize("within", [(0.0, 1.0), (-0.4242, 2.8215), (0.0, 255.0), (-1.0, 1.0), (10.0, 11.0)])
def test_a_range_of_pixels_runs_from_black_to_white_and_the_key_says_its_ends(within):
    low, high = within
    figure = draw([low + (high - low) * RAMP, np.full((4, 4), low)], symmetric=False, within=within)
    pixels = render(figure)
    np.testing.assert_allclose(grey(pixels, boxes(figure)[0], RAMP), 255 * RAMP, atol=1.5)
    assert (grey(pixels, boxes(figure)[1], RAMP) == 0).all()
    assert {f"{low:.4g}", f"{high:.4g}, pixel value"} <= set(texts(figure))


@pytest.mark.parametrize("within", [(-0.4242, 2.8215), (0.0, 255.0), (-1.0, 1.0)])
def test_pixels_beyond_0_and_1_without_a_range_are_not_cut_off(within):
    low, high = within
    figure = draw([low + (high - low) * RAMP], symmetric=False)
    np.testing.assert_allclose(grey(render(figure), boxes(figure)[0], RAMP), 255 * RAMP, atol=1.5)
    assert {f"{low:.4g}", f"{high:.4g}, pixel value"} <= set(texts(figure))


def test_every_range_and_what_is_in_it_has_a_key():
    ones = np.ones((1, 2, 2))
    panels = [
        Panel(ones, False, 1, within=(0, 255)),
        Panel(ones, False, 1, what="of the largest"),
        Panel(ones, True, 1),
        Panel(np.ones((1, 3, 2, 2)), True, 1),
    ]
    said = {"255, pixel value", "1, of the largest", "+max, of each tile", "+max, of each tile, all colours together"}
    assert said <= set(texts(sheet(panels, heading="h", key="l")))


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (1, 40), (7, 7)])
def test_tiles_have_the_shape_of_their_pictures(shape):
    rows, columns = shape
    figure = draw(np.random.default_rng(0).random((3, *shape)), columns=2, captions=["1", "2", "3"])
    for top, bottom, left, right in boxes(figure):
        assert (right - left) / (bottom - top) == pytest.approx(columns / rows, abs=3 * columns / rows / (bottom - top))
        assert (right - left) * (bottom - top) == pytest.approx(figure.dpi**2, rel=0.1)


@pytest.mark.parametrize("within", [(0.0, 1.0), (0.0, 255.0), (-1.0, 1.0)])
def test_colours_are_drawn_as_they_are(within):
    low, high = within
    image = np.random.default_rng(0).random((3, 2, 4))
    figure = draw([low + (high - low) * image], symmetric=False, within=within)
    pixels, box = render(figure), boxes(figure)[0]
    seen = np.array([[centre(pixels, box, i, j, 2, 4) for j in range(4)] for i in range(2)])
    np.testing.assert_allclose(seen, 255 * np.moveaxis(image, 0, -1), atol=1.5)


def test_signed_colours_have_zero_at_mid_grey_and_one_scale():
    image = np.zeros((3, 2, 3))
    image[0, :, 0], image[2, :, 0], image[1, :, 1] = 2.0, -2.0, 1.0  # red against blue; half as much green; nothing
    figure = draw([image])
    pixels, box = render(figure), boxes(figure)[0]
    seen = [centre(pixels, box, 0, j, 2, 3) for j in range(3)]
    np.testing.assert_allclose(seen, [(255, 127.5, 0), (127.5, 191.25, 127.5), (127.5, 127.5, 127.5)], atol=1)


def test_one_colour_is_grey():
    one, grey_ = draw([RAMP[None]], symmetric=False), draw([RAMP], symmetric=False)
    np.testing.assert_array_equal(render(one), render(grey_))


@pytest.mark.parametrize("shape", [(784,), (2, 8, 8), (5, 8, 8), (3, 8, 8, 1), ()])
def test_what_is_no_picture_is_refused_in_a_line(shape):
    with pytest.raises(ValueError, match=r"^a picture has rows and columns, or 1 or 3 colours .* got images of shape"):
        draw(np.ones((2, *shape)))


def test_a_table_has_its_numbers_against_the_right_edges_of_their_columns():
    table = plot.Table([("a long name", "1", "22"), ("b", "333", "4")], ("", "x", "yy"), "title")
    figure = sheet([table], heading="h", key="l")
    (axes,) = figure.axes
    render(figure)
    at = {text.get_text(): text.get_window_extent() for text in texts_of(figure)}
    assert at["1"].x1 == pytest.approx(at["333"].x1, abs=1) == pytest.approx(at["x"].x1, abs=1)
    assert at["22"].x1 == pytest.approx(at["4"].x1, abs=1)
    assert at["a long name"].x0 == pytest.approx(at["b"].x0, abs=1) and at["a long name"].x1 < at["333"].x0
    assert at["x"].y0 > at["1"].y1 > at["1"].y0 > at["333"].y1
    assert at["22"].x1 <= axes.bbox.x1 + 1


def test_bars_of_shares_are_as_long_as_the_shares_dark_on_white():
    chart = plot.Shares(["a", "b"], np.array([0.25, 0.75]), "title")
    figure = sheet([chart], heading="h", key="l")
    pixels, (axes,) = render(figure), figure.axes

    def color(share, i):
        column, row = axes.transData.transform((chart.left + chart.length * share, 0.22 + 0.03 + (i + 0.5) * chart.bar))
        return "#" + bytes(pixels[int(figure.bbox.height - row), int(column)].tolist()).hex().upper()

    assert [color(share, 0) for share in (0.02, 0.23, 0.27)] == ["#000000", "#000000", "#FFFFFF"]
    assert [color(share, 1) for share in (0.02, 0.73, 0.77)] == [BLUE, BLUE, "#FFFFFF"]
    assert {"a", "b", "25.0 %", "75.0 %", "title"} <= set(texts(figure))


# --- layout and text


@pytest.mark.parametrize("columns", [1, 3, 5])
def test_tiles_run_in_rows_from_the_left_within_the_figure(columns):
    figure = draw(np.random.default_rng(0).random((7, 3, 3)), columns=columns)
    found = np.array(boxes(figure))
    for i, (top, bottom, left, right) in enumerate(found):
        assert bottom > top >= 0 and right > left >= 0
        assert bottom <= figure.bbox.height and right <= figure.bbox.width
        assert (left == found[i % columns, 2]) and (top == found[i - i % columns, 0])
        assert bottom - top == pytest.approx(right - left, abs=1)  # square
    assert len({(top, left) for top, _, left, _ in found}) == 7
    rows = found[::columns, 0]
    assert (np.diff(rows) > 0).all()


def test_panels_lie_beside_or_below_each_other_and_do_not_overlap():
    panels = [Panel(np.ones((4, 2, 2)), symmetric, columns=2, title="t") for symmetric in (True, False)]
    for side_by_side in (True, False):
        figure = sheet(panels, heading="h", key="l", tile=0.5, side_by_side=side_by_side)
        first, second = np.array(boxes(figure)[:4]), np.array(boxes(figure)[4:])
        if side_by_side:
            assert second[:, 2].min() > first[:, 3].max()
            assert first[0, 0] == second[0, 0]
        else:
            assert second[:, 0].min() > first[:, 1].max()
            assert first[0, 2] == second[0, 2]


def test_rows_of_panels_lie_below_each_other_and_panels_of_a_row_beside_each_other():
    panel = Panel(np.ones((1, 2, 2)), True, columns=1)
    wide = Panel(np.ones((4, 2, 2)), True, columns=2)
    found = np.array(boxes(grid([[wide, panel], [panel, panel]], heading="h", key="l", tile=0.5)))
    first, beside, below, last = found[:4], found[4], found[5], found[6]
    assert beside[2] > first[:, 3].max() and beside[0] == first[0, 0]
    assert below[0] > first[:, 1].max() and below[2] == first[0, 2]
    assert last[2] > below[3] and last[0] == below[0]


def test_heading_legend_titles_numbers_and_captions_are_on_the_sheet():
    figure = draw(np.ones((2, 2, 2)), title="A title", labels=["17", "18"], captions=["1.5 99%", ""])
    said = texts(figure)
    for text in ("Heading", "Legend", "A title", "17", "18", "1.5 99%"):
        assert text in said


@pytest.mark.parametrize(
    ("kinds", "keys"),
    [((True,), {"-max"}), ((False,), {"1, pixel value"}), ((True, False), {"-max", "1, pixel value"})],
)
def test_every_grey_scale_in_use_is_explained(kinds, keys):
    panels = [Panel(np.ones((1, 2, 2)), kind, columns=1) for kind in kinds]
    said = set(texts(sheet(panels, heading="h", key="l")))
    assert keys == said & {"-max", "1, pixel value"}


def test_labels_lie_above_their_tile_and_captions_below():
    figure = draw(np.ones((2, 2, 2)), labels=["17", "18"], captions=["c", "d"])
    height, found = figure.bbox.height, boxes(figure)
    at = {t.get_text(): t.get_window_extent() for t in texts_of(figure)}
    for box, label, caption in zip(found, ("17", "18"), ("c", "d"), strict=True):
        assert height - at[label].y0 <= box[0] + 2
        assert height - at[caption].y1 >= box[1] - 2
        assert abs(at[label].x0 - box[2]) < 4


def test_frames_are_drawn_in_their_colours_round_the_tiles_that_have_one():
    figure = draw(np.zeros((3, 2, 2)), frames=[BLUE, "", ORANGE])
    pixels = render(figure)
    for (top, bottom, left, _), color in zip(boxes(figure), (BLUE, None, ORANGE), strict=True):
        edge = pixels[top + 5 : bottom - 5, left - 1 : left + 2].reshape(-1, 3)
        for candidate in (BLUE, ORANGE):
            close = (np.abs(edge - rgb(candidate)).max(axis=1) < 30).any()
            assert close == (candidate == color)


def test_a_white_tile_is_seen_if_it_is_outlined():
    seen = {}
    for outlined in (True, False):
        figure = draw(np.ones((1, 2, 2)), symmetric=False, outlined=outlined)
        top, bottom, left, right = boxes(figure)[0]
        seen[outlined] = render(figure)[top - 2 : bottom + 2, left - 2 : right + 2].min()
    assert 150 < seen[True] < 245 and seen[False] == 255


def test_long_labels_do_not_run_into_each_other():
    names = ["conv1:15@20,11", "conv2:18@14,22", "conv2:18@4,2", "7"]
    figure = sheet([Panel(np.ones((4, 2, 2)), True, 4, labels=names)], heading="h", key="l", tile=0.7)
    at = {t.get_text(): t for t in texts_of(figure)}
    ends = [at[name].get_window_extent() for name in names]
    assert all(first.x1 < second.x0 for first, second in pairwise(ends))
    assert at["7"].get_fontsize() == 6.5


# --- dashboards


def test_lines_are_the_numbers_they_are_given():
    lines = {"h1": ([1, 2, 3], [3.0, 2.0, 1.5]), "h2": ([1, 2], [9.0, 8.0])}
    charts = [Lines(title, f"note on {title}", "epoch", lines) for title in ("error", "gap")]
    figure = dashboard([charts], heading="Heading", key="Legend", heights=[1.5])
    assert {"error", "gap", "note on error", "note on gap"} <= set(texts(figure))
    for axes in figure.axes:
        assert axes.get_xlabel() == "epoch"
        assert [line.get_label() for line in axes.lines] == ["h1", "h2"]
        assert [t.get_text() for t in axes.get_legend().get_texts()] == ["h1", "h2"]
        for line, (x, y) in zip(axes.lines, lines.values(), strict=True):
            np.testing.assert_array_equal(line.get_xdata(), x)
            np.testing.assert_array_equal(line.get_ydata(), y)
        # told apart without colour, and by the colour-blind
        assert len({line.get_linestyle() for line in axes.lines}) == 2
        assert [line.get_color() for line in axes.lines] == [BLUE, ORANGE]
    assert {rgb(c) for c in (BLUE, ORANGE, GREEN)} == {(0, 114, 178), (213, 94, 0), (0, 158, 115)}  # Okabe & Ito
    assert "Legend" in texts(figure)
    assert (render(figure) < 200).any()


def test_counts_start_at_zero():
    charts = [
        Lines("counts", "", "epoch", {"dead": ([1, 2], [7, 9])}),
        Lines("means", "", "epoch", {"m": ([1, 2], [7.0, 9])}),
    ]
    counts, means = dashboard([charts], heading="", key="", heights=[1]).axes
    assert counts.get_ylim()[0] < 0 < 9 < counts.get_ylim()[1] and means.get_ylim()[0] > 6


def test_histograms_show_shares_in_common_bins():
    values = {"wide": np.array([0.0, 1, 2, 3]), "narrow": np.full((5, 2), 1.0)}
    (axes,) = dashboard([[Histograms("t", "n", "value", values, bins=3)]], heading="", key="", heights=[1]).axes
    wide, narrow = (patch.get_data() for patch in axes.patches)
    np.testing.assert_allclose(wide.edges, [0, 1, 2, 3])
    np.testing.assert_allclose(wide.values, [25, 25, 50])
    np.testing.assert_allclose(narrow.values, [0, 100, 0])


def test_a_histogram_of_one_value_has_a_bin():
    (axes,) = dashboard([[Histograms("", "", "", {"x": np.full(4, 2.0)})]], heading="", key="", heights=[1]).axes
    assert axes.patches[0].get_data().values.max() == 100


def test_a_matrix_runs_from_black_to_white():
    (axes,) = dashboard([[Matrix("", "", "x", "y", np.array([[0.0, 1.0]]))]], heading="", key="", heights=[1]).axes
    (image,) = axes.images
    np.testing.assert_array_equal(image.get_array(), [[0, 1]])
    assert image.get_clim() == (0, 1) and image.get_cmap().name == "gray"


def test_rows_of_a_dashboard_lie_below_each_other_with_their_notes_between():
    tiles = Tiles("tiles", "look at them " * 30, Panel(np.ones((4, 2, 2)), False, columns=2))
    lines = Lines("lines", "short", "epoch", {"a": ([1, 2], [1.0, 2.0])})
    figure = dashboard([[tiles], [lines, lines]], heading="Heading", key="Legend", heights=[1.0, 1.5])
    upper, left, right = (axes.get_position() for axes in figure.axes)
    height = figure.get_size_inches()[1]
    assert left.height * height == pytest.approx(1.5)
    assert upper.y0 > left.y1 and left.y0 == right.y0 and left.x1 < right.x0
    render(figure)
    note = next(t for t in figure.texts if t.get_text().startswith("look at"))
    box = note.get_window_extent().transformed(figure.transFigure.inverted())
    assert left.y1 < box.y0 < box.y1 < upper.y0


# --- files


def chunks_of(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, found = 8, {}
    while at < len(png):
        (n,) = struct.unpack(">I", png[at : at + 4])
        found[png[at + 4 : at + 8]] = png[at + 8 : at + 8 + n]
        assert zlib.crc32(png[at + 4 : at + 8 + n]) == struct.unpack(">I", png[at + 8 + n : at + 12 + n])[0]
        at += 12 + n
    return found


def test_png_bytes_depend_on_what_is_shown_alone(tmp_path):
    tiles = np.random.default_rng(0).standard_normal((6, 5, 5))
    tiles[2] = np.nan
    for name in ("a.png", "b.png"):
        plot.base.save(draw(tiles, labels=list("abcdef"), columns=3), tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second
    assert not {b"tEXt", b"iTXt", b"zTXt", b"tIME"} & chunks_of(first).keys()
    width, height = struct.unpack(">II", chunks_of(first)[b"IHDR"][:8])
    figure = draw(tiles, labels=list("abcdef"), columns=3)
    assert (width, height) == tuple(int(x * plot.DPI) for x in figure.get_size_inches())
    tiles[0, 0, 0] += 1
    plot.base.save(draw(tiles, labels=list("abcdef"), columns=3), tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes() != first


def test_drawing_opens_no_window_and_keeps_no_figure():
    import matplotlib.pyplot as plt

    draw(np.ones((2, 2, 2)))
    assert plt.get_fignums() == []


# --- bars


def test_a_bar_is_as_long_as_its_value_and_marked_at_its_floor():
    panels = [
        ("ours", {"dbnvis": (2.0, 1.5, 4.0, 1.0), "another": (3.0, 3.0, 3.0, 1.0)}),
        ("no floor", {"alone": (7.0, 7.0, 7.0, float("nan"))}),
    ]
    figure = bars(panels, x_label="seconds", heading="Heading", key="Legend")
    pixels = render(figure)
    ours, other = figure.axes
    assert [text.get_text() for text in ours.get_yticklabels()] == ["dbnvis", "another"]
    assert [text.get_text().strip() for axes in figure.axes for text in axes.texts] == ["2", "3", "7"]

    def color(axes, x, y):
        column, row = axes.transData.transform((x, y))
        return "#" + bytes(pixels[int(figure.bbox.height - row), int(column)].tolist()).hex().upper()

    assert (color(ours, 1.9, 0.2), color(ours, 2.1, 0.2)) == (ORANGE, "#FFFFFF")
    assert (color(ours, 2.9, 1.2), color(ours, 3.1, 1.2)) == (BLUE, "#FFFFFF")
    assert color(ours, 1.0, 0.2) == "#000000" and color(ours, 3.5, 0.0) != "#FFFFFF"  # the floor; up to the greatest
    assert color(other, 6.9, 0.2) == BLUE


def test_long_names_of_bars_are_within_the_figure():
    name = "dbnvis, without numba, without monitoring, and more"
    figure = bars([("", {name: (1.0, 1.0, 1.0, float("nan")), "short": (2.0,) * 4})], x_label="seconds", heading="H")
    render(figure)
    (label, _) = figure.axes[0].get_yticklabels()
    assert label.get_window_extent().x0 > 0


def test_numbers_beside_bars_are_never_written_as_powers_of_ten():
    rows = {name: (value, value, value, float("nan")) for name, value in (("a", 1322.4), ("b", 0.1588), ("c", 27.57))}
    (axes,) = bars([("", rows)], x_label="units per second", heading="Heading").axes
    assert [text.get_text().strip() for text in axes.texts] == ["1,322", "0.159", "27.6"]


def test_gains_are_as_long_as_their_values_and_marked_at_their_targets():
    gains = {"training": (1.5, 1.4, 1.6, 1.3), "drawing": (1.9, 1.9, 1.9, float("nan"))}
    figure = dashboard([[plot.Gains("two ranks", "", gains)]], heading="Heading", key="Legend", heights=[1.0])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [1.5, 1.9]
    assert [text.get_text().strip() for text in axes.texts] == ["training", "1.50", "drawing", "1.90"]
    marks = [line.get_xdata() for line in axes.lines if line.get_color() == ORANGE]
    np.testing.assert_array_equal(marks, [[1.3, 1.3], [np.nan, np.nan]])


def test_speed_ups_that_are_measured_are_points_in_the_colour_of_their_line():
    lines = {"batch 100": ([1, 2, 64], [1.0, 1.5, 0.4]), "batch 1,000": ([1, 2, 64], [1.0, 1.8, 20.0])}
    points = {"batch 1,000": (2.0, 1.7, 1.6, 1.9), "another": (2.0, 0.3, 0.3, 0.3)}
    chart = plot.SpeedUps("speed-up", "", "ranks", lines, points)
    (axes,) = dashboard([[chart]], heading="Heading", key="Legend", heights=[2.0]).axes
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [(*dot.get_xdata(), *dot.get_ydata(), dot.get_color()) for dot in dots] == [
        (2.0, 1.7, ORANGE),
        (2.0, 0.3, "#000000"),
    ]
    drawn = {line.get_label(): line for line in axes.lines}
    for name, (x, y) in lines.items():
        np.testing.assert_array_equal(drawn[name].get_xydata().T, [x, y])
        assert drawn[name].get_marker() == "None"  # a line alone: nothing was measured there
    low, high = axes.get_ylim()
    assert low < 0.3 and high > 64 and [t.get_text() for t in axes.get_xticklabels()] == ["1", "2", "64"]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == [*lines, "measured here"]


@pytest.mark.parametrize("colours", [200, 3000])
def test_a_picture_of_many_colours_is_as_near_as_if_each_pixel_was_quantized(colours):
    from PIL import Image

    rng = np.random.default_rng(0)
    palette = rng.integers(0, 256, (colours, 3))
    palette[: colours // 2] = palette[: colours // 2, :1]  # greys, of which most pixels are
    chosen = np.minimum(rng.exponential(colours / 8, (300, 400)).astype(int), colours - 1)
    pixels = np.full((300, 400, 4), 255, "uint8")
    pixels[..., :3] = palette[chosen]
    whole = Image.fromarray(pixels).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    found = plot.base._indexed(pixels)
    ours, own = (np.abs(np.asarray(x.convert("RGB"), int) - pixels[..., :3]).mean() for x in (found, whole))
    assert found.mode == "P" and ours <= 1.02 * own and (ours == 0) == (colours == 200)


def test_a_figure_without_colours_keeps_its_greys_and_one_with_them_takes_a_byte_a_pixel(tmp_path):
    from PIL import Image

    greys = np.linspace(0, 1, 16).reshape(1, 4, 4)
    grey = sheet([Panel(greys, False, 1)], heading="h", key="k", tile=1.0)
    framed = sheet([Panel(greys, False, 1, frames=[BLUE])], heading="h", key="k", tile=1.0)
    for figure, mode in ((grey, "L"), (framed, "P")):
        plot.base.save(figure, tmp_path / "a.png")
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.mode == mode
            drawn = np.asarray(picture.convert("RGB")).astype(int)
        exact = render(figure)[..., :3].astype(int)
        assert np.abs(drawn - exact).max() <= (0 if mode == "L" else 12)


def tiles_panel(n, side=4):
    return Panel(np.zeros((n, side, side)), True, columns=n)


def test_packed_panels_share_the_first_row_with_room_and_a_row_is_as_wide_as_asked():
    nine, one, eleven = (tiles_panel(n) for n in (9, 1, 11))
    assert plot.packed([nine, eleven, one], 0.5) == [[nine, one], [eleven]]
    threes = [tiles_panel(3) for _ in range(5)]
    rows = plot.packed(threes, 0.5, width=2 * threes[0].width(0.5) + 0.5)
    assert rows == [threes[:2], threes[2:4], threes[4:]]
    assert plot.packed([eleven], 2.0, width=1.0) == [[eleven]]


def test_a_space_sets_panels_apart():
    left, right = tiles_panel(2), tiles_panel(2)
    near, far = (boxes(grid([row], heading="h")) for row in ([left, right], [left, plot.Space(1.0), right]))
    assert 155 <= (far[2][2] - near[2][2]) * 160 / 100 - 0.12 * 160 <= 165  # an inch, and a margin more


def test_tiles_that_may_flow_fill_their_room():
    def width_of(reflow):
        _, _, left, right = boxes(dashboard([[Tiles("t", "", tiles_panel(30), reflow)]], heading="h", heights=[2.9]))[0]
        return right - left

    assert width_of(reflow=True) > 3 * width_of(reflow=False)


def test_epochs_are_marked_by_whole_numbers():
    lines = Lines("t", "", "epoch", {"a": (np.arange(1, 4), [0.5, 0.25, 0.1])})
    (axes,) = dashboard([[lines]], heading="h", heights=[1]).axes
    assert all(x == round(x) for x in axes.get_xticks())


def test_labels_that_overlap_are_moved_apart_and_no_other():
    places, size = np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0]]), np.array([1.0, 2.0])
    moved = _apart(places, size)
    np.testing.assert_allclose(moved, [[-0.45, 0.0], [0.55, 0.0], [5.0, 5.0]])


def test_a_caption_of_two_lines_has_room_for_both():
    tiles = np.zeros((2, 4, 4))
    one, two = (Panel(tiles, True, 2, captions=captions) for captions in (["12.3 87%", ""], ["12.3 87%\nρ 0.81", ""]))
    assert two.height(0.6) == pytest.approx(one.height(0.6) + LINE)
    assert two.width(0.6) == one.width(0.6)  # as wide as the longer line, not as both
