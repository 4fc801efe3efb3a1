"""Which method finds what was planted? Pictures of units whose features are known, and what the pictures predict.

The networks are those of `dbnvis.evaluate.planted`: at their planted weights, and trained on images of the planted
parts. Takes about four minutes on one core.
"""

from __future__ import annotations

import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from threadpoolctl import threadpool_limits
from timing import options, write

from dbnvis import DBN, CDConfig, plot, train_dbn
from dbnvis.backend import make_rng
from dbnvis.evaluate.planted import KINDS, Planted, PlantedUnit, planted
from dbnvis.evaluate.predictiveness import best_of, ceiling, cosine, predictiveness, product
from dbnvis.evaluate.resampling import bootstrap
from dbnvis.evaluate.scores import pre_activations, typical_responses, unit_scores
from dbnvis.models.convolution import ReLU
from dbnvis.models.layers import Dense, Flatten, Identity, Network
from dbnvis.models.mlp import MLP
from dbnvis.models.protocol import Model
from dbnvis.train.backprop import BackpropConfig, train_backprop
from dbnvis.visualize import RECIPES, VISUALIZERS, ActivationMaximization, FilterCombination, Unit, Visualizer

TRAINED, FITTED, TESTED = 5_000, 3_000, 2_000  # images to learn from, to fit the best template to, to be predicted
EPOCHS = 40  # of training
SHOWS = 0.8  # |cosine| from which a picture shows a feature
SAME = 0.5  # correlation of responses from which a trained unit counts as a planted one
SUMS = ("linear", "and")  # kinds of one feature
BEST, TRUTH, OTHER = "best linear template", "planted feature", "another unit's feature"

MEASURES = ("cosine", "features shown", "rank", "rank, nearest", "rank, product")
MEANS = ("drawn", *MEASURES, "ceiling", "gain")
COLUMNS = ("matched", "drawn", *MEASURES, "share of ceiling", "gain by the feature's", "cosine low", "cosine high")

#: A method: (model, layer, numbers of its units, training images) -> pictures (U, *shape) or several (U, S, *shape).
Method = Callable[[Any, str, Sequence[int], np.ndarray], "np.ndarray | None"]


def entry(visualizer: Visualizer) -> Method:
    """A visualizer of the package as a method; None for a model that it does not apply to."""

    def draw(model: Model, layer: str, indices: Sequence[int], images: np.ndarray) -> np.ndarray | None:
        if visualizer.why_not(model, images) is not None:
            return None
        return visualizer(model, [Unit(layer, i) for i in indices], rng=make_rng(np, 0), images=images).images

    return draw


#: Registered methods that are not compared, and why.
LEFT_OUT = {"invariance": "its picture is the optimum of activation maximization; its others are a path from there"}
#: Settings other than the defaults.
SETTINGS: dict[str, Visualizer] = {"combination": FilterCombination(k=None)}
METHODS: dict[str, Method] = {
    **{name: entry(SETTINGS.get(name, kind())) for name, kind in VISUALIZERS.items() if name not in LEFT_OUT},
    "combination, k = 8": entry(FilterCombination(k=8)),
    "regularized, plain": entry(RECIPES["plain"]),
    "am, norm 8": entry(ActivationMaximization(norm=8.0)),  # the images' mean norm is about 6
}


@dataclass(frozen=True)
class Case:
    """A planted network, and where its weights come from."""

    activation: Literal["binary", "relu", "linear"]
    depth: int = 2
    parts: int = 4
    noise: float = 0.02
    training: Literal["planted", "CD", "backprop", "backprop, decay"] = "planted"

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in asdict(self).items())


def varied(name: str, activation: Literal["binary", "relu"]) -> dict[str, Case]:
    """Around the case that `Case` has by default, by the heads of their columns."""
    return {
        f"{name}\nnoise 0": Case(activation, noise=0.0),
        f"{name}\nnoise 0.02": Case(activation),
        f"{name}\nnoise 0.05": Case(activation, noise=0.05),
        f"{name}\n2 parts": Case(activation, parts=2),
        f"{name}\n3 layers": Case(activation, 3, 2),
    }


