"""dbnvis.figures.health and runs.snapshots: what training leaves behind, kept through interruption, and its figure."""

import json

import numpy as np
import pytest
from scipy.special import expit
from tiny_runs import CONFIG, HIDDEN, real_valued, tiny, train

from dbnvis import DBN, DenoisingConfig, FilterCombination, checkpoint
from dbnvis.figures import health
from dbnvis.figures.health import training_health
from dbnvis.figures.opening import open_study
from dbnvis.plot import dashboard
from dbnvis.runs.snapshots import Snapshots, shown_epoch
from dbnvis.train import CDConfig


def test_filters_are_kept_after_round_epochs():
    assert [epoch for epoch in range(1, 101) if shown_epoch(epoch)] == [1, 2, 5, 10, 20, 50, 100]


def test_snapshots_hold_weights_as_they_were_and_the_last_particles(tmp_path):
    seen = {}

    class Watch:
        def __call__(self, stats, config):
            saved = checkpoint.load(tmp_path / "training.npz", xp=np)
            rbm = saved.model.rbms[int(stats.layer[1]) - 1]
            seen[stats.layer, stats.epoch] = rbm.W[:, :10].copy(), saved.arrays["chains"]

    saved = checkpoint.load(train(tmp_path, on_epoch=Watch()), xp=np)
    kept = Snapshots(saved.arrays)
    for layer in ("h1", "h2", "h3"):
        assert sorted(kept.filters(layer)) == [1, 2]
        for epoch, W in kept.filters(layer).items():
            np.testing.assert_array_equal(W, seen[layer, epoch][0])
        np.testing.assert_array_equal(kept.particles(layer), seen[layer, CONFIG.epochs][1][:30])
        assert set(np.unique(kept.particles(layer))) <= {0, 1}


def test_an_interrupted_training_keeps_its_snapshots(tmp_path):
    class Stop(Exception):
        pass

    def stop(stats, config):
        if (stats.layer, stats.epoch) == ("h2", 2):
            raise Stop

    with pytest.raises(Stop):
        train(tmp_path / "a", on_epoch=stop)
    resumed = checkpoint.load(train(tmp_path / "a", resume=True), xp=np).arrays
    straight = checkpoint.load(train(tmp_path / "b"), xp=np).arrays
    assert resumed.keys() == straight.keys()
    for name in straight:
        np.testing.assert_array_equal(resumed[name], straight[name])


def test_tempered_training_keeps_the_coldest_particles(tmp_path):
    config = CDConfig(epochs=1, batch_size=20, temperatures=3)
    kept = Snapshots(checkpoint.load(train(tmp_path, config=config), xp=np).arrays)
    assert kept.particles("h1").shape == (20, HIDDEN[0])


def test_one_figure_per_layer_with_its_numbers(tmp_path):
    data = tiny()
    study = open_study(train(tmp_path), data, out=tmp_path, seed=0, xp=np)
    training_health(study)
    assert [path.name for path in study.writer.written if path.suffix == ".png"] == [
        f"health_h{i}.png" for i in (1, 2, 3)
    ]
    arrays = np.load(tmp_path / "health_h2.npz")
    assert arrays["filters"].shape == (3 * 10, 6, 6)  # epochs 1, 2 and the last, 3
    assert arrays["particles"].shape == (20, 6, 6)
    np.testing.assert_allclose(arrays["mean_h"], study.model.encode(data.test_images, "h2"), rtol=1e-6)
    filters = np.load(tmp_path / "health_h1.npz")["filters"]
    np.testing.assert_allclose(filters[-10:], study.model.rbms[0].W[:, :10].T.reshape(10, 6, 6), rtol=1e-6)
    assert json.loads((tmp_path / "health_h1.json").read_text())["dataset"] == "tiny"


