"""What an epoch of training did: the statistics to watch (Hinton 2010, sections 5, 6 and 15)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..backend import Array, array_module, to_numpy
from ..evaluate.audit import unit_audit
from ..rbm import RBM

MONITOR = 2000  # images that the monitoring of an epoch looks at, of training and of held-out data each


@dataclass(frozen=True)
class EpochStats:
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


class TrainingDiverged(FloatingPointError):
    """Parameters became infinite or not a number."""


def monitor(
    rbm: RBM, data: Array, held_out: Array | None, layer: str, epoch: int, rate: float, seconds: float
) -> EpochStats:
    """Look at the first images of training and held-out data; TrainingDiverged if the RBM is no longer finite."""
    xp = array_module(rbm.W)
    v = data[:MONITOR]
    mean_h = rbm.mean_h_given_v(v)
    audit = unit_audit(mean_h, rbm.W)
    numbers = [
        rbm.free_energy(v).mean(),
        rbm.free_energy(v if held_out is None else held_out[:MONITOR]).mean(),
        ((v - rbm.mean_v_given_h(mean_h)) ** 2).sum(axis=1).mean(),
        xp.sqrt((rbm.W**2).sum(axis=0)).mean(),
        *(flags.sum() for flags in (audit.dead, audit.always_on, audit.duplicate)),
    ]
    numbers = to_numpy(xp.stack([x.astype("float64") for x in numbers])).tolist()  # one look at the device
    free_energy, held_out_energy, error, norm, dead, always_on, duplicates = numbers
    if not all(abs(x) < float("inf") for x in (free_energy, error, norm)):
        raise TrainingDiverged(
            f"layer {layer}: parameters are no longer finite after epoch {epoch}; "
            f"lower the learning rate (now {rate:g}) or the momentum"
        )
    return EpochStats(
        layer=layer,
        epoch=epoch,
        reconstruction_error=error,
        free_energy_gap=float("nan") if held_out is None else free_energy - held_out_energy,
        dead=int(dead),
        always_on=int(always_on),
        duplicates=int(duplicates),
        weight_norm=norm,
        learning_rate=rate,
        seconds=seconds,
    )
