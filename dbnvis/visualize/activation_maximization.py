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

from ..backend import Array, child_seeds, is_gpu
from ..evaluate.scores import input_norm
from ..models.protocol import Model, Spatial
from ..models.units import Unit, as_units, neighbours, unit_at
from ..settings import check_settings, check_value
from .gradient_ascent import Box, Sphere, ascend, ascend_by_means, row_norms, where_rows
from .visualizer import UnitImages, unit_images, unit_streams

# Neighbours climb together, whether asked for or not: a matrix product's last bits depend on all of its rows, and
# a unit's picture must not depend on its company. Enough rows for a fast product, few enough for the cache; a GPU
# wants many. On a CPU a pass through maps costs so much that units there climb alone.
BLOCK, BLOCK_OF_MAPS = 32, 1
GPU_BLOCK, GPU_BLOCK_OF_MAPS = 512, 8
RESTARTS = 10  # fresh images, at the most, for a start whose gradient is zero


@dataclass(frozen=True)
class ActivationMaximization:
    """Gradient ascent on the unit's pre-activation from several random starts.

    Every start is uniform noise in [0, 1], zero where the unit does not look. One whose gradient is exactly zero, so
    that nothing moves it, is drawn again, up to 10 times. Steps go along the gradient: the first 10 are long, later
    ones as long as the last change of the gradient tells (Barzilai & Borwein 1988). Where there are ReLUs or
    max-pooling below the unit, the gradient jumps; there, with the norm kept, at most 44 steps go along running means
    of gradients, and in the box all steps are long (`gradient_ascent`). A step may fall; the picture is the highest
    point that a start came through.

    Returns the starts best first, those that remain without a gradient last, NaN; `extras["trace"]`
    (U, S, max_steps + 1) is the highest activation up to every step, so it never decreases.
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
    """Euclidean norm of the input; None: the training images' mean norm."""
    step: float = 1.0
    """First step, as a fraction of the norm. Does nothing above ReLUs or max-pooling, with constraint norm."""
    max_steps: int = 200
    """Steps at the most; above ReLUs or max-pooling, with constraint norm, 44 or fewer."""
    tolerance: float = 2e-4
    """A start stops when 8 steps have not raised its highest activation by more than this fraction; on a GPU at
    the next tenth step. Does nothing above ReLUs or max-pooling, with constraint norm."""

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
        blocks = {neighbours(model, layer, i, self.together(model)) for i in indices}
        for members in sorted(blocks, key=lambda members: members.start):
            block = list(members)
            parts.append(self._ascend(model, layer, block, norm, seed))
            climbed += block
        rows = model.xp.asarray([climbed.index(i) for i in indices])
        x, trace, alive = (model.xp.concatenate(arrays)[rows] for arrays in zip(*parts, strict=True))

        x[~alive] = float("nan")
        best_first = model.xp.where(alive, -trace[..., -1], math.inf).argsort(axis=1, kind="stable")  # (U, S)
        trace = model.xp.take_along_axis(trace, best_first[..., None], axis=1)
        x = model.xp.take_along_axis(x, best_first.reshape(*best_first.shape, *(1,) * len(model.input_shape)), axis=1)
        notes = [_note(lived) for lived in alive.tolist()]
        return unit_images(self, model, layer, indices, x, notes=notes, extras={"trace": trace}, norm=norm)

    def together(self, model: Model) -> int:
        """How many neighbours in a layer climb together, asked for or not."""
        maps = isinstance(model, Spatial)
        if is_gpu(model.xp):
            return GPU_BLOCK_OF_MAPS if maps else GPU_BLOCK
        return BLOCK_OF_MAPS if maps else BLOCK

    def _ascend(
        self, model: Model, layer: str, indices: list[int], norm: float, seed: int
    ) -> tuple[Array, Array, Array]:
        """Optima (U, S, *shape), traces (U, S, max_steps + 1), and whether there was a gradient (U, S)."""
        xp, shape, per_unit = model.xp, tuple(model.input_shape), (len(indices), self.starts)
        constraint = Sphere(norm) if self.constraint == "norm" else Box(*model.input_range, norm)
        network = model.network.upto(f"{layer}.pre").select(xp.asarray(indices))
        unit = xp.repeat(xp.arange(len(indices)), self.starts)  # of each row (R,), R = U S
        one = xp.eye(len(indices), dtype=model.dtype)

        def value_and_grad(x: Array, rows: Array) -> tuple[Array, Array]:
            own = one[unit[rows]]  # (R, U)
            pre, pullback = network.forward(x)
            return (pre * own).sum(axis=1), pullback(own)

        def noise(draw: int) -> Array:
            streams = unit_streams(model, layer, indices, seed=seed, draw=draw)
            x = streams.random((*per_unit, *shape), dtype=model.dtype)
            darken_unseen(model, unit_at(model, layer, indices[0]), x)
            return constraint.project(x.reshape(-1, *shape))

        every = xp.arange(len(unit))
        x = noise(0)
        value, grad = value_and_grad(x, every)
        for draw in range(1, RESTARTS + 1):
            flat = ~(row_norms(grad) > 0)
            if not bool(flat.any()):
                break
            fresh = noise(draw)
            new_value, new_grad = value_and_grad(fresh, every)
            x, grad = where_rows(flat, fresh, x), where_rows(flat, new_grad, grad)
            value = xp.where(flat, new_value, value)
        alive = (row_norms(grad) > 0).reshape(per_unit)
        if network.kinked and self.constraint == "norm":
            found = ascend_by_means(value_and_grad, constraint, x, value, grad, max_steps=self.max_steps)
        else:
            limits: dict[str, Any] = {"step": self.step, "max_steps": self.max_steps, "tolerance": self.tolerance}
            found = ascend(value_and_grad, constraint, x, value, grad, **limits, smooth=not network.kinked)
        return found.x.reshape(*per_unit, *shape), found.trace.reshape(*per_unit, -1), alive


def _note(alive: list[bool]) -> str:
    if not any(alive):
        return "dead: zero gradient at every start"
    return "" if all(alive) else f"zero gradient: {alive.count(False)} of {len(alive)} starts"


def darken_unseen(model: Model, unit: Unit, images: Array) -> None:
    """Set pixels of `images` (..., H, W) outside the receptive field of a convolutional `unit` to zero, in place."""
    if isinstance(model, Spatial) and len(model.layer_shape(unit.layer)) > 1:
        rows, columns = model.receptive_field(unit.layer, unit.position).slices
        seen = images[..., rows, columns].copy()
        images[...] = 0
        images[..., rows, columns] = seen
