"""What fine-tuning is worth: tables of errors, codes in the plane, units before and after."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .. import plot, results
from ..backend import Array, to_numpy
from ..evaluate.scores import Responses
from ..runs.fine_tuned import Workshop
from ..train.backprop import measure
from ..visualize import ActivationMaximization
from .study import Study, describe


def classifier_table(shop: Workshop) -> list[Path]:
    """Errors of the classifier fine-tuned from the pretrained network, and from random weights."""
    models = {"pretrained": shop.classifier("pretrained"), "random": shop.classifier("random")}
    config, rows = shop.classifier_tuning, []
    for start, model in models.items():
        errors = {part: measure(model, *shop.images(part), config)[1] for part in ("train", "test")}
        rows.append(
            {
                "network": "-".join(map(str, model.sizes)),
                "start": start,
                "fine-tuning epochs": config.epochs,
                "training error, %": round(errors["train"], 3),
                "test error, %": round(errors["test"], 2),
            }
        )
    return shop.save(
        "tables/classifier.csv",
        lambda path: results.write_csv(path, rows),
        models,
        pretraining=asdict(shop.classifier_pretraining),
        tuning=asdict(config),
    )


def autoencoder_table(shop: Workshop, codes: tuple[int, ...] = (30, 2)) -> list[Path]:
    """Squared errors per image of autoencoders and of principal component analysis with as many components."""
    models = {str(n): shop.autoencoder(n) for n in codes}
    config, rows = shop.autoencoder_tuning, []
    images = {part: shop.images(part)[0] for part in ("train", "test")}
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
    return shop.save(
        "tables/autoencoder.csv",
        lambda path: results.write_csv(path, rows),
        models,
        pretraining=asdict(shop.autoencoder_pretraining),
        tuning=asdict(config),
    )


def codes_figure(shop: Workshop) -> list[Path]:
    """Test images in the plane: two principal components beside the code of a two-unit autoencoder."""
    model = shop.autoencoder(2)
    encoder = model.sizes[: model.layer_names.index("code") + 2]
    (images, _), (tests, labels) = shop.images("train"), shop.images("test")
    points = {
        "two principal components": principal_components(images, tests, 2)[0],
        "-".join(map(str, encoder)): to_numpy(model.encode(tests, "code")),
    }
    figure = plot.scatter(
        points,
        to_numpy(labels),
        heading=f"{shop.dataset.name}: {len(tests)} test images in the plane, by PCA and by an autoencoder",
        key=(
            "Each dot is a test image; its colour is its class, whose number stands at the median of its dots. No "
            "label was used in training. After Hinton and Salakhutdinov (2006), figure 3."
        ),
    )
    arrays = {"labels": labels, "pca": points["two principal components"], "code": list(points.values())[1]}
    return shop.save(
        "figures/codes.png",
        lambda path: plot.save(figure, path),
        {"autoencoder-2": model},
        arrays,
        pretraining=asdict(shop.autoencoder_pretraining),
        tuning=asdict(shop.autoencoder_tuning),
    )


def finetuning_figure(shop: Workshop, n: int = 18, method: Any = None) -> list[Path]:
    """The first `n` units of each hidden layer before and after fine-tuning, and the classes' own units."""
    method = ActivationMaximization() if method is None else method
    before, after = shop.classifier_dbn(), shop.classifier()
    studies = {
        "before": _study(shop, before),
        "after": _study(shop, after),
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
            f"{shop.dataset.name}: the same units of {'-'.join(map(str, after.sizes))} before and after "
            f"fine-tuning as a classifier, by {method.title}"
        ),
        key=(
            f"Above a picture: the unit (of the layer output: the class). Crossed out: a unit whose weights were all "
            f"zero. {studies['after'].legend} Before: of the network as pretrained. Settings: {describe(method)}."
        ),
        side_by_side=False,
    )
    return shop.save(
        "figures/finetuning.png",
        lambda path: plot.save(figure, path),
        {"before": before, "after": after},
        arrays,
        method=asdict(method) | {"method": type(method).__name__},
        pretraining=asdict(shop.classifier_pretraining),
        tuning=asdict(shop.classifier_tuning),
    )


def principal_components(images: Array, shown: Array, n: int) -> tuple[Array, float]:
    """Coordinates of `shown` (M, n) in the first `n` principal components of `images`; squared error per image."""
    x, y = (to_numpy(a).reshape(len(a), -1).astype(np.float64) for a in (images, shown))
    mean = x.mean(axis=0)
    _, vectors = np.linalg.eigh((x - mean).T @ (x - mean))
    axes = vectors[:, : -n - 1 : -1]  # of the largest variances, the largest first
    points = (y - mean) @ axes
    return points, float(((y - mean - points @ axes.T) ** 2).sum(axis=1).mean())


def _study(shop: Workshop, model: Any) -> Study:
    responses = Responses.of(model, shop.images("test")[0])
    return Study(model, shop.dataset.name, responses, shop.out / "figures", shop.seed, progress=shop.progress)
