"""dbnvis.evaluate.estimation: the rows against enumeration, and the table of recipes."""

import csv
import json
from dataclasses import replace

import numpy as np
import oracles
import pytest
from tiny_runs import tiny

from dbnvis import DBN, RBM, CDConfig, GaussianRBM
from dbnvis.datasets import Dataset
from dbnvis.evaluate import estimation
from dbnvis.evaluate.ais import schedule
from dbnvis.evaluate.estimation import Estimation, likelihood
from dbnvis.evaluate.likelihood import binarized
from dbnvis.models.mlp import classifier
from dbnvis.results import Writer
from dbnvis.runs import stacks
from dbnvis.runs.comparison import AVERAGED, likelihood_table
from dbnvis.runs.workspace import Workspace

STEPS = (20, 50, 50)
FEW = Estimation("threshold", STEPS, chains=40)


def small():
    """A DBN of 4-3-2 units and images that it was not trained on."""
    machines = oracles.machine(4, 3, seed=1), oracles.machine(3, 2, seed=2)
    images = np.random.default_rng(0).random((50, 2, 2)).astype("float64")
    data = Dataset("small", images, np.zeros(50, int), images[:30], np.zeros(30, int), sha256="0")
    return machines, DBN([RBM(*machine) for machine in machines], (2, 2)), data


def test_rows_agree_with_enumeration():
    machines, dbn, data = small()
    lower, upper = likelihood(dbn, data, replace(FEW, samples=50))
    v = (data.test_images.reshape(30, 4) >= 0.5).astype(float)
    assert lower["layer"] == "h1" and lower["units"] == 3
    assert lower["log Z forward"] == pytest.approx(oracles.log_z(*machines[0]), abs=0.2)
    assert lower["log Z reverse"] == pytest.approx(oracles.log_z(*machines[0]), abs=0.2)
    exact = oracles.log_likelihood(*machines[0], v)
    assert lower["test, forward"] == pytest.approx(exact, abs=0.2)
    assert lower["test, reverse"] == pytest.approx(exact, abs=0.2)
    assert upper["log Z forward"] == pytest.approx(oracles.log_z(*machines[1]), abs=0.2)
    log_p = np.log(oracles.p_v_given_h(*machines[0]).T @ oracles.p_v(*machines[1]))
    powers = 2 ** np.arange(4)[::-1]
    assert upper["test, forward"] < log_p[(v @ powers).astype(int)].mean() + 0.1  # a lower bound


def test_layers_can_be_chosen_and_rows_depend_on_the_seed_alone():
    _, dbn, data = small()
    (row,) = likelihood(dbn, data, FEW, layers=["h2"], seed=3)
    assert row["layer"] == "h2"
    assert row == likelihood(dbn, data, FEW, layers=["h2"], seed=3)[0]


def test_a_layers_row_does_not_depend_on_the_others():
    _, dbn, data = small()
    assert likelihood(dbn, data, FEW)[1] == likelihood(dbn, data, FEW, layers=["h2"])[0]


@pytest.mark.parametrize(("steps", "sweeps"), [((2, 3, 4), 9), ((500, 400, 99), 999), ((500, 4_000, 10_000), 1000)])
def test_reverse_annealing_starts_after_as_many_sweeps_as_it_has_temperatures(monkeypatch, steps, sweeps):
    """At most 1,000, which the table's manifest says."""
    asked = []
    monkeypatch.setattr(estimation, "gibbs", lambda rbm, v, n, rng: asked.append(n) or v)
    how = replace(FEW, steps=steps)
    monkeypatch.setattr(estimation, "schedule", lambda *steps: schedule(1, 1, 1))
    _, dbn, data = small()
    likelihood(dbn, data, how, layers=["h1"])
    assert asked == [how.sweeps] == [sweeps]


def test_models_without_a_likelihood_are_refused():
    _, dbn, data = small()
    with pytest.raises(TypeError, match="MLP has no likelihood; give a DBN"):
        likelihood(classifier(dbn, 3, rng=np.random.default_rng(0)), data, FEW)
    gaussian = DBN([GaussianRBM(*dbn.rbms[0].params().values())], (2, 2))
    with pytest.raises(TypeError, match="Gaussian"):
        likelihood(gaussian, data, FEW)


