"""The claims, tested: on a network whose units' patterns were planted, and on tables made by hand."""

import csv
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from planted import planted

from dbnvis.erhan2009 import table as claims_table
from dbnvis.erhan2009.claims import DIFFER, SEEDS, _kept_gain, difference
from dbnvis.erhan2009.measures import AM, COMBINATION, GIBBS, METHODS, TOP, Measure, Pictures, row
from dbnvis.erhan2009.verdicts import Claim, Table, _one_optimum, judge, judge_difference
from dbnvis.evaluate.agreement import shuffled
from dbnvis.evaluate.scores import Responses, unit_scores
from dbnvis.figures.study import Study
from dbnvis.models.sdae import StackedDAE
from dbnvis.plot import Bands, HeatMap, dashboard
from dbnvis.results import Writer


def study_of(model, images, out, dataset="planted"):
    return Study(
        model, dataset, Responses.of(model, images), Writer(out, "figures", "tables", overwrite=True), images=images
    )


@pytest.fixture(scope="module")
def plant():
    return planted()


@pytest.fixture(scope="module")
def written(plant, tmp_path_factory):
    """The claims about the planted network and an autoencoder that knows nothing: rows of the table, the folder."""
    folder = tmp_path_factory.mktemp("claims")
    sdae = StackedDAE.random((144, 30, 10, 6), (12, 12), rng=np.random.default_rng(0))
    sdae.input_norm = plant.model.input_norm
    study = study_of(plant.model, plant.images, folder)
    claims_table.claims(study, study_of(sdae, plant.images, folder), n=12)
    with (folder / "tables" / "claims.csv").open() as file:
        return list(csv.DictReader(file)), folder


LAYERS = ("h1", "h2", "h3")


def find(rows, **facts):
    (found,) = [r for r in rows if all(r[key] == value for key, value in facts.items())]
    return found


def measures_of(rows, model):
    """The rows of one model, as they were before they were printed."""
    numbers = {"value", "low", "high", "null", "random_weights"}
    return [
        Measure(**{k: (float(x) if x else math.nan) if k in numbers else x for k, x in r.items()})
        for r in rows
        if r["model"] == model and not r["claim"].startswith("layers")
    ]


# --- what is written


def test_the_table_has_every_claim_of_every_layer_once(written):
    rows, folder = written
    keys = [(r["model"], r["claim"], r["layer"], r["quantity"], r["setting"]) for r in rows]
    assert len(set(keys)) == len(keys)
    claims = {"one optimum", "methods agree", "combination degrades", "deeper is more complex"}
    claims |= {"deeper is more invariant", "reference"}
    for model in ("DBN", "StackedDAE"):
        for layer in ("h1", "h2", "h3"):
            assert claims <= {r["claim"] for r in rows if (r["model"], r["layer"]) == (model, layer)}
    assert {r["layer"] for r in rows if r["claim"] == DIFFER} == {"h1", "h2", "h3"}
    for r in rows:
        if r["low"]:
            assert float(r["low"]) <= float(r["value"]) <= float(r["high"]), r
    assert {r["target"].partition(":")[0] for r in rows} - {""} == {"20", "21", "22", "23", "24", "25", "26"}
    for kind in ("figures/claims.png", "figures/claims.json", "tables/claims.json", "tables/claims.md"):
        assert (folder / kind).stat().st_size > 0
    settings = json.loads((folder / "tables" / "claims.json").read_text())["settings"]
    assert settings["units"] == 12 and settings["methods"][AM]["starts"] == 9


def test_a_model_without_p_of_v_given_h_is_measured_by_the_other_methods(written):
    rows, _ = written
    for model, methods in (("DBN", {AM, GIBBS, COMBINATION, TOP}), ("StackedDAE", {AM, COMBINATION, TOP})):
        pairs = {r["setting"] for r in rows if (r["model"], r["quantity"]) == (model, "cosine")}
        assert {name for pair in pairs for name in pair.split(", ")} == methods


def test_planted_units_are_recognised_by_every_method_and_have_one_optimum(written):
    rows, _ = written
    for r in rows:
        if (r["model"], r["quantity"]) == ("DBN", "own unit first") and r["layer"] != "h3":
            assert float(r["value"]) > 0.9, r
    for layer in ("h1", "h2"):
        assert float(find(rows, model="DBN", layer=layer, quantity="share of units with one optimum")["value"]) > 0.9


