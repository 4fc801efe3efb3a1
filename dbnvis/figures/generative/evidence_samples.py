"""Samples of a DBN weighted by the response of a unit of any network, one that does not generate included."""

from __future__ import annotations

from dataclasses import replace

from ... import plot, results
from ...models.layers import Softmax
from ...models.protocol import Model, fully_connected
from ...plot import BLUE, Panel
from ...visualize import EvidenceSampling, Unit, UnitImages
from .. import diagnosis
from ..naming import describe, rounded_down
from ..study import Study

#: Few chains, and long ones.
CLASSES = EvidenceSampling(chains=16, burn_in=20, draws=40, thin=5, sweeps=30, shown=14)
UNITS = replace(CLASSES, beta=4.0)  # at 1 much of what is drawn has the unit barely on

#: What the method is, for the legend of a sheet of several methods.
LEGEND = "Model samples weighted by the unit's response: images of the shipped DBN drawn from p(x) sigmoid(beta a(x))."


def settings_for(model: Model, layer: str) -> EvidenceSampling:
    """Settings that suit the units of `layer`."""
    return CLASSES if isinstance(model.network.layers[layer], Softmax) else UNITS


def accepted(pictures: UnitImages) -> str:
    """What share of proposals was accepted, for the end of a title; "" for pictures of other methods."""
    return (
        f", accepted {rounded_down(100 * pictures.extras['acceptance'][0])} %"
        if "acceptance" in pictures.extras
        else ""
    )


def evidence_samples(study: Study, n: int = 5) -> None:
    """Samples of all class scores, and of the first `n` living units of the two layers below."""
    if len(study.model.layer_names) < 3 or fully_connected(study.model):
        raise ValueError(f"{type(study.model).__name__} is no classifier of three layers or more; try --model convnet")
    *_, maps, dense, classes = study.model.layer_names
    sheet(study, CLASSES, {classes: study.units(classes)}, "class scores", "evidence_classes")
    chosen = {layer: _living(study, layer)[:n] for layer in (maps, dense)}
    sheet(study, UNITS, chosen, f"units of {maps} and {dense}", "evidence_units")


def _living(study: Study, layer: str) -> list[Unit]:
    """Units of `layer` that some test image turns on."""
    return [unit for unit in study.units(layer) if float(study.responses.by_layer[layer][-1, unit.index]) > 0]


def sheet(study: Study, method: EvidenceSampling, units: dict[str, list[Unit]], what: str, name: str) -> None:
    """A row for each of `units`, by layer: what is drawn, and what its chains are worth."""
    method = study.with_prior(method)
    study.check_method(method)
    prior = method.prior if fully_connected(method.prior) else study.model
    whose = "this DBN" if prior is study.model else "the shipped DBN"
    panels, shown = [], {}
    for layer, of_layer in units.items():
        shown[layer] = pictures = study.pictures(method, of_layer)
        panels += [_row(study, pictures, captions, i) for i, captions in enumerate(study.captions(pictures))]
    figure = plot.sheet(
        panels,
        heading=f"{study.heading}: model samples weighted by the response of {what}"
        f"{''.join(map(diagnosis.warning, shown.values()))}",
        caption=(
            f"Images drawn from {whose}, more often the more a unit responds; the first tile (blue) is their mean. "
            "What the samples of a row have in common is what the unit detects."
        ),
        key=(
            "First tile: the mean of all chains and draws; then single chains. Drawn from p(x) sigmoid(beta a(x)): "
            "p(x) is the DBN's, a(x) the unit's pre-activation, of a class its log-odds, so that the response "
            "sigmoid(a) is its softmax probability. "
            f"Accepted: share of the proposals of {method.sweeps} Gibbs sweeps (Metropolis-Hastings). Response: mean "
            f"sigmoid(beta a). {diagnosis.legend(pictures)} {study.legend} "
            f"Settings: {describe(replace(method, prior=None))}."
        ),
        side_by_side=False,
    )
    study.save(name, figure, shown, prior_sha256=results.model_hash(prior))


def _row(study: Study, pictures: UnitImages, captions: list[str], i: int) -> Panel:
    x = {name: float(values[i]) for name, values in pictures.extras.items()}
    title = f"{pictures.units[i]}   accepted {rounded_down(100 * x['acceptance'])} %, response {x['evidence']:.2f}"
    tiles = pictures.images[i]
    frames = [BLUE, *[""] * (len(tiles) - 1)]
    note = diagnosis.note(pictures, i)
    return study.panel(tiles, False, len(tiles), title, captions=captions, frames=frames, note=note)
