"""dbnvis.system.files and dbnvis.results: whole files or none, and manifests that tell how a file came about."""

import errno
import hashlib
import json
import os
import platform
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pretend
import pytest

import dbnvis
from dbnvis import DBN, results
from dbnvis.backend import compiled, move
from dbnvis.results import Writer, array_hash, is_whole, listed, model_hash, save_artefact, versions
from dbnvis.system import files
from dbnvis.system.environment import computed_with, differences
from dbnvis.system.files import alone, replacing

FULL = OSError(errno.ENOSPC, "No space left on device")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o027, 0o640)])
def test_permissions_are_those_that_the_umask_leaves(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save_artefact(tmp_path / "f.png", write_text("p"), manifest={}, arrays={"x": np.ones(2)})
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(0o640)
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


# --- what killed processes leave behind


def killed(code, *args):
    """Run Python `code` until it says a line, kill it as the system does, and return the line."""
    with subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.readline()
        process.kill()
    return said


WRITES = """import sys, time; from dbnvis.system.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half"); print(temporary.name, flush=True); time.sleep(60)"""


def test_what_a_killed_process_left_is_swept_when_the_folder_is_next_written_and_never_listed(tmp_path):
    left = killed(WRITES, tmp_path / "a.png").strip()
    assert names(tmp_path) == [left] and listed(tmp_path, "*.png") == []
    save_artefact(tmp_path / "b.png", write_text("p"), manifest={})
    assert names(tmp_path) == ["b.json", "b.png"]


def test_temporary_files_of_living_processes_and_of_other_machines_are_left_alone(tmp_path, monkeypatch):
    user = tmp_path / ".hidden.png"
    user.write_text("the user's")
    os.utime(user, (0, 0))
    with replacing(tmp_path / "a.txt") as own, monkeypatch.context() as elsewhere:
        elsewhere.setattr(files.platform, "node", lambda: "elsewhere")
        elsewhere.setattr(files.os, "getpid", lambda: 2**22 + 1)  # no process here has this number
        with replacing(tmp_path / "b.txt") as other:
            elsewhere.undo()
            with replacing(tmp_path / "c.txt"):
                assert own.exists() and other.exists()
            os.utime(other, (0, 0))  # long ago
            with replacing(tmp_path / "c.txt"):
                assert own.exists() and not other.exists()
            other.write_text("b")
    assert names(tmp_path) == [".hidden.png", "a.txt", "b.txt", "c.txt"]


HOLDS = """import sys, time; from dbnvis.system.files import alone
with alone(sys.argv[1]):
    print("at work", flush=True); time.sleep(60)"""


def test_a_file_in_the_making_is_refused_to_others_until_its_process_ends_however_it_does(tmp_path):
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "new" / "m.npz")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        for _ in range(2):  # that it was asked for changes nothing
            said = rf"pid {process.pid}, since \d{{4}}-.*is at work on .*m\.npz; wait"
            with pytest.raises(OSError, match=said), alone(tmp_path / "new" / "m.npz"):
                pytest.fail("two at once")
        with alone(tmp_path / "new" / "other.npz"):
            pass
        assert listed(tmp_path / "new", "*") == []
        process.kill()
        process.wait()
    with alone(tmp_path / "new" / "m.npz"), alone(tmp_path / "new" / "m.npz"):  # and within itself
        assert names(tmp_path / "new") == [".m.npz.lock"]
    assert names(tmp_path / "new") == []


def test_a_lock_is_gone_after_an_error_and_a_folder_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(KeyError), alone(tmp_path / "m.npz"):
        raise KeyError
    assert names(tmp_path) == []
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OSError, match=r"cannot write to .*file: "), alone(tmp_path / "file" / "m.npz"):
        pytest.fail("the block must not run")


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
    assert saved.pop("files_sha256") == {name: sha256(tmp_path / "out" / name) for name in ("f.png", "f.npz")}
    assert saved == {"dataset": "tiny", "seed": 3, "settings": {"k": 2, "out": "x/y"}}
    with np.load(tmp_path / "out" / "f.npz", allow_pickle=False) as archive:
        assert sorted(archive.files) == ["a.images", "b"]
        assert array_hash(*(archive[name] for name in arrays)) == array_hash(*arrays.values())
    assert "arrays_sha256" not in manifest  # the caller's stays


ROWS = [{"unit": "h1:0", "score": 0.1, "tau": None}, {"unit": "conv1:0@3,4", "score": float(np.float32(0.1)), "tau": 2}]