def test_in_the_first_layer_combination_and_optimum_are_the_filter(written):
    rows, _ = written
    facts = {"model": "DBN", "layer": "h1"}
    pair = find(rows, quantity="cosine", setting=f"{AM}, {COMBINATION}", **facts)
    assert float(pair["value"]) == pytest.approx(1, abs=1e-3)
    assert float(find(rows, quantity="share of the gain", **facts)["value"]) == pytest.approx(1, abs=1e-3)
    off = find(rows, quantity="combination minus the unit's filter, largest absolute pixel", **facts)
    assert float(off["value"]) == 0


def test_weight_mass_covered(plant, written):
    rows, _ = written
    W = np.abs(plant.model.rbms[1].W)
    for k in (1, 5, 20):
        share = [np.sort(w)[::-1][:k].sum() / w.sum() for w in W.T]
        found = find(rows, model="DBN", layer="h2", quantity="weight mass covered by k", setting=f"k = {k}")
        assert float(found["value"]) == pytest.approx(np.mean(share), rel=1e-3)


def test_models_are_compared_layer_by_layer(written):
    rows, _ = written
    found = find(rows, claim=DIFFER, layer="h1", quantity="p-value of log spectra")
    assert found["setting"] == "DBN and StackedDAE"
    assert float(found["value"]) == pytest.approx(1e-3)


def test_a_model_does_not_differ_from_itself():
    pictures = np.random.default_rng(0).standard_normal((20, 5, 5))
    rows = difference({"a": {"h1": pictures}, "b": {"h1": pictures.copy()}}, seed=0)
    assert judge_difference(rows).verdict == "does not hold here"
    other = difference({"a": {"h1": pictures}, "b": {"h1": pictures + 1}}, seed=0)
    assert judge_difference(other).verdict == "holds"
    assert judge_difference(difference({"a": {"h1": pictures}}, seed=0)).verdict == "was not tested"


def test_models_differ_only_by_more_than_two_seeds_of_one():
    pictures = np.random.default_rng(0).standard_normal((20, 5, 5))
    best = {"a": {"h1": pictures}, "b": {"h1": pictures + 1}}
    assert judge_difference(difference(best, seed=0, control={"h1": pictures.copy()})).verdict == "holds"
    as_far = judge_difference(difference(best, seed=0, control={"h1": pictures + 1}))
    assert as_far.verdict == "holds in part"
    assert [name for name, met in as_far.conditions.items() if not met] == [
        "h1: energy distance of pictures, above that of two seeds",
        "h1: energy distance of log spectra, above that of two seeds",
    ]


def test_every_sentence_has_its_verdict_and_rule(written):
    _, folder = written
    text = (folder / "tables" / "claims.md").read_text()
    sentences = re.findall(r"^\*\*(.+): (holds|holds in part|does not hold here|was not tested)\*\*", text, re.M)
    assert len(sentences) == 5 + 5 + 1
    assert text.count("*Rule.*") == len(sentences)
    assert "nan" not in text


def test_what_was_measured_of_every_unit_is_kept_beside_the_figure(written):
    rows, folder = written
    with np.load(folder / "figures" / "claims.npz") as file:
        kept = dict(file)
    for model in ("DBN", "StackedDAE"):
        for layer in ("h1", "h2", "h3"):
            facts, of = {"model": model, "layer": layer}, f"{model}.{layer}"
            counts, spread = kept[f"{of}.distinct optima"], kept[f"{of}.spread of scores"]
            measured = find(rows, quantity="units measured", **facts)
            assert len(kept[f"{of}.unit"]) == len(counts) == float(measured["value"])
            for quantity, value in (
                ("distinct optima", counts.mean()),
                ("share of units with equal scores", (spread <= 0.05).mean()),
                ("cosine of starts", np.median(kept[f"{of}.cosine of starts"])),
            ):
                assert float(find(rows, quantity=quantity, **facts)["value"]) == pytest.approx(value, rel=1e-3)
            for r in rows:
                if (r["model"], r["layer"], r["quantity"]) == (model, layer, "cosine"):
                    cosine, rank = (kept[f"{of}.{what}, {r['setting']}"] for what in ("cosine", "rank"))
                    first = find(rows, quantity="own unit first", setting=r["setting"], **facts)
                    assert float(r["value"]) == pytest.approx(cosine.mean(), rel=1e-3, abs=1e-6)
                    assert float(first["value"]) == pytest.approx((rank == 1).mean(), rel=1e-3)