@pytest.mark.parametrize("real", [False, True])
def test_autoencoders_get_a_figure_of_their_own(tmp_path, monkeypatch, real):
    """Reconstructions in place of particles; errors and weights in place of free energies."""
    drawn = []
    monkeypatch.setattr(health, "dashboard", lambda rows, **words: drawn.append(rows) or dashboard(rows, **words))
    data = real_valued() if real else tiny()
    path = train(tmp_path, data=data, config=DenoisingConfig(epochs=3, batch_size=20))
    study = open_study(path, data, out=tmp_path, seed=0, xp=np)
    training_health(study)
    assert [path.name for path in study.writer.written if path.suffix == ".png"] == [
        f"health_h{i}.png" for i in (1, 2, 3)
    ]
    arrays = np.load(tmp_path / "health_h2.npz")
    below, dae = study.model.daes[:2]
    mean_h = expit(expit(data.test_images.reshape(60, 36) @ below.W + below.hbias) @ dae.W + dae.hbias)
    np.testing.assert_allclose(arrays["mean_h"], mean_h, rtol=1e-4)
    back = expit(mean_h @ dae.W.T + dae.vbias) @ below.W.T + below.vbias
    back = (back if real else expit(back)).reshape(60, 6, 6)
    np.testing.assert_allclose(arrays["reconstructions"], back[:20], rtol=1e-3, atol=1e-5)
    assert arrays["filters"].shape == (3 * 10, 6, 6)  # epochs 1, 2 and the last, 3
    np.testing.assert_allclose(
        arrays["filters"][-10:].reshape(10, 36), (below.W @ dae.W[:, :10]).T, rtol=1e-4, atol=1e-6
    )
    panel = drawn[1][0][1].panel  # images in odd rows, what is kept of them below
    assert not panel.symmetric and panel.within == ((-1, 1) if real else (0, 1))
    np.testing.assert_array_equal(panel.tiles[20:30], data.test_images[10:20])
    np.testing.assert_array_equal(panel.tiles[30:40], arrays["reconstructions"][10:])
    errors = drawn[1][1][0].lines
    epochs = [stats for stats in study.history if stats.layer == "h2"]
    assert errors["training"][1] == [stats.reconstruction_error for stats in epochs]
    assert errors["test"][1] == [stats.held_out_error for stats in epochs]


def test_filters_are_carried_down_through_every_layer(tmp_path):
    data = tiny()
    study = open_study(train(tmp_path), data, out=tmp_path, seed=0, xp=np)
    training_health(study)
    expected = FilterCombination(k=None)(study.model, [f"h3:{i}" for i in range(9)]).images[:, 0]
    np.testing.assert_allclose(np.load(tmp_path / "health_h3.npz")["filters"][-9:], expected, rtol=1e-4, atol=1e-7)


def test_a_model_without_snapshots_gives_no_figure(tmp_path):
    data = tiny()
    study = open_study(train(tmp_path), data, out=tmp_path, seed=0, xp=np)
    study.snapshots = Snapshots()
    with pytest.raises(ValueError, match="keeps nothing of its training; dbnvis train leaves a model that does"):
        training_health(study)
    assert study.writer.written == []


@pytest.mark.parametrize(
    ("name", "shape", "fits"),
    [
        ("album.h1.filters.2", (36, 10), True),
        ("album.h3.filters.2", (10, 9), True),  # as many as there are
        ("album.h2.particles", (20, 10), True),
        ("album.h1.filters.2", (36, 9), False),
        ("album.h1.filters.2", (36,), False),
        ("album.h1.filters.two", (36, 10), False),
        ("album.h1.filters", (36, 10), False),
        ("album.h4.filters.2", (36, 10), False),
        ("album.h2.particles", (20, 11), False),
        ("album.h2.particles.1", (20, 10), False),
        ("album.", (20, 10), False),
    ],
)
def test_snapshots_are_of_their_model(name, shape, fits):
    model = DBN.random((36, *HIDDEN), (6, 6), rng=np.random.default_rng(0))
    arrays = {name: np.zeros(shape), "chains": np.zeros(3)}
    if fits:
        assert list(Snapshots(arrays, model).arrays) == [name]
    else:
        with pytest.raises(ValueError, match=rf"keeps an array '{name}' of shape .*, which no training leaves"):
            Snapshots(arrays, model)
