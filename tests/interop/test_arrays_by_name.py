"""dbnvis.interop.from_arrays and from_state: against sums by hand; orders told by shape or asked; what is refused."""

import warnings

import numpy as np
import pytest
from scipy.special import expit, softmax

from dbnvis.interop import from_arrays, from_state
from dbnvis.models.convnet import ConvNet
from dbnvis.models.mlp import MLP


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


PAIRS = [(normal(12, 5), normal(5)), (normal(5, 3), normal(3))]


def by_hand(x, pairs=PAIRS):
    (W1, b1), (W2, b2) = pairs
    return softmax(np.tanh(x.reshape(len(x), -1) @ W1 + b1) @ W2 + b2, axis=1)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8"])
def test_pairs_are_layers(dtype):
    pairs = [((10 * W).astype(dtype) if dtype == "int8" else W.astype(dtype), b.astype(dtype)) for W, b in PAIRS]
    model = from_arrays(pairs, (3, 4), activations=["tanh", "softmax"])
    assert isinstance(model, MLP) and model.layer_names == ["h1", "h2"] and str(model.dtype) == "float32"
    x = np.random.default_rng(1).random((6, 3, 4))
    wide = [(W.astype("float64"), b.astype("float64")) for W, b in pairs]
    np.testing.assert_allclose(model.encode(x.astype("float32"), "h2"), by_hand(x, wide), atol=1e-5)


@pytest.mark.parametrize("order", ["auto", "out-in"])
def test_transposed_weights_are_told_by_shape(order):
    x = np.random.default_rng(1).random((6, 3, 4), dtype="float32")
    plain = from_arrays(PAIRS, (3, 4), activations=["tanh", "softmax"])
    turned = from_arrays([(W.T, b[None]) for W, b in PAIRS], (3, 4), activations=["tanh", "softmax"], order=order)
    np.testing.assert_array_equal(plain.encode(x, "h2"), turned.encode(x, "h2"))


def test_of_square_weights_the_order_is_asked():
    pair = {"a": (normal(12, 12), normal(12))}
    with pytest.raises(ValueError, match=r"weights of a are 12 x 12, so their shape does not say .* order in-out"):
        from_arrays(pair, (3, 4), activations="sigmoid")
    x = np.random.default_rng(1).random((2, 3, 4), dtype="float32")
    for order, W in (("in-out", pair["a"][0]), ("out-in", pair["a"][0].T)):
        model = from_arrays(pair, (3, 4), activations="sigmoid", order=order)
        expected = expit(x.reshape(2, -1) @ W + pair["a"][1])
        np.testing.assert_allclose(model.encode(x, "a"), expected, atol=1e-5)


def test_the_last_row_may_be_the_bias():
    """As in the files of Hinton & Salakhutdinov (2006)."""
    arrays = {"w1": np.vstack([PAIRS[0][0], PAIRS[0][1]]), "w_class": np.vstack([PAIRS[1][0], PAIRS[1][1]])}
    with pytest.warns(UserWarning, match="last of the 13 rows of w1 is its bias; the last of the 6 rows of w_class"):
        model = from_state(arrays, "w1 tanh w_class softmax", (3, 4))
    x = np.random.default_rng(1).random((6, 3, 4), dtype="float32")
    assert model.layer_names == ["w1", "w_class"]
    np.testing.assert_allclose(model.encode(x, "w_class"), by_hand(x), atol=1e-5)


def test_a_row_too_many_in_either_direction_is_asked():
    with pytest.raises(ValueError, match="weights of w are 13 x 12"):
        from_state({"w": normal(13, 12)}, "w sigmoid", (3, 4))


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (("a.weight", "a.bias"), "a"),
        (("a.W", "a.b"), "a"),
        (("a_W", "a_b"), "a"),
        (("W1", "b1"), "W1"),
        (("enc_w", "enc_b"), "enc_w"),
        (("vishid", "hidrecbiases"), "a:weight=vishid,bias=hidrecbiases"),
        (("a", "hidrecbiases"), "a:bias=hidrecbiases"),
    ],
)
def test_names_of_weights_and_biases(names, word):
    W, bias = PAIRS[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = from_state(dict(zip(names, (W, bias), strict=True)), [word, "sigmoid"], (12,))
    layer = word.partition(":")[0]
    np.testing.assert_array_equal(model.weights(layer), W.astype("float32"))
    np.testing.assert_array_equal(model.network.weighted(layer).bias, bias.astype("float32"))


def test_what_is_not_used_and_biases_that_are_not_there_are_said():
    arrays = {"a.weight": PAIRS[0][0], "other": PAIRS[0][1], "bn.num_batches_tracked": np.array(3)}
    with pytest.warns(UserWarning, match="^a has no bias: zeros; not used: other$"):
        from_state(arrays, "a relu", (12,))


def test_convolutions_windows_and_normalization():
    W, bias, top = normal(4, 1, 2, 2), normal(4), normal(3, 4 * 2 * 2)
    arrays = {"c.weight": W, "c.bias": bias, "n.running_mean": normal(4), "n.running_var": normal(4) ** 2}
    arrays |= {"n.weight": normal(4, seed=1), "n.bias": normal(4, seed=2), "fc.weight": top, "fc.bias": normal(3)}
    model = from_state(arrays, "c:padding=1 n:eps=0.1 relu maxpool:size=3,stride=2 fc softmax", (1, 5, 5))
    assert isinstance(model, ConvNet) and model.layer_names == ["c", "fc"]
    x = np.random.default_rng(1).random((2, 5, 5))
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (2, 2), axis=(1, 2))
    y = np.einsum("brckl,okl->borc", seen, W[:, 0]) + bias[:, None, None]
    y = (y - arrays["n.running_mean"][:, None, None]) / np.sqrt(arrays["n.running_var"] + 0.1)[:, None, None]
    y = np.maximum(y * arrays["n.weight"][:, None, None] + arrays["n.bias"][:, None, None], 0)
    windows = np.lib.stride_tricks.sliding_window_view(y, (3, 3), axis=(2, 3))[:, :, ::2, ::2]
    pooled = windows.max(axis=(4, 5)).reshape(2, -1)
    expected = softmax(pooled @ top.T + arrays["fc.bias"], axis=1)
    np.testing.assert_allclose(model.encode(x.astype("float32"), "fc"), expected, atol=1e-5)


