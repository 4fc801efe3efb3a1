"""dbnvis.layers: values by hand, pullbacks against finite differences, transposes by the adjoint identity."""

import numpy as np
import pytest
from conftest import host
from oracles import numerical_gradient
from scipy.special import expit

from dbnvis.layers import Dense, Flatten, Network, Sigmoid


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
    ]


@pytest.mark.parametrize("case", range(3))
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
