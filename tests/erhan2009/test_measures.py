"""What the claims are measured on: pictures, rows, and the table they are written to and read from."""

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from claim_rows import study_of
from scipy import stats

from dbnvis.erhan2009.measures import COLUMNS, Measure, printed, read_measures, rise, row
from dbnvis.erhan2009.unit_pictures import AM, FEW, METHODS, NETWORKS, Layer, Pictures, Values
from dbnvis.evaluate.agreement import shuffled
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
    values = Values(values, [np.array([True, False])] * 3)
    found = row("claim", "share", values, np.random.default_rng(0), setting="here", null=0.25)
    assert (found.value, found.random_weights, found.null, found.setting) == (0.75, 0.5, 0.25, "here")
    assert 0.55 < found.low < 0.75 < found.high < 0.92
    assert math.isnan(found.p)  # nothing is asked


def test_a_share_of_all_units_has_an_interval():
    everything = np.ones(250, dtype=bool)
    found = row("claim", "share", Values(everything), np.random.default_rng(0))
    assert (found.value, found.high) == (1, pytest.approx(1)) and found.low == pytest.approx(0.9849, abs=1e-4)


def test_what_is_asked_is_asked_of_units_and_of_networks():
    rng = np.random.default_rng(0)
    units = 1 + rng.standard_normal(200)

    def found(networks, least=0.0):
        values = Values(units, [m + rng.standard_normal(50) for m in networks])
        return row("claim", "x", values, rng, least=least)

    low = found(np.zeros(5))
    assert low.p_units < 1e-6 and low.p_networks < 0.01 and low.p == max(low.p_units, low.p_networks)
    assert found(np.zeros(5), least=1.5).p_units > 0.5
    assert found(np.ones(5)).p_networks > 0.05  # random weights do as well
    assert found([0, 2, -1, 1, 0]).p_networks > 0.05  # random networks differ as much
    each = row("claim", "x", Values(units), rng, least=units - 0.1 - 0.1 * rng.random(200))
    assert each.p_units < 1e-6 and each.least == pytest.approx(units.mean() - 0.15, abs=0.02)  # unit by unit


def test_a_rise_is_that_of_scipys_welch_test_and_more_than_that_of_random_weights():
    rng = np.random.default_rng(1)
    lower, upper = rng.standard_normal(80), 0.8 + 2 * rng.standard_normal(60)

    def pair(more):
        a = Values(lower, [rng.standard_normal(40) for _ in range(6)])
        return a, Values(upper, [more + rng.standard_normal(40) for _ in range(6)])

    found = rise("claim", "x", *pair(0), setting="s")
    assert found.quantity == "rise of x" and found.least == 0 and found.setting == "s"
    assert found.value == pytest.approx(upper.mean() - lower.mean())
    expected = stats.ttest_ind(upper, lower, equal_var=False, alternative="greater").pvalue
    assert found.p_units == pytest.approx(expected) and found.p_units < 0.01
    assert found.p_networks < 0.2 < rise("claim", "x", *pair(2)).p_networks
    fall = rise("claim", "x", *pair(0), sign=-1)
    assert fall.quantity == "fall of x" and fall.value == pytest.approx(-found.value) and fall.p_units > 0.9


def test_a_layer_is_measured_beside_as_many_units_of_random_weights(plant):
    study = study_of(plant.model, plant.images, None)
    random = [replace(study, model=shuffled(plant.model, rng=np.random.default_rng(k))) for k in range(2)]
    layer = Layer.of(study, random, "h1", 12)
    assert [len(p.indices) for p in (layer.x, layer.few, *layer.random)] == [12] * 4 and FEW >= 12 and NETWORKS > 2
    fewer = Layer(layer.x, [each.first(5) for each in layer.random])
    means = fewer.values(lambda p: p.scores[AM][:, 0])
    assert len(fewer.few.indices) == 5 and [len(x) for x in (means.units, *means.random)] == [12, 5, 5]
    np.testing.assert_array_equal(means.compared, means.units)
    np.testing.assert_allclose(means.map(np.subtract, means.map(lambda x: x - 1)).units, 1, rtol=1e-5)
    ranks = Values(means.units, means.random, means.units[:5]).map(lambda x: x > 0)
    assert ranks.compared.dtype == bool and len(ranks.compared) == 5


def test_what_depends_on_the_number_of_units_is_compared_among_as_many():
    rng = np.random.default_rng(0)
    first = rng.random(300) < 0.7
    values = Values(first, [rng.random(50) < 0.9 for _ in range(8)], np.ones(50, dtype=bool))
    found = row("claim", "own unit first", values, rng, least=0.5)
    assert found.value == pytest.approx(first.mean()) and found.among_few == 1 and found.p_networks < 0.1
    assert row("claim", "own unit first", Values(first, values.random), rng, least=0.5).p_networks > 0.9


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
    asked = ["model", "claim", "layer", "quantity", "setting", "value", "low", "high", "least", "null", "null_is"]
    assert {*asked, "random_weights", "p_units", "p_networks", "target", "missed"} <= {*COLUMNS}


def test_a_table_that_is_not_there_has_no_rows(tmp_path):
    assert read_measures(tmp_path / "claims.csv") == []


def test_a_number_that_is_none_is_an_error_of_one_line(tmp_path):
    write_csv(tmp_path / "claims.csv", [{**printed(Measure("m", "c", "h1", "q")), "low": "few"}])
    with pytest.raises(ValueError, match=r"claims.csv is damaged or of another version \(row 1: .*few") as error:
        read_measures(tmp_path / "claims.csv")
    assert "\n" not in str(error.value)
