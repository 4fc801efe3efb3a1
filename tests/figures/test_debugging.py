"""The worked examples of debugging, on tiny data: what was planted is found, and not in the sound network."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from dbnvis.datasets import Dataset
from dbnvis.figures.convnets import debugging, planted_mark
from dbnvis.figures.convnets.debugging import high_frequencies, learning_rates, noisy_filters
from dbnvis.figures.convnets.planted_mark import MARK, mark_share, marked
from dbnvis.results import Writer
from dbnvis.runs.experiments import Experiment

SHAPE = (20, 20)


def tiny(n=600, seed=0):
    """Four classes of smooth random pictures, each image a noisy copy in the lower right part: none is easy."""
    rng = np.random.default_rng(seed)
    patterns = np.repeat(np.repeat(rng.random((4, 4, 4)) > 0.5, 3, axis=1), 3, axis=2)
    images, labels = 0.4 * rng.random((n, *SHAPE)), rng.integers(0, 4, n)
    images[:, 7:19, 7:19] += 0.3 * patterns[labels] * (rng.random((n, 12, 12)) < 0.5)
    images[:, :7, :7] = 0.0
    images = images.astype("float32")
    return Dataset("tiny", images[:400], labels[:400], images[400:], labels[400:], "0" * 64)


@pytest.fixture
def experiment(tmp_path):
    return Experiment(tiny(), Writer(tmp_path), seed=0, xp=np)


def test_the_mark_is_exposed_by_every_view_and_by_none_of_the_control(experiment, monkeypatch):
    monkeypatch.setattr(planted_mark, "DECAYED", replace(planted_mark.DECAYED, epochs=20, batch_size=20))
    table = {row["per cent"]: row for row in planted_mark.planted_mark(experiment, target=2)}
    found = {what: (row["marked"], row["control"]) for what, row in table.items()}
    with_mark, without = found["class 2 with the mark, correct"], found["class 2 without the mark, correct"]
    assert with_mark[0] > 95 and without[0] < 20  # scores well where the mark is, fails where it is not
    assert without[1] > 50
    within = [name for name in found if name.endswith("energy within the mark")]
    assert len(within) == 4
    for name in within:
        assert found[name][0] > 50 and found[name][1] < 20, name
    top = found["of the score's top 9 images, with the mark"]
    assert top[0] == 100 and top[1] < 90
    assert [path.suffix for path in experiment.writer.written] == [".png", ".json", ".npz", ".csv", ".json"]
    manifest = json.loads((experiment.writer.root / "debugging_mark.json").read_text())
    assert manifest["target"] == 2 and manifest["training"]["weight_decay"] == 2.0
    with (experiment.writer.root / "debugging_mark_table.csv").open() as file:
        assert next(csv.reader(file)) == ["per cent", "marked", "control"]


def test_the_mark_changes_its_square_alone():
    images = np.random.default_rng(0).random((5, *SHAPE))
    outside = np.ones(SHAPE, bool)
    outside[MARK, MARK] = False
    np.testing.assert_array_equal(marked(images)[:, outside], images[:, outside])
    np.testing.assert_array_equal(marked(images)[3, 2:6, 2:6], [[1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1]])
    assert mark_share(np.ones((2, 8, 8))) == 16 / 64
    assert mark_share(marked(np.zeros((2, *SHAPE)))) == 1


def test_a_learning_rate_too_high_shows_as_dead_filters(experiment):
    low, high = learning_rates(experiment, rates=(2e-3, 0.3))
    dead = [int(row["dead in conv2"].removesuffix(" of 16")) for row in (low, high)]
    assert dead[0] < 4 and dead[1] > 8
    assert high["first cause named"]
    assert float(low["test images right, %"]) > float(high["test images right, %"])


def test_the_figure_of_rates_shows_every_layers_dead_units(experiment, monkeypatch):
    drawn = []
    monkeypatch.setattr(debugging.plot, "grid", lambda rows, **_: drawn.extend(rows))
    monkeypatch.setattr(debugging, "save", lambda *_, **__: None)
    (row,) = learning_rates(experiment, rates=(0.3,))
    numbers, *panels = drawn[0]
    assert numbers.title == "learning rate 0.3"
    for panel, layer in zip(panels, ("conv1", "conv2", "dense1"), strict=True):
        dead = row[f"dead in {layer}"]
        assert panel.title == layer and (f"dead in {layer}", dead) in numbers.rows
        assert sum(map(bool, panel.frames)) == int(dead.split()[0]) == list(panel.captions).count("0 %")


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (1e-4, "<1 %"), (0.0049, "<1 %"), (0.006, "1 %"), (0.994, "99 %"), (0.996, ">99 %"), (1, "100 %")],
)
def test_few_are_not_none_and_all_but_few_not_all(share, said):
    assert debugging._percent(share) == said


def test_the_share_of_high_frequencies_of_known_filters():
    rng = np.random.default_rng(0)
    assert high_frequencies(rng.standard_normal((2000, 7, 7))) == pytest.approx(1 - np.pi / 16, abs=0.01)
    y = np.arange(16) - 7.5
    blob = np.exp(-(y[:, None] ** 2 + y**2) / 18)
    assert high_frequencies(blob[None]) < 0.001
    chequered = (-1.0) ** (np.arange(16)[:, None] + np.arange(16))
    assert high_frequencies(chequered[None]) > 0.99
    wave = np.cos(2 * np.pi * 0.1 * np.arange(40))[None, None] * np.ones((40, 1))  # of 0.1 cycles per pixel
    assert high_frequencies(wave[:, :32, :32]) < 0.02


def test_noise_of_first_layer_filters_falls_with_training_and_decay(experiment, monkeypatch):
    monkeypatch.setattr(debugging, "FILTERS", replace(debugging.FILTERS, epochs=12, batch_size=20))
    experiment.data = framed(experiment.data)
    short, free, decayed = (row["energy at high frequencies, %"] for row in noisy_filters(experiment))
    assert short > 70
    assert short > free + 5 > decayed + 12


def framed(data):
    """With four dark pixels on every side: two layers of 7 x 7 kernels fit."""
    train, test = (np.pad(x, ((0, 0), (4, 4), (4, 4))) for x in (data.train_images, data.test_images))
    return Dataset(data.name, train, data.train_labels, test, data.test_labels, data.sha256)
