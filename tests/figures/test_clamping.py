"""Units fixed to 1 with the other units of their layer sampled and off: the sheet, and the option of the command."""

import json
from dataclasses import replace
from functools import partialmethod

import numpy as np
import pytest
from planted import planted

from dbnvis import ClampedGibbs, checkpoint, datasets, plot
from dbnvis.cli import main
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.generative.clamping import clamping
from dbnvis.figures.sheets import sheet
from dbnvis.figures.study import Study
from dbnvis.results import Writer


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(plot.base, "DPI", 20)
    net = planted()
    return Study(
        net.model, "planted", Responses.of(net.model, net.images), Writer(tmp_path, overwrite=True), images=net.images
    )


def stored(folder, name):
    with np.load(folder / f"{name}.npz") as archive:
        return json.loads((folder / f"{name}.json").read_text())["settings"], dict(archive)


def test_the_sheet_shows_both_readings_of_the_same_units(study):
    clamping(study, 3)
    settings, arrays = stored(study.writer.root, "clamping")
    for layer in study.model.layer_names:
        assert [settings[f"{layer}.{others}"]["others"] for others in ("free", "zero")] == ["free", "zero"]
        free, zero = (arrays[f"{layer}.{others}.images"] for others in ("free", "zero"))
        assert free.shape == zero.shape == (3, 1, 12, 12)
        assert not np.array_equal(free, zero)
    rbm = study.model.rbms[0]
    exact = rbm.mean_v_given_h(np.eye(rbm.n_hidden, dtype="float32")[:3])
    np.testing.assert_allclose(arrays["h1.zero.images"].reshape(3, -1), exact, rtol=1e-5)


def test_the_heading_warns_of_chains_that_have_not_mixed(study, monkeypatch):
    """A record of four sweeps is too short for any tau."""
    headings, drawing = [], plot.grid
    monkeypatch.setattr(plot, "grid", lambda *args, **how: headings.append(how["heading"]) or drawing(*args, **how))
    monkeypatch.setattr(ClampedGibbs, "__init__", partialmethod(ClampedGibbs.__init__, draws=2, thin=2))
    clamping(study, 3)
    assert "have not mixed" in headings[0]


@pytest.mark.parametrize("layer", ["h1", "h2"])
def test_a_sheet_of_units_alone_has_no_chains(study, monkeypatch, layer):
    headings = []
    drawing = plot.sheet
    monkeypatch.setattr(plot, "sheet", lambda *args, **how: headings.append(how["heading"]) or drawing(*args, **how))
    method = ClampedGibbs(others="zero", shown=4)
    sheet(study, method, study.pictures(method, study.units(layer, 2)), "alone")
    assert "ancestral sampling from one unit, the others off" in headings[0] and "WARNING" not in headings[0]
    settings, arrays = stored(study.writer.root, "alone")
    assert settings["pictures"]["others"] == "zero" and not settings["pictures"]["diagnose"]
    assert not any("tau" in name for name in arrays)


def test_the_command_takes_the_option(study, tmp_path, capsys, monkeypatch):
    images, classes = study.images, np.zeros(len(study.images), np.uint8)
    spec = replace(datasets.DATASETS["digits"], generate=lambda: (images, classes, images, classes))
    monkeypatch.setitem(datasets.DATASETS, "digits", spec)
    checkpoint.save(tmp_path / "m.npz", study.model, config={}, seed=0, info={"dataset": "digits"})
    args = ["visualize", "--method", "gibbs", "--layer", "h2", "--units", "0-1", "--others", "zero"]
    args += ["--model", str(tmp_path / "m.npz"), "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(args) == 0
    (png,) = (line for line in capsys.readouterr().out.split() if line.endswith(".png"))
    folder, _, name = png[:-4].rpartition("/")
    settings, _ = stored(tmp_path / folder, name)
    assert settings["pictures"]["others"] == "zero"
    assert main([*args, "--diagnose"]) == 2
    assert "others 'zero' runs no chain" in capsys.readouterr().err
