"""dbnvis.runs.stacks: from a data set to a trained model and its figures, on a model that trains in milliseconds."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
from filelock import FileLock, Timeout
from tiny_runs import CONFIG, DENOISING, HIDDEN, Stop, arrays_of, real_valued, tiny, train

from dbnvis import (
    RBM,
    DenoisingConfig,
    GaussianRBM,
    StackedDAE,
    checkpoint,
    results,
)
from dbnvis.evaluate.scores import pre_activations, rescale
from dbnvis.figures.opening import open_study
from dbnvis.results import model_hash
from dbnvis.runs import run as runs
from dbnvis.runs import stacks as session
from dbnvis.train import EpochStats, TrainingDiverged


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return train(tmp_path_factory.mktemp("trained"))


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


def test_real_valued_data_get_a_lowest_layer_of_their_own(tmp_path):
    data, still = real_valued(), replace(CONFIG, epochs=1, learning_rate=1e-4, variance=0.3)
    dbn = checkpoint.load(train(tmp_path / "dbn", data=data, config=still), xp=np).model
    assert [type(rbm) for rbm in dbn.rbms] == [GaussianRBM, RBM, RBM]
    assert dbn.rbms[0].variance == 0.3
    sdae = checkpoint.load(train(tmp_path / "sdae", data=data, config=replace(DENOISING, epochs=1)), xp=np).model
    assert [dae.linear for dae in sdae.daes] == [True, False, False]
    assert dbn.input_range == sdae.input_range == (-1.0, 1.0)


# --- whitened data


# --- opening


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


# --- pictures and captions


# --- figures


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
