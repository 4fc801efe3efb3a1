"""Debugging with pictures: small networks that fail in a known way, and the views that show it.

A learning rate that is too high, too little training or no regularization, each beside a network that is sound. A mark
in one class's training images is in `planted_mark`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ... import plot, results, views
from ...backend import Array, move, to_numpy
from ...plot import ORANGE, Panel
from ...runs.experiments import TRAINING, Experiment
from .inputs import equally_high

NUMBERS = 1.6  # inches of the table beside a network
HIGH = 0.25  # cycles per pixel: half of what a grid of pixels can show

FILTERS = replace(TRAINING, epochs=16, learning_rate=5e-3)


def save(
    experiment: Experiment,
    name: str,
    figure: Any,
    arrays: dict[str, Array],
    rows: Sequence[dict[str, Any]],
    **facts: Any,
) -> None:
    """Write `figure` and the table `rows`, each with its manifest."""
    facts |= {**experiment.facts, "images": experiment.images, "tests": experiment.tests}
    facts["versions"] = results.versions(experiment.xp.__name__)
    experiment.writer.figure(name, figure, arrays, **facts)
    experiment.writer.table(f"{name}_table", rows, **facts)


# --- a learning rate that is too high


def learning_rates(experiment: Experiment, rates: Sequence[float] = (5e-3, 3e-2)) -> list[dict[str, Any]]:
    """Train at each of `rates` and audit: a row per rate with the dead units of every layer."""
    tests, labels = experiment.testing()
    table, rows, arrays = [], [], {}
    for rate in rates:
        config = replace(TRAINING, learning_rate=rate)
        model = experiment.train(experiment.training(), config)
        layers = [name for name in model.layer_names if name != "output"]
        statistics = views.statistics(model, move(tests, experiment.xp), layers)
        deaths = {
            layer: [fault for fault in views.audit(model, layer, statistics[layer]) if fault.kind == "dead"]
            for layer in layers
        }
        causes = [fault.cause for layer in layers for fault in deaths[layer]]
        right = 100 * float((experiment.classes(model, tests) == labels).mean())
        shares = {f"dead in {layer}": f"{len(deaths[layer])} of {len(statistics[layer].on)}" for layer in layers}
        table.append(
            {
                "learning rate": rate,
                "test images right, %": round(right, 1),
                **shares,
                "first cause named": causes[0] if causes else "",
            }
        )
        numbers = [("correct test images", f"{right:.1f} %"), *shares.items()]
        panels: list[plot.Part] = [plot.Table(numbers, title=f"learning rate {rate:g}", least=NUMBERS)]
        columns = equally_high([len(statistics[layer].on) for layer in layers])
        for layer, across in zip(layers, columns, strict=True):
            tiles = to_numpy(views.weight_tiles(model, layer))
            arrays[f"{rate:g}.{layer}"] = tiles
            dead = [fault.index for fault in deaths[layer]]
            frames = [ORANGE if i in dead else "" for i in range(len(tiles))]
            captions = [_percent(share) for share in to_numpy(statistics[layer].reached)]
            panels.append(Panel(tiles, True, across, layer, captions=captions, frames=frames))
        rows.append(panels)
    figure = plot.grid(
        rows,
        heading=f"{experiment.data.name}: a learning rate that is too high kills filters",
        caption=(
            "Weights of the hidden layers after the same training at a good and at a far higher learning rate. Orange: "
            "dead filters, which no test image turns on; they get no gradient, so they never recover."
        ),
        key=(
            f"{TRAINING.epochs} epochs of Adam. A mosaic has a block per map below. Under a filter: share of the test "
            "images that turn it on somewhere. Some units of dense1 start out of reach at any rate: it has many "
            "inputs, none negative."
        ),
        tile=0.5,
    )
    save(experiment, "debugging_rate", figure, arrays, table, rates=list(rates))
    return table


def _percent(share: float) -> str:
    """A share of images in per cent; few are not none, and all but few are not all."""
    if 0 < share < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


# --- too little training, no regularization


def high_frequencies(filters: Array) -> float:
    """Share of the energy of filters (N, h, w) above half of the highest frequency of the pixels, `HIGH`.

    Of white noise it is 1 - pi / 16 = 0.80: the disc of lower frequencies has that share of the square of all.
    """
    n = 32  # frequencies along each axis: filters are padded with zeros
    power = abs(np.fft.fft2(filters, (n, n))) ** 2
    frequency = np.fft.fftfreq(n)
    return float(power[:, np.hypot(frequency[:, None], frequency) > HIGH].sum() / power.sum())


def noisy_filters(experiment: Experiment) -> list[dict[str, Any]]:
    """First-layer filters after little training, without and with weight decay: a row each with their noise."""
    tests, labels = experiment.testing()
    kinds: dict[str, dict[str, Any]] = {
        "too little training: 1 epoch": {"epochs": 1},
        "no regularization: 16 epochs": {},
        "weight decay 1: 16 epochs": {"weight_decay": 1.0},
    }
    table, panels, arrays = [], [], {}
    for name, settings in kinds.items():
        model = experiment.train(experiment.training(), replace(FILTERS, **settings), kernel=7)
        filters = to_numpy(views.weight_tiles(model, "conv1"))
        share = 100 * high_frequencies(filters)
        right = 100 * float((experiment.classes(model, tests) == labels).mean())
        table.append(
            {
                "training": name,
                "energy at high frequencies, %": round(share, 1),
                "test images right, %": round(right, 1),
            }
        )
        title = f"{name}; {share:.0f} % noise, {right:.0f} % of test images correct"
        panels.append(Panel(filters, True, len(filters), title))
        arrays[name] = filters
    figure = plot.sheet(
        panels,
        heading=f"{experiment.data.name}: noisy first-layer filters",
        caption=(
            "The same first-layer filters after three trainings. Noise means that training was too short to change "
            "the random start, or that nothing removed what the data do not ask for; accuracy need not show it."
        ),
        key=(
            "Noise: share of the energy of the 7 x 7 filters above a quarter cycle per pixel, half of the highest "
            "frequency; it is 80 % of white noise, as which they start."
        ),
        tile=0.73,
        side_by_side=False,
    )
    save(experiment, "debugging_noise", figure, arrays, table)
    return table
