"""The command line: what it writes, what it returns, and one line on standard error for every mistake."""

import csv
import json
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from command_line import FAST, HIDDEN, refused

from dbnvis import DBN, checkpoint, console, datasets
from dbnvis.backend import gpu_status, make_rng
from dbnvis.cli import main
from dbnvis.commands import COMMANDS
from dbnvis.console import parse_indices
from dbnvis.erhan2009.stages import Stage
from dbnvis.models.convnet import ConvNet
from dbnvis.models.mlp import classifier
from dbnvis.results import model_hash
from dbnvis.visualize import VISUALIZERS


def written(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


# --- help


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_exits_0_and_documents_every_option(capsys, command):
    with pytest.raises(SystemExit) as stop:
        main([*([command] if command else []), "--help"])
    assert stop.value.code == 0
    said = capsys.readouterr().out
    if command:
        for option in ("--dataset", "--data-dir", "--out", "--overwrite", "--device", "--seed", "--debug"):
            assert option in said
    else:
        assert all(name in said for name in COMMANDS)


@pytest.mark.parametrize("name", list(VISUALIZERS))
def test_help_of_visualize_documents_the_settings_of_the_method_it_names(capsys, name):
    for args in (["--method", name], [f"--method={name}"]):
        with pytest.raises(SystemExit) as stop:
            main(["visualize", *args, "--help"])
        assert stop.value.code == 0
        said = capsys.readouterr().out
        for field in fields(VISUALIZERS[name]):
            if not field.repr:  # an object, such as a prior: the command finds it
                continue
            assert f"--{field.name.replace('_', '-')}" in said


# --- commands that do what they say


def test_train_leaves_a_model_its_curves_and_their_manifest(capsys, trained):
    names = ("health_h1", "health_h2", "health_h3", "training")
    figures = [f"figures/{name}.{suffix}" for name in names for suffix in ("json", "npz", "png")]
    assert written(trained.parent) == [*figures, "model.npz"]
    saved = checkpoint.load(trained, xp=np)
    assert saved.model.sizes == [36, 14, 10, 9]
    assert (saved.config["epochs"], saved.config["batch_size"], saved.seed) == (2, 20, 0)
    manifest = json.loads((trained.parent / "figures" / "training.json").read_text())
    assert manifest["training"] == {**saved.config, "seed": 0}


def test_evaluate_prints_and_writes_two_sided_estimates(capsys, trained, tmp_path):
    few = ["--steps", "5", "5", "5", "--chains", "10", "--samples", "1", "--layers", "h2", "--convention", "threshold"]
    assert main(["evaluate", str(trained), "--out", str(tmp_path), *few]) == 0
    out, _ = capsys.readouterr()
    sha = model_hash(checkpoint.load(trained, xp=np).model)[:8]
    table, manifest = sorted((tmp_path / "digits" / "tables").iterdir())
    assert re.fullmatch(rf"evaluation_digits-{sha}_[0-9a-f]{{6}}", table.stem) and manifest.stem == table.stem
    assert str(table) in out and str(manifest) in out
    with table.open() as file:
        (row,) = csv.DictReader(file)
    assert row["layer"] == "h2" and float(row["test, forward"]) < 0
    for name, value in row.items():
        assert name in out and value in out
    settings = json.loads(manifest.read_text())["settings"]
    assert (settings["convention"], settings["steps"], settings["chains"]) == ("threshold", [5, 5, 5], 10)


def test_a_warning_is_one_line(capsys, trained, tmp_path):
    few = ["--steps", "1", "1", "1", "--chains", "10", "--layers", "h1"]
    assert main(["evaluate", str(trained), "--out", str(tmp_path), *few]) == 0
    warned = [line for line in capsys.readouterr().err.split("\n") if "warning" in line]
    assert all(".py" not in line for line in warned)


def test_conflicting_options_are_said_plainly(capsys, tmp_path):
    said = refused(capsys, "train", "--dataset", "digits", "--temperatures", "3", "--no-persistent")
    assert "3 temperatures need persistent chains" in said and "tyro" not in said and "helptext" not in said


def test_evaluate_says_which_layers_there_are(capsys, trained):
    line = refused(capsys, "evaluate", trained, "--layers", "h7")
    assert "no layer 'h7'; the model has h1, h2, h3" in line


def test_train_prints_what_it_wrote(capsys, tmp_path):
    assert main(["train", "--dataset", "digits", "--out", str(tmp_path / "out"), *FAST, "--seed", "5"]) == 0
    out, err = capsys.readouterr()
    named = out.split()
    assert sorted(Path(p).relative_to(tmp_path / "out").as_posix() for p in named) == written(tmp_path / "out")
    assert "training h1" in err and "training h3" in err
    assert checkpoint.load(named[0], xp=np).seed == 5


@pytest.mark.parametrize("name", list(VISUALIZERS))
def test_visualize_writes_one_sheet(capsys, trained, tmp_path, name):
    settings = {"am": ["--starts", "2"], "combination": ["--k", "5"], "top-images": ["--k", "4"]}.get(name, [])
    args = ["visualize", "--method", name, "--layer", "h2", "--units", "0-2,7", "--model", str(trained), *settings]
    assert main([*args, "--out", str(tmp_path / "out"), "--seed", "4", "--device", "cpu"]) == 0
    files = written(tmp_path / "out")
    assert [Path(f).suffix for f in files] == [".csv", ".json", ".npz", ".png"]
    assert {str(tmp_path / "out" / f) for f in files} == set(capsys.readouterr().out.split())
    manifest = json.loads((tmp_path / "out" / files[1]).read_text())
    pictures = "h2" if name == "evidence" else "pictures"
    assert manifest["settings"][pictures]["method"] == VISUALIZERS[name].__name__
    assert (manifest["seed"], manifest["dataset"]) == (4, "digits")
    if settings:
        assert manifest["settings"][pictures][settings[0][2:]] == int(settings[1])
    with np.load(tmp_path / "out" / files[2]) as arrays:
        assert arrays[f"{pictures}.images"].shape[0] == 4
        direct = VISUALIZERS[name](**{settings[0][2:]: int(settings[1])} if settings else {})
        data = datasets.load("digits")
        expected = direct(
            checkpoint.load(trained, xp=np).model,
            ["h2:0", "h2:1", "h2:2", "h2:7"],
            rng=make_rng(np, 4),
            images=data.train_images,
        )
        np.testing.assert_array_equal(arrays[f"{pictures}.images"], expected.images)


def test_visualize_takes_the_top_layer_and_all_of_its_units(trained, tmp_path):
    args = ["visualize", "--model", str(trained), "--units", "all", "--starts", "1", "--out", str(tmp_path / "out")]
    assert main(args) == 0
    (file,) = (tmp_path / "out").rglob("*.npz")
    with np.load(file) as arrays:
        assert arrays["pictures.images"].shape == (9, 1, 6, 6)


def test_visualize_without_units_works_on_a_layer_of_fewer_than_36(trained, tmp_path):
    """The default, 0-35, is for layers of that size; a smaller one is shown whole."""
    assert main(["visualize", "--model", str(trained), "--starts", "1", "--out", str(tmp_path / "out")]) == 0


def test_sheets_of_other_models_seeds_and_settings_have_names_of_their_own(capsys, trained, tmp_path):
    other = DBN.random((36, 14, 10, 9), (6, 6), rng=np.random.default_rng(1))
    kept = checkpoint.load(trained, xp=np)
    other.input_norm = kept.model.input_norm
    checkpoint.save(tmp_path / "other.npz", other, config={}, seed=0, info=kept.info, arrays=kept.arrays)
    runs = [
        ("--model", trained),
        ("--model", tmp_path / "other.npz"),
        ("--model", trained, "--seed", 1),
        ("--model", trained, "--starts", 2),
        ("--model", trained, "--starts", 3),
        ("--model", trained, "--units", "0-1"),
        ("--model", trained, "--units", ",".join(map(str, range(13)))),
    ]
    names = []
    for args in [*runs, runs[0]]:
        assert main(["visualize", "--layer", "h1", "--out", str(tmp_path / "out"), *map(str, args)]) == 0
        names.append(capsys.readouterr().out.split()[0])
    assert len(set(names)) == len(runs) and names[-1] == names[0]
    sha = model_hash(kept.model)[:8]
    assert Path(names[0]).name == f"am_h1_first_digits-{sha}.png"
    assert Path(names[2]).name == f"am_h1_first_digits-{sha}_seed1.png"
    assert "_other-" in names[1]
    manifest = json.loads(Path(names[0]).with_suffix(".json").read_text())
    assert (manifest["model"], manifest["model_sha256"][:8]) == ("digits", sha)


def test_compare_writes_one_sheet_of_the_unit(capsys, trained, tmp_path):
    """Also of a layer with fewer units than the 100 filters that a combination keeps by default."""
    assert main(["compare", "h3:5", "--model", str(trained), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 0
    name = f"compare_h3_5_digits-{model_hash(checkpoint.load(trained, xp=np).model)[:8]}"
    assert [Path(f).name for f in written(tmp_path / "out")] == [f"{name}.{s}" for s in ("csv", "json", "npz", "png")]


@pytest.mark.parametrize("command", [("visualize", "--units", "0-3"), ("compare", "h1:0")])
def test_pictures_can_be_unwhitened_of_whitened_data_alone(capsys, trained, tmp_path, command):
    err = refused(capsys, *command, "--unwhiten", "--model", trained, "--out", tmp_path / "out")
    assert "images of digits are not whitened" in err and "leave" in err
    dbn = DBN.random((144, 12), (12, 12), rng=np.random.default_rng(0), variance=0.1, input_range=(-np.inf, np.inf))
    dbn.input_norm = 3.0
    responses = {"h1": np.linspace(-1, 1, 5)[:, None] * np.ones(12)}
    checkpoint.save(tmp_path / "m.npz", dbn, config={}, seed=0, info={"dataset": "patches"}, arrays=responses)
    assert main([*command, "--unwhiten", "--model", str(tmp_path / "m.npz"), "--out", str(tmp_path / "out")]) == 0
    assert all(Path(name).stem.endswith("_unwhitened") for name in written(tmp_path / "out"))


def test_data_lists_every_data_set_and_where_it_is(capsys, tmp_path):
    assert main(["data"]) == 0
    said = capsys.readouterr().out
    for name in datasets.DATASETS:
        assert name in said
    assert "embedded" in said
    assert "not found; dbnvis data --fetch mnist" in said


@pytest.mark.parametrize("command", ["data", "doctor"])
def test_photographs_of_the_users_own_are_found_before_the_embedded_ones(capsys, tmp_path, command):
    def said():
        assert main([command, "--data-dir", str(tmp_path)]) == 0
        lines = [line.removeprefix("data").lstrip() for line in capsys.readouterr().out.splitlines()]
        (line,) = (line for line in lines if line.startswith("patches"))
        return line

    assert said().endswith("embedded")
    (tmp_path / "patches").mkdir()
    assert said().endswith(str(tmp_path / "patches"))


def test_doctor_reports_versions_blas_gpu_and_data(capsys):
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for text in ("dbnvis", "numpy", np.__version__, "BLAS", "GFLOP/s", "GPU", "mnist", "digits"):
        assert text in said
    assert ("none:" in said) != gpu_status()[0]


def test_the_pretrained_model_works_without_data(capsys, tmp_path):
    args = ["visualize", "--layer", "h3", "--units", "0-3", "--starts", "2", "--max-steps", "5", "--out", str(tmp_path)]
    assert main(args) == 0
    (file,) = tmp_path.rglob("*.npz")
    with np.load(file) as arrays:
        assert arrays["pictures.images"].shape == (4, 2, 28, 28)


# --- mistakes


def test_an_unknown_data_set_is_refused_nearest_first(capsys):
    err = refused(capsys, "train", "--dataset", "digit", *FAST)
    assert "unknown data set 'digit'; known are digits, " in err
    assert "mnist" in err and "auto" in err
    assert "known are mnist, " in refused(capsys, "train", "--dataset", "MNIST".lower() + "t", *FAST)


def test_mnist_that_cannot_be_had_says_how_to_get_it(capsys, tmp_path):
    err = refused(capsys, "train", "--dataset", "mnist", "--out", tmp_path / "out", *FAST)
    for text in (*datasets.DATASETS["mnist"].files, "cannot connect", "--data-dir", "DBNVIS_DATA"):
        assert text in err
    assert not (tmp_path / "out").exists()


def test_auto_falls_back_to_digits_and_says_so_in_a_line(capsys, tmp_path):
    assert main(["train", "--out", str(tmp_path / "out"), *FAST]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "using the embedded data set digits" in line]
    assert len(said) == 1
    assert (tmp_path / "out" / "digits" / "model.npz").exists()


@pytest.mark.parametrize("command", ["visualize", "compare"])
def test_a_data_set_other_than_the_models_is_refused(capsys, trained, command):
    """`--dataset` is an option of every command; it must not be ignored."""
    unit = ["h2:0"] if command == "compare" else []
    assert "unknown data set 'nothing'" in refused(capsys, command, *unit, "--model", trained, "--dataset", "nothing")


@pytest.mark.parametrize(("layer", "nearest"), [("h4", None), ("h22", "h2"), ("x", None)])
def test_an_unknown_layer_is_refused_with_those_that_exist(capsys, trained, layer, nearest):
    for args in (["visualize", "--layer", layer, "--units", "0"], ["visualize", "--layer", layer, "--units", "all"]):
        err = refused(capsys, *args, "--model", trained)
        assert f"no layer '{layer}'; the model has h1, h2, h3{f'; did you mean {nearest}?' if nearest else ''}" in err
    assert f"no layer '{layer}'" in refused(capsys, "compare", f"{layer}:0", "--model", trained)


def test_a_unit_out_of_range_is_refused_with_the_range(capsys, trained):
    err = refused(capsys, "compare", "h3:9", "--model", trained)
    assert "no unit h3:9; layer h3 has units h3:0 to h3:8" in err
    err = refused(capsys, "visualize", "--layer", "h2", "--units", "3,8-12", "--model", trained)
    assert "no unit h2:10; layer h2 has units h2:0 to h2:9" in err


@pytest.mark.parametrize("unit", ["h3", "h3:", "3", "h3:x", "h3:1.5", "h3-1"])
def test_a_malformed_unit_is_refused_with_the_form(capsys, trained, unit):
    err = refused(capsys, "compare", unit, "--model", trained)
    assert f"a unit is written LAYER:INDEX, such as h3:17; got '{unit}'" in err


@pytest.mark.parametrize("units", ["x", "5-3", "1,,2", "1-2-3", "1.5", "0-"])
def test_malformed_units_are_refused_with_the_form(capsys, trained, units):
    err = refused(capsys, "visualize", "--units", units, "--model", trained)
    assert f"units are written 0-35 or 3,17,40-49 or all; got '{units}'" in err


@pytest.mark.parametrize(
    ("method", "nearest"), [("gibs", "gibbs"), ("combinations", "combination"), ("top", "top-images"), ("AM", None)]
)
def test_an_unknown_method_is_refused_nearest_first(capsys, trained, method, nearest):
    for option in (["--method", method], [f"--method={method}"]):
        err = refused(capsys, "visualize", *option, "--model", trained)
        assert f"no method '{method}'; the methods are {nearest or ''}" in err
        assert all(name in err for name in VISUALIZERS)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["combination", "--k", "15", "--layer", "h2"], "k must lie between 1 and 14, the inputs of h2; got 15"),
        (["combination", "--k", "0", "--layer", "h2"], "k must lie between 1 and 14, the inputs of h2; got 0"),
        (["connections", "--k", "15"], "k must lie between 1 and 14, the units of the first layer; got 15"),
        (["top-images", "--k", "81"], "k must lie between 1 and the 80 images, got 81"),
        (["am", "--starts", "0"], "starts must be an integer of at least 1, got 0"),
        (["gibbs", "--chains", "0"], "chains must be an integer of at least 1, got 0"),
    ],
)
def test_settings_beyond_the_model_are_refused(capsys, trained, tmp_path, args, message):
    err = refused(capsys, "visualize", "--units", "0", "--model", trained, "--out", tmp_path / "out", "--method", *args)
    assert message in err
    assert not (tmp_path / "out").exists()


