"""The claims of Erhan et al. 2009 as numbers: every unit measured, beside what chance and random weights give.

What is measured stands here, and what each claim asks for: the rows with a `least`. `judging` makes verdicts of them.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from ..backend import Array, make_rng, move, to_numpy
from ..datasets.deform import random_affine, warp
from ..evaluate.agreement import agreement, optima, shuffled
from ..evaluate.complexity import extent, novelty, spectral_entropy
from ..evaluate.predictiveness import TESTED, cosine, predictiveness
from ..evaluate.scores import pre_activations, spread, unit_scores
from ..figures.study import Study
from ..models.protocol import stacked
from ..visualize import FilterCombination, Unit
from .measures import Measure, rise, row
from .references import references
from .unit_pictures import AM, COMBINATION, GIBBS, NETWORKS, Layer, Pictures, Values, filters, kept, unit_length

ONE_OPTIMUM, AGREE, DEGRADES = "one optimum", "methods agree", "combination degrades"
COMPLEX, INVARIANT = "deeper is more complex", "deeper is more invariant"
PREDICTS = "predictiveness"
KEPT, BEYOND = "gain kept", "gain kept beyond the null"
SAME = 0.8  # cosine from which two optima count as one
STEADY = 0.05  # spread of the scores of several starts up to which they count as equal
EQUAL, MOST = 0.8, 0.5  # shares of the units: that reach equal scores, and that are most of them
PAPER_UNITS = 36  # of a layer in the paper's figures of digits
NAMED = 40  # units of several optima that are named
KS = (1, 2, 5, 10, 20, 50, 100, 200)
DRAWS = 8  # deformations of each kind
#: Ranges of the deformations: shares of the height (2 of 28 pixels), degrees, logarithm of the zoom along each axis.
STILL = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0}
DEFORMATIONS = {"shift": {"shift": 1 / 14}, "rotation": {"rotation": 15.0}, "zoom": {"scale": 0.15}}


def measure(study: Study, name: str, n: int | None = None) -> tuple[list[Measure], dict[str, Array]]:
    """Measure all claims about one model, called `name`, on all units of every layer or on the first `n`.

    Returns
    -------
    list of Measure
    dict of array (U, *input_shape)
        The best optimum of each unit, by layer, for `difference`.

    Raises
    ------
    ValueError
        If there are no training images.
    """
    model, rng = study.model, make_rng(np, study.seed, 12)
    random = [replace(study, model=shuffled(model, rng=make_rng(model.xp, study.seed, 11, k))) for k in range(NETWORKS)]
    rows: list[Measure] = []
    best: dict[str, Array] = {}
    below: dict[tuple[str, str, str], Values] = {}  # what the layer below has of the quantities that rise or fall
    for layer in model.layer_names:
        at = Layer.of(study, random, layer, n)
        measures = [m for part in (_one_optimum, _methods_agree, _predictions, _combination) for m in part(at, rng)]
        for q in (*_reached(at), *_complexity(at), *_invariance(at)):
            key = q.claim, q.name, q.setting
            measures.append(row(*key[:2], q.values, rng, setting=q.setting, null=q.null, null_is=q.null_is))
            if key in below:
                measures.append(rise(*key[:2], below[key], q.values, q.sign, setting=q.setting))
            # In the first layer the combination is the optimum, by definition.
            if q.claim != DEGRADES or layer != model.layer_names[0]:
                below[key] = q.values
        measures += references(at.x)
        rows += [replace(m, model=name, layer=layer) for m in measures]
        best[layer] = at.x.images[AM][:, 0]
    return rows, best


def _one_optimum(at: Layer, rng: Any) -> Iterator[Measure]:
    """Do the starts of a unit end at one optimum? A unit of the first layer is linear and has one by definition."""
    claim, x = ONE_OPTIMUM, at.x
    lowest = x.layer == x.study.model.layer_names[0]

    def asked(least: float) -> float | None:
        return None if lowest else least

    found = [optima(p.images[AM].reshape(*p.scores[AM].shape, -1), p.scores[AM], SAME) for p in (x, *at.random)]
    own = found[0]
    spread, alike, count = (
        Values(getattr(own, name), [getattr(other, name) for other in found[1:]])
        for name in ("spread", "cosine", "count")
    )
    others = (x.flat(AM) @ x.flat(AM).T)[~np.eye(len(x.indices), dtype=bool)]
    yield row(claim, "spread of scores", spread, rng, median=True, setting="std / |mean|, median")
    yield row(
        claim,
        "share of units with equal scores",
        spread.map(lambda s: s <= STEADY),
        rng,
        least=asked(EQUAL),
        setting=f"spread at most {STEADY}",
        target="20: at least 0.8 in layers above the first",
        met=lambda share: lowest or share >= 0.8,
    )
    yield row(
        claim,
        "cosine of starts",
        alike,
        rng,
        median=True,
        setting="median of medians",
        null=float(np.median(others)),
        null_is="optima of different units",
    )
    yield row(
        claim,
        "share of units with like starts",
        alike.map(lambda c: c >= SAME),
        rng,
        least=asked(MOST),
        setting=f"median cosine at least {SAME}",
        target="21: more than 0.5 in layers above the first",
        met=lambda share: lowest or share > 0.5,
    )
    linked = f"linked by cosines of {SAME}"
    yield row(claim, "distinct optima", count, rng, setting=linked)
    one = count.map(lambda n: n == 1)
    yield row(claim, "share of units with one optimum", one, rng, least=asked(MOST), setting=linked)
    several = [unit for unit, single in zip(x.indices, one.units, strict=True) if not single]
    first = " ".join(str(unit) for unit in several[:NAMED])
    yield Measure("", claim, "", "units of several optima", first, value=len(several))
    arrays = {"unit": np.array(x.indices), "spread of scores": own.spread}
    arrays |= {"cosine of starts": own.cosine, "distinct optima": own.count}
    setting = f"{x.left_out} not drawn by a method"
    yield Measure("", claim, "", "units measured", setting, value=len(x.indices), arrays=arrays)


def _methods_agree(at: Layer, rng: Any) -> Iterator[Measure]:
    """Does a pair of methods draw the same of a unit? Null: the second method's pictures of all other units."""
    x, n = at.x, len(at.x.indices)
    lowest = x.layer == x.study.model.layer_names[0]
    for a, b in combinations(x.images, 2):
        alike, few, *random = (agreement(p.flat(a), p.flat(b)) for p in (x, at.few, *at.random))
        cosine, rank = (
            Values(getattr(alike, name), [getattr(each, name) for each in random], getattr(few, name))
            for name in ("own", "rank")
        )
        # In the first layer the combination is the optimum, by definition.
        judged = not (lowest and COMBINATION in (a, b))
        facts = {"claim": AGREE, "rng": rng, "setting": f"{a}, {b}", "null_is": "other units"}
        arrays = {f"cosine, {a}, {b}": alike.own, f"rank, {a}, {b}": alike.rank}
        others = float(alike.others.mean())
        least = alike.others if judged else None
        yield row(quantity="cosine", values=cosine, least=least, null=others, arrays=arrays, **facts)
        first, most = rank.map(lambda r: r == 1), MOST if judged else None
        yield row(quantity="own unit first", values=first, least=most, null=1 / n, **facts)
        among = f"rank of the own unit among {n}"
        yield row(quantity=among, values=Values(alike.rank), median=True, null=(n + 1) / 2, **facts)
    if GIBBS in x.images:
        rank = agreement(x.flat(GIBBS)[:PAPER_UNITS], x.flat(AM)[:PAPER_UNITS]).rank
        yield row(
            AGREE,
            f"rank of the own unit among {len(rank)}",
            Values(rank),
            rng,
            median=True,
            setting=f"{AM}, {GIBBS}; the paper's number of units",
            null=(len(rank) + 1) / 2,
            null_is="other units",
            target="24: at most 5",
            met=lambda rank: rank <= 5,
        )


