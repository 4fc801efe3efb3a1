"""dbnvis.train.optim: steps against the papers' recurrences in plain NumPy, whatever the block."""

import numpy as np
import pytest
from counts import host

from dbnvis.train import optim

STEPS = 5


def gradients(shape):
    numbers = np.random.default_rng(0)
    return numbers.normal(size=shape), numbers.normal(size=(STEPS, *shape))


@pytest.fixture(params=[2**15, 4])
def block(request, monkeypatch):
    monkeypatch.setattr(optim, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("shape", [(3, 5), (7,), (1,)])
def test_sgd_with_momentum(xp, shape):
    start, gs = gradients(shape)
    w, velocity = xp.asarray(start.copy()), xp.asarray(np.zeros(shape))
    expected, v = start.copy(), np.zeros(shape)
    for g in gs:
        optim.sgd(w, xp.asarray(g.copy()), velocity, rate=0.1, momentum=0.8)
        v = 0.8 * v - 0.1 * g
        expected += v
    np.testing.assert_allclose(host(w), expected, rtol=1e-12)
    np.testing.assert_allclose(host(velocity), v, rtol=1e-12)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("shape", [(3, 5), (7,), (1,)])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_adam(xp, shape, momentum):
    """Kingma & Ba (2015), algorithm 1, with its bias corrections spelt out."""
    start, gs = gradients(shape)
    w, mean, square = xp.asarray(start.copy()), *(xp.asarray(np.zeros(shape)) for _ in range(2))
    expected, m, v = start.copy(), np.zeros(shape), np.zeros(shape)
    for t, g in enumerate(gs, 1):
        optim.adam(w, xp.asarray(g.copy()), mean, square, rate=0.01, momentum=momentum, step=t)
        m = momentum * m + (1 - momentum) * g
        v = 0.999 * v + 0.001 * g**2
        expected -= 0.01 * (m / (1 - momentum**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(host(w), expected, rtol=1e-10)
    np.testing.assert_allclose(host(mean), m, rtol=1e-10)
    np.testing.assert_allclose(host(square), v, rtol=1e-10)


def test_a_zero_gradient_moves_nothing(xp):
    w, zeros = xp.asarray(np.ones(3)), [xp.asarray(np.zeros(3)) for _ in range(3)]
    optim.adam(w, *zeros, rate=0.1, momentum=0.9, step=1)
    np.testing.assert_array_equal(host(w), 1)


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 3, 3)])
def test_a_centered_gradient_is_its_part_that_keeps_the_sum_of_a_units_weights(xp, shape):
    """The orthogonal projection, as a matrix."""
    _, (g, *_) = gradients(shape)
    centered = xp.asarray(g.copy())
    optim.center(centered)
    n = shape[0] if len(shape) == 2 else 18  # weights of a unit
    units = g.T if len(shape) == 2 else g.reshape(4, n)
    expected = units @ (np.eye(n) - np.ones((n, n)) / n)
    np.testing.assert_allclose(host(centered), expected.T if len(shape) == 2 else expected.reshape(shape), atol=1e-12)


def test_the_gradient_of_biases_has_nothing_to_center(xp):
    _, (g, *_) = gradients((7,))
    centered = xp.asarray(g.copy())
    optim.center(centered)
    np.testing.assert_array_equal(host(centered), g)
