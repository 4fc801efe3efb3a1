"""dbnvis.models.layers: values by hand, pullbacks against finite differences, transposes by the adjoint identity."""

from dataclasses import replace

import numpy as np
import pytest
from counts import host
from oracles import numerical_gradient
from scipy.special import expit, softmax

from dbnvis.backend import make_rng
from dbnvis.models.layers import Dense, Dropout, Flatten, Identity, Network, Sigmoid, Softmax, Tanh, Trainable


@pytest.fixture
def numbers():
    return np.random.default_rng(0)


def layer_cases(xp, numbers):
    """Name, layer, shape of one input, shape of one output, the function by hand."""
    W, bias = numbers.normal(size=(6, 4)), numbers.normal(size=4)
    return [
        ("flatten", Flatten((2, 3)), (2, 3), (6,), lambda x: x.reshape(*x.shape[:-2], 6)),
        (
            "dense",
            Dense(xp.asarray(W), xp.asarray(bias)),
            (6,),
            (4,),
            lambda x: np.einsum("...i,ij->...j", x, W) + bias,
        ),
        ("sigmoid", Sigmoid(), (5,), (5,), expit),
        ("tanh", Tanh(), (5,), (5,), np.tanh),
        ("softmax", Softmax(), (5,), (5,), lambda x: softmax(x, axis=-1)),
        ("identity", Identity(), (5,), (5,), lambda x: x),
    ]


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_forward_and_pullback(xp, numbers, case, leading):
    _, layer, shape_in, shape_out, by_hand = layer_cases(xp, numbers)[case]
    x, gy = numbers.normal(size=(*leading, *shape_in)), numbers.normal(size=(*leading, *shape_out))
    y, pullback = layer.forward(xp.asarray(x))
    np.testing.assert_allclose(host(y), by_hand(x), rtol=1e-12)
    expected = numerical_gradient(lambda x: (by_hand(x) * gy).sum(), x)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", [0, 1])
def test_transpose_is_the_adjoint(xp, numbers, case):
    """<A x, y> = <x, A' y>, with A the layer's linear part."""
    _, layer, shape_in, shape_out, _ = layer_cases(xp, numbers)[case]
    x, y = numbers.normal(size=(3, *shape_in)), numbers.normal(size=(3, *shape_out))
    Ax = host(layer.forward(xp.asarray(x))[0]) - host(layer.forward(xp.asarray(np.zeros_like(x)))[0])
    Aty = host(layer.transpose(xp.asarray(y)))
    assert Aty.shape == x.shape
    np.testing.assert_allclose((Ax * y).sum(), (x * Aty).sum(), rtol=1e-12)


def three_layers(xp, numbers):
    W1, W2 = numbers.normal(size=(6, 5)), numbers.normal(size=(5, 2))
    b1, b2 = numbers.normal(size=5), numbers.normal(size=2)
    network = Network(
        {
            "input": Flatten((2, 3)),
            "h1.pre": Dense(xp.asarray(W1), xp.asarray(b1)),
            "h1": Sigmoid(),
            "h2.pre": Dense(xp.asarray(W2), xp.asarray(b2)),
        }
    )
    return network, (W1, b1, W2, b2)


def test_network_runs_its_layers_in_order(xp, numbers):
    network, (W1, b1, W2, b2) = three_layers(xp, numbers)
    x, gy = numbers.normal(size=(3, 2, 3)), numbers.normal(size=(3, 2))

    def by_hand(x):
        return expit(x.reshape(3, 6) @ W1 + b1) @ W2 + b2

    y, pullback = network.forward(xp.asarray(x))
    np.testing.assert_allclose(host(y), by_hand(x), rtol=1e-12)
    expected = numerical_gradient(lambda x: (by_hand(x) * gy).sum(), x)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-6, atol=1e-9)


def test_network_transposes_in_reverse(xp, numbers):
    network, (W1, _, W2, _) = three_layers(xp, numbers)
    y = numbers.normal(size=(3, 2))
    expected = np.einsum("bk,jk,ij->bi", y, W2, W1).reshape(3, 2, 3)
    np.testing.assert_allclose(host(network.transpose(xp.asarray(y))), expected, rtol=1e-12)


def test_upto_ends_at_the_address(xp, numbers):
    network, (W1, b1, _, _) = three_layers(xp, numbers)
    x = numbers.normal(size=(3, 2, 3))
    pre = x.reshape(3, 6) @ W1 + b1
    np.testing.assert_allclose(host(network.upto("h1.pre").forward(xp.asarray(x))[0]), pre, rtol=1e-12)
    np.testing.assert_allclose(host(network.upto("h1").forward(xp.asarray(x))[0]), expit(pre), rtol=1e-12)
    assert list(network.upto("h2.pre").layers) == ["input", "h1.pre", "h1", "h2.pre"]


def test_upto_lists_the_addresses_there_are(xp, numbers):
    with pytest.raises(KeyError, match=r"no layer 'h7'.*input, h1\.pre, h1, h2\.pre"):
        three_layers(xp, numbers)[0].upto("h7")