def _predictions(at: Layer, _: Any) -> Iterator[Measure]:
    """Does a method's picture tell what the unit does at test images? No condition: the paper does not claim it."""
    tests, rng = at.x.study.responses.images, make_rng(np, at.x.study.seed, 14)  # its own: other intervals stay
    found = [] if tests is None else [_predictiveness(p, spread(tests, TESTED)) for p in (at.x, *at.random)]
    for method in at.x.images if found else ():
        (own, other), *random = (each[method] for each in found)
        facts: dict[str, Any] = {"null": float(other.mean()), "null_is": "another unit's picture"}
        facts["arrays"] = {f"{PREDICTS}, {method}": own}
        yield row(AGREE, PREDICTS, Values(own, [x for x, _ in random]), rng, setting=method, **facts)


def _predictiveness(p: Pictures, tests: Array) -> dict[str, tuple[Array, Array]]:
    """By method: rank correlation of units' responses with the likeness to their own pictures, to another's (U,)."""
    responses = to_numpy(pre_activations(p.study.model, p.layer, tests, p.indices))
    likeness = {method: cosine(p.flat(method), to_numpy(tests)) for method in p.images}
    return {
        method: (predictiveness(x, responses).rank, predictiveness(np.roll(x, 1, axis=1), responses).rank)
        for method, x in likeness.items()
    }


@dataclass(frozen=True)
class Quantity:
    """What should rise (`sign` 1) or fall (-1) from each layer to the next."""

    claim: str
    name: str
    setting: str
    values: Values
    sign: int = 1
    null: float = math.nan
    null_is: str = ""


