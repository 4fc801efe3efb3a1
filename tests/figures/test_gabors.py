"""dbnvis.figures.gabors: the table and the figure of a model with planted filters; the recipe for patches."""

import json

import numpy as np
import pytest
from gabor_functions import gabor, planted

from dbnvis import DBN, GaussianRBM
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.gabors import PATCHES_RECIPE, gabors
from dbnvis.figures.study import Study
from dbnvis.results import Writer


@pytest.fixture
def study(tmp_path):
    """30 Gabor functions, 6 of noise, 2 blobs, 2 filters of nothing."""
    filters = np.concatenate(
        [
            planted(30)[1],
            np.random.default_rng(0).normal(size=(6, 12, 12)),
            [gabor(5, 6, 0, 0.01, 0, width, 3) for width in (2, 3)],
            np.zeros((2, 12, 12)),
        ]
    )
    rbm = GaussianRBM(filters.reshape(40, 144).T.copy(), np.zeros(144), np.zeros(40), variance=0.1)
    model = DBN([rbm], (12, 12), (-np.inf, np.inf), 3.0)
    return Study(model, "patches", Responses.of(model, np.ones((3, 12, 12))), Writer(tmp_path, overwrite=True))


def test_rows_and_summary(study):
    rows, summary = gabors(study)
    assert [row["unit"] for row in rows] == list(range(38))
    good = {row["unit"] for row in rows if row["explained variance"] >= 0.8}
    assert good == {*range(30), 36, 37}
    assert (summary["units"], summary["all zero"]) == (40, 2)
    assert summary["good fits, %"] == pytest.approx(100 * 32 / 38, abs=0.01)
    # The blobs are good fits, but no band-passes; of a few planted ones little more than a blob is left, too.
    assert 100 * 26 / 38 <= summary["good fits that are band-pass, %"] <= 100 * 30 / 38 + 0.01
    assert summary["differences of Gaussians: good fits, %"] > 90
    assert summary["differences of Gaussians: good fits that are band-pass, %"] < 5
    assert summary["planes: good fits, %"] == summary["single pixels: good fits, %"] == 100
    assert summary["white noise: good fits, %"] == 0
    for null in ("shuffled pixels", "differences of Gaussians", "single pixels", "planes", "white noise"):
        assert summary[f"{null}: good fits that are band-pass and local, %"] == 0
    parameters = planted(30)[0]
    assert rows[3]["orientation, degrees"] == pytest.approx(np.degrees(parameters["orientation"][3]), abs=0.1)
    assert rows[3]["frequency, cycles per pixel"] == pytest.approx(parameters["frequency"][3], abs=0.002)
    assert summary["frequency, cycles per pixel: median"] == pytest.approx(np.median(parameters["frequency"]), abs=0.03)


def test_the_figure_shows_filters_beside_fits_best_first(study):
    rows, _ = gabors(study)
    png, manifest, arrays = study.writer.written
    assert [path.name for path in study.writer.written] == ["gabor.png", "gabor.json", "gabor.npz"] and png.exists()
    assert json.loads(manifest.read_text())["settings"] == {"good": 0.8}
    with np.load(arrays) as kept:
        r2 = 1 - ((kept["fits"] - kept["filters"]) ** 2).sum(axis=(1, 2)) / (kept["filters"] ** 2).sum(axis=(1, 2))
        np.testing.assert_allclose(r2, [row["explained variance"] for row in rows], atol=1e-3)
        np.testing.assert_array_equal(kept["unit"], [row["unit"] for row in rows])


def test_the_recipe_has_a_configuration_for_every_layer_and_units_for_the_figures():
    hidden, configs = PATCHES_RECIPE
    assert len(hidden) == len(configs) == 3 and min(hidden) >= 144
    assert configs[0].variance == 0.1


@pytest.mark.slow
def test_filters_of_patches_are_gabors(tmp_path):
    """Of another seed than the committed figure's: most filters are localized, oriented and band-pass."""
    from dbnvis import datasets
    from dbnvis.figures.opening import open_study
    from dbnvis.runs.stacks import train

    hidden, configs = PATCHES_RECIPE
    data = datasets.load("patches")
    model = train(data, hidden[:1], configs[0], folder=tmp_path, seed=1, xp=np)
    study = open_study(model, data, out=tmp_path / "figures", seed=1, xp=np)
    _, summary = gabors(study)
    assert summary["good fits that are band-pass, %"] > 80
    assert summary["orientations: sectors of 22.5 degrees in use, of 8"] == 8
