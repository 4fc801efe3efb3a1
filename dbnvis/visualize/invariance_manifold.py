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
from ..evaluate.curvature import CURVATURES, random_tangent, tangent_curvatures
from ..models.protocol import Model, pixels_seen
from ..models.units import Unit, as_units, unit_at
from ..settings import check_settings
from .activation_maximization import ActivationMaximization
from .manifold_search import HIGHER, Search
from .sphere_ascent import Maxima
from .visualizer import UnitImages, unit_images, unit_rngs

Direction = Literal["flattest", "steepest", "random"]


@dataclass(frozen=True)
class InvarianceManifold:
    """The input of every angle from a unit's optimum, on the sphere |x| = norm, that activates the unit most.

    At the optimum x* the second derivative of the activation along the sphere, per radian, in the unit tangent
    direction v is norm^2 v'Hv - x*.g (H and g: Hessian and gradient of the pre-activation; the second term is the
    sphere's own curvature). Its greatest eigenvalue belongs to the flattest direction, its least to the steepest.

    Flattest: at every angle the activation is maximized among all inputs of that angle and norm. The ascents start
    from the maxima at the angle before, at first a step along the flattest direction either way, from those at the
    angle after, and from `restarts` random directions, ten times as many beyond 66 degrees. A maximum belongs to that
    of the two ways whose point before is nearer; each way takes its highest. So the two ways bend with the manifold,
    may jump from one maximum to a higher one, and the higher of both is the maximum at that angle, as far as the
    ascents have seen: of twelve units of each layer of the shipped model twenty more random starts reach at most 1 %
    more. The steepest and random directions are followed straight, along great circles, for comparison.

    The optimum is the highest of `starts` random starts, unless a higher one is found from 2 `restarts` maxima at 15
    and at 30 degrees from it, or from such an optimum in turn.

    `images[:, 0]` is the optimum; the others are the film strip, from the far end of one way to that of the other.
    `extras["angle"]` (U, S) is the angle of each picture from the optimum, in degrees, negative on the one way;
    `trace_angle` and `activation` (U, A) are all angles, ascending, and the pre-activation there: of the flattest
    direction at the maximum of each way. `steepest` and `flattest` (U, 3) are the curvatures from either end, per
    squared radian, each beginning with the outermost. `notes` say where an ascent has not ended at a stationary
    point, as at the kink of a ReLU, and where a point of the trace is higher than the optimum. A unit whose
    curvature is the same in all directions, such as any of the first layer, is traced in a random one. Of a
    convolutional unit all this is within its receptive field; pixels outside are zero.
    """

    title: ClassVar[str] = "invariance manifold"
    symmetric: ClassVar[bool] = True
    roles: ClassVar[tuple[str, str]] = ("optimum", "path")

    direction: Direction = "flattest"
    """Where the trace leaves the optimum."""
    max_angle: float = 60.0
    """Angle from the optimum at either end, in degrees."""
    step: float = 4.0
    """Angle between two points of the trace, in degrees."""
    shown: int = 5
    """Pictures on either way, at equal angles."""
    starts: int = 9
    """Random starts of the maximization whose best is the optimum."""
    restarts: int = 8
    """Random directions from which the maximum at each angle is searched, beside its neighbours."""
    norm: float | None = None
    """Euclidean norm of the input; None: the training images' mean norm."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            max_angle="(0, 180)",
            step="[1e-3, 180)",
            shown="[1, inf)",
            starts="[1, inf)",
            restarts="[1, inf)",
            norm="(0, 1e15]",
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
        (traced,) = self.along([self.direction], model, units, rng=rng)
        return traced

    def along(
        self, directions: Sequence[Direction], model: Model, units: Sequence[Unit | str], *, rng: Any
    ) -> list[UnitImages]:
        """What a call gives with each of `directions`, from optima that are searched once; errors as there."""
        layer, indices = as_units(model, units)
        for index in indices:
            _, shape = pixels_seen(model, layer, index)
            if math.prod(shape) < 2 * CURVATURES + 2:
                raise ValueError(
                    f"expected an input of at least {2 * CURVATURES + 2} pixels, got {shape}: what "
                    f"{unit_at(model, layer, index)} sees; take a unit that sees more"
                )
        xp, (seed, search_seed, trace_seed) = model.xp, child_seeds(rng, 3)
        maximize = ActivationMaximization(starts=self.starts, norm=self.norm)
        optima = maximize(model, [unit_at(model, layer, i) for i in indices], rng=make_rng(xp, seed))
        norm = optima.settings["norm"]
        summits = []
        searches = unit_rngs(model, layer, indices, seed=search_seed)
        for index, x, own in zip(indices, optima.images[:, 0], searches, strict=True):
            seen, _ = pixels_seen(model, layer, index)
            search = Search.of(model, layer, index, norm, self.restarts)
            summits.append(_summit(search, move(x, xp)[seen].astype("float64").reshape(-1), own))
        found = []
        for direction in directions:
            rngs = unit_rngs(model, layer, indices, seed=trace_seed)
            traces = [self._trace(*each, direction) for each in zip(summits, rngs, strict=True)]
            found.append(
                replace(self, direction=direction)._pictures(model, layer, indices, traces, optima.notes, norm)
            )
        return found

    def _pictures(
        self,
        model: Model,
        layer: str,
        indices: Sequence[int],
        traces: Sequence[Trace],
        notes: Sequence[str],
        norm: float,
    ) -> UnitImages:
        """The film strips of `traces`, and what is measured along them."""
        xp, n = model.xp, self._n_steps
        angles = self._angles
        signed = [*(-angle for angle in reversed(angles)), 0.0, *angles]
        frames = [round(n * i / self.shown) - 1 for i in range(1, self.shown + 1)]
        shown = [n, *(n - 1 - i for i in reversed(frames)), *(n + 1 + i for i in frames)]
        pictures = xp.zeros((len(indices), len(shown), *model.input_shape), dtype=model.dtype)
        for film, index, traced in zip(pictures, indices, traces, strict=True):
            seen, shape = pixels_seen(model, layer, index)
            film[seen] = traced.points[xp.asarray(shown)].reshape(-1, *shape).astype(model.dtype)
        curvatures = xp.stack([traced.curvatures for traced in traces])  # (U, 2 CURVATURES), ascending
        extras = {
            "angle": xp.asarray([[signed[i] for i in shown]] * len(indices)),
            "trace_angle": xp.asarray([signed] * len(indices)),
            "activation": xp.stack([traced.activation for traced in traces]),
            "steepest": curvatures[:, :CURVATURES],
            "flattest": xp.flip(curvatures[:, CURVATURES:], axis=1),
        }
        said = [
            "; ".join(filter(None, [note, _not_stationary(traced), _higher(traced, signed)]))
            for note, traced in zip(notes, traces, strict=True)
        ]
        return unit_images(self, model, layer, indices, pictures, notes=said, extras=extras, norm=norm)

    @property
    def _angles(self) -> list[float]:
        """Of the trace on either way, in degrees, ascending."""
        return [self.max_angle * i / self._n_steps for i in range(1, self._n_steps + 1)]

    def _trace(self, summit: Summit, rng: Any, direction: Direction) -> Trace:
        """Both ways through an optimum."""
        search, optimum, angles = summit.search, summit.optimum, [math.radians(a) for a in self._angles]
        centre, norm = optimum.points[0], search.norm
        xp = array_module(centre)
        if not bool(xp.isfinite(centre).all()):  # a dead unit
            nothing = xp.full((2 * len(angles) + 1, len(centre)), float("nan"))
            return Trace(nothing, nothing[:, 0], nothing[0, : 2 * CURVATURES], nothing[:, 0] == 0)
        vectors = summit.vectors
        start = {"flattest": vectors[-1], "steepest": vectors[0], "random": random_tangent(centre, rng)}[direction]
        # Of the two ways the positive one adds light.
        ways = xp.stack([-start, start]) * xp.where(start.sum() < 0, -1.0, 1.0)
        if direction == "flattest":
            maxima = search.flattest(angles, ways, centre, rng)
        else:
            values = [search.circle(centre, angle)(ways)[0] for angle in angles]
            maxima = [Maxima(ways, value, xp.ones(2, dtype=bool)) for value in values]
        pairs = zip(angles, maxima, strict=True)
        points = xp.stack([norm * (math.cos(angle) * centre + math.sin(angle) * at.points) for angle, at in pairs])
        activation = xp.stack([at.values for at in maxima])  # (n, 2)
        stationary = xp.stack([at.stationary for at in maxima])
        return Trace(
            _joined(points, norm * optimum.points),
            _joined(activation, optimum.values),
            summit.curvatures,
            ~_joined(stationary, optimum.stationary),
        )


@dataclass(frozen=True)
class Summit:
    """A unit's optimum, one row, and how the activation falls from it; NaN of a dead unit.

    Parameters
    ----------
    search : Search
        Of the unit.
    optimum : Maxima
    curvatures : array (2 CURVATURES,)
        Ascending.
    vectors : array (2 CURVATURES, D)
        Directions of these curvatures.
    """

    search: Search
    optimum: Maxima
    curvatures: Array
    vectors: Array


def _summit(search: Search, x: Array, rng: Any) -> Summit:
    """The optimum near `x` (D,), or a higher one."""
    xp = array_module(x)
    if not bool(xp.isfinite(x).all()):
        nothing = xp.full((2 * CURVATURES, len(x)), float("nan"))
        return Summit(search, Maxima(x[None], x[:1], xp.ones(1, dtype=bool)), nothing[:, 0], nothing)
    optimum = search.optimum(x, rng)
    return Summit(search, optimum, *tangent_curvatures(search.function, optimum.points[0], search.norm, rng=rng))


@dataclass(frozen=True)
class Trace:
    """A unit along both ways through its optimum: A angles, ascending.

    Parameters
    ----------
    points : array (A, D)
    activation : array (A,)
    curvatures : array (2 CURVATURES,)
        Ascending, at the optimum.
    unfinished : array (A,) of bool
        Where the ascent has not ended at a stationary point.
    """

    points: Array
    activation: Array
    curvatures: Array
    unfinished: Array


def _joined(ways: Array, middle: Array) -> Array:
    """Two ways (n, 2, ...) and what is between them (1, ...), from the far end of the one to that of the other."""
    xp = array_module(ways)
    return xp.concatenate([xp.flip(ways[:, 0], axis=0), middle, ways[:, 1]])


def _not_stationary(trace: Trace) -> str:
    n = int(trace.unfinished.sum())
    return f"no stationary points: {n} of {len(trace.unfinished)}" if n else ""


def _higher(trace: Trace, angles: Sequence[float]) -> str:
    """Where the trace is higher than the optimum in its middle."""
    top = float(trace.activation[len(angles) // 2])
    best = int(trace.activation.argmax())
    if not float(trace.activation[best]) > top + HIGHER * abs(top):
        return ""
    return f"higher than the optimum at {angles[best]:+.0f} degrees: {float(trace.activation[best]):.4g}, not {top:.4g}"
