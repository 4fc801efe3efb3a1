"""Maxima of a function on the unit sphere, or where a plane through its centre cuts it: L-BFGS along tangents.

References
----------
Nocedal (1980), "Updating quasi-Newton matrices with limited storage".
"""

from __future__ import annotations

from dataclasses import dataclass

from ..backend import Array, array_module
from ..evaluate.curvature import Function

MEMORY = 8  # differences of points and of slopes from which the Hessian is estimated
STEPS = 400  # evaluations at the most
PATIENCE = 20  # evaluations over which progress is judged
FIRST, LONGEST = 0.1, 0.5  # radians: of a step along the slope alone, of any step
SHRINK = 0.5  # of a step that did not rise
ENOUGH = 1e-4  # of the rise that the slope promises, without which a step is not taken


@dataclass(frozen=True)
class Maxima:
    """Where ascent has ended.

    Parameters
    ----------
    points : array (R, D)
        Unit vectors.
    values : array (R,)
    stationary : array (R,) of bool
        Whether the part of the gradient along the sphere is below the tolerance. It is not where the function has a
        kink at its maximum, as one of a network with ReLU may, or where the steps did not suffice.
    """

    points: Array
    values: Array
    stationary: Array


def maximize(function: Function, u: Array, *, normal: Array | None = None, tolerance: float = 1e-6) -> Maxima:
    """Climb from unit vectors u (R, D), orthogonal to the unit vector `normal` (D,) if given, until stationary.

    Every row takes steps of its own; no value is lower at the end than at the start. A row that does not become
    stationary ends where 20 evaluations have raised it by no more than tolerance^2 times its gradient.

    Parameters
    ----------
    function : callable
        (R, D) -> values (R,), gradients (R, D), in float64.
    u : array (R, D)
    normal : array (D,), optional
    tolerance : float
        A row ends where its gradient's part along the sphere is at most this share of the gradient.
    """
    xp = array_module(u)

    def dot(a: Array, b: Array) -> Array:
        return (a * b).sum(axis=1)

    def times(factor: Array, a: Array) -> Array:
        return factor[:, None] * a

    def length(a: Array) -> Array:
        return xp.sqrt(dot(a, a))

    def tangent(u: Array, a: Array) -> Array:
        if normal is not None:
            a = a - times((a * normal).sum(axis=1), xp.broadcast_to(normal, a.shape))
        return a - times(dot(a, u), u)

    u = times(1 / length(u), u)  # a start of norm 1 + 1e-8 would be higher than all that follows
    value, grad = function(u)
    slope = tangent(u, grad)
    step = xp.ones(len(u), dtype="float64")
    scale = xp.zeros(len(u), dtype="float64")  # of the inverse Hessian; 0 where there is no estimate
    memory: list[tuple[Array, Array, Array]] = []  # s, y, 1 / s.y, oldest first
    points, values, stationary = u + 0, value + 0, xp.zeros(len(u), dtype=bool)
    rows = xp.arange(len(u))
    last = value
    for i in range(STEPS):
        size, whole = length(slope), length(grad)
        flat = size <= tolerance * whole
        points[rows], values[rows], stationary[rows] = u, value, flat
        going = ~flat
        if i % PATIENCE == PATIENCE - 1:
            going = going & (value - last > tolerance**2 * whole)
            last = value
        if not bool(going.all()):
            u, value, grad, slope, last = (a[going] for a in (u, value, grad, slope, last))
            size, whole, step, scale, rows = (a[going] for a in (size, whole, step, scale, rows))
            memory = [(s[going], y[going], r[going]) for s, y, r in memory]
        if len(rows) == 0:
            break
        plain = xp.minimum(FIRST / size, 1 / whole)  # times the slope: Newton's step, were the function linear
        # The two loops of L-BFGS.
        direction, parts = slope, []
        for s, y, r in reversed(memory):
            parts.append(r * dot(s, direction))
            direction = direction - times(parts[-1], y)
        direction = times(xp.where(scale > 0, scale, plain), direction)
        for s, y, r in memory:
            direction = direction + times(parts.pop() - r * dot(y, direction), s)
        direction = tangent(u, direction)
        promise = dot(direction, slope)
        lost = promise <= 0
        direction = xp.where(lost[:, None], times(plain, slope), direction)
        promise = xp.where(lost, plain * size * size, promise)

        share = xp.minimum(step, LONGEST / length(direction))
        proposal = u + times(share, direction)
        proposal = times(1 / length(proposal), proposal)
        new_value, new_grad = function(proposal)
        new_slope = tangent(proposal, new_grad)
        risen = new_value >= value + ENOUGH * share * promise - 1e-13 * xp.abs(value)
        # A step that did not rise, too, tells how the slope changes: without it kinks would stop the ascent early.
        s, y = proposal - u, slope - new_slope
        bend, square = dot(s, y), dot(y, y)
        concave = bend > 1e-10 * length(s) * xp.sqrt(square)
        memory.append((s, y, xp.where(concave, 1 / xp.where(concave, bend, 1), 0.0)))
        scale = xp.where(concave, bend / xp.where(concave, square, 1), scale)
        u, grad, slope = (
            xp.where(risen[:, None], new, old) for new, old in ((proposal, u), (new_grad, grad), (new_slope, slope))
        )
        value = xp.where(risen, new_value, value)
        step = xp.where(risen, 1.0, step * SHRINK)
        memory = memory[-MEMORY:]
    return Maxima(points, values, stationary)
