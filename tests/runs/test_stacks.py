"""dbnvis.report: from a data set to a trained model and its figures, on a model that trains in milliseconds."""

import csv
import json
import os
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock, Timeout
from tiny_runs import CONFIG, HIDDEN, real_valued, tiny, train

from dbnvis import (
    DBN,
    RBM,
    ActivationMaximization,
    ClampedGibbs,
    DenoisingConfig,
    EvidenceSampling,
    FilterCombination,
    GaussianRBM,
    StackedDAE,
    TopImages,
    Unit,
    checkpoint,
    results,
)
from dbnvis.commands.reproduce import drawings
from dbnvis.datasets.whitening import unwhiten
from dbnvis.evaluate.scores import Responses, pre_activations, rescale
from dbnvis.figures import opening, study
from dbnvis.figures import sheets as figures
from dbnvis.figures.health import training_curves, training_health
from dbnvis.figures.opening import open_study
from dbnvis.figures.study import Study, model_name
from dbnvis.models.mlp import classifier
from dbnvis.plot import Panel, sheet
from dbnvis.results import Writer, array_hash, model_hash
from dbnvis.runs import run as runs
from dbnvis.runs import stacks as session
from dbnvis.train import EpochStats, TrainingDiverged

#: Methods at sizes that suit the model.
METHODS = [
    ActivationMaximization(starts=2, max_steps=20),
    ClampedGibbs(chains=4, burn_in=5, draws=2, thin=2, shown=2),
    FilterCombination(k=4),
    TopImages(k=3),
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def tiny_study(trained, tmp_path):
    return open_study(trained, tiny(), out=tmp_path / "figures", seed=3, xp=np)


def arrays_of(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def assert_same_run(a, b):
    """Everything in two checkpoints but the seconds."""
    one, other = arrays_of(a), arrays_of(b)
    headers = [json.loads(bytes(x.pop("header"))) for x in (one, other)]
    for header in headers:
        for stats in header["info"]["history"]:
            assert stats.pop("seconds") > 0
    assert headers[0] == headers[1]
    assert one.keys() == other.keys()
    for name, x in one.items():
        assert x.dtype == other[name].dtype
        assert x.tobytes() == other[name].tobytes(), name


# --- training


def test_training_leaves_a_finished_model_with_all_a_study_needs(trained):
    assert [p.name for p in trained.parent.iterdir()] == ["model.npz"]
    saved = checkpoint.load(trained, xp=np)
    assert saved.model.sizes == [36, *HIDDEN]
    data = tiny()
    assert saved.model.input_norm == pytest.approx(data.mean_norm, rel=1e-5)
    assert (saved.info["dataset"], saved.info["data_sha256"]) == ("tiny", data.sha256)
    assert saved.config["hidden"] == list(HIDDEN)
    assert saved.config["learning_rate"] == CONFIG.learning_rate
    assert saved.seed == 0
    history = [EpochStats(**stats) for stats in saved.info["history"]]
    assert [(s.layer, s.epoch) for s in history] == [(f"h{i}", e) for i in (1, 2, 3) for e in (1, 2, 3)]
    scaled = rescale(data.test_images, saved.model.input_norm, 2)
    for layer, n in zip(("h1", "h2", "h3"), HIDDEN, strict=True):
        responses = np.sort(pre_activations(saved.model, layer, scaled), axis=0)
        table = saved.arrays[layer]
        assert table.shape == (session.QUANTILES, n)
        np.testing.assert_allclose(table[[0, -1]], responses[[0, -1]], rtol=1e-5)
        np.testing.assert_allclose(np.median(table, axis=0), np.median(responses, axis=0), atol=0.2)


def test_every_epoch_is_told_after_it_is_saved(tmp_path):
    told = []

    def on_epoch(stats, config):
        saved = checkpoint.load(tmp_path / "training.npz", xp=np)
        told.append((stats.layer, stats.epoch))
        assert saved.info["history"][-1] == json.loads(json.dumps(vars(stats)))
        assert len(saved.info["history"]) == len(told)
        assert config == CONFIG

    train(tmp_path, on_epoch=on_epoch)
    assert told == [(f"h{i}", e) for i in (1, 2, 3) for e in (1, 2, 3)]


class Stop:
    """Presses Ctrl-C after an epoch."""

    def __init__(self, layer, epoch):
        self.at = (layer, epoch)

    def __call__(self, stats, config):
        if (stats.layer, stats.epoch) == self.at:
            raise KeyboardInterrupt


@pytest.mark.parametrize("at", [("h1", 1), ("h1", 3), ("h2", 2), ("h3", 1), ("h3", 3)])
def test_an_interrupted_training_resumes_to_the_same_bits(trained, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=Stop(*at))
    assert [p.name for p in tmp_path.iterdir()] == ["training.npz"]
    rest = []
    path = train(tmp_path, resume=True, on_epoch=lambda stats, config: rest.append((stats.layer, stats.epoch)))
    every = [(f"h{i}", e) for i in (1, 2, 3) for e in (1, 2, 3)]
    assert rest == every[every.index(at) + 1 :]  # no epoch is done twice
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]
    assert_same_run(path, trained)


def test_resuming_with_other_kernels_or_threads_is_said(tmp_path, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=Stop("h1", 2))
    monkeypatch.setattr(checkpoint, "computed_with", lambda device: {"blas": "openblas 1, Zen kernels, 7 threads"})
    with pytest.warns(
        UserWarning, match=r"training\.npz goes on otherwise than it began, results may differ: .*7 threads"
    ):
        path = train(tmp_path, resume=True)
    assert checkpoint.load(path, xp=np).computed_with == {"blas": "openblas 1, Zen kernels, 7 threads"}


def test_a_training_without_its_chains_is_no_training_to_go_on_with(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=Stop("h1", 2))
    part = tmp_path / "training.npz"
    saved = checkpoint.load(part, xp=np)
    arrays = {name: x for name, x in saved.arrays.items() if name != "chains"}
    checkpoint.save(part, saved.model, config=saved.config, seed=0, info=saved.info, arrays=arrays)
    with pytest.raises(checkpoint.CheckpointError, match=r"the array chains must be float32 \('B', 14\), got none"):
        train(tmp_path, resume=True)


def test_a_training_interrupted_twice_and_without_momentum_left_resumes_too(tmp_path):
    config = replace(CONFIG, persistent=False, momentum=0.9, final_momentum=0.9, k=2)
    whole = train(tmp_path / "whole", config=config)
    for at in (("h1", 2), ("h2", 1)):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "parts", config=config, resume=True, on_epoch=Stop(*at))
    assert_same_run(train(tmp_path / "parts", config=config, resume=True), whole)


