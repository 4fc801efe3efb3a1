"""What is said of each claim: its title, what it asks for, and its numbers in a sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .. import results
from .claims import (
    AGREE,
    COMPLEX,
    DEFORMATIONS,
    DEGRADES,
    EQUAL,
    INVARIANT,
    KEPT,
    MOST,
    NAMED,
    ONE_OPTIMUM,
    SAME,
    STEADY,
)
from .families import DIFFER, LAYERS_DIFFER, RECIPES_DIFFER
from .inference import p_above_networks
from .measures import Measure, damaged, read_measures, standard_error
from .unit_pictures import AM, FEW, NETWORKS
from .verdicts import LEVEL, Claim, Table, Verdicts, by_model, conditions, interval, random_weights, three_decimals

SHARES = ("share of units", "own unit first")  # quantities that end at 1
COMPLEXITY = ("novelty", "extent", "spectral entropy")
RULE = {"networks": NETWORKS, "few": FEW, "level": LEVEL}  # the numbers of the rule, for the texts that state it


def verdicts(claims: Path, subject: str) -> Verdicts:
    """Judge the rows of claims.csv, and of networks.csv beside it, as they are written there.

    So whoever has the tables can judge again; a difference beyond their four digits is none.

    Parameters
    ----------
    claims : Path
    subject : str
        Data set, and model where it has a name.

    Raises
    ------
    ValueError
        If a table is damaged, of another version, or lacks rows.
    """
    rows, networks = read_measures(claims), claims.with_name("networks.csv")
    recipes = read_measures(networks)
    hashes = [results.file_hash(table) for table in (claims, networks) if table.exists()]
    try:
        models = {name: judge(table) for name, table in by_model(rows).items()}
        return Verdicts(subject, " ".join(hashes), models, judge_difference([*rows, *recipes]))
    except LookupError as error:
        raise damaged(claims, str(error)) from None


def judge(table: Table) -> list[Claim]:
    """The claims about one model."""
    return [
        _one_optimum(table),
        _methods_agree(table),
        _combination_degrades(table),
        _more_complex(table),
        _more_invariant(table),
    ]


def _asked(t: Table, claim: str) -> list[Measure]:
    """The rows that the claim asks for and that its data can decide."""
    return [row for row in _conditions(t, claim) if not _at_the_ceiling(t, row)]


def _conditions(t: Table, claim: str) -> list[Measure]:
    """All conditions of a claim."""
    return [row for row in t.rows if row.claim == claim and not math.isnan(row.p)]


def _at_the_ceiling(t: Table, row: Measure) -> bool:
    """Is it a share that random weights reach so nearly that even all units would not exceed them?"""
    if not row.quantity.startswith(SHARES):
        return False
    few = not math.isnan(row.among_few)
    n = FEW if few else round(t.get(ONE_OPTIMUM, row.layer, "units measured").value)
    everything = np.ones(n, dtype=bool)
    return p_above_networks(1.0, [row.random_weights] * NETWORKS, standard_error(everything)) > LEVEL


def _note(t: Table, claim: str) -> str:
    """What stood in the way of the conditions that are not met, and of those that cannot be tested."""
    asked, every = _asked(t, claim), _conditions(t, claim)
    below, random = sum(row.p_units > LEVEL for row in asked), sum(row.p_networks > LEVEL for row in asked)
    text = f"Of {len(asked)} conditions {below} do not exceed their threshold, {random} not random weights"
    if len(every) == len(asked):
        return text
    return f"{text}; {len(every) - len(asked)} more cannot be tested, since random weights leave no room above them"


def _one_optimum(t: Table) -> Claim:
    return Claim(
        "Random starts find one optimum",
        f"In every layer above the first, more than {EQUAL:.0%} of the units reach equal scores (spread at most "
        f"{STEADY}) from all starts; for more than half the median cosine of two starts is at least {SAME}; for more "
        f"than half all starts form one group linked by cosines of {SAME}; each share is larger than with random "
        "weights. The first layer is left out: a linear unit has one optimum by definition.",
        conditions(_asked(t, ONE_OPTIMUM)),
        f"Share of units with one optimum: {t.along(ONE_OPTIMUM, 'share of units with one optimum')}. "
        f"{_note(t, ONE_OPTIMUM)}",
        f"Several optima: {_several_optima(t)}.",
    )


def _several_optima(t: Table) -> str:
    """The units whose starts ended at more than one optimum, the first of them by name."""
    count, names = 0, []
    for layer in t.layers:
        row = t.get(ONE_OPTIMUM, layer, "units of several optima")
        count += int(row.value)
        names += [f"{layer}:{unit}" for unit in row.setting.split()]
    if not names:
        return "none"
    more = count - len(names[:NAMED])
    return ", ".join([*names[:NAMED], *([f"and {more} more"] if more else [])])


def _methods_agree(t: Table) -> Claim:
    least = []
    for layer in t.layers:
        rows = [row for row in _conditions(t, AGREE) if row.layer == layer]
        if not rows:
            continue
        cosine, first = (
            min((row for row in rows if row.quantity == quantity), key=lambda row: row.value)
            for quantity in ("cosine", "own unit first")
        )
        least.append(
            f"{layer} cosine {interval(cosine)}{random_weights(cosine)} ({cosine.setting}), own unit first "
            f"{interval(first)}{random_weights(first)} ({first.setting})"
        )
    return Claim(
        "Methods agree",
        "In every layer and for every pair of methods, the mean cosine of a unit's two pictures exceeds that with "
        f"pictures of other units; for more than {MOST:.0%} of the units no other unit's picture is more alike than "
        "the own (own unit first); both exceed what the same methods give on random weights, measured on as many "
        "units. In the first layer the combination is the optimum, so that its pairs are left out.",
        conditions(_asked(t, AGREE)),
        f"The pairs that agree least: {'; '.join(least)}. {_note(t, AGREE)}",
    )


def _combination_degrades(t: Table) -> Claim:
    like = f"cosine with {AM}"
    best = [t.get(DEGRADES, layer, "share of the gain at the best k") for layer in t.layers[1:]]
    return Claim(
        "The linear combination degrades with depth",
        "From each layer above the first to the next, its share of the gain of maximization and its cosine with the "
        "optimum fall, and by more than with random weights. The step from the first layer is left out: there the "
        "combination is the optimum by definition.",
        conditions(_asked(t, DEGRADES)),
        f"Share of the gain, in h1 1 by definition: {t.along(DEGRADES, 'share of the gain', first=1)}. Cosine: "
        f"{t.along(DEGRADES, like, first=1)}. "
        f"Best k: {', '.join(f'{row.layer} {row.setting} ({row.value:.2f})' for row in best) or 'nothing to combine'}. "
        f"{_note(t, DEGRADES)}",
    )


def _more_complex(t: Table) -> Claim:
    return Claim(
        "Deeper units are more complex",
        f"From each layer to the next, {', '.join(COMPLEXITY[:-1])} and {COMPLEXITY[-1]} of the optima rise, and by "
        "more than with random weights.",
        conditions(_asked(t, COMPLEX)),
        ". ".join([*(f"{q.capitalize()}: {t.along(COMPLEX, q)}" for q in COMPLEXITY), _note(t, COMPLEX)]),
    )


def _more_invariant(t: Table) -> Claim:
    kept = ". ".join(f"{kind.capitalize()}: {t.along(INVARIANT, KEPT, kind)}" for kind in DEFORMATIONS)
    return Claim(
        "Deeper units are more invariant",
        "From each layer to the next, the gain that an optimum keeps when it is shifted, rotated or zoomed rises, and "
        "by more than with random weights; so does what it keeps beyond a change as large the way another unit's "
        "optimum moves.",
        conditions(_asked(t, INVARIANT)),
        f"Gain kept. {kept}. {_note(t, INVARIANT)}",
    )


def judge_difference(rows: Sequence[Measure]) -> Claim:
    """The claim about two families, from the rows of `families`, in any order."""
    recipes = sorted((row for row in rows if row.claim == RECIPES_DIFFER), key=lambda r: (r.layer, r.quantity))
    single = [row for row in rows if row.claim == DIFFER]
    names = single[0].setting if single else "DBN and SDAE"
    sentences = []
    if recipes:
        distances = "; ".join(
            f"{row.layer}, {row.quantity} {three_decimals(row.value)} [{three_decimals(row.low)}, "
            f"{three_decimals(row.high)}], {row.null_is}"
            for row in recipes
        )
        sentences.append(f"Small networks, {recipes[0].setting}: {distances}")
    else:
        sentences.append("Not tested: it takes networks of several seeds")
    if single:
        distances = "; ".join(f"{row.layer}, {row.quantity} {three_decimals(row.value)}" for row in single)
        sentences.append(f"These two networks, without a test: {distances}")
    within = [
        f"{r.model} {r.setting}, {r.quantity} {three_decimals(r.value)}" for r in rows if r.claim == LAYERS_DIFFER
    ]
    sentences.append(f"Between layers of one network: {'; '.join(within) or 'one layer only'}")
    return Claim(
        f"{names} learn different filters",
        "In every layer two small networks of different families are farther apart than two of either family that "
        "differ by their seed, and than 0, in both energy distances of their optima, of pictures and of log spectra; "
        "exact permutation test, each network counting once. Brackets: the nearest and the farthest pair.",
        conditions(recipes),
        ". ".join(sentences),
    )
