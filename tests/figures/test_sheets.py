"""dbnvis.figures: a study, its sheets, and what they write, on models that train in milliseconds."""

import csv
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import Stop, arrays_of, tiny, train

from dbnvis import (
    DBN,
    ActivationMaximization,
    ClampedGibbs,
    EvidenceSampling,
    FilterCombination,
    TopImages,
    Unit,
    checkpoint,
)
from dbnvis.commands.reproduce import drawings
from dbnvis.datasets.whitening import unwhiten
from dbnvis.evaluate.scores import Responses
from dbnvis.figures import opening, sheets, side_by_side
from dbnvis.figures.generative import samples
from dbnvis.figures.health import training_curves, training_health
from dbnvis.figures.naming import model_name, rounded_down
from dbnvis.figures.opening import open_study
from dbnvis.figures.study import Study
from dbnvis.models import units
from dbnvis.models.mlp import classifier
from dbnvis.plot import Panel, sheet
from dbnvis.results import Writer, array_hash, model_hash
from dbnvis.train import EpochStats

#: Methods at sizes that suit the model.
METHODS = [
    ActivationMaximization(starts=2, max_steps=20),
    ClampedGibbs(chains=4, burn_in=5, draws=2, thin=2, shown=2),
    FilterCombination(k=4),
    TopImages(k=3),
]


@pytest.fixture
def tiny_study(trained, tmp_path):
    return open_study(trained, tiny(), out=tmp_path / "figures", seed=3, xp=np)


WITHOUT_SAMPLING = {
    "ActivationMaximization",
    "FilterCombination",
    "RegularizedOptimization",
    "StrongestConnections",
    "TopImages",
}


def test_a_study_of_autoencoders_has_every_figure_that_needs_no_sampling(autoencoders, tmp_path):
    opened = open_study(autoencoders, tiny(), out=tmp_path, seed=3, xp=np)
    assert opened.provenance["model_sha256"] == model_hash(opened.model)
    training_curves(opened)
    with np.load(tmp_path / "training.npz") as numbers:
        assert "free_energy_gap" not in numbers.files  # there is none
        np.testing.assert_array_equal(numbers["held_out_error"], [stats.held_out_error for stats in opened.history])
    training_health(opened)
    side_by_side.compare(opened, Unit("h3", 1))
    shown = {name.partition(".")[0] for name in np.load(tmp_path / "compare_h3_1.npz")}
    assert shown == WITHOUT_SAMPLING


@pytest.fixture
def whitened_study(tmp_path):
    """Of a random DBN that looks at whitened pictures, under the name of the whitened data set."""
    rng = np.random.default_rng(0)
    dbn = DBN.random((36, 14, 10), (6, 6), rng=rng, variance=0.1, input_range=(-np.inf, np.inf))
    dbn.input_norm, images = 2.0, rng.normal(size=(50, 6, 6)).astype("float32")
    return Study(dbn, "patches", Responses.of(dbn, images), Writer(tmp_path, overwrite=True), images=images)


@pytest.fixture
def drawn_sheets(monkeypatch):
    """The arguments of every sheet drawn."""
    drawn = []
    monkeypatch.setattr(
        sheets.plot, "sheet", lambda panels, **words: drawn.append((panels, words)) or sheet(panels, **words)
    )
    return drawn


