"""What an epoch of training did: the statistics to watch (Hinton 2010, sections 5, 6 and 15)."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

from ..backend import Array, array_module, to_numpy
from ..display import Tabular
from ..evaluate.audit import UnitAudit, unit_audit
from ..models.rbm import RBM

CONSTANT = 0.05  # standard deviation of a hidden mean over the images, below which it is the same for all
MONITOR = 2000  # images that the monitoring of an epoch looks at, of training and of held-out data each


@dataclass(frozen=True, repr=False)
class EpochStats(Tabular):
    """What one epoch did."""

    layer: str
    epoch: int
    """From 1."""
    reconstruction_error: float
    """Squared error of v -> h -> v summed over the visible units, mean over images. Not what training descends."""
    free_energy_gap: float
    """Mean free energy of training minus held-out images, in nats: it falls when the model overfits. NaN where there
    is none."""
    dead: int
    always_on: int
    duplicates: int
    weight_norm: float
    """Mean Euclidean norm of the hidden units' weight vectors."""
    learning_rate: float
    """At the end of the epoch."""
    seconds: float
    held_out_error: float = math.nan
    """`reconstruction_error` of held-out images; of autoencoders alone, which have no free energy. NaN otherwise."""

    def _facts(self) -> dict[str, Any]:
        """Without what is NaN, because training had none of it."""
        return {name: x for name, x in super()._facts().items() if x == x}


class TrainingDiverged(FloatingPointError):
    """Parameters became infinite or not a number."""


class ConstantFeatures(UserWarning):
    """After training, the hidden units are the same for every image."""


def warn_if_constant(h: Array, layer: str, updates: int, batch_size: int) -> None:
    """Warn with ConstantFeatures if no column of the hidden means `h` (N, H) of several images varies over them."""
    spread = float(h.std(axis=0).max())
    remedy = "a smaller batch_size, such as 10, or more epochs" if batch_size > 10 else "more epochs, or a higher rate"
    if len(h) > 1 and spread < CONSTANT:
        warnings.warn(
            f"layer {layer}: no hidden unit varies over the images (largest standard deviation {spread:.4f}) after "
            f"{updates} updates of {batch_size} images each; take {remedy}",
            ConstantFeatures,
            stacklevel=3,
        )


def monitor(
    rbm: RBM, data: Array, held_out: Array | None, layer: str, epoch: int, rate: float, seconds: float
) -> EpochStats:
    """Look at the first images of training and held-out data; TrainingDiverged if the RBM is no longer finite."""
    xp = array_module(rbm.W)
    v = data[:MONITOR]
    mean_h = rbm.mean_h_given_v(v)
    measured = {
        "reconstruction_error": ((v - rbm.mean_v_given_h(mean_h)) ** 2).sum(axis=1).mean(),
        "weight_norm": xp.sqrt((rbm.W**2).sum(axis=0)).mean(),
        "free_energy": rbm.free_energy(v).mean(),
    }
    if held_out is not None:
        measured["held_out_energy"] = rbm.free_energy(held_out[:MONITOR]).mean()
    return epoch_stats(measured, unit_audit(mean_h, rbm.W), layer, epoch, rate, seconds)


def epoch_stats(
    measured: dict[str, Array], audit: UnitAudit, layer: str, epoch: int, rate: float, seconds: float
) -> EpochStats:
    """What was measured on the device, as an epoch's statistics; TrainingDiverged if it is no longer finite.

    Parameters
    ----------
    measured : dict of array ()
        reconstruction_error and weight_norm; where there are such, free_energy and held_out_energy, means over images
        in nats, held_out_error, and anything else that must be finite.
    audit : UnitAudit
    layer : str
    epoch : int
        From 1.
    rate, seconds : float
    """
    flags = {"dead": audit.dead, "always_on": audit.always_on, "duplicates": audit.duplicate}
    measured = {**measured, **{name: units.sum() for name, units in flags.items()}}
    xp = array_module(*measured.values())
    host = to_numpy(xp.stack([x.astype("float64") for x in measured.values()])).tolist()  # one look at the device
    values = dict(zip(measured, host, strict=True))
    if not all(math.isfinite(x) for name, x in values.items() if name != "held_out_energy"):
        raise TrainingDiverged(
            f"layer {layer}: parameters are no longer finite after epoch {epoch}; "
            f"lower the learning rate (now {rate:g}) or the momentum"
        )
    return EpochStats(
        layer=layer,
        epoch=epoch,
        reconstruction_error=values["reconstruction_error"],
        free_energy_gap=values.get("free_energy", math.nan) - values.get("held_out_energy", math.nan),
        dead=int(values["dead"]),
        always_on=int(values["always_on"]),
        duplicates=int(values["duplicates"]),
        weight_norm=values["weight_norm"],
        learning_rate=rate,
        seconds=seconds,
        held_out_error=values.get("held_out_error", math.nan),
    )
