"""Which hidden units have learned nothing: dead, always on, or copies of another."""

from __future__ import annotations

from dataclasses import dataclass

from ..backend import Array, array_module
from ..display import Brief
from ..images import UNBOUNDED, as_floats

ON, OFF = 0.95, 0.05  # probabilities beyond which a unit counts as on, as off
STIRS = 0.01  # range of its probability within which a unit ignores its input
SAME = 0.95  # cosine of two weight vectors above which the later unit is a copy


@dataclass(frozen=True, repr=False)
class UnitAudit(Brief):
    """Flags of the hidden units of one layer, each (H,) of bool.

    dead: p(h = 1 | v) is below 0.05 for every image, or the same to within 0.01; always_on: above 0.95 for every
    image; duplicate: its weights have a cosine above 0.95 with those of an earlier unit.
    """

    dead: Array
    always_on: Array
    duplicate: Array


def unit_audit(mean_h: Array, W: Array) -> UnitAudit:
    """Audit units from their activation probabilities (B, H) over some images and their weights (V, H)."""
    low, high = mean_h.min(axis=0), mean_h.max(axis=0)
    always_on = low > ON
    return UnitAudit(
        dead=((high < OFF) | (high - low < STIRS)) & ~always_on,
        always_on=always_on,
        duplicate=duplicate_units(W),
    )


def duplicate_units(W: Array) -> Array:
    """Whether the weights (V, H) of each unit have a cosine above 0.95 with those of an earlier one: (H,) of bool."""
    W, xp = as_floats(W, within=UNBOUNDED), array_module(W)
    directions = W / xp.maximum(xp.sqrt((W * W).sum(axis=0)), 1e-12)
    return xp.triu(directions.T @ directions, k=1).max(axis=0) > SAME  # [i, j] with i < j
