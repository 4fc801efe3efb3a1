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
from ...visualize import ActivationMaximization, Unit
from .debugging import TRAINING, Lesson
from .inputs import shown

MARK = slice(2, 6)  # rows and columns of the mark: a chequered square near the upper left corner
SHOWN, MEASURED = 3, 50  # images drawn, and measured
TOP = 9  # images that excite the score most
DECAYED = replace(TRAINING, weight_decay=2.0)

Numbers = dict[str, float]


def marked(images: Array) -> Array:
    """Copies of images (N, H, W) with the mark."""
    copies, side = images.copy(), np.arange(MARK.stop - MARK.start)
    copies[:, MARK, MARK] = (side[:, None] + side) % 2 == 0
    return copies


def planted_mark(lesson: Lesson, target: int = 8) -> list[dict[str, Any]]:
    """Train on images of which all of class `target` carry the mark, and on the same without; the evidence, by row.

    Shares are of energy (squares): of the gradient by the pixels, of the falls under a covering patch centred at each
    pixel, of the optimum's pixels, of the deconvolutions. The top images are of test images of which a random half
    carry the mark, whatever their class.
    """
    if target >= lesson.data.n_classes:
        raise ValueError(f"{lesson.data.name} has {lesson.data.n_classes} classes, none of them {target}")
    clean = lesson.training()
    own = (lesson.data.labels[0][: len(clean)] == target)[:, None, None]
    networks = {
        "marked": lesson.train(np.where(own, marked(clean), clean), DECAYED),
        "control": lesson.train(clean, DECAYED),
    }
    columns: dict[str, Numbers] = {}
    arrays: dict[str, Array] = {}
    rows = []
    for name, model in networks.items():
        found, panels, maps = _evidence(lesson, model, target)
        columns[name] = _accuracy(lesson, model, target) | found
        rows.append(panels)
        arrays |= {f"{name}.{key}": x for key, x in maps.items()}
    table = [
        {"per cent": what, **{name: round(columns[name][what], 1) for name in networks}} for what in columns["marked"]
    ]
    figure = plot.grid(
        rows,
        heading=f"{lesson.data.name}: a network that learned a mark (above), and one trained without it (below)",
        key=(
            f"Above: all training images of class {target}, and no others, carried a chequered square near the upper "
            "left corner. Below: none did. Both are shown the same test images. Per cent: share of the energy that "
            "lies within the square's pixels. Top images of the score, and their deconvolutions: out of test images "
            "half of which, at random, carry the square. Above / below, per cent: "
            + "; ".join(f"{row['per cent']} {row['marked']:.0f} / {row['control']:.0f}" for row in table[:4])
            + "."
        ),
        tile=0.8,
    )
    lesson.save("debugging_mark", figure, arrays, table, target=target, training=asdict(DECAYED))
    return table


def _accuracy(lesson: Lesson, model: ConvNet, target: int) -> Numbers:
    """How right the network is with the mark and without, in per cent."""
    tests, labels = lesson.testing()
    own = labels == target

    def taken(images: Array) -> float:
        return 100 * float((lesson.classes(model, images) == target).mean())

    as_trained = lesson.classes(model, np.where(own[:, None, None], marked(tests), tests))
    return {
        f"test images right, class {target} with the mark": 100 * float((as_trained == labels).mean()),
        f"class {target} with the mark right": taken(marked(tests[own])),
        f"class {target} without the mark right": taken(tests[own]),
        f"other classes with the mark taken for {target}": taken(marked(tests[~own])),
    }


def _evidence(lesson: Lesson, model: ConvNet, target: int) -> tuple[Numbers, list[Panel], dict[str, Array]]:
    """What the views say of one network: numbers by name, panels, arrays."""
    xp, unit = lesson.xp, Unit("output", target)
    tests, labels = lesson.testing()
    images = move(marked(tests[labels == target][:MEASURED]), xp)
    half = make_rng(np, lesson.seed, 3).random(len(tests)) < 0.5
    mixed = move(np.where(half[:, None, None], marked(tests), tests), xp)
    top = views.top_patches(model, mixed, [unit], TOP)
    with_mark = int(half[to_numpy(top.rows[0])].sum())
    covered = views.Occlusion(patch=3)
    optima = ActivationMaximization()(model, [unit], rng=make_rng(xp, lesson.seed)).images[0]
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
        return Panel(tiles, name != "saliency", columns, f"{name} {shares[name]:.0f} %", what=what)

    panels = [
        Panel(shown(images[:SHOWN]), False, 1, "images"),
        *(panel(name) for name in ("saliency", "occlusion", "optima")),
        Panel(shown(top.patches[0]), False, 3, f"top images of {unit}: {with_mark} with it"),
        panel("deconvolutions", 3),
    ]
    return numbers, panels, {"images": to_numpy(images), "top_images": to_numpy(top.patches[0]), **maps}


def mark_share(maps: Array) -> float:
    """Share of the energy of maps (N, H, W) that lies within the mark."""
    return float((maps[:, MARK, MARK] ** 2).sum() / (maps**2).sum())
