"""Tables of the units of a convolutional network that learned nothing."""

from __future__ import annotations

import numpy as np

from ... import views
from ...backend import to_numpy
from ..study import Study
from .inputs import held_out


def audit_tables(study: Study) -> None:
    """A row per layer with its statistics over the test images, and a row per unit that learned nothing."""
    images, _ = held_out(study)
    layers = [name for name in study.model.layer_names if name != "output"]
    statistics = views.statistics(study.model, images, layers)
    rows, faults = [], []
    for layer, each in statistics.items():
        flagged = views.audit(study.model, layer, each)
        kinds = [fault.kind for fault in flagged]
        low, middle, high = np.percentile(to_numpy(each.on), [0, 50, 100])
        rows.append(
            {
                "layer": layer,
                "channels": len(each.on),
                **{kind: kinds.count(kind) for kind in ("dead", "always on", "duplicate")},
                "mean activation": round(float(each.mean.mean()), 4),
                "positions on, %: least": round(100 * low, 2),
                "positions on, %: median": round(100 * middle, 2),
                "positions on, %: most": round(100 * high, 2),
                "images that reach a channel, %: mean": round(100 * float(each.reached.mean()), 2),
            }
        )
        faults += [{"unit": f"{layer}:{f.index}", "fault": f.kind, "likely cause": f.cause} for f in flagged]
    study.save_table("audit", rows, images=len(images))
    study.save_table("audit_units", faults or [{"unit": "none", "fault": "", "likely cause": ""}], images=len(images))