def test_rows_are_a_table_beside_the_artefact_of_which_the_manifest_knows(tmp_path):
    written = save_artefact(tmp_path / "f.png", write_text("p"), manifest={"seed": 0}, rows=ROWS)
    assert [path.name for path in written] == ["f.png", "f.json", "f.csv"] and len(names(tmp_path)) == 3
    text = (tmp_path / "f.csv").read_text()
    assert text == 'unit,score,tau\nh1:0,0.1,\n"conv1:0@3,4",0.10000000149011612,2\n'
    manifest = json.loads((tmp_path / "f.json").read_text())
    assert manifest["files_sha256"] == {name: sha256(tmp_path / name) for name in ("f.png", "f.csv")}
    assert is_whole(tmp_path / "f.png")
    (tmp_path / "f.csv").write_text(text + "\n")
    assert not is_whole(tmp_path / "f.png")


def test_a_table_of_another_identity_stays_also_where_its_picture_is_gone(tmp_path):
    save_artefact(tmp_path / "f.png", write_text("p"), manifest={"seed": 0}, rows=ROWS)
    (tmp_path / "f.png").unlink()
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    with pytest.raises(ValueError, match=r"f\.csv is another one: its seed is 0, this one's is 1; --overwrite"):
        save_artefact(tmp_path / "f.png", write_text("p"), manifest={"seed": 1}, rows=ROWS)
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
    save_artefact(tmp_path / "f.png", write_text("p"), manifest={"seed": 0}, rows=ROWS)
    assert is_whole(tmp_path / "f.png")


@pytest.mark.parametrize("tabled", [True, False])
def test_a_writer_writes_rows_of_figures_where_it_is_to(tmp_path, tabled):
    from dbnvis import plot

    figure = plot.sheet([plot.Panel(np.zeros((1, 2, 2)), False, 1)], heading="a figure", caption="Nothing.")
    writer = Writer(tmp_path, tabled=tabled)
    writer.figure("f", figure, rows=ROWS, seed=0)
    assert ((tmp_path / "f.csv") in writer.written) == (tmp_path / "f.csv").exists() == tabled


def test_a_folder_that_cannot_be_written_is_known_before_any_work(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(ValueError, match=r"cannot write to .*f\.png: .*file is not a folder; give another folder"):
        Writer(tmp_path / "file").check(tmp_path / "file" / "below" / "f.png")
    Writer(tmp_path).check(tmp_path / "new" / "deeper" / "f.png")
    assert names(tmp_path) == ["file"]


def test_an_artefact_without_arrays_has_none(tmp_path):
    written = save_artefact(tmp_path / "t.csv", write_text("1,2"), manifest={"seed": 0})
    assert sorted(p.name for p in written) == names(tmp_path) == ["t.csv", "t.json"]
    assert json.loads((tmp_path / "t.json").read_text()) == {
        "seed": 0,
        "files_sha256": {"t.csv": hashlib.sha256(b"1,2").hexdigest()},
    }


@pytest.mark.parametrize("broken", ["write", "arrays", "rows", "manifest"])
@pytest.mark.parametrize("error", [FULL, KeyboardInterrupt()], ids=repr)
def test_an_artefact_that_breaks_off_leaves_what_stood_there_before(tmp_path, monkeypatch, broken, error):
    """All four files: a new picture beside old arrays would be a lie."""
    path = tmp_path / "f.png"
    save_artefact(path, write_text("old"), manifest={"seed": 0}, arrays={"x": np.zeros(3)}, rows=ROWS[:1])
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}

    def fail(*args, **keywords):
        raise error

    if broken == "arrays":
        monkeypatch.setattr(np, "savez_compressed", fail)
    if broken == "rows":
        monkeypatch.setattr(results, "write_csv", fail)
    if broken == "manifest":
        monkeypatch.setattr(json, "dumps", fail)
    write = fail if broken == "write" else write_text("new")
    with pytest.raises(type(error)):
        save_artefact(path, write, manifest={"seed": 1}, arrays={"x": np.ones(3)}, rows=ROWS, overwrite=True)
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


# --- sets of files, and those of others


