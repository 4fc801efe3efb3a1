"""Do two methods draw the same picture of a unit?"""

from __future__ import annotations

from ..backend import Array, array_module


def cosines(a: Array, b: Array) -> Array:
    """Cosine between every picture of `a` (U, P) and every one of `b` (U, P): (U, U).

    What all units of a method have in common says nothing about a unit: each method's mean picture is
    removed first.
    """
    xp = array_module(a, b)
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    a, b = (x / xp.maximum(xp.sqrt((x * x).sum(axis=1, keepdims=True)), 1e-12) for x in (a, b))
    return a @ b.T


def own_rank(similarity: Array) -> Array:
    """Rank, from 1, of the own unit among all units: similarity (U, U) -> (U,)."""
    own = similarity.diagonal()
    return (similarity > own[:, None]).sum(axis=1) + 1
