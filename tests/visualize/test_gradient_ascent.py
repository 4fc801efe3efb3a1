"""dbnvis.visualize.gradient_ascent against maxima that are known: quadratics, piecewise linear functions."""

import numpy as np
import pytest
from counts import host

from dbnvis.backend import array_module
from dbnvis.visualize import gradient_ascent
from dbnvis.visualize.gradient_ascent import LONG_STEPS, MEANS, Box, Sphere, ascend, ascend_by_means

NORM = 3.0
SETTINGS = {"step": 1.0, "max_steps": 200, "tolerance": 1e-9}


def points(xp, constraint, n=6, d=12, seed=0):
    return constraint.project(xp.asarray(np.random.default_rng(seed).uniform(0.1, 1, (n, d))))


def quadratic(xp, d=12, seed=1):
    """x A x / 2 of every point, and A."""
    A = np.random.default_rng(seed).normal(size=(d, d))
    A = A + A.T
    there = xp.asarray(A)
    return (lambda x, rows: ((x * (x @ there)).sum(axis=1) / 2, x @ there)), A


def climbed(ascent, function, constraint, x, **settings):
    return ascent(function, constraint, x, *function(x, array_module(x).arange(len(x))), **settings)


def test_on_the_sphere_a_quadratic_ends_at_the_largest_eigenvalue(xp):
    function, A = quadratic(xp)
    found = climbed(ascend, function, Sphere(NORM), points(xp, Sphere(NORM)), **SETTINGS)
    np.testing.assert_allclose(host(found.value), NORM**2 * np.linalg.eigvalsh(A)[-1] / 2, rtol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(host(found.x), axis=1), NORM, rtol=1e-12)


def test_in_the_box_a_concave_quadratic_ends_where_the_gradient_is_zero_or_points_out(xp):
    rng = np.random.default_rng(3)
    B = rng.normal(size=(8, 8))
    A, b = xp.asarray(B @ B.T + 0.1 * np.eye(8)), xp.asarray(rng.normal(size=8))
    box = Box(0.0, 1.0, NORM)

    def function(x, rows):
        return x @ b - (x * (x @ A)).sum(axis=1) / 2, b - x @ A

    found = climbed(ascend, function, box, points(xp, box, d=8), **SETTINGS)
    x = host(found.x)
    grad = host(b) - x @ host(A)
    assert x.min() >= 0 and x.max() <= 1 and ((x > 0) & (x < 1)).any() and (x == 0).any()
    assert (grad[x == 0] < 1e-4).all() and (grad[x == 1] > -1e-4).all()
    np.testing.assert_allclose(grad[(x > 0) & (x < 1)], 0, atol=1e-4)
    np.testing.assert_allclose(x, np.broadcast_to(x[0], x.shape), atol=1e-4)  # there is but one maximum


def test_spectral_steps_take_far_fewer_gradients_than_long_ones_alone(xp, monkeypatch):
    """Along a ridge: the two largest eigenvalues are nearly the same."""
    values = np.array([1.0, 0.99, *np.linspace(0.5, -1, 10)])
    there = xp.asarray(values)

    def function(x, rows):
        return (x * x * there).sum(axis=1) / 2, x * there

    ascents, settings = {}, {"step": 1.0, "max_steps": 1000, "tolerance": -1.0}  # to the end
    for name, long_steps in (("spectral", LONG_STEPS), ("long", 1000)):
        monkeypatch.setattr(gradient_ascent, "LONG_STEPS", long_steps)
        trace = host(climbed(ascend, function, Sphere(NORM), points(xp, Sphere(NORM)), **settings).trace)
        np.testing.assert_allclose(trace[:, -1], NORM**2 / 2, rtol=1e-3)
        ascents[name] = (trace < NORM**2 / 2 * (1 - 1e-3)).sum()
    assert ascents["spectral"] < ascents["long"] / 3, ascents


def test_a_row_is_climbed_as_it_would_be_alone(xp):
    """Rows end at different steps; what is left goes on without them."""
    function, _ = quadratic(xp)
    x = points(xp, Sphere(NORM))
    scale = xp.asarray(np.array([1.0, -1.0, 5.0, 0.1, 2.0, 1.0]))

    def mixed(x, rows):
        value, grad = function(x, rows)
        return value * scale[rows], grad * scale[rows][:, None]

    together = climbed(ascend, mixed, Sphere(NORM), x, step=1.0, max_steps=100, tolerance=1e-4)
    ends = [(np.diff(row) > 0).nonzero()[0].max() for row in host(together.trace)]
    assert len(set(ends)) > 1  # otherwise this tests nothing
    for i in range(len(x)):
        alone = climbed(
            ascend, lambda x, rows, i=i: mixed(x, rows + i), Sphere(NORM), x[i : i + 1], step=1.0, max_steps=100,
            tolerance=1e-4,
        )  # fmt: skip
        np.testing.assert_allclose(host(alone.trace)[0], host(together.trace)[i], rtol=1e-9)


