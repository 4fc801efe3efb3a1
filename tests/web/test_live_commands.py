"""dbnvis page and dbnvis live: what they write, say, refuse, and that the same command writes the same bytes."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import bars, refused
from decoded import array, read_page
from one_of_each import families
from small_models import random_dbn

from dbnvis import checkpoint, datasets
from dbnvis.cli import main
from dbnvis.visualize import VISUALIZERS
from dbnvis.web import document as documents

QUICK = ("am", "combination", "top-images", "connections")


@pytest.fixture
def here(tmp_path, monkeypatch, static):
    """An empty working directory, no data but bars under the name digits, a small page, quick methods."""
    monkeypatch.setitem(datasets.DATASETS, "digits", replace(datasets.DATASETS["digits"], generate=bars))
    monkeypatch.delenv("DBNVIS_DATA", raising=False)
    fetch = sys.modules["dbnvis.datasets.fetch"]
    monkeypatch.setattr(fetch, "roots", lambda data_dir=None: iter([Path(data_dir or tmp_path / "nowhere")]))
    monkeypatch.setattr(documents.document, "__defaults__", (static,))
    for key in VISUALIZERS.keys() - set(QUICK):
        monkeypatch.delitem(VISUALIZERS, key)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def saved(name, model, folder, dataset="digits", **info):
    path = folder / f"{name}.npz"
    checkpoint.save(path, model, config={}, seed=0, info={"dataset": dataset, **info})
    return str(path)


@pytest.mark.parametrize("family", ["dbn", "convdbn", "mlp", "sdae", "convnet"])
def test_a_page_of_every_family(here, family, capsys):
    model = saved(family, families()[family], here)
    assert main(["page", "--model", model, "-o", "page.html"]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(r"page\.html  \d+\.\d\d MB\n", said.out)
    header, blobs = read_page((here / "page.html").read_text())
    (entry,) = header["models"]
    assert entry["family"] == family and header["pool"]["dataset"] == "digits"
    assert all(note in said.err for note in header["notes"])
    assert ("mean of the top images" in {m["title"] for m in entry["atlas"]["methods"]}) and entry["quantiles"]
    images = array(header, blobs, header["pool"]["images"])
    np.testing.assert_array_equal(images, bars()[2])
    np.testing.assert_array_equal(array(header, blobs, header["pool"]["labels"]), bars()[3])
    assert any("weights are rounded to 16 bits" in note for note in header["notes"])
    for name in header["blobs"]:
        assert name in blobs


def test_the_same_command_writes_the_same_bytes(here):
    names = [saved(family, families()[family], here) for family in ("dbn", "convnet")]
    assert main(["page", "--model", *names]) == 0
    first = (here / "page.html").read_bytes()
    assert main(["page", "--model", *names, "--cache", "other", "--overwrite"]) == 0  # drawn anew
    assert (here / "page.html").read_bytes() == first
    header, _ = read_page(first.decode())
    assert header["provenance"]["command"] == f"dbnvis page --model {' '.join(names)}"
    assert [model["id"] for model in header["models"]] == ["dbn", "convnet"]


def test_pictures_are_kept_beside_the_model(here):
    (here / "models").mkdir()
    model = saved("dbn", families()["dbn"], here / "models")
    assert main(["page", "--model", model]) == 0
    assert len(list((here / "models" / "atlas").glob("*.npz"))) == 8


def test_nothing_is_overwritten_unasked(here, capsys):
    (here / "page.html").write_text("precious")
    assert "page.html is there already; --overwrite replaces it" in refused(capsys, "page")
    assert (here / "page.html").read_text() == "precious"
    assert "is a folder; give a file's name" in refused(capsys, "page", "-o", ".")
    assert "is not a folder" in refused(capsys, "page", "-o", "page.html/below.html")


def far(name, model, folder):
    """A checkpoint of a model of mnist, which is not at hand, that keeps its responses."""
    shapes = {layer: model.layer_shape(layer) for layer in model.layer_names}
    quantiles = {layer: np.linspace(-1, 1, 5)[:, None] * np.ones(shape) for layer, shape in shapes.items()}
    path = folder / f"{name}.npz"
    checkpoint.save(path, model, config={}, seed=0, info={"dataset": "mnist"}, arrays=quantiles)
    return str(path)


def test_without_the_data_the_page_says_what_is_left_out(here, capsys):
    assert main(["page", "--model", far("far", families()["dbn"], here)]) == 0
    header, _ = read_page((here / "page.html").read_text())
    assert header["pool"] is None and "top-images" not in [m["key"] for m in header["models"][0]["atlas"]["methods"]]
    notes = " ".join(header["notes"])
    assert "No images of mnist at hand" in notes and "mean of the top images: left out" in notes
    assert notes in " ".join(capsys.readouterr().err.splitlines())


def test_models_of_several_shapes_get_no_images(here):
    names = [far("small", families()["dbn"], here), far("other", random_dbn(), here)]
    assert main(["page", "--model", *names, "--size", "mail"]) == 0
    header, _ = read_page((here / "page.html").read_text())
    assert header["pool"] is None and "images of several shapes" in header["notes"][0]


def test_mistakes_are_said_in_a_line(here, capsys):
    assert "no checkpoint" in refused(capsys, "page", "--model", "none.npz")
    assert "names pretrained twice" in refused(capsys, "page", "--model", "pretrained", "pretrained")
    assert "--port is a number from 0 to 65535" in refused(capsys, "live", "--port", "70000")
    flat = families()["dbn"]
    flat.input_shape = (36,)
    model = saved("flat", flat, here)
    assert refused(capsys, "page", "--model", model)


def test_weights_that_are_no_numbers_are_refused(here, capsys):
    model = saved("dbn", families()["dbn"], here)
    with np.load(model) as archive:
        arrays = dict(archive)
    name = next(key for key in arrays if key.endswith("W"))
    arrays[name] = np.full_like(arrays[name], np.nan)
    np.savez(model, **arrays)
    assert "W of RBM 1 holds NaN or infinite values" in refused(capsys, "page", "--model", model)
    assert not (here / "page.html").exists()


def test_a_port_in_use_names_another(here, capsys):
    model = saved("dbn", families()["dbn"], here)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        capsys.readouterr()
        assert main(["live", "--model", model, "--port", str(other.getsockname()[1]), "--no-browser"]) == 2
        said = capsys.readouterr().err
    assert re.search(r"in use.*--port \d+", said) and "opening" not in said  # before any work


LIVE = """
import sys
from pathlib import Path
from dbnvis.cli import main
from dbnvis.visualize import VISUALIZERS
from dbnvis.web import document as documents

for key in ("gibbs", "invariance", "regularized", "evidence", "top-images"):
    VISUALIZERS.pop(key)
documents.document.__defaults__ = (Path(sys.argv[1]),)
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.parametrize("lan", [False, True])
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_live_serves_that_page_until_ctrl_c(here, static, lan):
    words = [sys.executable, "-c", LIVE, str(static)]
    env = {**os.environ, "DBNVIS_DATA": ""}
    model = far("far", families()["dbn"], here)
    subprocess.run([*words, "page", "--model", model, "--size", "mail"], check=True, env=env, timeout=120)
    command = [*words, "live", "--model", model, "--size", "mail", "--port", "0", "--no-browser", *["--lan"] * lan]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        try:
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert answer.read() == (here / "page.html").read_bytes()
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert said.rstrip().endswith("stopped") and ("every machine that reaches this one" in said) == lan
