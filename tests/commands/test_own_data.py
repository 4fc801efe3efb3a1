"""A path in place of a data set's name: trained, remembered, opened again; in colours, which are seen as they are."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import FAST
from PIL import Image

from dbnvis import DBN, RBM, checkpoint, datasets
from dbnvis.cli import main
from dbnvis.figures.convnets import explaining
from dbnvis.figures.opening import open_study

EXAMPLE = Path(__file__).parents[2] / "scripts" / "examples" / "own_pictures.py"
SIDE = 16
CLASSES = ("blue", "green", "red")


def squares(folder, n=30, side=SIDE):
    """Pictures of squares in three colours, a class each."""
    rng = np.random.default_rng(0)
    for i in range(n):
        picture, (row, column) = rng.integers(0, 50, (side, side, 3), dtype=np.uint8), rng.integers(0, side - 8, 2)
        picture[row : row + 8, column : column + 8, i % 3] = 230
        path = folder / ("red", "green", "blue")[i % 3] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
    return folder


@pytest.fixture
def folder(tmp_path):
    return squares(tmp_path / "here" / "squares")


def train(*args):
    assert main(["train", "--dataset", "squares", *args, *FAST]) == 0
    return Path("runs/squares/model.npz")


def words(capsys):
    return " ".join(capsys.readouterr().err.split())


def refused(capsys, *args):
    """What is said of a mistake."""
    capsys.readouterr()
    assert main([str(arg) for arg in args]) == 2
    return words(capsys)


def test_data_says_what_a_path_is_and_draws_the_first_images(folder, capsys):
    assert main(["data", "squares"]) == 0
    said = capsys.readouterr().out
    for line in (
        f"squares from {folder}",
        "24 images to learn from, 6 to test with",
        "each 16 x 16 pixels (rows x columns), in colour, channels red, green and blue: an array (3, 16, 16)",
        "3 classes, images to learn from: blue 8, green 8, red 8",
        "pixels from 0 to 230 divided by 255",
        "their range is 0 to 1",
    ):
        assert line in said
    png = Path(next(line for line in said.splitlines() if line.endswith(".png")))
    colours = np.asarray(Image.open(png).convert("RGB")).reshape(-1, 3).astype(int)
    for c in range(3):  # a colour that is far above the two others
        assert (colours[:, c] - np.delete(colours, c, axis=1).max(axis=1)).max() > 150
    manifest = json.loads(png.with_suffix(".json").read_text())
    assert "pixels from 0 to 230 divided by 255" in manifest["settings"]["steps"]


def test_a_model_remembers_its_own_data(folder, capsys, tmp_path):
    model = train()
    capsys.readouterr()
    assert main(["visualize", "--model", str(model), "--method", "top-images", "--units", "0-1"]) == 0
    assert f"data: squares from {folder}" in words(capsys)
    (manifest,) = Path("runs/squares/sheets").glob("*.json")
    facts = json.loads(manifest.read_text())
    assert facts["data_sha256"] == datasets.load(folder).sha256
    assert "in colour: red, green and blue" in facts["data_steps"]
    shutil.move(folder, tmp_path / "elsewhere")
    assert main(["compare", "h1:0", "--model", str(model)]) == 0
    said = words(capsys)
    assert "no data at" in said and "if they have moved, give their path by --dataset" in said
    again = ["--model", str(model), "--dataset", str(tmp_path / "elsewhere"), "--out", "again"]
    assert main(["compare", "h1:0", *again]) == 0  # the same data by another path


def test_other_data_are_refused_unless_they_are_asked_for(folder, capsys):
    model = train()
    other = squares(folder.with_name("other"), 21)
    again = ["compare", "h1:0", "--model", str(model), "--dataset", str(other)]
    assert "was trained on squares, the data set is other from" in refused(capsys, *again)
    assert main([*again, "--other-data"]) == 0
    squares(folder, 36)  # the folder has got more pictures since
    capsys.readouterr()
    assert main(["compare", "h1:0", "--model", str(model), "--out", "again"]) == 0
    said = words(capsys)
    assert "is not the data that" in said and "its images are left out; give their path by --dataset" in said


def test_data_of_another_shape_are_refused(folder, capsys):
    model = train()
    np.save("grey.npy", np.random.default_rng(0).integers(0, 256, (20, 16, 16), dtype=np.uint8))
    again = ["compare", "h1:0", "--model", str(model), "--dataset", "grey.npy", "--other-data"]
    assert "sees images of 3 x 16 x 16 pixels in [0, 1]; those of grey are 16 x 16 in" in refused(capsys, *again)


def test_evaluate_opens_the_data_that_a_model_remembers(folder, monkeypatch):
    model, seen = train(), []
    monkeypatch.setattr("dbnvis.commands.training.likelihood", lambda m, data, *a, **k: seen.append(data) or [{"n": 1}])
    assert main(["evaluate", str(model)]) == 0
    assert seen[0].path == folder


@pytest.mark.parametrize("family", ["convnet", "sdae"])
def test_other_families_take_colours(folder, monkeypatch, family):
    hidden = () if family == "convnet" else ("--hidden", "8")
    assert main(["train", "--dataset", "squares", "--family", family, *hidden, f"--{family}.epochs", "2"]) == 0
    model = f"runs/squares-{family}/model.npz"
    assert main(["visualize", "--model", model, "--units", "0-1", "--starts", "2", "--max-steps", "5"]) == 0
    if family == "convnet":
        named = []
        with monkeypatch.context() as patch:
            shares = explaining.plot.Shares
            patch.setattr(
                explaining.plot, "Shares", lambda names, *a, **k: named.append(names) or shares(names, *a, **k)
            )
            assert main(["explain", "--model", model]) == 0
        assert named.pop() == list(CLASSES)
        assert main(["explain", str(folder / "red" / "0.png"), "--model", model]) == 0


def test_real_valued_colours_are_learned_by_gaussian_units(tmp_path):
    pixels = np.random.default_rng(0).standard_normal((40, 6, 6, 3)).astype("float32")
    np.savez("real.npz", images=pixels)
    assert main(["train", "--dataset", "real.npz", *FAST]) == 0
    saved = checkpoint.load("runs/real/model.npz", xp=np)
    assert saved.model.input_shape == (3, 6, 6) and type(saved.model.rbms[0]).__name__ == "GaussianRBM"
    assert main(["visualize", "--model", "runs/real/model.npz", "--method", "gibbs", "--units", "0-1"]) == 0


@pytest.mark.parametrize("method", ["am", "combination", "regularized"])
def test_a_planted_red_unit_looks_red(method):
    """Unit 0 of h1 adds up red pixels of a square; its picture is red there, in the arrays and on the sheet."""
    W = np.zeros((3, SIDE, SIDE, 5), "float32")
    W[0, 4:12, 4:12, 0] = 0.3
    W[1, :4, :, 1:] = 0.2
    rbm = RBM(W.reshape(-1, 5), np.zeros(3 * SIDE**2, "float32"), np.full(5, -1, "float32"))
    dbn = DBN([rbm], (3, SIDE, SIDE), input_norm=5.0)
    responses = {"h1": np.linspace(-1, 1, 9, dtype="float32")[:, None] * np.ones(5, "float32")}
    checkpoint.save("red.npz", dbn, config={}, seed=0, info={"dataset": "own"}, arrays=responses)
    assert main(["visualize", "--model", "red.npz", "--method", method, "--layer", "h1", "--units", "0"]) == 0
    (arrays,) = Path("runs/own/sheets").glob("*.npz")
    with np.load(arrays) as saved:
        picture = saved["pictures.images"][0, 0]
    inside = picture[:, 5:11, 5:11].mean(axis=(1, 2))
    assert inside[0] > 2 * max(abs(inside[1:])) and inside[0] > 0
    colours = np.asarray(Image.open(arrays.with_suffix(".png")).convert("RGB")).reshape(-1, 3).astype(int)
    redder = colours[:, 0] - colours[:, 1:].max(axis=1)
    assert (redder > 60).sum() > 50


def test_names_of_classes_reach_the_live_page(folder, tmp_path):
    from dbnvis.web.payload import Blobs, describe_model
    from dbnvis.web.pool import Pool

    assert main(["train", "--dataset", "squares", "--family", "convnet", "--convnet.epochs", "1"]) == 0
    study = open_study("runs/squares-convnet/model.npz", datasets.load(folder), out=tmp_path, seed=0, xp=np)
    assert describe_model(study, "m", "full", Blobs())["classes"] == list(CLASSES)
    pool = Pool.first(study.data, 4)
    assert pool.entry(Blobs())["classes"] == list(CLASSES) and pool.images.shape == (4, 3, 16, 16)


def test_the_example_goes_from_a_folder_to_a_live_page(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(EXAMPLE), "pictures", "-o", "out/page.html", "--epochs", "2"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dbnvis.web.unit_atlas.VISUALIZERS", {})
        runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert "240 pictures of shape (3, 16, 16)" in capsys.readouterr().out
    page = Path("out/page.html").read_text()
    assert '"classes":["blue","green","red"]' in page.replace(": ", ":").replace(", ", ",")
