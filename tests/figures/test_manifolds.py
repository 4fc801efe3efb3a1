"""dbnvis.figures.manifolds and the diagnosis on sheets of samples, on a model that needs no training."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from planted import planted

from dbnvis import ClampedGibbs, InvarianceManifold
from dbnvis.erhan2009 import paper_figures as erhan
from dbnvis.evaluate.scores import Responses
from dbnvis.figures import diagnosis, manifolds, sheets, side_by_side
from dbnvis.figures.generative import samples
from dbnvis.figures.study import Study
from dbnvis.results import Writer

QUICK = InvarianceManifold(max_angle=90.0, step=30.0, shown=2, starts=2, restarts=1)


@pytest.fixture
def study(tmp_path):
    net = planted()
    return Study(
        net.model,
        "planted",
        Responses.of(net.model, net.images),
        Writer(tmp_path, overwrite=True),
        images=net.images[:50],
    )


def test_film_strips_hold_every_unit_both_ways_and_in_order(study, monkeypatch):
    drawn = []
    sheet = manifolds.plot.sheet
    monkeypatch.setattr(manifolds.plot, "sheet", lambda panels, **k: drawn.append(panels) or sheet(panels, **k))
    manifolds.film_strips(study, n=2, method=QUICK)
    assert [len(panels) for panels in drawn] == [2, 4, 4]
    assert "h1:0, random" in drawn[0][0].title  # of the first layer all directions are alike
    strip = drawn[1][0]  # h2:0, flattest
    assert strip.labels == ["-90", "-60", "0", "+60", "+90"]  # of the three steps of a way, two are shown
    assert strip.captions[2] == "100 %" and "h2:0, flattest" in strip.title
    manifest = json.loads((study.writer.root / "manifolds_h2.json").read_text())
    assert manifest["settings"]["steepest"]["direction"] == "steepest"
    with np.load(study.writer.root / "manifolds_h2.npz") as arrays:
        np.testing.assert_array_equal(strip.tiles[2], arrays["flattest.images"][0, 0])
        np.testing.assert_array_equal(strip.tiles[0], arrays["flattest.images"][0, 1])
        percent = 100 * arrays["flattest.activation"][0] / arrays["flattest.activation"][0, 3]
        assert strip.captions[-1] == f"{percent[-1]:.0f} %"


def test_the_table_of_invariance_is_that_of_the_traces(study):
    rows = manifolds.invariance(study, n=3, method=QUICK)
    assert [row["layer"] for row in rows] == ["h1", "h2", "h3"]
    with np.load(study.writer.root / "invariance.npz") as arrays:
        degrees = arrays["h2.flattest.degrees"]
        assert rows[1]["flattest: degrees to 90 % of the gain"] == round(float(degrees.mean()), 1)
        np.testing.assert_allclose(arrays["h2.flattest.gain"][:, 3], 1)
        for layer in ("h2", "h3"):
            assert arrays[f"{layer}.flattest.gain"].mean() > arrays[f"{layer}.steepest.gain"].mean()
    for row in rows:
        assert row["flattest: low"] <= row["flattest: degrees to 90 % of the gain"] <= row["flattest: high"]
    linear = rows[0]  # of the first layer all directions are alike
    assert len({linear[f"{d}: degrees to 90 % of the gain"] for d in manifolds.DIRECTIONS}) == 1


def test_the_angle_of_a_linear_unit_is_the_known_one(study):
    """In h1 f = norm |w| cos a + b: a tenth of f(0) - typical is lost where norm |w| (1 - cos a) is as much."""
    rows = manifolds.invariance(study, n=3, method=replace(QUICK, step=6.0))
    rbm, norm = study.model.rbms[0], study.model.input_norm
    x = study.images.reshape(len(study.images), -1).astype(float)
    x *= norm / np.linalg.norm(x, axis=1, keepdims=True)
    typical = np.median(x @ rbm.W[:, :3] + rbm.hbias[:3], axis=0)
    height = norm * np.linalg.norm(rbm.W[:, :3].astype(float), axis=0)
    known = np.degrees(np.arccos(1 - 0.1 * (height + rbm.hbias[:3] - typical) / height))
    with np.load(study.writer.root / "invariance.npz") as arrays:
        for direction in manifolds.DIRECTIONS:
            np.testing.assert_allclose(arrays[f"h1.{direction}.degrees"], known, atol=1)
    assert rows[0]["random: degrees to 90 % of the gain"] == pytest.approx(known.mean(), abs=1)


def test_the_flattest_curve_is_the_higher_of_both_ways(study):
    manifolds.invariance(study, n=2, method=QUICK)
    with np.load(study.writer.root / "invariance.npz") as arrays:
        gains = arrays["h3.flattest.gain"]
    np.testing.assert_array_equal(gains, gains[:, ::-1])
    assert (gains[:, 2] >= gains[:, 1]).all()


def test_angles_that_are_lower_bounds_are_said_to_be_so(study, monkeypatch):
    drawn = []
    dashboard = manifolds.plot.dashboard
    monkeypatch.setattr(manifolds.plot, "dashboard", lambda *a, **k: drawn.append((a, k)) or dashboard(*a, **k))
    rows = manifolds.invariance(study, n=2, method=replace(QUICK, max_angle=10.0, step=5.0, shown=1))
    assert rows[0]["flattest: beyond the trace, % of units"] == 100
    assert rows[0]["flattest: degrees to 90 % of the gain"] == 10
    (([charts],), said), *_ = drawn
    assert "flattest at least 10" in charts[0].note and "At least: some units" in said["key"]


def test_without_training_images_there_is_no_gain_to_measure(study):
    study.images = None
    with pytest.raises(ValueError, match=r"median response to training images, and there are none"):
        manifolds.invariance(study, n=2, method=QUICK)


def test_dead_units_are_left_out_of_the_table(study):
    study.model.rbms[1].W[:, 1] = 0
    assert manifolds.invariance(study, n=3, method=QUICK)[1]["units"] == 2


def chains_of(study, **settings):
    return study.pictures(ClampedGibbs(**{"chains": 6, "draws": 2, "thin": 5} | settings), study.units("h2", 2))


def with_extras(pictures, **changed):
    return replace(pictures, extras=pictures.extras | {name: np.asarray(x) for name, x in changed.items()})


def test_the_diagnosis_of_samples_says_what_was_measured(study):
    pictures = chains_of(study, diagnose=True)
    x = {name: values[1] for name, values in pictures.extras.items()}
    said = f"{diagnosis.title(pictures, 1)} {diagnosis.note(pictures, 1)}"
    assert f"R {x['mixing']:.2f}" in said and f"{x['ess']:.0f} draws" in said and f"{x['tau']:.0f}" in said
    assert (
        f"mode-share difference {x['distance']:.2f}" in said and f"{x['p_on'][1]:.2f}±{x['p_on_error'][1]:.2f}" in said
    )
    assert f"of the slowest {x['slowest']:.2f}" in said
    assert f"{x['p_on'][0]:.2f}±{x['p_on_error'][0]:.2f} from" in said
    visited = np.round(x["visited"] * 10).astype(int)
    assert said.endswith(f"modes {visited[0]} and {visited[1]} of 10")
    plain = chains_of(study)
    assert "starts" not in diagnosis.note(plain, 1) and diagnosis.title(plain, 1) == "h2:1"
    assert "starts" in diagnosis.legend(pictures) and "starts" not in diagnosis.legend(plain)


def test_numbers_that_fail_are_marked(study):
    good = {"mixing": [1.1] * 2, "slowest": [1.05] * 2, "tau": [0.5] * 2, "start_p": [0.5] * 2}
    good |= {"p_on": [[0.2, 0.2]] * 2, "p_on_error": [[0.03, 0.04]] * 2}
    pictures = chains_of(study, diagnose=True)  # a record of 10 sweeps

    def marks(**changed):
        changed = with_extras(pictures, **(good | changed))
        return (diagnosis.title(changed, 0) + diagnosis.note(changed, 0)).count("!")

    assert marks() == 0
    assert marks(mixing=[1.3, 1]) == marks(slowest=[1.2, 1]) == marks(tau=[0.6, 0]) == marks(start_p=[0.001, 1]) == 1
    assert marks(p_on=[[0.2, 0.34], [0, 0]]) == 0 and marks(p_on=[[0.2, 0.36], [0, 0]]) == 1  # 3 x 0.05
    assert marks(p_on=[[0.2, 0.201], [0, 0]], p_on_error=[[1e-9, 1e-9], [0, 0]]) == 0  # a constant unit, rounded


def test_the_memory_of_chains_is_a_bound_where_their_record_is_short(study):
    pictures = chains_of(study, draws=4, thin=25)  # a record of 100 sweeps
    said = diagnosis.note(with_extras(pictures, tau=[4.9, 9], ess=[120.0, 70]), 0)
    assert "; tau 5, record 100, 120 draws" in said
    said = diagnosis.note(with_extras(pictures, tau=[5.5, 9], ess=[109.0, 70]), 0)
    assert "; tau >6!, record 100, <109 draws" in said


def test_a_warning_names_the_units_whose_chains_failed(study):
    pictures = study.pictures(ClampedGibbs(chains=4, draws=1, thin=2, shown=0), study.units("h2", 3))
    failed = replace(pictures, notes=("", "chains have not mixed (R = 3.0)", ""))
    assert "the chains of h2:1 have not mixed" in diagnosis.warning(failed)
    assert diagnosis.warning(replace(pictures, notes=("", "", ""))) == ""
    many = replace(pictures, units=pictures.units * 4, notes=("chains have not mixed",) * 12)
    said = diagnosis.warning(many, "planted")
    assert "the planted chains of h2:0, h2:1, h2:2 and 9 others have not mixed" in said
    four = replace(pictures, units=(pictures.units * 2)[:4], notes=("chains have not mixed",) * 4)
    assert "h2:2 and 1 other have not mixed" in diagnosis.warning(four)
    notes = ("chains have not mixed",) * 50 + ("",) * 10
    said = diagnosis.warning(replace(pictures, units=pictures.units * 20, notes=notes))
    assert "the chains of 50 of 60 units have not mixed." in said


def test_the_summary_of_many_units_is_their_median_and_share(study):
    pictures = with_extras(chains_of(study, draws=4, thin=25), mixing=[1.1, 1.9], tau=[4.0, 6.0], ess=[100.0, 60.0])
    pictures = replace(with_extras(pictures, slowest=[1.2, 2.2]), notes=("chains have not mixed", ""))
    said = diagnosis.summary(pictures)
    assert "R 1.50, of the slowest hidden units 1.70, tau 5, record 100, 80 draws" in said
    assert "not mixed: 1 of 2 units" in said


@pytest.fixture
def drawn(monkeypatch):
    """The arguments of every sheet."""
    calls = []
    sheet = sheets.plot.sheet
    monkeypatch.setattr(sheets.plot, "sheet", lambda panels, **k: calls.append((panels, k)) or sheet(panels, **k))
    return calls


def test_a_sheet_of_samples_is_diagnosed_and_its_pictures_are_left_as_they_are(study, drawn):
    method = ClampedGibbs(chains=6, draws=2, thin=5, shown=3)
    pictures = study.pictures(method, study.units("h2", 2))
    sheets.sheet(study, method, pictures, "asked")
    panels = drawn[0][0]
    assert [panel.title.partition(":")[0] for panel in panels] == ["h2", "h2"]
    for i, panel in enumerate(panels):
        np.testing.assert_array_equal(panel.tiles, pictures.images[i])
        assert "starts: mode-share" in panel.note and panel.labels is None
        assert "from partition functions" in panel.title
    with np.load(study.writer.root / "asked.npz") as arrays:
        assert arrays["pictures.p_on"].shape == (2, 2)
    assert json.loads((study.writer.root / "asked.json").read_text())["settings"]["pictures"]["diagnose"] is True
    study.images = None
    sheets.sheet(study, method, pictures, "without_data")  # what the chains themselves tell
    assert all(panel.note.startswith("R ") and "starts" not in panel.note for panel in drawn[1][0])


def test_samples_are_of_every_layer_and_their_chains_are_warned_of(study, drawn, monkeypatch):
    monkeypatch.setattr(diagnosis, "LONG_CHAINS", ClampedGibbs(chains=4, burn_in=0, draws=1, thin=2))
    monkeypatch.setattr(diagnosis, "MIXED", 0.0)
    samples.samples(study, n=2, shown=2)
    assert [panels[0].title.partition(":")[0] for panels, _ in drawn] == ["h1", "h2", "h3"]
    for panels, said in drawn:
        assert "!" in panels[0].note
        noted = json.loads((study.writer.root / f"samples_{panels[0].title[:2]}.json").read_text())
        assert noted["settings"]["pictures"]["shown"] == 2
        assert "R: potential scale reduction" in said["key"]
        assert "WARNING" in said["heading"] and "have not mixed" in said["heading"]


def test_samples_come_from_the_chains_asked_for(study):
    samples.samples(study, n=1, shown=2, chains=ClampedGibbs(chains=3, burn_in=4, draws=1, thin=2))
    settings = json.loads((study.writer.root / "samples_h1.json").read_text())["settings"]["pictures"]
    assert (settings["chains"], settings["burn_in"]) == (3, 4)


def test_where_chains_of_the_top_layer_fail_tempered_ones_are_drawn_too(study, monkeypatch):
    monkeypatch.setattr(diagnosis, "LONG_CHAINS", ClampedGibbs(chains=4, burn_in=0, draws=1, thin=2))
    pictures = Study.pictures
    monkeypatch.setattr(
        Study,
        "pictures",
        lambda self, method, units: replace(
            pictures(self, method, units), notes=("failed" if units[0].layer in ("h2", "h3") else "",) * len(units)
        ),
    )
    samples.samples(study, n=2, shown=2, temperatures=3)
    names = {path.stem for path in study.writer.written}
    assert names == {"samples_h1", "samples_h2", "samples_h3", "samples_h3_tempered"}
    settings = json.loads((study.writer.root / "samples_h3_tempered.json").read_text())["settings"]["pictures"]
    assert settings["temperatures"] == 3


def test_comparing_methods_diagnoses_the_chains(study, drawn):
    side_by_side.compare(study, study.units("h2", 1)[0])
    (panels, said), *_ = drawn
    (row,) = (panel for panel in panels if panel.title.startswith(ClampedGibbs.title))
    assert row.note.startswith("R ") and "starts: mode-share" in row.note
    assert "h2:0: p(on)" in said["key"]


def test_figure_3_diagnoses_both_networks(study, monkeypatch):
    saved, rows, grid = [], [], erhan.plot.grid
    monkeypatch.setattr(erhan.plot, "grid", lambda panels, **k: rows.extend(panels) or grid(panels, **k))
    monkeypatch.setattr(diagnosis, "LONG_CHAINS", ClampedGibbs(chains=5, burn_in=5, draws=2, thin=5))
    page = SimpleNamespace(study=lambda family, subject: study, save=lambda *saving: saved.append(saving))
    erhan.sampling(page, units=2, samples=4)
    assert [len(row) for row in rows] == [2, 2] and len(rows[0][0].tiles) == 4
    for panel in (panel for row in rows for panel in row):
        assert "starts: mode-share" in panel.note and len(panel.tiles) == 4 and "p(on)" in panel.title
    assert all(pictures.extras["p_on"].shape == (2, 2) for _, _, shown in saved for _, pictures in shown.values())
