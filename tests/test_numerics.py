"""dbnvis.numerics against SciPy, far out in float32 too."""

import numpy as np
import pytest
from counts import host
from scipy import special

from dbnvis import numerics

GRID = np.concatenate([[-1000, -104, -88.8, -30], np.linspace(-20, 20, 81), [30, 88.8, 104, 1000]])
TOLERANCE = {"float32": 2e-7, "float64": 1e-15}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid(xp, dtype):
    y = numerics.sigmoid(xp.asarray(GRID.astype(dtype)))
    assert y.dtype == dtype
    np.testing.assert_allclose(host(y), special.expit(GRID), rtol=0, atol=TOLERANCE[dtype])
    assert host(y)[0] == 0 and host(y)[-1] == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_softplus(xp, dtype):
    x = GRID.astype(dtype)
    y = numerics.softplus(xp.asarray(x))
    assert y.dtype == dtype
    expected = np.logaddexp(0, x.astype(float))
    np.testing.assert_allclose(host(y), expected, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).tiny)
    assert host(y)[0] == 0 and host(y)[-1] == 1000


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("offset", [0, 1000, -1000])
def test_log_mean_exp(xp, axis, offset):
    x = np.random.default_rng(0).normal(scale=5, size=(4, 7)).astype(np.float32) + np.float32(offset)
    y = numerics.log_mean_exp(xp.asarray(x), axis=axis)
    assert y.dtype == np.float32
    np.testing.assert_allclose(
        host(y), special.logsumexp(x.astype(float), axis=axis) - np.log(x.shape[axis]), rtol=1e-6
    )


def test_log_mean_exp_averages_along_the_first_axis_by_default(xp):
    x = xp.asarray(np.log(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])))
    np.testing.assert_allclose(host(numerics.log_mean_exp(x)), np.log([2.5, 3.5, 4.5]))


def test_log_odds(xp):
    p = np.array([1e-12, 1e-3, 0.25, 0.5, 0.75, 0.999])
    np.testing.assert_allclose(host(numerics.log_odds(xp.asarray(p))), special.logit(p), rtol=1e-12)


def test_arguments_are_left_unchanged(xp):
    for function in (numerics.sigmoid, numerics.softplus, numerics.log_mean_exp, numerics.log_odds):
        x = np.linspace(0.1, 0.9, 6).reshape(2, 3)
        argument = xp.asarray(x)
        function(argument)
        np.testing.assert_array_equal(host(argument), x)
