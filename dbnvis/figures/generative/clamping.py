"""Two readings of "a unit fixed to 1": its layer's other units sampled with it, or all off."""

from __future__ import annotations

from ... import plot
from ...plot import Panel
from ...visualize import ClampedGibbs, UnitImages
from .. import diagnosis
from ..naming import settings_line
from ..study import Study

CAPTION = (
    "The same units fixed to 1, as mean images. Left: with the other units of the layer sampled; right: with all of "
    "them off. Tiles that look alike show what the biases draw, not the unit."
)


def clamping(study: Study, n: int = 12) -> None:
    """The first `n` units of every layer fixed to 1, the other units sampled with them and, beside, all off."""
    free, zero = ClampedGibbs(shown=0), ClampedGibbs(others="zero", shown=0)
    rows: list[list[Panel]] = []
    found: dict[str, UnitImages] = {}
    for layer in study.model.layer_names:
        units = study.units(layer, n)
        shown = {method.others: study.pictures(method, units) for method in (free, zero)}
        found |= {f"{layer}.{others}": pictures for others, pictures in shown.items()}
        titles = (f"{layer}: the other units sampled", f"{layer}: the other units 0")
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
        heading=f"{study.heading}: one unit fixed to 1, the other units of its layer sampled (left) or all 0 (right)"
        f"{diagnosis.warning(chains)}",
        caption=CAPTION,
        key=(
            "Left: block Gibbs sampling in the RBM below the unit (Erhan et al. 2009). Right: one pass down from the "
            f"unit alone, of h1 exact, above it the mean of {zero.chains * zero.draws} draws. {study.legend} "
            f"{diagnosis.summary(chains)} {settings_line(free)}"
        ),
        tile=0.5,
    )
    study.save("clamping", figure, found)