def test_an_interruption_within_an_epoch_keeps_the_last_whole_one(trained, tmp_path, monkeypatch):
    from dbnvis.train import cd

    step, count = cd.CDUpdate.__call__, [0]

    def interrupted(self, *args):
        count[0] += 1
        if count[0] == 15:  # six batches an epoch: in the middle of the third
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(cd.CDUpdate, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    monkeypatch.undo()
    assert checkpoint.load(tmp_path / "training.npz", xp=np).info["epoch"] == 2
    assert_same_run(train(tmp_path, resume=True), trained)


def test_a_save_that_fails_keeps_the_epoch_before(trained, tmp_path, monkeypatch):
    save, count = np.savez, [0]

    def full(*args, **keywords):
        count[0] += 1
        if count[0] == 5:
            raise OSError(28, "No space left on device")
        save(*args, **keywords)

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        train(tmp_path)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["training.npz"]
    assert len(checkpoint.load(tmp_path / "training.npz", xp=np).info["history"]) == 4
    assert_same_run(train(tmp_path, resume=True), trained)


def test_resuming_a_finished_training_keeps_the_model(trained, tmp_path):
    path = train(tmp_path)
    before = path.read_bytes()

    def never(stats, config):
        pytest.fail("trained again")

    assert train(tmp_path, resume=True, on_epoch=never) == path
    assert path.read_bytes() == before


def test_resuming_nothing_starts_from_the_beginning(trained, tmp_path):
    assert_same_run(train(tmp_path, resume=True), trained)


def test_another_seed_is_another_model(trained, tmp_path):
    path = train(tmp_path, seed=1)
    assert model_hash(checkpoint.load(path, xp=np).model) != model_hash(checkpoint.load(trained, xp=np).model)


@pytest.mark.parametrize("finished", [False, True])
@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"seed": 1}, "seed"),
        ({"hidden": (14, 10)}, "hidden"),
        ({"config": replace(CONFIG, learning_rate=0.01)}, "learning_rate"),
        ({"config": replace(CONFIG, epochs=4)}, "epochs"),
        ({"data": tiny("other")}, "dataset"),
        ({"data": tiny(seed=1)}, "data_sha256"),
    ],
)
def test_a_run_with_other_settings_is_not_resumed(tmp_path, changes, name, finished):
    if finished:
        path = train(tmp_path)
    else:
        path = tmp_path / "training.npz"
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path, on_epoch=Stop("h2", 1))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=rf"cannot resume .*: its {name} is .*; give the same options"):
        train(tmp_path, resume=True, **changes)
    assert path.read_bytes() == before


