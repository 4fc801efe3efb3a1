"""The figures of views, `dbnvis explain`, and what they refuse; on a small network and images of bars."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dbnvis import DBN, checkpoint, datasets, plot
from dbnvis.cli import main
from dbnvis.datasets import Dataset
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.convnets import attributions, channels, faults, maps, patch_sheets, tsne
from dbnvis.figures.convnets import explaining as explain
from dbnvis.figures.study import Study
from dbnvis.models.convnet import ConvNet
from dbnvis.results import Writer, model_hash
from dbnvis.views import MEASURES
from dbnvis.visualize.tidy import EXPLAINED

SIDE = 16


def bars(n):
    rng = np.random.default_rng(0)
    images, labels = np.zeros((n, SIDE, SIDE), dtype=np.float32), np.arange(n) % 3
    for image, label in zip(images, labels, strict=True):
        at = rng.integers(4, 12)
        image[(at, slice(3, 13)) if label == 0 else (slice(3, 13), at) if label == 1 else slice(at - 2, at + 2)] = 1
        image += 0.2 * rng.random((SIDE, SIDE), dtype=np.float32)
    return np.clip(images, 0, 1), labels


def some_data():
    (train, labels), (tests, classes) = bars(60), bars(150)
    return Dataset("digits", train, labels, tests, classes, "hash")


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Drawn figures are looked at elsewhere; here they are small."""
    monkeypatch.setattr(plot.base, "DPI", 20)
    monkeypatch.setattr("dbnvis.plot.atlas.CANVAS", 200)


@pytest.fixture(scope="module")
def model():
    """A network whose top layer is fitted to the classes, by least squares on what is below."""
    made = ConvNet.random((SIDE, SIDE), (4, 5), (12,), 3, rng=np.random.default_rng(1), kernel=3)
    made.input_norm = 3.0
    images, labels = bars(150)
    code = made.encode(images, "dense1")
    output = made.network.layers["output.pre"]
    design = np.hstack([code, np.ones((150, 1))])
    fit, *_ = np.linalg.lstsq(design, 5.0 * np.eye(3)[labels], rcond=None)
    output.W[...], output.bias[...] = fit[:-1], fit[-1]
    return made


@pytest.fixture
def study(model, tmp_path):
    data = some_data()
    return Study(model, "digits", Responses({}), Writer(tmp_path, overwrite=True), images=data.train_images, data=data)


def arrays(study, name):
    with np.load(study.writer.root / f"{name}.npz") as archive:
        return dict(archive)


def manifest(study, name):
    return json.loads((study.writer.root / f"{name}.json").read_text())


def test_the_figure_of_activations_shows_one_image_per_class_that_is_recognized(study):
    maps.activations_figure(study)
    found = arrays(study, "activations")
    assert found["images"].shape == (3, SIDE, SIDE)
    for label, image in enumerate(found["images"]):
        x = study.model.network.upto("conv2").forward(image[None])[0]
        np.testing.assert_allclose(found[f"{label}.conv2"], x[0], atol=1e-5)
        assert study.model.encode(image[None], "output").argmax() == label


