"""dbnvis.checkpoint: round trips, and files that must be refused."""

import errno
import io
import json
import os
import pickle
from dataclasses import asdict

import numpy as np
import pytest

from dbnvis import DAE, DBN, RBM, GaussianRBM, StackedDAE, checkpoint
from dbnvis.backend import move, to_numpy
from dbnvis.checkpoint import CheckpointError
from dbnvis.train import EpochStats

STATS = EpochStats("h1", 1, 2.5, -0.5, 0, 0, 1, 0.75, 0.05, 0.1, 3.0)


def random_dbn(xp=np, dtype="float32", bottom=RBM, seed=0):
    rng = np.random.default_rng(seed)
    rbms = [
        cls(*(move(rng.standard_normal(shape).astype(dtype), xp) for shape in ((n, m), (n,), (m,))))
        for cls, n, m in ((bottom, 12, 8), (RBM, 8, 5))
    ]
    return DBN(rbms, (3, 4), input_range=(-1.0, 2.0), input_norm=2.5)


def random_sdae(xp=np, dtype="float32"):
    """Untied and linear at the bottom, tied above."""
    rng = np.random.default_rng(0)

    def arrays(*shapes):
        return [move(rng.standard_normal(shape).astype(dtype), xp) for shape in shapes]

    bottom = DAE(*arrays((12, 8), (12,), (8,), (8, 12)), linear=True)
    return StackedDAE([bottom, DAE(*arrays((8, 5), (8,), (5,)))], (3, 4), input_range=(-1.0, 2.0), input_norm=2.5)


def saved(path, model=None, **keywords):
    checkpoint.save(path, model or random_dbn(), **({"config": {"epochs": 3}, "seed": 7} | keywords))
    return path


