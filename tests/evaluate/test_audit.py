"""dbnvis.evaluate.audit on weights and activations made for it."""

import numpy as np
from counts import host

from dbnvis.evaluate.audit import unit_audit


def test_dead_and_always_on_are_so_for_every_image(xp):
    mean_h = np.array(
        [
            # dead, dead but for one image, varied, on but for one image, always on, neither nor
            [0.01, 0.01, 0.2, 0.99, 0.96, 0.06],
            [0.04, 0.06, 0.8, 0.99, 0.99, 0.94],
            [0.00, 0.01, 0.5, 0.94, 1.00, 0.50],
        ]
    )
    W = np.eye(7, 6)
    audit = unit_audit(xp.asarray(mean_h), xp.asarray(W))
    np.testing.assert_array_equal(host(audit.dead), [True, False, False, False, False, False])
    np.testing.assert_array_equal(host(audit.always_on), [False, False, False, False, True, False])
    assert not host(audit.duplicate).any()


def test_a_unit_that_ignores_its_input_is_dead_whatever_its_probability(xp):
    mean_h = np.array([[0.1, 0.100, 0.10, 0.97], [0.1, 0.109, 0.12, 0.97]])
    audit = unit_audit(xp.asarray(mean_h), xp.asarray(np.eye(5, 4)))
    np.testing.assert_array_equal(host(audit.dead), [True, True, False, False])
    np.testing.assert_array_equal(host(audit.always_on), [False, False, False, True])


def test_the_later_of_two_alike_units_is_the_duplicate(xp):
    a, b = np.array([1.0, 2, 0, -1]), np.array([0.0, 1, -2, 2])  # orthogonal
    slightly = np.cos(np.arccos(0.94)) * a / np.linalg.norm(a) + np.sin(np.arccos(0.94)) * b / np.linalg.norm(b)
    nearly = np.cos(np.arccos(0.96)) * a / np.linalg.norm(a) + np.sin(np.arccos(0.96)) * b / np.linalg.norm(b)
    W = np.stack([a, b, 3 * a, -a, slightly, nearly, 0 * a, 0 * a], axis=1)
    audit = unit_audit(xp.full((2, 8), 0.5), xp.asarray(W))
    # The opposite vector is no copy, nor is a cosine of 0.94, nor are two silent units.
    np.testing.assert_array_equal(host(audit.duplicate), [False, False, True, False, False, True, False, False])