def test_a_training_that_diverges_says_when_and_what_to_do(tmp_path):
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="nothing was saved before it") as error:
        train(tmp_path, config=replace(CONFIG, learning_rate=1e30))
    assert re.search(r"layer h1: .* epoch 1; lower the learning rate", str(error.value))
    assert not (tmp_path / "model.npz").exists()


def test_a_training_that_diverges_later_keeps_the_last_good_checkpoint(tmp_path, monkeypatch):
    whole = session.train_dbn

    def diverging(*args, **keywords):
        epochs = whole(*args, **keywords)
        yield next(epochs)
        yield next(epochs)
        raise TrainingDiverged("layer h1: after epoch 3")

    monkeypatch.setattr(session, "train_dbn", diverging)
    with pytest.raises(TrainingDiverged, match=r"after epoch 3; the last good checkpoint is .*training\.npz"):
        train(tmp_path)
    assert checkpoint.load(tmp_path / "training.npz", xp=np).info["epoch"] == 2


# --- autoencoders, real-valued data


WITHOUT_SAMPLING = {
    "ActivationMaximization",
    "FilterCombination",
    "RegularizedOptimization",
    "StrongestConnections",
    "TopImages",
}
DENOISING = DenoisingConfig(epochs=3, batch_size=20)


@pytest.fixture(scope="module")
def autoencoders(tmp_path_factory):
    return train(tmp_path_factory.mktemp("autoencoders"), config=DENOISING)


def test_the_type_of_the_configuration_decides_the_model(autoencoders):
    assert [p.name for p in autoencoders.parent.iterdir()] == ["model.npz"]
    saved = checkpoint.load(autoencoders, xp=np)
    assert isinstance(saved.model, StackedDAE)
    assert saved.model.sizes == [36, *HIDDEN]
    assert all(dae.tied and not dae.linear for dae in saved.model.daes)
    assert saved.model.input_norm == pytest.approx(tiny().mean_norm, rel=1e-5)
    assert (saved.config["hidden"], saved.config["noise"]) == (list(HIDDEN), "salt-and-pepper")
    with pytest.raises(ValueError, match="one type for all layers, got CDConfig and DenoisingConfig"):
        train(autoencoders.parent / "both", config=[CONFIG, DENOISING, DENOISING])


@pytest.mark.parametrize("config", [CONFIG, DENOISING, []])
def test_a_network_without_hidden_layers_is_refused(tmp_path, config):
    with pytest.raises(ValueError, match="at least one hidden layer, got none"):
        train(tmp_path, hidden=(), config=config)


@pytest.mark.parametrize("at", [("h1", 1), ("h1", 3), ("h2", 2), ("h3", 3)])
def test_interrupted_autoencoders_resume_to_the_same_bits(autoencoders, tmp_path, at):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, config=DENOISING, on_epoch=Stop(*at))
    with pytest.raises(ValueError, match="unfinished training"):
        open_study(tmp_path / "training.npz", tiny(), out=tmp_path, seed=0, xp=np)
    path = train(tmp_path, config=DENOISING, resume=True)
    ours, theirs = (checkpoint.load(p, xp=np) for p in (path, autoencoders))
    assert model_hash(ours.model) == model_hash(theirs.model)
    assert ours.arrays.keys() == theirs.arrays.keys()
    for name, x in ours.arrays.items():
        np.testing.assert_array_equal(x, theirs.arrays[name])


def test_a_run_of_another_model_is_not_resumed(autoencoders, tmp_path):
    with pytest.raises(ValueError, match="its model is StackedDAE, this run's is DBN"):
        train(autoencoders.parent, resume=True)
    with pytest.raises(ValueError, match="its noise_level is"):
        train(autoencoders.parent, config=replace(DENOISING, noise_level=0.11), resume=True)


