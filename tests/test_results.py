"""dbnvis.files and dbnvis.results: whole files or none, and manifests that tell how a file came about."""

import errno
import hashlib
import json
import os
import platform
import stat
from pathlib import Path

import matplotlib
import numpy as np
import pretend
import pytest

import dbnvis
from dbnvis import DBN
from dbnvis.backend import compiled, move
from dbnvis.environment import computed_with, differences
from dbnvis.files import replacing
from dbnvis.results import array_hash, model_hash, save_artefact, versions

FULL = OSError(errno.ENOSPC, "No space left on device")


def names(folder):
    return sorted(p.name for p in folder.iterdir())


# --- replacing


def test_the_file_appears_when_the_block_ends_and_not_before(tmp_path):
    path = tmp_path / "new" / "deeper" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("content")
        assert not path.exists()
        assert temporary.parent == path.parent  # the same file system, so that the rename is atomic
        assert temporary.suffix == ".txt"
    assert path.read_text() == "content"
    assert names(path.parent) == ["a.txt"]


def test_the_old_file_stays_whole_until_it_is_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_the_file_is_readable_by_others(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("content")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) & 0o444 == 0o444


@pytest.mark.parametrize("error", [ValueError("wrong"), FULL, KeyboardInterrupt(), SystemExit(1)], ids=repr)
@pytest.mark.parametrize("existed", [True, False])
def test_an_error_leaves_nothing_behind(tmp_path, error, existed):
    path = tmp_path / "a.txt"
    if existed:
        path.write_text("old")

    def break_off():
        with replacing(path) as temporary:
            temporary.write_text("ne")
            raise error

    with pytest.raises(type(error)):
        break_off()
    assert names(tmp_path) == (["a.txt"] if existed else [])
    if existed:
        assert path.read_text() == "old"


def test_a_rename_that_fails_leaves_nothing_behind(tmp_path):
    (tmp_path / "a.txt").mkdir()  # a folder is in the way
    with pytest.raises(OSError), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("content")
    assert names(tmp_path) == ["a.txt"]


def test_a_folder_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OSError), replacing(tmp_path / "file" / "a.txt"):
        pytest.fail("the block must not run")
    assert (tmp_path / "file").read_text() == "precious"


def test_two_writers_do_not_meet(tmp_path):
    path = tmp_path / "a.txt"
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"
    assert names(tmp_path) == ["a.txt"]


# --- hashes and versions


def test_array_hash_is_sha256_of_shape_type_and_bytes():
    x = np.arange(6, dtype="<f4").reshape(2, 3)
    expected = hashlib.sha256(b"(2, 3)<f4" + x.tobytes()).hexdigest()
    assert array_hash(x) == expected == array_hash(move(x, pretend)) == array_hash(np.asfortranarray(x))
    different = [x.reshape(3, 2), x.astype("f8"), x + 1, -x]
    assert len({array_hash(y) for y in different} | {expected}) == 5
    assert array_hash(x, x) != array_hash(x)


def test_model_hash_sees_every_parameter():
    hashes = set()
    for changed in (None, (0, "W"), (0, "vbias"), (1, "hbias"), (1, "W")):
        model = DBN.random((6, 4, 3), (2, 3), rng=np.random.default_rng(0))
        if changed is not None:
            model.rbms[changed[0]].params()[changed[1]].reshape(-1)[0] += 1e-3
        hashes.add(model_hash(model))
    assert len(hashes) == 5
    again = DBN.random((6, 4, 3), (2, 3), rng=np.random.default_rng(0))
    assert model_hash(again) in hashes


def test_model_hash_sees_the_variance_of_gaussian_pixels_but_not_1():
    """Binary models, and those whose variance is 1, keep the hash that their results cite."""
    hashes = set()
    for variance in (1, 0.1, 0.2, 1.0):
        rng = np.random.default_rng(0)
        hashes.add(model_hash(DBN.random((6, 4, 3), (2, 3), rng=rng, variance=variance, input_range=(-5, 5))))
    assert len(hashes) == 3
    model = DBN.random((6, 4, 3), (2, 3), rng=np.random.default_rng(0))
    parameters_alone = array_hash(*(x for rbm in model.rbms for x in rbm.params().values()))
    assert model_hash(model) == parameters_alone
    for part in model.rbms:
        part.W[...] = 0
    gaussian = DBN.random((6, 4, 3), (2, 3), rng=np.random.default_rng(0), variance=1)
    for part in gaussian.rbms:
        part.W[...] = 0
    assert model_hash(gaussian) == model_hash(model)


