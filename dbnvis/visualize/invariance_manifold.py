"""Invariance manifolds: the ways in which the input may change while a unit stays active.

References
----------
Erhan, Courville, Bengio (2010), "Understanding representations learned in deep architectures", TR 1355.
Berkes, Wiskott (2006), "On the analysis and interpretation of inhomogeneous quadratic forms as receptive fields".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from ..backend import Array, array_module, child_seeds, make_rng, move
from ..evaluate.curvature import CURVATURES, Function, random_tangent, tangent_curvatures
from ..models.layers import Network, Trainable
from ..models.protocol import Model, Spatial
from ..models.units import Unit, as_units, unit_at
from ..settings import check_settings
from .activation_maximization import ActivationMaximization
from .visualizer import UnitImages, unit_images, unit_rngs

CLIMB, POLISH = 60, 300  # steps at the most of every re-maximization, and of the optimum's own
FIRST, GROW, SHRINK = 0.02, 1.5, 0.5  # of a step in the unit sphere; its change after a success, after a failure
RISE, LAST_RISE = 1e-5, 1e-10  # of the activation: either ends when 10 steps have not raised it by more


@dataclass(frozen=True)
class InvarianceManifold:
    """From the unit's optimum on the sphere |x| = norm, follow the direction along which its activation falls least.

    At the optimum x* the second derivative of the activation along the sphere, per radian, in the unit tangent
    direction v is norm^2 v'Hv - x*.g (H and g: Hessian and gradient of the pre-activation; the second term is the
    sphere's own curvature). Its greatest eigenvalue belongs to the flattest direction, its least to the steepest.
    The trace leaves x* along the flattest, both ways. At every further angle from x* it maximizes the activation
    among the inputs of that angle and norm, inside a ball around the continuation of the trace, whose radius is the
    step. So it bends with the manifold, and its activation is a function of the angle from x*. The steepest and
    random directions are followed straight, along great circles, for comparison.

    `images[:, 0]` is the optimum; the others are the film strip, from the far end of one way to that of the other.
    `extras["angle"]` (U, S) is the angle of each picture from the optimum, in degrees, negative on the one way;
    `trace_angle` and `activation` (U, A) are all angles, ascending, and the pre-activation there; `steepest` and
    `flattest` (U, 3) the curvatures from either end, per squared radian, each beginning with the outermost. A unit
    whose curvature is the same in all directions, such as any of the first layer, is traced in a random one. Of a
    convolutional unit all this is within its receptive field; pixels outside are zero.
    """

    title: ClassVar[str] = "invariance manifold"
    symmetric: ClassVar[bool] = True

    direction: Literal["flattest", "steepest", "random"] = "flattest"
    """Where the trace leaves the optimum."""
    max_angle: float = 60.0
    """Angle from the optimum at either end, in degrees."""
    step: float = 4.0
    """Angle between two points of the trace, in degrees."""
    shown: int = 5
    """Pictures on either way, at equal angles."""
    starts: int = 9
    """Random starts of the maximization; the best is the optimum."""
    norm: float | None = None
    """Euclidean norm of the input; the training images' mean norm if absent."""

    def __post_init__(self) -> None:
        check_settings(
            self, max_angle="(0, 180)", step="[1e-3, 180)", shown="[1, inf)", starts="[1, inf)", norm="(0, 1e15]"
        )
        if self._n_steps < self.shown:
            raise ValueError(
                f"expected a step for each of the {self.shown} pictures on either way, got {self._n_steps}: "
                f"max_angle {self.max_angle:g}, step {self.step:g}"
            )

    @property
    def _n_steps(self) -> int:
        """Of the trace, on either way."""
        return round(self.max_angle / self.step)

    def why_not(self, model: Model, images: Array | None) -> str | None:
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages:
        """Trace `units` of one layer; see `UnitImages`.

        Raises
        ------
        ValueError
            If a unit sees fewer than 2 CURVATURES + 2 pixels, or does not exist.
        """
        n_steps = self._n_steps
        layer, indices = as_units(model, units)
        for index in indices:
            _, shape = _seen(model, layer, index)
            if math.prod(shape) < 2 * CURVATURES + 2:
                raise ValueError(
                    f"expected an input of at least {2 * CURVATURES + 2} pixels, got {shape}: what "
                    f"{unit_at(model, layer, index)} sees; take a unit that sees more"
                )
        xp, (seed, own_seed) = model.xp, child_seeds(rng, 2)
        maximize = ActivationMaximization(starts=self.starts, norm=self.norm)
        optima = maximize(model, [unit_at(model, layer, i) for i in indices], rng=make_rng(xp, seed))
        norm = optima.settings["norm"]
        angles = [self.max_angle * i / n_steps for i in range(1, n_steps + 1)]
        frames = [round(n_steps * i / self.shown) - 1 for i in range(1, self.shown + 1)]
        signed = [*(-a for a in reversed(angles)), 0.0, *angles]
        shown = [n_steps, *(n_steps - 1 - i for i in reversed(frames)), *(n_steps + 1 + i for i in frames)]

        pictures, activations, ends = [], [], []
        rngs = unit_rngs(model, layer, indices, seed=own_seed)
        for index, x, own in zip(indices, optima.images[:, 0], rngs, strict=True):
            seen, shape = _seen(model, layer, index)
            x = move(x, xp)[seen].astype("float64").reshape(-1)
            traced = self._trace(_function(model, layer, index), x, norm, [math.radians(a) for a in angles], own)
            film = xp.zeros((len(shown), *model.input_shape), dtype=model.dtype)
            film[seen] = traced[0][xp.asarray(shown)].reshape(-1, *shape).astype(model.dtype)
            pictures.append(film)
            activations.append(traced[1])
            ends.append(traced[2])
        curvatures = xp.stack(ends)  # (U, 2 CURVATURES), ascending
        extras = {
            "angle": xp.asarray([[signed[i] for i in shown]] * len(indices)),
            "trace_angle": xp.asarray([signed] * len(indices)),
            "activation": xp.stack(activations),
            "steepest": curvatures[:, :CURVATURES],
            "flattest": xp.flip(curvatures[:, CURVATURES:], axis=1),
        }
        return unit_images(
            self, model, layer, indices, xp.stack(pictures), notes=optima.notes, extras=extras, norm=norm
        )

    def _trace(
        self, function: Function, x: Array, norm: float, angles: Sequence[float], rng: Any
    ) -> tuple[Array, Array, Array]:
        """Inputs (A, D) on both ways through the optimum near `x` (D,), their activations (A,), curvatures (2 k,)."""
        xp = array_module(x)
        if not bool(xp.isfinite(x).all()):  # a dead unit
            nothing = xp.full((2 * len(angles) + 1, len(x)), float("nan"))
            return nothing, nothing[:, 0], nothing[0, : 2 * CURVATURES]
        # The optimum comes in the model's own precision; curvatures ask for more.
        centre = _climb(_around(function, 0 * x, norm), (x / norm)[None], steps=POLISH, rise=LAST_RISE)[0]
        curvatures, vectors = tangent_curvatures(function, centre, norm, rng=rng)
        start = {"flattest": vectors[-1], "steepest": vectors[0], "random": random_tangent(centre, rng)}[self.direction]
        # Of the two ways the positive one adds light.
        u = xp.stack([-start, start]) * xp.where(start.sum() < 0, -1.0, 1.0)
        points, values = [], []
        for i, angle in enumerate(angles):
            radius = norm * math.sin(angle)
            middle = norm * math.cos(angle) * centre
            if self.direction == "flattest":
                step = angle - (angles[i - 1] if i else 0.0)
                u = _climb(_around(function, middle, radius), u, normal=centre, reach=step / math.sin(angle))
            points.append(middle + radius * u)
            values.append(function(points[-1])[0])
        ways, heights = xp.stack(points, axis=1), xp.stack(values, axis=1)  # (2, n, D), (2, n)
        top = norm * centre[None]
        return (
            xp.concatenate([xp.flip(ways[0], axis=0), top, ways[1]]),
            xp.concatenate([xp.flip(heights[0], axis=0), function(top)[0], heights[1]]),
            curvatures,
        )