def interrupted(monkeypatch, path, at, **changes):
    """Save an artefact of which `at` files are put in place before the process is stopped."""
    replace, done = Path.replace, []

    def stop(self, target):
        if len(done) == at:
            raise KeyboardInterrupt
        done.append(target)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            save_artefact(path, write_text("new"), manifest={"seed": 1}, arrays={"x": np.ones(3)}, **changes)


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize("existed", [True, False])
def test_a_torn_set_is_known_and_made_again_without_asking(tmp_path, monkeypatch, at, existed):
    path = tmp_path / "f.png"
    if existed:
        save_artefact(path, write_text("old"), manifest={"seed": 0}, arrays={"x": np.zeros(3)})
        assert is_whole(path)
    interrupted(monkeypatch, path, at, overwrite=True)
    assert is_whole(path) == (existed and at == 0)
    assert not [name for name in names(tmp_path) if name.startswith(".")]
    again = {"overwrite": True} if existed and at == 0 else {}
    save_artefact(path, write_text("new"), manifest={"seed": 1}, arrays={"x": np.ones(3)}, **again)
    assert is_whole(path)


TEARS = """import sys; from pathlib import Path; import numpy as np; from dbnvis.results import save_artefact
replace, at = Path.replace, []
def stop(self, target):
    if len(at) == int(sys.argv[2]): import time; print("now", flush=True); time.sleep(60)
    at.append(target); return replace(self, target)
Path.replace = stop
write = lambda path: path.write_text("new") and None
save_artefact(Path(sys.argv[1]), write, manifest={"seed": 0}, arrays={"x": np.ones(3)})"""


def test_a_process_killed_between_two_renames_leaves_a_set_that_is_known_as_torn(tmp_path):
    path = tmp_path / "f.png"
    save_artefact(path, write_text("old"), manifest={"seed": 0}, arrays={"x": np.zeros(3)})
    killed(TEARS, path, 1)
    assert path.read_text() == "new" and not is_whole(path)
    save_artefact(path, write_text("new"), manifest={"seed": 0}, arrays={"x": np.ones(3)})
    assert is_whole(path) and names(tmp_path) == ["f.json", "f.npz", "f.png"]


@pytest.mark.parametrize("name", ["f.png", "f.npz", "f.json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-1])])
def test_a_set_with_a_file_missing_or_changed_is_not_whole(tmp_path, name, damage):
    save_artefact(tmp_path / "f.png", write_text("p"), manifest={"seed": 0}, arrays={"x": np.ones(2)})
    damage(tmp_path / name)
    if (tmp_path / "f.json").exists() and name == "f.json":
        (tmp_path / name).write_text((tmp_path / name).read_text()[:-3])
    assert not is_whole(tmp_path / "f.png")


MANIFEST = {
    "artefact": "f.png",
    "dataset": "digits",
    "model": "a",
    "seed": 0,
    "model_sha256": "ab",
    "data_sha256": "cd",
    "settings": {"pictures": {"starts": 9, "k": None}},
    "seconds": 3.5,
    "versions": {"numpy": "1"},
}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"seed": 1}, "its seed is 0, this one's is 1"),
        ({"model_sha256": "ac"}, "model_sha256"),
        ({"data_sha256": "ce"}, "data_sha256"),
        ({"dataset": "mnist"}, "dataset"),
        ({"settings": {"pictures": {"starts": 3, "k": None}}}, r"its settings\.pictures\.starts is 9"),
        ({"settings": {"pictures": {"starts": 9, "k": 5}}}, r"settings\.pictures\.k is none"),
    ],
)
def test_an_artefact_of_another_identity_is_replaced_only_when_asked(tmp_path, change, named):
    path = tmp_path / "f.png"
    save_artefact(path, write_text("old"), manifest=MANIFEST, arrays={"x": np.zeros(3)})
    before = {name: (tmp_path / name).read_bytes() for name in names(tmp_path)}
    with pytest.raises(ValueError, match=rf"f\.png is another one: .*{named}.*--overwrite.*--out"):
        save_artefact(path, write_text("new"), manifest={**MANIFEST, **change}, arrays={"x": np.ones(3)})
    assert {name: (tmp_path / name).read_bytes() for name in names(tmp_path)} == before
    (tmp_path / "f.npz").unlink()  # as in a checkout, where arrays are not kept
    with pytest.raises(ValueError, match="is another one"):
        save_artefact(path, write_text("new"), manifest={**MANIFEST, **change}, arrays={"x": np.ones(3)})
    save_artefact(path, write_text("new"), manifest={**MANIFEST, **change}, arrays={"x": np.ones(3)}, overwrite=True)
    assert path.read_text() == "new" and is_whole(path)


@pytest.mark.parametrize(
    "change",
    [{}, {"seconds": 1.0}, {"versions": {}}, {"model": "b"}, {"command": "another"}, {"machine": "another"}],
)
def test_an_artefact_of_the_same_identity_is_made_again(tmp_path, change):
    save_artefact(tmp_path / "f.png", write_text("old"), manifest=MANIFEST)
    save_artefact(tmp_path / "f.png", write_text("new"), manifest={**MANIFEST, **change})
    assert (tmp_path / "f.png").read_text() == "new"