def test_a_missing_or_damaged_checkpoint_is_refused(capsys, trained, tmp_path):
    for command in (["visualize", "--units", "0"], ["compare", "h1:0"]):
        assert "no checkpoint" in refused(capsys, *command, "--model", tmp_path / "nothing.npz")
        content = trained.read_bytes()
        (tmp_path / "cut.npz").write_bytes(content[: len(content) // 2])
        assert "damaged" in refused(capsys, *command, "--model", tmp_path / "cut.npz")
        (tmp_path / "text.npz").write_text("hello")
        assert "no checkpoint" in refused(capsys, *command, "--model", tmp_path / "text.npz")


def test_a_method_that_needs_images_is_refused_where_there_are_none(capsys, trained, tmp_path):
    with np.load(trained) as archive:
        stored = {name: archive[name] for name in archive.files}
    header = json.loads(bytes(stored["header"]))
    header["info"]["dataset"] = "mnist"  # which is nowhere
    stored["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "m.npz", **stored)
    err = refused(capsys, "visualize", "--method", "top-images", "--units", "0", "--model", tmp_path / "m.npz")
    assert "needs mnist training images" in err
    assert "dbnvis data --fetch mnist" in err
    args = [
        "visualize",
        "--method",
        "gibbs",
        "--units",
        "0",
        "--model",
        str(tmp_path / "m.npz"),
        "--out",
        str(tmp_path),
    ]
    assert main(args) == 0


@pytest.mark.parametrize("command", [["train", *FAST[:-2]], ["visualize", "--units", "0"], ["compare", "h1:0"]])
def test_a_gpu_that_is_not_there_is_refused_with_the_reason(capsys, trained, command):
    if gpu_status()[0]:
        pytest.skip("there is a GPU")
    model = [] if command[0] == "train" else ["--model", str(trained)]
    err = refused(capsys, *command, *model, "--dataset", "digits", "--device", "gpu")
    assert f"no GPU: {gpu_status()[1]}; use --device cpu" in err


@pytest.mark.parametrize("command", ["train", "visualize", "compare"])
def test_a_folder_that_cannot_be_written_is_refused(capsys, trained, tmp_path, command):
    """A regular file stands where the folder should be (as root, permissions stop nobody)."""
    (tmp_path / "file").write_text("precious")
    args = {
        "train": ["--dataset", "digits", *FAST],
        "visualize": ["--model", trained, "--units", "0", "--starts", "1"],
        "compare": ["h1:0", "--model", trained],
    }[command]
    err = refused(capsys, command, *args, "--out", tmp_path / "file" / "out")
    assert str(tmp_path / "file") in err
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("args", "mentions"),
    [
        (["trian"], "trian"),
        (["train", "--epochs", "many"], "many"),
        (["train", "--device", "tpu"], "tpu"),
        (["train", "--epoch", "3"], "--epoch"),
        (["visualize", "--method", "am", "--chains", "3"], "--chains"),
        (["train", "--epochs", "0"], "epochs must be an integer of at least 1, got 0"),
        (["train", "--learning-rate", "-1"], "learning_rate must be a finite number"),
        (["reproduce", "--paper", "erhan2009", "--quick"], "--paper has no --quick"),
        (["reproduce", "--examples", "500"], "dbnvis train --examples"),
        (["train", "--dataset", "digits", "--examples", "10801"], "to 10800 examples, got 10801"),
        (["train", "--dataset", "digits", "--examples", "0"], "from 1 (a chunk) to 10800 examples, got 0"),
        ([], "reproduce"),
    ],
)
def test_options_that_do_not_exist_or_make_no_sense_are_refused(capsys, args, mentions):
    assert mentions in refused(capsys, *args)


def test_training_that_diverges_is_refused_with_advice(capsys, tmp_path):
    with np.errstate(all="ignore"):
        args = ["train", "--dataset", "digits", *FAST, "--learning-rate", "1e30", "--out", str(tmp_path / "out")]
        assert "lower the learning rate" in refused(capsys, *args)
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits", "digits is embedded, there is nothing to download"),
        ("nothing", "unknown data set 'nothing'"),
        ("mnist", "downloading failed"),
    ],
)
def test_data_that_cannot_be_fetched_are_refused(capsys, tmp_path, name, message):
    assert message in refused(capsys, "data", "--fetch", name, "--data-dir", tmp_path / "data")
    assert written(tmp_path) == []