def test_select_keeps_the_chosen_units_of_the_last_layer(xp, numbers):
    network, (W1, b1, W2, b2) = three_layers(xp, numbers)
    x, gy, units = numbers.normal(size=(3, 2, 3)), numbers.normal(size=(3, 3)), [3, 0, 3]  # any order, repeated
    pre, h = x.reshape(3, 6) @ W1 + b1, expit(x.reshape(3, 6) @ W1 + b1)
    y, pullback = network.upto("h1.pre").select(xp.asarray(np.array(units))).forward(xp.asarray(x))
    np.testing.assert_allclose(host(y), pre[:, units], rtol=1e-12)
    expected = (gy @ W1[:, units].T).reshape(3, 2, 3)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-12)
    y, _ = network.select(xp.asarray(np.array([1]))).forward(xp.asarray(x))
    np.testing.assert_allclose(host(y), (h @ W2 + b2)[:, [1]], rtol=1e-12)


# --- gradients by the parameters


@pytest.mark.parametrize("leading", [(), (3,), (2, 3)])
def test_gradients_of_every_parameter(xp, numbers, leading):
    """Every layer with parameters, against finite differences of its own forward pass."""
    tried = 0
    for _, layer, shape_in, shape_out, _ in layer_cases(xp, numbers):
        if not isinstance(layer, Trainable):
            continue
        x, gy = numbers.normal(size=(*leading, *shape_in)), numbers.normal(size=(*leading, *shape_out))
        found = layer.gradients(xp.asarray(x), xp.asarray(gy))
        assert found.keys() == layer.params().keys()
        for name, value in layer.params().items():

            def loss(value, name=name, layer=layer, x=x, gy=gy):
                changed = replace(layer, **{name: xp.asarray(value)})
                return (host(changed.forward(xp.asarray(x))[0]) * gy).sum()

            expected = numerical_gradient(loss, host(value))
            np.testing.assert_allclose(host(found[name]), expected, rtol=1e-6, atol=1e-8)
            tried += 1
    assert tried == 2


def test_gradients_go_into_given_arrays(xp, numbers):
    layer = layer_cases(xp, numbers)[1][1]
    x, gy = xp.asarray(numbers.normal(size=(3, 6))), xp.asarray(numbers.normal(size=(3, 4)))
    out = {name: xp.empty_like(value) for name, value in layer.params().items()}
    got = layer.gradients(x, gy, out)
    fresh = layer.gradients(x, gy)
    for name in out:
        assert got[name] is out[name]
        np.testing.assert_array_equal(host(out[name]), host(fresh[name]))


def test_network_traces_the_gradient_of_every_parameter(xp, numbers):
    network, _ = three_layers(xp, numbers)
    x, gy = numbers.normal(size=(3, 2, 3)), numbers.normal(size=(3, 2))
    y, gradients = network.trace(xp.asarray(x))
    np.testing.assert_array_equal(host(y), host(network.forward(xp.asarray(x))[0]))
    found = gradients(xp.asarray(gy))
    assert list(found) == list(network.params()) == ["h1.pre.W", "h1.pre.bias", "h2.pre.W", "h2.pre.bias"]
    for name, value in network.params().items():
        address, _, key = name.rpartition(".")

        def loss(value, address=address, key=key):
            layer = replace(network.layers[address], **{key: xp.asarray(value)})
            return (host(Network({**network.layers, address: layer}).forward(xp.asarray(x))[0]) * gy).sum()

        np.testing.assert_allclose(host(found[name]), numerical_gradient(loss, host(value)), rtol=1e-6, atol=1e-8)


def test_only_the_wanted_gradients_are_computed(xp, numbers):
    network, _ = three_layers(xp, numbers)
    x, gy = xp.asarray(numbers.normal(size=(3, 2, 3))), xp.asarray(numbers.normal(size=(3, 2)))
    everything = network.trace(x)[1](gy)

    class Untouchable:
        def forward(self, x):
            return x, self.refuse

        def refuse(self, gy):
            raise AssertionError("went below the lowest wanted layer")

    barred = Network({"input": network.layers["input"], "bar": Untouchable(), **network.layers})
    for wanted in (["h2.pre.W", "h2.pre.bias"], ["h2.pre.bias"], ["h1.pre.W"], list(network.params())):
        out = {name: xp.empty_like(network.params()[name]) for name in wanted}
        got = barred.trace(x)[1](gy, out)
        assert list(got) == wanted
        for name in wanted:
            assert got[name] is out[name]
            np.testing.assert_array_equal(host(out[name]), host(everything[name]))


def test_params_are_the_arrays_themselves(xp, numbers):
    network, _ = three_layers(xp, numbers)
    assert network.params()["h1.pre.W"] is network.layers["h1.pre"].W


def test_dropout_leaves_out_its_share_and_scales_the_others(xp):
    layer = Dropout(0.3, make_rng(xp, 0))
    x = xp.asarray(np.full((400, 50), 2.0))
    y, pullback = layer.forward(x)
    values, counts = np.unique(host(y), return_counts=True)
    np.testing.assert_allclose(values, [0, 2 / 0.7])
    assert abs(counts[0] / counts.sum() - 0.3) < 4 * np.sqrt(0.3 * 0.7 / counts.sum())
    np.testing.assert_array_equal(host(pullback(x)), host(y))  # the same draw
    assert (host(layer.forward(x)[0]) != host(y)).any()  # another draw
    again, _ = Dropout(0.3, make_rng(xp, 0)).forward(x)
    np.testing.assert_array_equal(host(again), host(y))


def test_softmax_of_large_numbers(xp):
    y, _ = Softmax().forward(xp.asarray(np.array([[1000.0, 1000.0, -1000.0]], dtype="float32")))
    np.testing.assert_allclose(host(y), [[0.5, 0.5, 0]])
