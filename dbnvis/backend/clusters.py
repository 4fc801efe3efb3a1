"""Clusters of vectors."""

from __future__ import annotations

import inspect

from .arrays import Array, array_module, move, to_numpy


def cluster_centres(x: Array, n: int) -> Array:
    """Centres (n, V) of `n` clusters of the rows of `x` (N, V), by k-means on the host, always from the same starts.

    Where `x` has fewer distinct rows, these are the centres, the last one repeated.
    """
    # A fifth of a second, where scikit-learn's takes half a second to import.
    import numpy
    from scipy.cluster.vq import kmeans2

    rows = to_numpy(x)
    distinct = numpy.unique(rows, axis=0)
    if len(distinct) < n:
        return move(distinct[numpy.minimum(numpy.arange(n), len(distinct) - 1)], array_module(x))
    seeded = {"rng" if "rng" in inspect.signature(kmeans2).parameters else "seed": 0}
    centres, _ = kmeans2(rows, n, minit="++", **seeded)
    return move(centres.astype(rows.dtype), array_module(x))