def test_debug_shows_the_traceback(trained):
    with pytest.raises(ValueError, match="no unit h3:9"):
        main(["compare", "h3:9", "--model", str(trained), "--debug"])


def test_mistakes_write_nothing_to_the_working_directory(capsys, trained):
    refused(capsys, "compare", "h3:9", "--model", trained)
    refused(capsys, "visualize", "--method", "combination", "--k", "99", "--units", "0", "--model", trained)
    refused(capsys, "train", "--dataset", "nothing")
    assert written(".") == []


def test_training_on_a_stream_shows_every_example_once(tmp_path):
    args = ["train", "--dataset", "digits", "--hidden", "5", "--examples", "160", "--batch-size", "20"]
    assert main([*args, "--out", str(tmp_path)]) == 0
    saved = checkpoint.load(tmp_path / "digits" / "model.npz", xp=np)
    assert saved.config["epochs"] == 1  # a chunk
    assert "deformed by" in saved.info["data_sha256"]


def test_the_page_of_a_paper_is_made_by_stages_and_resumed(capsys, tmp_path, monkeypatch):
    """Stages of the page itself: tests/erhan2009/test_page.py."""
    made = []

    def stages(page):
        assert (page.digits.name, page.patches.name, page.examples) == ("digits", "bars", 500)

        def make(name):
            made.append(name)
            if made == ["one", "two"]:
                raise KeyboardInterrupt
            (tmp_path / name).write_text("done")

        model = page.model_file("DBN", "digits")
        if not model.exists():
            model.parent.mkdir(parents=True)
            model.write_text("a model")
        shown = [("DBN", "digits")]
        return [Stage(name, tmp_path / name, shown, lambda name=name: make(name)) for name in ("one", "two")]

    monkeypatch.setattr("dbnvis.erhan2009.stages.stages", stages)
    load = datasets.load
    few = replace(load("digits"), name="bars")
    monkeypatch.setattr(
        datasets, "load", lambda name, *args, **kw: few if name == "patches" else load(name, *args, **kw)
    )
    command = ["reproduce", "--paper", "erhan2009", "--dataset", "digits", "--examples", "500", "--out", str(tmp_path)]
    assert main(command) == 130
    assert "stopped in two; the same command with --resume goes on" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    said = capsys.readouterr().out
    assert made == ["one", "two", "two"]
    assert "one (kept)" in said and "README.md" in said