def test_a_study_of_autoencoders_has_every_figure_that_needs_no_sampling(autoencoders, tmp_path):
    opened = open_study(autoencoders, tiny(), out=tmp_path, seed=3, xp=np)
    assert opened.provenance["model_sha256"] == model_hash(opened.model)
    training_curves(opened)
    with np.load(tmp_path / "training.npz") as numbers:
        assert "free_energy_gap" not in numbers.files  # there is none
        np.testing.assert_array_equal(numbers["held_out_error"], [stats.held_out_error for stats in opened.history])
    training_health(opened)
    figures.compare(opened, Unit("h3", 1))
    shown = {name.partition(".")[0] for name in np.load(tmp_path / "compare_h3_1.npz")}
    assert shown == WITHOUT_SAMPLING


def test_real_valued_data_get_a_lowest_layer_of_their_own(tmp_path):
    data, still = real_valued(), replace(CONFIG, epochs=1, learning_rate=1e-4, variance=0.3)
    dbn = checkpoint.load(train(tmp_path / "dbn", data=data, config=still), xp=np).model
    assert [type(rbm) for rbm in dbn.rbms] == [GaussianRBM, RBM, RBM]
    assert dbn.rbms[0].variance == 0.3
    sdae = checkpoint.load(train(tmp_path / "sdae", data=data, config=replace(DENOISING, epochs=1)), xp=np).model
    assert [dae.linear for dae in sdae.daes] == [True, False, False]
    assert dbn.input_range == sdae.input_range == (-1.0, 1.0)


# --- whitened data


@pytest.fixture
def whitened_study(tmp_path):
    """Of a random DBN that looks at whitened pictures, under the name of the whitened data set."""
    rng = np.random.default_rng(0)
    dbn = DBN.random((36, 14, 10), (6, 6), rng=rng, variance=0.1, input_range=(-np.inf, np.inf))
    dbn.input_norm, images = 2.0, rng.normal(size=(50, 6, 6)).astype("float32")
    return Study(dbn, "patches", Responses.of(dbn, images), Writer(tmp_path, overwrite=True), images=images)


@pytest.fixture
def sheets(monkeypatch):
    """The arguments of every sheet drawn."""
    drawn = []
    monkeypatch.setattr(
        figures.plot, "sheet", lambda panels, **words: drawn.append((panels, words)) or sheet(panels, **words)
    )
    return drawn


