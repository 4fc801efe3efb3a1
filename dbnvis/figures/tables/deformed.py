"""What deformed digits are worth to a classifier: a table of test errors, several seeds each.

References
----------
Loosli, Canu, Bottou (2007), "Training invariant support vector machines using selective sampling".
"""

from __future__ import annotations

from dataclasses import asdict

from ...backend import Array, make_rng
from ...evaluate.resampling import bootstrap
from ...models.mlp import MLP
from ...runs.fine_tuned import FineTuning

SEEDS = 3
FEW = 10  # errors, below which a share of them has no interval worth the name
TRAININGS = ("plain", "deformed")


def deformed_table(tuned: FineTuning, seeds: int = SEEDS) -> None:
    """Errors of classifiers fine-tuned on plain and on deformed digits, as many updates each, and how many fewer.

    Each of the `seeds` pretrains a network of its own, from which both fine-tunings start. Intervals are over test
    images, drawn with replacement: an image keeps its verdicts by both trainings and, in the last rows, by all seeds.
    """
    writer, config = tuned.writer, tuned.classifier_tuning
    writer.check(writer.sheet("deformed_classifier"), **tuned.facts)
    rows, models, wrong = [], {}, []
    for by_seed in map(tuned.seeded, range(seeds)):
        misses: dict[str, list[Array]] = {"train": [], "test": []}
        for training in TRAININGS:
            model = by_seed.classifier(deformed=training == "deformed")
            models[f"{training}, seed {by_seed.seed}"] = model
            for part, found in misses.items():
                found.append(misclassified(model, *by_seed.images(part)))
        wrong.append({part: tuned.xp.stack(found, axis=1) for part, found in misses.items()})
        rows += _rows(tuned, str(by_seed.seed), wrong[-1])
    rows += _rows(tuned, f"mean of {seeds}", {part: sum(each[part] for each in wrong) / seeds for part in wrong[0]})
    settings = {"pretraining": asdict(tuned.classifier_pretraining), "tuning": asdict(config)}
    writer.table("deformed_classifier", rows, **tuned.shown(models, **settings))


def misclassified(model: MLP, images: Array, labels: Array) -> Array:
    """Which images (N,) the classifier takes for another class."""
    return model.encode(images, "output").argmax(axis=1) != labels


def fewer(wrong: Array, axis: int) -> Array:
    """How many per cent fewer errors the second column (plain, deformed) of `wrong` has than the first."""
    errors = wrong.mean(axis=axis)
    return 100 * (1 - errors[..., 1] / errors[..., 0])


def _rows(tuned: FineTuning, seed: str, wrong: dict[str, Array]) -> list[dict[str, object]]:
    """A row for each training: shares of errors; how many fewer than plain training leaves, with an interval."""
    sizes = (tuned.data.train_images[0].size, *tuned.classifier_hidden, tuned.data.n_classes)
    enough = float(wrong["test"][:, 0].sum()) >= FEW
    gain = bootstrap(wrong["test"], statistic=fewer, rng=make_rng(tuned.xp, tuned.seed, 17)) if enough else None
    return [
        {
            "seed": seed,
            "training": training,
            "network": "-".join(map(str, sizes)),
            "fine-tuning epochs": tuned.classifier_tuning.epochs,
            "training error, %": round(100 * float(wrong["train"][:, i].mean()), 3),
            "test error, %": round(100 * float(wrong["test"][:, i].mean()), 3),
            "fewer test errors, %": round(gain.value, 1) if gain and i else "",
            "95 % interval": f"{gain.low:.1f} to {gain.high:.1f}" if gain and i else "",
        }
        for i, training in enumerate(TRAININGS)
    ]