# --- nothing is lost


def test_a_finished_model_and_its_figures_are_replaced_only_when_asked(capsys, trained, tmp_path):
    args = ["train", "--dataset", "digits", "--out", str(tmp_path), *FAST]
    shutil.copytree(trained.parent, tmp_path / "digits")

    def contents():
        return {name: (tmp_path / name).read_bytes() for name in written(tmp_path)}

    before = contents()
    for more, differs in (([], ""), (["--seed", "1"], "seed is 0"), (["--epochs", "1"], "epochs is 2")):
        said = refused(capsys, *args, *more)
        keeps = f"of another run (its {differs}" if differs else "--resume keeps it"  # advice that can be followed
        assert keeps in said and "--overwrite replaces it, or give another --out" in said
        assert contents() == before
    assert "cannot resume" in refused(capsys, *args, "--seed", "1", "--resume")
    assert main([*args, "--resume"]) == 0  # the advice can be followed
    assert contents()["digits/model.npz"] == before["digits/model.npz"]
    assert main([*args, "--seed", "1", "--overwrite"]) == 0
    assert sorted(contents()) == sorted(before)
    assert checkpoint.load(tmp_path / "digits" / "model.npz", xp=np).seed == 1
    assert json.loads((tmp_path / "digits" / "figures" / "training.json").read_text())["seed"] == 1
    (tmp_path / "digits" / "model.npz").unlink()
    assert "holds figures of another model" in refused(capsys, *args)
    assert written(tmp_path) == [name for name in sorted(before) if name != "digits/model.npz"]


