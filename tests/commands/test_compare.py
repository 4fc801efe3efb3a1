"""Tables beside sheets, several units and several models on the command line; and mistakes in one of several."""

import csv
import json
import re

import numpy as np
import pytest
from command_line import refused

from dbnvis import DBN, checkpoint, datasets
from dbnvis.cli import main
from dbnvis.evaluate.scores import pre_activations, rescale
from dbnvis.results import file_hash, model_hash
from dbnvis.visualize.tidy import MODEL, PICTURE


def written(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture
def other(trained, tmp_path):
    """A checkpoint of another model of the same data, of two layers."""
    kept = checkpoint.load(trained, xp=np)
    dbn = DBN.random((36, 14, 8), (6, 6), rng=np.random.default_rng(1))
    dbn.input_norm = kept.model.input_norm
    images = datasets.load("digits").test_images
    scaled = rescale(images, dbn.input_norm, 2)
    arrays = {layer: np.sort(pre_activations(dbn, layer, scaled), axis=0) for layer in dbn.layer_names}
    path = tmp_path / "other.npz"
    checkpoint.save(path, dbn, config={}, seed=0, info=kept.info | {"layers_done": 2}, arrays=arrays)
    return path


def stopped(capsys, *args):
    """Run a command that may not write; its last line. Nothing was drawn."""
    capsys.readouterr()
    assert main([str(arg) for arg in args]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "activation maximization" not in err
    return err.splitlines()[-1]


def label(path, name):
    return f"{name}-{model_hash(checkpoint.load(path, xp=np).model)[:8]}"


def test_visualize_writes_the_numbers_of_every_page(capsys, trained, tmp_path, monkeypatch):
    from dbnvis.figures import sheets

    monkeypatch.setattr(sheets, "PAGE", 5)
    args = ["visualize", "--layer", "h3", "--units", "all", "--starts", "1", "--model", str(trained)]
    assert main([*args, "--out", str(tmp_path / "out")]) == 0
    folder = tmp_path / "out" / "digits" / "sheets"
    said = capsys.readouterr().out.split()
    model, indices = checkpoint.load(trained, xp=np).model, []
    responses = pre_activations(model, "h3", rescale(datasets.load("digits").test_images, model.input_norm, 2))
    for page in (1, 2):
        (path,) = folder.glob(f"*_{page}.csv")
        assert str(path) in said
        manifest = json.loads(path.with_suffix(".json").read_text())
        assert manifest["files_sha256"][path.name] == file_hash(path)
        arrays, rows = np.load(path.with_suffix(".npz")), table(path)
        assert list(rows[0]) == list(PICTURE)
        for row, score, image in zip(rows, arrays["pictures.scores"], arrays["pictures.images"], strict=True):
            assert float(row["score"]) == score[0]
            assert float(row["norm"]) == pytest.approx(np.linalg.norm(image.astype("float64")), rel=1e-12)
            assert float(row["percentile"]) == pytest.approx(100 * (responses[:, int(row["index"])] < score[0]).mean())
            assert (row["method"], row["role"], row["unit"]) == ("ActivationMaximization", "best", f"h3:{row['index']}")
        indices += [int(row["index"]) for row in rows]
    assert indices == list(range(9))


def test_compare_draws_a_sheet_of_each_unit_and_a_table_of_all(capsys, trained, tmp_path):
    out = tmp_path / "out"
    assert main(["compare", "h3:5", "h1:0", "--model", str(trained), "--out", str(out)]) == 0
    whose = label(trained, "digits")
    sheets = [f"digits/sheets/compare_{unit}_{whose}" for unit in ("h1_0", "h3_5")]
    every = f"digits/sheets/compare_h3_5,h1_0_{whose}"
    kinds = [(name, suffix) for name in sheets for suffix in ("csv", "json", "npz", "png")]
    assert written(out) == sorted([*(f"{name}.{suffix}" for name, suffix in kinds), f"{every}.csv", f"{every}.json"])
    assert sorted(capsys.readouterr().out.split()) == sorted(str(out / name) for name in written(out))
    rows = table(out / f"{every}.csv")
    assert [row["unit"] for row in rows] == ["h3:5"] * (len(rows) // 2) + ["h1:0"] * (len(rows) // 2)
    assert rows == [row for name in reversed(sheets) for row in table(out / f"{name}.csv")]
    assert not set(MODEL) & set(rows[0])
    before = {name: (out / name).read_bytes() for name in written(out) if not name.endswith("json")}
    assert main(["compare", "h3:5", "--model", str(trained), "--out", str(out)]) == 0  # the same sheet, to the bit
    assert {name: (out / name).read_bytes() for name in before} == before
    manifest = json.loads((out / f"{every}.json").read_text())
    assert manifest["command"] == f"dbnvis compare h3:5 h1:0 --model {trained}"


def test_compare_draws_units_of_several_models_and_says_who_lacks_one(capsys, trained, other, tmp_path):
    out, models = tmp_path / "out", (str(trained), str(other))
    assert main(["compare", "h3:5", "h2:1", "--models", *models, "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert f"{other} is left out of the sheets of h3:5; it has h1:0 to h1:13, h2:0 to h2:7" in said
    assert f"comparing h3:5, h2:1 of {trained}, {other} by every method" in said
    a, b = label(trained, "digits"), label(other, "other")
    names = [f"compare_h3_5_{a}", f"compare_h2_1_{a}_{b}"]
    every = f"compare_h3_5,h2_1_{a}_{b}"
    kinds = [(name, suffix) for name in names for suffix in ("csv", "json", "npz", "png")]
    assert written(out / "digits" / "sheets") == sorted(
        [*(f"{name}.{suffix}" for name, suffix in kinds), f"{every}.csv", f"{every}.json"]
    )
    rows = table(out / "digits" / "sheets" / f"{every}.csv")
    assert list(dict.fromkeys((row["unit"], row["model"]) for row in rows)) == [("h3:5", a), ("h2:1", a), ("h2:1", b)]


def test_models_of_other_data_are_compared_each_with_its_own(capsys, trained, tmp_path):
    rng = np.random.default_rng(0)
    dbn = DBN.random((144, 12), (12, 12), rng=rng, variance=0.1, input_range=(-np.inf, np.inf))
    dbn.input_norm, path = 3.0, tmp_path / "patches.npz"
    responses = {"h1": np.linspace(-1, 1, 5)[:, None] * np.ones(12)}
    checkpoint.save(path, dbn, config={}, seed=0, info={"dataset": "patches"}, arrays=responses)
    assert main(["compare", "h1:3", "--models", str(trained), str(path), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert f"each model with its own data: {trained} digits (6 x 6), {path} patches (12 x 12)" in said
    (found,) = (tmp_path / "out").rglob("*.csv")
    assert found.parent == tmp_path / "out" / "several" / "sheets"
    assert {(row["model"].partition("-")[0], row["dataset"]) for row in table(found)} == {
        ("digits", "digits"),
        ("patches", "patches"),
    }
    err = refused(capsys, "compare", "h1:3", "--models", trained, path, "--dataset", "digits")
    assert f"{path} was trained on patches" in err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("h3:5", "h1:0", "h3:5"), "every unit is drawn once, and h3:5 is named twice"),
        (("h3:5", "h1"), "a unit is written LAYER:INDEX, such as h3:17; got 'h1'"),
        (("h3:5", "h33:1"), "no layer 'h33'; the model has h1, h2, h3; did you mean h3?"),
        (("h3:5", "h2:10", "h1:0"), "no unit h2:10; layer h2 has units h2:0 to h2:9"),
        (("h3:5", ""), "empty"),
    ],
)
def test_a_mistake_in_one_of_several_units_is_refused_and_nothing_is_drawn(capsys, trained, tmp_path, args, said):
    assert said in refused(capsys, "compare", *args, "--model", trained, "--out", tmp_path / "out")
    assert written(tmp_path / "out") == []


def test_mistakes_with_several_models_are_refused_and_nothing_is_drawn(capsys, trained, other, tmp_path):
    copy = tmp_path / "copy.npz"
    copy.write_bytes(trained.read_bytes())
    for args, said in (
        (("h1:0", "--models", trained, trained), f"{trained} and {trained} are the same model"),
        (("h1:0", "--models", trained, other, copy), f"{trained} and {copy} are the same model"),
        (("h1:0", "--models", trained, other, "--model", copy), "give one of the two"),
        (("h1:0", "h9:1", "--models", trained, other), "no layer 'h9'; the model has h1, h2, h3"),
        (("h3:0", "--models", trained, other), f"{other} has none of the units h3:0; it has h1:0 to h1:13"),
        (("h1:0", "--models", trained, tmp_path / "none.npz"), "none.npz"),
        (("--models", trained, other, "h1:0"), "h1:0 is a unit and no model; units come before --models"),
        (("h1:0", "--models", trained, other, "--unwhiten"), "images of digits are not whitened"),
    ):
        assert said in refused(capsys, "compare", *args, "--out", tmp_path / "out"), args
    assert written(tmp_path / "out") == []


def test_a_table_of_other_settings_is_kept_unless_asked(capsys, trained, tmp_path):
    args = ("compare", "h3:5", "--model", trained, "--out", tmp_path / "out")
    assert main([*map(str, args)]) == 0
    (path,) = (tmp_path / "out").rglob("*.csv")
    manifest = json.loads(path.with_suffix(".json").read_text())
    manifest["seed"] = 7
    path.with_suffix(".json").write_text(json.dumps(manifest))
    path.with_suffix(".png").unlink()
    before = path.read_bytes()
    line = stopped(capsys, *args)
    assert re.search(r"\.csv is another one: its seed is 7", line) and "--overwrite" in line
    assert path.read_bytes() == before and not path.with_suffix(".png").exists()
    assert main([*map(str, args), "--overwrite"]) == 0
    assert path.read_bytes() == before and path.with_suffix(".png").exists()


def test_a_folder_that_cannot_be_written_is_said_in_a_line_and_keeps_what_it_has(capsys, trained, tmp_path):
    folder = tmp_path / "out" / "digits"
    folder.mkdir(parents=True)
    (folder / "sheets").write_text("precious")  # so that no user may write there
    for args in (("compare", "h3:5"), ("compare", "h3:5", "h1:0"), ("visualize", "--units", "0")):
        line = stopped(capsys, *args, "--model", trained, "--out", tmp_path / "out")
        assert re.search(r"cannot write to .*digits/sheets/.*: .*sheets is not a folder; give another folder", line)
    assert written(tmp_path / "out") == ["digits/sheets"] and (folder / "sheets").read_text() == "precious"
