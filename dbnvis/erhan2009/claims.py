"""The claims of Erhan et al. 2009 as numbers: every unit measured, beside what chance and random weights give.

What is measured stands here; the rules that turn it into verdicts stand in `verdicts`.

References
----------
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from inspect import signature
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from ..backend import Array, make_rng, move, to_numpy
from ..datasets.deform import random_affine, warp
from ..evaluate.agreement import agreement, optima, shuffled
from ..evaluate.complexity import extent, log_spectrum, novelty, spectral_entropy
from ..evaluate.resampling import energy_test
from ..evaluate.scores import unit_scores
from ..figures.study import Study
from ..figures.tables.acceptance import FREE_CHAINS, free_scores
from ..models.protocol import stacked
from ..visualize import FilterCombination, Unit
from . import paper_figures as erhan
from .measures import AM, COMBINATION, GIBBS, METHODS, Measure, Pictures, missed, row, training_images, unit_length

DIFFER, SEEDS, LAYERS_DIFFER = "models differ", "seeds differ", "layers of a model differ"
SAME = 0.8  # cosine from which two optima count as one
STEADY = 0.05  # spread of the scores of several starts up to which they count as equal
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
    null = replace(study, model=shuffled(model, rng=make_rng(model.xp, study.seed, 11)))
    rows: list[Measure] = []
    best: dict[str, Array] = {}
    for layer in model.layer_names:
        both = Pictures.of(study, layer, n), Pictures.of(null, layer, n)
        parts = (_one_optimum, _methods_agree, _combination, _complexity, _invariance)
        measures = [m for part in parts for m in part(*both, rng)] + [*_references(both[0])]
        rows += [replace(m, model=name, layer=layer) for m in measures]
        best[layer] = both[0].images[AM][:, 0]
    return rows, best


def _one_optimum(x: Pictures, null: Pictures, rng: Any) -> Iterator[Measure]:
    """Do the starts of a unit end at one optimum? Null: optima of different units."""
    claim, lowest = "one optimum", x.layer == x.study.model.layer_names[0]
    starts, random = (optima(p.images[AM].reshape(*p.scores[AM].shape, -1), p.scores[AM], SAME) for p in (x, null))
    others = (x.flat(AM) @ x.flat(AM).T)[~np.eye(len(x.indices), dtype=bool)]
    yield row(claim, "spread of scores", starts.spread, rng, random.spread, median=True, setting="std / |mean|, median")
    yield row(
        claim,
        "share of units with equal scores",
        starts.spread <= STEADY,
        rng,
        random.spread <= STEADY,
        setting=f"spread at most {STEADY}",
        target="20: at least 0.8 in layers above the first",
        met=lambda share: lowest or share >= 0.8,
    )
    yield row(
        claim,
        "cosine of starts",
        starts.cosine,
        rng,
        random.cosine,
        median=True,
        setting="median of medians",
        null=float(np.median(others)),
        null_is="optima of different units",
    )
    yield row(
        claim,
        "share of units with like starts",
        starts.cosine >= SAME,
        rng,
        random.cosine >= SAME,
        setting=f"median cosine at least {SAME}",
        target="21: more than 0.5 in layers above the first",
        met=lambda share: lowest or share > 0.5,
    )
    linked = f"linked by cosines of {SAME}"
    yield row(claim, "distinct optima", starts.count, rng, random.count, setting=linked)
    yield row(claim, "share of units with one optimum", starts.count == 1, rng, random.count == 1, setting=linked)
    several = [unit for unit, count in zip(x.indices, starts.count, strict=True) if count > 1]
    first = " ".join(str(unit) for unit in several[:NAMED])
    yield Measure("", claim, "", "units of several optima", first, value=len(several))
    arrays = {"unit": np.array(x.indices), "spread of scores": starts.spread}
    arrays |= {"cosine of starts": starts.cosine, "distinct optima": starts.count}
    setting = f"{x.left_out} not drawn by a method"
    yield Measure("", claim, "", "units measured", setting, value=len(x.indices), arrays=arrays)


def _methods_agree(x: Pictures, null: Pictures, rng: Any) -> Iterator[Measure]:
    """Does a pair of methods draw the same of a unit? Null: the second method's pictures of all other units."""
    n = len(x.indices)
    for a, b in combinations(x.images, 2):
        alike, random = (agreement(p.flat(a), p.flat(b)) for p in (x, null))
        facts = {"claim": "methods agree", "rng": rng, "setting": f"{a}, {b}", "null_is": "other units"}
        others = float(alike.others.mean())
        arrays = {f"cosine, {a}, {b}": alike.own, f"rank, {a}, {b}": alike.rank}
        yield row(quantity="cosine", values=alike.own, random=random.own, null=others, arrays=arrays, **facts)
        first, at_random = alike.rank == 1, random.rank == 1
        yield row(quantity="own unit first", values=first, random=at_random, null=1 / n, **facts)
        ranks = {"values": alike.rank, "random": random.rank, "null": (n + 1) / 2}
        yield row(quantity=f"rank of the own unit among {n}", median=True, **ranks, **facts)
    if GIBBS in x.images:
        rank, at_random = (agreement(p.flat(GIBBS)[:PAPER_UNITS], p.flat(AM)[:PAPER_UNITS]).rank for p in (x, null))
        yield row(
            "methods agree",
            f"rank of the own unit among {len(rank)}",
            rank,
            rng,
            at_random,
            median=True,
            setting=f"{AM}, {GIBBS}; the paper's number of units",
            null=(len(rank) + 1) / 2,
            null_is="other units",
            target="24: at most 5",
            met=lambda rank: rank <= 5,
        )


