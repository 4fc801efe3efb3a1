"""The rules by which the measures of the claims become verdicts: conditions, and the numbers that they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import results
from .claims import DEFORMATIONS, DIFFER, LAYERS_DIFFER, NAMED, SAME, SEEDS, STEADY, p_value_of
from .measures import AM, COMBINATION, Measure, damaged, read_measures
from .verdicts import Claim, Table, Verdicts, by_model

COMPLEXITY = ("novelty", "extent", "spectral entropy")
MOST = 0.5  # share of the units from which most are meant
AS_WELL = 0.05  # share of the units by which random weights may fall short and still do as well
LEVEL = 0.01  # p-value up to which two sets of pictures differ


def verdicts(claims: Path, subject: str) -> Verdicts:
    """Judge the rows of claims.csv as they are written there, so that whoever has the table can judge again.

    A difference beyond the table's four digits is none.

    Parameters
    ----------
    claims : Path
    subject : str
        Data set, and model where it has a name.

    Raises
    ------
    ValueError
        If the table is damaged, of another version, or lacks rows.
    """
    rows = read_measures(claims)
    try:
        models = {name: judge(table) for name, table in by_model(rows).items()}
        return Verdicts(subject, results.file_hash(claims), models, judge_difference(rows))
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


def _one_optimum(t: Table) -> Claim:
    claim, conditions = "one optimum", {}
    for layer in t.layers[1:]:
        for quantity, least in (
            ("share of units with equal scores", 0.8),
            ("share of units with like starts", MOST),
            ("share of units with one optimum", MOST),
        ):
            row = t.get(claim, layer, quantity)
            conditions[f"{layer}: {quantity} ({row.setting}) {row.value:.2f}, at least {least}"] = row.value >= least
    shares = {layer: t.get(claim, layer, "share of units with one optimum") for layer in t.layers}
    as_well = [layer for layer, row in shares.items() if row.random_weights >= row.value - AS_WELL]
    sentence = f"Share of units with one optimum: {t.along(claim, 'share of units with one optimum')}"
    if as_well:
        where = " and ".join(filter(None, [", ".join(as_well[:-1]), as_well[-1]]))
        sentence += f". In {where} random weights do as well: one optimum says nothing of learning there"
    return Claim(
        "Random starts find one optimum",
        f"In every layer above the first, 80 % of the units reach equal scores (spread at most {STEADY}) from all "
        f"starts, and for half of them the median cosine of two starts is at least {SAME} and all starts form one "
        f"group linked by cosines of {SAME}.",
        conditions,
        sentence,
        f"Several optima: {_several_optima(t)}.",
    )


def _several_optima(t: Table) -> str:
    """The units whose starts ended at more than one optimum, the first of them by name; counts of old tables."""
    claim, quantity = "one optimum", "units of several optima"
    count, names = 0, []
    for layer in t.layers:
        if not t.settings(claim, layer, quantity):  # of an old table
            share, units = (t.get(claim, layer, q).value for q in ("share of units with one optimum", "units measured"))
            count += round((1 - share) * units)
            continue
        row = t.get(claim, layer, quantity)
        count += int(row.value)
        names += [f"{layer}:{unit}" for unit in row.setting.split()]
    if not names:
        return f"{count} units" if count else "none"
    more = count - len(names[:NAMED])
    return ", ".join([*names[:NAMED], *([f"and {more} more"] if more else [])])


def _methods_agree(t: Table) -> Claim:
    claim, conditions, least = "methods agree", {}, []
    for layer in t.layers:
        pairs = [s for s in t.settings(claim, layer, "cosine") if (layer, s) != (t.layers[0], f"{AM}, {COMBINATION}")]
        cosines, firsts = ([t.get(claim, layer, q, s) for s in pairs] for q in ("cosine", "own unit first"))
        for row in cosines:
            conditions[f"{layer}: cosine of {row.setting}"] = row.low > max(row.null, row.random_weights)
        for row in firsts:
            conditions[f"{layer}: own unit first, {row.setting} ({row.value:.2f})"] = row.value >= MOST
        if pairs:
            row, first = (min(rows, key=lambda r: r.value) for rows in (cosines, firsts))
            least.append(
                f"{layer} cosine {row.value:.2f} [{row.low:.2f}, {row.high:.2f}, null {row.random_weights:.2f}] "
                f"({row.setting}), own unit first {first.value:.2f} [{first.low:.2f}, {first.high:.2f}, null "
                f"{first.random_weights:.2f}] ({first.setting})"
            )
    return Claim(
        "Methods agree",
        "In every layer and for every pair of methods, the interval of the mean cosine of a unit's two pictures lies "
        "above both nulls, pictures of other units and the same methods on random weights; and for half of the units "
        "no other unit's picture is more alike than the own (own unit first). In the first layer maximization and "
        "combination are both the filter, and left out.",
        conditions,
        f"The pairs that agree least: {'; '.join(least)}",
    )


def _combination_degrades(t: Table) -> Claim:
    claim = "combination degrades"
    like = f"cosine with {AM}"
    best = [t.get(claim, layer, "share of the gain at the best k") for layer in t.layers[1:]]
    return Claim(
        "The linear combination degrades with depth",
        "From each layer to the next, the intervals of its share of the gain of maximization and of its cosine with "
        "the optimum fall.",
        {**t.rises(claim, "share of the gain", sign=-1), **t.rises(claim, like, sign=-1)},
        f"Share of the gain: {t.along(claim, 'share of the gain')}; cosine: {t.along(claim, like)}; "
        f"best k: {', '.join(f'{row.layer} {row.setting} ({row.value:.2f})' for row in best) or 'nothing to combine'}",
    )


def _more_complex(t: Table) -> Claim:
    claim = "deeper is more complex"
    conditions = {key: met for quantity in COMPLEXITY for key, met in t.rises(claim, quantity).items()}
    return Claim(
        "Deeper units are more complex",
        f"From each layer to the next, the intervals of {', '.join(COMPLEXITY[:-1])} and {COMPLEXITY[-1]} of the "
        "optima rise.",
        conditions,
        ". ".join(f"{quantity.capitalize()}: {t.along(claim, quantity)}" for quantity in COMPLEXITY),
    )


def _more_invariant(t: Table) -> Claim:
    claim, beyond = "deeper is more invariant", "gain kept beyond the null"
    conditions = {
        key: met
        for quantity in ("gain kept", beyond)
        for kind in DEFORMATIONS
        for key, met in t.rises(claim, quantity, kind).items()
    }
    kept = ". ".join(f"{kind}: {t.along(claim, 'gain kept', kind, null='null')}" for kind in DEFORMATIONS)
    return Claim(
        "Deeper units are more invariant",
        "From each layer to the next, the interval of the gain that an optimum keeps when it is shifted, rotated or "
        "zoomed rises; so does what it keeps beyond the null, a change as large the way another unit's optimum moves.",
        conditions,
        f"Gain kept: {kept}",
    )


def judge_difference(rows: Sequence[Measure]) -> Claim:
    """The claim about two models, from the rows of `difference`, in any order."""
    between, seeds = _tests(rows, DIFFER), _tests(rows, SEEDS)
    conditions = {f"{layer}: {quantity}": p <= LEVEL for (layer, quantity), (_, p) in between.items()}
    for layer, quantity in between:
        if (layer, quantity) in seeds:
            (distance, _), (control, _) = between[layer, quantity], seeds[layer, quantity]
            conditions[f"{layer}: {quantity}, above that of two seeds"] = distance.value > control.value
    names = next(iter(between.values()))[0].setting if between else "DBN and SDAE"
    sentences = [_distances(between) or "There was no second model"]
    if seeds:
        sentences.append(f"Control, the first model from two seeds: {_distances(seeds)}")
    within = [
        f"{row.model} {row.setting}, {row.quantity} {row.value:.3f}"
        for row in rows
        if row.claim == LAYERS_DIFFER and row.quantity.startswith("energy")
    ]
    sentences.append(f"Yardstick, between layers of one model: {'; '.join(within) or 'one layer only'}")
    return Claim(
        f"{names} learn different filters",
        f"In every layer both energy distances between the models' optima, of pictures and of log spectra, have "
        f"p at most {LEVEL} under permutation and, where the first model was trained twice, exceed those of its two "
        "seeds (distance against distance, point values without a test of their difference).",
        conditions,
        ". ".join(sentences),
    )


def _tests(rows: Sequence[Measure], claim: str) -> dict[tuple[str, str], tuple[Measure, float]]:
    """By layer and quantity: the energy distance and its p-value."""
    table = Table(rows)
    tests = {}
    for row in rows:
        if row.claim == claim and row.quantity.startswith("energy"):
            p = table.get(claim, row.layer, p_value_of(row.quantity), row.setting).value
            tests[row.layer, row.quantity] = (row, p)
    return tests


def _distances(tests: dict[tuple[str, str], tuple[Measure, float]]) -> str:
    return "; ".join(
        f"{layer}, {quantity}: {row.value:.3f} (mixed up {row.null:.3f}, p = {p:.3f})"
        for (layer, quantity), (row, p) in tests.items()
    )
