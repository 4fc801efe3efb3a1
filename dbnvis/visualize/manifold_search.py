"""The search for the maxima of a unit's activation on a sphere of inputs, and at every angle from its optimum.

Maxima are compared where the activation is computed in the model's own precision; those that are kept are maximized in
float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..backend import Array, array_module
from ..evaluate.curvature import Function, random_tangent
from ..models.layers import Network, Trainable
from ..models.protocol import Model, pixels_seen
from .sphere_ascent import Maxima, maximize

RINGS = (15.0, 30.0)  # degrees from an optimum at which the search for a higher one begins
ROUNDS, HIGHER = 10, 1e-4  # of that search at the most; by how much of its activation another optimum is higher
FAR, MORE = math.radians(66.5), 10  # the angle beyond which maxima are many, and times as many random starts there
KEPT, ALIKE = 4, 0.99  # maxima at an angle from which the next is searched; the cosine above which two are one
ROUGH = 1e-2  # the tolerance at which maxima are compared; those that are kept are maximized to 1e-6


@dataclass(frozen=True)
class Search:
    """One unit on the sphere |x| = norm.

    Parameters
    ----------
    function : callable
        Pre-activation and its gradient by the D pixels that the unit sees: (R, D) -> (R,), (R, D), in float64.
    rough : callable
        The same, where maxima are only compared.
    norm : float
    restarts : int
        Random directions from which the maximum at an angle is searched, beside its neighbours.
    """

    function: Function
    rough: Function
    norm: float
    restarts: int

    @classmethod
    def of(cls, model: Model, layer: str, index: int, norm: float, restarts: int) -> Search:
        """The search for unit `index` of `layer`."""
        function, rough = (unit_function(model, layer, index, rough) for rough in (False, True))
        return cls(function, rough, norm, restarts)

    def circle(self, centre: Array, angle: float, rough: bool = False) -> Function:
        """The function of the directions (R, D) from the unit vector `centre` to the inputs `angle` radians away."""
        function = self.rough if rough else self.function
        middle, radius = self.norm * math.cos(angle) * centre, self.norm * math.sin(angle)

        def along(u: Array) -> tuple[Array, Array]:
            value, grad = function(middle + radius * u)
            return value, radius * grad

        return along

    def optimum(self, x: Array, rng: Any) -> Maxima:
        """The maximum near `x` (D,), or a higher one that is reached from maxima at some angle from it: one row."""
        xp = array_module(x)
        # The whole sphere is the circle a right angle away from no direction at all.
        sphere, rough_sphere = (self.circle(0 * x, math.pi / 2, rough) for rough in (False, True))
        best = maximize(sphere, (x / self.norm)[None])
        for _ in range(ROUNDS):
            centre, starts = best.points[0], []
            for angle in map(math.radians, RINGS):
                u = _random(centre, 2 * self.restarts, rng)
                at = maximize(self.circle(centre, angle, rough=True), u, normal=centre, tolerance=ROUGH)
                starts.append(math.cos(angle) * centre + math.sin(angle) * at.points)
            ends = maximize(rough_sphere, xp.concatenate(starts), tolerance=ROUGH)
            top = int(ends.values.argmax())
            other = maximize(sphere, ends.points[top : top + 1])
            if not bool(other.values[0] > best.values[0] + HIGHER * xp.abs(best.values[0])):
                break
            best = other
        return best

    def flattest(self, angles: Sequence[float], ways: Array, centre: Array, rng: Any) -> list[Maxima]:
        """The maximum of each of two ways (2, D) at every angle from `centre` (D,), in radians: directions from it."""
        xp = array_module(ways)
        points, values, kept, before = [], [], [], [ways]
        starts = ways
        circles = [self.circle(centre, angle, rough=True) for angle in angles]
        for angle, circle in zip(angles, circles, strict=True):  # outwards
            n = self.restarts if angle < FAR else MORE * self.restarts
            starts = xp.concatenate([starts, _random(centre, n, rng)])
            found = maximize(circle, starts, normal=centre, tolerance=ROUGH)
            rows = _highest_of_ways(found.points, found.values, before[-1])
            before.append(found.points[rows])
            starts = _distinct(found.points, found.values, before[-1])
            points.append(found.points)
            values.append(found.values)
            kept.append(starts)
        for i in range(len(circles) - 2, -1, -1):  # and back
            found = maximize(circles[i], kept[i + 1], normal=centre, tolerance=ROUGH)
            points[i] = xp.concatenate([points[i], found.points])
            values[i] = xp.concatenate([values[i], found.values])
            kept[i] = _distinct(points[i], values[i], before[i + 1])
        maxima, last = [], ways
        for angle, u, value in zip(angles, points, values, strict=True):
            last = u[_highest_of_ways(u, value, last)]
            maxima.append(maximize(self.circle(centre, angle), last, normal=centre))
        return maxima


def _random(centre: Array, n: int, rng: Any) -> Array:
    """`n` random directions from `centre` (D,)."""
    return array_module(centre).stack([random_tangent(centre, rng) for _ in range(n)])


def _highest_of_ways(u: Array, values: Array, before: Array) -> Array:
    """Of directions u (R, D) the number of the highest that is nearer to either of two directions `before` (2, D).

    The nearest to it, if none is nearer to it than to the other.
    """
    xp = array_module(u)
    near = u @ before.T  # (R, 2)
    first = near[:, 0] >= near[:, 1]
    rows = []
    for way, own in enumerate((first, ~first)):
        rows.append(int(xp.where(own, values, -math.inf).argmax()) if bool(own.any()) else int(near[:, way].argmax()))
    return xp.asarray(rows)


def _distinct(u: Array, values: Array, first: Array) -> Array:
    """The directions `first` (2, D), and the highest of u (R, D) that differ from them and from one another."""
    kept = list(first)
    for row in (-values).argsort(kind="stable").tolist():
        if len(kept) < KEPT and all(float((u[row] * other).sum()) < ALIKE for other in kept):
            kept.append(u[row])
    return array_module(u).stack(kept)


def unit_function(model: Model, layer: str, index: int, rough: bool = False) -> Function:
    """Pre-activation of one unit and its gradient by the D pixels it sees, (R, D) -> (R,), (R, D), in float64.

    `rough`: computed in the model's own precision, which is as good where maxima are only compared, and faster.
    """
    seen, shape = pixels_seen(model, layer, index)
    network = model.network.upto(f"{layer}.pre").select(model.xp.asarray([index]))
    if not rough:
        network = Network({address: _in_float64(part) for address, part in network.layers.items()})

    def function(x: Array) -> tuple[Array, Array]:
        image = array_module(x).zeros((len(x), *model.input_shape), dtype=model.dtype if rough else "float64")
        image[seen] = x.reshape(len(x), *shape)
        pre, pullback = network.forward(image)
        grad = pullback(pre * 0 + 1)[seen].reshape(len(x), -1)
        return pre[:, 0].astype("float64"), grad.astype("float64")

    return function


def _in_float64(layer: Any) -> Any:
    """A copy of `layer` with its parameters in float64."""
    if not isinstance(layer, Trainable):
        return layer
    return replace(layer, **{name: x.astype("float64") for name, x in layer.params().items()})  # type: ignore[type-var]
