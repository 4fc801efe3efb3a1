"""A figure depends on nothing but what it shows: settings of the user, backends, threads, names."""

import os
import subprocess
import sys
import threading
import warnings

import matplotlib
import numpy as np
import pytest
from legible import faults, texts_of

from dbnvis import plot
from dbnvis.plot import Lines, Panel, Places, Shares, Tiles
from dbnvis.plot.style import fixed, printable, text_width

#: Of astronomers, journals, slides, dark rooms; each would show in some figure.
USER = {
    "image.origin": "lower",
    "image.cmap": "viridis",
    "image.interpolation": "bicubic",
    "font.family": "serif",
    "font.size": 22,
    "text.usetex": True,
    "axes.formatter.use_mathtext": True,
    "savefig.transparent": True,
    "savefig.facecolor": "black",
    "savefig.dpi": 33,
    "savefig.bbox": "tight",
    "axes.facecolor": "black",
    "text.color": "white",
    "lines.linewidth": 7,
    "axes.edgecolor": "red",
    "figure.constrained_layout.use": True,
    "figure.dpi": 31,
    "axes.grid": True,
    "axes.xmargin": 0.4,
    "xtick.direction": "in",
    "ytick.labelsize": 20,
    "axes.formatter.use_locale": True,
    "axes.linewidth": 3,
    "path.sketch": (1, 100, 2),
    "text.antialiased": False,
    "axes.prop_cycle": "cycler('color', ['r'])",
}


def figures():
    """Each kind of figure, small."""
    tiles, rng = np.linspace(-1, 1, 24).reshape(2, 3, 4), np.random.default_rng(0)
    panel = Panel(tiles, True, 2, "title", ["0", "1"], ["1.5 99%", ""], ["", plot.BLUE])
    shares = Shares(["0", "1"], np.array([0.25, 0.75]), "probabilities")
    curves = {"a": ([1, 2], [0.5, 1.25]), "b": ([1, 2], [1000.5, 1.0])}
    words = {"heading": "Heading", "key": "Legend"}
    points, labels = rng.random((4, 2)), np.array([0, 1, 0, 1])
    colours = Panel(rng.random((1, 3, 5, 4)), False, 1)
    yield lambda: plot.sheet([panel, shares, colours], **words)
    yield lambda: plot.dashboard([[Lines("t", "note", "x", curves), Tiles("t", "note", panel)]], heights=[1.0], **words)
    yield lambda: plot.bars([("t", {"dbnvis": (2.0, 1.5, 4.0, 1.0)})], x_label="seconds", **words)
    yield lambda: plot.scatter({"t": points}, labels, **words)
    yield lambda: plot.places([Places("t", points, np.ones((4, 3, 3)), labels)], ["a", "b"], **words)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(plot.base, "DPI", 50)
    monkeypatch.setattr("dbnvis.plot.atlas.CANVAS", 100)


def written(figure, path):
    plot.base.save(figure, path)
    return path.read_bytes()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The bytes of each figure under matplotlib's own settings, in coarse pixels."""
    path = tmp_path_factory.mktemp("plain") / "a.png"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plot.base, "DPI", 50)
        patch.setattr("dbnvis.plot.atlas.CANVAS", 100)
        return [written(make(), path) for make in figures()]


def test_settings_of_the_user_change_no_figure_and_are_left_as_they_were(plain, tmp_path):
    with matplotlib.rc_context(USER):
        before = dict(matplotlib.rcParams)
        for make, expected in zip(figures(), plain, strict=True):
            assert written(make(), tmp_path / "a.png") == expected
        assert dict(matplotlib.rcParams) == before


def test_a_figure_is_built_and_saved_under_the_same_settings(plain, tmp_path):
    """Built under the user's settings and saved without them, or the other way round, also by matplotlib itself."""
    for make, expected in zip(figures(), plain, strict=True):
        with matplotlib.rc_context(USER):
            figure = make()
        assert written(figure, tmp_path / "a.png") == expected
        figure = make()
        figure.savefig(tmp_path / "a.png", dpi=50, metadata={"Software": None})
        with matplotlib.rc_context(USER):
            figure.savefig(tmp_path / "b.png", dpi=50, metadata={"Software": None})
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_threads_that_draw_at_once_leave_the_settings_of_the_user():
    """Without a lock the second takes the settings of the first for the user's, and is the last to restore them."""
    inside, both, closed, sizes = threading.Event(), threading.Event(), threading.Event(), []

    def first():
        with fixed():
            inside.set()
            both.wait(0.3)
            sizes.append(matplotlib.rcParams["font.size"])
        closed.set()

    def second():
        inside.wait()
        with fixed():
            both.set()
            closed.wait(5)
            sizes.append(matplotlib.rcParams["font.size"])

    with matplotlib.rc_context({"font.size": 22, "image.origin": "lower"}):
        threads = [threading.Thread(target=f) for f in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sizes == [10, 10]
        assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["image.origin"]) == (22, "lower")


@pytest.mark.parametrize(
    ("backend", "first", "kept"),
    [
        ("module://matplotlib_inline.backend_inline_absent", "", None),
        ("of a notebook", "", None),
        ("svg", "", "svg"),
        ("svg", "import matplotlib; matplotlib.use('pdf')", "pdf"),
    ],
)
def test_backends_that_are_not_installed_do_not_matter_and_others_stay(backend, first, kept):
    code = f"{first}\nfrom dbnvis import plot, cli\nplot.base.blank(1, 1)\n"
    code += "import os, matplotlib\nprint(os.environ['MPLBACKEND'])\n"
    code += "print(matplotlib.rcParams['backend'])" if kept else ""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "MPLBACKEND": backend}
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split("\n")[:-1] == [backend, *([kept] if kept else [])]


