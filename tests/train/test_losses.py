"""dbnvis.train.losses: values by hand, gradients against finite differences, no overflow."""

import numpy as np
import pytest
from counts import host
from oracles import numerical_gradient
from scipy.special import expit, log_expit, log_softmax

from dbnvis.train.losses import LOSSES

numbers = np.random.default_rng(0)
Y, PIXELS, LABELS = numbers.normal(size=(4, 5)), numbers.random((4, 5)), np.array([2, 0, 4, 4])

BY_HAND = {
    "softmax": (lambda y: -log_softmax(y, axis=1)[np.arange(4), LABELS], lambda y: y.argmax(axis=1) != LABELS),
    "pixels": (
        lambda y: -(PIXELS * log_expit(y) + (1 - PIXELS) * log_expit(-y)).sum(axis=1),
        lambda y: ((expit(y) - PIXELS) ** 2).sum(axis=1),
    ),
    "squared": (lambda y: ((y - PIXELS) ** 2).sum(axis=1), lambda y: ((y - PIXELS) ** 2).sum(axis=1)),
}


def test_every_loss_has_an_answer_by_hand():
    assert LOSSES.keys() == BY_HAND.keys()


@pytest.mark.parametrize("name", list(LOSSES))
def test_value_gradient_and_error(xp, name):
    loss, targets = LOSSES[name], xp.asarray(LABELS if LOSSES[name].labels else PIXELS)
    y = xp.asarray(Y)
    losses, gradient = loss.value(y, targets)
    np.testing.assert_allclose(host(losses), BY_HAND[name][0](Y), rtol=1e-12)
    expected = numerical_gradient(lambda y: BY_HAND[name][0](y).sum(), Y)
    np.testing.assert_allclose(host(gradient), expected, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(host(loss.error(y, targets)), BY_HAND[name][1](Y), rtol=1e-12)
    np.testing.assert_array_equal(host(y), Y)  # left as it was


@pytest.mark.parametrize("name", ["softmax", "pixels"])
def test_pre_activations_of_a_thousand_stay_finite(xp, name):
    pre = np.array([[1000.0, -1000.0]] * 2, dtype="float32")
    targets = np.array([0, 1]) if name == "softmax" else np.array([[1, 0], [0, 1]], dtype="float32")
    losses, gradient = LOSSES[name].value(xp.asarray(pre), xp.asarray(targets))
    np.testing.assert_allclose(host(losses), [0, 2000])
    np.testing.assert_allclose(host(gradient), [[0, 0], [1, -1]])
    assert losses.dtype == gradient.dtype == np.float32
