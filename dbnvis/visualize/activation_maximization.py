"""Activation maximization: the input that excites a unit most.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from ..backend import Array, child_seeds
from ..evaluate.scores import input_norm, rescale
from .base import Unit, UnitImages, as_units, check_choices, unit_images, unit_rngs

# Neighbours climb together, whether asked for or not: a matrix product's last bits depend on all of its rows, and
# a unit's picture must not depend on its company. Enough rows for a fast product, few enough for the cache.
BLOCK = 16
GROW, SHRINK = 1.5, 0.5  # of a row's step after a success, after a failure
PATIENCE = 10  # steps over which progress is judged


@dataclass(frozen=True)
class ActivationMaximization:
    """Gradient ascent on the unit's pre-activation from several random starts.

    Every start is uniform noise in [0, 1]. Each row keeps its own step, which grows while the activation
    rises and shrinks when it would fall, so the trace never decreases; the ascent ends when no row
    makes progress.

    Returns the starts best first; `extras["trace"]` (U, S, max_steps + 1) is the activation after every step.
    """

    title: ClassVar[str] = "activation maximization"
    needs_images: ClassVar[bool] = False
    symmetric: ClassVar[bool] = True

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

    def __call__(self, model: Any, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None) -> UnitImages:
        """Maximize `units` of one layer; see `UnitImages`.

        Raises
        ------
        ValueError
            If a setting makes no sense or a unit does not exist.
        """
        check_choices(self)
        if self.starts < 1 or self.max_steps < 1 or not self.step > 0:
            raise ValueError(
                f"starts, max_steps and step must be positive, got {self.starts}, {self.max_steps}, {self.step}"
            )
        layer, indices = as_units(model, units)
        norm = self.norm if self.norm is not None else input_norm(model)
        if not norm > 0:
            raise ValueError(f"norm must be positive, got {norm}")
        (seed,) = child_seeds(rng, 1)
        parts, climbed = [], []
        for first in sorted({i - i % BLOCK for i in indices}):
            block = list(range(first, min(first + BLOCK, model.layer_shape(layer)[0])))
            rngs = unit_rngs(model, layer, block, seed=seed)
            starts = model.xp.stack([g.random((self.starts, *model.input_shape), dtype=model.dtype) for g in rngs])
            parts.append(self._ascend(model, layer, block, starts, norm))
            climbed += block
        rows = model.xp.asarray([climbed.index(i) for i in indices])
        x, trace, slope = (model.xp.concatenate(arrays)[rows] for arrays in zip(*parts, strict=True))

        best_first = (-trace[..., -1]).argsort(axis=1, kind="stable")  # (U, S)
        trace = model.xp.take_along_axis(trace, best_first[..., None], axis=1)
        x = model.xp.take_along_axis(x, best_first.reshape(*best_first.shape, *(1,) * len(model.input_shape)), axis=1)
        # A gradient of exactly zero moves nothing: the unit ignores its input and has no picture.
        dead = (slope == 0).all(axis=1)
        x[dead] = float("nan")
        notes = ["dead: zero gradient at every start" if d else "" for d in dead.tolist()]
        return unit_images(self, model, layer, indices, x, notes=notes, extras={"trace": trace}, norm=norm)

    def _ascend(self, model: Any, layer: str, indices: list[int], x: Array, norm: float) -> tuple[Array, Array, Array]:
        """Climb from `x` (U, S, *shape): optima, traces (U, S, max_steps + 1), gradients' norms there (U, S)."""
        xp, shape, n_axes = model.xp, x.shape, len(model.input_shape)
        x = x.reshape(-1, *model.input_shape)  # (R, *shape), R = U S rows
        R = len(x)
        network = model.network.upto(f"{layer}.pre").select(xp.asarray(indices))
        pick = xp.repeat(xp.eye(shape[0], dtype=x.dtype), shape[1], axis=0)  # (R, U): the row's own unit

        def project(x: Array) -> Array:
            return rescale(x, norm, n_axes) if self.constraint == "norm" else xp.clip(x, *model.input_range)

        def value_and_grad(x: Array) -> tuple[Array, Array]:
            pre, pullback = network.forward(x)
            return (pre * pick).sum(axis=1), pullback(pick)

        def per_row(a: Array) -> Array:
            return a.reshape(R, *(1,) * n_axes)

        def slope(grad: Array) -> Array:
            return xp.sqrt((grad * grad).reshape(R, -1).sum(axis=1))

        x = project(x)
        value, grad = value_and_grad(x)
        step = xp.full(R, self.step, dtype=x.dtype)
        climbing = xp.ones(R, dtype=bool)
        trace = [value]
        for i in range(self.max_steps):
            length = slope(grad)
            proposal = project(x + per_row(step * norm / xp.where(length > 0, length, 1)) * grad)
            new_value, new_grad = value_and_grad(proposal)
            better = climbing & (new_value > value)
            x = xp.where(per_row(better), proposal, x)
            grad = xp.where(per_row(better), new_grad, grad)
            value = xp.where(better, new_value, value)
            step = xp.where(better, step * GROW, step * SHRINK)
            trace.append(value)
            if i + 1 >= PATIENCE:
                climbing &= value - trace[-1 - PATIENCE] > self.tolerance * xp.abs(value)
                if not climbing.any():
                    break
        trace += [value] * (self.max_steps + 1 - len(trace))
        per_unit = shape[:2]
        return x.reshape(shape), xp.stack(trace, axis=1).reshape(*per_unit, -1), slope(grad).reshape(per_unit)
