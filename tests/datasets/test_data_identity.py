"""Images shown as training images are those that the model was trained on: by hash, by parts, on the command line."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from dbnvis import DBN, CDConfig, checkpoint, datasets
from dbnvis.cli import main
from dbnvis.commands.training import Evaluate, Train
from dbnvis.datasets.infinite import InfiniteDigits, Stream
from dbnvis.figures import sheets
from dbnvis.figures.opening import OTHER, open_study, training_data
from dbnvis.results import Writer
from dbnvis.runs.classifiers import train_convnet
from dbnvis.runs.fine_tuned import FineTuning
from dbnvis.train.backprop import ConvNetConfig, train_backprop
from dbnvis.visualize import TopImages

SIZES, SHAPE = (36, 8, 5), (6, 6)


def arrays(seed=0):
    """60 training and 20 test images of bytes with three classes."""
    rng = np.random.default_rng(seed)
    return (
        rng.integers(0, 256, (60, *SHAPE), dtype=np.uint8),
        np.arange(60, dtype=np.uint8) % 3,
        rng.integers(0, 256, (20, *SHAPE), dtype=np.uint8),
        np.arange(20, dtype=np.uint8) % 3,
    )


def from_folder(folder):
    """In the place of photographs: the file in the folder is a seed."""
    return arrays(int((folder / "seed").read_text()))


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """A data set "own", embedded or of a folder, and nothing else."""
    monkeypatch.setattr(datasets._files, "cache", lambda: tmp_path / "none")
    monkeypatch.delenv("DBNVIS_DATA", raising=False)
    monkeypatch.setitem(datasets.DATASETS, "own", datasets.Spec("", generate=arrays, from_folder=from_folder))
    monkeypatch.setitem(datasets.DATASETS, "second", datasets.Spec("", generate=lambda: arrays(9)))
    monkeypatch.chdir(tmp_path)
    for seed in (1, 2):
        (tmp_path / f"data{seed}" / "own").mkdir(parents=True)
        (tmp_path / f"data{seed}" / "own" / "seed").write_text(str(seed))


def model_of(data, path=Path("m.npz"), sha256=None, **kept):
    """A checkpoint that says it learned from `data`."""
    dbn = DBN.random(SIZES, SHAPE, rng=np.random.default_rng(0))
    dbn.input_norm = data.mean_norm
    info = {"dataset": data.name, "data_sha256": data.sha256 if sha256 is None else sha256}
    tables = {
        layer: np.sort(np.random.default_rng(1).normal(size=(9, n)), axis=0)
        for layer, n in zip(dbn.layer_names, SIZES[1:], strict=True)
    }
    checkpoint.save(path, dbn, config={}, seed=0, info=info, arrays=tables | kept)
    return path


def opened(path, data=None, **settings):
    return open_study(path, data, out=Path("out"), seed=0, xp=np, **settings)


# --- which data


def test_a_model_is_opened_with_its_own_data():
    path = model_of(datasets.load("own", "data1"))
    for study in (opened(path, data_dir=Path("data1")), opened(path, datasets.load("own", "data1"))):
        np.testing.assert_array_equal(study.images, arrays(1)[0] / np.float32(255))
        assert study.other == "" and "images" not in study.provenance
        assert study.provenance["data_sha256"] == study.provenance["training_data_sha256"]
        assert study.heading == study.subject == f"own, {study.label}"


@pytest.mark.parametrize("how", ["data_dir", "dataset", "of another name"])
def test_other_data_asked_for_are_refused_with_both_hashes(how):
    data = datasets.load("own", "data1")
    path = model_of(data)
    if how == "data_dir":
        asked, given = datasets.load("own", "data2"), {"data_dir": Path("data2")}
    else:
        asked = datasets.load("own" if how == "dataset" else "second")
        given = {"dataset": asked}
    with pytest.raises(ValueError) as caught:
        opened(path, **given) if how == "data_dir" else opened(path, asked)
    text = str(caught.value)
    assert f"{path} was trained on own, the data set is {asked.source}" in text
    assert f"hashes {data.sha256[:8]} and {asked.sha256[:8]}" in text and "--other-data" in text and "\n" not in text
    assert ("give its own by --data-dir" if asked.name == "own" else "give --dataset own") in text


@pytest.mark.parametrize("name", ["own", "second"])
def test_other_data_are_taken_on_request_and_said_everywhere(name):
    asked = datasets.load(name)
    path = model_of(datasets.load("own", "data1"))
    study = opened(path, asked, other_data=True)
    np.testing.assert_array_equal(study.images, asked.train_images)
    assert (
        study.heading == f"own, {study.label}, images: {OTHER}"
        and f"percentage of {name} (other data) test images" in study.legend
    )
    pictures = study.pictures(TopImages(k=3), study.units("h1"))
    # the percentages are of these test images, not of those that the checkpoint keeps
    assert study.responses.by_layer["h1"].shape == (20, 8)
    sheets.sheet(study, TopImages(k=3), pictures, "sheet")
    manifest = json.loads(Path("out/sheet.json").read_text())
    assert manifest["images"] == OTHER
    assert manifest["data_sha256"] == asked.sha256 != manifest["training_data_sha256"]


def test_other_data_that_are_the_models_own_are_not_called_others():
    study = opened(model_of(datasets.load("own")), datasets.load("own"), other_data=True)
    assert study.other == "" and study.heading == study.subject


def test_data_found_by_default_that_are_others_are_not_at_hand():
    path = model_of(datasets.load("own", "data1"))
    with pytest.warns(
        UserWarning, match=r"own, embedded, is not the data that m.npz was trained on .*--data-dir"
    ) as said:
        study = opened(path)
    assert len(said) == 1 and study.images is None and study.data is None
    assert study.provenance["data_sha256"] is None
    with pytest.raises(
        ValueError, match="this needs own test images and none are at hand; name its folder by --data-dir"
    ):
        study.data_at_hand()


def test_data_found_by_default_that_are_the_models_own():
    study = opened(model_of(datasets.load("own")))
    np.testing.assert_array_equal(study.images, arrays()[0] / np.float32(255))


def test_a_named_folder_without_the_models_data_is_an_error():
    path = model_of(datasets.load("own"))
    Path("empty").mkdir()
    with pytest.raises(
        FileNotFoundError, match=r"looked for a folder own/ of photographs in empty \(--data-dir\), found it"
    ):
        opened(path, data_dir=Path("empty"))
    unknown = model_of(replace(datasets.load("own"), name="emnist"), Path("e.npz"))
    with pytest.raises(ValueError, match=r"emnist is no data set that dbnvis knows; data of your own .*--dataset PATH"):
        opened(unknown, data_dir=Path("data1"))
    assert opened(unknown).images is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"train_images": np.zeros((60, 5, 6), "f4"), "test_images": np.zeros((20, 5, 6), "f4")}, "6 x 6 .* are 5 x 6"),
        ({"input_range": (-np.inf, np.inf)}, r"in \[0, 1\]; those of own are 6 x 6 in \[-inf, inf\]"),
    ],
)
@pytest.mark.parametrize("other", [False, True])
def test_images_that_do_not_fit_are_refused_in_any_case(change, message, other):
    data = datasets.load("own")
    with pytest.raises(ValueError, match=message):
        opened(model_of(data), replace(data, **change), other_data=other)


# --- parts and streams


def test_a_model_of_the_first_images_is_opened_with_exactly_these():
    data = datasets.load("own")
    path = model_of(data.first(17))
    for study in (opened(path), opened(path, data), opened(path, data.first(17))):
        np.testing.assert_array_equal(study.images, data.train_images[:17])
        assert study.provenance["data_sha256"] == data.first(17).sha256 and study.other == ""
    with pytest.raises(ValueError, match=rf"hashes {data.sha256[:8]} \[:17\] and {data.sha256[:8]} \[:16\]"):
        opened(path, data.first(16))
    with pytest.raises(ValueError, match=rf"hashes {data.sha256[:8]} and {data.sha256[:8]} \[:17\]"):
        opened(model_of(data), data.first(17))


def test_the_data_of_a_stream_are_those_that_it_deforms():
    data, other = datasets.load("own"), datasets.load("second")
    for part in (data, data.first(17)):
        with Stream(InfiniteDigits(part), 34, chunk=17) as stream:
            saved = checkpoint.load(model_of(data, sha256=stream.sha256), xp=np)
        found = training_data(saved, data)
        np.testing.assert_array_equal(found.train_images, part.train_images)
        assert training_data(saved, other) is None
        assert training_data(saved, replace(other, name="own")) is None


@pytest.mark.parametrize("n", [(40, 20), (20, 20), (59,)])
def test_parts_of_parts(n):
    data = datasets.load("own")
    part = data
    for each in n:
        part = part.first(each)
    found = training_data(checkpoint.load(model_of(part), xp=np), data)
    np.testing.assert_array_equal(found.train_images, data.train_images[: n[-1]])
    assert found.sha256 == part.sha256


def test_a_hash_that_begins_like_another_is_another():
    data = datasets.load("own")
    for sha256 in (data.sha256 + "0", data.sha256[:-1], "x" + data.sha256, data.sha256 + " and more"):
        assert training_data(checkpoint.load(model_of(data, sha256=sha256), xp=np), data) is None


def test_the_shipped_models_know_mnist():
    for name in ("pretrained", "convnet"):
        saved = checkpoint.load(name, xp=np)
        kept = replace(datasets.load("own"), name="mnist", sha256=saved.info["data_sha256"])
        assert training_data(saved, kept) is not None
        assert training_data(saved, replace(kept, sha256="0" * 64)) is None


# --- on the command line


def run(capsys, *args):
    capsys.readouterr()
    status = main([str(arg) for arg in args])
    said = [line.rpartition("\r")[2] for line in capsys.readouterr().err.split("\n")]
    return status, [line for line in said if line.strip()]


TOP = ("--method", "top-images", "--layer", "h1", "--units", "0-3", "--out", "out")


def test_commands_that_open_a_model(capsys):
    path = model_of(datasets.load("own", "data1"))
    look = ("visualize", "--model", path, *TOP)
    status, said = run(capsys, *look, "--data-dir", "data1")
    assert (status, said) == (0, ["data: own from data1/own"])
    status, said = run(capsys, *look, "--data-dir", "data2")
    assert status == 2 and "--other-data" in said[-1] and len(said) == 1
    status, said = run(capsys, *look, "--dataset", "second")
    assert status == 2 and said[0] == "data: second, embedded" and "give --dataset own" in said[1]
    status, said = run(capsys, *look)
    assert status == 2 and len(said) == 2 and "is not the data that" in said[0] and "none are at hand" in said[1]
    for given in (("--data-dir", "data2"), ("--dataset", "second")):
        Path("out").mkdir(exist_ok=True)
        status, said = run(capsys, *look, *given, "--other-data", "--out", f"out{given[1]}")
        assert status == 0 and len(said) == 1 and said[0].startswith("data: ")
        (manifest,) = Path(f"out{given[1]}").rglob("*.json")
        assert json.loads(manifest.read_text())["images"] == OTHER


@pytest.mark.parametrize("command", ["train", "evaluate", "visualize", "compare"])
def test_every_command_names_its_data_once(capsys, command):
    path = model_of(datasets.load("own", "data2"))
    args = {
        "train": ["--dataset", "own", "--hidden", "5", "--epochs", "1", "--batch-size", "20"],
        "evaluate": [path, "--steps", "2", "2", "2", "--chains", "2", "--samples", "1"],
        "visualize": ["--model", path, *TOP],
        "compare": ["h2:1", "--model", path],
    }[command]
    status, said = run(
        capsys, command, *args, "--data-dir", "data2", *(() if command == "visualize" else ("--out", "o"))
    )
    assert status == 0
    assert [line for line in said if line.startswith("data: ")] == ["data: own from data2/own"]


def test_evaluate_refuses_other_data_and_says_which_it_took(capsys):
    path = model_of(datasets.load("own", "data1"))
    args = ("evaluate", path, "--steps", "2", "2", "2", "--chains", "2", "--samples", "1", "--out", "o")
    status, said = run(capsys, *args)  # the embedded ones
    assert status == 2 and "--other-data" in said[-1]
    status, said = run(capsys, *args, "--other-data")
    assert status == 0, said
    (manifest,) = Path("o").rglob("*.json")
    assert json.loads(manifest.read_text())["images"] == OTHER
    checkpoint.save("by_hand.npz", DBN.random(SIZES, SHAPE, rng=np.random.default_rng(0)), config={}, seed=0)
    status, said = run(capsys, "evaluate", "by_hand.npz")
    assert status == 2 and "does not say which data it was trained on; give --dataset" in said[-1]


def test_training_does_not_take_other_data_for_granted(capsys):
    Path("empty").mkdir()
    for given in (["--data-dir", "empty"], ["--data-dir", "emty"]):
        status, said = run(capsys, "train", "--dataset", "own", "--hidden", "5", *given, "--out", "o")
        assert status == 2 and len(said) == 1 and not Path("o").exists()
    assert "is it empty?" in said[0]
    assert "other_data" in [f.name for f in fields(Evaluate)]
    assert "other_data" not in [f.name for f in fields(Train)]


# --- labels


@pytest.mark.parametrize("labels", [None, np.zeros(60, np.uint8), np.full(60, 4, np.uint8)])
def test_a_classifier_needs_labels_of_two_classes(capsys, monkeypatch, labels):
    images, _, tests, _ = arrays()
    made = images, labels, tests, None if labels is None else labels[:20]
    monkeypatch.setitem(datasets.DATASETS, "own", datasets.Spec("", generate=lambda: made))
    data = datasets.load("own")
    message = "needs labels" if labels is None else "two classes at least"
    with pytest.raises(ValueError, match=message):
        train_convnet(data, ConvNetConfig(), folder=Path("c"), seed=0, xp=np)
    tuning = FineTuning(data, Writer(Path("w")), 0, np, classifier_pretraining=CDConfig(epochs=1))
    with pytest.raises(ValueError, match=message):
        tuning.classifier()
    status, said = run(capsys, "train", "--family", "convnet", "--dataset", "own", "--out", "c")
    assert status == 2 and message in said[-1]
    assert not Path("c").exists() and not Path("w").exists()


def test_backpropagation_refuses_labels_of_one_class():
    from dbnvis.models.mlp import classifier

    model = classifier(DBN.random(SIZES, SHAPE, rng=np.random.default_rng(0)), 3, rng=np.random.default_rng(0))
    x = np.random.default_rng(0).random((9, *SHAPE), np.float32)
    config = ConvNetConfig(epochs=1, batch_size=3, shift=0)
    with pytest.raises(ValueError, match="at least two classes, and every label of the data is 2"):
        next(train_backprop(model, x, np.full(9, 2), config, rng=np.random.default_rng(0)))


@pytest.mark.parametrize("side", [8, 12, 15])
def test_images_too_small_for_the_default_convnet(side):
    images, labels = np.random.default_rng(0).random((9, side, side), np.float32), np.arange(9) % 3
    data = datasets.Dataset("small", images, labels, images, labels, "")
    with pytest.raises(
        ValueError, match=rf"images of small, {side} x {side}, are too small for the convnet .*--family dbn"
    ):
        train_convnet(data, ConvNetConfig(), folder=Path("c"), seed=0, xp=np)
