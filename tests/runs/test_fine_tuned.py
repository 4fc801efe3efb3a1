"""dbnvis.runs.fine_tuned and .finetuning: from a data set to tables and figures, on networks of a dozen units."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import PCA

from dbnvis import ActivationMaximization, CDConfig, TopImages, checkpoint, plot
from dbnvis.backend import make_rng, move, to_numpy
from dbnvis.datasets import Dataset
from dbnvis.datasets.infinite import InfiniteDigits
from dbnvis.figures import finetuning, sheets
from dbnvis.figures.opening import open_study
from dbnvis.figures.tables import deformed
from dbnvis.models.layers import Dense
from dbnvis.models.mlp import autoencoder, classifier
from dbnvis.plot.charts import CLASSES
from dbnvis.results import Writer, array_hash
from dbnvis.runs import fine_tuned
from dbnvis.runs.fine_tuned import FineTuning
from dbnvis.train import TrainingDiverged
from dbnvis.train.backprop import train_backprop
from dbnvis.train.config import BackpropConfig

CD = CDConfig(epochs=2, batch_size=20, momentum_epochs=1)


def bars(seed=0):
    """Horizontal bars in six places: 120 training and 60 test images of 6 x 6."""
    rng = np.random.default_rng(seed)
    labels = np.arange(180) % 6
    images = np.zeros((180, 6, 6), dtype="float32")
    images[np.arange(180), labels] = 1
    images = np.clip(images * rng.uniform(0.6, 1, images.shape) + 0.05, 0, 1).astype("float32")
    return Dataset("bars", images[:120], labels[:120], images[120:], labels[120:], sha256=array_hash(images, labels))


def noisy():
    """The bars behind noise, so that some are taken for others."""
    data, rng = bars(), np.random.default_rng(8)
    noise = {
        f"{part}_images": np.clip(x + rng.normal(0, 0.5, x.shape), 0, 1).astype("float32")
        for part, x in (("train", data.train_images), ("test", data.test_images))
    }
    return replace(data, **noise, sha256=array_hash(*noise.values()))


def tuning_in(folder, **changes):
    settings = {
        "classifier_hidden": (8, 7, 9),
        "autoencoder_hidden": (9, 8),
        "classifier_pretraining": CD,
        "autoencoder_pretraining": replace(CD, sparsity_target=None),
        "classifier_tuning": BackpropConfig(epochs=4, batch_size=20, dropout=0.1, top_epochs=1),
        "autoencoder_tuning": BackpropConfig("pixels", epochs=3, batch_size=20),
    }
    return FineTuning(bars(), Writer(Path(folder), "figures", "tables"), 3, np, **(settings | changes))


def rows_of(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def parameters(model):
    return {name: to_numpy(x).tobytes() for name, x in model.network.params().items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bars")


# --- networks that are kept


def test_a_finished_network_is_kept(folder, monkeypatch):
    first = tuning_in(folder).classifier()
    monkeypatch.setattr(fine_tuned, "train_backprop", None)  # not called again
    monkeypatch.setattr(fine_tuned, "train", lambda *args, folder, **keywords: folder / "model.npz")
    assert parameters(tuning_in(folder).classifier()) == parameters(first)
    assert [stats.epoch for stats in tuning_in(folder).history("classifier-pretrained")] == [1, 2, 3, 4]


@pytest.mark.parametrize("stop", [1, 3])
def test_an_interrupted_fine_tuning_goes_on_to_the_same_bits(folder, tmp_path, stop):
    whole = tuning_in(folder).classifier()

    def interrupted(iterable, description, total):
        assert description == "fine-tuning classifier-pretrained"
        for i, item in enumerate(iterable):
            yield item
            if i + 1 == stop:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning_in(tmp_path, progress=interrupted).classifier()
    assert sorted(path.name for path in (tmp_path / "models").glob("*.npz")) == ["classifier-pretrained.training.npz"]
    totals = []

    def count(iterable, description, total):
        totals.append(total)
        return iterable

    tuning = tuning_in(tmp_path, progress=count)
    assert parameters(tuning.classifier()) == parameters(whole)
    assert totals == [4 - stop]
    assert sorted(path.name for path in (tmp_path / "models").glob("*.npz")) == ["classifier-pretrained.npz"]
    assert len(tuning.history("classifier-pretrained")) == 4


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"classifier_tuning": BackpropConfig(epochs=5, batch_size=20, dropout=0.1, top_epochs=1)}, "epochs is 4"),
        ({"seed": 4}, "seed is 3"),
    ],
)
def test_the_network_of_another_run_is_refused(folder, changes, name):
    tuning_in(folder).classifier()
    tuning = replace(tuning_in(folder), **changes)
    with pytest.raises(ValueError, match=rf"{name}, this .* is .*|its seed is 3"):
        tuning.classifier()


def test_fine_tuning_starts_from_the_pretrained_network(folder):
    tuning = tuning_in(folder)
    rng = np.random.default_rng(0)
    dbn = tuning.classifier_dbn()
    hashes = {
        array_hash(*list(classifier(model, 6, rng=rng).network.params().values())[:-2])
        for model in (dbn, tuning_in(folder).classifier_dbn())
    }
    assert len(hashes) == 1
    tuned = tuning.classifier()
    assert (tuned.network.params()["h1.pre.W"] != dbn.rbms[0].W).any()
    np.testing.assert_array_equal(dbn.rbms[0].W, tuning.classifier_dbn().rbms[0].W)


# --- deformed images


def test_deformed_training_reads_the_images_and_then_a_deformation_of_each(folder, monkeypatch):
    """Every epoch as many as there are training images, by index, with their labels."""
    tuning, seen = tuning_in(folder), []

    def watched(model, data, targets, config, **keywords):
        if callable(data):
            seen.append(([data(epoch) for epoch in range(config.epochs)], targets))
        return train_backprop(model, data, targets, config, **keywords)

    monkeypatch.setattr(fine_tuned, "train_backprop", watched)
    model, digits = tuning.classifier(deformed=True), InfiniteDigits(tuning.data)
    ((shown, labels),) = seen
    n_test, n = len(tuning.data.test_images), len(tuning.data.train_images)
    for epoch, images in enumerate(shown):
        index = np.arange(n) + n_test + epoch * n
        np.testing.assert_array_equal(images, digits.images(index).reshape(n, -1))
        np.testing.assert_array_equal(labels, digits.labels(index))
    assert (shown[1] != shown[0]).any() and (shown[2] != shown[1]).any()
    saved = checkpoint.load(folder / "models" / "classifier-pretrained-deformed.npz", xp=np)
    assert "deformed by" in saved.info["data_sha256"]
    assert parameters(tuning.classifier(deformed=True)) == parameters(model) and len(seen) == 1  # kept
    assert parameters(tuning.classifier()) != parameters(model)


def test_an_interrupted_training_on_deformed_images_goes_on_to_the_same_bits(folder, tmp_path):
    whole = tuning_in(folder).classifier(deformed=True)

    def interrupted(iterable, description, total):
        for i, item in enumerate(iterable):
            yield item
            if i == 1:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tuning_in(tmp_path, progress=interrupted).classifier(deformed=True)
    assert parameters(tuning_in(tmp_path).classifier(deformed=True)) == parameters(whole)


def test_other_seeds_keep_networks_of_their_own(folder):
    tuning = tuning_in(folder)
    assert tuning.seeded(0) is tuning
    other = tuning.seeded(2)
    assert (other.seed, other.models) == (5, folder / "models" / "seed-5")
    assert parameters(other.classifier()) != parameters(tuning.classifier())
    assert (folder / "models" / "seed-5" / "classifier-pretrained.npz").exists()


def test_a_diverged_fine_tuning_leaves_no_model(folder, tmp_path):
    config = BackpropConfig(epochs=2, batch_size=20, optimizer="sgd", learning_rate=1e38)
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="lower the learning rate"):
        tuning_in(tmp_path, classifier_tuning=config).classifier()
    assert not (tmp_path / "models" / "classifier-pretrained.npz").exists()


@pytest.mark.parametrize("unroll", [classifier, autoencoder])
def test_a_checkpoint_keeps_every_bit_of_a_network(xp, folder, tmp_path, unroll):
    dbn = tuning_in(folder).classifier_dbn()
    for rbm in dbn.rbms:
        rbm.W, rbm.vbias, rbm.hbias = (move(x, xp) for x in (rbm.W, rbm.vbias, rbm.hbias))
    images = xp.asarray(bars().train_images)
    model = autoencoder(dbn, 5, images) if unroll is autoencoder else classifier(dbn, 5, rng=make_rng(xp, 0))
    arrays = {"h1.pre.W.mean": xp.zeros((2, 3))}
    checkpoint.save(tmp_path / "m.npz", model, config={"epochs": 1}, seed=2, info={"epoch": 1}, arrays=arrays)
    got = checkpoint.load(tmp_path / "m.npz", xp=xp)
    assert parameters(got.model) == parameters(model)
    assert list(got.arrays) == ["h1.pre.W.mean"]
    assert [type(layer) for layer in got.model.network.layers.values()] == [
        type(layer) for layer in model.network.layers.values()
    ]
    for name in ("input_shape", "input_range", "input_norm", "layer_names", "sizes"):
        assert getattr(got.model, name) == getattr(model, name)


@pytest.mark.parametrize(
    ("damage", "match"),
    [
        (lambda layers: layers.update({"h2": Strange()}), "does not hold the model its header describes.*Strange"),
        (lambda layers: layers.update({"h2.pre": Dense(np.ones((3, 3)), np.ones(3))}), "h2 has 3 inputs"),
    ],
)
def test_a_damaged_checkpoint_of_a_network_is_refused(folder, tmp_path, damage, match):
    model = classifier(tuning_in(folder).classifier_dbn(), 3, rng=np.random.default_rng(0))
    damage(model.network.layers)
    checkpoint.save(tmp_path / "m.npz", model, config={}, seed=0)
    with pytest.raises(checkpoint.CheckpointError, match=match):
        checkpoint.load(tmp_path / "m.npz", xp=np)


def test_a_network_with_weights_that_are_no_numbers_is_neither_saved_nor_loaded(folder, tmp_path):
    model = classifier(tuning_in(folder).classifier_dbn(), 3, rng=np.random.default_rng(0))
    checkpoint.save(tmp_path / "m.npz", model, config={}, seed=0)
    with np.load(tmp_path / "m.npz") as archive:
        arrays = dict(archive)
    arrays["h2.pre.W"][0, 0] = np.nan
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(checkpoint.CheckpointError, match=r"W of h2\.pre holds NaN"):
        checkpoint.load(tmp_path / "m.npz", xp=np)
    model.network.layers["h2.pre"].W[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"h2\.pre\.W must hold finite real numbers"):
        checkpoint.save(tmp_path / "other.npz", model, config={}, seed=0)
    assert not (tmp_path / "other.npz").exists()


class Strange:
    def forward(self, x):
        return x, lambda gy: gy


# --- tables


def test_the_table_of_the_classifier(folder):
    tuning = tuning_in(folder)
    finetuning.classifier_table(tuning)
    paths = tuning.writer.written
    assert [path.relative_to(folder).as_posix() for path in paths] == [
        "tables/classifier.csv",
        "tables/classifier.json",
    ]
    rows = rows_of(paths[0])
    assert [row["start"] for row in rows] == ["pretrained", "random"]
    assert {row["network"] for row in rows} == {"36-8-7-9-6"}
    data, model = tuning.data, tuning.classifier()
    wrong = model.encode(data.test_images, "output").argmax(axis=1) != data.test_labels
    assert float(rows[0]["test error, %"]) == pytest.approx(100 * wrong.mean(), abs=0.01)
    assert float(rows[0]["test error, %"]) == pytest.approx(
        tuning.history("classifier-pretrained")[-1].held_out_error, abs=0.01
    )
    manifest = json.loads(paths[1].read_text())
    assert manifest["settings"]["tuning"]["dropout"] == 0.1
    assert manifest["settings"]["pretraining"]["epochs"] == 2
    assert manifest["data_sha256"] == data.sha256
    assert manifest["seed"] == 3
    assert manifest["models_sha256"]["pretrained"] == array_hash(*model.network.params().values())


def test_the_table_of_deformed_digits(folder):
    """Errors counted anew, of every seed and training; the interval from resamples drawn here."""
    tuning = tuning_in(folder, classifier_tuning=BackpropConfig(epochs=2, batch_size=20))
    tuning = replace(tuning, data=noisy(), folder="noisy")
    deformed.deformed_table(tuning, seeds=2)
    rows, data = rows_of(tuning.writer.written[0]), tuning.data
    labels = [(row["seed"], row["training"]) for row in rows]
    assert labels == [(seed, t) for seed in ("3", "4", "mean of 2") for t in ("plain", "deformed")]
    wrong = np.array(
        [
            [
                tuning.seeded(i).classifier(deformed=t == "deformed").encode(data.test_images, "output").argmax(axis=1)
                != data.test_labels
                for t in ("plain", "deformed")
            ]
            for i in range(2)
        ]
    )  # (seeds, trainings, images)
    errors = 100 * np.concatenate([wrong.mean(axis=2).ravel(), wrong.mean(axis=(0, 2))])
    np.testing.assert_allclose([float(row["test error, %"]) for row in rows], errors, atol=5e-4)
    plain, moved = wrong.sum(axis=0)
    assert plain.sum() >= 20
    draws = np.random.default_rng(1).integers(0, len(plain), (4000, len(plain)))
    gains = 100 * (1 - moved[draws].sum(axis=1) / plain[draws].sum(axis=1))
    low, high = (float(x) for x in rows[-1]["95 % interval"].split(" to "))
    assert float(rows[-1]["fewer test errors, %"]) == pytest.approx(100 * (1 - moved.sum() / plain.sum()), abs=0.06)
    np.testing.assert_allclose([low, high], np.quantile(gains, [0.025, 0.975]), atol=0.25 * np.ptp([low, high]))
    assert rows[-2]["95 % interval"] == ""


@pytest.mark.parametrize(("n", "interval"), [(9, ""), (10, "0.0 to 0.0")])
def test_a_share_of_few_errors_has_no_interval(tmp_path, monkeypatch, n, interval):
    monkeypatch.setattr(deformed, "misclassified", lambda model, images, labels: np.arange(len(images)) < n)
    tuning = tuning_in(tmp_path)
    deformed.deformed_table(tuning, seeds=1)
    assert [row["95 % interval"] for row in rows_of(tuning.writer.written[0])] == ["", interval] * 2


def test_the_table_of_the_autoencoder(folder):
    tuning = tuning_in(folder)
    finetuning.autoencoder_table(tuning, codes=(3, 2))
    rows = rows_of(tuning.writer.written[0])
    assert [(row["method"], row["code"]) for row in rows] == [
        ("autoencoder", "3"),
        ("PCA", "3"),
        ("autoencoder", "2"),
        ("PCA", "2"),
    ]
    tests, train = (x.reshape(len(x), -1) for x in (tuning.data.test_images, tuning.data.train_images))
    output = tuning.autoencoder(3).encode(tests, "output")
    error = float(rows[0]["squared error per test image"])
    assert error == pytest.approx(((output - tests) ** 2).sum(axis=1).mean(), abs=0.006)
    pca = PCA(3, svd_solver="full").fit(train.astype(float))
    for column, x in (("test", tests), ("training", train)):
        expected = ((pca.inverse_transform(pca.transform(x)) - x) ** 2).sum(axis=1).mean()
        assert float(rows[1][f"squared error per {column} image"]) == pytest.approx(expected, abs=0.006)


def test_principal_components_are_scikit_learns(xp):
    data = bars()
    images, tests = move(data.train_images, xp), move(data.test_images, xp)
    points, error = finetuning.principal_components(images, tests, 4)
    flat = [x.reshape(len(x), -1).astype(float) for x in (data.train_images, data.test_images)]
    pca = PCA(4, svd_solver="full").fit(flat[0])
    expected = pca.transform(flat[1])
    np.testing.assert_allclose(np.abs(points), np.abs(expected), rtol=1e-6, atol=1e-8)  # signs are free
    assert error == pytest.approx(((pca.inverse_transform(expected) - flat[1]) ** 2).sum(axis=1).mean())


# --- figures


def test_the_codes_of_test_images(folder, monkeypatch):
    shown = {}
    scatter = plot.scatter
    monkeypatch.setattr(
        plot, "scatter", lambda points, labels, **texts: shown.update(points) or scatter(points, labels, **texts)
    )
    tuning = tuning_in(folder)
    finetuning.codes_figure(tuning)
    paths = tuning.writer.written
    assert [path.name for path in paths] == ["codes.png", "codes.json", "codes.npz"]
    assert all(path.stat().st_size > 0 for path in paths)
    assert list(shown) == ["two principal components", "36-9-8-2"]
    with np.load(paths[2]) as arrays:
        np.testing.assert_array_equal(arrays["labels"], tuning.data.test_labels)
        np.testing.assert_array_equal(arrays["code"], tuning.autoencoder(2).encode(tuning.data.test_images, "code"))
        np.testing.assert_array_equal(arrays["code"], shown["36-9-8-2"])
        np.testing.assert_array_equal(arrays["pca"], shown["two principal components"])


def test_the_same_units_before_and_after(folder, monkeypatch):
    panels, texts = [], {}
    sheet = plot.sheet
    monkeypatch.setattr(plot, "sheet", lambda given, **t: panels.extend(given) or texts.update(t) or sheet(given, **t))
    tuning, method = tuning_in(folder), ActivationMaximization(starts=2, max_steps=20)
    finetuning.finetuning_figure(tuning, n=5, method=method)
    paths = tuning.writer.written
    assert [path.name for path in paths] == ["finetuning.png", "finetuning.json", "finetuning.npz"]
    titles = [f"{layer} {when} fine-tuning" for layer in ("h1", "h2", "h3") for when in ("before", "after")]
    assert [panel.title for panel in panels] == [*titles, "output after fine-tuning"]
    assert "36-8-7-9-6" in texts["heading"]
    before, after = tuning.classifier_dbn(), tuning.classifier()
    for panel, model in zip(panels, [before, after] * 3, strict=False):
        assert list(panel.labels) == [str(i) for i in range(5)]
        if panel.title.startswith("h1"):  # the optimum of a first-layer unit is its filter
            W = (model.rbms[0].W if model is before else model.network.params()["h1.pre.W"]).T[:5]
            tiles = panel.tiles.reshape(5, -1)
            cosine = (tiles * W).sum(axis=1) / np.linalg.norm(tiles, axis=1) / np.linalg.norm(W, axis=1)
            assert (cosine > 0.999).all()
    with np.load(paths[2]) as arrays:
        scores = arrays["after.h2.scores"]
    captions = panels[3].captions
    assert [caption.split()[0] for caption in captions] == [f"{score:.1f}" for score in scores[:, 0]]


def test_classes_have_colours_of_their_own():
    assert len(set(CLASSES)) == 10
    points = {"a": np.random.default_rng(0).normal(size=(50, 2)), "b": np.zeros((50, 2))}
    figure = plot.scatter(points, np.arange(50) % 10, heading="heading", key="legend")
    left, right = figure.axes
    assert (left.get_title(loc="left"), right.get_title(loc="left")) == ("a", "b")
    assert [text.get_text() for text in left.texts] == [str(i) for i in range(10)]
    for axes in (left, right):
        assert len(axes.collections[0].get_offsets()) == 50
    dots = left.collections[0]
    by_place = {tuple(xy): tuple(color) for xy, color in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)}
    colors = [{by_place[tuple(xy)] for xy in points["a"][c::10]} for c in range(10)]
    assert all(len(found) == 1 for found in colors)
    assert len(set.union(*colors)) == 10


def test_the_commands_look_into_a_fine_tuned_network(folder, tmp_path):
    """`open_study` takes the kept network like any other model."""
    tuning = tuning_in(folder)
    tuning.classifier()
    path = folder / "models" / "classifier-pretrained.npz"
    study = open_study(path, tuning.data, out=tmp_path, seed=0, xp=np)
    sheets.sheet(study, TopImages(k=2), study.pictures(TopImages(k=2), study.units("output", 3)), "top")
    manifest = json.loads((tmp_path / "top.json").read_text())
    assert manifest["model_sha256"] == array_hash(*tuning.classifier().network.params().values())
    assert manifest["training"]["dropout"] == 0.1


def test_fewer_errors_are_a_share_of_those_of_plain_training():
    """4 of 8 images wrong by plain training, 3 by the other: a quarter fewer; also row by row of resamples."""
    wrong = np.array([[1, 1], [1, 1], [1, 1], [1, 0], [0, 0], [0, 0], [0, 0], [0, 0]], dtype=float)
    assert deformed.fewer(wrong, axis=0) == pytest.approx(25)
    assert deformed.fewer(np.stack([wrong, wrong[:, ::-1]]), axis=1) == pytest.approx([25, -100 / 3])
