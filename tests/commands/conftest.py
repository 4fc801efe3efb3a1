"""Fixtures of the command line's tests: no data but bars, a model trained by the command."""

import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import FAST, bars

from dbnvis import datasets
from dbnvis.cli import main


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """No data but the bars (under the name digits), no network, an empty working directory."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/"
    specs = datasets.DATASETS
    monkeypatch.setitem(specs, "digits", replace(specs["digits"], generate=bars))
    for name in ("mnist", "fashion-mnist"):
        monkeypatch.setitem(specs, name, replace(specs[name], mirrors=(closed,), patience=1.0))
    fetch = sys.modules["dbnvis.datasets.fetch"]
    nowhere = tmp_path / "nowhere"
    monkeypatch.setattr(fetch, "cache", lambda: nowhere)
    monkeypatch.setattr(fetch, "roots", lambda data_dir=None: iter([Path(data_dir or nowhere)]))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("DBNVIS_DATA", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model trained by the command, as bytes: tests run in folders of their own."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "digits", replace(datasets.DATASETS["digits"], generate=bars))
        assert main(["train", "--dataset", "digits", "--out", str(folder), *FAST]) == 0
    return folder / "digits" / "model.npz"
