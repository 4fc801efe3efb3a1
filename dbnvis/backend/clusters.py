"""Clusters of vectors."""

from __future__ import annotations

import inspect
import warnings

from .arrays import Array, array_module, move, to_numpy


def cluster_centres(x: Array, n: int) -> Array:
    """Centres (n, V) of `n` clusters of the rows of `x` (N, V), by k-means on the host, always from the same starts.

    Where `x` has fewer distinct rows, centres coincide.
    """
    # A fifth of a second, where scikit-learn's takes half a second to import.
    from scipy.cluster.vq import kmeans2

    rows = to_numpy(x)
    seeded = {"rng" if "rng" in inspect.signature(kmeans2).parameters else "seed": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty clusters, where rows coincide
        centres, _ = kmeans2(rows, n, minit="++", **seeded)
    return move(centres.astype(rows.dtype), array_module(x))
