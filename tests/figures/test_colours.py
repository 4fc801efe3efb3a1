"""Figures of networks for colour images, other pixel ranges and shapes than 28 x 28 greys in [0, 1]."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import spearmanr

from dbnvis import ActivationMaximization, RegularizedOptimization, TopImages, Unit, plot
from dbnvis.evaluate.scores import Responses
from dbnvis.figures import sheets
from dbnvis.figures.convnets import attributions, inputs, maps, patch_sheets, tsne
from dbnvis.figures.convnets import explaining as explain
from dbnvis.figures.naming import describe
from dbnvis.figures.study import Study
from dbnvis.models.convnet import ConvNet
from dbnvis.results import Writer
from dbnvis.views import gradients
from dbnvis.views.control import rank_correlation

SHAPE = (12, 20)


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    monkeypatch.setattr(plot.base, "DPI", 20)
    monkeypatch.setattr("dbnvis.plot.atlas.CANVAS", 100)


def blobs(n, colours, within):
    """A patch of one of three colours, or of one of three greys, on noise."""
    rng, low, high = np.random.default_rng(0), *within
    x = rng.random((n, colours, *SHAPE)) * 0.2
    for i, image in enumerate(x):
        row, column = rng.integers(0, 8), rng.integers(0, 14)
        image[i % 3 % colours, row : row + 4, column : column + 5] = (0.6 + 0.2 * (i % 3)) if colours == 1 else 0.9
    return (low + (high - low) * x).astype("float32"), np.arange(n) % 3


def study_of(tmp_path, colours, within):
    """A network that tells the classes, by least squares on its dense layer."""
    images, labels = blobs(90, colours, within)
    model = ConvNet.random(
        (colours, *SHAPE), (3, 4), (8,), 3, rng=np.random.default_rng(1), kernel=3, input_range=within
    )
    model.network.layers["conv1.pre"].W[...] /= within[1] - within[0]
    model.input_norm = float(np.sqrt((images**2).sum(axis=(1, 2, 3))).mean())
    code, output = model.encode(images, "dense1"), model.network.layers["output.pre"]
    fit, *_ = np.linalg.lstsq(np.hstack([code, np.ones((90, 1))]), 5.0 * np.eye(3)[labels], rcond=None)
    output.W[...], output.bias[...] = fit[:-1], fit[-1]
    parts = {f"{part}_{what}": x for part in ("train", "test") for what, x in (("images", images), ("labels", labels))}
    data = SimpleNamespace(name="blobs", labels=(labels, labels), classes=lambda n: [*"abcdefghij"][:n], **parts)
    return Study(
        model, "blobs", Responses.of(model, images), Writer(tmp_path, overwrite=True), images=images, data=data
    )


@pytest.fixture
def drawn(monkeypatch):
    """The panels of every figure."""
    panels, grid, sheet = [], plot.grid, plot.sheet
    monkeypatch.setattr(
        plot, "grid", lambda rows, **k: panels.extend(p for row in rows for p in row) or grid(rows, **k)
    )
    monkeypatch.setattr(plot, "sheet", lambda row, **k: panels.extend(row) or sheet(row, **k))
    return panels


@pytest.mark.parametrize(("colours", "within"), [(3, (0.0, 255.0)), (1, (-0.5, 2.75)), (3, (-1.0, 1.0))])
def test_every_figure_of_images_is_in_the_range_and_the_colours_of_the_network(tmp_path, drawn, colours, within):
    study = study_of(tmp_path, colours, within)
    image, steps = explain.read_test_image(study, 7)
    explain.explain(study, image, steps, "x")
    shown = next(panel for panel in drawn if panel.title == "input")
    assert shown.scale[:3] == (False, *within) and shown.colored == (colours == 3)
    np.testing.assert_array_equal(shown.tiles[0], image)
    maps.activations_figure(study)
    patch_sheets.patches_figures(study, k=2, n=3)
    attributions.gradients_figure(study)
    attributions.occlusion_figure(study, attributions.OCCLUSIONS[:1])
    for method in (ActivationMaximization(starts=2, max_steps=5), TopImages(k=2)):
        sheets.sheet(study, method, study.pictures(method, study.units("output")), "units")
    seen = {panel.scale[:3] for panel in drawn if isinstance(panel, plot.Panel)}
    assert seen == {(True, -1, 1), (False, *within), (False, 0, 1)}  # signed; pixels; activations, sizes of gradients
    assert all(p.what == "of the largest" for p in drawn if isinstance(p, plot.Panel) and p.scale[1:3] == (0, 1))


def test_points_in_the_plane_are_drawn_by_the_lightness_of_their_images(tmp_path, monkeypatch):
    study = study_of(tmp_path, 3, (0.0, 255.0))
    tiles = inputs.lightness(study, study.images[:5])
    np.testing.assert_allclose(tiles, study.images[:5].mean(axis=1) / 255, atol=1e-6)
    monkeypatch.setattr(tsne.views, "tsne", lambda x, **k: np.random.default_rng(0).random((len(x), 2)))
    tsne.tsne_figures(study, n=20, perplexity=2)
    tsne.tsne_units_figure(study, n=20, perplexity=2)


def test_red_against_blue_is_seen_and_not_averaged_away(tmp_path):
    study = study_of(tmp_path, 3, (0.0, 1.0))
    first = study.model.network.layers["conv1.pre"]
    first.W[...] = 0
    first.W[0, 0, 1, 1], first.W[0, 2, 1, 1], first.bias[0] = 1, -1, 5
    maps = gradients(study.model, study.images[:2], [Unit("conv1", 0, (3, 3))] * 2)
    assert abs(maps.mean(axis=1)).max() == 0 and abs(inputs.shown(maps)).max() == 1


def test_maps_of_colours_are_alike_as_their_colours_are_on_average():
    a, b = np.random.default_rng(0).standard_normal((2, 4, 3, 5, 6))
    b[:, 0] = -a[:, 0]  # opposed in red
    expected = [[spearmanr(a[i, c].ravel(), b[i, c].ravel())[0] for c in range(3)] for i in range(4)]
    found = attributions._by_colour(rank_correlation, a, b)
    np.testing.assert_allclose(found, np.mean(expected, axis=1), atol=1e-9)
    np.testing.assert_allclose(attributions._by_colour(rank_correlation, a[:, 1], b[:, 1]), np.array(expected)[:, 1])


@pytest.mark.parametrize("shape", [(2, 8, 8), (5, 8, 8), (64,)])
def test_images_that_no_sheet_can_draw_are_refused_before_anything_is_computed(tmp_path, shape):
    model = SimpleNamespace(input_shape=shape, input_range=(0.0, 1.0))
    study = Study(model, "stacks", Responses({}), Writer(tmp_path, overwrite=True))
    said = rf"a picture has rows and columns, or 1 or 3 colours .* got images of shape {re.escape(str(shape))}"
    with pytest.raises(ValueError, match=said):
        study.pictures(ActivationMaximization(), [Unit("h1", 0)])
    with pytest.raises(ValueError, match=said):
        inputs.shown(np.zeros((1, *shape)))


@pytest.mark.parametrize(
    ("within", "expected"),
    [((0, 255), (0, 255)), ((-0.5, 2.5), (-0.5, 2.5)), ((-np.inf, np.inf), None), ((0.0, np.inf), None)],
)
def test_pixels_without_bounds_are_drawn_around_mid_grey(tmp_path, within, expected):
    study = Study(SimpleNamespace(input_shape=(2, 2), input_range=within), "data", Responses({}), tmp_path)
    assert study.within == expected and study.signed == (expected is None)
    panel = study.panel(np.ones((1, 2, 2)), False, 1)
    assert panel.symmetric == (expected is None)


def test_settings_in_words_are_all_or_those_that_were_changed():
    assert describe(ActivationMaximization(), changed=True) == ""
    assert describe(ActivationMaximization(starts=3), changed=True) == "starts 3"
    assert describe(ActivationMaximization(starts=3)).startswith("starts 3, constraint norm, ")
    assert describe(RegularizedOptimization(jitter=0, steps=7), changed=True) == "steps 7, jitter 0"
