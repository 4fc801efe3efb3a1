"""Two readings of "a unit fixed to 1": its layer's other units sampled with it, or all off."""

from __future__ import annotations

from .. import plot
from ..plot import Panel
from ..visualize import ClampedGibbs, UnitImages
from . import diagnosis
from .study import Study, describe


def clamping(study: Study, n: int = 12) -> None:
    """The first `n` units of every layer fixed to 1, the other units sampled with them and, beside, all off."""
    free, zero = ClampedGibbs(shown=0), ClampedGibbs(others="zero", shown=0)
    rows: list[list[Panel]] = []
    found: dict[str, UnitImages] = {}
    for layer in study.model.layer_names:
        units = study.units(layer, n)
        shown = {method.others: study.pictures(method, units) for method in (free, zero)}
        found |= {f"{layer}.{others}": pictures for others, pictures in shown.items()}
        titles = (f"{layer}: the others sampled", f"{layer}: the others 0")
        rows.append(
            [
                Panel(
                    study.drawn(pictures.images[:, 0]),
                    study.signed,
                    columns=6,
                    title=title,
                    labels=[str(i) for i in pictures.indices],
                    captions=[row[0] for row in study.captions(pictures)],
                )
                for title, pictures in zip(titles, shown.values(), strict=True)
            ]
        )
    chains = UnitImages.join([found[f"{layer}.free"] for layer in study.model.layer_names])
    figure = plot.grid(
        rows,
        heading=f"{study.heading}: one unit fixed to 1, the other units of its layer sampled (left) or all 0 (right)",
        key=(
            "Mean image. Left: block Gibbs sampling in the RBM below the unit (Erhan et al. 2009), which averages over "
            "the other units as the model has them while the unit is on. Right: an ancestral pass from the unit alone, "
            f"of h1 exact, above it the mean of {zero.chains * zero.draws} draws; that the others are all off is a "
            f"state of small probability, and what its tiles share is the biases'. {study.legend} "
            f"{diagnosis.summary(chains)} Settings: {describe(free)}."
        ),
        tile=0.5,
    )
    study.save("clamping", figure, found)
