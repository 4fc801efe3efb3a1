"""dbnvis.visualize.tidy: pictures of units as rows, with the numbers that stand under them."""

import builtins
import sys
import types
from dataclasses import replace

import numpy as np
import pytest
from small_models import RHO, convnet, forward, random_dbn

from dbnvis import ActivationMaximization, ClampedGibbs, TopImages, Unit
from dbnvis.backend import make_rng, move, to_numpy
from dbnvis.evaluate.scores import Responses
from dbnvis.visualize import UnitImages
from dbnvis.visualize.tidy import COLUMNS, PICTURE, together

NAN = float("nan")
PLAIN = {"note": "", "percentile": None, "predictiveness": None, "choice": None, "method": "Some"}


def some(**changes):
    """Two units, three pictures each, with extras of every kind."""
    images = np.zeros((2, 3, 1, 2), dtype="float32")
    images[0, 0], images[0, 1], images[1, 2] = [[3, 4]], [[0.5, 0]], [[NAN, NAN]]
    extras = {
        "own": np.array([7, 8]),
        "tau": np.array([1.5, NAN]),
        "rows": np.array([[5, 6], [7, 8]]),
        "trace": np.zeros((2, 3, 4)),
        "p_on": np.array([[0.25, 0.5], [0.75, 1.0]]),
        "unknown": np.zeros((2, 3)),
    }
    pictures = UnitImages(
        images,
        np.array([[1, 2, 3], [4, 5, NAN]], dtype="float32"),
        {"method": "Some"},
        (Unit("conv2", 5, (3, 4)), Unit("conv2", 6, "mean")),
        ("", "dead"),
        extras,
        ("mean", "image"),
    )
    return replace(pictures, **changes)


def test_a_row_is_a_picture_and_an_absent_number_is_none():
    first = {"unit": "conv2:5@3,4", "layer": "conv2", "index": 5, "position": "3,4", **PLAIN}
    second = {"unit": "conv2:6@mean", "layer": "conv2", "index": 6, "position": "mean", **PLAIN, "note": "dead"}
    on = [{"tau": 1.5, "p_on": 0.25, "p_on_annealed": 0.5}, {"tau": None, "p_on": 0.75, "p_on_annealed": 1.0}]
    assert some().rows() == [
        {**first, "picture": 0, "role": "mean", "score": 1.0, "norm": 5.0, **on[0], "rows": None, "own": 7},
        {**first, "picture": 1, "role": "image", "score": 2.0, "norm": 0.5, **on[0], "rows": 5, "own": 7},
        {**first, "picture": 2, "role": "image", "score": 3.0, "norm": 0.0, **on[0], "rows": 6, "own": 7},
        {**second, "picture": 0, "role": "mean", "score": 4.0, "norm": 0.0, **on[1], "rows": None, "own": 8},
        {**second, "picture": 1, "role": "image", "score": 5.0, "norm": 0.0, **on[1], "rows": 7, "own": 8},
        {**second, "picture": 2, "role": "image", "score": None, "norm": None, **on[1], "rows": 8, "own": 8},
    ]
    assert list(some().rows()[0]) == [*PICTURE, "tau", "p_on", "p_on_annealed", "rows", "own"]


def test_values_are_plain_numbers_and_words():
    for row in some().rows():
        assert {type(x) for x in row.values()} <= {int, float, str, type(None)}


def test_no_unit_makes_no_rows_and_pictures_without_units_are_refused():
    none = replace(some(), images=np.zeros((0, 3, 1, 2)), scores=np.zeros((0, 3)), units=(), notes=(), extras={})
    assert none.rows() == []
    with pytest.raises(ValueError, match="got 0 units of 2"):
        some(units=()).rows()


def test_tables_of_several_methods_have_the_columns_of_all_in_one_order():
    other = replace(some(), extras={"links": np.ones((2, 3)), "acceptance": np.ones(2)}).rows()
    both = together([some().rows(), other])
    assert list(both[0]) == [*PICTURE, "tau", "acceptance", "p_on", "p_on_annealed", "links", "rows", "own"]
    assert [row["links"] for row in both] == [None] * 6 + [1.0] * 6
    assert [{name: row[name] for name in other[0]} for row in both[6:]] == other
    assert together([]) == [] and list(together([[{"x": 1, "model": "a", "unit": "h1:0"}]])[0]) == [
        "model",
        "unit",
        "x",
    ]


def test_parts_and_joined_pictures_keep_what_their_pictures_are():
    assert UnitImages.join([some().part(slice(1)), some().part(slice(1, 2))]).rows() == some().rows()