def test_reproduce_refuses_at_the_start_what_it_would_refuse_after_training(capsys, trained, tmp_path):
    shutil.copytree(trained.parent, tmp_path / "digits")
    args = ["reproduce", "--dataset", "digits", "--out", tmp_path]
    assert "holds a finished model" in refused(capsys, *args)
    assert "its hidden is [14, 10, 9], this run's is [1000, 500, 250]" in refused(capsys, *args, "--resume")
    (tmp_path / "digits" / "model.npz").unlink()
    assert "holds figures of another model" in refused(capsys, *args)


def test_two_processes_do_not_share_a_folder(capsys, tmp_path):
    """The first is killed as the system does: its lock goes with it, and what it kept can be resumed."""
    code = """import sys, time; from dbnvis import console; from dbnvis.cli import main
console.EpochBars.__call__ = lambda self, stats, config: (print("epoch", flush=True), time.sleep(60))
main(sys.argv[1:])"""
    args = ["train", "--dataset", "digits", "--out", str(tmp_path), "--hidden", "3", "--epochs", "1", "--device", "cpu"]
    with subprocess.Popen([sys.executable, "-c", code, *args], stdout=subprocess.PIPE, text=True) as first:
        first.stdout.readline()
        for more in ([], ["--resume"], ["--overwrite"], ["--seed", "1", "--hidden", "4"]):
            said = refused(capsys, *args, *more)
            assert f"another process (pid {first.pid}, since " in said and "is at work on" in said
        first.kill()
        first.wait()
    assert "holds an unfinished training" in refused(capsys, *args)
    assert main([*args, "--overwrite"]) == 0
    assert [name for name in written(tmp_path) if "figures" not in name] == ["digits/model.npz"]


