"""Means and paired differences of a table whose numbers are known, and the figure of them."""

import math

import numpy as np
import pytest

from dbnvis import plot
from dbnvis.figures.tables.predicting import BEST, MEAN, SINGLE
from dbnvis.methods_compared import summary
from dbnvis.methods_compared.summary import summarize, table_figure

U = 40


def rows_of(method, rank, pictures=1, gain=0.5, layer="h1"):
    numbers = {"gain": gain, "choice": 0.9, "rank_low": -0.1, "rank_high": 0.1, "rank_product": 0.3}
    return [
        {
            "model": "a",
            "layer": layer,
            "position": "",
            "unit": f"{layer}:{u}",
            "method": method,
            "pictures": pictures,
            **numbers,
            "rank": float(value),
            "choice_product": 0.5,
            "rank_another_units": 0.01,
            "ceiling": 0.8,
        }
        for u, value in enumerate(rank)
    ]


@pytest.fixture(scope="module")
def table():
    """One method 0.1 above another in every unit, although units differ far more; a third that differs at random."""
    rng = np.random.default_rng(0)
    base, noise = rng.uniform(0.2, 0.8, U), rng.normal(0, 0.2, U)
    return [
        *rows_of("first", base),
        *rows_of("second", base - 0.1),
        *rows_of("third", base - 0.005 - (noise - noise.mean())),
        *rows_of(f"third{SINGLE}", base - 0.3, 9, math.nan),
        *rows_of(BEST, base + 0.15),
        *rows_of(MEAN, base * 0),
    ]


def of(found, method):
    return next(row for row in found if row["method"] == method)


def test_differences_are_paired_by_unit(table):
    found = summarize(table, seed=0)
    second = of(found, "second")
    assert second["behind"] == second["behind_low"] == second["behind_high"] == pytest.approx(0.1, abs=1e-4)
    assert second["rank_high"] - second["rank_low"] > 0.05
    best = max((of(found, name) for name in ("first", "second", "third")), key=lambda row: row["rank"])
    assert best["behind"] == best["behind_low"] == best["behind_high"] == 0
    assert of(found, BEST)["behind"] < 0 and of(found, MEAN)["rank"] == 0
    assert of(found, f"third{SINGLE}")["gain"] == ""
    first = of(found, "first")
    assert first["share_of_ceiling"] == pytest.approx(0.3 / 0.8, abs=1e-3)
    assert first["rank_over_images"] == pytest.approx(0.1) and first["units"] == U


def test_means_are_those_of_the_rows_of_each_place(table):
    other = rows_of("first", np.full(5, 0.25), layer="h2")
    found = summarize([*table, *other], seed=0)
    assert [(row["layer"], row["units"]) for row in found if row["method"] == "first"] == [("h1", U), ("h2", 5)]
    assert of([row for row in found if row["layer"] == "h2"], "first")["rank"] == 0.25


def test_an_interval_holds_the_mean_of_the_population():
    """Differences of mean 0.05: 95 % nominal, 90 to 99 % of 200 tables."""
    rng, covered = np.random.default_rng(1), 0
    for seed in range(200):
        base = rng.uniform(0.3, 0.7, U)
        found = summarize([*rows_of("a", base), *rows_of("b", base - rng.normal(0.05, 0.05, U))], seed=seed)
        row = of(found, "b")
        covered += row["behind_low"] <= 0.05 <= row["behind_high"]
    assert 180 <= covered <= 198


def test_the_figure_sets_in_bold_what_cannot_be_told_from_the_best(table, monkeypatch):
    drawn = {}
    names = {"first": "First", "second": "Second", "third": "Third", BEST: "Best"}
    monkeypatch.setattr(summary, "SHOWN", names)
    monkeypatch.setattr(summary.plot, "crosstab", lambda tables, rows, columns, **words: drawn.update(locals()))
    table_figure(summarize(table, seed=0), "heading", tested="4,000", another="0.01", size="0.20")
    assert drawn["rows"] == [f"a h1 ({U})"] and drawn["columns"] == list(names.values())
    strong = drawn["words"]["strong"]
    assert strong["predicts its unit"].tolist() == [[True, False, True, False]]
    assert not strong["excites its unit"].any()
    assert drawn["tables"]["excites its unit"].tolist() == [[0.5] * 4]


def test_a_crosstab_writes_every_number_once_and_leaves_empty_cells_empty():
    values = np.array([[0.1, np.nan, np.nan], [np.nan, np.nan, np.nan], [0.95, np.nan, -0.2]])
    strong = {"t": np.array([[True, False, False], [False, False, False], [False, False, False]])}
    figure = plot.crosstab(
        {"t": values}, ["a", "", "b"], ["x", "nothing", "y"], strong=strong, heading="h", caption="c", key="k"
    )
    (axes,) = figure.axes
    cells = {text.get_text(): text for text in axes.texts}
    assert set(cells) == {"0.10", "0.95", "-0.20", "x", "y"}
    assert cells["0.10"].get_weight() == "bold" and cells["0.95"].get_weight() == "normal"
    assert cells["0.95"].get_color() == "white" and cells["-0.20"].get_color() == "black"