def optima_of(layer, units, counts):
    arrays = {"unit": np.array(units), "distinct optima": np.array(counts)}
    return Measure("m", "one optimum", layer, "units measured", value=len(units), arrays=arrays)


def test_units_of_several_optima_are_named(written):
    _, folder = written
    said = re.findall(r"^Several optima: (.+)\.$", (folder / "tables" / "claims.md").read_text(), re.M)
    with np.load(folder / "figures" / "claims.npz") as file:
        for model, line in zip(("DBN", "StackedDAE"), said, strict=True):
            of = {layer: (file[f"{model}.{layer}.unit"], file[f"{model}.{layer}.distinct optima"]) for layer in LAYERS}
            named = [f"{layer}:{u}" for layer, (units, counts) in of.items() for u in units[counts > 1]]
            assert line == (", ".join(named) or "none")
    few = Table([optima_of("h1", [3, 7], [1, 2]), optima_of("h2", [0, 9], [9, 1])])
    assert claims_table._several(few) == "h1:7, h2:0"
    assert claims_table._several(Table([optima_of("h1", [3, 7], [1, 1])])) == "none"
    many = claims_table._several(Table([optima_of("h1", range(43), [2] * 43)]))
    assert many.startswith("h1:0, ") and many.endswith("h1:39, and 3 more")


#: What the targets ask for, by row: whether a value reaches it, in the first layer and above.
TARGETS = {
    "20": lambda x, layer: layer == "h1" or x >= 0.8,
    "21": lambda x, layer: layer == "h1" or x > 0.5,
    "22": lambda x, layer: x >= 0.95,
    "23": lambda x, layer: x >= 0.9,
    "24": lambda x, layer: x <= 5,
}


def test_missed_targets_are_marked(written):
    rows, folder = written
    text = (folder / "tables" / "claims.md").read_text()
    marks = set()
    for r in rows:
        number, _, target = r["target"].partition(": ")
        if not number:
            assert r["missed"] == ""
            continue
        met = (
            TARGETS[number](float(r["value"]), r["layer"]) if number in TARGETS else float(r["value"]) == float(target)
        )
        assert r["missed"] == ("" if met else "missed"), r
        mark = " (missed)" if r["missed"] else ""
        assert f"| {number} | {r['layer']} | {r['quantity']} | {r['value']}{mark} | {target} |" in text
        marks.add(mark)
    assert marks == {"", " (missed)"}


def test_cells_of_the_method_tables_have_their_intervals(written):
    rows, _ = written
    changes = {
        "cosine": {"value": 0.57, "low": 0.46, "high": 0.7, "random_weights": 0.2},
        "own unit first": {"value": 0.85, "low": 0.81, "high": 0.87, "random_weights": 0.12},
    }
    measures = [replace(m, **changes.get(m.quantity, {})) for m in measures_of(rows, "DBN")]
    chart = claims_table._method_table("DBN", Table(measures), "h2")
    assert (chart.texts[0][1], chart.texts[1][0]) == ("0.57\n±0.12 (0.20)", "85%\n±3% (12%)")
    assert chart.texts[0][0] == "" and "half the 95 % interval" in chart.note


def test_no_images_and_other_data_are_refused(plant, tmp_path):
    study = study_of(plant.model, plant.images, tmp_path)
    with pytest.raises(ValueError, match="need training images"):
        claims_table.claims(replace(study, images=None), n=4)
    with pytest.raises(ValueError, match="got planted and bars"):
        claims_table.claims(study, study_of(plant.model, plant.images, tmp_path, "bars"))
    assert not list(tmp_path.iterdir())


# --- what is measured


@pytest.fixture(scope="module")
def first_layer(plant):
    study = study_of(plant.model, plant.images, None)
    units, method = study.units("h1", 12), METHODS[AM]
    drawn = method(plant.model, units, rng=np.random.default_rng(0))
    return Pictures(study, "h1", drawn.indices, {AM: drawn.images}, {AM: drawn.scores}, np.zeros(12), 0)


def test_a_linear_unit_keeps_the_same_in_every_direction(first_layer):
    kept, elsewhere = _kept_gain(first_layer, {"shift": 1 / 12})
    np.testing.assert_allclose(kept, elsewhere, atol=1e-3)
    assert (kept < 0.95).all()