def _combination(x: Pictures, null: Pictures, rng: Any) -> Iterator[Measure]:
    """What a linear combination reaches of the gain of maximization, for every k."""
    claim, model, layer = "combination degrades", x.study.model, x.layer
    gains = [p.gain(p.scores[COMBINATION][:, 0]) for p in (x, null)]
    alike = [agreement(p.flat(COMBINATION), p.flat(AM)).own for p in (x, null)]
    yield row(claim, "share of the gain", gains[0], rng, gains[1], setting=f"k = {_kept(x.study)}")
    yield row(claim, f"cosine with {AM}", alike[0], rng, alike[1], setting=f"k = {_kept(x.study)}")
    if layer == model.layer_names[0]:
        return  # nothing to combine
    W = np.abs(to_numpy(model.network.weighted(layer).W))[:, x.indices]
    mass = np.cumsum(-np.sort(-W, axis=0), axis=0) / W.sum(axis=0)  # (n_in, U)
    narrowest = min(stacked(model).sizes[1 : model.layer_names.index(layer) + 1])
    reached = {}
    for k in (*(k for k in KS if k < narrowest), None):
        drawn = x.study.pictures(FilterCombination(k=k), [Unit(layer, i) for i in x.indices])
        setting = f"k = {'all' if k is None else k}"
        reached[setting] = x.gain(drawn.scores[:, 0])
        yield row(claim, "share of the gain by k", reached[setting], rng, setting=setting)
        like = agreement(unit_length(drawn.images[:, 0].reshape(len(W.T), -1)), x.flat(AM)).own
        yield row(claim, f"cosine with {AM} by k", like, rng, setting=setting)
        yield row(claim, "weight mass covered by k", mass[-1 if k is None else k - 1], rng, setting=setting)
    best = max(reached, key=lambda setting: float(reached[setting].mean()))
    yield row(claim, "share of the gain at the best k", reached[best], rng, setting=best)


def _kept(study: Study) -> int | None:
    return study.fitted(METHODS[COMBINATION]).k


def _complexity(x: Pictures, null: Pictures, rng: Any) -> Iterator[Measure]:
    """How complex the optima are: in parts, in pixels, in frequencies."""
    pictures = [p.images[AM][:, 0] for p in (x, null)]
    filters = [_filters(p.study) for p in (x, null)]
    lowest = x.layer == x.study.model.layer_names[0]
    new = [novelty(p.flat(AM), f, p.indices if lowest else None) for p, f in zip((x, null), filters, strict=True)]
    claim = "deeper is more complex"
    yield row(claim, "novelty", new[0], rng, new[1], setting="1 - best |cosine| with another first-layer filter")
    wide = [extent(p.flat(AM)) for p in (x, null)]
    yield row(claim, "extent", wide[0], rng, wide[1], setting="share of the pixels, participation ratio")
    spectra = [spectral_entropy(images) for images in pictures]
    yield row(claim, "spectral entropy", spectra[0], rng, spectra[1], setting="1 for a flat spectrum")


def _filters(study: Study) -> Array:
    """First-layer filters as rows (F, P)."""
    return to_numpy(study.model.network.weighted(study.model.layer_names[0]).W).T


def _invariance(x: Pictures, null: Pictures, rng: Any) -> Iterator[Measure]:
    """What a deformed optimum keeps of the gain. Null: as far from it, another way."""
    claim = "deeper is more invariant"
    for kind, ranges in DEFORMATIONS.items():
        (kept, by_chance), (random, random_chance) = (_kept_gain(p, ranges) for p in (x, null))
        facts: dict[str, Any] = {"setting": kind, "null_is": "as far from the optimum, the way another unit's moves"}
        yield row(claim, "gain kept", kept, rng, random, null=float(by_chance.mean()), **facts)
        beyond = kept - by_chance
        yield row(claim, "gain kept beyond the null", beyond, rng, random - random_chance, setting=kind)


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


