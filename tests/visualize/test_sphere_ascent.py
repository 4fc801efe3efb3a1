"""dbnvis.visualize.sphere_ascent against maxima known in closed form."""

import numpy as np
import pytest
from counts import host
from scipy.linalg import null_space

from dbnvis.visualize.sphere_ascent import maximize

D = 30


def quadratic(xp, seed=0):
    """x'A x / 2, its gradient, and A."""
    A = np.random.default_rng(seed).standard_normal((D, D))
    A = A + A.T
    device = xp.asarray(A)
    return (lambda x: (0.5 * ((x @ device) * x).sum(axis=1), x @ device)), A


def unit_rows(n, normal=None, seed=1):
    u = np.random.default_rng(seed).standard_normal((n, D))
    if normal is not None:
        u -= np.outer(u @ normal, normal)
    return u / np.linalg.norm(u, axis=1, keepdims=True)


def test_the_maximum_of_a_quadratic_form_is_its_greatest_eigenvalue(xp):
    function, A = quadratic(xp)
    values, vectors = np.linalg.eigh(A)
    ends = maximize(function, xp.asarray(unit_rows(5)))
    assert host(ends.stationary).all()
    np.testing.assert_allclose(host(ends.values), values[-1] / 2, rtol=1e-10)
    np.testing.assert_allclose(np.abs(host(ends.points) @ vectors[:, -1]), 1, atol=1e-10)


def test_orthogonal_to_a_normal_it_is_that_of_the_projected_form(xp):
    function, A = quadratic(xp)
    normal = unit_rows(1, seed=2)[0]
    basis = null_space(normal[None])
    ends = maximize(function, xp.asarray(unit_rows(5, normal)), normal=xp.asarray(normal))
    np.testing.assert_allclose(host(ends.values), np.linalg.eigvalsh(basis.T @ A @ basis)[-1] / 2, rtol=1e-10)
    np.testing.assert_allclose(host(ends.points) @ normal, 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(host(ends.points), axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4, 1e-8])
def test_the_gradient_at_the_end_is_along_the_normal_to_the_tolerance(xp, tolerance):
    function, A = quadratic(xp)
    u = host(maximize(function, xp.asarray(unit_rows(4)), tolerance=tolerance).points)
    grad = u @ A
    along = grad - (grad * u).sum(axis=1, keepdims=True) * u
    assert (np.linalg.norm(along, axis=1) <= tolerance * np.linalg.norm(grad, axis=1)).all()


def test_a_maximum_at_a_kink_is_reached_from_some_start_and_said_not_to_be_stationary(xp):
    """b.x - 5 |a.x| is greatest at b without its part along a."""
    a, b = unit_rows(2, seed=3)
    kink, pull = xp.asarray(a), xp.asarray(b)

    def function(x):
        side = xp.where((x * kink).sum(axis=1) < 0, -1.0, 1.0)
        return (x * pull).sum(axis=1) - 5 * side * (x * kink).sum(axis=1), pull - 5 * side[:, None] * kink

    ends = maximize(function, xp.asarray(unit_rows(3)))
    assert not host(ends.stationary).any()
    assert host(ends.values).max() == pytest.approx(np.sqrt(1 - (a @ b) ** 2), rel=1e-3)


def test_no_row_ends_lower_than_it_starts_and_a_constant_is_stationary_where_it_is(xp):
    def waves(x):
        return (xp.cos(7 * x)).sum(axis=1), -7 * xp.sin(7 * x)

    starts = xp.asarray(unit_rows(20))
    assert (host(maximize(waves, starts).values) >= host(waves(starts)[0]) - 1e-12).all()
    still = maximize(lambda x: (0 * x[:, 0] + 3, 0 * x), starts)
    assert host(still.stationary).all()
    np.testing.assert_allclose(host(still.points), host(starts), atol=1e-15)


def test_a_start_that_is_not_quite_of_length_one_does_not_stop_the_ascent(xp):
    """b.x, as of a unit of the first layer, from its optimum in single precision."""
    b = unit_rows(1, seed=4)
    pull = xp.asarray(3 * b[0])
    ends = maximize(lambda x: ((x * pull).sum(axis=1), 0 * x + pull), xp.asarray(b.astype("float32") * (1 + 3e-8)))
    assert host(ends.stationary).all()
    np.testing.assert_allclose(host(ends.points), b, atol=2e-6)
