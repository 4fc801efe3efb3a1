"""dbnvis.models.convolution: against sums by hand, finite differences, PyTorch; transposes; what is kept."""

from dataclasses import replace

import numpy as np
import pytest
from counts import host
from oracles import numerical_gradient

from dbnvis.models.convolution import Channels, Conv2D, ReLU
from dbnvis.models.layers import Trainable
from dbnvis.models.subsampling import MaxPool2D

#: (stride, padding, kernel rows, kernel columns) on maps of 7 x 6.
SETTINGS = [
    (1, 0, 3, 3),
    (2, 0, 3, 2),
    (1, 1, 3, 3),
    (2, 1, 2, 3),
    (3, 2, 3, 3),
    (1, 0, 7, 6),
    (1, 0, 1, 1),
    (3, 0, 2, 2),
]


@pytest.fixture
def numbers():
    return np.random.default_rng(0)


def conv(xp, numbers, stride, padding, kh, kw):
    return Conv2D(xp.asarray(numbers.normal(size=(4, 3, kh, kw))), xp.asarray(numbers.normal(size=4)), stride, padding)


def correlate(x, W, bias, stride, padding):
    """The definition, number by number."""
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kh, kw = W.shape[2:]
    rows, columns = (x.shape[2] - kh) // stride + 1, (x.shape[3] - kw) // stride + 1
    y = np.empty((len(x), len(W), rows, columns))
    for r in range(rows):
        for c in range(columns):
            seen = x[:, :, r * stride : r * stride + kh, c * stride : c * stride + kw]
            y[:, :, r, c] = np.einsum("bikl,oikl->bo", seen, W) + bias
    return y


def pooled(x, size, step):
    rows, columns = (x.shape[-2] - size) // step + 1, (x.shape[-1] - size) // step + 1
    y = np.empty((*x.shape[:-2], rows, columns))
    for r in range(rows):
        for c in range(columns):
            y[..., r, c] = x[..., r * step : r * step + size, c * step : c * step + size].max(axis=(-2, -1))
    return y


# --- convolution


@pytest.mark.parametrize("setting", SETTINGS)
def test_convolution_is_the_sum_by_hand_and_its_pullback_the_derivative(xp, numbers, setting):
    layer, x = conv(xp, numbers, *setting), numbers.normal(size=(2, 3, 7, 6))

    def by_hand(x):
        return correlate(x, host(layer.W), host(layer.bias), *setting[:2])

    y, pullback = layer.forward(xp.asarray(x))
    np.testing.assert_allclose(host(y), by_hand(x), rtol=1e-11, atol=1e-12)
    assert y.shape[1:] == layer.out_shape((3, 7, 6))
    gy = numbers.normal(size=y.shape)
    expected = numerical_gradient(lambda x: (by_hand(x) * gy).sum(), x)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("setting", SETTINGS)
def test_gradients_by_kernels_and_biases(xp, numbers, setting):
    layer, x = conv(xp, numbers, *setting), numbers.normal(size=(2, 3, 7, 6))
    gy = numbers.normal(size=(2, *layer.out_shape((3, 7, 6))))
    found = layer.gradients(xp.asarray(x), xp.asarray(gy))
    assert isinstance(layer, Trainable) and found.keys() == layer.params().keys()
    for name, value in layer.params().items():

        def loss(value, name=name):
            arrays = {"W": host(layer.W), "bias": host(layer.bias), name: value}
            return (correlate(x, arrays["W"], arrays["bias"], *setting[:2]) * gy).sum()

        expected = numerical_gradient(loss, host(value))
        np.testing.assert_allclose(host(found[name]), expected, rtol=1e-6, atol=1e-8)
    out = {name: xp.empty_like(value) for name, value in layer.params().items()}
    got = layer.gradients(xp.asarray(x), xp.asarray(gy), out)
    for name, array in out.items():
        assert got[name] is array
        np.testing.assert_array_equal(host(array), host(found[name]))