def test_outputs_of_the_source_are_compared():
    x = np.random.default_rng(1).random((6, 3, 4))
    check = x, by_hand(x)
    from_arrays(PAIRS, (3, 4), activations=["tanh", "softmax"], check=check)
    with pytest.raises(ValueError, match=r"layer h2 differs from the source by 0\.\d+ where"):
        from_arrays(PAIRS, (3, 4), activations=["sigmoid", "softmax"], check=check)
    with pytest.raises(ValueError, match=r"activations of shape \(3,\) for an image, the source's are of shape \(2,\)"):
        from_arrays(PAIRS, (3, 4), activations=["tanh", "softmax"], check=(x, check[1][:, :2]))


ARRAYS = {"c.weight": normal(4, 1, 2, 2), "c.bias": normal(4), "fc.weight": normal(3, 12), "fc.bias": normal(3)}


@pytest.mark.filterwarnings("ignore:.*no bias|not used")
@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ("fc relu6", "no array belongs to relu6; there are c.weight, .*; words without arrays are relu, sigmoid"),
        ("fc:weight=fx", "there is no array fx; there are c.weight"),
        ("fc:stride=2", "fc has no setting 'stride'; it has weight, bias"),
        ("fc:stride", "settings are written NAME:KEY=VALUE,KEY=VALUE, got 'fc:stride'"),
        ("c:stride=0", r"kernels \(O, I, rows, columns\) \(4, 1, 2, 2\) of c do not fit"),
        ("c:stride=two", "stride of c must be a number such as 2, got 'two'"),
        ("c:groups=2", r"of c do not fit maps of \(1, 3, 4\)"),
        ("c maxpool:size=9", "windows of 9 x 9 do not fit"),
        ("fc maxpool", r"maxpool works on maps \(C, H, W\), what is below it gives \(3,\)"),
        ("fc c", r"c works on maps"),
        ("relu:size=1 fc", "relu has no setting 'size'; it has none"),
        ("c relu fc", r"weights of fc have shape \(3, 12\) and a bias of 3, what is below gives 24 numbers"),
        ("fc:bias=c.bias", "a bias of 4, what is below gives 12"),
        ("relu", "no layer with weights"),
        ("", "no layer with weights"),
    ],
)
def test_words_that_do_not_fit_are_refused(layers, said):
    with pytest.raises(ValueError, match=said):
        from_state(ARRAYS, layers, (3, 4))


@pytest.mark.filterwarnings("ignore:.*no bias")
@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"fc": normal(12)}, r"weights of fc have shape \(12,\)"),
        ({"fc": np.array(["a"])}, "the array fc must hold real numbers"),
        ({"fc": normal(12, 3) * np.nan}, "layer fc has 36 weights or biases that are NaN or infinite"),
        ({"fc": normal(12, 3) * 1e300}, "NaN or infinite"),
        ({"fc": normal(2, 2, 3, 4).transpose(3, 2, 0, 1)}, r"of fc do not fit"),
        ({"fc": normal(2, 2, 1, 3)}, r"give W.transpose\(3, 2, 0, 1\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arrays, said):
    with pytest.raises(ValueError, match=said):
        from_state(arrays, "fc sigmoid", (3, 4))


@pytest.mark.parametrize(
    ("layers", "activations", "said"),
    [
        (PAIRS, ["tanh"], "there are 2 layers and 1 activations"),
        (PAIRS, "swish", "no activation 'swish'; there are relu, sigmoid"),
        ([PAIRS[0][0]], "tanh", r"layer h1 must be a pair \(W, bias\)"),
        (PAIRS[1:], "tanh", r"weights of h1 have shape \(5, 3\)"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(layers, activations, said):
    with pytest.raises(ValueError, match=said):
        from_arrays(layers, (3, 4), activations=activations)
