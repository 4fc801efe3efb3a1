"""Endless odd inputs for `fuzz.py`: mutated files, spoiled headers, odd arguments, odd command lines.

Each generator yields cases: the bytes that describe the input, how many of them were changed, and a call that reads it.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import signal
import struct
import zipfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dbnvis import (
    DBN,
    VISUALIZERS,
    CDConfig,
    ConvDBN,
    ConvNet,
    ConvRBM,
    GaussianRBM,
    StackedDAE,
    checkpoint,
    cli,
    datasets,
    train_rbm,
    views,
)
from dbnvis.datasets import idx, patches, pictures
from dbnvis.evaluate.likelihood import log_probability
from dbnvis.evaluate.partition import log_partition
from dbnvis.evaluate.scores import Responses
from dbnvis.models.mlp import classifier
from dbnvis.sklearn import RBMTransformer

Case = tuple[bytes, int, Callable[[], Any]]

#: In place of a value of a header, a setting or an argument.
ODD: list[Any] = [None, True, -1, 0, 1, 2.5, float("nan"), float("inf"), 1e308, 10**30]
ODD += ["", "x", "h1:0", [], {}, [[]], [1, [2]]]
#: Processor seconds of a command line: what is sound is not run to its end.
CUT_OFF = 0.5

OPTIONS = {
    "train": "--hidden --epochs --family --batch-size --learning-rate --k --temperatures --examples --resume",
    "visualize": "--method --layer --units --model --starts --k --unwhiten --chains --norm --step --others",
    "compare": "h1:0 --model --unwhiten",
    "explain": "test:0 --unit --patch --stride --invert --center --model",
    "evaluate": "pretrained --layers --chains --temperatures",
    "data": "--fetch",
    "doctor": "",
    "reproduce": "--paper --quick --resume --examples",
}
COMMON = "--dataset --data-dir --out --device --seed --debug --help --version --other-data --overwrite"
VALUES = [
    "-1",
    "0",
    "1",
    "2",
    "3.5",
    "nan",
    "inf",
    "1e308",
    "h1",
    "h1:0",
    "h1:9999",
    "conv2:5@3,4",
    "0-3",
    "5-2",
    "0-999999",
    "all",
    "mnist",
    "tiny",
    "auto",
    "gpu",
    "cpu",
]
VALUES += [
    "am",
    "gibbs",
    "combination",
    "top-images",
    "regularized",
    "nonsense",
    "~",
    "/dev/null",
    "pretrained",
    "convnet",
    "None",
    "--",
    "-",
    "sdae",
]
VALUES += ["erhan2009", "test:0", "test:-1", "no.png", "[1,2]", "{}", "zero"]
VALUES += ["9" * 30, "x" * 5000, "", " ", "\x1b[31m", "é\udce9", "$HOME $x$"]


def one_of(values: Any, rng: np.random.Generator) -> Any:
    return values[rng.integers(len(values))]


def mutated(data: bytes, rng: np.random.Generator) -> tuple[bytes, int]:
    """`data` with bytes flipped, replaced, cut out, inserted or repeated, and how many."""
    x, changed = bytearray(data), 0
    for _ in range(rng.integers(1, 4)):
        n = min(int(2 ** rng.uniform(0, 11)), max(len(x), 1))
        at = int(rng.integers(0, max(len(x) - n, 0) + 1))
        kind = rng.integers(6)
        if kind == 0 and x:
            x[at] ^= 1 << int(rng.integers(8))
            n = 1
        elif kind == 1:
            x[at : at + n] = rng.bytes(n)
        elif kind == 2:
            del x[at : at + n]
        elif kind == 3:
            x[at:at] = rng.bytes(n)
        elif kind == 4:
            x[at:at] = x[at : at + n]
        else:
            x[at : at + n] = bytes([one_of([0, 127, 255], rng)]) * n
        changed += n
    return bytes(x), changed


def models(rng: np.random.Generator) -> dict[str, Any]:
    """A small model of every family."""
    dbn = DBN.random((16, 5, 4), (4, 4), rng=rng)
    built: dict[str, Any] = {
        "DBN": dbn,
        "Gaussian DBN": DBN.random((16, 5), (4, 4), rng=rng, variance=0.5, input_range=(-np.inf, np.inf)),
        "StackedDAE": StackedDAE.random((16, 5, 4), (4, 4), rng=rng),
        "MLP": classifier(dbn, 3, rng=rng),
        "ConvNet": ConvNet.random((28, 28), n_classes=3, rng=rng),
        "ConvDBN": ConvDBN([ConvRBM.random(3, 1, 5, rng=rng)], (14, 14), (0.0, 1.0)),
    }
    for model in built.values():
        model.input_norm = 2.0
    return built


def saved(model: Any, folder: Path) -> bytes:
    """The bytes of a checkpoint of `model`."""
    path = folder / "sound.npz"
    checkpoint.save(path, model, config={"epochs": 1}, seed=0, info={"epoch": 1, "history": []})
    return path.read_bytes()


def pictures_of_every_kind(rng: np.random.Generator) -> list[bytes]:
    from PIL import Image

    kinds = ["L png", "RGB jpeg", "RGBA png", "P gif", "L bmp", "RGB tiff", "RGB webp"]
    found = []
    for mode, kind in map(str.split, kinds):
        buffer = io.BytesIO()
        with contextlib.suppress(KeyError):  # a format that this Pillow was built without
            Image.fromarray(rng.integers(0, 256, (80, 70, 4), dtype=np.uint8)).convert(mode).save(buffer, kind)
            found.append(buffer.getvalue())
    return found


def files(folder: Path, rng: np.random.Generator) -> dict[str, Iterator[Case]]:
    """Mutated files of every kind that dbnvis reads."""
    from scipy.io import savemat

    images = rng.integers(0, 256, (20, 6, 6), dtype=np.uint8)
    plain = struct.pack(">BBBB3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
    shown = pictures_of_every_kind(rng)
    mat = io.BytesIO()
    savemat(mat, {"IMAGES": rng.normal(size=(64, 64, 2))})
    checkpoints = [saved(model, folder) for model in models(rng).values()]
    kinds: dict[str, tuple[list[bytes], str, Callable[[Path], Any]]] = {
        "checkpoint": (checkpoints, ".npz", partial(checkpoint.load, xp=np)),
        "idx": ([plain], "", idx.read_idx),
        "gzipped idx": ([gzip.compress(plain)], ".gz", idx.read_idx),
        "picture": (shown, ".png", partial(pictures.read_picture, shape=(28, 28))),
        "photograph": (shown, ".png", patches.luminance),
        "mat": ([mat.getvalue()], ".mat", patches.olshausen),
    }

    def cases(name: str, sound: list[bytes], suffix: str, read: Callable[[Path], Any]) -> Iterator[Case]:
        path = folder / f"{name.replace(' ', '_')}{suffix}"
        while True:
            data, changed = mutated(one_of(sound, rng), rng)
            path.write_bytes(data)
            yield data, changed, partial(read, path)

    return {name: cases(name, *kind) for name, kind in kinds.items()}


def headers(folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Checkpoints in whose header one or two values are odd, missing or new."""
    sound = []
    for model in models(rng).values():
        with zipfile.ZipFile(io.BytesIO(saved(model, folder))) as archive:
            sound.append({name: archive.read(name) for name in archive.namelist()})
    path = folder / "header.npz"

    def used() -> None:
        """A model that is accepted works."""
        model = checkpoint.load(path, xp=np).model
        low, high = model.input_range
        model.network.forward(np.full((1, *model.input_shape), 0.0 if low <= 0 <= high else low, model.dtype))

    while True:
        members = dict(one_of(sound, rng))
        header = json.loads(bytes(np.load(io.BytesIO(members["header.npy"]))))
        for _ in range(rng.integers(1, 3)):
            spoil(header, rng)
        text = json.dumps(header).encode()
        buffer = io.BytesIO()
        np.save(buffer, np.frombuffer(text, np.uint8))
        members["header.npy"] = buffer.getvalue()
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        yield text, 8, used