DRAWINGS = {
    "sheet": lambda study: figures.sheet(study, METHODS[0], study.pictures(METHODS[0], study.units("h2", 3)), "a"),
    "units": lambda study: figures.sheet(study, METHODS[2], study.pictures(METHODS[2], study.units("h2", 3)), "a"),
    "compare": lambda study: figures.compare(study, Unit("h2", 1)),
    "side by side": lambda study: figures.methods_side_by_side(study, 3, METHODS),
    "starts": lambda study: figures.starts(study, 2, 2),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_pictures_of_a_network_on_whitened_data_are_drawn_in_either_space(whitened_study, sheets, draw):
    """Unwhitened by a matrix made from single pixels; scores, and the arrays kept, stay those of the whitened ones."""
    unmix = unwhiten(np.eye(36).reshape(36, 6, 6)).reshape(36, 36)
    draw(whitened_study)
    draw(replace(whitened_study, unwhiten=True))
    (plain, words), (luminance, other_words) = sheets[0], sheets[len(sheets) // 2]
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


# --- opening


def test_a_study_knows_its_model_data_and_training(trained, tmp_path):
    opened = open_study(trained, tiny(), out=tmp_path, seed=3, xp=np)
    saved = checkpoint.load(trained, xp=np)
    assert opened.provenance["model_sha256"] == model_hash(opened.model) == model_hash(saved.model)
    assert opened.provenance["data_sha256"] == tiny().sha256
    assert opened.provenance["training"] == {**saved.config, "seed": 0}
    np.testing.assert_array_equal(opened.images, tiny().train_images)
    assert (opened.dataset, opened.seed) == ("tiny", 3)
    assert [(s.layer, s.epoch) for s in opened.history] == [(f"h{i}", e) for i in (1, 2, 3) for e in (1, 2, 3)]


def test_a_model_of_a_version_without_later_settings_is_kept(tmp_path):
    path = train(tmp_path)
    saved = checkpoint.load(path, xp=np)
    config = {k: v for k, v in saved.config.items() if k not in ("schedule", "k_epochs", "temperatures")}
    checkpoint.save(path, saved.model, config=config, seed=saved.seed, info=saved.info, arrays=saved.arrays)
    stamp = path.stat().st_mtime_ns
    assert train(tmp_path, resume=True) == path and path.stat().st_mtime_ns == stamp
    with pytest.raises(ValueError, match="its temperatures is 1"):
        train(tmp_path, resume=True, config=replace(CONFIG, temperatures=2))


@pytest.mark.parametrize("config", [CONFIG, DenoisingConfig(epochs=3, batch_size=20)])
def test_a_model_of_a_version_without_later_settings_is_kept_where_layers_differ(tmp_path, config):
    configs = [config, replace(config, learning_rate=0.01), config]
    path = train(tmp_path, config=configs)
    saved = checkpoint.load(path, xp=np)
    layers = [
        {k: v for k, v in layer.items() if k not in runs.DEFAULTS_OF_OLD_CHECKPOINTS}
        for layer in saved.config["layers"]
    ]
    old = {**saved.config, "layers": layers if config is CONFIG else saved.config["layers"]}
    checkpoint.save(path, saved.model, config=old, seed=saved.seed, info=saved.info, arrays=saved.arrays)
    stamp = path.stat().st_mtime_ns
    assert train(tmp_path, config=configs, resume=True) == path and path.stat().st_mtime_ns == stamp
    with pytest.raises(ValueError, match="its layers is"):
        train(tmp_path, resume=True, config=[config, config, config])


@pytest.mark.parametrize("layered", [False, True])
def test_autoencoders_of_a_version_that_only_tied_are_kept(tmp_path, layered):
    config = [DENOISING] * 3 if layered else DENOISING
    path = train(tmp_path, config=config)
    saved = checkpoint.load(path, xp=np)
    old = {k: v for k, v in saved.config.items() if k != "tied"}
    if layered:
        old["layers"] = [{k: v for k, v in layer.items() if k != "tied"} for layer in old["layers"]]
    checkpoint.save(path, saved.model, config=old, seed=saved.seed, info=saved.info, arrays=saved.arrays)
    stamp = path.stat().st_mtime_ns
    assert train(tmp_path, config=config, resume=True) == path and path.stat().st_mtime_ns == stamp


def test_all_layers_are_tied_or_none(tmp_path):
    untied = replace(DENOISING, tied=False)
    with pytest.raises(ValueError, match="tied must be alike for all layers"):
        train(tmp_path, config=[untied, DENOISING, untied])
    assert list(tmp_path.iterdir()) == []


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
    figures.compare(opened, Unit("h2", 3))
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


# --- pictures and captions


@pytest.mark.parametrize("method", METHODS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("layer", ["h1", "h3"])
def test_pictures_do_not_depend_on_how_many_units_go_at_a_time(tiny_study, monkeypatch, method, layer):
    expected = tiny_study.pictures(method, tiny_study.units(layer))
    assert expected.units == tuple(tiny_study.units(layer))
    assert study.CHUNK % 16 == 0  # whole blocks of activation maximization
    monkeypatch.setattr(study, "CHUNK", 1 if not isinstance(method, ActivationMaximization) else 16)
    again = tiny_study.pictures(method, tiny_study.units(layer))
    assert again.units == expected.units
    np.testing.assert_allclose(again.images, expected.images, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(again.scores, expected.scores, rtol=1e-5, atol=1e-5)


def test_captions_give_the_score_and_its_percentile_among_the_test_images(tiny_study):
    pictures = tiny_study.pictures(METHODS[0], tiny_study.units("h2"))
    pictures.scores[1, 0] = np.nan
    table = tiny_study.responses.by_layer["h2"]
    captions = tiny_study.captions(pictures)
    for u in range(len(pictures.units)):
        for s, caption in enumerate(captions[u]):
            score = pictures.scores[u, s]
            percent = 100 * np.mean(table[:, u] < score)
            assert caption == ("" if np.isnan(score) else f"{score:.1f} {percent:.0f}%")
    assert captions[1][0] == ""


def test_units_are_the_first_or_all(tiny_study):
    assert tiny_study.units("h3") == [Unit("h3", i) for i in range(9)]
    assert tiny_study.units("h3", 2) == [Unit("h3", 0), Unit("h3", 1)]
    assert tiny_study.units("h3", 99) == tiny_study.units("h3")


# --- figures


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
    figures.units_sheet(tiny_study, method, pictures, "sheet")
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
    sheet = figures.plot.sheet
    monkeypatch.setattr(figures.plot, "sheet", lambda *a, **k: seen.update(k) or sheet(*a, **k))
    tiny_study.model.rbms[1].W[:, 4] = 0
    method = METHODS[0]
    figures.units_sheet(tiny_study, method, tiny_study.pictures(method, tiny_study.units("h2")), "sheet")
    assert "Notes on 1 of 10 units (4: dead" in seen["key"]
    _, arrays = check_figure(tiny_study.writer.root, "sheet")
    assert np.isnan(arrays["pictures.images"][4]).all()


def test_many_units_go_on_pages_that_hold_what_one_sheet_would(tiny_study, monkeypatch):
    monkeypatch.setattr(figures, "PAGE", 4)
    pictures = tiny_study.pictures(METHODS[1], tiny_study.units("h2"))
    figures.units_sheet(tiny_study, METHODS[1], pictures, "sheet")
    pages = [check_figure(tiny_study.writer.root, f"sheet_{page}")[1] for page in (1, 2, 3)]
    assert [len(page["pictures.images"]) for page in pages] == [4, 4, 2]
    for name in pages[0]:
        whole = getattr(pictures, name.removeprefix("pictures."), pictures.extras.get(name.removeprefix("pictures.")))
        np.testing.assert_array_equal(np.concatenate([page[name] for page in pages]), whole)
    assert not (tiny_study.writer.root / "sheet.png").exists()


def test_every_layer_gets_a_sheet_and_a_row_of_methods(tiny_study):
    figures.all_units(tiny_study, METHODS[2], "combination", n=3)
    figures.methods_side_by_side(tiny_study, n=4, methods=METHODS)
    for layer in ("h1", "h2", "h3"):
        _, arrays = check_figure(tiny_study.writer.root, f"combination_{layer}")
        assert arrays["pictures.images"].shape == (3, 1, 6, 6)
        manifest, arrays = check_figure(tiny_study.writer.root, f"methods_{layer}")
        assert manifest["settings"].keys() == {type(method).__name__ for method in METHODS}
        assert all(arrays[f"{type(method).__name__}.images"].shape[0] == 4 for method in METHODS)


def test_methods_that_need_images_are_left_out_where_there_are_none(tiny_study):
    tiny_study.images = None
    figures.methods_side_by_side(tiny_study, n=2, methods=METHODS)
    manifest, _ = check_figure(tiny_study.writer.root, "methods_h2")
    assert "TopImages" not in manifest["settings"]
    assert len(manifest["settings"]) == 3


def test_the_other_figures(trained, tiny_study):
    history = [EpochStats(**stats) for stats in checkpoint.load(trained, xp=np).info["history"]]
    training_curves(tiny_study)
    figures.fantasies(tiny_study, n=5, steps=3)
    figures.starts(tiny_study, n=2, n_starts=3)
    figures.samples(tiny_study, n=2, shown=3)
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
    figures.compare(tiny_study, Unit("h3", 5))
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
        figures.all_units(opened, METHODS[0], "am")
        figures.samples(opened, n=2, shown=3)
        figures.fantasies(opened, n=4, steps=3)
    names = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(names) == 3 * 7
    for name in names:
        first, second = ((tmp_path / folder / name).read_text("latin1") for folder in ("a", "b"))
        if name.endswith(".json"):
            first, second = (re.sub(r'"seconds": [\d.e-]+', "", text) for text in (first, second))
        assert first == second, name


def test_an_unfinished_training_is_not_overwritten(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=Stop("h2", 1))
    before = (tmp_path / "training.npz").read_bytes()
    with pytest.raises(ValueError, match=r"holds an unfinished training, training\.npz; --resume goes on with it"):
        train(tmp_path)
    assert (tmp_path / "training.npz").read_bytes() == before


@pytest.mark.parametrize("changes", [{}, {"seed": 1}, {"hidden": (5,)}, {"data": tiny("other")}])
def test_a_finished_model_is_replaced_only_when_asked(tmp_path, changes):
    path = train(tmp_path)
    before = path.read_bytes()
    said = r" of another run \(its .*\), model\.npz; " if changes else r", model\.npz; --resume keeps it, "
    with pytest.raises(ValueError, match=f"holds a finished model{said}--overwrite replaces it"):
        train(tmp_path, **changes)
    assert path.read_bytes() == before
    assert_same_run(train(tmp_path, overwrite=True, **changes), train(tmp_path / "fresh", **changes))


@pytest.mark.parametrize("resume", [False, True])
def test_an_unfinished_run_of_other_settings_is_replaced_only_when_asked(tmp_path, resume):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, seed=1, on_epoch=Stop("h2", 1))
    before = (tmp_path / "training.npz").read_bytes()
    said = "--overwrite to start over" if resume else r"another run \(its seed is 1, this run's is 0\).*--overwrite"
    with pytest.raises(ValueError, match=said):
        train(tmp_path, resume=resume)
    assert (tmp_path / "training.npz").read_bytes() == before
    assert_same_run(train(tmp_path, resume=resume, overwrite=True), train(tmp_path / "fresh"))


def test_overwriting_keeps_the_finished_model_until_another_is_finished(tmp_path):
    path = train(tmp_path)
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, seed=1, overwrite=True, on_epoch=Stop("h2", 1))
    assert path.read_bytes() == before
    assert_same_run(train(tmp_path, seed=1, resume=True), train(tmp_path / "fresh", seed=1))


def test_resuming_with_leave_to_overwrite_still_goes_on_where_settings_are_the_same(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, on_epoch=Stop("h2", 1))
    told = []
    train(tmp_path, resume=True, overwrite=True, on_epoch=lambda stats, config: told.append((stats.layer, stats.epoch)))
    assert told[0] == ("h2", 2)
    stamp = (tmp_path / "model.npz").stat().st_mtime_ns
    train(tmp_path, resume=True, overwrite=True)
    assert (tmp_path / "model.npz").stat().st_mtime_ns == stamp


def test_a_training_whose_figures_would_be_refused_does_not_begin(tmp_path):
    """Figures of a model that is gone: what they show cannot be told from what training will give."""
    results.save_artefact(tmp_path / "figures" / "a.csv", lambda p: p.touch(), manifest={"model_sha256": "x"})
    with pytest.raises(ValueError, match=r"figures holds figures of another model; --overwrite"):
        train(tmp_path)
    assert train(tmp_path, overwrite=True).exists()


def test_a_folder_is_locked_while_a_training_runs_in_it(tmp_path):
    """Another process, in the place of which stands another thread with a lock of its own."""
    refused = []

    def second(stats, config):
        if stats.epoch == 1 and not refused:
            lock = FileLock(tmp_path / ".model.npz.lock", timeout=0)
            with pytest.raises(Timeout):
                lock.acquire()
            refused.append((tmp_path / ".model.npz.lock").read_text())

    train(tmp_path, on_epoch=second)
    assert refused[0].startswith(f"pid {os.getpid()}, since ")
    assert [path.name for path in tmp_path.iterdir()] == ["model.npz"]
    with FileLock(tmp_path / ".model.npz.lock"):
        assert train(tmp_path, resume=True).exists()  # what is finished may be looked at
        with pytest.raises(BlockingIOError, match="another process is at work on"):
            train(tmp_path, overwrite=True)


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
    legends, draw = [], figures.plot.sheet
    monkeypatch.setattr(figures.plot, "sheet", lambda *args, **k: legends.append(k["key"]) or draw(*args, **k))
    figures.compare(tiny_study, Unit("h2", 1))
    assert "Strongest filters: number" in legends[0] and "Not defined" not in legends[0]
    model = classifier(DBN.random((36, 9, 8), (6, 6), rng=np.random.default_rng(0)), 3, rng=np.random.default_rng(0))
    model.input_norm = 3.0
    opened = Study(model, "tiny", Responses.of(model, tiny().test_images), Writer(tmp_path))
    figures.compare(opened, Unit("h2", 1))
    assert (
        f"Not defined for this model: {ClampedGibbs.title}, {EvidenceSampling.title}. Methods that need training images"
        in legends[1]
    )
    assert "Strongest filters: number" in legends[1]
