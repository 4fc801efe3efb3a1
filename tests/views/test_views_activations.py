"""dbnvis.views.activations and weights: statistics by hand, planted faults, mosaics."""

import numpy as np
import pytest
from unrolled import images, pre, pres, small_net

from dbnvis.backend import move, to_numpy
from dbnvis.views import audit, maps, statistics, weight_tiles

LAYERS = ["conv1", "conv2", "dense1"]


def test_maps_are_what_stands_at_each_address(xp):
    model, (image,) = small_net(xp), images(1)
    found = maps(model, move(image, xp), ["pool1", "conv2", "output"])
    assert list(found) == ["pool1", "conv2", "output"]
    for address, x in found.items():
        np.testing.assert_allclose(to_numpy(x), pre(model, address, image), atol=1e-12)


def test_statistics_by_hand(xp):
    model, batch = small_net(xp), images(260)  # more than one batch
    found = statistics(model, move(batch, xp), LAYERS)
    for layer in LAYERS:
        values = pres(model, f"{layer}.pre", batch)
        values = values.reshape(*values.shape[:2], -1)
        expected = {
            "low": values.min(axis=(0, 2)),
            "high": values.max(axis=(0, 2)),
            "mean": np.maximum(values, 0).mean(axis=(0, 2)),
            "on": (values > 0).mean(axis=(0, 2)),
            "reached": (values > 0).any(axis=2).mean(axis=0),
        }
        for name, x in expected.items():
            np.testing.assert_allclose(to_numpy(getattr(found[layer], name)), x, atol=1e-12)


def faults(model, layer, batch):
    return {(f.index, f.kind): f.cause for f in audit(model, layer, statistics(model, batch, [layer])[layer])}


@pytest.mark.parametrize("layer", LAYERS)
def test_planted_faults_and_their_causes(layer):
    model, batch = small_net(seed=3), images(80)
    dense = model.network.layers[f"{layer}.pre"]
    W = dense.W if layer != "dense1" else dense.W.T  # units first
    W[0], dense.bias[0] = np.abs(W[0]), -50
    W[1] = 2 * W[2]
    dense.bias[1] = 80
    found = faults(model, layer, batch)
    assert found[0, "dead"].startswith("bias -50 outweighs the strongest input")
    assert found[1, "always on"].startswith("bias 80 outweighs the strongest inhibition")
    assert (2, "duplicate") in found and (1, "duplicate") not in found
    assert {key for key in found if key[0] < 2} == {(0, "dead"), (1, "always on")}


def test_the_causes_of_dead_units():
    model, batch = small_net(), images(100)
    dense = model.network.layers["dense1.pre"]
    dense.bias[:] = -0.1
    dense.W[:, 0] = -np.abs(dense.W[:, 0])
    dense.W[:, 1] = -20 * np.abs(dense.W[:, 1])
    dense.W[:, 2], dense.W[:, 3], dense.bias[3] = 0, -np.abs(dense.W[:, 3]), 0
    dense.W[:, 4], dense.bias[4] = np.abs(dense.W[:, 4]), 0
    found = faults(model, "dense1", batch)
    assert found[0, "dead"].startswith("weights that only inhibit") and "learning rate too high" in found[0, "dead"]
    assert found[1, "dead"].startswith("learning rate too high: its weights' norm is")
    assert found[2, "dead"].startswith("no weights")
    assert found[3, "dead"].startswith("bad start: its bias is still 0")
    assert found[4, "always on"].startswith("weights that only excite")


def test_the_rate_is_blamed_only_where_most_units_of_the_layer_are_dead():
    model, batch = small_net(), images(100)
    dense = model.network.layers["dense1.pre"]
    dense.bias[:], dense.W[...] = -0.1, np.abs(dense.W)
    for dead in range(1, 7):
        dense.W[:, dead - 1] *= -1
        found = faults(model, "dense1", batch)
        causes = {cause for (_, kind), cause in found.items() if kind == "dead"}
        assert len([1 for _, kind in found if kind == "dead"]) == dead
        for cause in causes:
            assert cause.startswith("weights that only inhibit")
            assert ("learning rate" in cause) == (dead > 3)
            assert ("start out of reach" in cause) == (dead <= 3)


def test_a_unit_that_one_image_reaches_is_not_dead():
    model, batch = small_net(), images(50)
    values = pres(model, "dense1.pre", batch)
    dense = model.network.layers["dense1.pre"]
    second, first = np.sort(values[:, 0])[-2:]
    dense.bias[0] -= (first + second) / 2
    assert (0, "dead") not in faults(model, "dense1", batch)
    assert statistics(model, batch, ["dense1"])["dense1"].reached[0] == 1 / 50
    assert (0, "dead") in faults(model, "dense1", np.delete(batch, values[:, 0].argmax(), axis=0))


def test_only_rectified_layers_are_audited():
    model, batch = small_net(), images(20)
    model.network.layers["output.pre"].bias[0] = -100
    assert faults(model, "output", batch) == {}


def test_weight_tiles_hold_every_weight_in_its_place(xp):
    model = small_net(xp)
    layers = {layer: to_numpy(model.network.layers[f"{layer}.pre"].W) for layer in model.layer_names}
    tiles = {layer: to_numpy(weight_tiles(model, layer)) for layer in model.layer_names}
    np.testing.assert_array_equal(tiles["conv1"], layers["conv1"][:, 0])
    # conv2: 3 kernels of 2 x 2 on a block of 2 x 2, a line of zeros between
    for i, (top, left) in enumerate([(0, 0), (0, 3), (3, 0)]):
        np.testing.assert_array_equal(tiles["conv2"][:, top : top + 2, left : left + 2], layers["conv2"][:, i])
    assert tiles["conv2"].shape == (4, 5, 5) and not tiles["conv2"][:, 2].any() and not tiles["conv2"][:, 3:, 3:].any()
    # dense1 sees 4 maps of 3 x 3
    own = layers["dense1"].T.reshape(6, *model.layer_shape("conv2"))
    h, w = own.shape[2:]
    for i, (top, left) in enumerate([(0, 0), (0, w + 1), (h + 1, 0), (h + 1, w + 1)]):
        np.testing.assert_array_equal(tiles["dense1"][:, top : top + h, left : left + w], own[:, i])
    # output sees 6 units: a block of 2 x 3
    np.testing.assert_array_equal(tiles["output"], layers["output"].T.reshape(3, 2, 3))
