"""The examples of networks of others, on a few images in the place of the embedded digits."""

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbnvis import checkpoint, datasets

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the package is installed, not a checkout")


def bars():
    """In the place of the embedded digits: 300 training and 40 test images, one row of ten bright in each, in bytes."""
    rng, labels = np.random.default_rng(0), (np.arange(340) % 10).astype(np.uint8)
    images = rng.integers(0, 100, (340, 28, 28)).astype(np.uint8)
    images[np.arange(340), 2 * labels + 4] = 255
    return images[:300], labels[:300], images[300:], labels[300:]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "digits", replace(datasets.DATASETS["digits"], generate=bars))
    monkeypatch.chdir(tmp_path)


def run(monkeypatch, name):
    path = EXAMPLES / name
    assert len(path.read_text().splitlines()) <= 30
    monkeypatch.setattr(sys, "argv", [str(path)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(path), run_name="__main__")
    assert not stop.value.code
    return {path.name.partition("_cnn")[0].partition("_rbms")[0] for path in Path("runs/digits/sheets").glob("*.png")}


def test_a_pytorch_network(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
    assert run(monkeypatch, "pytorch_cnn.py") == {"compare_conv2_5", "explain_test0"}
    assert checkpoint.load("runs/examples/cnn.npz", xp=np).model.layer_names == ["conv1", "conv2", "fc1", "output"]


def test_a_pipeline_of_rbms(monkeypatch, capsys):
    assert run(monkeypatch, "sklearn_rbms.py") == {"compare_h2_3"}
    assert "four fantasies, ink in each:" in capsys.readouterr().out
    assert checkpoint.load("runs/examples/rbms.npz", xp=np).model.sizes == [784, 100, 50]
