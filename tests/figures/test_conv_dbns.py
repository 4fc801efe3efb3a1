"""The figure of convolutional DBNs: models are kept, recipes are checked, panels show what they say."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_crbms import strokes

from dbnvis import checkpoint, datasets
from dbnvis.datasets import Dataset
from dbnvis.figures.generative import conv_dbns
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM
from dbnvis.results import Writer
from dbnvis.runs import conv_machines
from dbnvis.train import ConvCDConfig

TINY = conv_machines.Recipe("tiny", (3, 2), (3, 2), (ConvCDConfig(epochs=1),) * 2, examples=40)


def dataset(images=None):
    images = strokes(50) if images is None else images
    labels = np.zeros(len(images), np.int64)
    return Dataset("strokes", images, labels, images[:20], labels[:20], "hash of strokes")


def opened(path, recipe=TINY, seed=0, told=None, overwrite=False):
    told = [] if told is None else told
    on_epoch = lambda stats, config: told.append((stats.layer, config))  # noqa: E731
    return conv_machines.open_model(dataset(), recipe, path, seed=seed, xp=np, on_epoch=on_epoch, overwrite=overwrite)


def test_a_model_is_trained_once(tmp_path):
    path, told = tmp_path / "m.npz", []
    model = opened(path, told=told)
    assert told == [("h1", TINY.configs[0]), ("h2", TINY.configs[1])]
    again = opened(path, replace(TINY, canvas=(8, 8)), told=told)
    assert len(told) == 2
    for a, b in zip(model.crbms, again.crbms, strict=True):
        np.testing.assert_array_equal(a.W, b.W)
    assert again.input_norm == pytest.approx(np.sqrt((strokes(50)[:40] ** 2).sum(axis=(1, 2))).mean())


@pytest.mark.parametrize("epochs", range(1, 5))
def test_an_interrupted_training_resumes_bit_for_bit(tmp_path, epochs):
    recipe = replace(TINY, configs=(ConvCDConfig(epochs=2), ConvCDConfig(epochs=2, persistent=False)))
    whole = opened(tmp_path / "whole.npz", recipe)
    done = []

    def stop(stats, config):
        done.append(stats)
        if len(done) == epochs:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conv_machines.open_model(dataset(), recipe, tmp_path / "m.npz", seed=0, xp=np, on_epoch=stop)
    assert (tmp_path / "m.training.npz").exists() and not (tmp_path / "m.npz").exists()
    again = opened(tmp_path / "m.npz", recipe, told=done)
    assert len(done) == 4 and not (tmp_path / "m.training.npz").exists()
    for a, b in zip(whole.crbms, again.crbms, strict=True):
        for x, y in zip(a.params().values(), b.params().values(), strict=True):
            np.testing.assert_array_equal(x, y)


def test_a_training_without_its_velocities_is_not_resumed(tmp_path):
    recipe = replace(TINY, configs=(ConvCDConfig(epochs=2),) * 2)

    def stop(stats, config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        conv_machines.open_model(dataset(), recipe, tmp_path / "m.npz", seed=0, xp=np, on_epoch=stop)
    part = tmp_path / "m.training.npz"
    saved = checkpoint.load(part, xp=np)
    arrays = {name: x for name, x in saved.arrays.items() if name != "W"}
    checkpoint.save(part, saved.model, config=saved.config, seed=0, info=saved.info, arrays=arrays)
    with pytest.raises(ValueError, match="to go on, the array W must be"):
        opened(tmp_path / "m.npz", recipe)


@pytest.mark.parametrize("change", [{"recipe": replace(TINY, examples=30)}, {"seed": 1}])
def test_a_model_of_another_recipe_or_seed_is_refused(tmp_path, change):
    opened(tmp_path / "m.npz")
    with pytest.raises(ValueError, match="--overwrite to start over"):
        opened(tmp_path / "m.npz", **change)
    before = (tmp_path / "m.npz").read_bytes()
    opened(tmp_path / "m.npz", overwrite=True, **change)
    assert (tmp_path / "m.npz").read_bytes() != before


def test_the_heading_warns_of_chains_that_have_not_mixed(tmp_path, monkeypatch):
    headings, draw = [], conv_dbns.plot.grid
    monkeypatch.setattr(conv_dbns.plot, "grid", lambda *a, **k: headings.append(k["heading"]) or draw(*a, **k))
    monkeypatch.setattr("dbnvis.evaluate.chains.SLOWEST_MIXED", 0.0)
    conv_dbns.figure(opened(tmp_path / "m.npz"), dataset(), TINY, Writer(tmp_path), seed=0, xp=np)
    assert "WARNING: the chains of h2:" in headings[0] and "have not mixed" in headings[0]


def test_the_figure_holds_both_layers(tmp_path):
    model = opened(tmp_path / "m.npz")
    writer = Writer(tmp_path)
    conv_dbns.figure(model, dataset(), TINY, writer, seed=0, xp=np)
    written = writer.written
    assert [path.name for path in written] == ["crbm_tiny.png", "crbm_tiny.json", "crbm_tiny.npz"]
    manifest = json.loads(written[1].read_text())
    assert manifest["recipe"]["groups"] == [3, 2] and manifest["settings"]["h2.samples"]["chains"] == 40
    assert set(manifest["dead"]) == {"h1", "h2"}
    arrays = np.load(written[2])
    filters = model.crbms[0].W[:, 0]
    order = np.argsort(-np.linalg.norm(filters, axis=(1, 2)))
    np.testing.assert_allclose(arrays["h1"], filters[order], atol=1e-7)  # as large as they are
    assert arrays["h2.combination"].shape == (2, 6, 6)  # 2 x 2 blocks of 2 x 2, each under a filter of 3 x 3
    assert arrays["h2.samples"].shape == (2, 1 + conv_dbns.CHAINS, 10, 10)


def test_dead_groups_are_counted_over_all_images_and_not_over_the_first(tmp_path):
    """One group finds a bright image, which is the last; the others are off, or on alike, on all of them."""
    W = np.zeros((3, 1, 3, 3), "f4")
    W[0] = 4.0
    model = ConvDBN([ConvRBM(W, np.zeros(1, "f4"), np.array([-20, -9, 1], "f4"), 1)], (5, 5))
    images = np.zeros((1001, 5, 5), "f4")
    assert conv_dbns.dead_groups(model, "h1", images) == 3
    images[-1] = 1
    assert conv_dbns.dead_groups(model, "h1", images) == 2


@pytest.mark.slow
def test_every_group_of_photographs_has_a_filter(tmp_path):
    """Of another seed than the committed figure's."""
    data, recipe = datasets.load("crops"), conv_machines.PHOTOGRAPHS
    how = {"seed": 1, "xp": np, "on_epoch": lambda stats, config: None}
    model = conv_machines.open_model(data, recipe, tmp_path / "m.npz", **how)
    assert [conv_dbns.dead_groups(model, layer, data.train_images) for layer in model.layer_names] == [0, 0]


def test_photographs_have_a_recipe_of_their_own():
    assert conv_machines.recipe_of(dataset()) is conv_machines.DIGITS
    real = replace(dataset(), input_range=(-np.inf, np.inf))
    assert conv_machines.recipe_of(real) is conv_machines.PHOTOGRAPHS
    model = conv_machines.PHOTOGRAPHS.build((70, 70), np.random.default_rng(0))
    assert model.layer_shape("h1") == (24, 61, 61) and model.layer_shape("h2") == (24, 24, 24)
    assert not model.rbms[0].binary and model.input_range == (-np.inf, np.inf)
    digits = conv_machines.DIGITS.build((28, 28), np.random.default_rng(0))
    assert digits.layer_shape("h2") == (40, 4, 4) and conv_dbns.middle(digits, "h2") == (1, 1)