def _reached(at: Layer) -> Iterator[Quantity]:
    """What a linear combination reaches of the gain of maximization, and how alike the two are."""
    setting = f"k = {kept(at.x.study)}"
    gain = at.values(lambda p: p.gain(p.scores[COMBINATION][:, 0]))
    yield Quantity(DEGRADES, "share of the gain", setting, gain, -1)
    alike = at.values(lambda p: agreement(p.flat(COMBINATION), p.flat(AM)).own)
    yield Quantity(DEGRADES, f"cosine with {AM}", setting, alike, -1)


def _combination(at: Layer, rng: Any) -> Iterator[Measure]:
    """What a linear combination reaches of the gain of maximization, for every k."""
    x, model = at.x, at.x.study.model
    if x.layer == model.layer_names[0]:
        return  # nothing to combine
    W = np.abs(to_numpy(model.network.weighted(x.layer).W))[:, x.indices]
    mass = np.cumsum(-np.sort(-W, axis=0), axis=0) / W.sum(axis=0)  # (n_in, U)
    narrowest = min(stacked(model).sizes[1 : model.layer_names.index(x.layer) + 1])
    reached = {}
    for k in (*(k for k in KS if k < narrowest), None):
        drawn = x.study.pictures(FilterCombination(k=k), [Unit(x.layer, i) for i in x.indices])
        setting = f"k = {'all' if k is None else k}"
        reached[setting] = x.gain(drawn.scores[:, 0])
        like = agreement(unit_length(drawn.images[:, 0].reshape(len(W.T), -1)), x.flat(AM)).own
        for quantity, values in (
            ("share of the gain by k", reached[setting]),
            (f"cosine with {AM} by k", like),
            ("weight mass covered by k", mass[-1 if k is None else k - 1]),
        ):
            yield row(DEGRADES, quantity, Values(values), rng, setting=setting)
    best = max(reached, key=lambda setting: float(reached[setting].mean()))
    yield row(DEGRADES, "share of the gain at the best k", Values(reached[best]), rng, setting=best)


def _complexity(at: Layer) -> Iterator[Quantity]:
    """How complex the optima are: in parts, in pixels, in frequencies."""

    def new(p: Pictures) -> Array:
        lowest = p.layer == p.study.model.layer_names[0]
        return novelty(p.flat(AM), filters(p.study), p.indices if lowest else None)

    yield Quantity(COMPLEX, "novelty", "1 - best |cosine| with another first-layer filter", at.values(new))
    wide = at.values(lambda p: extent(p.flat(AM)))
    yield Quantity(COMPLEX, "extent", "share of the pixels, participation ratio", wide)
    spectra = at.values(lambda p: spectral_entropy(p.images[AM][:, 0]))
    yield Quantity(COMPLEX, "spectral entropy", "1 for a flat spectrum", spectra)


def _invariance(at: Layer) -> Iterator[Quantity]:
    """What a deformed optimum keeps of the gain, and how much more than as far from it another way."""
    for kind, ranges in DEFORMATIONS.items():
        own, *random = (_kept_gain(p, ranges) for p in (at.x, *at.random))
        kept, elsewhere = (Values(own[i], [each[i] for each in random]) for i in (0, 1))
        another_way = "as far from the optimum, the way another unit's moves"
        yield Quantity(INVARIANT, KEPT, kind, kept, null=float(elsewhere.units.mean()), null_is=another_way)
        yield Quantity(INVARIANT, BEYOND, kind, kept.map(np.subtract, elsewhere))


def _kept_gain(p: Pictures, ranges: dict[str, float]) -> tuple[Array, Array]:
    """Mean gain (U,) at deformations of each unit's optimum, and as far from it the way another unit's moves."""
    model, optimum = p.study.model, p.images[AM][:, 0]  # (U, H, W)
    ranges = {**STILL, **ranges}
    ranges["shift"] *= optimum.shape[1]
    fields = random_affine(DRAWS, optimum.shape[1:], rng=make_rng(np, p.study.seed, 13), **ranges)
    one_by_one = [warp(optimum, np.broadcast_to(field, (len(optimum), *field.shape))) for field in fields]
    deformed = unit_length(np.stack(one_by_one, axis=1).reshape(len(optimum), DRAWS, -1))
    start = p.flat(AM)[:, None]  # (U, 1, P)
    cos = (deformed * start).sum(axis=2, keepdims=True)
    away = np.roll(deformed - cos * start, 1, axis=0)  # tangents, of the unit before
    away = unit_length(away - (away * start).sum(axis=2, keepdims=True) * start)
    elsewhere = cos * start + np.sqrt(np.maximum(1 - cos**2, 0)) * away
    kept = []
    for x in (deformed, elsewhere):
        images = move(np.asarray(x, model.dtype).reshape(*x.shape[:2], *model.input_shape), model.xp)
        kept.append(p.gain(to_numpy(unit_scores(model, p.layer, p.indices, images))).mean(axis=1))
    return kept[0], kept[1]