CASES = {
    **varied("binary", "binary"),
    "trained\nCD": Case("binary", training="CD"),
    **{f"{name} ": case for name, case in varied("ReLU", "relu").items()},
    "trained\nbackprop": Case("relu", training="backprop"),
    "trained\n+ decay": Case("relu", training="backprop, decay"),
    "linear\nnoise 0": Case("linear", noise=0.0),
}
QUICK = (Case("binary"), Case("relu"), Case("relu", training="backprop"))


def trained(truth: Planted, training: str, images: np.ndarray, epochs: int, rng: Any) -> DBN | MLP:
    """A network of the planted one's sizes from random weights: a DBN of the images, or one taught the top responses.

    The taught one is to give, with a linear top layer, what the planted top units do (squared error).
    """
    sizes, top = truth.model.sizes, truth.model.layer_names[-1]
    if training == "CD":
        dbn = DBN.random(sizes, truth.model.input_shape, rng=rng)
        for _ in train_dbn(dbn, images, CDConfig(epochs=epochs, learning_rate=0.1), rng=rng):
            pass
        return dbn
    layers: dict[str, Any] = {"input": Flatten(truth.model.input_shape)}
    for name, n_in, n_out in zip(truth.model.layer_names, sizes, sizes[1:], strict=False):
        W = rng.standard_normal((n_in, n_out), dtype="float32") * np.float32((2 / n_in) ** 0.5)
        layers |= {f"{name}.pre": Dense(W, np.zeros(n_out, "float32")), name: Identity() if name == top else ReLU()}
    mlp = MLP(Network(layers), truth.model.input_shape)
    decay = 1.0 if training == "backprop, decay" else 0.0
    config = BackpropConfig(loss="squared", epochs=epochs, learning_rate=3e-3, weight_decay=decay)
    for _ in train_backprop(mlp, images, truth.model.encode(images, top), config, rng=rng):
        pass
    return mlp


def matched(model: Model, truth: Planted, images: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Of each planted top unit the unit of the model's top layer that answers most like it, and their correlation."""
    top = truth.model.layer_names[-1]
    both = [pre_activations(x, top, images).astype("float64") for x in (model, truth.model)]
    a, b = (x - x.mean(axis=0) for x in both)
    sizes = np.outer(np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0))
    correlations = a.T @ b / np.maximum(sizes, 1e-12)
    best = correlations.argmax(axis=0)
    return best.tolist(), correlations[best, np.arange(len(best))]


def measured(case: Case, seed: int, methods: dict[str, Method], epochs: int = EPOCHS) -> Iterator[dict[str, Any]]:
    """One network: a row for each top unit and method."""
    rngs = [make_rng(np, seed, i) for i in range(4)]
    truth = planted(case.depth, case.parts, case.noise, case.activation, rng=rngs[0])
    units = truth.of(truth.model.layer_names[-1])
    images, tests = truth.images(TRAINED, rng=rngs[1]), truth.images(TESTED, rng=rngs[2])
    model, numbers, same = truth.model, [x.unit.index for x in units], np.ones(len(units))
    if case.training != "planted":
        model = trained(truth, case.training, images, epochs, rngs[3])
        numbers, same = matched(model, truth, images)
    kept = np.flatnonzero(same >= SAME)
    for unit, correlation in zip(units, same, strict=True):
        yield {"kind": unit.kind, "method": "", "matched": float(correlation), "same": bool(correlation >= SAME)}
    if len(kept) == 0:
        return
    units, numbers = [units[i] for i in kept], [numbers[i] for i in kept]
    layer, flat = model.layer_names[-1], tests.reshape(TESTED, -1)
    response, *fitted = (pre_activations(model, layer, x, numbers) for x in (tests, images[:FITTED], images[FITTED:]))
    rows = images.reshape(TRAINED, -1)
    best = ceiling(rows[:FITTED], fitted[0], rows[FITTED:], fitted[1])
    most = predictiveness(product(best, flat), response).rank
    pictures: dict[str, Any] = {}
    for name in sorted(methods):
        pictures[name] = methods[name](model, layer, numbers, images)
        shape = None if pictures[name] is None else np.shape(pictures[name])
        if shape and (shape[0] != len(units) or shape[-2:] != model.input_shape or len(shape) not in (3, 4)):
            raise ValueError(f"{name}: expected pictures (U, H, W) or (U, S, H, W) of {len(units)} units, got {shape}")
    pictures[BEST], typical = best, typical_responses(model, layer, images, numbers)
    pictures[TRUTH] = [unit.features for unit in units]
    pictures[OTHER] = [unit.features for unit in (*units[1:], units[0])]
    for name, drawn in pictures.items():
        for i, unit in enumerate(units if drawn is not None else []):
            own = np.asarray(drawn[i]).reshape(-1, flat.shape[1])
            said = judged(own, unit, flat, response[:, i : i + 1])
            score = unit_scores(model, layer, [numbers[i]], np.nan_to_num(own[:1]).reshape(1, 1, *model.input_shape))
            said |= {"ceiling": float(most[i]), "gain": float(score[0, 0] - typical[i])}
            yield {"kind": unit.kind, "method": name, **said}