def test_versions_are_those_installed():
    found = versions("numpy")
    assert found["dbnvis"] == dbnvis.__version__
    assert found["numpy"] == np.__version__
    assert found["matplotlib"] == matplotlib.__version__
    assert found["python"] == platform.python_version()
    assert platform.machine() in found["device"]
    assert found.items() >= computed_with("numpy").items()


def test_differences_are_said_in_a_line_and_nothing_where_nothing_is_known():
    now = computed_with("numpy")
    assert differences(now, now) == differences({}, now) == ""
    assert differences(now | {"blas": "mkl 1"}, now) == f"blas mkl 1, now {now['blas']}"
    assert differences({"numpy": "1", "cupy": "2"}, {"numpy": "1", "blas": "x"}) == "cupy 2, now none; blas none, now x"


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_and_numba_are_part_of_what_computed(threads, monkeypatch):
    from threadpoolctl import threadpool_limits

    with threadpool_limits(threads, user_api="blas"):
        found = computed_with("numpy")
    assert f"{threads} threads" in found["blas"] or not found["blas"]
    monkeypatch.setattr(compiled, "status", lambda: (False, "numba cannot be imported (No module)"))
    assert computed_with("numpy")["compiled kernels"] == "none"


# --- artefacts


def write_text(text):
    return lambda path: path.write_text(text) and None


def test_an_artefact_has_its_manifest_and_its_arrays_beside_it(tmp_path):
    arrays = {"a.images": np.arange(6.0).reshape(2, 3), "b": move(np.ones(3, dtype="float32"), pretend)}
    manifest = {"dataset": "tiny", "seed": 3, "settings": {"k": 2, "out": Path("x/y")}}
    written = save_artefact(tmp_path / "out" / "f.png", write_text("picture"), manifest=manifest, arrays=arrays)
    assert sorted(p.name for p in written) == names(tmp_path / "out") == ["f.json", "f.npz", "f.png"]
    assert written[0] == tmp_path / "out" / "f.png"
    assert written[0].read_text() == "picture"
    saved = json.loads((tmp_path / "out" / "f.json").read_text())
    assert saved.pop("arrays_sha256") == array_hash(*arrays.values())
    assert saved == {"dataset": "tiny", "seed": 3, "settings": {"k": 2, "out": "x/y"}}
    with np.load(tmp_path / "out" / "f.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["a.images", "b"]
        assert array_hash(*(archive[name] for name in arrays)) == array_hash(*arrays.values())
    assert "arrays_sha256" not in manifest  # the caller's stays


def test_an_artefact_without_arrays_has_none(tmp_path):
    written = save_artefact(tmp_path / "t.csv", write_text("1,2"), manifest={"seed": 0})
    assert sorted(p.name for p in written) == names(tmp_path) == ["t.csv", "t.json"]
    assert json.loads((tmp_path / "t.json").read_text()) == {"seed": 0}


@pytest.mark.parametrize("broken", ["write", "arrays", "manifest"])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=repr)
def test_an_artefact_that_breaks_off_leaves_what_stood_there_before(tmp_path, monkeypatch, broken, error):
    """All three files: a new picture beside old arrays would be a lie."""
    path = tmp_path / "f.png"
    save_artefact(path, write_text("old"), manifest={"seed": 0}, arrays={"x": np.zeros(3)})
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def fail(*args, **keywords):
        raise error

    if broken == "arrays":
        monkeypatch.setattr(np, "savez_compressed", fail)
    if broken == "manifest":
        monkeypatch.setattr(json, "dumps", fail)
    write = fail if broken == "write" else write_text("new")
    with pytest.raises(type(error)):
        save_artefact(path, write, manifest={"seed": 1}, arrays={"x": np.ones(3)})
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before


def test_the_same_arrays_give_the_same_bytes(tmp_path):
    for folder in ("a", "b"):
        save_artefact(tmp_path / folder / "f.png", write_text("p"), manifest={"seed": 0}, arrays={"x": np.arange(500)})
    for name in ("f.npz", "f.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_nothing_is_written_to_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    save_artefact(tmp_path / "f.png", write_text("p"), manifest={}, arrays={"x": np.ones(2)})
    assert os.listdir() == []
