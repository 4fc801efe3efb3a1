"""The figure of DBNs of few and of many photographs: its numbers on planted pictures, and that it is drawn."""

import json

import numpy as np
import pytest

from dbnvis.datasets import DATASETS, Dataset
from dbnvis.figures.generative import scenes
from dbnvis.results import Writer
from dbnvis.runs.workspace import Workspace
from dbnvis.train import CDConfig

SIDE = 12


def gratings(frequencies, phases, grey=3.0):
    """Pictures cos(2 pi (f_row r + f_column c) / 12 + phase) + grey, a (row, column) frequency each."""
    r, c = np.mgrid[:SIDE, :SIDE]
    waves = [np.cos(2 * np.pi * (f * r + g * c) / SIDE + p) for (f, g), p in zip(frequencies, phases, strict=True)]
    return np.stack(waves).astype("float32") + np.float32(grey)


@pytest.mark.parametrize("frequency", [(2, 3), (-2, 3), (4, 0), (-4, 0), (0, 5), (3, 6), (-3, 6)])
def test_gratings_of_one_frequency_count_as_one_whatever_their_phase(frequency):
    phases = np.random.default_rng(0).uniform(0.2, 1.2, 20)
    others = gratings([(1, 1), (-1, 1), (1, 2), (5, 1), (2, 2)], np.zeros(5))
    found = scenes.measured(np.concatenate([gratings([frequency] * 20, phases), others]))
    assert found["one frequency"] == 20 / 25


def test_twins_are_equal_up_to_sign_factor_and_grey():
    different = gratings([(1, 1), (-1, 1), (1, 2), (5, 1), (2, 2), (0, 3)], np.zeros(6))
    assert scenes.measured(different) == {"one frequency": 1 / 6, "twins": 0.0}
    again = -7 * gratings([(1, 1)], [0.0], grey=9.0)
    assert scenes.measured(np.concatenate([different, again]))["twins"] == pytest.approx(2 / 7)
    quarter = gratings([(1, 1)], [np.pi / 2])  # of the same frequency, and orthogonal
    assert scenes.measured(np.concatenate([different, quarter])) == {"one frequency": 2 / 7, "twins": 0.0}


def patches_of(name, seed):
    images = np.random.default_rng(seed).normal(0, 0.3, (80, SIDE, SIDE)).astype("float32")
    return Dataset(name, images[:60], None, images[60:], None, f"hash {seed}", (-np.inf, np.inf))


def space_of(tmp_path, data):
    return Workspace(data, Writer(tmp_path), 0, np, load=lambda name: patches_of(name, 1))


def test_both_networks_are_trained_once_and_drawn(tmp_path, monkeypatch):
    config = CDConfig(epochs=1, batch_size=20, variance=0.1, centered=False)
    monkeypatch.setattr(scenes, "PATCHES_RECIPE", ((8, 5), (config, CDConfig(epochs=1, batch_size=20))))
    space = space_of(tmp_path, patches_of("photos", 2))
    scenes.scenes(space)
    assert [path.name for path in space.writer.written] == ["scenes.png", "scenes.json", "scenes.npz"]
    manifest = json.loads((tmp_path / "scenes.json").read_text())
    with np.load(tmp_path / "scenes.npz") as arrays:
        for name in ("patches", "photos"):
            means = arrays[f"{name}.means"]
            assert means.shape == (5, SIDE, SIDE)
            assert scenes.measured(means).items() <= manifest["networks"][name].items()
    before = (tmp_path / "models" / "DBN-photos" / "model.npz").stat().st_mtime_ns
    scenes.scenes(space_of(tmp_path, patches_of("photos", 2)))
    assert (tmp_path / "models" / "DBN-photos" / "model.npz").stat().st_mtime_ns == before


@pytest.mark.parametrize("name", ["patches", "crops", "digits"])
def test_data_that_are_no_other_patches_are_refused(tmp_path, name):
    shape = (70, 70) if name == "crops" else (SIDE, SIDE)
    data = Dataset(name, np.zeros((9, *shape), "f4"), None, np.zeros((9, *shape), "f4"), None, "", (-np.inf, np.inf))
    assert name in DATASETS
    with pytest.raises(ValueError, match=f"other than patches, got {name}; give --dataset photos"):
        scenes.scenes(space_of(tmp_path, data))
