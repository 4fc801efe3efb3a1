"""`dbnvis report`: two files, nothing replaced unasked, one line for a mistake."""

import json
import shlex

import numpy as np
import pytest
from command_line import refused
from mailed import disagreements, report_of

from dbnvis import checkpoint
from dbnvis.cli import _parse, main
from dbnvis.report.plan import Plan

SMALL = ("--units", "4", "--shown", "2", "--chains", "3", "--images", "40", "--annealed", "4", "--steps", "2", "3", "4")


def test_a_report_of_a_training(capsys, tmp_path, trained):
    out = tmp_path / "new" / "mine.html"
    args = ["report", str(trained), "--dataset", "digits", *SMALL]
    assert main([*args, "-o", str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    html, facts = report_of(out.parent, "mine")
    assert said == [*(finding["text"] for finding in facts["findings"]), "", str(out), str(out.with_suffix(".json"))]
    assert disagreements(html, facts) == []
    assert sorted(path.name for path in out.parent.iterdir()) == ["mine.html", "mine.json"]
    again = _parse(shlex.split(facts["command"])[1:])
    assert (again.model, again.plan) == (str(trained), _parse(args).plan) and again.plan != Plan()
    assert main([*args, "--out", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_bytes() == out.read_bytes()


def test_what_is_there_stays(capsys, tmp_path, trained):
    args = ["report", str(trained), "--dataset", "digits", *SMALL, "--out"]
    for name in ("a.html", "b.json"):
        (tmp_path / name).write_text("precious")
    for name, there in (("a.html", "a.html"), ("b.html", "b.json")):
        assert f"{there} is there already; --overwrite replaces it" in refused(capsys, *args, tmp_path / name)
        assert (tmp_path / there).read_text() == "precious"
    assert main([*args, str(tmp_path / "b.html"), "--overwrite"]) == 0
    assert json.loads((tmp_path / "b.json").read_text())["figure"] == "report"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--out", "report.pdf"), "ends in .html"),
        (("--units", "1"), "units must be"),
        (("--shown", "31"), "shown must be at most units, 30; got 31"),
        (("--steps", "0", "1", "1"), "steps must be"),
        (("nothing.npz",), "nothing.npz"),
    ],
)
def test_mistakes_are_refused_in_a_line(capsys, tmp_path, args, said):
    assert said in refused(capsys, "report", *args)
    assert not (tmp_path / "here" / "report.html").exists()


def test_a_place_where_no_file_can_be_is_refused(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("precious")
    (tmp_path / "folder.html").mkdir()
    said = refused(capsys, "report", "--out", "file/report.html")
    assert "cannot write to --out file/report.html: " in said and "file is not a folder; give another folder" in said
    said = refused(capsys, "report", "--out", "folder.html")
    assert "--out folder.html is a folder; give a file's name, such as folder.html/report.html" in said


def test_a_model_without_history_and_without_data(capsys, tmp_path, trained):
    saved = checkpoint.load(trained, xp=np)
    arrays = {layer: saved.arrays[layer] for layer in saved.model.layer_names}
    info = {"dataset": "mnist"}  # which is not at hand
    checkpoint.save(tmp_path / "bare.npz", saved.model, config={}, seed=0, info=info, arrays=arrays)
    assert main(["report", str(tmp_path / "bare.npz"), *SMALL, "-o", str(tmp_path / "bare.html")]) == 0
    html, facts = report_of(tmp_path, "bare")
    assert disagreements(html, facts) == []
    assert {"the course of training", "all that needs images"} <= {x["what"] for x in facts["measured"]["left_out"]}


def test_reproduce_ends_with_a_report(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("dbnvis.commands.reproduce.HIDDEN", (14, 10))
    monkeypatch.setattr(
        "dbnvis.commands.reproduce.QUICK", Plan(units=4, shown=2, chains=3, annealed=4, steps=(2, 3, 4))
    )
    monkeypatch.setattr("dbnvis.commands.reproduce.drawings", lambda quick: {})
    assert main(["reproduce", "--quick", "--dataset", "digits", "--out", str(tmp_path)]) == 0
    folder = tmp_path / "digits-quick"
    assert f"report   {folder / 'report.html'}" in capsys.readouterr().out
    html, facts = report_of(folder)
    assert disagreements(html, facts) == [] and facts["command"].startswith("dbnvis reproduce --dataset digits")
