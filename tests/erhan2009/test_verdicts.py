"""The rules that make verdicts of rows, and the file that keeps them."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest

import dbnvis
from dbnvis.erhan2009.claims import AGREE, DEGRADES, ONE_OPTIMUM
from dbnvis.erhan2009.families import DIFFER, LAYERS_DIFFER, RECIPES_DIFFER
from dbnvis.erhan2009.judging import _several_optima, judge, judge_difference, verdicts
from dbnvis.erhan2009.measures import Measure, printed, read_measures
from dbnvis.erhan2009.table import claims_text
from dbnvis.erhan2009.unit_pictures import AM, COMBINATION
from dbnvis.erhan2009.verdicts import Claim, Condition, Table, Verdicts, by_model, conditions, two_decimals
from dbnvis.results import write_csv

COMMITTED = Path(dbnvis.__file__).parents[1] / "results" / "erhan2009"


# --- verdicts


def condition(p, name):
    return Condition(name, 0.5, 0.4, 0.6, least=0.1, among_few=math.nan, random_weights=0.2, p_value=p)


@pytest.mark.parametrize(
    ("p", "verdict"),
    [
        ([0.01, 0.05], "supported"),
        ([0.01, 0.06], "mixed"),
        ([0.01, 0.06, 0.9], "not supported"),
        ([0.06, 0.9], "not supported"),
        ([], "not tested"),
    ],
)
def test_the_verdict_counts_the_conditions_that_are_met(p, verdict):
    claim = Claim("Title", "A rule.", [condition(each, f"condition {i}") for i, each in enumerate(p)], "Numbers")
    assert claim.verdict == verdict
    told = "\n".join(claim.markdown())
    assert told.startswith(f"**Title: {verdict}**")
    for i, each in enumerate(p):
        met = "yes" if each <= 0.05 else "**no**"
        assert f"| condition {i} | 0.5 [0.4, 0.6] | 0.1 | 0.2 | {each:.3f} | {met} |" in told


def test_conditions_are_judged_together():
    """Holm: of two p-values the smaller counts twice; rows without p-values ask for nothing."""
    rows = [
        Measure("m", "c", "h2", "x", "s", 0.5, 0.4, 0.6, least=0.1, p_units=0.02, p_networks=0.001),
        Measure("m", "c", "h1", "x", "s", 0.5, 0.4, 0.6, least=0.1, p_units=0.03),
        Measure("m", "c", "h1", "y", "s", 0.5, 0.4, 0.6),
    ]
    first, second = conditions(rows)
    assert (first.name, second.name) == ("h1: x (s)", "h2: x (s)")
    assert (first.p_value, second.p_value) == (pytest.approx(0.04), pytest.approx(0.04))
    assert [c.met for c in (first, second)] == [True, True]
    assert not conditions([*rows, replace(rows[1], layer="h3")])[0].met


def test_what_holds_by_definition_is_not_asked(written):
    rows = read_measures(written[1] / "tables" / "claims.csv")
    asked = {(r.claim, r.layer, r.quantity, r.setting) for r in rows if r.p == r.p}
    assert not {layer for claim, layer, *_ in asked if claim == ONE_OPTIMUM} & {"h1"}
    assert (AGREE, "h1", "cosine", f"{AM}, {COMBINATION}") not in asked
    assert {layer for claim, layer, *_ in asked if claim == DEGRADES} == {"h3"}  # h1's combination is its optimum
    for r in rows:  # the null is asked of every row that has one
        if r.p == r.p:
            assert r.random_weights == r.random_weights and r.p_networks == r.p_networks, r


def test_random_weights_that_do_as_well_are_no_support(written):
    measures = by_model(read_measures(written[1] / "tables" / "claims.csv"))["DBN"].rows

    def verdict(**p):
        changed = [replace(m, **p) if m.p == m.p else m for m in measures]
        return {claim.verdict for claim in judge(Table(changed))}

    assert verdict(p_units=1e-6, p_networks=1e-6, random_weights=0.1) == {"supported"}
    assert verdict(p_units=1e-6, p_networks=0.5, random_weights=0.1) == {"not supported"}
    assert verdict(p_units=0.5, p_networks=1e-6, random_weights=0.1) == {"not supported"}


def test_a_share_that_no_network_could_exceed_is_not_asked(written):
    measures = by_model(read_measures(written[1] / "tables" / "claims.csv"))["DBN"].rows

    def claims(random):
        changed = [
            replace(m, random_weights=random, p_networks=0.9, p_units=1e-6) if m.p == m.p else m for m in measures
        ]
        return {claim.title: claim for claim in judge(Table(changed))}

    one = claims(1.0)["Random starts find one optimum"]
    assert one.verdict == "not tested" and "6 more cannot be tested" in one.sentence
    agree = claims(1.0)["Methods agree"]
    assert agree.conditions and not [c for c in agree.conditions if "own unit first" in c.name]
    assert claims(0.5)["Random starts find one optimum"].verdict == "not supported"


def test_pairs_of_the_combination_are_not_asked_twice_in_the_first_layer(written):
    measures = by_model(read_measures(written[1] / "tables" / "claims.csv"))["DBN"].rows
    names = [c.name for c in judge(Table(measures))[1].conditions]
    assert not [name for name in names if name.startswith("h1") and COMBINATION in name]
    assert [name for name in names if name.startswith("h2") and COMBINATION in name]


def several(layer, units, count):
    setting = " ".join(str(unit) for unit in units)
    return Measure("m", "one optimum", layer, "units of several optima", setting, value=count)


def test_units_of_several_optima_are_named_up_to_forty():
    assert _several_optima(Table([several("h1", [7], 1), several("h2", [0], 1)])) == "h1:7, h2:0"
    assert _several_optima(Table([several("h1", [], 0)])) == "none"
    many = _several_optima(Table([several("h1", range(40), 43), several("h2", [5, 6], 2)]))
    assert many.startswith("h1:0, ") and many.endswith("h1:39, and 5 more")


def recipe(layer, between, within, p, what="pictures"):
    facts = {
        "value": between,
        "low": 0.2,
        "high": 0.8,
        "least": within,
        "null_is": "two A 0.1, two B 0.05",
        "p_networks": p,
    }
    return Measure("", RECIPES_DIFFER, layer, f"energy distance of {what}", "5 A and 5 B", **facts)


def test_families_are_judged_by_their_small_networks_in_any_order_of_rows():
    rows = [recipe("h1", 0.5, 0.1, 1 / 126), recipe("h1", 0.4, 0.3, 0.5, "log spectra")]
    rows.append(Measure("", DIFFER, "h1", "energy distance of pictures", "A and B", 0.7))
    rows.append(Measure("A", LAYERS_DIFFER, "h1", "energy distance of pictures", "h1 and h2", 0.2))
    for seed in range(5):
        random.Random(seed).shuffle(rows)
        claim = judge_difference(rows)
        assert [(c.name, c.met) for c in claim.conditions] == [
            ("h1: energy distance of log spectra (5 A and 5 B)", False),
            ("h1: energy distance of pictures (5 A and 5 B)", True),
        ]
        assert (claim.title, claim.verdict) == ("A and B learn different filters", "mixed")
        assert "h1, energy distance of pictures 0.500 [0.200, 0.800], two A 0.1, two B 0.05" in claim.sentence
        assert "without a test: h1, energy distance of pictures 0.700" in claim.sentence
        assert claim.sentence.endswith("A h1 and h2, energy distance of pictures 0.200")
    alone = judge_difference([row for row in rows if row.claim != RECIPES_DIFFER])
    assert alone.verdict == "not tested" and alone.sentence.startswith("Not tested: it takes networks of several seeds")


@pytest.mark.parametrize(
    ("x", "text"), [(0.5, "0.50"), (0.9962, "0.9962"), (0.99996, "0.9999"), (1.0, "1.00"), (1.2, "1.20")]
)
def test_less_than_one_never_looks_like_one(x, text):
    assert two_decimals(x) == text


def test_six_conditions_of_five_networks_each_can_be_met():
    rows = [
        recipe(layer, 0.5, 0.1, 1 / 126, what) for layer in ("h1", "h2", "h3") for what in ("pictures", "log spectra")
    ]
    assert judge_difference(rows).verdict == "supported"


def test_verdicts_are_the_same_in_any_order_of_rows(written, tmp_path):
    rows = read_measures(written[1] / "tables" / "claims.csv")
    before = {model: judge(table) for model, table in by_model(rows).items()}
    random.Random(0).shuffle(rows)
    for model, table in by_model(rows).items():
        for claim, first in zip(judge(table), before[model], strict=True):
            assert (claim.title, claim.verdict, claim.conditions) == (first.title, first.verdict, first.conditions)


# --- verdicts.json


def test_what_is_saved_is_what_is_loaded(written, tmp_path):
    _, folder = written
    judged = verdicts(folder / "tables" / "claims.csv", "planted")
    (tmp_path / "verdicts.json").write_text(judged.as_text())
    assert Verdicts.load(tmp_path / "verdicts.json") == judged == Verdicts.load(folder / "tables" / "verdicts.json")
    document = json.loads((tmp_path / "verdicts.json").read_text())
    entry = document["models"]["SDAE"][3]
    assert {"title", "verdict", "met", "asked", "conditions", "sentence", "rule"} <= set(entry)
    assert entry["asked"] == len(entry["conditions"]) > entry["met"]
    numbers = {"value", "low", "high", "least", "among_few", "random_weights", "p_value"}
    assert {"name", *numbers} == set(entry["conditions"][0])


def other_version(document):
    document["version"] = 0


def lost_model(document):
    del document["models"]


def lost_rule(document):
    del document["between"]["rule"]


def other_verdict(document):
    document["models"]["DBN"][0]["verdict"] = "holds, surely"


def other_count(document):
    document["models"]["DBN"][0]["met"] += 1


def number_for_text(document):
    document["models"]["DBN"][0]["sentence"] = 3


def text_for_number(document):
    document["models"]["DBN"][1]["conditions"][0]["value"] = "yes"


def list_for_conditions(document):
    document["between"]["conditions"] = ["a"]


def text_for_models(document):
    document["models"] = "DBN"


@pytest.mark.parametrize(
    "damage",
    [
        other_version,
        lost_model,
        lost_rule,
        other_verdict,
        other_count,
        number_for_text,
        text_for_number,
        list_for_conditions,
        text_for_models,
    ],
)
def test_damaged_verdicts_are_an_error_of_one_line(written, tmp_path, damage):
    document = json.loads((written[1] / "tables" / "verdicts.json").read_text())
    damage(document)
    (tmp_path / "verdicts.json").write_text(json.dumps(document))
    with pytest.raises(
        ValueError, match=r"verdicts.json is damaged or of another version \(.+\); delete it, and the next"
    ) as error:
        Verdicts.load(tmp_path / "verdicts.json")
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_file_without_verdicts_is_an_error_of_one_line(tmp_path, content):
    (tmp_path / "verdicts.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"verdicts.json is damaged or of another version") as error:
        Verdicts.load(tmp_path / "verdicts.json")
    assert "\n" not in str(error.value)


def test_a_table_without_the_rows_that_are_judged_is_damaged(tmp_path):
    write_csv(tmp_path / "claims.csv", [printed(Measure("m", "one optimum", "h1", "units measured", value=3))])
    with pytest.raises(ValueError, match=r"claims.csv is damaged or of another version \(no row"):
        verdicts(tmp_path / "claims.csv", "planted")


@pytest.mark.skipif(not COMMITTED.exists(), reason="the package is installed, not a checkout")
@pytest.mark.parametrize("name", ["mnist", "patches"])
def test_committed_verdicts_follow_from_the_committed_table(name):
    tables = COMMITTED / name / "tables"
    judged, kept = verdicts(tables / "claims.csv", name), Verdicts.load(tables / "verdicts.json")
    assert kept == replace(judged, figure=kept.figure, command=kept.command)
    assert (kept.figure, kept.command) == ("claims", "dbnvis reproduce --dataset mnist --paper erhan2009")
    assert (tables / "claims.md").read_text() == claims_text(kept, read_measures(tables / "claims.csv"))