def spoil(value: Any, rng: np.random.Generator) -> None:
    """Change one entry somewhere in nested lists and dictionaries."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if not keys:
        return
    key = one_of(keys, rng)
    if isinstance(value[key], (dict, list)) and value[key] and rng.random() < 0.6:
        spoil(value[key], rng)
    elif rng.random() < 0.2:
        del value[key]
    elif rng.random() < 0.1 and isinstance(value, dict):
        value[f"{key}?"] = deepcopy(one_of(ODD, rng))
    else:
        value[key] = deepcopy(one_of(ODD, rng))


def arrays(x: np.ndarray) -> list[Any]:
    """What a user may take for images x (N, H, W)."""
    odd = [x.astype(kind) for kind in ("f8", "f2", "i8", "u1", "?", "c8", "O", "U8")]
    odd += [x * 255, (x * 255).astype("u1"), x - 1, x * np.nan, np.where(x > 0.5, np.inf, x), x[0], x[:0], x[:, :3]]
    odd += [x.reshape(len(x), -1), x.tolist(), np.ma.masked_greater(x, 0.5), np.asmatrix(x[0]), x[..., None]]
    return [*odd, np.asfortranarray(x), x[::-1, ::2], 3, "images", None]


def calls(rng: np.random.Generator) -> Iterator[Case]:
    """Python entry points with odd images, units, settings and generators."""
    built = models(rng)
    x = rng.random((4, 4, 4)).astype("f4")
    digits = rng.random((2, 28, 28)).astype("f4")
    units: list[Any] = [
        "h1:0",
        ["h1"],
        ["h1:99"],
        [],
        [3],
        None,
        ["h1:0", "h2:0"],
        ["h9:0"],
        "h1",
        [[]],
        ["h1:0", "h1:2"],
    ]
    generators = [3, None, "0", np.random, np.random.default_rng(0)]

    def train(x: Any, rbm: Any, rng: Any) -> None:
        list(train_rbm(rbm, x, CDConfig(epochs=1, batch_size=2), rng=rng))

    def percentile(x: Any, model: Any) -> Any:
        return Responses.of(model, x).percentile("h1", [0], np.zeros((1, 1)))

    def picture(x: Any, model: Any, cls: Any, settings: dict[str, Any], units: Any, rng: Any) -> Any:
        return cls(**settings)(model, units, rng=rng, images=x)

    def log_p(x: Any, rbm: Any) -> Any:
        return log_probability(rbm, np.reshape(x, (4, 16)), log_partition(rbm))

    def fit(x: Any, settings: dict[str, Any]) -> Any:
        return (
            RBMTransformer(**{"epochs": 1, **settings})
            .fit(np.reshape(x, (4, 16)))
            .score_samples(np.reshape(x, (4, 16)))
        )

    def stack(*params: Any) -> Any:
        return DBN([GaussianRBM(*params)], (4, 4))

    def odd_settings(cls: Any) -> dict[str, Any]:
        return {one_of(list(asdict(cls())), rng): one_of(ODD, rng)} if rng.random() < 0.6 else {}

    while True:
        images = one_of(arrays(x), rng) if rng.random() < 0.7 else x
        generator = one_of(generators, rng) if rng.random() < 0.3 else np.random.default_rng(0)
        model = built[one_of(["DBN", "StackedDAE", "Gaussian DBN"], rng)]
        cls, asked = one_of(list(VISUALIZERS.values()), rng), one_of(units, rng) if rng.random() < 0.5 else ["h1:0"]
        fresh = models(np.random.default_rng(0))["DBN"].rbms[0]
        kinds: list[Callable[[], Any]] = [
            partial(train, images, fresh, generator),
            partial(CDConfig, **odd_settings(CDConfig)),
            partial(percentile, images, model),
            partial(picture, images, model, cls, odd_settings(cls), asked, generator),
            partial(log_p, images, fresh),
            partial(views.gradients, built["ConvNet"], one_of([images, digits], rng), asked),
            partial(stack, *(one_of([fresh.W, fresh.vbias, fresh.hbias, *arrays(x)], rng) for _ in range(3))),
            partial(fit, images, {"n_components": one_of(ODD, rng), "batch_size": one_of(ODD, rng)}),
        ]
        call = one_of(kinds, rng)
        yield repr(call).encode("utf-8", "backslashreplace"), 0, call


def option_lines(folder: Path, rng: np.random.Generator) -> Iterator[Case]:
    """Command lines of options and values at random, on a tiny data set."""
    tiny: Any = tuple(a for n in (60, 20) for a in (rng.random((n, 4, 4)).astype("f4"), np.arange(n) % 3))
    datasets.DATASETS["tiny"] = datasets.Spec(about="noise", generate=lambda: tiny)
    rbm = models(rng)["DBN"].rbms[0]  # a training first, since compiling kernels must not be cut off
    list(train_rbm(rbm, tiny[0].reshape(60, 16), CDConfig(epochs=1, batch_size=20), rng=rng))
    while True:
        command = one_of(list(OPTIONS), rng)
        words = [command if rng.random() < 0.97 else one_of(VALUES, rng)]
        for _ in range(rng.integers(0, 4)):
            words.append(one_of(f"{OPTIONS[command]} {COMMON}".split(), rng))
            if rng.random() < 0.8:
                words.append(one_of(VALUES, rng))
        if rng.random() < 0.8 and "--out" not in words:
            words += ["--out", str(folder / "out")]
        if rng.random() < 0.5:
            words += ["--dataset", "tiny"]
        yield json.dumps(words).encode(), 0, partial(run_line, words)


def run_line(words: list[str]) -> None:
    """Run a command line; raise ValueError with its message where it is refused."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        signal.setitimer(signal.ITIMER_PROF, CUT_OFF)
        try:
            status = cli.main(words)
        except SystemExit as stop:
            status = stop.code if isinstance(stop.code, int) else 1
        except Exception:
            if "--debug" not in words:  # which is asked for the traceback
                raise
            status = 2
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    said = err.getvalue()
    assert "Traceback" not in said or "--debug" in words, said[-2000:]
    assert status in (0, 2, 130), f"status {status}: {said[-500:]}"
    if status == 2 and "--debug" not in words:
        last = re.split(r"[\r\n]", said.rstrip("\n"))[-1]
        assert last.startswith("dbnvis: "), f"no message: {said[-500:]!r}"
        assert "\x1b" not in last, "a terminal escape is echoed"
        raise ValueError(last)