def _seen(model: Model, layer: str, index: int) -> tuple[tuple[Any, ...], tuple[int, ...]]:
    """Where in images (..., *input_shape) are the pixels that a unit sees, and the shape of that part.

    The others change nothing: directions along them would be the flattest of all.
    """
    shape = tuple(model.input_shape)
    if not isinstance(model, Spatial) or len(model.layer_shape(layer)) == 1:
        return (...,), shape
    rows, columns = model.receptive_field(layer, unit_at(model, layer, index).position).slices
    return (..., rows, columns), (*shape[:-2], rows.stop - rows.start, columns.stop - columns.start)


def _function(model: Model, layer: str, index: int) -> Function:
    """Pre-activation of one unit and its gradient by the D pixels it sees, (R, D) -> (R,), (R, D), in float64."""
    seen, shape = _seen(model, layer, index)
    network = model.network.upto(f"{layer}.pre").select(model.xp.asarray([index]))
    network = Network({address: _in_float64(part) for address, part in network.layers.items()})

    def function(x: Array) -> tuple[Array, Array]:
        # One product per row: for few rows faster than one for all, and rows do not depend on their company.
        image = array_module(x).zeros((len(x), 1, *model.input_shape), dtype=x.dtype)
        image[seen] = x.reshape(len(x), 1, *shape)
        pre, pullback = network.forward(image)
        return pre[:, 0, 0], pullback(pre * 0 + 1)[seen].reshape(len(x), -1)

    return function


