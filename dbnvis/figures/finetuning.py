"""What fine-tuning is worth: tables of errors, codes in two dimensions, units before and after."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from .. import plot
from ..backend import Array, to_numpy
from ..evaluate.scores import Responses
from ..models.protocol import Model
from ..runs.fine_tuned import FineTuning
from ..train.backprop import measure
from ..visualize import ActivationMaximization
from .naming import settings_line
from .study import Study

CODES = (
    "Each dot is a test image, its colour the class, whose number stands near the median of its dots. Look for how "
    "well each of the two separates the classes; neither saw a label."
)
BEFORE_AND_AFTER = (
    "The same units before and after the network learned the classes. Compare each pair of rows: how much did a layer "
    "change, and what became sharper or noisier? Last row: the classes, after only."
)


def classifier_table(tuned: FineTuning) -> None:
    """Errors of the classifier fine-tuned from the pretrained network, and from random weights."""
    tuned.writer.check(tuned.writer.sheet("classifier"), **tuned.facts)
    models = {"pretrained": tuned.classifier("pretrained"), "random": tuned.classifier("random")}
    config, rows = tuned.classifier_tuning, []
    for start, model in models.items():
        errors = {part: measure(model, *tuned.images(part), config)[1] for part in ("train", "test")}
        rows.append(
            {
                "network": "-".join(map(str, model.sizes)),
                "start": start,
                "fine-tuning epochs": config.epochs,
                "training error, %": round(errors["train"], 3),
                "test error, %": round(errors["test"], 2),
            }
        )
    facts = tuned.shown(models, pretraining=asdict(tuned.classifier_pretraining), tuning=asdict(config))
    tuned.writer.table("classifier", rows, **facts)


def autoencoder_table(tuned: FineTuning, codes: tuple[int, ...] = (30, 2)) -> None:
    """Squared errors per image of autoencoders and of principal component analysis with as many components."""
    tuned.writer.check(tuned.writer.sheet("autoencoder"), **tuned.facts)
    models = {str(n): tuned.autoencoder(n) for n in codes}
    config, rows = tuned.autoencoder_tuning, []
    images = {part: tuned.images(part)[0] for part in ("train", "test")}
    for n, model in models.items():
        by_network = {part: measure(model, x, x, config)[1] for part, x in images.items()}
        by_pca = {part: principal_components(images["train"], x, int(n))[1] for part, x in images.items()}
        for method, errors, epochs in (("autoencoder", by_network, config.epochs), ("PCA", by_pca, "")):
            rows.append(
                {
                    "method": method,
                    "network": "-".join(map(str, model.sizes)) if epochs else "",
                    "code": n,
                    "fine-tuning epochs": epochs,
                    "squared error per training image": round(errors["train"], 2),
                    "squared error per test image": round(errors["test"], 2),
                }
            )
    facts = tuned.shown(models, pretraining=asdict(tuned.autoencoder_pretraining), tuning=asdict(config))
    tuned.writer.table("autoencoder", rows, **facts)


def codes_figure(tuned: FineTuning) -> None:
    """Test images in two dimensions: two principal components beside the code of a two-unit autoencoder."""
    tuned.writer.check(tuned.writer.picture("codes"), **tuned.facts)
    model = tuned.autoencoder(2)
    encoder = model.sizes[: model.layer_names.index("code") + 2]
    (images, _), (tests, labels) = tuned.images("train"), tuned.images("test")
    points = {
        "two principal components": principal_components(images, tests, 2)[0],
        "-".join(map(str, encoder)): to_numpy(model.encode(tests, "code")),
    }
    figure = plot.scatter(
        points,
        to_numpy(labels),
        heading=f"{tuned.data.name}: {len(tests)} test images in two dimensions, by PCA and by an autoencoder",
        caption=CODES,
        key="After Hinton and Salakhutdinov (2006), figure 3.",
    )
    arrays = {"labels": labels, "pca": points["two principal components"], "code": list(points.values())[1]}
    training = {"pretraining": asdict(tuned.autoencoder_pretraining), "tuning": asdict(tuned.autoencoder_tuning)}
    tuned.writer.figure("codes", figure, arrays, **tuned.shown({"autoencoder-2": model}, **training))


def finetuning_figure(tuned: FineTuning, n: int = 18, method: Any = None) -> None:
    """The first `n` units of each hidden layer before and after fine-tuning, and the classes' own units."""
    tuned.writer.check(tuned.writer.picture("finetuning"), **tuned.facts)
    method = ActivationMaximization() if method is None else method
    before, after = tuned.classifier_dbn(), tuned.classifier()
    studies = {
        "before": _study(tuned, before),
        "after": _study(tuned, after),
    }
    panels, arrays = [], {}
    for layer in after.layer_names:
        for when, study in studies.items():
            if layer not in study.model.layer_names:
                continue
            pictures = study.pictures(method, study.units(layer, n))
            arrays[f"{when}.{layer}.images"], arrays[f"{when}.{layer}.scores"] = pictures.images, pictures.scores
            panels.append(
                plot.Panel(
                    pictures.images[:, 0],
                    True,
                    columns=n,
                    title=f"{layer} {when} fine-tuning",
                    labels=[str(i) for i in pictures.indices],
                    captions=[row[0] for row in study.captions(pictures)],
                )
            )
    figure = plot.sheet(
        panels,
        heading=(
            f"{tuned.data.name}: the same units of {'-'.join(map(str, after.sizes))} before and after "
            f"fine-tuning as a classifier, by {method.title}"
        ),
        caption=BEFORE_AND_AFTER,
        key=(
            "Above a picture: the unit (of the layer output: the class). Crossed out: a unit whose weights were all "
            f"zero. {studies['after'].legend} {settings_line(method)}"
        ),
        side_by_side=False,
    )
    settings = {"method": {**asdict(method), "method": type(method).__name__}}
    settings |= {"pretraining": asdict(tuned.classifier_pretraining), "tuning": asdict(tuned.classifier_tuning)}
    tuned.writer.figure("finetuning", figure, arrays, **tuned.shown({"before": before, "after": after}, **settings))


def principal_components(images: Array, shown: Array, n: int) -> tuple[Array, float]:
    """Coordinates of `shown` (M, n) in the first `n` principal components of `images`; squared error per image."""
    x, y = (to_numpy(a).reshape(len(a), -1).astype(np.float64) for a in (images, shown))
    mean = x.mean(axis=0)
    _, vectors = np.linalg.eigh((x - mean).T @ (x - mean))
    axes = vectors[:, : -n - 1 : -1]  # of the largest variances, the largest first
    points = (y - mean) @ axes
    return points, float(((y - mean - points @ axes.T) ** 2).sum(axis=1).mean())


def _study(tuned: FineTuning, model: Model) -> Study:
    responses = Responses.of(model, tuned.images("test")[0])
    return Study(model, tuned.data.name, responses, tuned.writer, tuned.seed, progress=tuned.progress)
