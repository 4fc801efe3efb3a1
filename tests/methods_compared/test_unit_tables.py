"""The tables of units: numbers of known networks, kept tables, layers of maps at their centre and as means."""

import json
from dataclasses import replace

import numpy as np
import pytest

from dbnvis import DBN, RBM, ConvNet, datasets
from dbnvis.backend import make_rng
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.study import Study
from dbnvis.figures.tables import predicting
from dbnvis.methods_compared import curves, unit_tables
from dbnvis.methods_compared.unit_tables import unit_table
from dbnvis.results import Writer


def noise(shape=(6, 6)):
    images = np.random.default_rng(0).random((500, *shape), dtype=np.float32)
    return datasets.Dataset("noise", images[:300], None, images[300:], None, "0")


def study_of(model, data, root):
    responses = Responses.of(model, data.test_images)
    writer = Writer(root, figures="", tables="")
    return Study(model, "noise", responses, writer, images=data.train_images, data=data, name="small")


@pytest.fixture
def linear(tmp_path):
    """Two layers, the second nearly linear in the pixels: small weights leave the sigmoid straight."""
    rng, data = np.random.default_rng(0), noise()
    W1, W2 = (0.05 * rng.standard_normal(shape).astype("float32") for shape in ((36, 12), (12, 8)))
    zero = [np.zeros(n, np.float32) for n in (36, 12, 12, 8)]
    model = DBN([RBM(W1, zero[0], zero[1]), RBM(W2, zero[2], zero[3])], (6, 6), input_norm=data.mean_norm)
    return study_of(model, data, tmp_path)


def of(rows, method, layer="h2", position=""):
    where = {"method": method, "layer": layer, "position": position, "pictures": 1.0}
    return [row for row in rows if all(row[name] == value for name, value in where.items())]


def test_in_a_linear_network_optimum_and_combination_excite_and_predict_alike(linear):
    rows = unit_table(linear, "small DBN", 5)
    for layer in ("h1", "h2"):
        for method in ("activation maximization", "linear combination of filters"):
            found = of(rows, method, layer)
            assert [row["unit"] for row in found] == [f"{layer}:{u}" for u in range(5)]
            for row in found:
                assert row["gain"] == pytest.approx(1, abs=5e-3) and row["rank_product"] > 0.99
                assert row["rank_low"] < row["rank"] < row["rank_high"]
        usual = of(rows, predicting.MEAN, layer)
        assert all(abs(row["gain"]) < 0.3 for row in usual)
    manifest = json.loads((linear.writer.root / "units_small_DBN.json").read_text())
    settings = manifest["settings"]
    assert {name: settings[name] for name in ("tested", "fitted", "chosen", "units")} == {
        "tested": 200,
        "fitted": 250,
        "chosen": 50,
        "units": 5,
    }
    assert settings["methods"]["h2"]["linear combination of filters"].startswith("k ")


def test_a_whole_table_is_kept_and_one_of_other_settings_stays(linear, monkeypatch):
    told = []
    telling = replace(linear, progress=lambda each, text, total: told.append((text, total)) or each)
    rows = unit_table(telling, "small", 3)
    assert told[0] == ("layers of small", 2)  # from the first layer on
    monkeypatch.setattr(unit_tables, "_rows", None)  # nothing is measured again
    kept = unit_table(linear, "small", 3)
    assert json.dumps(kept) == json.dumps(rows)
    with pytest.raises(ValueError, match="--overwrite replaces it"):
        unit_table(linear, "small", 4)


def test_channels_are_measured_at_the_centre_and_as_means(tmp_path):
    data = noise((12, 12))
    model = ConvNet.random((12, 12), rng=make_rng(np, 0), channels=(3, 4), dense=(8,), n_classes=5, kernel=3)
    model.input_norm = data.mean_norm
    rows = unit_table(study_of(model, data, tmp_path), "net", 2)
    places = dict.fromkeys((row["layer"], row["position"]) for row in rows)
    assert list(places) == [
        ("conv1", "centre"),
        ("conv1", "mean"),
        ("conv2", "centre"),
        ("conv2", "mean"),
        ("dense1", ""),
        ("output", ""),
    ]
    assert {row["unit"] for row in of(rows, "linear combination of filters", "conv2", "mean")} <= {
        "conv2:0@mean",
        "conv2:1@mean",
    }
    centre = of(rows, "linear combination of filters", "conv1", "centre")
    assert all(row["rank_product"] > 0.999 for row in centre)  # the kernel is the template


def test_curves_have_a_row_for_each_setting_and_reach_what_a_linear_network_allows(linear, monkeypatch):
    monkeypatch.setattr(curves, "UNITS", 3)
    curves.settings_curves({"small": linear}, linear.writer, seed=0)
    with (linear.writer.root / "settings.csv").open() as file:
        table = [line.split(",") for line in file.read().splitlines()]
    rows = [dict(zip(table[0], line, strict=True)) for line in table[1:]]
    assert {row["value"] for row in rows if row["setting"] == "k"} == {"1", "3", "10", "all"}
    for row in rows:
        if row["layer"] == "h2" and (row["setting"], row["value"]) in (("k", "all"), ("norm", "1"), ("starts", "9")):
            assert float(row["gain"]) == pytest.approx(1, abs=1e-2) and float(row["rank"]) > 0.9
    assert (linear.writer.root / "settings_small.png").is_file()


def test_a_study_without_data_is_told_what_it_needs(linear):
    with pytest.raises(ValueError, match="test images"):
        unit_table(replace(linear, data=None), "small", 2)


def test_gains_are_shares_of_what_the_best_of_nine_starts_gains(tmp_path, monkeypatch):
    """Large weights, so that one start is not enough."""
    data, rng = noise(), np.random.default_rng(3)
    W1, W2 = (4 * rng.standard_normal(shape).astype("float32") for shape in ((36, 30), (30, 8)))
    zero = [np.zeros(n, np.float32) for n in (36, 30, 30, 8)]
    model = DBN([RBM(W1, zero[0], zero[1]), RBM(W2, zero[2], zero[3])], (6, 6), input_norm=data.mean_norm)
    study = study_of(model, data, tmp_path)
    gains = {(row["setting"], row["value"]): row["gain"] for row in curves._rows(study, "h2", 0)}
    assert gains["starts", "9"] == gains["norm", "1"] == pytest.approx(1, abs=1e-4)
    assert gains["starts", "1"] < 0.999 and gains["starts", "27"] >= 0.9999
