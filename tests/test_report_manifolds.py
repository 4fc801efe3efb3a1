"""dbnvis.report.manifolds and the diagnosis on sheets of samples, on a model that needs no training."""

import json

import numpy as np
import pytest
from planted import planted

from dbnvis import ClampedGibbs, InvarianceManifold
from dbnvis.evaluate.scores import Responses
from dbnvis.report import Study, figures, manifolds

QUICK = InvarianceManifold(max_angle=90.0, step=30.0, shown=2, starts=2)


@pytest.fixture
def study(tmp_path):
    net = planted()
    return Study(net.model, "planted", Responses.of(net.model, net.images), tmp_path, images=net.images[:50])


def test_film_strips_hold_every_unit_both_ways_and_in_order(study, monkeypatch):
    drawn = []
    sheet = manifolds.plot.sheet
    monkeypatch.setattr(manifolds.plot, "sheet", lambda panels, **k: drawn.append(panels) or sheet(panels, **k))
    manifolds.film_strips(study, n=2, method=QUICK)
    assert [len(panels) for panels in drawn] == [4, 4, 4]
    strip = drawn[1][0]  # h2:0, flattest
    assert strip.labels == ["-90", "-60", "0", "+60", "+90"]  # of the three steps of a way, two are shown
    assert strip.captions[2] == "100 %" and "h2:0, flattest" in strip.title
    manifest = json.loads((study.out / "manifolds_h2.json").read_text())
    assert manifest["settings"]["steepest"]["direction"] == "steepest"
    with np.load(study.out / "manifolds_h2.npz") as arrays:
        np.testing.assert_array_equal(strip.tiles[2], arrays["flattest.images"][0, 0])
        np.testing.assert_array_equal(strip.tiles[0], arrays["flattest.images"][0, 1])
        percent = 100 * arrays["flattest.activation"][0] / arrays["flattest.activation"][0, 3]
        assert strip.captions[-1] == f"{percent[-1]:.0f} %"


def test_the_table_of_invariance_is_that_of_the_traces(study):
    rows = manifolds.invariance(study, n=3, method=QUICK)
    assert [row["layer"] for row in rows] == ["h1", "h2", "h3"]
    with np.load(study.out / "invariance.npz") as arrays:
        degrees = arrays["h2.flattest.degrees"]
        assert rows[1]["flattest: degrees to 90 % of the gain"] == round(float(degrees.mean()), 1)
        np.testing.assert_allclose(arrays["h2.flattest.gain"][:, 3], 1)
        for layer in ("h2", "h3"):
            assert arrays[f"{layer}.flattest.gain"].mean() > arrays[f"{layer}.steepest.gain"].mean()
    for row in rows:
        assert row["flattest: low"] <= row["flattest: degrees to 90 % of the gain"] <= row["flattest: high"]
    linear = rows[0]  # of the first layer all directions are alike
    assert len({linear[f"{d}: degrees to 90 % of the gain"] for d in manifolds.DIRECTIONS}) == 1


def test_dead_units_are_left_out_of_the_table(study):
    study.model.rbms[1].W[:, 1] = 0
    assert manifolds.invariance(study, n=3, method=QUICK)[1]["units"] == 2


def test_the_diagnosis_of_samples_says_what_was_measured(study):
    units = study.units("h2", 2)
    pictures = study.pictures(ClampedGibbs(chains=6, draws=2, thin=5, diagnose=True), units)
    x = {name: values[1] for name, values in pictures.extras.items()}
    said = figures._diagnosis(pictures, 1)
    assert f"R {x['mixing']:.2f}" in said and f"{x['ess']:.0f} draws" in said
    assert f"apart {x['distance']:.2f}" in said and f"{x['p_on'][1]:.2f}±{x['p_on_error'][1]:.2f}" in said
    plain = study.pictures(ClampedGibbs(chains=6, draws=2, thin=5), units)
    assert "starts" not in figures._diagnosis(plain, 1)


def test_a_warning_names_the_units_whose_chains_failed(study):
    pictures = study.pictures(ClampedGibbs(chains=4, draws=1, thin=2, shown=0), study.units("h2", 3))
    object.__setattr__(pictures, "notes", ("", "chains have not mixed (R = 3.0)", ""))
    assert "the chains of h2:1 have not mixed" in figures._warning(pictures)