def _in_float64(layer: Any) -> Any:
    """A copy of `layer` with its parameters in float64."""
    if not isinstance(layer, Trainable):
        return layer
    return replace(layer, **{name: x.astype("float64") for name, x in layer.params().items()})  # type: ignore[type-var]


def _around(function: Function, middle: Array, radius: float) -> Function:
    """`function` at middle + radius u, with its gradient by u."""

    def along(u: Array) -> tuple[Array, Array]:
        value, grad = function(middle + radius * u)
        return value, radius * grad

    return along


def _climb(
    function: Function,
    u: Array,
    *,
    normal: Array | None = None,
    reach: float = math.inf,
    steps: int = CLIMB,
    rise: float = RISE,
) -> Array:
    """Maximize `function` over unit vectors u (R, D) orthogonal to `normal` (D,) and within `reach` of the first.

    Every row has a step of its own, as in `ActivationMaximization`.
    """
    xp = array_module(u)
    first, limit = u, 2 * math.asin(reach / 2) if reach < 2 else math.pi  # a chord as an angle

    def unit(u: Array) -> Array:
        return u / xp.sqrt((u * u).sum(axis=1, keepdims=True))

    def tangent(u: Array, grad: Array) -> Array:
        if normal is not None:
            grad = grad - (grad * normal).sum(axis=1, keepdims=True) * normal
        return grad - (grad * u).sum(axis=1, keepdims=True) * u

    def within(u: Array) -> Array:
        cosine = (u * first).sum(axis=1, keepdims=True)
        aside = unit(u - cosine * first + 1e-300)
        return xp.where(cosine < math.cos(limit), math.cos(limit) * first + math.sin(limit) * aside, u)

    value, grad = function(u)
    step = xp.full(len(u), FIRST, dtype="float64")
    last = value
    for i in range(steps):
        slope = tangent(u, grad)
        size = xp.sqrt((slope * slope).sum(axis=1))
        proposal = within(unit(u + (step / xp.where(size > 0, size, 1))[:, None] * slope))
        new_value, new_grad = function(proposal)
        better = new_value > value
        u = xp.where(better[:, None], proposal, u)
        grad = xp.where(better[:, None], new_grad, grad)
        value = xp.where(better, new_value, value)
        step = xp.where(better, step * GROW, step * SHRINK)
        if i % 10 == 9:
            if bool((value - last <= rise * xp.abs(value)).all()):
                break
            last = value
    return u
