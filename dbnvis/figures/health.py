"""Is training healthy? Curves of all layers and a figure per layer, each panel with what to look for.

References
----------
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array, make_rng, move, to_numpy
from ..models.dbn import DBN
from ..models.protocol import generative, stacked
from ..plot import Chart, Histograms, Lines, Matrix, Panel, Tiles, dashboard
from ..train import EpochStats
from .study import Study

SAMPLES = 200  # images whose hidden probabilities are drawn

HINTON = "What healthy means: after Hinton (2010), A practical guide to training restricted Boltzmann machines."
COURSE = (
    "How training went, a line per layer. Look for curves that level off, and for few units that learned nothing; "
    "below each chart stands what is healthy."
)
HEALTH = (
    "Did this layer learn? Look for filters with structure, pictures like the data, few dead units, and activities "
    "that differ from image to image; below each chart stands what is healthy."
)
CURVES = {
    "reconstruction_error": (
        "reconstruction error (squared, per image)",
        "Healthy: falls and levels off. Of h2 and h3: of the layer below, not of pixels.",
    ),
    "free_energy_gap": (
        "free-energy gap, train - test (nats)",
        "Healthy: stays near a constant. A gap that keeps falling is overfitting.",
    ),
    "held_out_error": (
        "reconstruction error of test images",
        "Healthy: close to that of training images. Rising while theirs falls is overfitting.",
    ),
    "weight_norm": (
        "mean norm of a unit's weights",
        "Healthy: grows and levels off as the learning rate falls to zero.",
    ),
    "dead": ("dead units", "Healthy: none. Dead: p below 0.05, or the same, for every image."),
    "duplicates": ("duplicate units", "Healthy: none. Duplicate: cosine above 0.95 with an earlier unit."),
    "always_on": ("units always on", "Healthy: none. Always on: p above 0.95 for every image."),
}


def training_curves(study: Study) -> None:
    """Every epoch's statistics, one line per layer; those that were not measured are left out.

    Raises
    ------
    ValueError
        If the model keeps no statistics of its training.
    """
    history = study.history
    if not history:
        raise ValueError(f"{study.name or 'the model'} keeps no statistics of its training, layer by layer, to draw")
    layers = list(dict.fromkeys(stats.layer for stats in history))
    epochs = {layer: [stats for stats in history if stats.layer == layer] for layer in layers}
    measured = {key: words for key, words in CURVES.items() if not all(math.isnan(getattr(e, key)) for e in history)}
    charts: list[Chart] = [
        Lines(
            title,
            note,
            "epoch",
            {layer: ([e.epoch for e in epochs[layer]], [getattr(e, key) for e in epochs[layer]]) for layer in layers},
        )
        for key, (title, note) in measured.items()
    ]
    figure = dashboard(
        [charts[:3], charts[3:]],
        heading=f"{study.heading}: training, layer by layer",
        caption=COURSE,
        key=HINTON,
        heights=(1.6, 1.6),
    )
    numbers = {key: np.array([getattr(stats, key) for stats in history]) for key in measured}
    study.save("training", figure, numbers)


def training_health(study: Study) -> None:
    """One figure per layer: filters as they grew, parameters, activities, curves; particles or reconstructions.

    Parameters
    ----------
    study : Study
        With the snapshots and the history of its training, and test images, for the hidden units' probabilities.

    Raises
    ------
    ValueError
        If the model keeps nothing of its training, or there are no test images.
    """
    kept = [layer for layer in study.model.layer_names if study.history and study.snapshots.filters(layer)]
    if not kept:
        raise ValueError(
            f"{study.name} keeps nothing of its training; dbnvis train leaves a model that does: --model "
            f"runs/{study.dataset}/model.npz"
        )
    images = study.data_at_hand().test_images
    for layer in kept:
        _layer(study, layer, [stats for stats in study.history if stats.layer == layer], images)


def _layer(study: Study, layer: str, epochs: Sequence[EpochStats], images: Array) -> None:
    snapshots, model = study.snapshots, stacked(study.model)
    depth = model.depth(layer)
    part = model.parts[depth - 1]
    images = move(images[:SAMPLES], model.xp)
    mean_h = to_numpy(model.encode(images, layer))
    order = np.argsort(-mean_h.mean(axis=0))
    kept = snapshots.filters(layer)
    kept[epochs[-1].epoch] = part.W[:, : len(next(iter(kept.values())).T)]
    filters = {epoch: _pictures(study, layer, W) for epoch, W in sorted(kept.items())}
    tiles = np.concatenate(list(filters.values()))
    n = tiles.shape[0] // len(filters)
    labels = [f"epoch {epoch}" if i == 0 else "" for epoch in filters for i in range(n)]
    generates = isinstance(model, DBN)
    shown, pictures = _particles(study, layer) if generates else _reconstructions(study, layer, images, len(filters))
    W, vbias, hbias = (to_numpy(p) for p in (part.W, part.vbias, part.hbias))
    below = "pixels" if depth == 1 else f"units of {model.layer_names[depth - 2]}"
    activity = "p(h = 1)" if generates else "h"
    start = "mean" if getattr(part, "linear", False) else "log-odds"
    rows: list[list[Chart]] = [
        [
            Tiles(
                f"Filters of units 0 to {n - 1} in training" + ("" if depth == 1 else ", carried down linearly"),
                "Healthy: noise turns within a few epochs into strokes or spots, each unit its own. Noise that stays: "
                "the rate is too low, or the unit is not needed. All alike: break the symmetry, or lower the rate.",
                Panel(tiles, True, n, labels=labels),
            ),
            pictures,
        ],
        [
            *(_energies(epochs) if generates else _errors(epochs)),
            _curve(
                epochs,
                "Units that learned nothing",
                "Healthy: none or few. Dead (p < 0.05, or the same, for every image): rate or penalties too high. "
                "Always on: biases too high. Duplicates (cosine > 0.95): too many units, or too little noise.",
                dead="dead",
                duplicates="duplicates",
                **{"always on": "always_on"},
            ),
        ],
        [
            Histograms(
                "Weights",
                "Healthy: a sharp peak at zero with long tails. A normal curve as wide as at the start: nothing is "
                "learned. Lumps far out: weights explode.",
                "weight",
                {"weights": W},
            ),
            Histograms(
                "Biases",
                f"Healthy: visible biases near the {start} of the {below}; hidden ones moderate, below zero where "
                "units are to be sparse. Beyond -20: units that cannot turn on.",
                "bias",
                {"visible": vbias, "hidden": hbias},
                bins=40,
            ),
            Histograms(
                "Mean activity of the hidden units",
                "Healthy: one hump near the sparsity target (or 0.1 to 0.5 without one). Piles at 0 or 1: units that "
                "say nothing.",
                f"mean {activity}, one value per unit",
                {"units": mean_h.mean(axis=0)},
                bins=40,
            ),
        ],
        [
            Matrix(
                f"{activity}: {mean_h.shape[1]} units, busiest first, by {len(mean_h)} test images",
                "Healthy: speckled, no full row or column. White rows: units always on; black rows: dead; equal "
                "columns: images that the layer cannot tell apart.",
                "test image",
                "unit",
                mean_h[:, order].T,
            )
        ],
    ]
    figure = dashboard(
        rows,
        heading=f"{study.heading}: training of layer {layer}, {part.n_visible} {below}, {part.n_hidden} hidden units, "
        f"{len(epochs)} epochs",
        caption=HEALTH,
        key=f"Filters: zero at mid-grey, each tile by its own largest |value|. {HINTON}",
        heights=(0.62 * len(filters), 1.5, 1.5, 1.7),
    )
    study.save(f"health_{layer}", figure, {"filters": tiles, **shown, "mean_h": mean_h})


def _curve(epochs: Sequence[EpochStats], title: str, note: str, **fields: str) -> Chart:
    x = [stats.epoch for stats in epochs]
    lines = {name: (x, [getattr(stats, field) for stats in epochs]) for name, field in fields.items()}
    return Lines(title, note, "epoch", lines)


def _energies(epochs: Sequence[EpochStats]) -> list[Chart]:
    """What an RBM's reconstructions and free energies say."""
    return [
        _curve(
            epochs,
            "Reconstruction error (squared, per image)",
            "Healthy: falls fast, then slowly. It is not what training descends: a rise with persistent chains "
            "is no alarm, a rise with CD is.",
            error="reconstruction_error",
        ),
        _curve(
            epochs,
            "Free-energy gap, training - test (nats)",
            "Healthy: stays near a constant. Falling without end: overfitting (stop earlier, or more decay).",
            gap="free_energy_gap",
        ),
    ]