def _references(x: Pictures) -> Iterator[Measure]:
    """What the paper's figures and the definitions ask for, beside their targets."""
    study, layer = x.study, x.layer

    def reference(quantity: str, value: float, target: str, met: bool) -> Measure:
        return Measure("", "reference", "", quantity, value=float(value), target=target, missed=missed(met))

    def exactly(quantity: str, value: float, number: int, wanted: int) -> Measure:
        return reference(quantity, value, f"{number}: {wanted}", value == wanted)

    above = (x.scores[AM][:, 0] > to_numpy(study.responses.by_layer[layer]).max(axis=0)[x.indices]).mean()
    yield reference("optimum above the best test image, share of units", above, "22: at least 0.95", above >= 0.95)
    if GIBBS in x.images:
        free = free_scores(study, layer, x.indices, training_images(study)[:FREE_CHAINS])
        above = (x.scores[GIBBS][:, 0] > free).mean()
        what = "sampling mean above the unclamped mean, share of units"
        yield reference(what, above, "23: at least 0.9", above >= 0.9)
    if layer != study.model.layer_names[0]:
        yield exactly("filters kept by the combination", _kept(study) or math.nan, 25, 100)
        return
    drawn = x.images[COMBINATION][:, 0].reshape(len(x.indices), -1)
    off = np.abs(drawn - _filters(study)[x.indices]).max()
    yield exactly("combination minus the unit's filter, largest absolute pixel", off, 25, 0)
    subject = "patches" if study.dataset == "patches" else "digits"
    shown, columns, _ = erhan.SHOWN[subject]
    side = 12 if subject == "patches" else 6
    yield exactly("units of a layer in the figures", shown, 26, side**2)
    yield exactly("their columns", columns, 26, side)
    yield exactly("starts of a unit", METHODS[AM].starts, 26, 9)
    yield exactly("units in rows of samples", signature(erhan.sampling).parameters["units"].default, 26, 6)
    if subject == "patches":
        v = float(training_images(study).var())
        yield reference("variance of the training pixels", v, "32: 0.1 within 0.01", abs(v - 0.1) <= 0.01)


def best_optima(study: Study, n: int | None = None) -> dict[str, Array]:
    """The best optimum of each unit (U, *input_shape), or of the first `n`, by layer; of those that have one."""
    best = {}
    for layer in study.model.layer_names:
        images = study.pictures(METHODS[AM], study.units(layer, n)).images[:, 0]
        best[layer] = images[np.isfinite(images).reshape(len(images), -1).all(axis=1)]
    return best


def difference(best: dict[str, dict[str, Array]], seed: int, control: dict[str, Array] | None = None) -> list[Measure]:
    """Energy distances between the optima of two models, layer by layer; as yardsticks, between layers of a model.

    Each is taken twice: between the pictures (scaled to norm 1), and between their log amplitude spectra, which do
    not see where in the picture something is.

    Parameters
    ----------
    best : dict of dict of array (U, H, W)
        By model, one or two, and layer: pictures of units.
    seed : int
    control : dict of array (U, H, W), optional
        By layer: pictures of the first model trained once more, from another seed.
    """
    rng = make_rng(np, seed, 14)
    compared = [
        (name, LAYERS_DIFFER, f"{a} and {b}", a, layers[a], layers[b])
        for name, layers in best.items()
        for a, b in pairwise(layers)
    ]
    for (a, lower), (b, upper) in combinations(best.items(), 2):
        common = [layer for layer in lower if layer in upper]
        compared += [("", DIFFER, f"{a} and {b}", layer, lower[layer], upper[layer]) for layer in common]
    if control is not None:
        first, layers = next(iter(best.items()))
        compared += [("", SEEDS, f"{first}, two seeds", layer, layers[layer], control[layer]) for layer in layers]
    rows: list[Measure] = []
    for name, claim, setting, layer, *pictures in compared:
        scaled = [unit_length(x.reshape(len(x), -1)) for x in pictures]
        spectra = [log_spectrum(x) for x in pictures]
        for what, sets in (("pictures", scaled), ("log spectra", spectra)):
            test = energy_test(*sets, rng=rng)
            facts: dict[str, Any] = {"null": test.null, "null_is": "the two sets mixed up"}
            distance = f"energy distance of {what}"
            rows.append(Measure(name, claim, layer, distance, setting, test.distance, **facts))
            rows.append(Measure(name, claim, layer, p_value_of(distance), setting, test.p_value))
    return rows


def p_value_of(distance: str) -> str:
    """The quantity in whose row the p-value of an energy distance stands."""
    return distance.replace("energy distance", "p-value")