def test_nothing_is_written_into_results_by_default(trained):
    for command in (["visualize", "--units", "0", "--model", str(trained)], ["train", "--dataset", "digits", *FAST]):
        assert main(command) == 0
    assert {Path(name).parts[0] for name in written(".")} == {"runs"}


# --- interruptions


def test_ctrl_c_during_training_returns_130_and_the_rest_can_follow(capsys, trained, tmp_path, monkeypatch):
    shown = console.EpochBars.__call__

    def press(self, stats, config):
        shown(self, stats, config)
        if (stats.layer, stats.epoch) == ("h2", 1):
            raise KeyboardInterrupt

    args = ["train", "--dataset", "digits", "--out", str(tmp_path / "out"), *FAST]
    monkeypatch.setattr(console.EpochBars, "__call__", press)
    assert main(args) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert "--resume" in err and "Traceback" not in err
    assert written(tmp_path / "out") == ["digits/training.npz"]
    assert "unfinished training" in refused(
        capsys, "visualize", "--units", "0", "--model", tmp_path / "out" / "digits" / "training.npz"
    )

    monkeypatch.setattr(console.EpochBars, "__call__", shown)
    assert "cannot resume" in refused(capsys, *args, "--resume", "--seed", "1")
    assert main([*args, "--resume"]) == 0
    with np.load(tmp_path / "out" / "digits" / "model.npz") as a, np.load(trained) as b:
        assert a.files == b.files
        for name in a.files:
            if name != "header":
                assert a[name].tobytes() == b[name].tobytes(), name


