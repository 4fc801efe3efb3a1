"""What objects say of themselves: short lines without arrays, tables and pictures for notebooks."""

import copy
import io
import math
import pickle
import re
import subprocess
import sys
from dataclasses import asdict, replace
from html.parser import HTMLParser

import numpy as np
import pytest
from legible import texts_of, tiles_of
from PIL import Image
from small_models import convnet, random_dbn

from dbnvis import (
    DAE,
    RBM,
    ActivationMaximization,
    ConvDBN,
    ConvRBM,
    EpochStats,
    GaussianRBM,
    StackedDAE,
    Unit,
    UnitImages,
)
from dbnvis.backend import make_rng
from dbnvis.datasets import Dataset
from dbnvis.display import Brief, Rows, brief, table
from dbnvis.evaluate.ais import AISEstimate
from dbnvis.evaluate.audit import unit_audit
from dbnvis.evaluate.enumeration import visible_distribution
from dbnvis.evaluate.resampling import Estimate
from dbnvis.evaluate.scores import Responses
from dbnvis.models.mlp import classifier


class Cells(HTMLParser):
    """The text of every cell of a table, row by row."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


STATS = EpochStats("h1", 3, 12.3456789, math.nan, 5, 0, 2, 1.5, 0.05, 2.0)
LINES = {
    "RBM(visible=20, hidden=9, dtype='float32', weight_norm=5)": lambda xp: RBM(
        xp.full((20, 9), np.sqrt(1.25), dtype="float32"), xp.zeros(20, dtype="float32"), xp.zeros(9, dtype="float32")
    ),
    "GaussianRBM(visible=4, hidden=2, dtype='float64', weight_norm=0, variance=0.5)": lambda xp: GaussianRBM(
        xp.zeros((4, 2)), xp.zeros(4), xp.zeros(2), variance=0.5
    ),
    "DBN(input=(4, 5), h1=9, h2=7, h3=5, dtype='float32')": random_dbn,
    "ConvNet(input=(12, 12), conv1=(3, 10, 10), conv2=(4, 3, 3), dense1=8, output=5, dtype='float64')": convnet,
    "DAE(W=float32 (6, 4), vbias=float32 (6,), hbias=float32 (4,), decoder=None, linear=False)": lambda xp: DAE.random(
        6, 4, rng=make_rng(xp, 0)
    ),
    "StackedDAE(input=(2, 3), h1=4, h2=3, dtype='float32')": lambda xp: StackedDAE.random(
        (6, 4, 3), (2, 3), rng=make_rng(xp, 0)
    ),
    "MLP(input=(4, 5), h1=9, h2=7, h3=5, output=3, dtype='float32')": lambda xp: classifier(
        random_dbn(xp), 3, rng=make_rng(xp, 0)
    ),
    "ConvDBN(input=(8, 8), h1=(3, 6, 6), dtype='float32')": lambda xp: ConvDBN(
        [ConvRBM.random(3, 1, 3, rng=make_rng(xp, 0))], (8, 8)
    ),
    "EpochStats(layer='h1', epoch=3, reconstruction_error=12.35, dead=5, always_on=0, duplicates=2, weight_norm=1.5, "
    "learning_rate=0.05, seconds=2)": lambda xp: STATS,
    "Estimate(value=0.3333, low=0.25, high=0.5)": lambda xp: Estimate(1 / 3, 0.25, 0.5),
    "AISEstimate(log_z=12.35, log_z_low=12, log_z_high=13, log_weights=float64 (4,), effective_samples=4)": lambda xp: (
        AISEstimate(12.3456, 12.0, 13.0, xp.zeros(4))
    ),
    "Unit('h3', 17)": lambda xp: Unit("h3", 17),
    "Unit('conv2', 5, (3, 4))": lambda xp: Unit("conv2", 5, (3, 4)),
    "Unit('conv2', 5, 'mean')": lambda xp: Unit("conv2", 5, "mean"),
    "Distribution(states=float64 (8, 3), free_energy=float64 (8,), log_z=2.773)": lambda xp: visible_distribution(
        RBM(xp.zeros((3, 1)), xp.zeros(3), xp.zeros(1))
    ),
    "UnitAudit(dead=bool (2,), always_on=bool (2,), duplicate=bool (2,))": lambda xp: unit_audit(
        xp.zeros((5, 2)), xp.zeros((3, 2))
    ),
    "Responses(by_layer={'h1': float64 (3, 2)}, model=None, images=None)": lambda xp: Responses(
        {"h1": xp.zeros((3, 2))}
    ),
}


@pytest.mark.parametrize("line", LINES)
def test_objects_say_what_they_are_on_one_line_without_arrays(xp, line):
    assert repr(LINES[line](xp)) == line


def test_units_can_be_read_back():
    for unit in (Unit("h3", 17), Unit("conv2", 5, (3, 4)), Unit("conv2", 5, "mean")):
        assert eval(repr(unit)) == unit


def test_every_brief_class_has_the_short_line():
    """A dataclass without repr=False would write one of its own, with all arrays."""

    def below(kind):
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    kinds = {kind for kind in below(Brief) if kind.__module__.startswith("dbnvis.")}
    assert {RBM, GaussianRBM, UnitImages, Dataset} <= kinds
    for kind in kinds:
        assert kind.__repr__ is Brief.__repr__, f"{kind.__name__} needs @dataclass(repr=False)"


def test_a_data_set_says_its_shapes():
    images = np.zeros((3, 2, 2), "float32")
    assert repr(Dataset("mine", images, None, images, np.zeros(3, int), "ab")) == (
        "Dataset(name='mine', train_images=float32 (3, 2, 2), train_labels=None, test_images=float32 (3, 2, 2), "
        "test_labels=int64 (3,), sha256='ab', input_range=(0, 1), folder=None, path=None, "
        "class_names=(), steps=())"
    )


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (0.123456, "0.1235"),
        (np.float32(2.5), "2.5"),
        (np.int64(3), "3"),
        (True, "True"),
        ((1,), "(1,)"),
        (list(range(9)), "[0, 1, 2, 3, 4, 5, ...]"),
        ({"a": np.zeros((2, 3)), "b": "x"}, "{'a': float64 (2, 3), 'b': 'x'}"),
        (np.zeros(0), "float64 (0,)"),
    ],
)
def test_values_in_few_characters(x, text):
    assert brief(x) == text


# --- tables


def test_a_model_is_a_table_of_its_layers(xp):
    dbn = random_dbn(xp)
    rows = Cells(dbn._repr_html_()).rows
    norms = [np.linalg.norm(rbm.W.get() if hasattr(rbm.W, "get") else rbm.W, axis=0).mean() for rbm in dbn.rbms]
    assert rows == [
        ["layer", "units", "weights", "weight norm"],
        *(
            [f"h{i + 1}", str(n), f"({m}, {n})", f"{norms[i]:.4g}"]
            for i, (m, n) in enumerate([(20, 9), (9, 7), (7, 5)])
        ),
    ]


def test_the_norms_of_kernels_are_those_of_the_channels():
    model = convnet()
    rows = {row[0]: row[1:] for row in Cells(model._repr_html_()).rows}
    W = model.network.weighted("conv2").W
    assert rows["conv2"] == ["(4, 3, 3)", "(4, 3, 3, 3)", f"{np.mean([np.linalg.norm(k) for k in W]):.4g}"]


@pytest.mark.parametrize("shown", [STATS, Estimate(0.5, 0.4, 0.6), RBM(np.ones((2, 1)), np.zeros(2), np.zeros(1))])
def test_a_table_has_what_the_line_has(shown):
    head, body = Cells(shown._repr_html_()).rows
    line = ", ".join(f"{name.replace(' ', '_')}={x}" for name, x in zip(head, body, strict=True))
    assert f"{type(shown).__name__}({line})" == repr(shown).replace("'", "")


def test_a_history_is_shown_as_one_table():
    rows = Rows(asdict(stats) for stats in (STATS, replace(STATS, epoch=4)))
    cells = Cells(rows._repr_html_()).rows
    assert [row[:2] for row in cells] == [["layer", "epoch"], ["h1", "3"], ["h1", "4"]]
    assert rows == [asdict(STATS), asdict(replace(STATS, epoch=4))]
    assert Cells(Rows()._repr_html_()).rows == []


def test_names_cannot_become_html():
    text = table("<b>", [{"<i>": "<script>alert(1)</script>"}])
    assert not re.search(r"<(b|i|script)>", text) and "&lt;script&gt;" in text


# --- pictures


def pictures(n=3, shape=(4, 5), seed=0, low=0.0):
    rng = np.random.default_rng(seed)
    images = low + (1 - low) * rng.random((n, 2, *shape))
    return UnitImages(images, rng.random((n, 2)), {"method": "Some"}, tuple(Unit("h1", i) for i in range(n)), ("",) * n)


def texts(figure):
    return [text.get_text() for text in texts_of(figure)]


def greys(figure):
    """The tiles of the last panel in bytes (height, width), and their boxes."""
    return [(tile[..., 0].astype(float), box) for tile, box in tiles_of(figure.axes[-1])]


def test_pictures_of_units_say_the_method_and_the_shape():
    assert repr(pictures()) == "UnitImages(method='Some', layer='h1', images=float64 (3, 2, 4, 5), notes=0)"
    noted = replace(pictures(), notes=("", "dead", ""), settings={}, units=())
    assert repr(noted) == "UnitImages(method='pictures', images=float64 (3, 2, 4, 5), notes=1)"


def test_plot_draws_the_first_picture_of_every_unit():
    shown = pictures(low=-1.0)
    shown.scores[1, 0] = np.nan
    figure = shown.plot()
    assert len(greys(figure)) == 3
    for (tile, _), image in zip(greys(figure), shown.images[:, 0], strict=True):
        np.testing.assert_allclose(tile, 127.5 + 127.5 * image / np.abs(image).max(), atol=1)
    assert texts(figure)[0] == "Some, layer h1, 3 units"
    for word in ("0", "1", "2", f"{shown.scores[0, 0]:.1f}", "-max"):
        assert word in texts(figure)


def test_pixels_without_sign_are_drawn_as_they_are():
    shown = pictures()
    for (tile, _), image in zip(greys(shown.plot()), shown.images[:, 0], strict=True):
        np.testing.assert_allclose(tile, 255 * image, atol=1)


def test_plot_draws_as_many_as_asked_for():
    figure = pictures(5).plot(2, columns=1)
    (_, first), (_, second) = greys(figure)
    assert texts(figure)[0] == "Some, layer h1, 2 of 5 units" and second.y1 < first.y0


def test_a_notebook_shows_a_small_sheet():
    shown = Image.open(io.BytesIO(pictures(50)._repr_png_()))
    same = Image.open(io.BytesIO(pictures(50).plot(36)._repr_png_()))
    assert np.array_equal(np.asarray(shown), np.asarray(same)) and np.asarray(shown).std() > 0


def test_colours_are_drawn():
    shown = pictures(shape=(3, 4, 5))
    for (tile, _), image in zip(tiles_of(shown.plot().axes[-1]), shown.images[:, 0], strict=True):
        np.testing.assert_allclose(tile[..., :3], 255 * np.moveaxis(image, 0, -1), atol=1)


@pytest.mark.parametrize("odd", [pictures(shape=(7,)), pictures(0)])
def test_what_is_no_picture_has_none_in_a_notebook_and_plot_says_why(odd):
    assert odd._repr_png_() is None
    with pytest.raises(ValueError, match=r"no sheet can draw|no units"):
        odd.plot()
    assert repr(odd).startswith("UnitImages(method='Some'")


@pytest.mark.parametrize("most", [0, -1, 2.5])
def test_plot_refuses_numbers_that_make_no_sense(most):
    with pytest.raises(ValueError, match="most must be an integer of at least 1"):
        pictures().plot(most)
    with pytest.raises(ValueError, match="columns must be"):
        pictures().plot(columns=most)


def test_units_without_a_picture_are_crossed_out_and_notes_are_told():
    shown = replace(pictures(5), notes=("", "dead", "a", "b", "c"))
    shown.images[1] = np.nan
    figure = shown.plot()
    assert len(greys(figure)) == 4
    assert "Notes on 4 of 5 units (1: dead, 2: a, 3: b, ...)." in " ".join(texts(figure)).replace("\n", " ")
    assert "Notes" not in " ".join(texts(shown.plot(1)))


def test_pictures_of_a_method_can_be_shown(xp):
    found = ActivationMaximization(starts=1, max_steps=5)(random_dbn(xp), ["h1:0", "h1:3"], rng=make_rng(xp, 0))
    assert Image.open(io.BytesIO(found._repr_png_())).format == "PNG"
    assert (
        repr(found) == "UnitImages(method='ActivationMaximization', layer='h1', images=float32 (2, 1, 4, 5), notes=0)"
    )


# --- what stays


@pytest.mark.parametrize(
    "x", [replace(STATS, free_energy_gap=0.1, held_out_error=3.0), Estimate(0.5, 0.4, 0.6), Unit("h1", 2)]
)
def test_equality_copies_and_pickles_stay(x):
    assert pickle.loads(pickle.dumps(x)) == x == copy.deepcopy(x) and hash(x) == hash(copy.copy(x))


def test_models_and_pictures_survive_a_pickle():
    dbn, shown = (pickle.loads(pickle.dumps(x)) for x in (random_dbn(), pictures()))
    np.testing.assert_array_equal(dbn.rbms[1].W, random_dbn().rbms[1].W)
    np.testing.assert_array_equal(shown.images, pictures().images)


def test_a_line_or_a_table_needs_no_matplotlib():
    code = (
        "import sys, numpy, dbnvis; x = dbnvis.DBN.random((4, 3), (2, 2), rng=numpy.random.default_rng(0));"
        "print(repr(x), x._repr_html_(), 'matplotlib' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip().endswith("False")
