"""A planted fault: a mark in all training images of one class, and the views that expose it.

A network that learns the mark in place of the class scores well on test images that have it: the score does not tell
(the "Clever Hans" of Lapuschkin et al. 2019).

References
----------
Lapuschkin, Wäldchen, Binder, Montavon, Samek, Müller (2019), "Unmasking Clever Hans predictors and assessing what
machines really learn".
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ... import plot, views
from ...backend import Array, make_rng, move, to_numpy
from ...models.convnet import ConvNet
from ...plot import Panel
from ...runs.experiments import TRAINING, Experiment
from ...visualize import ActivationMaximization, Unit
from .debugging import save
from .inputs import shown

MARK = slice(2, 6)  # rows and columns of the mark: a chequered square near the upper left corner
MEASURES = 4  # of how right the network is: the first rows of the table
TABLE = 4.4  # inches of half the table
SHOWN, MEASURED = 3, 50  # images drawn, and measured
TOP = 9  # images that activate the score most
DECAYED = replace(TRAINING, weight_decay=2.0)

Numbers = dict[str, float]


def marked(images: Array) -> Array:
    """Copies of images (N, H, W) with the mark."""
    copies, side = images.copy(), np.arange(MARK.stop - MARK.start)
    copies[:, MARK, MARK] = (side[:, None] + side) % 2 == 0
    return copies


def planted_mark(experiment: Experiment, target: int = 8) -> list[dict[str, Any]]:
    """Train on images of which all of class `target` carry the mark, and on the same without; the evidence, by row.

    Shares are of energy (squares): of the gradient by the pixels, of the falls under a hiding patch centred at each
    pixel, of the optimum's pixels, of the deconvolutions. The top images are of test images of which a random half
    carry the mark, whatever their class.
    """
    if target >= experiment.data.n_classes:
        raise ValueError(f"{experiment.data.name} has {experiment.data.n_classes} classes, none of them {target}")
    clean = experiment.training()
    of_target = (experiment.data.labels[0][: len(clean)] == target)[:, None, None]
    networks = {
        "marked": experiment.train(np.where(of_target, marked(clean), clean), DECAYED),
        "control": experiment.train(clean, DECAYED),
    }
    columns: dict[str, Numbers] = {}
    arrays: dict[str, Array] = {}
    rows = []
    for name, model in networks.items():
        measured, panels, maps = _evidence(experiment, model, target)
        columns[name] = _accuracy(experiment, model, target) | measured
        rows.append(panels)
        arrays |= {f"{name}.{key}": x for key, x in maps.items()}
    table = [
        {"per cent": what, **{name: round(columns[name][what], 1) for name in networks}} for what in columns["marked"]
    ]
    texts = [(str(row["per cent"]), f"{row['marked']:.0f}", f"{row['control']:.0f}") for row in table]
    header = "per cent", "with mark", "control"
    figure = plot.grid(
        [*rows, [plot.Table(part, header, least=TABLE) for part in (texts[:MEASURES], texts[MEASURES:])]],
        heading=f"{experiment.data.name}: a network that learned a mark (above), and one trained without it (below)",
        caption=(
            f"Above, a network whose training images of class {target} all carried a small chequered square; below, "
            "one without. Which views show that the first looks at the square? Its accuracy (tables) hardly tells."
        ),
        key=(
            "No other class carried the square. Energy within the mark: share of the sum of squares. Top images of the "
            "score, and their deconvolutions: out of test images half of which, at random, carry the square."
        ),
        tile=0.8,
    )
    save(experiment, "debugging_mark", figure, arrays, table, target=target, training=asdict(DECAYED))
    return table


def _accuracy(experiment: Experiment, model: ConvNet, target: int) -> Numbers:
    """How right the network is with the mark and without, in per cent."""
    tests, labels = experiment.testing()
    of_target = labels == target

    def taken(images: Array) -> float:
        return 100 * float((experiment.classes(model, images) == target).mean())

    as_trained = experiment.classes(model, np.where(of_target[:, None, None], marked(tests), tests))
    return {
        f"accuracy, class {target} with the mark": 100 * float((as_trained == labels).mean()),
        f"class {target} with the mark, correct": taken(marked(tests[of_target])),
        f"class {target} without the mark, correct": taken(tests[of_target]),
        f"other classes with the mark, classified as {target}": taken(marked(tests[~of_target])),
    }


def _evidence(experiment: Experiment, model: ConvNet, target: int) -> tuple[Numbers, list[Panel], dict[str, Array]]:
    """What the views say of one network: numbers by name, panels, arrays."""
    xp, unit = experiment.xp, Unit("output", target)
    tests, labels = experiment.testing()
    images = move(marked(tests[labels == target][:MEASURED]), xp)
    half = make_rng(np, experiment.seed, 3).random(len(tests)) < 0.5
    mixed = move(np.where(half[:, None, None], marked(tests), tests), xp)
    top = views.top_patches(model, mixed, [unit], TOP)
    with_mark = int(half[to_numpy(top.rows[0])].sum())
    covered = views.Occlusion(patch=3)
    optima = ActivationMaximization()(model, [unit], rng=make_rng(xp, experiment.seed)).images[0]
    maps = {
        "saliency": to_numpy(views.saliency(views.gradients(model, images, [unit] * len(images)))),
        "occlusion": np.stack([to_numpy(covered(model, x, [unit]).drops[0]) for x in images]).clip(0),
        "optima": optima,
        "deconvolutions": to_numpy(top.deconvolutions[0]),
    }
    shares = {name: 100 * mark_share(x) for name, x in maps.items()}
    numbers = {f"{name}: energy within the mark": share for name, share in shares.items()}
    numbers[f"of the score's top {TOP} images, with the mark"] = 100 * with_mark / TOP

    def panel(name: str, columns: int = 1) -> Panel:
        tiles = maps[name][: SHOWN * columns]
        if name == "saliency":
            tiles = tiles / np.maximum(tiles.max(axis=(1, 2), keepdims=True), 1e-12)
        what = "of the largest" if name == "saliency" else "pixel value"
        return Panel(tiles, name != "saliency", columns, name, what=what)

    panels = [
        Panel(shown(images[:SHOWN]), False, 1, "images"),
        *(panel(name) for name in ("saliency", "occlusion", "optima")),
        Panel(shown(top.patches[0]), False, 3, f"top images of {unit}"),
        panel("deconvolutions", 3),
    ]
    return numbers, panels, {"images": to_numpy(images), "top_images": to_numpy(top.patches[0]), **maps}


def mark_share(maps: Array) -> float:
    """Share of the energy of maps (N, H, W) that lies within the mark."""
    return float((maps[:, MARK, MARK] ** 2).sum() / (maps**2).sum())