SDAE = ("--family", "sdae", "--hidden", *HIDDEN, "--sdae.epochs", "2", "--sdae.batch-size", "20", "--device", "cpu")


def test_autoencoders_are_trained_resumed_and_looked_at_in_a_folder_of_their_own(capsys, tmp_path, monkeypatch):
    shown = console.EpochBars.__call__

    def press(self, stats, config):
        shown(self, stats, config)
        if (stats.layer, stats.epoch) == ("h2", 1):
            raise KeyboardInterrupt

    whole, parts = (["train", "--dataset", "digits", "--out", str(tmp_path / name), *SDAE] for name in ("a", "b"))
    assert main(whole) == 0
    out, err = capsys.readouterr()
    assert written(tmp_path / "a") == sorted(str(Path(p).relative_to(tmp_path / "a")) for p in out.split())
    assert written(tmp_path / "a") == [
        *(
            f"digits-sdae/figures/{name}.{suffix}"
            for name in ("health_h1", "health_h2", "health_h3", "training")
            for suffix in ("json", "npz", "png")
        ),
        "digits-sdae/model.npz",
    ]
    assert "held-out" in err and "nan" not in err
    saved = checkpoint.load(tmp_path / "a" / "digits-sdae" / "model.npz", xp=np)
    assert type(saved.model).__name__ == "StackedDAE"
    assert saved.config["noise"] == "salt-and-pepper"

    monkeypatch.setattr(console.EpochBars, "__call__", press)
    assert main(parts) == 130
    monkeypatch.setattr(console.EpochBars, "__call__", shown)
    assert "its noise_level is" in refused(capsys, *parts, "--resume", "--sdae.noise-level", "0.1")
    assert main([*parts, "--resume"]) == 0
    again = checkpoint.load(tmp_path / "b" / "digits-sdae" / "model.npz", xp=np)
    assert model_hash(again.model) == model_hash(saved.model)

    model = str(tmp_path / "a" / "digits-sdae" / "model.npz")
    assert main(["compare", "h2:3", "--model", model, "--out", str(tmp_path / "c")]) == 0
    assert "no p(v | h)" in refused(capsys, "visualize", "--method", "gibbs", "--units", "0", "--model", model)
    assert "has no likelihood" in refused(capsys, "evaluate", model)


def test_an_untied_stack_is_one_option_away_and_resumes(capsys, tmp_path):
    args = ["train", "--dataset", "digits", "--out", str(tmp_path), *SDAE]
    assert main([*args, "--sdae.no-tied"]) == 0
    path = tmp_path / "digits-sdae" / "model.npz"
    saved = checkpoint.load(path, xp=np)
    assert saved.config["tied"] is False
    for dae in saved.model.daes:
        assert not dae.tied and not np.array_equal(dae.decoder, dae.W.T)
    stamp = path.stat().st_mtime_ns
    assert "its tied is False, this run's is True" in refused(capsys, *args, "--resume")
    assert main([*args, "--resume", "--sdae.no-tied"]) == 0
    assert path.stat().st_mtime_ns == stamp


def test_a_convnet_is_trained_and_looked_at_in_a_folder_of_its_own(capsys, tmp_path, monkeypatch):
    args = ["train", "--family", "convnet", "--dataset", "digits", "--out", str(tmp_path), "--device", "cpu"]
    assert "do not fit maps of shape" in refused(capsys, *args)  # digits of so few pixels
    monkeypatch.setattr(ConvNet, "random", partial(ConvNet.random, channels=(4,), kernel=3))
    assert main([*args, "--convnet.epochs", "2", "--convnet.batch-size", "20"]) == 0
    out, err = capsys.readouterr()
    model = tmp_path / "digits-convnet" / "model.npz"
    path, error = out.splitlines()
    assert path == str(model) and written(tmp_path) == ["digits-convnet/model.npz"]
    assert re.fullmatch(r"test error \d+\.\d\d %", error) and "loss" in err and "nan" not in err
    assert "its epochs is 2, this run's is 3" in refused(capsys, *args, "--resume", "--convnet.epochs", "3")
    assert "leave them out for a convnet" in refused(capsys, *args, "--hidden", "30")
    assert "the --convnet options" in refused(capsys, *args, "--epochs", "3")
    for unit in ("conv1:2@3,1", "output:3"):
        assert main(["compare", unit, "--model", str(model), "--out", str(tmp_path)]) == 0
    sha = model_hash(checkpoint.load(model, xp=np).model)[:8]
    assert f"digits/sheets/compare_conv1_2_3_1_digits-convnet-{sha}.png" in written(tmp_path)
    assert "no p(v | h)" in refused(capsys, "visualize", "--method", "gibbs", "--units", "0", "--model", str(model))
    assert "has no likelihood" in refused(capsys, "evaluate", str(model))


