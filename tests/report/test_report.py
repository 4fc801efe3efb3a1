"""The report: every number is that of its JSON, the file asks for nothing, and nothing that does not apply is drawn."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from mailed import Read, disagreements, report_of
from one_of_each import FAMILIES, families, small_dbn, study_of
from scipy.stats import binomtest
from tiny_runs import DENOISING, tiny, train

from dbnvis import ActivationMaximization, checkpoint
from dbnvis.figures.opening import open_study
from dbnvis.report.findings import findings
from dbnvis.report.mailing import LARGEST, write_report
from dbnvis.results import Writer, is_whole


def written(study, plan, folder, **keywords):
    """Make a report and read it: HTML, JSON."""
    write_report(study, plan, Writer(folder, entry="report", command="dbnvis report 9", **keywords), "report")
    return report_of(folder)


@pytest.fixture(scope="module", params=[(name, data) for name in FAMILIES for data in (True, False)], ids=str)
def any_report(request, tmp_path_factory, plan):
    """HTML and JSON of a report of every family, with data and without."""
    name, data = request.param
    folder = tmp_path_factory.mktemp(name)
    return written(study_of(families()[name], folder, data=data), plan, folder)


# --- any report


def test_every_number_is_that_of_the_json(any_report):
    html, facts = any_report
    read = Read(html)
    assert len([value for _, value, _ in read.facts if value is not None]) > 40
    assert disagreements(html, facts) == []


def test_a_wrong_number_and_one_from_nowhere_are_seen(any_report):
    html, facts = any_report
    path = re.search(r'<data value="[^"]+" data-at="(measured\.layers\.\w+)\.units">', html)[1]
    layer = facts["measured"]["layers"][path.split(".")[2]]
    other = json.loads(json.dumps(facts))
    other["measured"]["layers"][path.split(".")[2]]["units"] += 1
    assert any(f"{path}.units" in line for line in disagreements(html, other))
    assert len(disagreements(html.replace("<h2 ", "<p>about 3 units</p><h2 ", 1), facts)) == 1
    shown = f'data-at="{path}.units">{layer["units"]}<'
    assert shown in html and disagreements(html.replace(shown, shown.replace("<", "0<")), facts)


def test_it_runs_nothing_and_asks_for_nothing(any_report):
    html, _ = any_report
    read = Read(html)
    for tag, attrs in read.elements:
        assert tag not in {"script", "iframe", "object", "embed", "form", "input", "button", "base"}
        assert not [name for name in attrs if name.startswith("on") or name in {"srcset", "style", "action"}]
        for name in {"src", "href"} & set(attrs):
            assert attrs[name].startswith(("data:", "#")), attrs[name]
    assert "url(" not in read.style and "@import" not in read.style
    assert ("meta", "default-src 'none'") in [
        (tag, attrs["content"].partition(";")[0]) for tag, attrs in read.elements if "http-equiv" in attrs
    ]
    anchors = {attrs["id"] for _, attrs in read.elements if "id" in attrs}
    assert {a["href"][1:] for t, a in read.elements if t == "a"} <= anchors and len(anchors) > 10


def test_it_has_a_language_a_title_print_and_dark(any_report):
    read = Read(any_report[0])
    assert read.elements[0] == ("html", {"lang": "en"})
    assert "@media print" in read.style and "prefers-color-scheme: dark" in read.style
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and set(levels[1:]) == {2}


def test_pictures_are_inline_of_8_bits_and_have_other_texts(any_report):
    html, facts = any_report
    pictures = Read(html).pictures
    shown = [row["unit"] for layer in facts["measured"]["layers"].values() for row in layer["pictures"]]
    assert len(pictures) >= len(shown) > 0
    names = set(facts["measured"]["layers"]) | set(shown)
    for alt, picture in pictures:
        assert picture.mode in {"L", "P", "RGB"}
        assert len(alt) > 10 and set(re.findall(r"\S*\d\S*", alt)) <= {*names, *(f"{name}:" for name in names)}


def test_it_can_be_mailed(any_report):
    assert len(any_report[0].encode()) < LARGEST


def test_findings_are_sentences_with_a_number_and_an_interval(any_report):
    html, facts = any_report
    (findings_html,) = re.findall(r'<section id="findings".*?</section>', html, re.DOTALL)
    items = [
        re.sub(r"<[^>]+>", "", item).replace("&nbsp;", " ")
        for item in re.findall(r"<li.*?</li>", findings_html, re.DOTALL)
    ]
    assert items == [finding["text"] for finding in facts["findings"]] and items
    for finding in facts["findings"]:
        assert re.fullmatch(r"\S.*\d.* to .*\d.*\.", finding["text"])
    cautions = [finding["caution"] for finding in facts["findings"]]
    assert cautions == sorted(cautions, reverse=True)


def test_the_manifest_is_whole_and_names_the_command(tmp_path, plan):
    _, facts = written(study_of(small_dbn(), tmp_path), plan, tmp_path)
    assert is_whole(tmp_path / "report.html")
    assert (facts["figure"], facts["command"], facts["artefact"]) == ("report", "dbnvis report 9", "report.html")
    assert facts["settings"]["units"] == plan.units
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]


# --- what applies to what


def left_out(facts):
    return {each["what"]: each["why"] for each in facts["measured"]["left_out"]}


@pytest.mark.parametrize("name", FAMILIES)
def test_what_does_not_apply_is_said(tmp_path, plan, name):
    _, facts = written(study_of(families()[name], tmp_path), plan, tmp_path)
    measured, missing = facts["measured"], left_out(facts)
    assert ("likelihood" in missing) == (name != "dbn") == (measured["likelihood"] is None)
    generates = name in {"dbn", "gaussian", "convdbn"}
    assert ("clamped Gibbs sampling" in missing) != generates
    assert all(("chains" in layer) == generates for layer in measured["layers"].values())
    assert ("the null of shuffled weights" in missing) == (name in {"convnet", "convdbn"})
    assert (measured["classes"] is not None) == (name in {"mlp", "convnet"})
    assert all(("audit" in layer) == (layer["name"] != "output") for layer in measured["layers"].values())


def test_without_data_what_needs_images_is_left_out(tmp_path, plan):
    html, facts = written(study_of(small_dbn(), tmp_path, data=False), plan, tmp_path)
    assert "no tiny images are at hand" in left_out(facts)["all that needs images"]
    assert "no tiny images are at hand" in html
    assert facts["measured"]["likelihood"] is None and facts["measured"]["images"] is None
    for layer in facts["measured"]["layers"].values():
        assert layer["audit"]["dead"] is None and layer["audit"]["duplicate"]["count"] == 0
        assert layer["above"] is None and "mean of the top images" not in layer["methods"]


@pytest.mark.parametrize("config", [None, DENOISING], ids=["dbn", "sdae"])
def test_a_trained_model_shows_its_training(tmp_path, plan, config):
    model = train(tmp_path / "run", **({} if config is None else {"config": config}))
    study = open_study(model, tiny(), out=tmp_path, seed=0, xp=np)
    html, facts = written(study, plan, tmp_path)
    assert disagreements(html, facts) == []
    history = checkpoint.load(model, xp=np).info["history"]
    for name, layer in facts["measured"]["layers"].items():
        errors = [stats["reconstruction_error"] for stats in history if stats["layer"] == name]
        assert layer["training"]["epochs"] == len(errors) == 3
        assert (layer["training"]["first_error"], layer["training"]["last_error"]) == (errors[0], errors[-1])
    charts = [alt for alt, _ in Read(html).pictures if "line per layer" in alt or ": filters" in alt]
    assert [alt.partition(":")[0] for alt in charts] == ["Curves, a line per layer", "h1", "h2", "h3"]
    assert "the course of training" not in left_out(facts)


# --- numbers against independent answers


def test_planted_faults_are_found_and_said(tmp_path, plan):
    model = small_dbn()
    W, hbias = model.rbms[0].W, model.rbms[0].hbias
    W[:, 3], hbias[3] = 0.0, -9.0  # dead
    W[:, 6], hbias[6] = 0.0, 9.0  # always on
    W[:, 8] = 2 * W[:, 0]  # a copy
    html, facts = written(study_of(model, tmp_path), plan, tmp_path)
    audit = facts["measured"]["layers"]["h1"]["audit"]
    assert {kind: audit[kind]["count"] for kind in ("dead", "always_on", "duplicate", "nothing")} == {
        "dead": 1,
        "always_on": 1,
        "duplicate": 1,
        "nothing": 3,
    }
    assert audit["first"] == ["h1:3", "h1:6", "h1:8"]
    interval = binomtest(3, 9).proportion_ci(method="wilson")
    np.testing.assert_allclose([audit["nothing"]["low"], audit["nothing"]["high"]], 100 * np.array(interval), rtol=1e-9)
    first = facts["findings"][0]
    assert first["caution"]
    assert first["text"] == (
        f"3 of 9 units of h1 learned nothing (33.3 %, interval {100 * interval.low:.1f} to {100 * interval.high:.1f} "
        "%): 1 dead, 1 always on, 1 duplicate; h1:3, h1:6, h1:8."
    )
    assert (
        'no picture</span><br><small><span data-at="measured.layers.h1.pictures' not in html
    )  # h1:0 and h1:1 are sound


def test_a_dead_unit_that_is_shown_has_no_picture_but_a_reason(tmp_path, plan):
    model = small_dbn()
    model.rbms[0].W[:, 1], model.rbms[0].hbias[1] = 0.0, -9.0
    html, facts = written(study_of(model, tmp_path), plan, tmp_path)
    cell = facts["measured"]["layers"]["h1"]["pictures"][1]["cells"][0]
    assert cell == {"score": None, "percentile": None, "note": "dead: zero gradient at every start"}
    assert "dead: zero gradient at every start" in html and "nan" not in html.lower()


def test_dead_channels_of_rectifiers_are_found(tmp_path, plan):
    model = families()["convnet"]
    layer = model.network.layers["conv1.pre"]
    layer.W[1], layer.bias[1] = 0.0, -1.0
    _, facts = written(study_of(model, tmp_path), plan, tmp_path)
    audit = facts["measured"]["layers"]["conv1"]["audit"]
    assert audit["dead"]["count"] >= 1 and "conv1:1" in audit["first"]


def test_scores_and_percentiles_are_those_of_the_methods(tmp_path, plan):
    study = study_of(small_dbn(), tmp_path)
    _, facts = written(study, plan, tmp_path)
    layer = facts["measured"]["layers"]["h2"]
    pictures = study.pictures(ActivationMaximization(starts=3), study.units("h2", 4))
    column = layer["methods"].index("activation maximization")
    assert [row["cells"][column]["score"] for row in layer["pictures"]] == [float(x) for x in pictures.scores[:2, 0]]
    pre = np.sort(study.responses.by_layer["h2"], axis=0)
    below = [(pre[:, i] < pictures.scores[i, 0]).mean() for i in range(4)]
    shown = [row["cells"][column]["percentile"] for row in layer["pictures"]]
    np.testing.assert_allclose(shown, np.floor(1000 * np.array(below[:2]) + 1e-9) / 10)
    assert layer["above"]["count"] == sum(share == 1 for share in below)


def test_agreement_is_the_correlation_of_pictures(tmp_path, plan):
    study = study_of(small_dbn(), tmp_path)
    _, facts = written(study, plan, tmp_path)
    row = facts["measured"]["layers"]["h2"]["agreement"][0]
    assert (row["first"], row["second"], row["units"]) == ("activation maximization", "clamped Gibbs sampling", 4)
    a, b = (study.pictures(method, study.units("h2", 4)).images[:, 0].reshape(4, -1) for method in plan.methods[:2])
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    table = (a @ b.T) / np.outer(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    assert row["cosine"]["mean"] == pytest.approx(np.diag(table).mean(), rel=1e-5)
    assert row["first_rank"]["count"] == (table.argmax(axis=1) == np.arange(4)).sum()
    assert row["chance"] == 25 and row["shuffled"]["units"] == 4


def test_the_share_of_wrong_classes(tmp_path, plan):
    model, bars = families()["mlp"], tiny()
    _, facts = written(study_of(model, tmp_path), plan, tmp_path)
    y, _ = model.network.forward(bars.test_images)
    assert facts["measured"]["classes"]["count"] == (y.argmax(axis=1) != bars.test_labels).sum()
    assert facts["measured"]["classes"]["of"] == 60


def test_findings_follow_from_the_facts_alone(tmp_path, plan):
    _, facts = written(study_of(small_dbn(), tmp_path), plan, tmp_path)
    chains = facts["measured"]["layers"]["h1"]["chains"]
    for count, caution in ((0, False), (2, True)):
        chains["failed"]["count"] = count
        (said,) = [f for f in findings(facts) if f.said.text.startswith("The chains") and f.said.at.endswith("h1")]
        assert said.caution is caution and said.said.plain(facts).startswith(f"The chains of {count} of 4 units of h1")


# --- writing


def test_the_same_report_has_the_same_bytes(tmp_path, plan):
    reports = []
    for name in ("a", "b"):
        reports.append(written(study_of(small_dbn(), tmp_path), plan, tmp_path / name))
    (html, facts), (again, other) = reports
    assert html == again
    assert {**facts, "seconds": 0} == {**other, "seconds": 0}


def test_a_report_of_something_else_stays(tmp_path, plan):
    study = study_of(small_dbn(), tmp_path)
    html, _ = written(study, plan, tmp_path)
    with pytest.raises(ValueError, match=r"report\.html is another one: its seed is 0, this one's is 1; --overwrite"):
        written(replace(study, seed=1), plan, tmp_path)
    assert report_of(tmp_path)[0] == html
    assert written(replace(study, seed=1), plan, tmp_path, overwrite=True)[1]["seed"] == 1


def test_a_report_that_is_too_large_for_mail_is_refused(tmp_path, plan, monkeypatch):
    monkeypatch.setattr("dbnvis.report.mailing.LARGEST", 1000)
    with pytest.raises(ValueError, match="show fewer units \\(--shown\\), less than 2"):
        written(study_of(small_dbn(), tmp_path), plan, tmp_path)
    assert not list(tmp_path.glob("report*"))


def test_charts_that_have_no_room_are_left_out_and_named(tmp_path, plan, monkeypatch):
    monkeypatch.setattr("dbnvis.report.course.MOST_BYTES", 70_000)
    study = open_study(train(tmp_path / "run"), tiny(), out=tmp_path, seed=0, xp=np)
    html, facts = written(study, plan, tmp_path)
    gone = [what for what in left_out(facts) if what.startswith("the figure health_")]
    assert gone and all(f'alt="{what.removeprefix("the figure health_")}: filters' not in html for what in gone)


def test_a_report_on_any_device(tmp_path, plan, xp):
    path = train(tmp_path / "run", hidden=(9, 5))
    study = open_study(path, tiny(), out=tmp_path, seed=0, xp=xp)
    html, facts = written(study, plan, tmp_path)
    assert disagreements(html, facts) == []
    saved = checkpoint.load(path, xp=np).model
    x = saved.network.upto("h1").forward(tiny().test_images[:40])[0]
    low, high = x.min(axis=0), x.max(axis=0)
    dead = ((high < 0.05) | (high - low < 0.01)) & (low <= 0.95)
    assert facts["measured"]["layers"]["h1"]["audit"]["dead"]["count"] == dead.sum()


def test_a_layer_that_is_dead_throughout_is_reported(tmp_path, plan):
    model = small_dbn()
    model.rbms[0].W[:], model.rbms[0].hbias[:] = 0.0, -9.0
    html, facts = written(study_of(model, tmp_path), plan, tmp_path)
    assert disagreements(html, facts) == []
    assert facts["findings"][0]["text"].startswith(
        "9 of 9 units of h1 learned nothing (100.0 %, interval 70.1 to 100.0"
    )
    assert facts["findings"][0]["text"].endswith("; the first are h1:0, h1:1, h1:2, h1:3, h1:4, h1:5.")
    rows = facts["measured"]["layers"]["h1"]["agreement"]
    assert all("activation maximization" not in (row["first"], row["second"]) for row in rows)