DRAWINGS = {
    "sheet": lambda study: sheets.sheet(study, METHODS[0], study.pictures(METHODS[0], study.units("h2", 3)), "a"),
    "units": lambda study: sheets.sheet(study, METHODS[2], study.pictures(METHODS[2], study.units("h2", 3)), "a"),
    "compare": lambda study: side_by_side.compare(study, Unit("h2", 1)),
    "side by side": lambda study: side_by_side.methods_side_by_side(study, 3, METHODS),
    "starts": lambda study: side_by_side.starts(study, 2, 2),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_pictures_of_a_network_on_whitened_data_are_drawn_in_either_space(whitened_study, drawn_sheets, draw):
    """Unwhitened by a matrix made from single pixels; scores, and the arrays kept, stay those of the whitened ones."""
    unmix = unwhiten(np.eye(36).reshape(36, 6, 6)).reshape(36, 36)
    draw(whitened_study)
    draw(replace(whitened_study, unwhiten=True))
    (plain, words), (luminance, other_words) = drawn_sheets[0], drawn_sheets[len(drawn_sheets) // 2]
    assert "whitened, as the network sees them" in words["key"] and "unwhitened" not in words["heading"]
    assert "inverse of the whitening filter" in other_words["key"] and "patches, unwhitened" in other_words["heading"]
    panels = ([part for part in parts if isinstance(part, Panel)] for parts in (plain, luminance))
    for before, after in zip(*panels, strict=True):
        assert before.symmetric and after.symmetric  # zero is mid-grey, whatever the method
        assert before.captions == after.captions
        flat, scale = before.tiles.reshape(-1, 36), np.abs(after.tiles).max()
        np.testing.assert_allclose(after.tiles.reshape(-1, 36), flat @ unmix, atol=1e-5 * scale)
        assert np.abs(after.tiles - before.tiles).max() > 0.1 * scale
    for kept in whitened_study.writer.root.glob("*_unwhitened.npz"):
        whitened = np.load(kept.with_name(kept.name.replace("_unwhitened", "")))
        for name, array in np.load(kept).items():
            np.testing.assert_array_equal(array, whitened[name])
        assert json.loads(kept.with_suffix(".json").read_text())["settings"]["unwhiten"] is True


def test_pictures_of_data_that_are_not_whitened_cannot_be_unwhitened(tiny_study):
    assert "whitened" not in tiny_study.legend
    with pytest.raises(ValueError, match="images of tiny are not whitened"):
        replace(tiny_study, unwhiten=True)


def test_a_study_knows_its_model_data_and_training(trained, tmp_path):
    opened = open_study(trained, tiny(), out=tmp_path, seed=3, xp=np)
    saved = checkpoint.load(trained, xp=np)
    assert opened.provenance["model_sha256"] == model_hash(opened.model) == model_hash(saved.model)
    assert opened.provenance["data_sha256"] == tiny().sha256
    assert opened.provenance["training"] == {**saved.config, "seed": 0}
    np.testing.assert_array_equal(opened.images, tiny().train_images)
    assert (opened.dataset, opened.seed) == ("tiny", 3)
    assert [(s.layer, s.epoch) for s in opened.history] == [(f"h{i}", e) for i in (1, 2, 3) for e in (1, 2, 3)]


def test_an_unfinished_fine_tuning_is_not_opened(tmp_path):
    model = classifier(DBN.random((36, 5), (6, 6), rng=np.random.default_rng(0)), 3, rng=np.random.default_rng(0))
    checkpoint.save(tmp_path / "a.npz", model, config={"epochs": 3}, seed=0, info={"epoch": 2, "dataset": "tiny"})
    with pytest.raises(ValueError, match="unfinished fine-tuning"):
        open_study(tmp_path / "a.npz", tiny(), out=tmp_path, seed=0, xp=np)


def test_methods_that_cannot_apply_are_left_out_of_a_comparison(tmp_path):
    """A fine-tuned network has no p(v | h): no clamped sampling."""
    model = classifier(DBN.random((36, 9, 8), (6, 6), rng=np.random.default_rng(0)), 3, rng=np.random.default_rng(0))
    model.input_norm = 3.0
    checkpoint.save(tmp_path / "a.npz", model, config={}, seed=0, info={"dataset": "tiny"})
    opened = open_study(tmp_path / "a.npz", tiny(), out=tmp_path, seed=0, xp=np)
    side_by_side.compare(opened, Unit("h2", 3))
    shown = {name.partition(".")[0] for name in np.load(tmp_path / "compare_h2_3.npz")}
    assert shown == WITHOUT_SAMPLING


def test_an_unfinished_training_is_not_opened(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=Stop("h3", 3))
    with pytest.raises(
        ValueError, match=r"training\.npz is an unfinished training; finish it with dbnvis train --resume"
    ):
        open_study(tmp_path / "training.npz", tiny(), out=tmp_path, seed=0, xp=np)


def test_a_data_set_other_than_the_models_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match=r"was trained on tiny, the data set is other"):
        open_study(trained, tiny("other"), out=tmp_path, seed=0, xp=np)


def test_where_the_data_are_not_at_hand_the_study_goes_without(tmp_path, monkeypatch):
    monkeypatch.setattr(opening.datasets, "locate", lambda name, data_dir=None: None)
    path = train(tmp_path / "run", data=tiny("mnist"))
    opened = open_study(path, out=tmp_path, seed=0, xp=np)
    assert opened.images is None
    assert np.isfinite(opened.pictures(METHODS[1], opened.units("h2")).images).all()
    with pytest.raises(ValueError, match="needs training images"):
        opened.pictures(METHODS[3], opened.units("h2"))


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("layer", ["h1", "h3"])
def test_pictures_do_not_depend_on_how_many_units_go_at_a_time(tiny_study, monkeypatch, method, layer):
    expected = tiny_study.pictures(method, tiny_study.units(layer))
    assert expected.units == tuple(tiny_study.units(layer))
    monkeypatch.setattr(units, "PART", 1)
    again = tiny_study.pictures(method, tiny_study.units(layer))
    assert again.units == expected.units
    np.testing.assert_allclose(again.images, expected.images, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again.scores, expected.scores, rtol=1e-5, atol=1e-5)


def test_captions_give_the_score_and_its_percentile_among_the_test_images(tiny_study):
    pictures = tiny_study.pictures(METHODS[0], tiny_study.units("h2"))
    pictures.scores[1, 0] = np.nan
    every = Responses.of(tiny_study.model, tiny().test_images).by_layer["h2"]
    captions = tiny_study.captions(pictures)
    for u in range(len(pictures.units)):
        for s, caption in enumerate(captions[u]):
            score = pictures.scores[u, s]
            percent = 100 * np.mean(every[:, u] < score)
            assert caption == ("" if np.isnan(score) else f"{score:.1f} {rounded_down(percent)}%")
    assert captions[1][0] == ""


@pytest.mark.parametrize(
    ("percent", "said"),
    [(0, "0"), (87.99, "87"), (98.999, "98"), (99, "99"), (99.5, "99.5"), (99.99, "99.9"), (100, "100")],
)
def test_a_percentage_is_rounded_down_and_100_is_all(percent, said):
    assert rounded_down(percent) == said


def test_captions_of_a_model_without_its_data_never_say_all(trained):
    """The checkpoint keeps quantiles: a score above them all is above at least all but one step."""
    kept = checkpoint.load(trained, xp=np)
    table = kept.responses()
    study = Study(kept.model, "tiny", Responses(table, kept.model), Writer(trained.parent))
    pictures = study.pictures(METHODS[2], study.units("h2", 2))
    pictures.scores[:] = 1e3
    steps = len(table["h2"]) - 1
    assert study.captions(pictures)[0][0] == f"1000.0 {rounded_down(100 * (steps - 1) / steps)}%"


def test_units_are_the_first_or_all(tiny_study):
    assert tiny_study.units("h3") == [Unit("h3", i) for i in range(9)]
    assert tiny_study.units("h3", 2) == [Unit("h3", 0), Unit("h3", 1)]
    assert tiny_study.units("h3", 99) == tiny_study.units("h3")


def check_figure(out, name, dataset="tiny"):
    """A figure, its manifest and its arrays belong together; returns manifest and arrays."""
    assert (out / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((out / f"{name}.json").read_text())
    arrays = arrays_of(out / f"{name}.npz")
    assert manifest["arrays_sha256"] == array_hash(*arrays.values())
    assert manifest["artefact"] == f"{name}.png"
    assert (manifest["dataset"], manifest["seed"]) == (dataset, 3)
    assert manifest["data_sha256"] == tiny().sha256
    assert len(manifest["model_sha256"]) == 64
    assert manifest["training"]["epochs"] == 3
    assert {"dbnvis", "numpy", "python", "matplotlib", "device"} <= manifest["versions"].keys()
    assert manifest["seconds"] >= 0
    return manifest, arrays


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
def test_a_sheet_of_units_keeps_what_it_shows(tiny_study, method):
    pictures = tiny_study.pictures(method, tiny_study.units("h2"))
    sheets.units_sheet(tiny_study, method, pictures, "sheet")
    manifest, arrays = check_figure(tiny_study.writer.root, "sheet")
    assert manifest["settings"]["pictures"] == json.loads(json.dumps(pictures.settings))
    np.testing.assert_array_equal(arrays["pictures.images"], pictures.images)
    np.testing.assert_array_equal(arrays["pictures.scores"], pictures.scores)
    for name, x in pictures.extras.items():
        np.testing.assert_array_equal(arrays[f"pictures.{name}"], x)
    assert tiny_study.writer.written == [
        tiny_study.writer.root / f"sheet.{suffix}" for suffix in ("png", "json", "npz")
    ]


def test_a_dead_unit_is_noted_on_the_sheet(tiny_study, monkeypatch):
    seen = {}
    sheet = sheets.plot.sheet
    monkeypatch.setattr(sheets.plot, "sheet", lambda *a, **k: seen.update(k) or sheet(*a, **k))
    tiny_study.model.rbms[1].W[:, 4] = 0
    method = METHODS[0]
    sheets.units_sheet(tiny_study, method, tiny_study.pictures(method, tiny_study.units("h2")), "sheet")
    assert "Notes on 1 of 10 units (4: dead" in seen["key"]
    _, arrays = check_figure(tiny_study.writer.root, "sheet")
    assert np.isnan(arrays["pictures.images"][4]).all()


def test_many_units_go_on_pages_that_hold_what_one_sheet_would(tiny_study, monkeypatch):
    monkeypatch.setattr(sheets, "PAGE", 4)
    pictures = tiny_study.pictures(METHODS[1], tiny_study.units("h2"))
    sheets.units_sheet(tiny_study, METHODS[1], pictures, "sheet")
    pages = [check_figure(tiny_study.writer.root, f"sheet_{page}")[1] for page in (1, 2, 3)]
    assert [len(page["pictures.images"]) for page in pages] == [4, 4, 2]
    for name in pages[0]:
        whole = getattr(pictures, name.removeprefix("pictures."), pictures.extras.get(name.removeprefix("pictures.")))
        np.testing.assert_array_equal(np.concatenate([page[name] for page in pages]), whole)
    assert not (tiny_study.writer.root / "sheet.png").exists()


def test_every_layer_gets_a_sheet_and_a_row_of_methods(tiny_study):
    sheets.all_units(tiny_study, METHODS[2], "combination", n=3)
    side_by_side.methods_side_by_side(tiny_study, n=4, methods=METHODS)
    for layer in ("h1", "h2", "h3"):
        _, arrays = check_figure(tiny_study.writer.root, f"combination_{layer}")
        assert arrays["pictures.images"].shape == (3, 1, 6, 6)
        manifest, arrays = check_figure(tiny_study.writer.root, f"methods_{layer}")
        assert manifest["settings"].keys() == {type(method).__name__ for method in METHODS}
        assert all(arrays[f"{type(method).__name__}.images"].shape[0] == 4 for method in METHODS)


@pytest.mark.parametrize(("limit", "warned"), [(0.0, True), (np.inf, False)])
def test_units_side_by_side_are_under_a_warning_where_chains_have_not_mixed(tiny_study, monkeypatch, limit, warned):
    """As on every other sheet of samples, it stands in the heading."""
    for name in ("MIXED", "SLOWEST_MIXED"):
        monkeypatch.setattr(f"dbnvis.evaluate.chains.{name}", limit)
    monkeypatch.setattr("dbnvis.evaluate.chains.LENGTHS", 0)
    headings, draw = [], side_by_side.plot.sheet
    monkeypatch.setattr(side_by_side.plot, "sheet", lambda *a, **k: headings.append(k["heading"]) or draw(*a, **k))
    side_by_side.methods_side_by_side(tiny_study, n=2, methods=METHODS)
    assert [("WARNING" in heading and "have not mixed" in heading) for heading in headings] == [warned] * 3


def test_methods_that_need_images_are_left_out_where_there_are_none(tiny_study):
    tiny_study.images = None
    side_by_side.methods_side_by_side(tiny_study, n=2, methods=METHODS)
    manifest, _ = check_figure(tiny_study.writer.root, "methods_h2")
    assert "TopImages" not in manifest["settings"]
    assert len(manifest["settings"]) == 3


def test_the_other_figures(trained, tiny_study):
    history = [EpochStats(**stats) for stats in checkpoint.load(trained, xp=np).info["history"]]
    training_curves(tiny_study)
    samples.fantasies(tiny_study, n=5, steps=3)
    side_by_side.starts(tiny_study, n=2, n_starts=3)
    samples.samples(tiny_study, n=2, shown=3)
    _, arrays = check_figure(tiny_study.writer.root, "training")
    np.testing.assert_array_equal(arrays["reconstruction_error"], [stats.reconstruction_error for stats in history])
    manifest, arrays = check_figure(tiny_study.writer.root, "fantasies")
    assert arrays["tiles"].shape == (5, 6, 6)
    assert (manifest["settings"]["n"], manifest["settings"]["steps"]) == (5, 3)
    _, arrays = check_figure(tiny_study.writer.root, "starts")
    assert arrays["pictures.images"].shape == (2, 3, 6, 6)
    for layer in ("h1", "h2", "h3"):
        _, arrays = check_figure(tiny_study.writer.root, f"samples_{layer}")
        assert arrays["pictures.images"].shape == (2, 4, 6, 6)


def test_one_unit_by_every_method_also_where_layers_are_smaller_than_the_methods_defaults(tiny_study):
    """`FilterCombination` keeps 100 filters by default; a model with fewer still gets its sheet."""
    side_by_side.compare(tiny_study, Unit("h3", 5))
    manifest, arrays = check_figure(tiny_study.writer.root, "compare_h3_5")
    assert manifest["settings"]["unit"] == "h3:5"
    expected = tiny_study.pictures(TopImages(), [Unit("h3", 5)])
    np.testing.assert_array_equal(arrays["TopImages.images"], expected.images)
    for name in ("ActivationMaximization", "ClampedGibbs", "FilterCombination", "StrongestConnections"):
        assert f"{name}.images" in arrays


def test_the_figures_of_a_reproduction_also_where_layers_are_small(tiny_study):
    for draw in drawings(quick=True).values():
        draw(tiny_study)
    for name in ("training", "fantasies", "combination_h1", "am_h2", "gibbs_h3", "methods_h2", "starts", "samples_h3"):
        check_figure(tiny_study.writer.root, name)


def test_a_table_keeps_its_rows_and_its_manifest(tiny_study):
    rows = [{"layer": "h1", "units": 14, "share, %": 99.5}, {"layer": "h2", "units": 10, "share, %": 80.0}]
    tiny_study.save_table("table", rows, steps=3)
    with (tiny_study.writer.root / "table.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert read == [{key: str(value) for key, value in row.items()} for row in rows]
    manifest = json.loads((tiny_study.writer.root / "table.json").read_text())
    assert (manifest["artefact"], manifest["settings"], manifest["seed"]) == ("table.csv", {"steps": 3}, 3)
    assert sorted(p.name for p in tiny_study.writer.root.iterdir()) == ["table.csv", "table.json"]


def test_the_same_figures_twice_have_the_same_bytes(trained, tmp_path):
    for folder in ("a", "b"):
        opened = open_study(trained, tiny(), out=tmp_path / folder, seed=3, xp=np)
        sheets.all_units(opened, METHODS[0], "am")
        samples.samples(opened, n=2, shown=3)
        samples.fantasies(opened, n=4, steps=3)
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(names) == 3 * 7
    for name in names:
        first, second = ((tmp_path / folder / name).read_text("latin1") for folder in ("a", "b"))
        if name.endswith(".json"):
            first, second = (re.sub(r'"seconds": [\d.e-]+', "", text) for text in (first, second))
        assert first == second, name


def test_names_of_sheets_tell_models_seeds_and_settings_apart(trained, tmp_path):
    first = open_study(trained, tiny(), out=tmp_path, seed=0, xp=np)
    sha = first.provenance["model_sha256"][:8]
    shutil.copy(trained, tmp_path / "other one.npz")
    other = open_study(tmp_path / "other one.npz", tiny(), out=tmp_path, seed=7, xp=np)
    assert first.sheet_name("am_h1") == f"am_h1_{trained.parent.name}-{sha}"
    assert other.sheet_name("am_h1") == f"am_h1_other_one-{sha}_seed7"
    own = [first.sheet_name("am_h1", {"starts": starts}) for starts in (3, 4)]
    assert len(set(own)) == 2 and all(re.fullmatch(rf"am_h1_.*-{sha}_[0-9a-f]{{6}}", name) for name in own)
    assert first.heading == f"tiny, {trained.parent.name}-{sha}"
    assert (model_name("pretrained"), model_name("convnet")) == ("pretrained", "convnet")


def test_a_model_saved_by_hand_is_opened_with_its_data_set(tmp_path):
    data = tiny()
    dbn = DBN.random((data.train_images[0].size, 6, 4), data.input_shape, rng=np.random.default_rng(0))
    dbn.input_norm = data.mean_norm
    checkpoint.save(tmp_path / "mine.npz", dbn, config={}, seed=0)
    study = open_study(tmp_path / "mine.npz", data, out=tmp_path, seed=0, xp=np)
    assert study.history == [] and study.responses.by_layer["h2"].shape == (len(data.test_images), 4)
    with pytest.raises(ValueError, match="keeps no responses to test images"):
        open_study(tmp_path / "mine.npz", out=tmp_path, seed=0, xp=np)


def test_the_legend_of_a_comparison_explains_what_is_shown_and_names_what_is_not_defined(
    tiny_study, tmp_path, monkeypatch
):
    legends, draw = [], sheets.plot.sheet
    monkeypatch.setattr(sheets.plot, "sheet", lambda *args, **k: legends.append(k["key"]) or draw(*args, **k))
    side_by_side.compare(tiny_study, Unit("h2", 1))
    assert "Strongest filters: number" in legends[0] and "Not defined" not in legends[0]
    model = classifier(DBN.random((36, 9, 8), (6, 6), rng=np.random.default_rng(0)), 3, rng=np.random.default_rng(0))
    model.input_norm = 3.0
    opened = Study(model, "tiny", Responses.of(model, tiny().test_images), Writer(tmp_path))
    side_by_side.compare(opened, Unit("h2", 1))
    assert (
        f"Not defined for this model: {ClampedGibbs.title}, {EvidenceSampling.title}. Methods that need training images"
        in legends[1]
    )
    assert "Strongest filters: number" in legends[1]


def test_a_study_made_by_hand_replaces_no_figure_of_another_model(tmp_path):
    images = tiny().test_images
    for seed in (0, 1):
        dbn = DBN.random((36, 5), (6, 6), rng=np.random.default_rng(seed))
        dbn.input_norm = 3.0
        study = Study(dbn, "tiny", Responses.of(dbn, images), Writer(tmp_path), images=images)
        if seed:
            with pytest.raises(ValueError, match="is another one: its model_sha256"):
                study.save("a", sheet([study.panel(images[:1], False, 1)], heading="h", caption="c"), {"a": images[:1]})
        else:
            study.save("a", sheet([study.panel(images[:1], False, 1)], heading="h", caption="c"), {"a": images[:1]})
