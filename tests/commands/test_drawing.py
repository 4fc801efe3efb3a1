"""`dbnvis figure`: the catalogue is listed and drawn by name; manifests name the figure and the command."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from command_line import FAST, refused

from dbnvis import CDConfig, checkpoint
from dbnvis.catalogue import FIGURES
from dbnvis.cli import _parse, main
from dbnvis.commands.reproduce import DRAWN, drawings, shortened


def test_the_list_has_a_line_for_every_figure(capsys):
    assert main(["figure", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, figure in FIGURES.items():
        (line,) = [line for line in lines if line.startswith(f"  {name} ")]
        assert figure.shows[:30] in line
        assert len(figure.shows) <= 110
    assert main(["figure"]) == 0
    assert capsys.readouterr().out.splitlines() == lines


@pytest.mark.parametrize("name", ["infinite", "starts", "training", "health", "fantasies"])
def test_a_figure_is_drawn_by_name_and_its_manifest_names_it(capsys, tmp_path, trained, name):
    data = ["--dataset", "digits"]
    args = [] if FIGURES[name].of == "data" else ["--model", str(trained)]
    assert main(["figure", name, *data, *args, "--out", str(tmp_path)]) == 0
    written = [Path(line) for line in capsys.readouterr().out.split()]
    assert written
    for path in written:
        assert path.parent == tmp_path / "digits" / "figures"
        if path.suffix == ".json":
            manifest = json.loads(path.read_text())
            assert manifest["figure"] == name
            assert shlex.split(manifest["command"]) == ["dbnvis", "figure", name, *data, *args]


def test_several_figures_at_once(capsys, tmp_path, trained):
    assert (
        main(["figure", "starts", "training", "--model", str(trained), "--dataset", "digits", "--out", str(tmp_path)])
        == 0
    )
    manifests = {path.stem: json.loads(path.read_text()) for path in tmp_path.rglob("*.json")}
    assert {name: manifest["figure"] for name, manifest in manifests.items()} == {
        "starts": "starts",
        "training": "training",
    }


def test_mistakes_are_refused(capsys, tmp_path, trained):
    assert "no figure 'start'; the nearest are starts" in refused(capsys, "figure", "start")
    message = refused(capsys, "figure", "starts", "infinite", "--model", trained, "--out", tmp_path / "out")
    assert "infinite is of no single model; leave --model out" in message
    assert not (tmp_path / "out").exists()
    message = refused(capsys, "figure", "weights", "--model", trained, "--dataset", "digits")
    assert "of a convolutional network" in message and "--model convnet" in message
    saved = checkpoint.load(trained, xp=np)
    arrays = {layer: saved.arrays[layer] for layer in saved.model.layer_names}
    checkpoint.save(tmp_path / "bare.npz", saved.model, config={}, seed=0, info=saved.info, arrays=arrays)
    message = refused(capsys, "figure", "health", "--model", tmp_path / "bare.npz", "--dataset", "digits")
    assert "bare keeps nothing of its training; dbnvis train leaves a model that does" in message
    assert "keeps no statistics of its training" in refused(capsys, "figure", "training", "--model", "convnet")


@pytest.mark.parametrize(("images", "epochs"), [(20_000, 3), (12_000, 5), (500, 40), (30, 40)])
def test_a_quick_look_takes_about_600_updates_whatever_the_data(images, epochs):
    """At twice the rate; of few images no more epochs than the whole reproduction."""
    assert shortened(CDConfig(), images) == CDConfig(epochs=epochs, learning_rate=0.1)


@pytest.mark.parametrize("quick", [False, True])
def test_what_reproduce_draws_is_in_the_catalogue(quick):
    assert list(drawings(quick)) == list(DRAWN) and set(DRAWN) <= set(FIGURES)


@pytest.mark.parametrize(
    "args",
    [
        ["compare", "h3:17"],
        ["compare", "h3:17", "conv2:5@mean", "--models", "a b.npz", "convnet"],
        ["compare", "h2:1", "--seed", "3", "--model", "a b.npz", "--other-data"],
        ["visualize", "--method", "gibbs", "--units", "0-3", "--chains", "5", "--others", "zero"],
        ["visualize", "--method", "yosinski-1", "--layer", "output", "--starts", "2"],
        ["explain", "test:3", "--unit", "conv2:5", "conv1:3@3,4", "--patch", "7"],
        ["train", *FAST[:-2], "--sdae.epochs", "3", "--family", "sdae"],
        ["train", "--no-persistent", "--no-centered"],
        ["train", "--family", "sdae", "--sdae.no-tied"],
        ["reproduce", "--quick", "--seed", "1"],
        ["figure", "am", "gibbs", "--model", "convnet"],
        ["evaluate", "m.npz", "--layers", "h1", "h2", "--steps", "3", "4", "5"],
    ],
)
def test_a_command_is_written_down_so_that_it_does_the_same_again(args):
    options = _parse([*args, "--out", "somewhere", "--overwrite"])
    again = _parse(shlex.split(options.command)[1:])
    assert vars(again) == {**vars(options), "out": again.out, "overwrite": False}
