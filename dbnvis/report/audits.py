"""Units of every layer that learned nothing, as facts of a report; measured in `evaluate.audit` and `views`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import views
from ..backend import Array, move, to_numpy
from ..evaluate.audit import duplicate_units, unit_audit
from ..evaluate.resampling import share
from ..figures.study import Study
from ..models.convolution import ReLU
from ..models.layers import Sigmoid
from ..models.pooling import Detection
from ..models.protocol import Model
from ..views.responses import passes

KINDS = ("dead", "always on", "duplicate")
NAMED = 6  # units of a kind that are named, the first ones


def audits(study: Study, n: int) -> dict[str, dict[str, Any]]:
    """Facts of every hidden layer over the first `n` test images, by layer; without images of duplicates alone.

    The output, of classes or pixels, is left out. Units of maps count as one channel each.
    """
    model = study.model
    layers = [name for name in model.layer_names if name != "output"]
    images = None if study.data is None else move(study.data.test_images[:n], model.xp)
    flags = {name: {"duplicate": duplicate_units(_weights(model, name))} for name in layers}
    if images is not None:
        flags |= _of_probabilities(model, images, layers)
        flags |= _of_rectifiers(model, images, layers)
    return {
        name: {"images": None if images is None else len(images), **_facts(name, found)}
        for name, found in flags.items()
    }


def _weights(model: Model, layer: str) -> Array:
    """Weights of the units of `layer` (inputs, units); of channels those of their kernels."""
    W = model.network.weighted(layer).W
    return W.reshape(len(W), -1).T if W.ndim > 2 else W


def _of_probabilities(model: Model, images: Array, layers: Sequence[str]) -> dict[str, dict[str, Array]]:
    """Flags of the layers whose activations are probabilities, from their range over images and positions."""
    names = [name for name in layers if isinstance(model.network.layers[name], (Sigmoid, Detection))]
    ends: dict[str, list[Array]] = {name: [] for name in names}
    for batch in passes(model, images, names) if names else ():
        for name, x in batch.items():
            flat = x.reshape(*x.shape[:2], -1)
            ends[name] += [flat.min(axis=-1).min(axis=0), flat.max(axis=-1).max(axis=0)]
    found = {}
    for name, each in ends.items():
        audit = unit_audit(model.xp.stack(each), _weights(model, name))
        found[name] = {"dead": audit.dead, "always on": audit.always_on, "duplicate": audit.duplicate}
    return found


def _of_rectifiers(model: Model, images: Array, layers: Sequence[str]) -> dict[str, dict[str, Array]]:
    """Flags of the layers of ReLUs."""
    names = [name for name in layers if isinstance(model.network.layers[name], ReLU)]
    found = {}
    for name, statistics in (views.statistics(model, images, names) if names else {}).items():
        faults = views.audit(model, name, statistics)
        kinds = {kind: np.zeros(len(statistics.on), bool) for kind in KINDS}
        for fault in faults:
            kinds[fault.kind][fault.index] = True
        found[name] = kinds
    return found


def _facts(layer: str, flags: dict[str, Array]) -> dict[str, Any]:
    """Numbers of each kind, and of units of any kind; None for those that were not looked for."""
    found = {kind: to_numpy(units) for kind, units in flags.items()}
    either = np.any(list(found.values()), axis=0)
    return {
        "nothing": counted(either),
        **{kind.replace(" ", "_"): counted(found[kind]) if kind in found else None for kind in KINDS},
        "first": [f"{layer}:{i}" for i in np.flatnonzero(either)[:NAMED]],
    }


def counted(yes: Array) -> dict[str, Any]:
    """How many of N are true, and their share with its interval, in percent."""
    estimate = share(np.asarray(yes, bool))
    return {
        "count": int(np.sum(yes)),
        "of": len(yes),
        "percent": 100 * estimate.value,
        "low": 100 * estimate.low,
        "high": 100 * estimate.high,
    }
