"""Eigenvectors of an operator that is known by what it does to a vector."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from .arrays import Array, array_module, move, to_numpy

TOLERANCE = 1e-7  # relative error of an eigenvalue; operators made of differences know no more digits


def extreme_eigenvectors(apply: Callable[[Array], Array], start: Array, k: int) -> tuple[Array, Array]:
    """The `k` least and the `k` greatest eigenvalues of a symmetric operator, by Lanczos iteration on the host.

    Where that does not converge, as where many eigenvalues are 0, the whole matrix is made and decomposed.

    Parameters
    ----------
    apply : callable
        The operator: (n,) -> (n,), in the library of `start`.
    start : array (n,)
        Where the iteration starts; anything that is not orthogonal to what is sought.
    k : int
        At the most (n - 1) / 2.

    Returns
    -------
    values (2k,), vectors (2k, n)
        By ascending eigenvalue, in float64.
    """
    import numpy as np
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    xp, n = array_module(start), len(start)

    def matvec(v: Array) -> Array:
        return to_numpy(apply(xp.asarray(v.reshape(n))))

    operator = LinearOperator((n, n), matvec=matvec, dtype="float64")
    # Newer versions of scipy draw from `rng` where the iteration has seen all that `start` leads to.
    seeded = {"rng": 0} if "rng" in inspect.signature(eigsh).parameters else {}
    v0 = to_numpy(start).astype("float64")
    try:
        values, vectors = eigsh(operator, k=2 * k, which="BE", v0=v0, tol=TOLERANCE, maxiter=n, **seeded)
    except ArpackNoConvergence:
        matrix = np.stack([matvec(row) for row in np.eye(n)])
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        ends = np.r_[:k, n - k : n]
        values, vectors = values[ends], vectors[:, ends]
    order = values.argsort()
    return move(values[order], xp), move(vectors.T[order], xp)
