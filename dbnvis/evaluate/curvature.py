"""How a function bends along a sphere, and how far it holds: second derivatives by great circles, invariance angles.

References
----------
Erhan, Courville, Bengio (2010), "Understanding representations learned in deep architectures", TR 1355.
Berkes, Wiskott (2006), "On the analysis and interpretation of inhomogeneous quadratic forms as receptive fields".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from ..backend import Array, array_module, check_rng
from ..backend.eigen import extreme_eigenvectors

CURVATURES = 3  # directions at either end of the spectrum that are returned
PROBE = 1e-5  # of the norm: the half width of the difference of gradients that gives a Hessian-vector product

#: (R, D) -> values (R,) and gradients (R, D).
Function = Callable[[Array], tuple[Array, Array]]


def tangent_curvatures(function: Function, centre: Array, norm: float, *, rng: Any) -> tuple[Array, Array]:
    """The least and greatest curvatures of `function` along the sphere of radius `norm`, and their directions.

    Parameters
    ----------
    function : callable
        (R, D) -> values (R,), gradients (R, D), in float64.
    centre : array (D,)
        Unit vector: where on the sphere.
    norm : float
    rng : numpy or cupy Generator
        Of the Lanczos iteration's start.

    Returns
    -------
    curvatures (2k,), directions (2k, D)
        Second derivatives per squared radian along great circles, ascending: k = 3 from either end, and their unit
        tangents. Where the curvature is the same in all directions these are random.
    """
    xp = array_module(centre)
    basis = _tangent_basis(centre)
    slope = norm * (centre * function(norm * centre[None])[1][0]).sum()  # x.g

    def apply(coordinates: Array) -> Array:
        v = basis(coordinates)
        h = PROBE * norm
        ahead, behind = function(norm * centre + h * xp.stack([v, -v]))[1]
        return norm**2 * basis((ahead - behind) / (2 * h), back=True) - slope * coordinates

    start = check_rng(rng).standard_normal(len(centre) - 1, dtype="float64")
    start /= xp.sqrt((start * start).sum())
    image = apply(start)
    curvature = (start * image).sum()
    # A random vector is an eigenvector only where all are.
    if float(xp.abs(image - curvature * start).max()) <= 1e-7 * float(xp.abs(slope)):
        directions = xp.stack([random_tangent(centre, rng) for _ in range(2 * CURVATURES)])
        return curvature * xp.ones(2 * CURVATURES, dtype="float64"), directions
    values, vectors = extreme_eigenvectors(apply, start, CURVATURES)
    return values, xp.stack([basis(v) for v in vectors])


def random_tangent(centre: Array, rng: Any) -> Array:
    """A random unit vector orthogonal to the unit vector `centre` (D,)."""
    xp = array_module(centre)
    v = check_rng(rng).standard_normal(len(centre), dtype="float64")
    v -= (v * centre).sum() * centre
    return v / xp.sqrt((v * v).sum())


def invariance_angle(angles: Sequence[float], activation: Sequence[float], rest: float, share: float = 0.9) -> float:
    """The angle at which a trace has lost part of what the optimum gains over the unit's usual response.

    The gain at angle a is (f(a) - rest) / (f(0) - rest); the result is the first angle, by linear interpolation
    between the points of the trace, at which it is `share`; the mean of both ways, of which one that never falls so
    low counts with the trace's end. A definition of our own: TR 1355 shows curves.

    Parameters
    ----------
    angles : sequence of float, length A
        Ascending, negative on one way, 0 at the optimum.
    activation : sequence of float, length A
    rest : float
        The unit's mean response to data.
    share : float
    """
    middle = list(angles).index(0.0)
    gain = [(a - rest) / (activation[middle] - rest) for a in activation]
    found = []
    for way in (range(middle, len(gain)), range(middle, -1, -1)):
        end = abs(angles[way[-1]])
        for before, after in pairwise(way):
            if gain[after] < share:
                part = (gain[before] - share) / (gain[before] - gain[after])
                end = abs(angles[before]) + part * abs(angles[after] - angles[before])
                break
        found.append(end)
    return sum(found) / 2


def _tangent_basis(centre: Array) -> Callable[..., Array]:
    """Coordinates (D - 1,) <-> vectors (D,) orthogonal to the unit vector `centre`, by a Householder reflection."""
    xp = array_module(centre)
    mirror = centre + 0
    mirror[0] += xp.where(centre[0] < 0, -1.0, 1.0)  # it maps the first axis to +-centre
    scale = 2 / (mirror * mirror).sum()

    def convert(x: Array, *, back: bool = False) -> Array:
        full = x if back else xp.concatenate([xp.zeros(1, dtype="float64"), x])
        full = full - scale * (mirror * full).sum() * mirror
        return full[1:] if back else full

    return convert
