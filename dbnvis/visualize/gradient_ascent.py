"""Gradient ascent from many starts at once, on a sphere or in a box.

A function is climbed by steps along its gradient, of lengths that the change of the gradient tells (`ascend`). The
gradient of a network with ReLUs or max-pooling jumps, so its change tells little: there, on the sphere, each step goes
to where a mean of the last gradients points (`ascend_by_means`); in the box steps only grow after a rise and shrink
after a fall.

References
----------
Polyak (1964), "Some methods of speeding up the convergence of iteration methods".
Barzilai, Borwein (1988), "Two-point step size gradient methods", IMA Journal of Numerical Analysis 8.
Raydan (1997), "The Barzilai and Borwein gradient method for the large scale unconstrained minimization problem",
SIAM Journal on Optimization 7.
Birgin, Martínez, Raydan (2000), "Nonmonotone spectral projected gradient methods on convex sets", SIAM Journal on
Optimization 10.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..backend import Array, array_module, is_gpu
from ..evaluate.scores import rescale

MEANS, FORGET, REMEMBER = 44, 0.5, 0.96  # steps by means; share of the last mean in the next, at first and at the end
LONG_STEPS = 10  # at first; they choose the optimum
GROW, SHRINK = 1.5, 0.5  # of a long step after a rise, after a fall
MOST = 1e16  # norms that a step has at the most: float32 does not overflow
WINDOW = 8  # last values; a spectral step is taken back where it falls below all of them (Raydan 1997)
LESS, MORE = 0.25, 4.0  # of a spectral step that was taken back; of one along which the gradient did not fall
PATIENCE = 8  # steps over which progress is judged, at most LONG_STEPS
GPU_LOOKS = 10  # steps of a GPU from one look at which rows have ended to the next: to look is to wait for it

Function = Callable[[Array, Array], tuple[Array, Array]]
"""Points (R, *shape) and which rows they are (R,) -> values (R,), gradients (R, *shape)."""


class Constraint(Protocol):
    """Where points may lie."""

    @property
    def norm(self) -> float:
        """The unit of steps."""
        ...

    @property
    def first(self) -> float:
        """The first spectral step at the most, in units of norm / |gradient|."""
        ...

    @property
    def longest(self) -> float:
        """Every spectral step at the most, in units of norm / |slope|."""
        ...

    def project(self, x: Array) -> Array:
        """The allowed points nearest to x (R, *shape)."""
        ...

    def slope(self, x: Array, grad: Array) -> Array:
        """The direction that leads uphill along the constraint."""
        ...


@dataclass(frozen=True)
class Sphere:
    """Points of Euclidean norm `norm`. However long a step is, it turns the point by less than a right angle."""

    norm: float
    first: float = 1.0
    longest: float = 3.0

    def project(self, x: Array) -> Array:
        return rescale(x, self.norm, x.ndim - 1)

    def slope(self, x: Array, grad: Array) -> Array:
        return grad - _times(_dot(grad, x) / self.norm**2, x)


@dataclass(frozen=True)
class Box:
    """Points whose numbers lie between `low` and `high`."""

    low: float
    high: float
    norm: float
    first: float = MOST
    longest: float = MOST

    def project(self, x: Array) -> Array:
        return array_module(x).clip(x, self.low, self.high)

    def slope(self, x: Array, grad: Array) -> Array:
        return grad


@dataclass
class Ascent:
    """Where every row has come, and how.

    Parameters
    ----------
    x : array (R, *shape)
        Where its value was highest.
    value : array (R,)
    grad : array (R, *shape)
        There, as far as long steps and steps by means know it; spectral steps leave it as it was.
    trace : array (R, max_steps + 1)
        The highest value up to every step.
    """

    x: Array
    value: Array
    grad: Array
    trace: Array

    def keep(self, better: Array, x: Array, value: Array, grad: Array) -> None:
        """Take these where `better` (R,) says so."""
        self.x = where_rows(better, x, self.x)
        self.grad = where_rows(better, grad, self.grad)
        self.value = array_module(value).where(better, value, self.value)


def ascend(
    function: Function,
    constraint: Constraint,
    x: Array,
    value: Array,
    grad: Array,
    *,
    step: float,
    max_steps: int,
    tolerance: float,
    smooth: bool = True,
) -> Ascent:
    """Climb from allowed points x (R, *shape) with their values and gradients; no value ends below its first.

    The first 10 steps are long: each goes along the gradient, at first by `step` norms, 1.5 times as far after a rise,
    half as far, from where it was, after a fall. Later ones are spectral: each goes along the slope by s.s / s.y times
    it, with s the last step and y what the slope lost by it (Barzilai & Borwein 1988): the step of Newton's method,
    were the function equally curved in all directions. It may fall, but not below all values of the last 8 steps.
    A row ends when 8 steps have not raised its highest value by more than `tolerance` times it. Of a function that is
    not `smooth` all steps are long, and all rows end when ten steps have raised none by a tenth of that.
    """
    xp = array_module(x)
    best = Ascent(x, value, grad, xp.repeat(value[:, None], max_steps + 1, axis=1))
    length = xp.full(len(x), step, dtype=x.dtype)
    for first in range(1, max_steps + 1, LONG_STEPS):
        end = min(first + LONG_STEPS, max_steps + 1)
        length = _long_steps(function, constraint, best, length, range(first, end))
        if smooth:
            if end <= max_steps:
                _spectral_steps(function, constraint, best, length, tolerance)
            break
        if not bool((best.value - best.trace[:, first - 1] > 0.1 * tolerance * xp.abs(best.value)).any()):
            break
    return best


def ascend_by_means(
    function: Function, constraint: Constraint, x: Array, value: Array, grad: Array, *, max_steps: int
) -> Ascent:
    """Climb a function with kinks from points x (R, *shape) of a sphere; as `ascend`, but by at most 44 steps.

    Each step goes as far as possible in the direction of a running mean of the gradients, and the mean forgets less and
    less: at first half of what it knew, at the end one part in 25. So the gradient's jumps average out (momentum,
    Polyak 1964). Where the gradient is zero, as where all ReLUs are off, the next step goes half of the way back to the
    best point.
    """
    xp, rows, steps = array_module(x), array_module(x).arange(len(x)), min(MEANS, max_steps)
    best = Ascent(x, value, grad, xp.repeat(value[:, None], max_steps + 1, axis=1))
    mean = grad
    for i in range(1, steps + 1):
        proposal = constraint.project(mean)
        value, grad = function(proposal, rows)
        best.keep(value > best.value, proposal, value, grad)
        best.trace[:, i:] = best.value[:, None]
        share = FORGET + (REMEMBER - FORGET) * i / MEANS
        back = mean + _times(row_norms(mean) / constraint.norm, best.x)
        mean = where_rows(row_norms(grad) > 0, share * mean + (1 - share) * grad, back)
    return best


def _long_steps(function: Function, constraint: Constraint, best: Ascent, length: Array, steps: range) -> Array:
    """Climb by these steps, the first `length` norms (R,) long; returns the length of the next."""
    xp, rows = array_module(best.x), array_module(best.x).arange(len(best.x))
    for i in steps:
        far = length * constraint.norm * _inverse(row_norms(best.grad))
        proposal = constraint.project(best.x + _times(far, best.grad))
        value, grad = function(proposal, rows)
        better = value > best.value
        best.keep(better, proposal, value, grad)
        best.trace[:, i:] = best.value[:, None]
        length = (xp.where(better, GROW, SHRINK) * length).clip(0, MOST).astype(length.dtype)
    return length


def _spectral_steps(function: Function, constraint: Constraint, best: Ascent, length: Array, tolerance: float) -> None:
    """Climb until no row makes progress or the trace is full."""
    xp, rows = array_module(best.x), array_module(best.x).arange(len(best.x))  # of those that climb
    look = GPU_LOOKS if is_gpu(xp) else 1
    x, top, slope = best.x, best.value, constraint.slope(best.x, best.grad)
    step = length.clip(0, constraint.first) * constraint.norm * _inverse(row_norms(best.grad))
    last = xp.repeat(top[:, None], WINDOW, axis=1)
    for i in range(LONG_STEPS + 1, best.trace.shape[1]):
        proposal = constraint.project(x + _times(step, slope))
        value, grad = function(proposal, rows)
        new_slope = constraint.slope(proposal, grad)
        s, y = proposal - x, slope - new_slope
        bend = _dot(s, y)
        spectral = xp.where(bend > 0, _dot(s, s) * _inverse(bend), MORE * step)
        taken = value >= last.min(axis=1)
        limit = constraint.longest * constraint.norm * _inverse(row_norms(new_slope))
        step = xp.where(taken, xp.minimum(spectral, limit), LESS * step)
        x, slope = where_rows(taken, proposal, x), where_rows(taken, new_slope, slope)
        last[:, i % WINDOW] = xp.where(taken, value, last[:, i % WINDOW])
        better = value > top
        top = xp.where(better, value, top)
        best.x[rows] = where_rows(better, proposal, best.x[rows])
        best.trace[rows, i:] = top[:, None]
        if i % look == 0:
            climbing = top - best.trace[rows, i - PATIENCE] > tolerance * xp.abs(top)
            if not climbing.all():
                x, slope, step, last, top, rows = (a[climbing] for a in (x, slope, step, last, top, rows))
            if len(rows) == 0:
                break
    best.value = best.trace[:, -1]


def _dot(a: Array, b: Array) -> Array:
    return (a * b).reshape(len(a), -1).sum(axis=1)


def row_norms(a: Array) -> Array:
    """Euclidean norms (R,) of the rows of a (R, *shape)."""
    return array_module(a).sqrt(_dot(a, a))


def _times(factor: Array, a: Array) -> Array:
    return factor.reshape(-1, *(1,) * (a.ndim - 1)) * a


def where_rows(rows: Array, new: Array, old: Array) -> Array:
    """The new where `rows` (R,) is true."""
    return array_module(old).where(rows.reshape(-1, *(1,) * (old.ndim - 1)), new, old)


def _inverse(a: Array) -> Array:
    """1 / a of what is above 0, else 1."""
    xp = array_module(a)
    return 1 / xp.where(a > 0, a, 1)
