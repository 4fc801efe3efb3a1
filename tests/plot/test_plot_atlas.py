"""Pictures at places in the plane, and pixels that do not exist, seen in the rendered figure."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from dbnvis import plot
from dbnvis.plot import Panel, Places
from dbnvis.plot.charts import CLASSES
from dbnvis.plot.panel import ABSENT


def render(figure):
    figure.set_dpi(plot.DPI)
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


def near(pixels, colour):
    return np.abs(pixels - np.array(to_rgb(colour))).max(axis=-1) < 0.02


def test_pictures_stand_at_their_places_in_the_colour_of_their_class():
    xy = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])  # below left, below right, above left
    tiles, labels = np.ones((3, 4, 4)), np.array([1, 2, 4])
    figure = plot.places(
        [Places("a title", xy, tiles, labels, size=0.1)], list("abcde"), heading="a heading", key="a legend"
    )
    pixels = render(figure)
    centres = {}
    for label in labels:
        seen = near(pixels, CLASSES[label])
        rows, columns = np.nonzero(seen[: int(0.9 * len(seen))])  # without the key below
        centres[label] = np.median(rows), np.median(columns)
    assert centres[1][0] == pytest.approx(centres[2][0], abs=3) and centres[1][1] < centres[2][1] - 300
    assert centres[1][1] == pytest.approx(centres[4][1], abs=3) and centres[4][0] < centres[1][0] - 300


def test_dark_pixels_of_a_picture_cover_nothing():
    tiles = np.zeros((2, 4, 4))
    tiles[0, 1, 1] = 1
    blank = Places("", np.array([[0.0, 0], [1, 1]]), np.zeros((2, 4, 4)), np.array([0, 3]))
    shown = Places("", np.array([[0.0, 0], [1, 1]]), tiles, np.array([0, 3]))
    plain, one = (render(plot.places([x], list("abcd"), heading="", key="")) for x in (blank, shown))
    changed = np.abs(plain - one).max(axis=-1) > 0.1
    rows, columns = np.nonzero(changed)
    side = 0.02 * 6.2 * plot.DPI
    assert 0 < changed.sum() < side**2 / 8 and np.ptp(rows) < side / 2 and np.ptp(columns) < side / 2


def test_panels_stand_on_a_grid_and_names_below_them_cover_nothing():
    one = Places("first", np.random.default_rng(0).random((9, 2)), np.ones((9, 3, 3)), np.arange(9) % 3)
    figure = plot.places([one] * 3, ["a", "b", "c"], heading="h", key="l")
    boxes = [axes.get_position() for axes in figure.axes]
    assert len(boxes) == 3 and boxes[0].y0 > boxes[2].y1 and boxes[0].x1 <= boxes[1].x0
    assert all(box.x0 >= 0 and box.x1 <= 1 and box.y0 >= 0 and box.y1 <= 1 for box in boxes)
    assert all(not axes.texts for axes in figure.axes)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    assert all(legend.get_window_extent().y1 <= axes.bbox.y0 for axes in figure.axes)


@pytest.mark.parametrize("symmetric", [True, False])
def test_pixels_that_do_not_exist_are_light_blue(symmetric):
    absent = np.zeros((1, 4, 4), dtype=bool)
    absent[0, 0] = True
    with_them, without = (
        render(plot.sheet([Panel(np.zeros((1, 4, 4)), symmetric, 1, absent=x)], heading="h", key="l", tile=1.0))
        for x in (absent, None)
    )
    blue = near(with_them, ABSENT[:3])
    assert blue.sum() == pytest.approx(plot.DPI * plot.DPI / 4, rel=0.03)
    assert not near(without, ABSENT[:3]).any()
    np.testing.assert_array_equal(with_them[~blue], without[~blue])
