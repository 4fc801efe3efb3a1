"""dbnvis.interop.widened: kernels of other settings against the definition, number by number."""

import itertools

import numpy as np
import pytest

from dbnvis.interop.widened import conv2d, same_padding, scaled
from dbnvis.models.layers import Dense


def defined(x, W, bias, stride, padding, dilation, groups):
    """y[o, r, c] = bias[o] + the sum over the channels of o's group and the kernel's numbers."""
    (top, bottom), (left, right) = padding
    x = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    n_out, n_in, kh, kw = W.shape
    rows = (x.shape[2] - dilation[0] * (kh - 1) - 1) // stride + 1
    columns = (x.shape[3] - dilation[1] * (kw - 1) - 1) // stride + 1
    y = np.zeros((len(x), n_out, rows, columns)) + bias[:, None, None]
    for o, i, k, m in itertools.product(range(n_out), range(n_in), range(kh), range(kw)):
        channel = o // (n_out // groups) * n_in + i
        for r, c in itertools.product(range(rows), range(columns)):
            y[:, o, r, c] += W[o, i, k, m] * x[:, channel, r * stride + k * dilation[0], c * stride + m * dilation[1]]
    return y


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [
        ((3, 3), 1, ((0, 0), (0, 0)), (1, 1), 1),
        ((3, 2), 2, ((1, 1), (0, 0)), (1, 2), 1),
        ((2, 2), 1, ((0, 1), (0, 1)), (1, 1), 2),
        ((1, 3), 3, ((2, 1), (0, 3)), (2, 2), 4),
        ((1, 1), 1, ((4, 4), (3, 3)), (1, 1), 2),
        ((2, 3), 2, ((5, 5), (5, 5)), (1, 1), 1),
    ],
)
def test_a_widened_kernel_computes_the_definition(kernel, stride, padding, dilation, groups):
    rng = np.random.default_rng(0)
    W, bias = rng.normal(size=(4, 4 // groups, *kernel)), rng.normal(size=4)
    layer, x = conv2d(W, bias, stride, padding, dilation, groups), rng.normal(size=(2, 4, 6, 7))
    expected = defined(x, W, bias, stride, padding, dilation, groups)
    np.testing.assert_allclose(layer.forward(x)[0], expected, atol=1e-12)
    assert layer.padding < max(layer.W.shape[2:])  # what a checkpoint takes


@pytest.mark.parametrize(("kernel", "dilation"), [((3, 3), (1, 1)), ((2, 4), (1, 1)), ((2, 3), (3, 2))])
def test_maps_keep_their_size(kernel, dilation):
    rng = np.random.default_rng(0)
    padding = same_padding(kernel, dilation)
    layer = conv2d(rng.normal(size=(1, 1, *kernel)), np.zeros(1), 1, padding, dilation)
    assert layer.out_shape((1, 6, 7)) == (1, 6, 7)
    for before, after in padding:  # PyTorch's "same": of an odd number of zeros the last one stands after
        assert after - before in (0, 1)


@pytest.mark.parametrize("layer", ["dense", "conv"])
def test_scaled_outputs(layer):
    rng = np.random.default_rng(0)
    scale, shift = rng.normal(size=3), rng.normal(size=3)
    if layer == "dense":
        plain, x, shaped = Dense(rng.normal(size=(5, 3)), rng.normal(size=3)), rng.normal(size=(2, 5)), (3,)
    else:
        plain = conv2d(rng.normal(size=(3, 2, 2, 2)), rng.normal(size=3))
        x, shaped = rng.normal(size=(2, 2, 4, 4)), (3, 1, 1)
    expected = plain.forward(x)[0] * scale.reshape(shaped) + shift.reshape(shaped)
    np.testing.assert_allclose(scaled(plain, scale, shift).forward(x)[0], expected, atol=1e-12)