NAMES = {
    "cost_$5_$6.png": "cost_$5_$6.png",
    r"a\$b$\frac": r"a\$b$\frac",
    "caf\udce9.png": "caf\N{REPLACEMENT CHARACTER}.png",
    "数字.png": "\N{REPLACEMENT CHARACTER}" * 2 + ".png",
    "bell\a\x1b[31m\x85é": "bell[31m\N{REPLACEMENT CHARACTER}é",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_drawn_literally_and_what_the_font_lacks_is_replaced(name, tmp_path):
    assert printable(name) == NAMES[name] and printable(f"{name}\n") == f"{NAMES[name]}\n"
    panel = Panel(np.ones((1, 2, 2)), False, 1, name, labels=[name], captions=[name], note=name)
    seen = []
    for title in (name, NAMES[name]):
        figure = plot.sheet(
            [Panel(panel.tiles, False, 1, title, [title], [title], note=title)], heading=title, key=title
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            seen.append(written(figure, tmp_path / "a.png"))
        assert not any(text.get_parse_math() for text in texts_of(figure))
    assert seen[0] == seen[1]


def test_the_width_of_text_is_that_of_what_is_drawn():
    figure = plot.sheet([Panel(np.ones((1, 2, 2)), False, 1, "12.3 99% of gjpqy, WWW")], heading="", key="")
    figure.set_dpi(600)
    figure.canvas.draw()
    (text,) = (text for text in figure.axes[-1].texts if text.get_text().startswith("12.3"))
    drawn = text.get_window_extent().width / 600
    assert text_width("12.3 99% of gjpqy, WWW", 8) == pytest.approx(drawn, rel=0.02)


# --- text that can be read: the check of every figure that a test saves


def test_the_check_of_texts_finds_small_ones_overlaps_and_what_is_cut():
    figure = plot.base.blank(2, 2)
    assert faults(figure) == ["no caption"]
    figure.text(0.1, 0.5, "right", fontsize=6, gid="caption")
    assert faults(figure) == []
    figure.text(0.1, 0.8, "small", fontsize=5.9)
    figure.text(0.15, 0.5, "over", fontsize=8)
    figure.text(0.9, 0.2, "cut off at the right", fontsize=8)
    small, cut, over = faults(figure)
    assert "5.9 points: 'small'" in small and "beyond the border: 'cut off" in cut and "'right' over 'over'" in over


def test_a_caption_is_there_and_is_short():
    panel = Panel(np.ones((12, 4, 4)), True, 12)
    assert faults(plot.sheet([panel], heading="h", caption="word " * 40)) == []
    assert faults(plot.sheet([panel], heading="h")) == ["no caption"]
    assert faults(plot.sheet([panel], heading="h", caption="word " * 41)) == ["a caption of 41 words"]


def test_an_empty_area_larger_than_two_rows_of_tiles_is_found():
    wide, narrow = Panel(np.ones((24, 4, 4)), True, 12), Panel(np.ones((4, 4, 4)), True, 1)
    words = {"heading": "h", "caption": "c"}
    assert faults(plot.grid([[wide], [wide]], **words)) == []
    (found,) = faults(plot.grid([[wide], [narrow]], **words))  # four rows of one tile, eleven are empty
    assert found.startswith("an empty area of")
    assert faults(plot.grid([[narrow] * 10, [wide]], **words)) == []


LONG = "a title that is far longer than its panel is wide and has to be put on several lines " * 3


@pytest.mark.parametrize("tile", [0.05, 0.42])
@pytest.mark.parametrize("side_by_side", [True, False])
def test_long_texts_are_wrapped_inside_and_none_is_small(tile, side_by_side):
    n = 7
    panels = [
        Panel(
            np.ones((n, 4, 6)),
            True,
            4,
            LONG,
            labels=[f"conv{i}:15@20,11" for i in range(n)],
            captions=[f"-{10**i}.5 100%" for i in range(n)],
            note=LONG,
        ),
        Panel(np.ones((n, 6, 3)), False, 3, "MMMMMMMMMMMMMMMMMMMMMMMM a", labels=["epoch 10", *[""] * (n - 1)]),
        Shares(["none", "a class of a long name"], np.array([0.0, 1.0]), LONG, LONG),
    ]
    figure = plot.sheet(panels, heading=LONG, caption=LONG, key=LONG * 4, tile=tile, side_by_side=side_by_side)
    assert [fault for fault in faults(figure) if "empty" not in fault and "words" not in fault] == []


def test_numbers_beside_a_chart_have_room():
    lines = {"a": ([1, 2], [0.000123, 0.000124])}
    wide = [Lines(LONG[:50], LONG, "x", lines)] * 3
    figure = plot.dashboard([wide, wide[:2]], heading=LONG, caption="c", key=LONG, heights=[1, 1])
    assert faults(figure) == []


def test_the_label_of_a_row_has_the_room_of_the_row_and_widens_no_tile():
    plain, labelled = (
        Panel(np.ones((4, 2, 2)), True, 4, labels=labels) for labels in (["0", "", "", ""], ["epoch 1000", "", "", ""])
    )
    assert plain.pitch(0.3) == labelled.pitch(0.3) == pytest.approx(0.35)
    assert Panel(np.ones((4, 2, 2)), True, 4, labels=["epoch 1000", "b", "", ""]).pitch(0.3) > 0.4