@pytest.mark.parametrize("bad", [{"chains": 1}, {"chains": -3}, {"samples": 0}, {"steps": (0, 1, 1)}])
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match=r"must be an integer of at least|three numbers"):
        Estimation(**bad)


def test_more_chains_than_images_are_refused():
    _, dbn, data = small()
    with pytest.raises(ValueError, match="51 chains need as many training images, not 50"):
        likelihood(dbn, data, replace(FEW, chains=51))


def test_another_layer_is_refused():
    _, dbn, data = small()
    with pytest.raises(KeyError, match="no layer 'h9'; the model has h1, h2"):
        likelihood(dbn, data, FEW, layers=["h9"])


def test_training_is_shown_beside_test():
    """A model that knows the first training image alone finds the training images more probable."""
    images = np.zeros((40, 2, 2))
    images[:, 0] = 1
    other = 1 - images[:20]
    data = Dataset("halves", images, np.zeros(40, int), other, np.zeros(20, int), sha256="0")
    dbn = DBN([RBM(np.zeros((4, 2)), np.array([3.0, 3, -3, -3]), np.zeros(2))], (2, 2))
    (row,) = likelihood(dbn, data, FEW)
    p_on, p_off = -np.log1p(np.exp(-3)), -np.log1p(np.exp(3))
    assert row["train, forward"] == pytest.approx(4 * p_on, abs=0.02)
    assert row["test, forward"] == pytest.approx(4 * p_off, abs=0.02)


def space(data, root):
    return Workspace(data, Writer(root, "figures", "tables"), seed=0, xp=np)


def test_recipes_become_rows_and_finished_models_are_kept(tmp_path):
    data = tiny()
    fast = CDConfig(epochs=2, batch_size=20)
    recipes = {"one layer": ((8,), fast), "two": ((8, 6), fast)}
    stacks.train(data, *recipes["two"], folder=tmp_path / "models" / "two", seed=0, xp=np)
    stamp = (tmp_path / "models" / "two" / "model.npz").stat().st_mtime_ns
    again = space(data, tmp_path)
    likelihood_table(again, recipes, FEW)
    written = again.writer.written
    assert (tmp_path / "models" / "two" / "model.npz").stat().st_mtime_ns == stamp
    assert [path.name for path in written] == ["likelihood.csv", "likelihood.json"]
    with written[0].open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["training"], row["model"], row["layer"]) for row in rows] == [
        ("one layer", "36-8", "h1"),
        ("two", "36-8-6", "h2"),
    ]
    manifest = json.loads(written[1].read_text())
    assert manifest["settings"]["convention"] == "threshold"
    assert manifest["recipes"]["two"]["epochs"] == 2 and manifest["dataset"] == "tiny"


def test_a_table_of_another_name_stands_beside_the_first(tmp_path):
    data, recipe = tiny(), ((8,), CDConfig(epochs=1, batch_size=20))
    likelihood_table(space(data, tmp_path), {"one": recipe}, FEW)
    before = (tmp_path / "tables" / "likelihood.csv").read_bytes()
    likelihood_table(space(data, tmp_path), {"one": recipe, "two": recipe}, FEW, table="other")
    assert (tmp_path / "tables" / "likelihood.csv").read_bytes() == before
    with (tmp_path / "tables" / "other.csv").open() as file:
        assert [row["training"] for row in csv.DictReader(file)] == ["one", "two"]


def test_brief_trainings_differ_in_what_they_are_named_for():
    """The averaged model passes through the parameters of the one at a constant rate."""
    (_, falling), (_, constant), (_, averaged) = AVERAGED.values()
    assert replace(constant, schedule="linear") == falling
    assert replace(averaged, averaging=0.0) == constant and averaged.averaging > 0


def test_images_are_binarized_as_asked():
    images = tiny().test_images
    assert (binarized(images, "threshold", rng=None) == (images >= 0.5)).all()