def test_the_shipped_convnet_works_without_data(capsys, tmp_path):
    assert main(["compare", "conv1:3", "--model", "convnet", "--out", str(tmp_path)]) == 0
    assert "methods that need training images were left out" in capsys.readouterr().err
    assert "no unit conv2:32; layer conv2 has units" in refused(capsys, "compare", "conv2:32", "--model", "convnet")
    assert "conv2:5@3,4, or @mean" in refused(capsys, "compare", "conv2:5@3", "--model", "convnet")
    assert "no p(v | h)" in refused(capsys, "visualize", "--method", "gibbs", "--model", "convnet")


@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("invariance", ("--layer", "conv1", "--starts", "2", "--max-angle", "20", "--shown", "2")),
        ("evidence", ("--layer", "output", "--chains", "3", "--burn-in", "1", "--draws", "2", "--shown", "2")),
    ],
)
def test_the_shipped_convnet_by_one_method(tmp_path, method, settings):
    args = ["visualize", "--method", method, "--model", "convnet", "--units", "0-1", *settings]
    assert main([*args, "--out", str(tmp_path)]) == 0
    (name,) = (path for path in written(tmp_path) if path.endswith(".json"))
    assert json.loads((tmp_path / name).read_text())["dataset"] == "mnist"
    with np.load((tmp_path / name).with_suffix(".npz")) as arrays:
        (pictures,) = (arrays[key] for key in arrays.files if key.endswith(".images"))
    assert pictures.shape[0] == 2 and pictures.shape[2:] == (28, 28) and np.isfinite(pictures).all()


def test_sampling_by_evidence_takes_a_dbn_of_the_same_data_and_no_prior_from_the_user(capsys, trained, tmp_path):
    args = ["visualize", "--method", "evidence", "--units", "0-1", "--chains", "3", "--draws", "2", "--burn-in", "1"]
    assert main([*args, "--model", str(trained), "--out", str(tmp_path)]) == 0  # a DBN is its own
    capsys.readouterr()
    with pytest.raises(SystemExit):
        main([*args, "--help"])
    said = capsys.readouterr().out
    assert "--beta" in said and "--prior" not in said
    model = classifier(checkpoint.load(trained, xp=np).model, 10, rng=np.random.default_rng(0))
    info = {"dataset": "digits"}
    checkpoint.save(tmp_path / "mlp.npz", model, config={}, seed=0, info=info)
    err = refused(capsys, *args, "--model", tmp_path / "mlp.npz")
    assert "was trained on mnist, this network on digits" in err


@pytest.mark.parametrize(
    ("args", "theirs"),
    [(["--family", "sdae", "--epochs", "3"], "--sdae.epochs"), (["--sdae.epochs", "3"], "without --sdae")],
)
def test_settings_of_the_other_family_are_refused_not_ignored(capsys, args, theirs):
    assert theirs in refused(capsys, "train", "--dataset", "digits", *args)
    assert written(".") == []


def test_ctrl_c_during_a_figure_leaves_no_half_figure(capsys, trained, tmp_path, monkeypatch):
    from dbnvis import plot

    def press(figure, path):
        path.write_bytes(b"\x89PNG half")
        raise KeyboardInterrupt

    monkeypatch.setattr(plot, "save", press)
    args = ["visualize", "--units", "0", "--starts", "1", "--model", str(trained), "--out", str(tmp_path / "out")]
    assert main(args) == 130
    assert "Traceback" not in capsys.readouterr().err
    assert not [name for name in written(tmp_path / "out") if name.endswith(".png") or ".png" in name]


# --- units


def test_indices_are_read_from_ranges_and_lists():
    assert [parse_indices(text) for text in ("0-3", "3,7,4-6", "8", " 1 , 2 ")] == [
        [0, 1, 2, 3],
        [3, 7, 4, 5, 6],
        [8],
        [1, 2],
    ]


def test_a_range_far_beyond_the_layer_is_refused_at_once():
    with pytest.raises(ValueError, match="units are written 0-35"):
        parse_indices("0-99999999999")