@pytest.mark.parametrize("setting", SETTINGS)
def test_transpose_is_the_adjoint(xp, numbers, setting):
    """<A x, y> = <x, A' y> on inputs that the windows cover whole, which is what `transpose` gives."""
    layer = conv(xp, numbers, *setting)
    layer = replace(layer, bias=layer.bias * 0)
    y = numbers.normal(size=(2, *layer.out_shape((3, 7, 6))))
    back = host(layer.transpose(xp.asarray(y)))
    x = numbers.normal(size=back.shape)
    np.testing.assert_allclose((host(layer.forward(xp.asarray(x))[0]) * y).sum(), (x * back).sum(), rtol=1e-11)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_as_pytorch(numbers, setting):
    torch = pytest.importorskip("torch")
    layer, x = conv(np, numbers, *setting), numbers.normal(size=(3, 3, 7, 6))
    ours, pullback = layer.forward(x)
    W, bias, tx = (torch.tensor(a, requires_grad=True) for a in (layer.W, layer.bias, x))
    theirs = torch.nn.functional.conv2d(tx, W, bias, stride=setting[0], padding=setting[1])
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-11, atol=1e-12)
    gy = numbers.normal(size=ours.shape)
    theirs.backward(torch.tensor(gy))
    np.testing.assert_allclose(pullback(gy), tx.grad.numpy(), rtol=1e-11, atol=1e-12)
    found = layer.gradients(x, gy)
    np.testing.assert_allclose(found["W"], W.grad.numpy(), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found["bias"], bias.grad.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("leading", [(), (2, 3), (2, 1, 3)])
def test_leading_axes_are_free(xp, numbers, leading):
    for layer in (conv(xp, numbers, 2, 1, 3, 3), MaxPool2D(3, 2)):
        x = numbers.normal(size=(*leading, 3, 7, 6))
        y, pullback = layer.forward(xp.asarray(x))
        flat, pull_flat = layer.forward(xp.asarray(x.reshape(-1, 3, 7, 6)))
        np.testing.assert_allclose(host(y).reshape(flat.shape), host(flat), rtol=1e-11, atol=1e-12)
        gy = numbers.normal(size=flat.shape)
        one, other = host(pullback(xp.asarray(gy.reshape(y.shape)))), host(pull_flat(xp.asarray(gy)))
        np.testing.assert_allclose(one.reshape(other.shape), other, rtol=1e-11, atol=1e-12)
        one, other = host(layer.transpose(xp.asarray(gy.reshape(y.shape)))), host(layer.transpose(xp.asarray(gy)))
        assert one.shape[: len(leading)] == leading
        np.testing.assert_allclose(one.reshape(other.shape), other, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("shapes", "settings", "said"),
    [
        (((4, 3, 3), (4,)), {}, r"expected W \(O, I, kh, kw\) and bias \(O,\), got \(4, 3, 3\)"),
        (((4, 3, 3, 3), (3,)), {}, r"got \(4, 3, 3, 3\) and \(3,\)"),
        (((4, 3, 3, 3), (4,)), {"stride": 0}, "stride >= 1 and a padding >= 0, got 0 and 0"),
        (((4, 3, 3, 3), (4,)), {"padding": -1}, "got 1 and -1"),
    ],
)
def test_shapes_that_disagree_are_refused(shapes, settings, said):
    with pytest.raises(ValueError, match=said):
        Conv2D(*map(np.zeros, shapes), **settings)


def test_maps_that_do_not_fit_are_refused():
    layer = Conv2D(np.zeros((4, 3, 5, 5)), np.zeros(4))
    for shape in ((3, 4, 6), (2, 6, 6)):
        with pytest.raises(ValueError, match=rf"do not fit maps of shape \({shape[0]}, {shape[1]}"):
            layer.forward(np.zeros((1, *shape)))
    with pytest.raises(ValueError, match=r"windows of 3 x 3 do not fit maps of shape \(1, 2, 5\)"):
        MaxPool2D(3).forward(np.zeros((1, 1, 2, 5)))
    with pytest.raises(ValueError, match="size and a stride >= 1, got 0 and None"):
        MaxPool2D(0)


# --- pooling, rectification, channels


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 1), (2, 3), (1, None), (1, 2)])
def test_pooling_is_the_maximum_and_its_pullback_the_derivative(xp, numbers, size, stride):
    layer, x = MaxPool2D(size, stride), numbers.normal(size=(2, 3, 7, 6))
    y, pullback = layer.forward(xp.asarray(x))
    np.testing.assert_array_equal(host(y), pooled(x, size, layer.step))
    assert y.shape[1:] == layer.out_shape((3, 7, 6))
    gy = numbers.normal(size=y.shape)
    expected = numerical_gradient(lambda x: (pooled(x, size, layer.step) * gy).sum(), x)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-6, atol=1e-8)