def judged(pictures: np.ndarray, unit: PlantedUnit, tests: np.ndarray, response: np.ndarray) -> dict[str, Any]:
    """What the pictures (S, P) of a unit show of its features, and predict of its responses (N, 1) to tests (N, P)."""
    pictures = pictures[np.isfinite(pictures).all(axis=1)]
    if len(pictures) == 0:
        return dict.fromkeys(("drawn", *MEASURES), 0.0)
    likeness = np.abs(cosine(unit.features.reshape(len(unit.features), -1), pictures))  # (S, K)
    alike = cosine(pictures, tests)  # (N, S)
    predicted = [alike[:, :1], best_of(list(alike.T))[:, None], product(pictures[:1], tests)]
    ranks = [float(predictiveness(x, response).rank[0]) for x in predicted]
    shown = float((likeness.max(axis=0) >= SHOWS).mean())
    return {"drawn": 1.0, **dict(zip(MEASURES, (float(likeness[0].max()), shown, *ranks), strict=True))}


def summary(case: Case, found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of the table: means over the units of a kind of all networks of a case; no numbers where no unit is one."""
    methods = dict.fromkeys(row["method"] for row in found if row["method"])
    for kind in dict.fromkeys(row["kind"] for row in found):
        planted_units = [row for row in found if row["kind"] == kind and not row["method"]]
        for method in methods:
            rows = [row for row in found if (row["kind"], row["method"]) == (kind, method)]
            counts = {"kind": kind, "method": method, "planted units": len(planted_units), "units": len(rows)}
            numbers: dict[str, Any] = dict.fromkeys(COLUMNS, "")
            if rows:
                truth = [row for row in found if (row["kind"], row["method"]) == (kind, TRUTH)]
                numbers |= _means(rows, truth, [row["matched"] for row in planted_units if row["same"]])
            yield {**asdict(case), **counts, **numbers}


def _means(rows: list[dict[str, Any]], truth: list[dict[str, Any]], matched: list[float]) -> dict[str, float]:
    """`COLUMNS` of a method: means of its rows; gains by those of the planted features."""
    mean, feature = (
        {key: float(np.mean([row[key] for row in x])) for key in rows[0] if key in MEANS} for x in (rows, truth)
    )
    over = bootstrap(np.array([row["cosine"] for row in rows]), rng=make_rng(np, 0))
    mean |= {"cosine low": over.low, "cosine high": over.high, "matched": float(np.mean(matched))}
    mean |= {
        "share of ceiling": mean["rank, product"] / mean["ceiling"],
        "gain by the feature's": mean["gain"] / feature["gain"],
    }
    return {key: mean[key] for key in COLUMNS}


CAPTION = """Rows are methods, columns units or networks; darker is more. How like the planted features the pictures
of units are, and how well they predict what the units do to fresh images."""
KEY = f"""Means over units. Cosine: size of the cosine of picture and feature, without the mean over the pixels; of
several features the best. Shown: of the features, those that one of all pictures shows, by a cosine of {SHOWS} or more.
Rank correlation: of a unit's response with the cosine of image and picture, of the best linear template with the
product. Blank: the method does not apply, or fewer than half of the units have a trained one that answers like them."""
TITLES = {
    "cosine": "cosine of the picture with a planted feature",
    "features shown": "share of the planted features shown",
    "rank": "rank correlation with responses, one picture",
    "rank, nearest": "rank correlation, the nearest of all pictures",
}


def figure(rows: list[dict[str, Any]]) -> Any:
    """Tables of greys: by kind of unit, and by network."""
    methods = list(dict.fromkeys(row["method"] for row in rows))

    def value(method: str, measure: str, case: Case, kinds: Sequence[str]) -> float:
        key = "rank, product" if method == BEST and measure.startswith("rank") else measure
        here = [row for row in rows if row["kind"] in kinds and asdict(case).items() <= row.items()]
        own = [row for row in here if row["method"] == method and 2 * row["units"] >= row["planted units"] > 0]
        return float(np.average([row[key] for row in own], weights=[row["units"] for row in own])) if own else np.nan

    def chart(measure: str, note: str, columns: Mapping[str, tuple[Case, Sequence[str]]]) -> plot.HeatMap:
        values = np.array([[value(method, measure, *each) for each in columns.values()] for method in methods])
        texts = [["" if np.isnan(x) else f"{x:.2f}" for x in row] for row in values]
        return plot.HeatMap(TITLES[measure], note, methods, values, texts, list(columns))

    by_kind = {
        f"{name}\n{kind}": (case, (kind,))
        for name, case in (("binary", Case("binary")), ("ReLU", Case("relu")))
        for kind in KINDS
    }
    by_case = {name: (case, SUMS) for name, case in CASES.items()}
    of_kind = "Planted weights, noise 0.02, four parts, two hidden layers."
    of_case = (
        "Units of one feature each (linear, and). 3 layers: of two parts each. Trained: on images of planted parts."
    )
    measures = iter(TITLES)
    return plot.dashboard(
        [
            [chart(next(measures), of_kind, by_kind) for _ in range(2)],
            [chart(next(measures), of_kind, by_kind) for _ in range(2)],
            *([chart(measure, of_case, by_case)] for measure in ("cosine", "rank")),
        ],
        heading=__doc__.splitlines()[0],
        caption=CAPTION,
        key=KEY,
        heights=(1.8, 1.8, 1.8, 1.8),
    )


def main() -> None:
    own = {"action": "append", "type": Path, "help": "file with a function draw(model, layer, indices, images)"}
    args = options(__doc__, rounds=5, what="networks of each case", method=own)
    methods = dict(METHODS)
    for path in args.method or []:
        found = runpy.run_path(str(path))
        if not callable(found.get("draw")):
            raise SystemExit(f"{path}: expected a function draw(model, layer, indices, images), found none")
        methods[path.stem] = found["draw"]
    cases = list(QUICK if args.quick else CASES.values())
    rounds, epochs = (1, 2) if args.quick else (args.rounds, EPOCHS)
    rows: list[dict[str, Any]] = []
    with threadpool_limits(args.threads):
        for i, case in enumerate(cases):
            start = time.perf_counter()
            rows += summary(case, [row for seed in range(rounds) for row in measured(case, seed, methods, epochs)])
            took = time.perf_counter() - start
            print(f"case {i + 1} of {len(cases)}: {case}: {took:.0f} s", file=sys.stderr, flush=True)
    write("methods", args, rows, figure(rows), [*cases], most=len(methods) + 3)


if __name__ == "__main__":
    main()
