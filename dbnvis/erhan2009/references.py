"""What the figures of Erhan et al. 2009 and the definitions ask for: numbers beside their targets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from inspect import signature

import numpy as np

from ..backend import to_numpy
from ..figures.tables.acceptance import FREE_CHAINS, free_scores
from . import paper_figures as erhan
from .measures import Measure, missed
from .unit_pictures import AM, COMBINATION, GIBBS, METHODS, Pictures, filters, kept, training_images


def references(x: Pictures) -> Iterator[Measure]:
    """The rows of one layer, each with the number of its target."""
    study, layer = x.study, x.layer

    def reference(quantity: str, value: float, target: str, met: bool) -> Measure:
        return Measure("", "reference", "", quantity, value=float(value), target=target, missed=missed(met))

    def exactly(quantity: str, value: float, number: int, wanted: int) -> Measure:
        return reference(quantity, value, f"{number}: {wanted}", value == wanted)

    above = (x.scores[AM][:, 0] > to_numpy(study.responses.by_layer[layer]).max(axis=0)[x.indices]).mean()
    yield reference("optimum above the best test image, share of units", above, "22: at least 0.95", above >= 0.95)
    if GIBBS in x.images:
        free = free_scores(study, layer, x.indices, training_images(study)[:FREE_CHAINS])
        above = (x.scores[GIBBS][:, 0] > free).mean()
        what = "sampling mean above the unclamped mean, share of units"
        yield reference(what, above, "23: at least 0.9", above >= 0.9)
    if layer != study.model.layer_names[0]:
        yield exactly("filters kept by the combination", kept(study) or math.nan, 25, 100)
        return
    drawn = x.images[COMBINATION][:, 0].reshape(len(x.indices), -1)
    off = np.abs(drawn - filters(study)[x.indices]).max()
    yield exactly("combination minus the unit's filter, largest absolute pixel", off, 25, 0)
    subject = "patches" if study.whitened else "digits"
    shown, columns, _ = erhan.SHOWN[subject]
    side = 12 if subject == "patches" else 6
    yield exactly("units of a layer in the figures", shown, 26, side**2)
    yield exactly("their columns", columns, 26, side)
    yield exactly("starts of a unit", METHODS[AM].starts, 26, 9)
    yield exactly("units in rows of samples", signature(erhan.sampling).parameters["units"].default, 26, 6)
    if subject == "patches":
        v = float(training_images(study).var())
        yield reference("variance of the training pixels", v, "32: 0.1 within 0.01", abs(v - 0.1) <= 0.01)
