"""Tables: numbers that say what the pictures are worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...backend import Array, make_rng, move, to_numpy
from ...datasets import Dataset
from ...evaluate.agreement import cosines, own_rank, shuffled
from ...evaluate.chains import MIXED
from ...evaluate.scores import input_norm, pre_activations, rescale, unit_scores
from ...models.protocol import generative
from ...visualize import ActivationMaximization, ClampedGibbs, UnitImages
from ..study import Study

FREE_CHAINS, FREE_STEPS = 500, 200  # of the unclamped mean picture
REPEATED = 100  # units of each layer sampled again with another seed


def acceptance_table(study: Study) -> None:
    """The table `acceptance`, with a classifier of scikit-learn's that is trained on the study's data."""
    from sklearn.neural_network import MLPClassifier

    study.check_table("acceptance")
    study.check_method(ClampedGibbs())
    data = study.data_at_hand()
    classifier = MLPClassifier((256,), batch_size=200, max_iter=8, random_state=0)
    classifier.fit(data.train_images.reshape(len(data.train_images), -1), data.labels[0])
    acceptance(study, data, classifier)


def acceptance(study: Study, data: Dataset, classifier: Any) -> None:
    """One row per layer: what activation maximization and clamped sampling show, against independent answers.

    Two numbers stand beside those of random weights, the model's own, shuffled within each layer.

    Parameters
    ----------
    study : Study
    data : Dataset
        Real images: the test images are what optima are compared with, training images start the chains.
    classifier : fitted classifier
        `predict` of flat images (N, V) says which class each sample is.
    """
    model, xp = study.model, study.model.xp
    am, gibbs = ActivationMaximization(), ClampedGibbs()
    tests = rescale(move(data.test_images, xp), input_norm(model), len(model.input_shape))
    null = replace(study, model=shuffled(model, rng=make_rng(xp, study.seed, 4)))
    rows = []
    for layer in model.layer_names:
        units = study.units(layer)
        optima, samples = study.pictures(am, units), study.pictures(gibbs, units)
        best_image = to_numpy(pre_activations(model, layer, tests).max(axis=0))
        unclamped = free_scores(study, layer, samples.indices, move(data.train_images[:FREE_CHAINS], xp))
        means = samples.images[:, 0].reshape(len(units), -1)
        spread, rank = _starts_and_ranks(optima, samples)
        null_spread, null_rank = _starts_and_ranks(null.pictures(am, units), null.pictures(gibbs, units))
        again = replace(study, seed=study.seed + 1).pictures(gibbs, units[:REPEATED]).images[:, 0]
        repeats = own_rank(cosines(means[:REPEATED], again.reshape(len(again), -1)))
        classes = classifier.predict(samples.images[:, 1:].reshape(-1, means.shape[1]))
        shares = np.bincount(classes, minlength=10) / len(classes)
        rows.append(
            {
                "layer": layer,
                "units": len(units),
                "dead units": len(units) - len(rank),
                "optimum above the best test image, % of units": _percent(optima.scores[:, 0] > best_image),
                "9 starts: scores within 5 % (std / mean), % of units": _percent(spread <= 0.05, len(units)),
                "the same with random weights, % of units": _percent(null_spread <= 0.05, len(units)),
                "sampling mean above the unclamped mean, % of units": _percent(samples.scores[:, 0] > unclamped),
                "sampling mean and optimum: own unit first, % of units": _percent(rank == 1, len(units)),
                "own unit first with random weights, % of units": _percent(null_rank == 1, len(units)),
                "sampling mean and optimum: median rank of the own unit": float(np.median(rank)),
                "chains: median R": round(float(np.median(samples.extras["mixing"])), 2),
                f"chains: R above {MIXED}, % of units": _percent(samples.extras["mixing"] > MIXED),
                "chains: not mixed, % of units": _percent([bool(note) for note in samples.notes]),
                f"sampling mean nearest to its own of another seed, % of the first {REPEATED} units": _percent(
                    repeats == 1
                ),
                **{f"samples of class {i}, %": round(100 * share, 1) for i, share in enumerate(shares)},
            }
        )
    settings = {
        "activation_maximization": optima.settings,
        "clamped_gibbs": samples.settings,
        "free_chains": FREE_CHAINS,
        "free_steps": FREE_STEPS,
        "classifier": str(classifier),
        "classifier_test_accuracy": float(classifier.score(data.test_images.reshape(len(tests), -1), data.test_labels)),
    }
    study.save_table("acceptance", rows, **settings)


def _starts_and_ranks(optima: UnitImages, samples: UnitImages) -> tuple[Array, Array]:
    """Of the units that are not dead: spread of the scores of all starts, and the rank of the own unit among all."""
    alive = np.array([not note.startswith("dead") for note in optima.notes])
    flat = (x.images[alive, 0].reshape(int(alive.sum()), -1) for x in (samples, optima))
    spread = optima.scores[alive].std(axis=1) / np.abs(optima.scores[alive].mean(axis=1))
    return spread, own_rank(cosines(*flat))


def free_scores(study: Study, layer: str, indices: Sequence[int], images: Array) -> Array:
    """Scores (U,) of units at the mean of free samples of the model under `layer`, chains started from `images`."""
    xp, rng = study.model.xp, make_rng(study.model.xp, study.seed, 3)
    free = generative(study.model).sample(len(images), layer, FREE_STEPS, rng=rng, start=images).mean(axis=0)
    return to_numpy(unit_scores(study.model, layer, indices, xp.stack([free[None]] * len(indices))))[:, 0]


def _percent(holds: Any, among: int | None = None) -> float:
    """Share in percent, of `among` where it is more than `holds` lists: a dead unit counts as a failure."""
    return round(100 * float(np.sum(holds)) / (among or len(holds)), 1)
