"""The table of predictiveness on a network that is linear, where the answer is known."""

import csv
import json

import numpy as np
import pytest

from dbnvis import DBN, RBM, datasets
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.study import Study
from dbnvis.figures.tables import predicting
from dbnvis.results import Writer


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two layers of few units, the second nearly linear in the pixels: small weights leave the sigmoid straight."""
    rng = np.random.default_rng(0)
    images = rng.random((500, 6, 6), dtype=np.float32)
    data = datasets.Dataset("noise", images[:300], None, images[300:], None, "0")
    W1, W2 = (0.05 * rng.standard_normal(shape).astype("float32") for shape in ((36, 12), (12, 8)))
    zero = [np.zeros(n, np.float32) for n in (36, 12, 12, 8)]
    model = DBN([RBM(W1, zero[0], zero[1]), RBM(W2, zero[2], zero[3])], (6, 6), input_norm=data.mean_norm)
    root = tmp_path_factory.mktemp("predicting")
    writer = Writer(root, figures="", tables="")
    study = Study(model, "noise", Responses.of(model, data.test_images), writer, images=images[:300], data=data)
    predicting.predictive_table(study)
    with (root / "predictiveness.csv").open(newline="") as file:
        return list(csv.DictReader(file)), root


def of(rows, layer, method):
    return next(row for row in rows if row["layer"] == layer and row["method"] == method)


def test_in_a_linear_network_optimum_and_combination_are_the_ceiling(rows):
    table, root = rows
    for layer in ("h1", "h2"):
        most = float(of(table, layer, predicting.BEST)["rank"])
        assert most > 0.99
        for method in ("activation maximization", "linear combination of filters"):
            row = of(table, layer, method)
            assert float(row["rank_product"]) > 0.99 and float(row["choice_product"]) > 0.99
            assert float(row["rank_low"]) <= float(row["rank"]) <= float(row["rank_high"])
            assert float(row["share_of_ceiling"]) == pytest.approx(1, abs=0.01)
            assert abs(float(row["rank_another_units"])) < 0.4
        assert abs(float(of(table, layer, predicting.MEAN)["rank"])) < 0.3
    assert (root / "predictiveness.png").is_file()
    assert json.loads((root / "predictiveness.json").read_text())["settings"]["tested"] == 200


def test_sets_of_single_pictures_have_a_row_each(rows):
    singles = [row for row in rows[0] if row["method"].endswith(predicting.SINGLE)]
    assert {(row["layer"], row["pictures"]) for row in singles} == {
        (layer, str(n)) for layer in ("h1", "h2") for n in predicting.SETS
    }