def contents(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def rewrite(path, *, header=None, drop=(), **arrays):
    """The same file with another header (a function of the old one), without or with other arrays."""
    stored = {name: x for name, x in contents(path).items() if name not in drop} | arrays
    if header is not None:
        new = header(json.loads(bytes(stored["header"])))
        stored["header"] = np.frombuffer(json.dumps(new).encode(), dtype=np.uint8)
    np.savez(path, **stored)
    return path


def assert_same_model(a, b):
    assert [type(rbm) for rbm in a.rbms] == [type(rbm) for rbm in b.rbms]
    for one, other in zip(a.rbms, b.rbms, strict=True):
        for name, x in one.params().items():
            y = other.params()[name]
            assert x.dtype == y.dtype
            assert to_numpy(x).tobytes() == to_numpy(y).tobytes(), name
    for name in ("input_shape", "input_range", "input_norm"):
        assert getattr(a, name) == getattr(b, name), name


# --- round trips


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("bottom", [RBM, GaussianRBM])
def test_a_round_trip_keeps_every_bit(xp, tmp_path, dtype, bottom):
    model = random_dbn(xp, dtype, bottom)
    arrays = {"chains": move(np.arange(6, dtype=dtype).reshape(2, 3), xp), "rows": move(np.arange(4), xp)}
    info = {"dataset": "mnist", "history": [asdict(STATS)], "pi": 3.141592653589793}
    path = tmp_path / "new" / "folder" / "model.npz"
    saved(path, model, info=info, arrays=arrays)
    got = checkpoint.load(path, xp=xp)
    assert_same_model(got.model, model)
    assert (got.config, got.seed, got.info) == ({"epochs": 3}, 7, info)
    assert got.arrays.keys() == arrays.keys()
    for name, x in arrays.items():
        assert type(got.arrays[name]) is type(x)
        assert got.arrays[name].dtype == x.dtype
        np.testing.assert_array_equal(to_numpy(got.arrays[name]), to_numpy(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_autoencoders_come_back_tied_or_not_and_linear_or_not(xp, tmp_path, dtype):
    model = random_sdae(xp, dtype)
    got = checkpoint.load(saved(tmp_path / "m.npz", model), xp=xp).model
    assert [(dae.tied, dae.linear) for dae in got.daes] == [(False, True), (True, False)]
    for one, other in zip(got.daes, model.daes, strict=True):
        assert one.params().keys() == other.params().keys()
        for name, x in one.params().items():
            assert x.dtype == other.params()[name].dtype
            assert to_numpy(x).tobytes() == to_numpy(other.params()[name]).tobytes(), name
    for name in ("input_shape", "input_range", "input_norm"):
        assert getattr(got, name) == getattr(model, name), name


def test_autoencoders_in_float16_are_rounded_once(tmp_path):
    model = random_sdae()
    got = checkpoint.load(saved(tmp_path / "m.npz", model, dtype="float16"), xp=np).model
    for one, other in zip(got.daes, model.daes, strict=True):
        for name, x in one.params().items():
            assert x.dtype == np.float32
            np.testing.assert_array_equal(x, other.params()[name].astype(np.float16).astype(np.float32))


def test_the_variance_of_gaussian_units_is_kept_and_1_where_none_was_written(tmp_path):
    model = random_dbn(bottom=GaussianRBM)
    model.rbms[0].variance = 0.05
    path = saved(tmp_path / "m.npz", model)
    assert checkpoint.load(path, xp=np).model.rbms[0].variance == 0.05
    rewrite(path, header=lambda h: {k: v for k, v in h.items() if k != "variances"})
    assert checkpoint.load(path, xp=np).model.rbms[0].variance == 1


def test_a_model_moves_between_devices(tmp_path):
    import pretend

    path = saved(tmp_path / "model.npz", random_dbn(pretend))
    assert_same_model(checkpoint.load(path, xp=np).model, random_dbn())


def test_a_model_that_does_not_know_its_norm_comes_back_not_knowing_it(tmp_path):
    model = random_dbn()
    model.input_norm = None
    assert checkpoint.load(saved(tmp_path / "m.npz", model), xp=np).model.input_norm is None


def test_float16_halves_the_file_and_rounds_once(tmp_path):
    model = DBN([RBM.random(200, 300, rng=np.random.default_rng(0))], (10, 20), input_norm=1.0)
    rows = np.arange(70_000)
    full = saved(tmp_path / "full.npz", model, arrays={"rows": rows})
    half = saved(tmp_path / "half.npz", model, arrays={"rows": rows}, dtype="float16")
    loaded = checkpoint.load(half, xp=np)
    W = loaded.model.rbms[0].W
    assert W.dtype == np.float32
    np.testing.assert_array_equal(W, model.rbms[0].W.astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(loaded.arrays["rows"], rows)  # integers are not rounded
    assert full.stat().st_size - half.stat().st_size == pytest.approx(2 * W.size, rel=0.05)
    assert model.rbms[0].W.dtype == np.float32  # the live model stays


def test_saving_leaves_the_live_model_alone_and_replaces_the_old_file(xp, tmp_path):
    model = random_dbn(xp)
    path = saved(tmp_path / "model.npz", model)
    assert_same_model(model, random_dbn(xp))
    saved(path, random_dbn(xp, seed=1))
    assert_same_model(checkpoint.load(path, xp=xp).model, random_dbn(xp, seed=1))
    assert [p.name for p in tmp_path.iterdir()] == ["model.npz"]


def test_the_file_is_readable_without_pickle(tmp_path):
    with np.load(saved(tmp_path / "m.npz", arrays={"x": np.ones(3)}), allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind in "fiu" for name in archive.files)


# --- files that are refused


def refused(path, match):
    with pytest.raises(CheckpointError, match=match) as error:
        checkpoint.load(path, xp=np)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*nothing\.npz"):
        checkpoint.load(tmp_path / "nothing.npz", xp=np)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.load(tmp_path, xp=np)  # a folder


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.9, 0.999])
def test_a_truncated_file(tmp_path, share):
    path = saved(tmp_path / "m.npz")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "damaged|no checkpoint")


def test_a_file_with_flipped_bytes(tmp_path):
    path = saved(tmp_path / "m.npz")
    content = bytearray(path.read_bytes())
    at = content.index(to_numpy(random_dbn().rbms[0].W).tobytes())
    content[at + 40] ^= 0xFF
    path.write_bytes(content)
    refused(path, r"damaged.*train again or take another copy")


@pytest.mark.parametrize(
    "content", [b"this is a text file\n", bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(50)], ids=["text", "zeros", "png"]
)
def test_something_else_altogether(tmp_path, content):
    """It says so, and does not claim that the file holds pickled objects."""
    path = tmp_path / "m.npz"
    path.write_bytes(content)
    refused(path, "no checkpoint")
    with pytest.raises(CheckpointError) as error:
        checkpoint.load(path, xp=np)
    assert "pickle" not in str(error.value)


def test_a_single_array_file(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    (tmp_path / "m.npz").write_bytes(buffer.getvalue())
    refused(tmp_path / "m.npz", "damaged|no checkpoint")


def test_an_archive_of_other_arrays(tmp_path):
    np.savez(tmp_path / "m.npz", x=np.ones(3))
    refused(tmp_path / "m.npz", "no dbnvis checkpoint: it has no header")


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("exploded",))


@pytest.mark.parametrize("kind", ["in the archive", "bare"])
def test_pickled_objects_are_never_loaded(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path / "m.npz")
    if kind == "bare":
        path.write_bytes(pickle.dumps(Bomb()))
        refused(path, "never loaded|no checkpoint")
    else:
        rewrite(path, **{"extra.history": np.array([Bomb()], dtype=object)})
        refused(path, "holds pickled objects, which are never loaded")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("version", [0, 2, None, "1"])
def test_another_format_version(tmp_path, version):
    path = rewrite(saved(tmp_path / "m.npz"), header=lambda h: h | {"format": version})
    refused(path, rf"has checkpoint format {version}, this version reads format 1; train again or use")


@pytest.mark.parametrize("header", [[], "text", 3, None])
def test_a_header_that_is_no_table(tmp_path, header):
    refused(rewrite(saved(tmp_path / "m.npz"), header=lambda h: header), "no dbnvis checkpoint|format|header")


def test_a_header_that_is_no_json(tmp_path):
    path = saved(tmp_path / "m.npz")
    np.savez(path, **(contents(path) | {"header": np.frombuffer(b"{not json", dtype=np.uint8)}))
    refused(path, "no dbnvis checkpoint")


@pytest.mark.parametrize("key", ["rbms", "dtype", "input_shape", "input_range", "input_norm", "config", "seed", "info"])
def test_a_header_that_lacks_something(tmp_path, key):
    path = rewrite(saved(tmp_path / "m.npz"), header=lambda h: {k: v for k, v in h.items() if k != key})
    refused(path, "does not hold the model its header describes|no dbnvis checkpoint")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"rbm0.W": np.ones((11, 8))}, "expected W"),
        ({"rbm1.hbias": np.ones(4)}, "expected W"),
        ({"rbm1.W": np.ones((9, 5)), "rbm1.vbias": np.ones(9)}, "RBM 1 has 8 hidden units, RBM 2 has 9 visible"),
        ({"rbm0.W": np.ones(12)}, "expected W"),
    ],
)
def test_arrays_of_other_shapes(tmp_path, changes, match):
    refused(rewrite(saved(tmp_path / "m.npz"), **changes), rf"does not hold the model its header describes: .*{match}")


