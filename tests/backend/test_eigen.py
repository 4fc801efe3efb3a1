"""Extreme eigenvalues and their vectors, of an operator and where Lanczos iteration gives up."""

import numpy as np
import pytest
import scipy.sparse.linalg
from scipy.sparse.linalg import ArpackNoConvergence

from dbnvis.backend import to_numpy
from dbnvis.backend.eigen import extreme_eigenvectors


def gives_up(operator, **settings):
    raise ArpackNoConvergence("no convergence", np.empty(0), np.empty((0, 0)))


@pytest.mark.parametrize("converges", [True, False])
def test_the_ends_of_the_spectrum_are_those_of_the_matrix(xp, monkeypatch, converges):
    rng = np.random.default_rng(0)
    a = rng.standard_normal((30, 30))
    matrix = xp.asarray(a + a.T)
    if not converges:
        monkeypatch.setattr(scipy.sparse.linalg, "eigsh", gives_up)
    start = xp.asarray(rng.standard_normal(30))
    values, vectors = (to_numpy(x) for x in extreme_eigenvectors(lambda v: matrix @ v, start, 3))
    wanted = np.linalg.eigvalsh(a + a.T)
    np.testing.assert_allclose(values, [*wanted[:3], *wanted[-3:]], rtol=1e-6)
    np.testing.assert_allclose((a + a.T) @ vectors.T, vectors.T * values, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
