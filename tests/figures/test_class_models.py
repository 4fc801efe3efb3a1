"""The figures of regularized optimization, on a small network, and how pictures are read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_models import convnet

from dbnvis import plot
from dbnvis.cli import main
from dbnvis.datasets import Dataset
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.convnets import class_models as regularized
from dbnvis.figures.study import Study
from dbnvis.results import Writer
from dbnvis.visualize import METHODS, RECIPES, VISUALIZERS


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(plot.base, "DPI", 20)
    rng = np.random.default_rng(0)
    images, labels = rng.random((60, 12, 12), dtype="float32"), np.arange(60) % 5
    model = convnet(dtype="float32")
    data = Dataset("digits", images, labels, images, labels, "hash")
    return Study(
        model, "digits", Responses.of(model, images), Writer(tmp_path, overwrite=True), images=images, data=data
    )


def saved(study, name):
    manifest = json.loads((study.writer.root / f"{name}.json").read_text())
    with np.load(study.writer.root / f"{name}.npz") as archive:
        return manifest["settings"], dict(archive)


def test_every_regularizer_is_drawn_alone_at_every_strength(study, monkeypatch):
    strengths = {"decay": (0, 0.5), "blur_width": (0, 1.0), "jitter": (0, 2)}
    monkeypatch.setattr(regularized, "STRENGTHS", strengths)
    monkeypatch.setattr(regularized, "ALONE", replace(regularized.ALONE, steps=6))
    regularized.regularizers_figure(study, (1, 4))
    settings, arrays = saved(study, "regularizers")
    for name, values in strengths.items():
        for value in values:
            key = f"{name}.{value}"
            assert settings[key][name] == value
            assert all(settings[key][other] == 0 for other in strengths if other != name)
            assert arrays[f"{key}.images"].shape == (2, 1, 12, 12)
        np.testing.assert_array_equal(arrays[f"{name}.0.images"], arrays["decay.0.images"])
        assert not np.array_equal(arrays[f"{name}.{values[1]}.images"], arrays["decay.0.images"])


def test_class_models_say_which_recipes_never_left_their_noise(study, monkeypatch):
    drawn = []
    grid = plot.grid
    monkeypatch.setattr(plot, "grid", lambda rows, **how: drawn.append(rows) or grid(rows, **how))
    recipes = {name: replace(RECIPES["plain"], steps=n, starts=1) for name, n in (("a", 1), ("b", 30))}
    regularized.class_models_figure(study, recipes)
    notes = {panel.title[0]: panel.note for row in drawn[0] for panel in row}
    assert "; 5 of 5 units never left their noise" in notes["a"] and "noise" not in notes["b"]


def test_class_models_have_every_recipe_with_its_settings(study):
    recipes = {name: replace(recipe, steps=4) for name, recipe in RECIPES.items()}
    regularized.class_models_figure(study, recipes)
    settings, arrays = saved(study, "class_models")
    assert set(settings) == set(RECIPES)
    for name, recipe in recipes.items():
        assert settings[name]["decay"] == recipe.decay
        assert settings[name]["length"] == recipe.length
        assert arrays[f"{name}.images"].shape == (5, recipe.starts, 12, 12)


def test_regularizers_in_words():
    assert regularized.regularizers(RECIPES["plain"]) == "no regularizer"
    assert regularized.regularizers(RECIPES["yosinski-2"]) == "decay 0.3, norm percentile 20"


def test_pictures_are_read_by_the_nearest_images_of_each_class(xp):
    """Images along the axes of three dimensions; of class 2 one image is nearest of all, but its second is far."""
    images = np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [0, 1, 0.1], [0.6, 0.8, 0], [0, 0, 1]], dtype="float32")
    labels = np.array([0, 0, 1, 1, 2, 2])
    pictures = np.array([[[5, 0, 0], [0.6, 0.8, 0]], [[0, 0.01, 0], [np.nan, 0, 0]]], dtype="float32")
    moved = xp.asarray(images)
    np.testing.assert_array_equal(regularized.read_as(pictures, moved, labels, k=2), [[0, 1], [1, -1]])
    np.testing.assert_array_equal(regularized.read_as(pictures, moved, labels, k=1), [[0, 2], [1, -1]])


def test_recipes_are_methods_of_the_command_line_with_their_own_defaults(capsys):
    assert set(METHODS) == {*VISUALIZERS, *RECIPES}
    for name, decay in (("digits-2", "0.1"), ("yosinski-2", "0.3")):
        with pytest.raises(SystemExit):
            main(["visualize", "--method", name, "--help"])
        said = " ".join(capsys.readouterr().out.replace("│", " ").split())
        assert f"(default: {decay})" in said.partition("--decay")[2].partition("--blur-width")[0]