def test_of_equal_maxima_the_first_gets_the_gradient(xp):
    x = xp.asarray(np.array([[[[1.0, 2.0, 0, 0], [2.0, 2.0, 0, 0]]]]))
    _, pullback = MaxPool2D().forward(x)
    found = host(pullback(xp.asarray(np.array([[[[5.0, 7.0]]]]))))
    np.testing.assert_array_equal(found, [[[[0, 5, 7, 0], [0, 0, 0, 0]]]])


@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 2), (2, 3)])
def test_unpooling_without_switches_is_the_adjoint_of_the_mean(xp, numbers, size, stride):
    layer = MaxPool2D(size, stride)
    y = numbers.normal(size=(2, 3, 2, 2))
    back = host(layer.transpose(xp.asarray(y)))
    x = numbers.normal(size=back.shape)
    kernel = np.full((1, 1, size, size), 1 / size**2)
    mean = np.concatenate([correlate(x[:, [c]], kernel, np.zeros(1), layer.step, 0) for c in range(3)], axis=1)
    np.testing.assert_allclose((mean * y).sum(), (x * back).sum(), rtol=1e-12)


def test_rectification(xp):
    y, pullback = ReLU().forward(xp.asarray(np.array([[-1.0, 2.0, 3.0, 0.0]])))
    np.testing.assert_array_equal(host(y), [[0, 2, 3, 0]])
    np.testing.assert_array_equal(host(pullback(xp.asarray(np.array([[5.0, -4.0, 6.0, 1.0]])))), [[0, -4, 6, 0]])


@pytest.mark.parametrize(("shape", "maps"), [((5, 4), (1, 5, 4)), ((1, 5, 4), (1, 5, 4)), ((3, 5, 4), (3, 5, 4))])
def test_grey_images_get_a_channel_axis(xp, numbers, shape, maps):
    x = xp.asarray(numbers.normal(size=(2, *shape)))
    y, pullback = Channels(shape).forward(x)
    assert y.shape == (2, *maps)
    np.testing.assert_array_equal(host(pullback(y)), host(x))


# --- memory


def test_gradients_of_other_images_than_the_last_forward_pass_saw(xp, numbers):
    layer = conv(xp, numbers, 1, 1, 3, 3)
    trained, first, second = layer.for_training(), *(xp.asarray(numbers.normal(size=(2, 3, 5, 5))) for _ in range(2))
    gy = xp.asarray(numbers.normal(size=(2, 4, 5, 5)))
    trained.forward(first)
    trained.forward(second)
    for x in (first, second):
        one, two = layer.gradients(x, gy), trained.gradients(x, gy)
        assert all(np.array_equal(host(one[name]), host(two[name])) for name in one)


def test_in_training_arrays_are_used_again_and_the_numbers_are_the_same(xp, numbers):
    for layer in (conv(xp, numbers, 1, 0, 3, 3), conv(xp, numbers, 2, 1, 3, 2), MaxPool2D(), MaxPool2D(3, 2), ReLU()):
        trained = layer.for_training()
        for size in (4, 4, 2, 4):  # a smaller batch between
            x = xp.asarray(numbers.normal(size=(size, 3, 7, 6)))
            (y, pullback), (other, other_pullback) = layer.forward(x), trained.forward(x)
            np.testing.assert_array_equal(host(y), host(other))
            gy = xp.asarray(numbers.normal(size=y.shape))
            np.testing.assert_array_equal(host(pullback(gy)), host(other_pullback(gy)))
            if isinstance(layer, Conv2D):
                one, two = layer.gradients(x, gy), trained.gradients(x, gy)
                assert all(np.array_equal(host(one[name]), host(two[name])) for name in one)
        made = {name: id(array) for name, array in trained.scratch.items()}
        trained.forward(x)
        assert made == {name: id(array) for name, array in trained.scratch.items()}
        assert layer.scratch is None


def test_float32_stays_float32(xp):
    x = xp.asarray(np.random.default_rng(0).random((2, 3, 7, 6), dtype=np.float32))
    layer = Conv2D(x[:, :, :3, :3], x[:, 0, 0, 0])
    for each in (layer, layer.for_training(), MaxPool2D(), ReLU()):
        y, pullback = each.forward(x)
        assert y.dtype == pullback(y).dtype == each.transpose(y).dtype == np.float32