@pytest.mark.parametrize("manifest", ["[1, 2]", "{", '{"files_sha256": 3}', '{"files_sha256": {"../x": "y"}}', "{}"])
def test_a_manifest_that_says_nothing_neither_vouches_nor_forbids(tmp_path, manifest):
    (tmp_path / "f.png").write_text("p")
    (tmp_path / "f.json").write_text(manifest)
    assert not is_whole(tmp_path / "f.png")
    save_artefact(tmp_path / "f.png", write_text("new"), manifest=MANIFEST)
    assert is_whole(tmp_path / "f.png")


# --- what a manifest does not know


@pytest.mark.parametrize(
    ("found", "new", "refused"),
    [
        ({"data_sha256": "a", "settings": {}}, {"data_sha256": None, "settings": {}}, True),
        ({"data_sha256": None, "settings": {}}, {"data_sha256": "a", "settings": {}}, False),
        ({"settings": {"am": {"starts": 9}, "top": {"k": 9}}}, {"settings": {"am": {"starts": 9}}}, True),
        ({"settings": {"am": {"starts": 9}}}, {"settings": {"am": {"starts": 9}, "unwhiten": True}}, True),
        ({"settings": {"am": {"starts": 9}}}, {"settings": {"am": {"starts": 9}}, "command": "other"}, False),
    ],
)
def test_a_fuller_artefact_is_not_replaced_by_a_poorer_one(tmp_path, found, new, refused):
    def write(path):
        path.write_text("picture")

    save_artefact(tmp_path / "a.png", write, manifest=found)
    if refused:
        with pytest.raises(ValueError, match=r"a\.png is another one: its .*; --overwrite replaces it"):
            save_artefact(tmp_path / "a.png", write, manifest=new)
    save_artefact(tmp_path / "a.png", write, manifest=new, overwrite=refused)


def test_what_was_drawn_without_data_is_replaced_once_they_are_there(tmp_path):
    """The same model and seed; methods that need images, and settings that follow from them, join."""
    manifest = {"model_sha256": "m", "seed": 0, "data_sha256": None, "settings": {"gibbs": {"diagnose": False}}}
    fuller = {**manifest, "data_sha256": "d", "settings": {"gibbs": {"diagnose": True}, "top": {"k": 9}}}
    save_artefact(tmp_path / "a.png", lambda path: path.write_text("poor"), manifest=manifest)
    with pytest.raises(ValueError, match="its seed is 0, this one's is 1"):
        save_artefact(tmp_path / "a.png", lambda path: path.write_text("other"), manifest={**fuller, "seed": 1})
    save_artefact(tmp_path / "a.png", lambda path: path.write_text("full"), manifest=fuller)
    assert (tmp_path / "a.png").read_text() == "full"
    with pytest.raises(ValueError, match="its data_sha256 is d, this one's is none"):
        save_artefact(tmp_path / "a.png", lambda path: path.write_text("poor"), manifest=manifest)


def test_every_copy_of_a_writer_measures_its_own_time(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(results.time, "perf_counter", lambda: now[0])
    writer = Writer(tmp_path, entry="a", command="dbnvis figure a")
    now[0] = 107.0
    other = replace(writer, entry="b")
    now[0] = 109.0
    other.table("b", [{"x": 1}], seed=3)
    manifest = json.loads((tmp_path / "b.json").read_text())
    assert manifest["seconds"] == 2.0
    assert (manifest["figure"], manifest["command"], manifest["seed"]) == ("b", "dbnvis figure a", 3)
    assert writer.written == other.written == [tmp_path / "b.csv", tmp_path / "b.json"]


def test_a_writer_replaces_no_other_artefact_unless_asked(tmp_path):
    Writer(tmp_path, tables="tables").table("a", [{"x": 1}], seed=3)
    before = (tmp_path / "tables" / "a.csv").read_bytes()
    other = Writer(tmp_path, tables="tables")
    for refuse in (lambda: other.check(other.sheet("a"), seed=4), lambda: other.table("a", [{"x": 2}], seed=4)):
        with pytest.raises(ValueError, match="its seed is 3, this one's is 4"):
            refuse()
    assert (tmp_path / "tables" / "a.csv").read_bytes() == before
    Writer(tmp_path, tables="tables", overwrite=True).table("a", [{"x": 2}], seed=4)
    assert (tmp_path / "tables" / "a.csv").read_bytes() != before