def test_without_deformation_all_of_the_gain_is_kept(first_layer):
    for kept in _kept_gain(first_layer, {}):
        np.testing.assert_allclose(kept, 1, atol=1e-5)


def test_the_gain_is_zero_at_the_typical_response_and_one_at_the_optimum(plant, first_layer):
    typical = np.arange(12.0)
    pictures = replace(first_layer, typical=typical)
    best = pictures.scores[AM][:, 0]
    np.testing.assert_allclose(pictures.gain(typical), 0)
    np.testing.assert_allclose(pictures.gain(pictures.scores[AM])[:, 0], 1)
    middle = np.repeat(((best + typical) / 2)[:, None], 3, axis=1)
    np.testing.assert_allclose(pictures.gain(middle), 0.5)
    np.testing.assert_allclose(best, unit_scores(plant.model, "h1", range(12), pictures.images[AM])[:, 0], rtol=1e-5)


def test_a_row_keeps_the_value_its_interval_and_the_null():
    values = np.array([True] * 30 + [False] * 10)
    found = row("claim", "share", values, np.random.default_rng(0), np.array([True, False]), setting="here", null=0.25)
    assert (found.value, found.random_weights, found.null, found.setting) == (0.75, 0.5, 0.25, "here")
    assert 0.55 < found.low < 0.75 < found.high < 0.92


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
    told = "\n".join(claim.told())
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


def test_methods_that_agree_no_more_than_on_random_weights_do_not_agree(plant, written):
    rows, _ = written
    measures = measures_of(rows, "DBN")

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
        (found,) = _one_optimum(Table(rows)).told()[:1]
        return found.partition("]. ")[2]

    do_as_well = "random weights do as well: one optimum says nothing of learning there."
    assert said(h1=0.84, h2=0.2, h3=0.1) == ""
    assert said(h1=0.86, h2=0.2, h3=0.1) == f"In h1 {do_as_well}"
    assert said(h1=1.0, h2=0.9, h3=0.1) == f"In h1 and h2 {do_as_well}"
    assert said(h1=1.0, h2=0.9, h3=0.9) == f"In h1, h2 and h3 {do_as_well}"


def test_distances_of_two_seeds_are_compared_as_points(plant):
    rng = np.random.default_rng(0)
    first, again = (rng.standard_normal((20, 5, 5)) for _ in range(2))
    rows = difference({"a": {"h1": first}, "b": {"h1": first + 1}}, seed=0, control={"h1": again})
    claim = judge_difference(rows)
    (seeds,) = (r for r in rows if (r.claim, r.quantity) == (SEEDS, "energy distance of pictures"))
    (apart,) = (r for r in rows if (r.claim, r.quantity) == (DIFFER, "energy distance of pictures"))
    assert claim.conditions["h1: energy distance of pictures, above that of two seeds"] == (apart.value > seeds.value)
    assert "point values without a test" in claim.rule


def test_units_of_a_shuffled_network_are_not_recognised(plant):
    """What the null is for: top images of shuffled units have little to do with the planted patterns."""
    null = shuffled(plant.model, rng=np.random.default_rng(0))
    images = METHODS[TOP](null, [f"h2:{i}" for i in range(12)], images=plant.images).images[:, 0].reshape(12, -1)
    patterns = plant.patterns["h2"].reshape(12, -1)
    found = np.corrcoef(images, patterns)[:12, 12:].diagonal()
    assert found.mean() < 0.3


# --- charts


def test_a_heat_map_writes_every_number_and_bands_span_their_intervals():
    chart = HeatMap("t", "n", ["a", "b"], np.array([[np.nan, 0.2], [0.9, np.nan]]), [["", "0.2"], ["0.9", ""]])
    y = np.array([0.2, 0.4])
    bands = Bands("t", "n", "layer", ["h1", "h2"], {"c": (y, y - 0.1, y + 0.3)}, {"c": np.array([0.5, -0.5])})
    left, right = dashboard([[chart, bands]], heading="", key="", heights=[1]).axes
    assert [text.get_text() for text in left.texts if text.get_text()] == ["0.2", "0.9"]
    curve, baseline = (line.get_ydata() for line in right.lines)
    np.testing.assert_allclose(curve, y)
    np.testing.assert_allclose(baseline, [0.5, -0.5])
    (band,) = right.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(0.1) and corners[:, 1].max() == pytest.approx(0.7)
    low, high = right.get_ylim()
    assert low < -0.5 and high > 1
