"""The claims as files: the table, the sentences, the figure."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from claim_rows import study_of

from dbnvis.erhan2009 import table as claims_table
from dbnvis.erhan2009.claims import PREDICTS
from dbnvis.erhan2009.families import DIFFER
from dbnvis.erhan2009.measures import read_measures
from dbnvis.erhan2009.unit_pictures import AM, COMBINATION
from dbnvis.erhan2009.verdicts import Table, by_model
from dbnvis.plot import Bands, HeatMap, dashboard

LAYERS = ("h1", "h2", "h3")


def test_the_table_has_every_claim_of_every_layer_once(written):
    rows, folder = written
    keys = [(r["model"], r["claim"], r["layer"], r["quantity"], r["setting"]) for r in rows]
    assert len(set(keys)) == len(keys)
    claims = {"one optimum", "methods agree", "combination degrades", "deeper is more complex"}
    claims |= {"deeper is more invariant", "reference"}
    for model in ("DBN", "StackedDAE"):
        for layer in ("h1", "h2", "h3"):
            assert claims <= {r["claim"] for r in rows if (r["model"], r["layer"]) == (model, layer)}
    assert {r["layer"] for r in rows if r["claim"] == DIFFER} == {"h1", "h2", "h3"}
    for r in rows:
        if r["low"]:
            assert float(r["low"]) <= float(r["value"]) <= float(r["high"]), r
    assert {r["target"].partition(":")[0] for r in rows} - {""} == {"20", "21", "22", "23", "24", "25", "26"}
    for kind in (
        "figures/claims.png",
        "figures/claims.json",
        "tables/claims.json",
        "tables/claims.md",
        "tables/verdicts.json",
    ):
        assert (folder / kind).stat().st_size > 0
    settings = json.loads((folder / "tables" / "claims.json").read_text())["settings"]
    assert settings["units"] == 12 and settings["methods"][AM]["starts"] == 9


def test_every_sentence_has_its_verdict_and_rule(written):
    _, folder = written
    text = (folder / "tables" / "claims.md").read_text()
    sentences = re.findall(r"^\*\*(.+): (supported|mixed|not supported|not tested)\*\*", text, re.M)
    assert len(sentences) == 5 + 5 + 1
    assert text.count("*Rule.*") == len(sentences)
    assert "nan" not in text


def test_predictiveness_stands_beside_agreement(written):
    """In h1 the combination is the weights, which predict the pre-activation best; the table in words has every row."""
    rows, folder = written
    found = {(r["model"], r["layer"], r["setting"]): r for r in rows if r["quantity"] == PREDICTS}
    assert {layer for _, layer, _ in found} == set(LAYERS) and {r["least"] for r in found.values()} == {""}
    text = (folder / "tables" / "claims.md").read_text()
    for (model, layer, method), r in found.items():
        assert f"| {layer} | {method} | {float(r['value']):.2f} [" in text
        assert float(found[model, "h1", COMBINATION]["value"]) >= float(found[model, "h1", method]["value"]) - 1e-3
        assert abs(float(r["null"])) < abs(float(found[model, "h1", COMBINATION]["value"]))
    assert len(re.findall(r"^\| h\d \| \w+ ?\w* \| -?\d\.\d\d \[", text, re.M)) == len(found)


def test_units_of_several_optima_are_named(written):
    _, folder = written
    said = re.findall(r"^Several optima: (.+)\.$", (folder / "tables" / "claims.md").read_text(), re.M)
    with np.load(folder / "figures" / "claims.npz") as file:
        for model, line in zip(("DBN", "StackedDAE"), said, strict=True):
            of = {layer: (file[f"{model}.{layer}.unit"], file[f"{model}.{layer}.distinct optima"]) for layer in LAYERS}
            named = [f"{layer}:{u}" for layer, (units, counts) in of.items() for u in units[counts > 1]]
            assert line == (", ".join(named) or "none")


#: What the targets ask for, by row: whether a value reaches it, in the first layer and above.
TARGETS = {
    "20": lambda x, layer: layer == "h1" or x >= 0.8,
    "21": lambda x, layer: layer == "h1" or x > 0.5,
    "22": lambda x, layer: x >= 0.95,
    "23": lambda x, layer: x >= 0.9,
    "24": lambda x, layer: x <= 5,
}


def test_missed_targets_are_marked(written):
    rows, folder = written
    text = (folder / "tables" / "claims.md").read_text()
    marks = set()
    for r in rows:
        number, _, target = r["target"].partition(": ")
        if not number:
            assert r["missed"] == ""
            continue
        met = (
            TARGETS[number](float(r["value"]), r["layer"]) if number in TARGETS else float(r["value"]) == float(target)
        )
        assert r["missed"] == ("" if met else "missed"), r
        mark = " (missed)" if r["missed"] else ""
        assert f"| {number} | {r['layer']} | {r['quantity']} | {r['value']}{mark} | {target} |" in text
        marks.add(mark)
    assert marks == {"", " (missed)"}


def test_cells_of_the_method_tables_have_their_intervals(written):
    rows = by_model(read_measures(written[1] / "tables" / "claims.csv"))["DBN"].rows
    changes = {
        "cosine": {"value": 0.57, "low": 0.46, "high": 0.7, "random_weights": 0.2},
        "own unit first": {"value": 0.85, "low": 0.81, "high": 0.87, "random_weights": 0.12},
    }
    measures = [replace(m, **changes.get(m.quantity, {})) for m in rows]
    chart = claims_table._method_table("DBN", Table(measures), "h2")
    assert (chart.texts[0][1], chart.texts[1][0]) == ("0.57\n±0.12 (0.20)", "85%\n±3% (12%)")
    assert chart.texts[0][0] == "" and chart.note.startswith("12 units;")


def test_less_than_all_is_never_100_per_cent():
    assert [claims_table._percent(x) for x in (1.0, 0.998, 0.985, 0.125, 0.0)] == ["100%", "99%", "98%", "12%", "0%"]


def test_no_images_and_other_data_are_refused(plant, tmp_path):
    study = study_of(plant.model, plant.images, tmp_path)
    with pytest.raises(ValueError, match="need training images"):
        claims_table.claims(replace(study, images=None), n=4)
    with pytest.raises(ValueError, match="got planted and bars"):
        claims_table.claims(study, study_of(plant.model, plant.images, tmp_path, "bars"))
    assert not list(tmp_path.iterdir())


def test_a_heat_map_writes_every_number_and_bands_span_their_intervals():
    chart = HeatMap("t", "n", ["a", "b"], np.array([[np.nan, 0.2], [0.9, np.nan]]), [["", "0.2"], ["0.9", ""]])
    y = np.array([0.2, 0.4])
    bands = Bands("t", "n", "layer", ["h1", "h2"], {"c": (y, y - 0.1, y + 0.3)}, {"c": np.array([0.5, -0.5])})
    left, right = dashboard([[chart, bands]], heading="", key="", heights=[1]).axes
    assert [text.get_text() for text in left.texts if text.get_text()] == ["0.2", "0.9"]
    curve, baseline = (line.get_ydata() for line in right.lines)
    np.testing.assert_allclose(curve, y)
    np.testing.assert_allclose(baseline, [0.5, -0.5])
    (band,) = right.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(0.1) and corners[:, 1].max() == pytest.approx(0.7)
    low, high = right.get_ylim()
    assert low < -0.5 and high > 1