def _errors(epochs: Sequence[EpochStats]) -> list[Chart]:
    """What an autoencoder's reconstructions and weights say."""
    return [
        _curve(
            epochs,
            "Reconstruction error of clean input (squared, per image)",
            "Healthy: falls fast, then slowly, test close to training. Test rising while training falls: overfitting "
            "(more noise, or more decay).",
            training="reconstruction_error",
            test="held_out_error",
        ),
        _curve(
            epochs,
            "Mean norm of a unit's weights",
            "Healthy: grows and levels off as the rate falls. Still growing: train longer. Falling from the start: "
            "the decay is too strong for the rate.",
            norm="weight_norm",
        ),
    ]


def _particles(study: Study, layer: str) -> tuple[dict[str, Any], Chart]:
    """The chains of a DBN's layer."""
    model = generative(study.model)
    states = move(study.snapshots.particles(layer), model.xp)
    particles = to_numpy(model.sample_decode(states, layer, rng=make_rng(model.xp, study.seed)))
    return {"particles": particles}, Tiles(
        "Negative-phase particles (the chains)",
        "Healthy: they look like data and differ from each other; all classes occur. All alike or frozen: "
        "chains do not mix, the rate is too high.",
        study.panel(particles, False, 10),
        reflow=True,
    )


def _reconstructions(study: Study, layer: str, images: Array, beside: int) -> tuple[dict[str, Any], Chart]:
    """Test images, each above what an SDAE's layers up to `layer` give back of it.

    They take about the height of so many rows of filters as stand `beside` them.
    """
    model = stacked(study.model)
    columns = min(10, len(images))
    images = images[: columns * max(1, round(0.66 * beside))]
    x = model.encode(images, layer)
    for dae in model.parts[: model.depth(layer)][::-1]:
        x = dae.decode(x)
    back = to_numpy(x).reshape(images.shape)
    pairs = [(to_numpy(images[i : i + columns]), back[i : i + columns]) for i in range(0, len(images), columns)]
    return {"reconstructions": back}, Tiles(
        f"Test images, and below each what {layer} keeps of it",
        "Healthy: the same picture, a little smoother, without specks. All alike: nothing is learned, or units are "
        "dead. As sharp as the image with every speck: too little noise in training.",
        study.panel(np.concatenate([line for pair in pairs for line in pair]), False, columns),
    )


def _pictures(study: Study, layer: str, W: Array) -> Any:
    """Filters (V, n) of `layer`, carried down linearly, as pictures (n, *input_shape)."""
    model = stacked(study.model)
    pictures = move(W, model.xp)
    for part in model.parts[: model.depth(layer) - 1][::-1]:
        pictures = part.W @ pictures
    return to_numpy(pictures).T.reshape(-1, *model.input_shape)