@pytest.mark.parametrize("constraint", [Sphere(NORM), Box(-1.0, 2.0, NORM)])
@pytest.mark.parametrize("max_steps", [1, LONG_STEPS, LONG_STEPS + 1, 60])
def test_values_belong_to_their_points_and_the_trace_never_falls(xp, constraint, max_steps):
    function, A = quadratic(xp)
    found = climbed(ascend, function, constraint, points(xp, constraint), step=1.0, max_steps=max_steps, tolerance=1e-6)
    trace, x = host(found.trace), host(found.x)
    assert trace.shape == (6, max_steps + 1) and (np.diff(trace, axis=1) >= 0).all()
    np.testing.assert_allclose(host(found.value), trace[:, -1])
    np.testing.assert_allclose(((x @ A) * x).sum(axis=1) / 2, trace[:, -1], rtol=1e-9)
    np.testing.assert_allclose(host(constraint.project(found.x)), x, rtol=1e-12)


def kinked(xp, d=30, pieces=40, seed=2):
    """The sum of |w x| over the directions w: a gradient that jumps, and many local maxima on the sphere."""
    W = xp.asarray(np.random.default_rng(seed).normal(size=(d, pieces)))

    def function(x, rows):
        pre = x @ W
        return xp.abs(pre).sum(axis=1), xp.sign(pre) @ W.T

    return function, host(W)


def test_means_of_gradients_end_at_a_maximum_of_a_function_with_kinks(xp):
    """There the gradient, W sign(x W), points along the point."""
    function, W = kinked(xp)
    found = climbed(ascend_by_means, function, Sphere(NORM), points(xp, Sphere(NORM), d=30), max_steps=200)
    x, trace = host(found.x), host(found.trace)
    grad = np.sign(x @ W) @ W.T
    cosine = (grad * x).sum(axis=1) / np.linalg.norm(grad, axis=1) / np.linalg.norm(x, axis=1)
    np.testing.assert_allclose(cosine, 1, rtol=1e-6)
    assert trace.shape == (6, 201) and (np.diff(trace, axis=1) >= 0).all()
    assert (trace[:, MEANS] == trace[:, -1]).all()
    np.testing.assert_allclose(np.abs(x @ W).sum(axis=1), host(found.value))


def test_few_steps_by_means_are_the_first_of_many(xp):
    function, _ = kinked(xp)
    few, many = (
        climbed(ascend_by_means, function, Sphere(NORM), points(xp, Sphere(NORM), d=30), max_steps=n) for n in (5, 44)
    )
    np.testing.assert_array_equal(host(few.trace), host(many.trace)[:, :6])


def test_where_all_is_flat_a_step_goes_back_half_of_the_way(xp):
    """A ReLU that is on near the start alone: its gradient leads out of where it is on."""
    toward = np.zeros(4)
    toward[0] = 1.0

    def function(x, rows):
        on = (x[:, :1] < 0.9 * NORM) * (x[:, 1:2] > 0)
        return (x[:, 0] * on[:, 0]), xp.asarray(toward) * on

    start = Sphere(NORM).project(xp.asarray([[0.3, 1.0, 0.2, 0.0]]))
    found = climbed(ascend_by_means, function, Sphere(NORM), start, max_steps=44)
    trace = host(found.trace)[0]
    assert trace[1] == trace[0]  # the first step leads to where there is no gradient
    assert 0.6 * NORM < trace[-1] < 0.9 * NORM


def test_long_steps_alone_end_where_ten_of_them_gain_nothing(xp):
    function, _ = kinked(xp)
    box = Box(-1.0, 1.0, NORM)
    asked = []

    def counted(x, rows):
        asked.append(len(x))
        return function(x, rows)

    x = points(xp, box, d=30)
    found = climbed(ascend, counted, box, x, step=1.0, max_steps=200, tolerance=2e-4, smooth=False)
    assert len(asked) % LONG_STEPS == 1 and len(asked) < 200  # the start, and tens of steps
    trace, corners = host(found.trace), np.abs(host(found.x))
    assert (np.diff(trace, axis=1) >= 0).all() and (trace[:, -1] > trace[:, 0]).all()
    np.testing.assert_allclose(corners, 1)  # of a convex function


def test_steps_by_means_go_where_the_running_mean_of_the_gradients_points(xp):
    """Whatever the gradients are: the share of the last mean grows evenly from 0.5 to 0.96."""
    grads, seen = np.random.default_rng(4).normal(size=(MEANS + 1, 2, 5)), []

    def function(x, rows):
        seen.append(host(x))
        return x[:, 0], xp.asarray(grads[len(seen) - 1])

    climbed(ascend_by_means, function, Sphere(NORM), points(xp, Sphere(NORM), n=2, d=5), max_steps=200)
    assert len(seen) == MEANS + 1
    mean = grads[0]
    for i, x in enumerate(seen[1:], start=1):
        np.testing.assert_allclose(x, NORM * mean / np.linalg.norm(mean, axis=1, keepdims=True), rtol=1e-9)
        share = 0.5 + 0.46 * i / 44
        mean = share * mean + (1 - share) * grads[i]
