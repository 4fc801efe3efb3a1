"""The table of acceptance: on planted units every number is good, on random weights it is not."""

import csv

import numpy as np
from claim_rows import study_of
from planted import planted

from dbnvis.datasets import Dataset
from dbnvis.figures.tables import acceptance


class Ones:
    """A classifier to which everything is a one."""

    def predict(self, images):
        return np.ones(len(images), dtype=int)

    def score(self, images, labels):
        return float((labels == 1).mean())


def test_planted_units_are_accepted_and_random_weights_stand_beside_them(tmp_path, monkeypatch):
    monkeypatch.setattr(acceptance, "FREE_CHAINS", 50)
    plant = planted()
    images, labels = plant.images, np.arange(len(plant.images)) % 10
    data = Dataset("planted", images[:900], labels[:900], images[900:], labels[900:], "", (0.0, 1.0))
    acceptance.acceptance(study_of(plant.model, images[:900], tmp_path), data, Ones())
    with (tmp_path / "tables" / "acceptance.csv").open(newline="") as file:
        rows = {row["layer"]: row for row in csv.DictReader(file)}
    assert list(rows) == ["h1", "h2", "h3"]
    own = "sampling mean and optimum: own unit first, % of units"
    null = "own unit first with random weights, % of units"
    for layer, row in rows.items():
        assert row["samples of class 1, %"] == "100.0" and row["dead units"] == "0"
        assert float(row["sampling mean above the unclamped mean, % of units"]) == 100
        assert 0 <= float(row["the same with random weights, % of units"]) <= 100
        if layer == "h2":
            assert float(row[own]) > 90 > float(row[null])
