"""What the claims are measured on: pictures, rows, and the table they are written to and read from."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from claim_rows import study_of

from dbnvis.erhan2009.measures import AM, COLUMNS, METHODS, Measure, Pictures, printed, read_measures, row
from dbnvis.evaluate.scores import unit_scores
from dbnvis.results import write_csv


@pytest.fixture(scope="module")
def first_layer(plant):
    study = study_of(plant.model, plant.images, None)
    units, method = study.units("h1", 12), METHODS[AM]
    drawn = method(plant.model, units, rng=np.random.default_rng(0))
    return Pictures(study, "h1", drawn.indices, {AM: drawn.images}, {AM: drawn.scores}, np.zeros(12), 0)


def test_the_gain_is_zero_at_the_typical_response_and_one_at_the_optimum(plant, first_layer):
    typical = np.arange(12.0)
    pictures = replace(first_layer, typical=typical)
    best = pictures.scores[AM][:, 0]
    np.testing.assert_allclose(pictures.gain(typical), 0)
    np.testing.assert_allclose(pictures.gain(pictures.scores[AM])[:, 0], 1)
    middle = np.repeat(((best + typical) / 2)[:, None], 3, axis=1)
    np.testing.assert_allclose(pictures.gain(middle), 0.5)
    np.testing.assert_allclose(best, unit_scores(plant.model, "h1", range(12), pictures.images[AM])[:, 0], rtol=1e-5)


def test_a_row_keeps_the_value_its_interval_and_the_null():
    values = np.array([True] * 30 + [False] * 10)
    found = row("claim", "share", values, np.random.default_rng(0), np.array([True, False]), setting="here", null=0.25)
    assert (found.value, found.random_weights, found.null, found.setting) == (0.75, 0.5, 0.25, "here")
    assert 0.55 < found.low < 0.75 < found.high < 0.92


def test_rows_are_read_as_they_were_written_to_four_digits(tmp_path):
    measure = Measure("DBN", "c", "h1", "q, r", "s", 0.123456, 0.1, 1e-7, null_is="n", target="3: 4", missed="missed")
    count = replace(measure, model="StackedDAE", setting="DBN and StackedDAE", value=12345)
    write_csv(tmp_path / "claims.csv", [printed(measure), printed(count)])
    first, second = read_measures(tmp_path / "claims.csv")
    assert (first.model, first.quantity, first.target, first.missed) == ("DBN", "q, r", "3: 4", "missed")
    assert (first.value, first.low, first.high) == (0.1235, 0.1, 1e-7)
    assert math.isnan(first.null) and math.isnan(first.random_weights)
    assert (second.model, second.setting, second.value) == ("SDAE", "DBN and SDAE", 12345)
    assert [printed(row)["value"] for row in (first, second)] == ["0.1235", "1.234e+04"]


def test_the_columns_of_the_table_stay(written):
    """Those of the committed tables, which can be judged again."""
    _, folder = written
    with (folder / "tables" / "claims.csv").open(newline="") as file:
        assert tuple(next(csv.reader(file))) == COLUMNS
    asked = ["model", "claim", "layer", "quantity", "setting", "value", "low", "high", "null", "null_is"]
    assert {*asked, "random_weights", "target", "missed"} <= {*COLUMNS}


def test_a_table_that_is_not_there_has_no_rows(tmp_path):
    assert read_measures(tmp_path / "claims.csv") == []


def test_a_number_that_is_none_is_an_error_of_one_line(tmp_path):
    write_csv(tmp_path / "claims.csv", [{**printed(Measure("m", "c", "h1", "q")), "low": "few"}])
    with pytest.raises(ValueError, match=r"claims.csv is damaged or of another version \(row 1: .*few") as error:
        read_measures(tmp_path / "claims.csv")
    assert "\n" not in str(error.value)