def test_figures_of_patches_weights_and_faults(study):
    patch_sheets.patches_figures(study, k=4)
    found = arrays(study, "patches_conv2")
    assert found["patches"].shape == (5, 4, *found["deconvolutions"].shape[2:])
    np.testing.assert_allclose(found["rechecked"], found["scores"], atol=1e-4)
    assert (np.diff(found["scores"], axis=1) <= 0).all()
    channels.weights_figure(study)
    np.testing.assert_array_equal(arrays(study, "weights")["conv1"], study.model.network.layers["conv1.pre"].W[:, 0])
    faults.audit_tables(study)
    with (study.writer.root / "audit.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["conv1", "conv2", "dense1"]
    with (study.writer.root / "audit_units.csv").open() as file:
        units = list(csv.DictReader(file))
    assert sum(int(row[kind]) for row in rows for kind in ("dead", "always on", "duplicate")) == len(
        [row for row in units if row["unit"] != "none"]
    )


def test_figures_of_codes(study):
    tsne.tsne_figures(study, n=40, perplexity=5)
    found = arrays(study, "tsne_images")
    assert {"input", "conv1", "conv2", "dense1"} <= set(found) and found["conv2"].shape == (40, 2)
    tsne.tsne_units_figure(study, n=40, perplexity=3)
    shown, left_out = arrays(study, "tsne_units"), manifest(study, "tsne_units")["settings"]["left_out"]
    assert shown["xy"].shape == (21 - left_out, 2) and left_out > 0
    for layer, name in enumerate(("conv1", "conv2", "dense1")):
        peaks = study.model.network.upto(f"{name}.pre").forward(study.data.test_images[:40])[0]
        alive = peaks.reshape(*peaks.shape[:2], -1).max(axis=(0, 2)) > 0
        np.testing.assert_array_equal(shown["index"][shown["layer"] == layer], np.flatnonzero(alive))
    with pytest.raises(ValueError, match="perplexity"):
        tsne.tsne_units_figure(study, n=40, perplexity=30)


def test_figures_of_attributions(study):
    attributions.gradients_figure(study)
    found = arrays(study, "gradients_class")
    np.testing.assert_allclose(found["saliency"], np.abs(found["gradient"]))
    assert manifest(study, "gradients_class")["settings"]["units"] == ["output:0", "output:1", "output:2"]
    attributions.occlusion_figure(study)
    assert arrays(study, "occlusion")["class.3.0.0"].shape == (3, SIDE, SIDE)
    attributions.randomized_figure(study, n=5)
    with (study.writer.root / "randomized_table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["trained"]) for row in rows] == pytest.approx([1] * len(rows))
    assert len(rows) == 16 and float(rows[0]["randomized to conv1"]) < 0.9
    maps = arrays(study, "randomized")
    each = MEASURES["rank correlation"](maps["trained.gradient"], maps["dense1.gradient"])
    found = {(row["view"], row["measure"]): float(row["randomized to dense1"]) for row in rows}
    assert found["gradient", "rank correlation"] == pytest.approx(each.mean(), abs=1e-4)
    assert found["gradient", "size of the rank correlation"] == pytest.approx(abs(each).mean(), abs=1e-4)


def test_explain_shows_what_was_asked_for_and_what_it_rests_on(study):
    image, steps = explain.read_test_image(study, 7)
    units = [explain.Unit("conv2", 1), explain.Unit("conv1", 2, (0, 3)), explain.Unit("dense1", 5)]
    explain.explain(study, image, steps, "x", units)
    found, settings = arrays(study, "x"), manifest(study, "x")["settings"]
    np.testing.assert_array_equal(found["image"], study.data.test_images[7])
    np.testing.assert_allclose(found["probabilities"], study.model.encode(image[None], "output")[0], atol=1e-6)
    place = study.model.network.upto("conv2.pre").forward(image[None])[0][0, 1]
    row, column = np.unravel_index(place.argmax(), place.shape)
    assert settings["units"][2:] == [f"conv2:1@{row},{column}", "conv1:2@0,3", "dense1:5"]
    assert settings["units"][:2] == [f"output:{c}" for c in np.argsort(-found["probabilities"])[:2]]
    assert settings["image"] == ["test image 7 of digits, a 1"]
    pre = study.model.network.upto("dense1.pre").forward(study.data.test_images)[0]
    own = study.model.network.upto("dense1.pre").forward(image[None])[0][0]
    standard = (own - pre.mean(axis=0)) / pre.std(axis=0)
    np.testing.assert_allclose(found["dense1.standard"], standard, rtol=1e-3, atol=1e-3)
    active = [j for j in np.argsort(-standard) if own[j] > 0 and standard[j] > 0]
    assert len(active) < len(own) and found["dense1.nearest"].tolist() == active[:3]
    assert not (study.writer.root / "x.csv").exists()  # the command alone asks for tables


def test_the_table_of_an_explanation_has_the_numbers_of_the_sheet(study):
    study.writer.tabled = True
    image, steps = explain.read_test_image(study, 7)
    explain.explain(study, image, steps, "x", [explain.Unit("dense1", 5), explain.Unit("conv1", 2, (0, 3))])
    with (study.writer.root / "x.csv").open() as file:
        rows = list(csv.DictReader(file))
    found = arrays(study, "x")
    assert list(rows[0]) == list(EXPLAINED)
    classes, *others = ([row for row in rows if row["role"] == role] for role in ("class", "unit", "total", "nearest"))
    assert [float(row["probability"]) for row in classes] == found["probabilities"].tolist()
    assert [row["unit"] for row in classes] == ["output:0", "output:1", "output:2"]
    likeliest = set(np.argsort(-found["probabilities"])[:2].tolist())
    assert {int(row["index"]) for row in classes if row["response"]} == likeliest
    asked, totals, nearest = others
    assert [(row["unit"], row["position"]) for row in asked] == [("dense1:5", ""), ("conv1:2@0,3", "0,3")]
    own = study.model.network.upto("dense1.pre").forward(image[None])[0][0]
    assert float(asked[0]["response"]) == pytest.approx(own[5], rel=1e-5)
    for row in totals:
        whole = np.maximum(study.model.encode(image[None], row["layer"])[0].sum(axis=(-2, -1)), 0)
        assert int(row["index"]) == whole.argmax() and float(row["response"]) == pytest.approx(whole.max(), rel=1e-5)
    pre = study.model.network.upto("dense1.pre").forward(study.data.test_images)[0]
    dense = [row for row in nearest if row["layer"] == "dense1"]
    assert [int(row["index"]) for row in dense] == found["dense1.nearest"].tolist() != []
    for row in dense:
        i = int(row["index"])
        assert float(row["standard"]) == found["dense1.standard"][i]
        assert float(row["percentile"]) == pytest.approx(100 * (pre[:, i] < own[i]).mean())
    assert not any(row["probability"] for part in others for row in part)


def test_units_less_active_than_usual_are_not_nearest(study):
    layers, fewer = ["conv1", "conv2", "dense1"], 0
    for image in study.data.test_images[:10]:
        _, found, rows = explain._nearest(study, image, layers)
        for layer in layers:
            assert (found[f"{layer}.standard"][found[f"{layer}.nearest"]] > 0).all()
            fewer += len(found[f"{layer}.nearest"]) < explain.NEAREST
            assert [row["index"] for row in rows if row["layer"] == layer] == found[f"{layer}.nearest"].tolist()
    assert fewer > 0


@pytest.mark.parametrize(
    ("drop", "said"),
    [([[3, -1]], "2.0 -3.0"), ([[1, -3]], "2.0 +3.0"), ([[0, 0]], "2.0 +0.0"), ([[-2, -1]], "2.0 +2.0")],
)
def test_the_largest_change_may_be_a_rise(drop, said):
    assert attributions.response_and_change(2.0, np.array(drop, float)) == said


def test_captions_of_occlusion_are_what_covering_changes_the_most(study):
    image, units = study.data.test_images[3], [explain.Unit("output", c) for c in range(3)]
    panel, rows = explain._occlusions(explain.OCCLUSION, study.model, image, units, ["conv1"])
    rises = 0
    for unit, caption, row in zip(units, panel.captions, rows, strict=False):
        values = []
        for i in range(SIDE):
            for j in range(SIDE):
                copy = image.copy()
                copy[max(i - 2, 0) : i + 3, max(j - 2, 0) : j + 3] = 0
                values.append(copy)
        scores = study.model.network.upto("output.pre").forward(np.stack([image, *values]))[0][:, unit.index]
        change = max(scores[1:] - scores[0], key=abs)
        assert caption == f"{scores[0]:.1f} {change:+.1f}"
        assert (row["unit"], row["response"]) == (str(unit), pytest.approx(scores[0], rel=1e-5))
        assert row["change"] == pytest.approx(change, rel=1e-4)
        rises += change > 0
    assert 0 < rises < 3


def test_explain_without_data_compares_with_none(study):
    study.data = None
    explain.explain(study, bars(1)[0][0], ["an image"], "x")
    assert "dense1.standard" not in arrays(study, "x")
    with pytest.raises(ValueError, match="needs digits test images and none are at hand"):
        explain.read_test_image(study, 0)


def test_explain_advises_to_invert_an_image_with_the_wrong_ground(study):
    image = bars(1)[0][0]
    assert explain._advice(study, image) == ""
    assert "border is bright, that of digits is not: --invert?" in explain._advice(study, 1 - image)


# --- the command


@pytest.fixture
def saved(model, tmp_path, monkeypatch):
    (train, labels), (tests, classes) = bars(60), bars(150)
    spec = replace(datasets.DATASETS["digits"], generate=lambda: (train, labels, tests, classes))
    monkeypatch.setitem(datasets.DATASETS, "digits", spec)
    path = tmp_path / "model.npz"
    checkpoint.save(path, model, config={}, seed=0, info={"dataset": "digits"})
    return path


def refused(capsys, *args):
    capsys.readouterr()
    assert main([str(arg) for arg in args]) == 2
    out, err = capsys.readouterr()
    err = "".join(line for line in err.splitlines(True) if not line.startswith("data: "))  # which data are used
    assert out == "" and err.count("\n") == 1
    return err


def test_the_command_explains_test_images_and_files(capsys, saved, tmp_path):
    out = tmp_path / "out"
    args = ["--model", str(saved), "--out", str(out), "--device", "cpu"]
    label = f"{tmp_path.name}-{model_hash(checkpoint.load(saved, xp=np).model)[:8]}"

    def explained():
        """The sheet that the command has written, and its settings."""
        path = Path(capsys.readouterr().out.split()[0])
        assert path.parent == out / "digits" / "sheets"
        return path.stem, json.loads(path.with_suffix(".json").read_text())["settings"]

    assert main(["explain", "test:3", *args]) == 0
    assert explained()[0] == f"explain_test3_{label}"
    assert main(["explain", "test:3", *args, "--unit", "conv2:0", "dense1:2"]) == 0
    assert re.fullmatch(rf"explain_test3_{label}_[0-9a-f]{{6}}", explained()[0])
    assert main(["explain", "test:4", *args, "--patch", "3", "--stride", "2"]) == 0
    name, settings = explained()
    assert re.fullmatch(rf"explain_test4_{label}_[0-9a-f]{{6}}", name)
    assert settings["occlusion"] == {"patch": 3, "stride": 2, "fill": 0.0}
    Image.new("RGBA", (40, 30), (0, 0, 0, 0)).save(tmp_path / "my drawing.png")
    assert main(["explain", str(tmp_path / "my drawing.png"), "--invert", *args]) == 0
    name, settings = explained()
    assert re.fullmatch(rf"explain_my_drawing-[0-9a-f]{{6}}_{label}", name)
    assert settings["image"] == [
        "my drawing.png, 40 x 30, mode RGBA",
        "on white",
        "grey",
        "inverted",
        "resized to 16 x 12",
        "centred on the median of its border",
        "almost blank: pixels from 0 to 0 of 1",
    ]
    with np.load(out / "digits" / "sheets" / f"{name}.npz") as archive:
        np.testing.assert_array_equal(archive["image"], 0)  # white paper, inverted


def test_the_command_hints_at_small_drawings_and_centres_them(capsys, saved, tmp_path):
    args = ["--model", str(saved), "--out", str(tmp_path / "out"), "--device", "cpu"]
    page = np.zeros((160, 160), np.uint8)
    page[8:40, 8:40] = 255
    Image.fromarray(page).save(tmp_path / "small.png")

    def last_step(written):
        return json.loads(Path(written.split()[1]).read_text())["settings"]["image"][-1]

    hint = "the drawing spans 19 % of the picture and lies 34 % off its middle: --center (center=True) crops"
    assert main(["explain", str(tmp_path / "small.png"), *args]) == 0
    printed = capsys.readouterr()
    assert f"dbnvis: warning: small.png: {hint}" in printed.err
    assert last_step(printed.out).startswith(hint)
    assert main(["explain", str(tmp_path / "small.png"), "--center", *args]) == 0
    printed = capsys.readouterr()
    assert "warning" not in printed.err
    assert last_step(printed.out) == "cropped and centred as MNIST's digits are"


def test_pictures_of_one_name_get_sheets_of_their_own(capsys, saved, tmp_path):
    """Two files x.png in two folders, one of a name that is too long, and the same picture again."""
    names = []
    for folder, stem, shade in (("a", "x", 10), ("b", "x", 200), ("c", 240 * "y", 90), ("a", "x", 10)):
        (tmp_path / folder).mkdir(exist_ok=True)
        Image.fromarray(np.eye(16, dtype=np.uint8) * shade).save(tmp_path / folder / f"{stem}.png")
        args = ["--model", str(saved), "--out", str(tmp_path / "out"), "--device", "cpu"]
        assert main(["explain", str(tmp_path / folder / f"{stem}.png"), *args]) == 0
        names.append(Path(capsys.readouterr().out.split()[0]).name)
    assert len(set(names)) == 3 and names[0] == names[3]


def test_the_command_refuses_what_it_cannot_show(capsys, saved, tmp_path):
    args = ("--model", saved, "--out", tmp_path / "out", "--device", "cpu")
    (tmp_path / "text.png").write_text("no image")
    for image, said in (
        ("test:150", "no test image 150; digits has test:0 to test:149"),
        ("none.png", "no image file none.png"),
        (tmp_path / "text.png", ": no image that Pillow can read"),
    ):
        assert said in refused(capsys, "explain", image, *args)
    for unit, said in (
        ("conv2:9", "no unit conv2:9; layer conv2 has units conv2:0 to conv2:4"),
        ("conv2:1@40,0", "layer conv2 has positions 0,0 to"),
        ("output:3", "no unit output:3"),
        ("conv9:0", "no layer 'conv9'"),
        ("conv2", "a unit is written LAYER:INDEX"),
    ):
        assert said in refused(capsys, "explain", "test:0", "--unit", unit, *args)
    for option, number, said in (
        ("--patch", "17", "the patch of 17 x 17 is larger than the image, 16 x 16"),
        ("--patch", "0", "patch must be an integer of at least 1, got 0"),
        ("--stride", "16", "the stride must be smaller than the image, 16 x 16; got 16"),
    ):
        assert said in refused(capsys, "explain", "test:0", option, number, *args)
    for option in ("--invert", "--center"):
        said = "--invert and --center are for image files"
        assert said in refused(capsys, "explain", "test:0", option, *args)
    assert not (tmp_path / "out").exists()


def test_the_command_needs_a_convolutional_classifier(capsys, saved, tmp_path):
    dbn = DBN.random((SIDE**2, 4), (SIDE, SIDE), rng=np.random.default_rng(0))
    dbn.input_norm = 3.0
    checkpoint.save(tmp_path / "dbn.npz", dbn, config={}, seed=0, info={"dataset": "digits"})
    said = refused(capsys, "explain", "test:0", "--model", tmp_path / "dbn.npz", "--out", tmp_path, "--device", "cpu")
    assert "explain needs a convolutional network with a layer output, or a softmax at the end, such as convnet" in said
