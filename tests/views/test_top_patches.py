"""dbnvis.views.top_patches against a search by hand, and on a network that is planted."""

import numpy as np
import pytest
from unrolled import images, pres, small_net

from dbnvis import Unit
from dbnvis.backend import move, to_numpy
from dbnvis.models.convnet import ConvNet
from dbnvis.models.convolution import Channels, Conv2D, ReLU
from dbnvis.models.layers import Dense, Flatten, Softmax
from dbnvis.models.spatial import SpatialNetwork
from dbnvis.views import gradients, peaks_of, top_patches


def channels(model, layer):
    return [Unit(layer, i) for i in range(model.layer_shape(layer)[0])]


def crop_by_hand(x, extent):
    (top, bottom), (left, right) = extent
    patch = np.full((*x.shape[:-2], bottom - top, right - left), np.nan)
    for i, j in np.ndindex(bottom - top, right - left):
        if 0 <= top + i < x.shape[-2] and 0 <= left + j < x.shape[-1]:
            patch[..., i, j] = x[..., top + i, left + j]
    return patch


@pytest.mark.parametrize("layer", ["conv1", "conv2", "dense1", "output"])
@pytest.mark.parametrize("shape", [(9, 8), (3, 9, 8)])
def test_the_best_patches_by_hand(xp, layer, shape):
    model, batch = small_net(xp, shape=shape), images(30, shape)
    top = top_patches(model, move(batch, xp), channels(model, layer), k=4)
    values = pres(model, f"{layer}.pre", batch)
    flat = values.reshape(*values.shape[:2], -1)
    for c in range(flat.shape[1]):
        best = sorted(range(30), key=lambda i: -flat[i, c].max())[:4]
        np.testing.assert_array_equal(to_numpy(top.rows)[c], best)
        np.testing.assert_allclose(to_numpy(top.scores)[c], flat[best, c].max(axis=1))
        for j, row in enumerate(best):
            place = np.unravel_index(flat[row, c].argmax(), values.shape[2:]) if values.ndim > 2 else None
            assert top.winners[c][j] == Unit(layer, c, place and tuple(map(int, place)))
            extent = model.receptive_field(layer, place).extent
            np.testing.assert_array_equal(to_numpy(top.patches)[c, j], crop_by_hand(batch[row], extent))
            whole = gradients(model, move(batch[row][None], xp), [top.winners[c][j]], "deconvnet")
            np.testing.assert_allclose(
                to_numpy(top.deconvolutions)[c, j], crop_by_hand(to_numpy(whole)[0], extent), atol=1e-12
            )


def test_a_patch_alone_excites_its_unit_as_the_image_does(xp):
    model, batch = small_net(xp), images(20)
    for layer in model.layer_names:
        top = top_patches(model, move(batch, xp), channels(model, layer), k=3)
        np.testing.assert_allclose(to_numpy(top.rechecked), to_numpy(top.scores), atol=1e-12)


def test_a_wrong_receptive_field_is_noticed(monkeypatch):
    model, batch = small_net(), images(20)
    right = ConvNet.receptive_field
    monkeypatch.setattr(ConvNet, "receptive_field", lambda self, layer, position: right(self, layer, (0, 0)))
    with pytest.raises(ArithmeticError, match="a patch of layer conv2 alone excites its unit"):
        top_patches(model, batch, channels(model, "conv2"), k=3)


def test_nan_weights_are_noticed():
    model = small_net()
    model.network.layers["conv2.pre"].W[0] = np.nan
    with pytest.raises(ArithmeticError, match="weights are not finite"):
        top_patches(model, images(20), channels(model, "conv2"), k=3)


def planted(side=3, n=12):
    """Channels that detect a horizontal, a vertical and a diagonal bar, and images with one bar each."""
    bars = np.stack([np.eye(side)[1][:, None] * np.ones(side), np.eye(side)[1] * np.ones((side, 1)), np.eye(side)])
    layers = {
        "input": Channels((n, n)),
        "conv1.pre": Conv2D((bars - bars.mean(axis=(1, 2), keepdims=True))[:, None], np.full(3, -0.5), padding=1),
        "conv1": ReLU(),
        "flat": Flatten((3, n, n)),
        "output.pre": Dense(np.ones((3 * n * n, 2)), np.zeros(2)),
        "output": Softmax(),
    }
    model = ConvNet(SpatialNetwork(layers), (n, n))
    rng, batch, kinds, centres = np.random.default_rng(0), np.zeros((60, n, n)), rng_kinds(60), []
    for image, kind in zip(batch, kinds, strict=True):
        i, j = rng.integers(1, n - 1, 2)
        image[i - 1 : i + 2, j - 1 : j + 2] = bars[kind] * rng.uniform(0.5, 1)
        centres.append((int(i), int(j)))
    return model, batch, kinds, centres, bars


def rng_kinds(n):
    return np.random.default_rng(1).integers(0, 3, n)


def test_planted_motifs_are_found_where_they_are():
    model, batch, kinds, centres, bars = planted()
    top = top_patches(model, batch, channels(model, "conv1"), k=9)
    for c in range(3):
        assert (kinds[top.rows[c]] == c).all()
        assert [winner.position for winner in top.winners[c]] == [centres[row] for row in top.rows[c]]
        for patch in top.patches[c]:
            np.testing.assert_allclose(patch, bars[c] * patch.max())


def test_equal_responses_keep_the_order_of_the_data():
    model, one = small_net(), images(1)
    top = top_patches(model, np.repeat(one, 7, axis=0), channels(model, "conv2"), k=5)
    np.testing.assert_array_equal(top.rows, np.tile(np.arange(5), (4, 1)))


def test_ranks_by_pre_activation_where_all_are_silent():
    model, batch = small_net(), images(20)
    model.network.layers["conv2.pre"].bias[:] = -100
    top = top_patches(model, batch, channels(model, "conv2"), k=3)
    values = pres(model, "conv2.pre", batch).reshape(20, 4, -1).max(axis=2)
    assert values.max() < 0
    np.testing.assert_array_equal(top.rows, np.argsort(-values, axis=0, kind="stable")[:3].T)


def test_many_images_in_batches_and_peaks_given(xp):
    model, batch = small_net(xp), images(260)
    x = move(batch, xp)
    peaks = peaks_of(model, x, ["conv1", "output"])
    for layer in ("conv1", "output"):
        values = pres(model, f"{layer}.pre", batch)
        np.testing.assert_allclose(
            to_numpy(peaks[layer][0]), values.reshape(260, values.shape[1], -1).max(axis=2), atol=1e-12
        )
        a, b = (top_patches(model, x, channels(model, layer)[:2], 3, given) for given in (None, peaks[layer]))
        np.testing.assert_array_equal(to_numpy(a.rows), to_numpy(b.rows))


@pytest.mark.parametrize("k", [0, 21])
def test_refuses_more_patches_than_images_or_none(k):
    with pytest.raises(ValueError, match=f"k must lie between 1 and the 20 images, got {k}"):
        top_patches(small_net(), images(20), [Unit("conv1", 0)], k)
