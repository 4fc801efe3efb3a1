"""The rules that make verdicts of rows, and the file that keeps them."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

import dbnvis
from dbnvis.erhan2009.claims import DIFFER, LAYERS_DIFFER, SEEDS
from dbnvis.erhan2009.judging import _one_optimum, _several_optima, judge, judge_difference, verdicts
from dbnvis.erhan2009.measures import Measure, printed, read_measures
from dbnvis.erhan2009.table import claims_text
from dbnvis.erhan2009.verdicts import Claim, Table, Verdicts, by_model
from dbnvis.results import write_csv

COMMITTED = Path(dbnvis.__file__).parents[1] / "results" / "erhan2009"


# --- verdicts


@pytest.mark.parametrize(
    ("met", "verdict"),
    [
        ([True, True], "holds"),
        ([True, False], "holds in part"),
        ([False, False], "does not hold here"),
        ([], "was not tested"),
    ],
)
def test_the_verdict_counts_the_conditions_that_are_met(met, verdict):
    claim = Claim("Title", "A rule.", {f"condition {i}": m for i, m in enumerate(met)}, "Numbers")
    assert claim.verdict == verdict
    told = "\n".join(claim.markdown())
    assert told.startswith(f"**Title: {verdict}**")
    assert [f"condition {i}" in told for i in range(len(met))] == [not m for m in met]


def interval(layer, value, width=0.02, quantity="x"):
    return Measure("m", "c", layer, quantity, "", value, value - width, value + width)


def test_a_quantity_rises_where_intervals_do_not_meet():
    table = Table([interval("h1", 0.1), interval("h2", 0.2), interval("h3", 0.23)])
    assert list(table.rises("c", "x").values()) == [True, False]
    assert list(table.rises("c", "x", sign=-1).values()) == [False, False]
    falling = Table([interval("h1", 0.5), interval("h2", 0.2)])
    assert list(falling.rises("c", "x", sign=-1).values()) == [True]
    with pytest.raises(LookupError, match="'y'"):
        table.get("c", "h1", "y")


def test_methods_that_agree_no_more_than_on_random_weights_do_not_agree(written):
    measures = by_model(read_measures(written[1] / "tables" / "claims.csv"))["DBN"].rows

    def verdict(first, **cosine):
        changes = {"cosine": cosine, "own unit first": {"value": first}}
        changed = [replace(m, **changes.get(m.quantity, {})) for m in measures]
        return {claim.title: claim.verdict for claim in judge(Table(changed))}["Methods agree"]

    assert verdict(0.6, low=0.5, null=0.1, random_weights=0.4) == "holds"
    assert verdict(0.4, low=0.5, null=0.1, random_weights=0.4) == "holds in part"
    assert verdict(0.4, low=0.5, null=0.1, random_weights=0.6) == "does not hold here"
    assert verdict(0.4, low=0.5, null=0.6, random_weights=0.1) == "does not hold here"


def test_one_optimum_is_set_against_random_weights():
    share = "share of units with one optimum"
    quantities = ("share of units with equal scores", "share of units with like starts", share)

    def said(**random):
        rows = [
            Measure("m", "one optimum", layer, quantity, "", 0.9, 0.8, 1.0, random_weights=null)
            for layer, null in random.items()
            for quantity in quantities
        ]
        rows += [Measure("m", "one optimum", layer, "units of several optima", value=0) for layer in random]
        return _one_optimum(Table(rows)).sentence.partition("]. ")[2]

    do_as_well = "random weights do as well: one optimum says nothing of learning there"
    assert said(h1=0.84, h2=0.2, h3=0.1) == ""
    assert said(h1=0.86, h2=0.2, h3=0.1) == f"In h1 {do_as_well}"
    assert said(h1=1.0, h2=0.9, h3=0.1) == f"In h1 and h2 {do_as_well}"
    assert said(h1=1.0, h2=0.9, h3=0.9) == f"In h1, h2 and h3 {do_as_well}"


def several(layer, units, count):
    setting = " ".join(str(unit) for unit in units)
    return Measure("m", "one optimum", layer, "units of several optima", setting, value=count)


def test_units_of_several_optima_are_named_up_to_forty():
    assert _several_optima(Table([several("h1", [7], 1), several("h2", [0], 1)])) == "h1:7, h2:0"
    assert _several_optima(Table([several("h1", [], 0)])) == "none"
    many = _several_optima(Table([several("h1", range(40), 43), several("h2", [5, 6], 2)]))
    assert many.startswith("h1:0, ") and many.endswith("h1:39, and 5 more")


def test_of_old_tables_units_of_several_optima_are_counted():
    def rows(layer, share):
        one = Measure("m", "one optimum", layer, "share of units with one optimum", "", share)
        return [one, Measure("m", "one optimum", layer, "units measured", value=144)]

    assert _several_optima(Table([*rows("h1", 1.0), *rows("h2", 0.7014)])) == "43 units"
    assert _several_optima(Table(rows("h1", 1.0))) == "none"


def distances(claim, layer, distance, p, what="pictures", model="", setting="A and B"):
    facts = {"model": model, "claim": claim, "layer": layer, "setting": setting}
    return [
        Measure(quantity=f"energy distance of {what}", value=distance, null=0.1, **facts),
        Measure(quantity=f"p-value of {what}", value=p, **facts),
    ]


def test_a_distance_is_judged_by_its_own_p_value_in_any_order_of_rows():
    rows = distances(DIFFER, "h1", 0.5, 0.001) + distances(DIFFER, "h1", 0.4, 0.5, "log spectra")
    rows += distances(SEEDS, "h1", 0.6, 0.3, setting="A, two seeds")
    rows += distances(LAYERS_DIFFER, "h1", 0.2, 0.7, model="A", setting="h1 and h2")
    expected = {
        "h1: energy distance of pictures": True,
        "h1: energy distance of log spectra": False,
        "h1: energy distance of pictures, above that of two seeds": False,
    }
    for seed in range(10):
        random.Random(seed).shuffle(rows)
        claim = judge_difference(rows)
        assert claim.conditions == expected
        assert claim.title == "A and B learn different filters"
        assert "h1, energy distance of pictures: 0.500 (mixed up 0.100, p = 0.001)" in claim.sentence
        assert "two seeds: h1, energy distance of pictures: 0.600 (mixed up 0.100, p = 0.300)" in claim.sentence
        assert claim.sentence.endswith("A h1 and h2, energy distance of pictures 0.200")
    with pytest.raises(LookupError, match="p-value of pictures"):
        judge_difference([row for row in rows if row.quantity != "p-value of pictures"])


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
    entry = document["models"]["SDAE"][0]
    assert {"title", "verdict", "met", "asked", "conditions", "sentence", "rule"} <= set(entry)
    assert (entry["met"], entry["asked"]) == (sum(entry["conditions"].values()), len(entry["conditions"]))


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


def text_for_truth(document):
    document["models"]["DBN"][1]["conditions"] = {"a": "yes"}


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
        text_for_truth,
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
    """All but the names of units of several optima, which are not in tables of that time."""
    tables = COMMITTED / name / "tables"
    judged, kept = verdicts(tables / "claims.csv", name), Verdicts.load(tables / "verdicts.json")

    def without_notes(verdicts):
        models = {model: [replace(claim, note="") for claim in claims] for model, claims in verdicts.models.items()}
        return replace(verdicts, models=models)

    assert without_notes(kept) == without_notes(replace(judged, figure=kept.figure, command=kept.command))
    assert (kept.figure, kept.command) == ("claims", "dbnvis reproduce --paper erhan2009 --dataset mnist")
    assert (tables / "claims.md").read_text() == claims_text(kept, read_measures(tables / "claims.csv"))
