"""Activation maximization: the input that activates a unit most.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..backend import Array, child_seeds
from ..evaluate.scores import input_norm, rescale
from ..models.protocol import Model, Spatial
from ..models.units import Unit, as_units, neighbours, unit_at
from ..settings import check_settings, check_value
from .visualizer import UnitImages, unit_images, unit_rngs

# Neighbours climb together, whether asked for or not: a matrix product's last bits depend on all of its rows, and
# a unit's picture must not depend on its company. Enough rows for a fast product, few enough for the cache.
BLOCK = 32
GROW, SHRINK = 1.5, 0.5  # of a row's step after a success, after a failure
MOST = 1e16  # norms that a step has: so far away the picture is the gradient's direction, and float32 does not overflow
PATIENCE = 10  # steps over which progress is judged
RESTARTS = 10  # fresh images, at the most, for a start whose gradient is zero


@dataclass(frozen=True)
class ActivationMaximization:
    """Gradient ascent on the unit's pre-activation from several random starts.

    Every start is uniform noise in [0, 1], zero where the unit does not look. One whose gradient is exactly zero, so
    that nothing moves it, is drawn again, up to 10 times. Each row keeps its own step, which grows while the activation
    rises and shrinks when it would fall, so the trace never decreases, and stops when it makes no progress.

    Returns the starts best first, those that remain without a gradient last, NaN; `extras["trace"]`
    (U, S, max_steps + 1) is the activation after every step.
    """

    title: ClassVar[str] = "activation maximization"
    symmetric: ClassVar[bool] = True
    roles: ClassVar[tuple[str, str]] = ("best", "start")

    starts: int = 9
    """Random starts per unit (Erhan et al. 2009 show 9)."""
    constraint: Literal["norm", "box"] = "norm"
    """norm: the input keeps the Euclidean norm `norm`, pixels unbounded (Erhan et al. 2009); box: pixels stay
    in the input range, the norm is free."""
    norm: float | None = None
    """Euclidean norm of the input; the training images' mean norm if absent."""
    step: float = 1.0
    """First step, as a fraction of the norm."""
    max_steps: int = 200
    """Steps at the most."""
    tolerance: float = 1e-5
    """A start stops when 10 steps have not raised its activation by more than this fraction."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            starts="[1, inf)",
            norm="(0, 1e15]",
            step="(0, 1e15]",
            max_steps="[1, inf)",
            tolerance="[0, inf)",
        )

    def why_not(self, model: Model, images: Array | None) -> str | None:
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages:
        """Maximize `units` of one layer; see `UnitImages`.

        Raises
        ------
        ValueError
            If a unit does not exist, or the model knows no norm above 0.
        """
        layer, indices = as_units(model, units)
        norm = self.norm if self.norm is not None else input_norm(model)
        check_value("norm", norm, float, "(0, 1e15]")
        (seed,) = child_seeds(rng, 1)
        parts, climbed = [], []
        # A pass through maps costs so much that units there climb alone.
        size = 1 if isinstance(model, Spatial) else BLOCK
        for members in sorted({neighbours(model, layer, i, size) for i in indices}, key=lambda members: members.start):
            block = list(members)
            rngs = unit_rngs(model, layer, block, seed=seed)
            starts = model.xp.stack([g.random((self.starts, *model.input_shape), dtype=model.dtype) for g in rngs])
            darken_unseen(model, unit_at(model, layer, block[0]), starts)
            parts.append(self._ascend(model, layer, block, starts, norm, rngs))
            climbed += block
        rows = model.xp.asarray([climbed.index(i) for i in indices])
        x, trace, alive = (model.xp.concatenate(arrays)[rows] for arrays in zip(*parts, strict=True))

        x[~alive] = float("nan")
        best_first = model.xp.where(alive, -trace[..., -1], math.inf).argsort(axis=1, kind="stable")  # (U, S)
        trace = model.xp.take_along_axis(trace, best_first[..., None], axis=1)
        x = model.xp.take_along_axis(x, best_first.reshape(*best_first.shape, *(1,) * len(model.input_shape)), axis=1)
        notes = [_note(lived) for lived in alive.tolist()]
        return unit_images(self, model, layer, indices, x, notes=notes, extras={"trace": trace}, norm=norm)

    def _ascend(
        self, model: Model, layer: str, indices: list[int], x: Array, norm: float, rngs: Sequence[Any]
    ) -> tuple[Array, Array, Array]:
        """Climb from `x` (U, S, *shape), or from images drawn from the units' `rngs` where the gradient there is zero:
        optima, traces (U, S, max_steps + 1), and whether there was a gradient (U, S)."""
        xp, (n_units, n_starts), n_axes = model.xp, x.shape[:2], len(model.input_shape)
        network = model.network.upto(f"{layer}.pre").select(xp.asarray(indices))
        own = xp.repeat(xp.eye(n_units, dtype=x.dtype), n_starts, axis=0)  # (R, U): each row's unit, R = U S rows

        def project(x: Array) -> Array:
            return rescale(x, norm, n_axes) if self.constraint == "norm" else xp.clip(x, *model.input_range)

        def value_and_grad(x: Array, own: Array) -> tuple[Array, Array]:
            pre, pullback = network.forward(x)
            return (pre * own).sum(axis=1), pullback(own)

        def per_row(a: Array) -> Array:
            return a.reshape(-1, *(1,) * n_axes)

        def length(grad: Array) -> Array:
            return xp.sqrt((grad * grad).reshape(len(grad), -1).sum(axis=1))

        optimum = project(x.reshape(-1, *model.input_shape))  # (R, *shape)
        value, grad = value_and_grad(optimum, own)
        for _ in range(RESTARTS):
            flat = length(grad) == 0
            if not bool(flat.any()):
                break
            fresh = fresh_noise(model, rngs, flat.reshape(n_units, n_starts))
            darken_unseen(model, unit_at(model, layer, indices[0]), fresh)
            fresh = project(fresh.reshape(optimum.shape))
            new_value, new_grad = value_and_grad(fresh, own)
            optimum = xp.where(per_row(flat), fresh, optimum)
            grad = xp.where(per_row(flat), new_grad, grad)
            value = xp.where(flat, new_value, value)
        alive = length(grad) > 0
        trace = xp.repeat(value[:, None], self.max_steps + 1, axis=1)
        x, step, rows = optimum, xp.full(len(own), self.step, dtype=x.dtype), xp.arange(len(own))  # of those climbing
        for i in range(1, self.max_steps + 1):
            size = length(grad)
            proposal = project(x + per_row(step * norm / xp.where(size > 0, size, 1)) * grad)
            new_value, new_grad = value_and_grad(proposal, own)
            better = new_value > value
            x = xp.where(per_row(better), proposal, x)
            grad = xp.where(per_row(better), new_grad, grad)
            value = xp.where(better, new_value, value)
            step = xp.where(better, step * GROW, step * SHRINK).clip(0, MOST)
            optimum[rows] = x
            trace[rows, i:] = value[:, None]
            if i >= PATIENCE:
                climbing = value - trace[rows, i - PATIENCE] > self.tolerance * xp.abs(value)
                if not climbing.all():
                    x, grad, value, step, own, rows = (a[climbing] for a in (x, grad, value, step, own, rows))
                if len(rows) == 0:
                    break
        per_unit = (n_units, n_starts)
        return optimum.reshape(*per_unit, *model.input_shape), trace.reshape(*per_unit, -1), alive.reshape(per_unit)


def _note(alive: list[bool]) -> str:
    if not any(alive):
        return "dead: zero gradient at every start"
    return "" if all(alive) else f"zero gradient: {alive.count(False)} of {len(alive)} starts"


def fresh_noise(model: Model, rngs: Sequence[Any], wanted: Array) -> Array:
    """Uniform noise in [0, 1], (U, S, *input_shape), a generator per unit; one with none `wanted` (U, S) draws none."""
    xp, shape = model.xp, (wanted.shape[1], *model.input_shape)
    drawn = [
        rng.random(shape, dtype=model.dtype) if any(row) else xp.zeros(shape, dtype=model.dtype)
        for rng, row in zip(rngs, wanted.tolist(), strict=True)
    ]
    return xp.stack(drawn)


def darken_unseen(model: Model, unit: Unit, images: Array) -> None:
    """Set pixels of `images` (..., H, W) outside the receptive field of a convolutional `unit` to zero, in place."""
    if isinstance(model, Spatial) and len(model.layer_shape(unit.layer)) > 1:
        rows, columns = model.receptive_field(unit.layer, unit.position).slices
        seen = images[..., rows, columns].copy()
        images[...] = 0
        images[..., rows, columns] = seen