def test_scores_and_percentiles_are_counted(xp):
    model, rng = random_dbn(xp), np.random.default_rng(3)
    images = rng.random((50, 4, 5)).astype("float32")
    on_device = move(images, xp)
    method = ActivationMaximization(starts=2, max_steps=3, constraint="box")
    pictures = method(model, ["h2:1", "h2:6"], rng=make_rng(xp, 0))
    rows = pictures.rows(Responses.of(model, on_device))
    flat = images.reshape(50, -1)
    tested = forward(model, "h2", flat * RHO / np.linalg.norm(flat, axis=1, keepdims=True))
    for row, picture in zip(rows, pictures.images.reshape(4, -1), strict=True):
        score = forward(model, "h2", picture[None] * RHO / np.linalg.norm(picture))[0, row["index"]]
        assert row["score"] == pytest.approx(score, rel=1e-4)
        assert row["percentile"] == pytest.approx(100 * (tested[:, row["index"]] < score).mean())
        assert row["norm"] == pytest.approx(np.linalg.norm(picture.astype("float64")), rel=1e-12)
    assert [row["percentile"] for row in pictures.rows()] == [None] * 4
    np.testing.assert_array_equal([row["score"] for row in rows], pictures.scores.reshape(-1))


def test_percentiles_of_channels_are_those_of_their_positions():
    model, images = convnet(), np.random.default_rng(0).random((30, 12, 12))
    units = ["conv1:1@2,3", "conv1:1", "conv1:1@mean"]
    pictures = TopImages(k=2)(model, units, images=images)
    rows = pictures.rows(Responses.of(model, images))
    scaled = images * model.input_norm / np.linalg.norm(images, axis=(1, 2), keepdims=True)
    maps = to_numpy(model.network.upto("conv1.pre").forward(scaled)[0])[:, 1]
    middle = tuple(n // 2 for n in maps.shape[1:])
    readings = [maps[:, 2, 3], maps[(slice(None), *middle)], maps.mean(axis=(1, 2))]
    for row, own in zip(rows, np.repeat(readings, 3, axis=0), strict=True):
        # An image's own reading and its score may differ in the last bit, which decides whether it counts as below.
        least, most = (100 * (own < row["score"] + e).mean() for e in (-1e-9, 1e-9))
        assert least - 1e-9 <= row["percentile"] <= most + 1e-9 and most - least < 3.4
    assert [row["rows"] for row in rows] == [x for row in pictures.extras["rows"].tolist() for x in (None, *row)]


def test_responses_of_another_model_or_of_none_are_refused():
    model = random_dbn()
    pictures = ActivationMaximization(starts=1, max_steps=1)(model, ["h3:4"], rng=make_rng(np, 0))
    images = np.random.default_rng(0).random((9, 4, 5)).astype("float32")
    with pytest.raises(ValueError, match=r"do not name their model; make them by Responses\.of"):
        pictures.rows(Responses(Responses.of(model, images).by_layer))
    smaller = random_dbn(sizes=(20, 9, 7))
    with pytest.raises(KeyError, match="no layer 'h3'; the model has h1, h2"):
        pictures.rows(Responses.of(smaller, images))


@pytest.mark.parametrize(("others", "role"), [("free", "chain"), ("zero", "draw")])
def test_samples_say_whether_a_chain_drew_them(others, role):
    method = ClampedGibbs(chains=3, burn_in=1, draws=1, thin=1, shown=2, others=others)
    rows = method(random_dbn(), ["h2:0"], rng=make_rng(np, 0)).rows()
    assert [row["role"] for row in rows] == ["mean", role, role]
    assert ("tau" in rows[0]) == (others == "free")


# --- pandas


class Frame(dict):
    """In the place of a DataFrame: its columns."""


def test_a_frame_has_the_columns_of_the_rows_and_nan_for_an_absent_number(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", types.SimpleNamespace(DataFrame=Frame))
    found, rows = some().to_frame(), some().rows()
    assert list(found) == list(rows[0])
    for name, values in found.items():
        np.testing.assert_array_equal(values, [NAN if row[name] is None else row[name] for row in rows])


def test_without_pandas_the_error_says_what_to_install(monkeypatch):
    found = builtins.__import__

    def lacking(name, *args, **keywords):
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'")
        return found(name, *args, **keywords)

    monkeypatch.delitem(sys.modules, "pandas", raising=False)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(ImportError, match="pip install pandas"):
        some().to_frame()


def test_a_real_frame_counts_in_numbers():
    pandas = pytest.importorskip("pandas")
    found = some().to_frame(), random_frame()
    assert all(isinstance(x, pandas.DataFrame) for x in found)
    assert [found[0][name].dtype.kind for name in ("index", "picture", "score", "percentile", "rows")] == [*"iifff"]
    assert found[0].groupby("unit")["score"].max().to_dict() == {"conv2:5@3,4": 3.0, "conv2:6@mean": 5.0}
    assert found[1]["percentile"].between(0, 100).all()


def random_frame():
    model = random_dbn()
    images = np.random.default_rng(0).random((9, 4, 5)).astype("float32")
    pictures = ActivationMaximization(starts=2, max_steps=1)(model, ["h3:4"], rng=make_rng(np, 0))
    return pictures.to_frame(Responses.of(model, images))


def test_every_column_is_described_in_a_few_words():
    assert all(0 < len(text) < 120 and not text.endswith(".") for text in COLUMNS.values())
