"""dbnvis.models.subsampling: means of windows against sums by hand, finite differences, the adjoint identity.

The largest of windows is in `test_convolution`.
"""

import numpy as np
import pytest
from counts import host
from oracles import numerical_gradient

from dbnvis import checkpoint
from dbnvis.models.convnet import ConvNet
from dbnvis.models.convolution import Channels, Conv2D, ReLU
from dbnvis.models.layers import Dense, Flatten, Tanh
from dbnvis.models.spatial import SpatialNetwork
from dbnvis.models.subsampling import AvgPool2D
from dbnvis.views import gradients


def averaged(x, size, step):
    rows, columns = (x.shape[-2] - size) // step + 1, (x.shape[-1] - size) // step + 1
    y = np.empty((*x.shape[:-2], rows, columns))
    for r in range(rows):
        for c in range(columns):
            y[..., r, c] = x[..., r * step : r * step + size, c * step : c * step + size].mean(axis=(-2, -1))
    return y


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3), (1, 1), (6, None)])
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_each_window_becomes_its_mean_and_the_pullback_is_the_derivative(xp, size, stride, leading):
    rng = np.random.default_rng(0)
    layer, x = AvgPool2D(size, stride), rng.normal(size=(*leading, 2, 7, 6))
    y, pullback = layer.forward(xp.asarray(x))
    np.testing.assert_allclose(host(y), averaged(x, size, stride or size), rtol=1e-12)
    assert y.shape[-3:] == layer.out_shape((2, 7, 6))
    gy = rng.normal(size=y.shape)
    expected = numerical_gradient(lambda x: (averaged(x, size, stride or size) * gy).sum(), x)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3)])
def test_transpose_is_the_adjoint_on_what_the_windows_cover(xp, size, stride):
    rng = np.random.default_rng(0)
    layer = AvgPool2D(size, stride)
    y = rng.normal(size=(2, *layer.out_shape((3, 7, 6))))
    back = host(layer.transpose(xp.asarray(y)))
    x = rng.normal(size=back.shape)
    np.testing.assert_allclose((host(layer.forward(xp.asarray(x))[0]) * y).sum(), (x * back).sum(), rtol=1e-11)


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="windows of 3 x 3 do not fit"):
        AvgPool2D(3).forward(np.zeros((1, 1, 2, 5)))
    with pytest.raises(ValueError, match=r"expected maps \(..., C, H, W\)"):
        AvgPool2D().forward(np.zeros((2, 5)))
    with pytest.raises(ValueError, match=">= 1"):
        AvgPool2D(2, 0)


@pytest.fixture
def averaging():
    """A network of Tanh and means of windows."""
    rng = np.random.default_rng(0)
    layers = {"input": Channels((7, 6)), "c.pre": Conv2D(rng.normal(size=(3, 1, 2, 2)), rng.normal(size=3))}
    layers |= {"c": Tanh(), "pool": AvgPool2D(2), "flat": Flatten((3, 3, 2))}
    layers |= {"out.pre": Dense(rng.normal(size=(18, 4)), rng.normal(size=4)), "out": ReLU()}
    return ConvNet(SpatialNetwork(layers), (7, 6))


def test_a_checkpoint_keeps_them(averaging, tmp_path):
    checkpoint.save(tmp_path / "m.npz", averaging, config={}, seed=0)
    model = checkpoint.load(tmp_path / "m.npz", xp=np).model
    x = np.random.default_rng(1).random((3, 7, 6))
    assert [type(layer) for layer in model.network.layers.values()] == [
        type(layer) for layer in averaging.network.layers.values()
    ]
    np.testing.assert_array_equal(model.encode(x, "out"), averaging.encode(x, "out"))


def test_one_position_is_computed_from_what_it_sees_alone(averaging):
    layers = dict(list(averaging.network.layers.items())[:4])
    W = np.random.default_rng(2).normal(size=(2, 3, 1, 1))
    network = SpatialNetwork({**layers, "d.pre": Conv2D(W, np.zeros(2))})
    x = np.random.default_rng(1).random((3, 7, 6))
    unit = (1 * 2 + 1) * 2 + 1  # channel 1 in row 1, column 1
    part = network.select(np.array([unit]))
    assert "window" in part.layers
    np.testing.assert_allclose(part.forward(x)[0][:, 0], network.forward(x)[0][:, 1, 1, 1], rtol=1e-12)


def test_a_rule_of_relus_names_the_layer_that_has_none(averaging):
    with pytest.raises(ValueError, match="the units of c are tanh"):
        gradients(averaging, np.zeros((1, 7, 6)), ["out:1"], "guided")
