"""dbnvis.checkpoint: whatever a file holds, a model that works or a refusal in one line, and no memory taken before."""

import copy
import io
import itertools
import json
import struct
import tracemalloc
import warnings
import zipfile
from dataclasses import asdict

import numpy as np
import pytest

from dbnvis import DAE, DBN, RBM, GaussianRBM, StackedDAE, checkpoint
from dbnvis.checkpoint import CheckpointError, archive
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM, GaussianConvRBM
from dbnvis.models.convnet import ConvNet
from dbnvis.models.convolution import Channels, Conv2D, ReLU
from dbnvis.models.layers import Dense, Flatten, Identity, Network, Sigmoid, Softmax
from dbnvis.models.mlp import MLP
from dbnvis.models.spatial import SpatialNetwork
from dbnvis.models.subsampling import MaxPool2D
from dbnvis.train import EpochStats
from dbnvis.train.backprop import BackpropStats

STATS = asdict(EpochStats("h1", 1, 2.5, float("nan"), 0, 0, 1, 0.75, 0.05, 0.1))
TUNING = asdict(BackpropStats(1, 0.5, float("nan"), float("nan"), 0.01, 3.0))


def a(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype("float32")


def dbn():
    return DBN([GaussianRBM(a(12, 8), a(12), a(8), variance=0.5), RBM(a(8, 5), a(8), a(5))], (3, 4), (-2.0, 2.0), 2.5)


def sdae():
    return StackedDAE([DAE(a(12, 8), a(12), a(8), a(8, 12), True), DAE(a(8, 5), a(8), a(5))], (3, 4), input_norm=1.0)


def mlp():
    layers = {"input": Flatten((3, 4)), "h1.pre": Dense(a(12, 4), a(4)), "h1": Sigmoid()}
    layers |= {"code.pre": Dense(a(4, 2), a(2)), "code": Identity(), "output.pre": Dense(a(2, 3), a(3))}
    return MLP(Network({**layers, "output": Softmax()}), (3, 4), input_norm=3.0)


def convnet():
    layers = {"input": Channels((6, 7)), "conv1.pre": Conv2D(a(2, 1, 3, 3), a(2), padding=1), "conv1": ReLU()}
    layers |= {"pool1": MaxPool2D(), "flat": Flatten((2, 3, 3)), "output.pre": Dense(a(18, 3), a(3))}
    return ConvNet(SpatialNetwork({**layers, "output": Softmax()}), (6, 7), input_norm=3.0)


def conv_dbn():
    lowest = GaussianConvRBM(a(3, 1, 3, 3), a(1), a(3), pool=2, variance=0.2)
    return ConvDBN([lowest, ConvRBM(a(2, 3, 2, 2), a(3), a(2), pool=1)], (10, 10), (-np.inf, np.inf), 3.5)


FAMILIES = [dbn, sdae, mlp, convnet, conv_dbn]


def saved(path, make=dbn, **keywords):
    """As a training leaves it, with all that a header may say."""
    model = make()
    info = {"dataset": "digits", "data_sha256": "ab" * 32, "epoch": 1}
    info |= {"tuning": [TUNING]} if make in (mlp, convnet) else {"history": [STATS], "layers_done": 1}
    config = {"hidden": [8, 5], "epochs": 3, "optimizer": "adam", "layers": [{"epochs": 1}, {"epochs": 2}]}
    chosen = {"config": config, "seed": 7, "info": info, "arrays": {"chains": a(4, 5)}} | keywords
    checkpoint.save(path, model, **chosen)
    return path


def parts(path):
    with np.load(path) as file:
        stored = {name: file[name] for name in file.files}
    return json.loads(bytes(stored.pop("header"))), stored


def outcome(monkeypatch, path, header, arrays):
    """ "works", or the refusal of a file that holds this; anything else is raised."""
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    monkeypatch.setattr(archive, "read", lambda path: {"header": text, **arrays})
    return tried(path)


def tried(path):
    try:
        found = checkpoint.load(path, xp=np)
    except CheckpointError as error:
        said = str(error).replace(str(path), "PATH")
        assert "\n" not in said and len(said) < 400, said
        return said
    image = np.zeros((1, *found.model.input_shape), found.model.dtype)
    with np.errstate(all="ignore"):
        for layer in found.model.layer_names:
            assert found.model.encode(image, layer).shape == (1, *found.model.layer_shape(layer))
    assert all(np.isfinite(x).all() for x in found.arrays.values())
    for cls, name in ((EpochStats, "history"), (BackpropStats, "tuning")):
        assert all(cls(**stats) for stats in found.info.get(name, []))
    assert found.seed >= 0 and found.info.get("epoch", 0) >= 0
    assert set(map(type, found.info)) <= {str}
    return "works"


# --- headers


def places(value, at=()):
    """Every place in a header, the inner ones included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*at, key)
        yield from places(item, (*at, key))


def deep(n):
    value = 0
    for _ in range(n):
        value = [value]
    return value


ODD = [None, True, False, -1, 0, 1, 2, 3, 1.5, -0.0, float("nan"), float("inf"), 1e308, 1e-320, 2**31, 10**30]
ODD += ["", "x", "..", "../../etc/passwd", "\x1b[31m", "DBN", "float16", "float64", "object", "a\nb", "x" * 5000]
ODD += [[], {}, [[]], [{}], [1], [1, 2, 3, 4], [None], ["x"], {"x": 1}, {"": []}, {"tied": 1}, deep(30), deep(900)]


def variants(header, wanted):
    """The header with every place changed in every way, one at a time; it is as it was at the end."""
    for place in list(places(header)):
        inner, key = header, place[-1]
        for step in place[:-1]:
            inner = inner[step]
        if not wanted(place) or (isinstance(key, int) and key > 3):
            continue
        before = copy.copy(inner)
        for odd in ODD:
            inner[key] = odd
            yield header
        del inner[key]
        yield header
        inner.update(before, new=1) if isinstance(inner, dict) else inner.insert(key, before[key]) or inner.append(1)
        yield header
        inner.clear()
        inner.update(before) if isinstance(inner, dict) else inner.extend(before)


@pytest.mark.parametrize("make", FAMILIES)
def test_any_header_gives_a_model_that_works_or_a_refusal_of_one_line(tmp_path, monkeypatch, make):
    path = saved(tmp_path / "m.npz", make)
    header, arrays = parts(path)
    fields = {"model", "input_shape", "rbms", "daes", "crbms", "layers"}  # what all families share is tried once
    some = variants(header, lambda place: make is dbn or place[0] in fields or ("tuning" in place and make is mlp))
    found = [outcome(monkeypatch, path, new, arrays) for new in some]
    assert outcome(monkeypatch, path, header, arrays) == "works"
    assert len(found) > 250 and 0 < found.count("works") < len(found) / 2


@pytest.mark.parametrize(
    ("make", "place", "value", "said"),
    [
        (dbn, ["input_norm"], float("nan"), "input_norm must be a finite number above 0, got nan"),
        (dbn, ["input_norm"], -1.0, "input_norm must be a finite number above 0, got -1.0"),
        (dbn, ["input_range"], [2, 1], "input_range must rise, got 2 to 1"),
        (dbn, ["model"], "Transformer", "model must be DBN or StackedDAE or .* or ConvNet, got 'Transformer'"),
        (dbn, ["seed"], -1, "seed must be an integer of at least 0, got -1"),
        (dbn, ["input_shape"], [3, -4], r"input_shape\[1\] must be an integer of at least 1, got -4"),
        (dbn, ["info", "epoch"], 3, "info.epoch must be an integer of 0 to 2, got 3"),  # of the second layer's
        (dbn, ["info", "layers_done"], 3, "info.layers_done must be an integer of 0 to 2, got 3"),
        (mlp, ["info", "epoch"], 4, "info.epoch must be an integer of 0 to 3, got 4"),
        (dbn, ["info", "history", 0, "dead"], None, r"info.history\[0\].dead must be an integer of .*, got None"),
        (dbn, ["info", "dataset"], "../secret", "info.dataset must be a name of printable characters, no slash"),
        (dbn, ["variances"], [None, None], r"variances\[0\] must be a number, got None"),
        (dbn, ["variances"], [0.5], "variances must be as many as the RBMs, 2; got 1"),
        (dbn, ["decoders"], 1, "'decoders' is a field that this version does not know"),
        (sdae, ["daes", 1, "tied"], 1, r"daes\[1\].tied must be true or false, got 1"),
        (mlp, ["layers", 2, 0], "input", "layers must have different addresses"),
        (mlp, ["layers", 1, 1], "Sigmoid", "addresses of layers with weights, and no others, end in .pre; got Sigmoid"),
        (mlp, ["layers", 2, 0], "h9", "h1.pre must be followed by its activation, got h9"),
        (mlp, ["layers", 1, 1], "Conv2D", "what follows Conv2D in layers.1. must be a list of 1"),
        (mlp, ["layers", 2, 1], "Flatten", "layers must begin with Flatten, and hold no other"),
        (convnet, ["layers", 1, 2, "padding"], 3, r"conv1.pre: padding 3 is as wide as its kernels"),
        (convnet, ["layers", 3, 2, "size"], 0, r"layers\[3\]\[2\].size must be an integer of at least 1, got 0"),
        (conv_dbn, ["crbms", 0, 1, "variance"], 0, r"crbms\[0\]\[1\].variance must be a finite number .*, got 0"),
        (conv_dbn, ["input_shape"], [10], "input_shape must be a list of 2 to 3"),
        (conv_dbn, ["input_shape"], [10**5, 10**5], r"a layer has \d+ numbers for one image; at most 67108864"),
    ],
)  # fmt: skip
def test_what_no_model_has_is_named(tmp_path, monkeypatch, make, place, value, said):
    header, arrays = parts(saved(tmp_path / "m.npz", make))
    inner = header
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(AssertionError, match=f"^PATH does not hold the model its header describes: {said}"):
        raise AssertionError(outcome(monkeypatch, tmp_path / "m.npz", header, arrays))


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe", b"", b"null", b"[1]", b"NaN", b'"x"'])
def test_texts_that_are_no_header(tmp_path, monkeypatch, text):
    path = saved(tmp_path / "m.npz")
    monkeypatch.setattr(archive, "read", lambda path: {"header": np.frombuffer(text, dtype=np.uint8)})
    assert tried(path) == "PATH is no dbnvis checkpoint: it has no header"


@pytest.mark.parametrize("keywords", [{"seed": -1}, {"info": {"epoch": -1}}, {"config": {"rate": float("nan")}}])
def test_what_could_not_be_read_is_not_written(tmp_path, keywords):
    path = saved(tmp_path / "m.npz")
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"^(seed|info\.epoch|config\.'rate') must be"):
        saved(path, **keywords)
    assert path.read_bytes() == before


@pytest.mark.parametrize("make", FAMILIES)
def test_files_of_earlier_versions_are_read(tmp_path, monkeypatch, make):
    """Without what later ones added: which kernels, variances, held-out errors; and with NaN in the statistics."""
    header, arrays = parts(saved(tmp_path / "m.npz", make))
    for new in ("computed_with", "variances"):
        header.pop(new, None)
    for stats in header["info"].get("history", []):
        del stats["held_out_error"]
    assert outcome(monkeypatch, tmp_path / "m.npz", header, arrays) == "works"
    monkeypatch.setattr(archive, "read", lambda path: pytest.fail("not read"))
    monkeypatch.undo()
    assert all(checkpoint.load(name, xp=np).model.input_norm > 9 for name in checkpoint.SHIPPED)


# --- arrays


@pytest.mark.parametrize("make", FAMILIES)
def test_any_array_gives_a_model_that_works_or_a_refusal_of_one_line(tmp_path, monkeypatch, make):
    path = saved(tmp_path / "m.npz", make)
    header, arrays = parts(path)
    for name, x in arrays.items():
        extra = name.startswith("extra.")
        others = [x.astype("int8"), x.astype(bool), x[..., :0], x[None], x.ravel()[0], x * np.nan, x * np.inf]
        found = [outcome(monkeypatch, path, header, arrays | {name: other}) for other in others]
        assert [said == "works" for said in found] == [extra] * 5 + [False] * 2, (name, found)
        rest = {key: y for key, y in arrays.items() if key != name}
        said = outcome(monkeypatch, path, header, rest)
        assert said == "works" if extra else said.endswith(f"the array {name} is missing")
    assert "no part of it has an array 'rbm7.W'" in outcome(monkeypatch, path, header, arrays | {"rbm7.W": a(2)})
    assert outcome(monkeypatch, path, header, arrays | {"extra.new": a(2)}) == "works"


def test_chains_that_are_not_numbers_are_refused(tmp_path):
    path = saved(tmp_path / "m.npz", arrays={"chains": a(4, 5)})
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["extra.chains"][1, 1] = np.nan
    np.savez(path, **arrays)
    said = tried(path)
    assert said == "PATH: the array chains holds NaN or infinite values"


# --- the archive


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (np.array([1j]), "holds values of type complex128; real numbers are expected"),
        (np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), "holds values of type .*; real numbers are expected"),
        (np.array(["text"]), "holds values of type <U4; real numbers are expected"),
        (np.array([b"text"]), "holds values of type .S4; real numbers are expected"),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), "holds values of type datetime64"),
        (np.zeros(2, dtype="longdouble"), "holds values of type (float128|longdouble|float96); real numbers|works"),
        (np.array([{}]), "holds pickled objects, which are never loaded"),
    ],
)
def test_arrays_of_anything_but_numbers(tmp_path, x, said):
    header, arrays = parts(saved(tmp_path / "m.npz"))
    text = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "m.npz", header=text, **arrays, **{"extra.x": x})
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(tried(tmp_path / "m.npz"))


def test_big_endian_arrays_are_read_as_others(tmp_path):
    with np.load(saved(tmp_path / "m.npz")) as file:
        turned = {name: x.astype(x.dtype.newbyteorder(">")) for name, x in file.items()}
    np.savez(tmp_path / "turned.npz", **turned)
    one, other = (checkpoint.load(tmp_path / name, xp=np) for name in ("m.npz", "turned.npz"))
    for x, y in zip(one.model.rbms[0].params().values(), other.model.rbms[0].params().values(), strict=True):
        assert x.dtype == y.dtype and x.tobytes() == y.tobytes()
    assert other.arrays["chains"].dtype.isnative


def peak(path):
    """What a load says, and the most memory that it takes, in bytes."""
    tracemalloc.start()
    try:
        return tried(path), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def member(x):
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


def test_compressed_members_take_no_memory(tmp_path):
    path = saved(tmp_path / "m.npz")
    with np.load(path) as file:
        np.savez_compressed(path, **{**file, "extra.zeros": np.zeros(2**22)})  # 32 MiB in some 32 kB
    said, most = peak(path)
    assert said.startswith(
        "PATH has compressed or encrypted members, which dbnvis never writes; save it with numpy.savez"
    )
    assert path.stat().st_size < 2**20 and most < 2**20


@pytest.mark.parametrize("shape", ["(1000000000000,)", "(-1,)", "(2, 10000000000000000000)", "(0, 1)", "()"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_shape_that_its_member_has_no_room_for(tmp_path, shape, compression):
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(80)
    path = saved(tmp_path / "m.npz")
    with zipfile.ZipFile(path, "a", compression) as file:
        file.writestr("extra.x.npy", content)
    said, most = peak(path)
    assert ("compressed" if compression else "is said to be of shape") in said and most < 2**20


@pytest.mark.parametrize("claimed", [2**31, 2**32 - 2])
def test_a_member_that_is_said_to_be_larger_than_the_file(tmp_path, claimed):
    path = saved(tmp_path / "m.npz")
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\x01\x02")  # the first member's entry in the directory
    content[at + 20 : at + 28] = struct.pack("<II", claimed, claimed)
    path.write_bytes(content)
    said, most = peak(path)
    assert "are said to be larger than the file" in said and most < 2**20


def test_two_members_of_one_name(tmp_path):
    path = saved(tmp_path / "m.npz")
    with zipfile.ZipFile(path, "a") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file.writestr("rbm0.W.npy", member(np.zeros((12, 8))))
    assert "two members of one name" in tried(path)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(5, "Input/output error")])
def test_a_file_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch, error):
    path = saved(tmp_path / "m.npz")

    def failing(*args, **keywords):
        raise error

    monkeypatch.setattr(type(path), "open", failing)
    with pytest.raises(type(error), match=rf"^cannot read .*m\.npz: {error.strerror}$"):
        checkpoint.load(path, xp=np)


def test_a_folder_is_said_to_be_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*: it is a folder$"):
        checkpoint.load(tmp_path, xp=np)


@pytest.mark.parametrize("make", [dbn, convnet])
def test_flipped_and_missing_bytes(tmp_path, make):
    path = saved(tmp_path / "m.npz", make)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for case in range(150):
        new = bytearray(content)
        for at in rng.integers(0, len(new), rng.integers(1, 4)):
            new[at] = rng.integers(0, 256)
        path.write_bytes(new[: rng.integers(len(new))] if case % 5 == 0 else new)
        tried(path)


@pytest.mark.parametrize("make", [sdae, conv_dbn])
def test_headers_with_flipped_bytes_and_right_checksums(tmp_path, monkeypatch, make):
    path = saved(tmp_path / "m.npz", make)
    header, arrays = parts(path)
    text, rng = json.dumps(header).encode(), np.random.default_rng(0)
    for _ in range(300):
        new = bytearray(text)
        for at in rng.integers(0, len(new), rng.integers(1, 4)):
            new[at] = (
                rng.choice(list(b'0123456789-eE.,:"[]{}NaInfinity\\u')) if rng.random() < 0.7 else rng.integers(256)
            )
        monkeypatch.setattr(archive, "read", lambda path, new=new: {"header": np.frombuffer(new, np.uint8), **arrays})
        tried(path)


# --- to go on with


def state(make):
    """The arrays that a training of the second layer, or of the network, goes on with."""
    model = make()
    if make in (mlp, convnet):
        names = itertools.product(model.network.params().items(), ("mean", "square"))
        return {f"{name}.{key}": x * 0 for (name, x), key in names}
    part = (model.rbms if make is dbn else model.daes)[1]
    extra = {"h_mean": a(5), "chains": np.zeros((4, 5), "float32")} if make is dbn else {}
    return {name: x * 0 for name, x in part.params().items()} | extra


@pytest.mark.parametrize("make", [dbn, sdae, mlp, convnet])
def test_a_training_that_goes_on_needs_its_whole_state(tmp_path, make):
    path = tmp_path / "m.npz"
    assert checkpoint.load(saved(path, make, arrays=state(make)), xp=np, resume=True).info["epoch"] == 1
    for name, x in state(make).items():
        for other in ({}, {name: x[..., :-1]}, {name: x.astype("float64")}):
            rest = {key: y for key, y in state(make).items() if key != name}
            saved(path, make, arrays=rest | other)
            with pytest.raises(CheckpointError, match=rf"to go on, the array {name} must be float32 \(.*\), got"):
                checkpoint.load(path, xp=np, resume=True)
            checkpoint.load(path, xp=np)  # to look at, it is as good as any
    info = checkpoint.load(path, xp=np).info
    for field in ("epoch", "tuning" if make in (mlp, convnet) else "history"):
        saved(path, make, info={name: x for name, x in info.items() if name != field})
        with pytest.raises(CheckpointError, match=rf"info\.{field} is missing"):
            checkpoint.load(path, xp=np, resume=True)


@pytest.mark.parametrize("make", [dbn, sdae, mlp, convnet])
def test_who_goes_on_with_other_kernels_or_threads_is_told(tmp_path, monkeypatch, make):
    path = saved(tmp_path / "m.npz", make, arrays=state(make))
    now = checkpoint.load(path, xp=np).computed_with
    assert now["numpy"] == np.__version__ and "threads" in now["blas"] and "compiled kernels" in now
    finished = (
        {"epoch": 3, "tuning": [TUNING]} if make in (mlp, convnet) else {"epoch": 0, "history": [], "layers_done": 2}
    )
    done = saved(tmp_path / "done.npz", make, info=finished)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        checkpoint.load(path, xp=np, resume=True)
        monkeypatch.setattr(
            checkpoint, "computed_with", lambda device: now | {"blas": "openblas 1, Zen kernels, 7 threads"}
        )
        checkpoint.load(path, xp=np)
        checkpoint.load(done, xp=np, resume=True)
    with pytest.warns(
        UserWarning, match="goes on otherwise than it began.*, now openblas 1, Zen kernels, 7 threads$"
    ) as told:
        checkpoint.load(path, xp=np, resume=True)
    assert len(told) == 1 and "numpy" not in str(told[0].message).replace(str(path), "")


# --- what a study takes from a checkpoint


@pytest.mark.parametrize("make", FAMILIES)
def test_kept_responses_are_of_the_model(tmp_path, make):
    model = make()
    units = {
        name: shape[0] * (1 + (len(shape) > 1)) for name in model.layer_names for shape in [model.layer_shape(name)]
    }
    right = {name: np.sort(a(7, n), axis=0).astype("float16") for name, n in units.items()}

    def responses(arrays):
        return checkpoint.load(saved(tmp_path / "m.npz", make, arrays=arrays), xp=np).responses()

    assert {name: (x.shape, str(x.dtype)) for name, x in responses(right).items()} == {
        name: ((7, n), "float32") for name, n in units.items()
    }
    last = model.layer_names[-1]
    assert responses({name: x for name, x in right.items() if name != last}) is None
    for wrong in (right[last][:, :-1], right[last][:0], right[last][::-1], right[last][0], right[last][None]):
        with pytest.raises(ValueError, match=rf"keeps responses of {last} of shape"):
            responses(right | {last: wrong})


# --- what save refuses


@pytest.mark.parametrize(
    ("spoil", "how"),
    [
        (lambda model: model.rbms[0].W.__setitem__((0, 0), np.nan), {}),
        (lambda model: model.rbms[0].W.__setitem__((0, 0), 1e5), {"dtype": "float16"}),
        (lambda model: None, {"arrays": {"a": np.array([np.nan])}}),
        (lambda model: None, {"arrays": {"a": np.array(["text"])}}),
        (lambda model: None, {"arrays": {"a": np.array([None])}}),
    ],
)
def test_what_load_would_refuse_does_not_replace_a_good_file(tmp_path, spoil, how):
    model = DBN.random((6, 3), (2, 3), rng=np.random.default_rng(0))
    checkpoint.save(tmp_path / "m.npz", model, config={}, seed=0)
    before = (tmp_path / "m.npz").read_bytes()
    spoil(model)
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=r"must hold finite real numbers.*nothing is written"),
    ):
        checkpoint.save(tmp_path / "m.npz", model, config={}, seed=0, **how)
    assert (tmp_path / "m.npz").read_bytes() == before


def test_numbers_of_numpy_are_kept_as_numbers(tmp_path):
    model = DBN.random((6, 3), (2, 3), rng=np.random.default_rng(0))
    config = {"epochs": np.int64(2), "learning_rate": np.float32(0.5), "centered": np.bool_(True)}
    checkpoint.save(tmp_path / "m.npz", model, config=config, seed=np.int64(3))
    saved = checkpoint.load(tmp_path / "m.npz", xp=np)
    assert saved.config == {"epochs": 2, "learning_rate": 0.5, "centered": True} and saved.seed == 3