def test_an_input_shape_of_another_size(tmp_path):
    path = rewrite(saved(tmp_path / "m.npz"), header=lambda h: h | {"input_shape": [28, 28]})
    refused(path, "images of shape .28, 28. have 784 pixels, the lowest RBM has 12")


def test_a_missing_array_and_an_unknown_kind_of_rbm(tmp_path):
    refused(rewrite(saved(tmp_path / "a.npz"), drop=["rbm1.vbias"]), r"does not hold the model.*rbm1\.vbias")
    path = rewrite(saved(tmp_path / "b.npz"), header=lambda h: h | {"rbms": ["RBM", "os.system"]})
    refused(path, r"does not hold the model.*os\.system")


@pytest.mark.parametrize(
    ("drop", "changes", "header", "match"),
    [
        (["dae0.decoder"], {}, None, r"dae0\.decoder"),
        ([], {"dae0.decoder": np.ones((12, 8))}, None, r"expected a decoder \(H, V\)"),
        ([], {}, lambda h: h | {"daes": [{"tied": True}]}, "linear"),
        ([], {}, lambda h: h | {"daes": h["daes"][:1] * 2}, r"dae1\.decoder"),
        ([], {}, lambda h: {k: v for k, v in h.items() if k != "daes"}, "daes"),
    ],
)
def test_damaged_autoencoders(tmp_path, drop, changes, header, match):
    path = rewrite(saved(tmp_path / "m.npz", random_sdae()), header=header, drop=drop, **changes)
    refused(path, rf"does not hold the model its header describes: .*{match}")


def spoiled(path, name, value):
    """The file with the last number of one of its arrays replaced, as no save would write it."""
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays[name].reshape(-1)[-1] = value
    np.savez(path, **arrays)
    return path


def test_autoencoders_that_are_not_finite(tmp_path):
    path = saved(tmp_path / "m.npz", random_sdae())
    refused(spoiled(path, "dae0.decoder", np.nan), "decoder of autoencoder 1 holds NaN or infinite values")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["W", "vbias", "hbias"])
def test_parameters_that_are_not_finite(tmp_path, bad, name):
    path = saved(tmp_path / "m.npz", random_dbn())
    refused(spoiled(path, f"rbm1.{name}", bad), rf"{name} of RBM 2 holds NaN or infinite values")


# --- saving that fails


def test_a_folder_that_cannot_be_made(tmp_path):
    """A regular file is where the folder should be (as root, permissions stop nobody)."""
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OSError):
        saved(tmp_path / "file" / "m.npz")
    assert (tmp_path / "file").read_text() == "precious"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_save_that_breaks_off_midway_leaves_the_old_file(tmp_path, monkeypatch, error):
    path = saved(tmp_path / "m.npz")
    before = path.read_bytes()
    whole = np.savez

    def half(file, **arrays):
        whole(file, **dict(list(arrays.items())[:3]))
        raise error

    monkeypatch.setattr(np, "savez", half)
    with pytest.raises(type(error)):
        saved(path, random_dbn(seed=1))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]
    assert_same_model(checkpoint.load(path, xp=np).model, random_dbn())


def test_values_json_cannot_hold_leave_the_old_file(tmp_path):
    path = saved(tmp_path / "m.npz")
    with pytest.raises(TypeError):
        saved(path, random_dbn(seed=1), info={"dataset": object()})
    assert_same_model(checkpoint.load(path, xp=np).model, random_dbn())
    assert [p.name for p in tmp_path.iterdir()] == ["m.npz"]
