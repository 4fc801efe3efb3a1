"""The benchmark of methods: what it says of pictures whose worth is known, and that it takes anybody's method."""

import csv
import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from dbnvis import VISUALIZERS

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def bench():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        for name in ("TRAINED", "FITTED", "TESTED"):
            patch.setattr(
                importlib.import_module("bench_methods"), name, {"TRAINED": 1200, "FITTED": 800}.get(name, 500)
            )
        yield sys.modules["bench_methods"]


def own_weights(model, layer, indices, images):
    """Exact in the linear network: the first layer's weights times the second's."""
    return (model.weights("h1") @ model.weights("h2"))[:, indices].T.reshape(len(indices), 16, 16)


def found(bench, case, methods):
    return {(row["kind"], row["method"]): row for row in bench.summary(case, [*bench.measured(case, 0, methods, 1)])}


def test_every_registered_method_is_compared_or_left_out_for_a_reason(bench):
    assert set(VISUALIZERS) == (set(bench.METHODS) & set(VISUALIZERS)) | set(bench.LEFT_OUT)
    assert all(bench.LEFT_OUT.values())


def test_an_exact_picture_reaches_the_ceiling_and_noise_the_floor(bench):
    """In the linear network; a method that does not apply has no row, and one that draws nothing scores nothing."""
    methods = {
        "exact": own_weights,
        "noise": lambda model, layer, indices, images: np.random.default_rng(0).standard_normal(
            (len(indices), 3, 16, 16)
        ),
        "nothing": lambda model, layer, indices, images: np.full((len(indices), 16, 16), np.nan),
        "not applicable": lambda model, layer, indices, images: None,
    }
    rows = found(bench, bench.Case("linear", noise=0.0), methods)
    assert {method for _, method in rows} == {*methods, bench.BEST, bench.TRUTH, bench.OTHER} - {"not applicable"}
    exact, noise, nothing = (rows["linear", name] for name in ("exact", "noise", "nothing"))
    assert exact["cosine"] > 1 - 1e-6 and exact["rank, product"] > 1 - 1e-6 and exact["features shown"] == 1
    assert rows["linear", bench.BEST]["rank, product"] == pytest.approx(exact["rank, product"], abs=1e-3)
    assert exact["gain by the feature's"] == pytest.approx(1, abs=1e-4) and abs(noise["gain by the feature's"]) < 0.7
    assert exact["share of ceiling"] == pytest.approx(1, abs=1e-3)  # a linear unit is its own best template
    assert abs(noise["cosine"]) < 0.1 and abs(noise["rank"]) < 0.15 and noise["features shown"] == 0
    assert nothing["drawn"] == 0 and nothing["cosine"] == 0 and nothing["rank"] == 0 and noise["drawn"] == 1
    assert exact["units"] == exact["planted units"] == 16 and exact["cosine low"] <= exact["cosine"]


def test_pictures_of_all_alternatives_show_them_all_and_one_shows_one(bench):
    truth = bench.planted(rng=np.random.default_rng(0))
    images = truth.images(500, rng=np.random.default_rng(1))
    unit = next(unit for unit in truth.of("h2") if unit.kind == "or")
    response = bench.pre_activations(truth.model, "h2", images, [unit.unit.index])
    features, flat = unit.features.reshape(4, -1), images.reshape(500, -1)
    said = [bench.judged(x, unit, flat, response) for x in (features, features[:1], features.sum(axis=0)[None])]
    assert [x["features shown"] for x in said] == [1, 0.25, 0]
    assert said[0]["cosine"] == pytest.approx(1) and said[2]["cosine"] == pytest.approx(0.5, abs=0.02)
    assert said[0]["rank, nearest"] > said[1]["rank, nearest"] + 0.2 and said[0]["rank"] == said[1]["rank"]


def test_a_trained_unit_is_found_by_its_responses(bench):
    """The planted network itself, its units in another order."""
    truth = bench.planted(rng=np.random.default_rng(0))
    order = np.random.default_rng(1).permutation(16)
    *lower, top = truth.model.rbms
    moved = type(top)(top.W[:, order], top.vbias, top.hbias[order])
    numbers, same = bench.matched(
        type(truth.model)([*lower, moved], (16, 16)), truth, truth.images(300, rng=np.random.default_rng(2))
    )
    assert order[numbers].tolist() == list(range(16)) and same == pytest.approx(1)


@pytest.mark.parametrize("training", ["CD", "backprop"])
def test_a_network_that_has_learned_nothing_has_no_unit_to_draw(bench, monkeypatch, training):
    monkeypatch.setattr(bench, "SAME", 1.1)
    case = bench.Case("binary" if training == "CD" else "relu", training=training)
    assert found(bench, case, {"exact": own_weights}) == {}


def test_kinds_that_a_network_has_not_learned_have_rows_without_numbers(bench):
    told = [
        {"kind": kind, "method": "", "matched": same, "same": same > 0.5} for kind, same in (("and", 0.9), ("or", 0.1))
    ]
    common = {"kind": "and", "drawn": 1.0, "ceiling": 0.8, **dict.fromkeys(bench.MEASURES, 0.4), "rank, product": 0.2}
    drawn = [{**common, "method": name, "gain": gain} for name, gain in (("am", 3.0), (bench.TRUTH, 2.0))]
    learned, _, other, _ = bench.summary(bench.Case("binary"), [*told, *drawn])
    assert (learned["units"], other["units"]) == (1, 0) and other["planted units"] == 1
    assert learned["share of ceiling"] == pytest.approx(0.25) and learned["gain by the feature's"] == pytest.approx(1.5)
    assert learned["matched"] == 0.9
    assert {other[key] for key in bench.COLUMNS} == {""} and learned.keys() == other.keys()


def test_the_example_of_the_readme_is_entered_by_its_name(bench, monkeypatch, capsys, tmp_path):
    (example,) = re.findall(r"```python\n(# mine\.py.*?)```", (SCRIPTS / "README.md").read_text(), re.DOTALL)
    (tmp_path / "mine.py").write_text(example)
    monkeypatch.setattr(bench, "QUICK", (bench.Case("linear", noise=0.0),))
    monkeypatch.setattr(bench, "METHODS", {"combination": bench.METHODS["combination"]})
    line = ["bench_methods.py", "--quick", "--method", str(tmp_path / "mine.py"), "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", line)
    bench.main()
    out, said = capsys.readouterr()
    assert "case 1 of 1: activation linear" in said and str(tmp_path / "bench" / "methods.png") in out
    table = (tmp_path / "bench" / "methods.csv").read_text().splitlines()
    of = {row["method"]: row for row in csv.DictReader(table)}
    assert list(of)[:2] == ["combination", "mine"] and float(of["mine"]["cosine"]) > 0.9
    monkeypatch.setattr(
        sys, "argv", [*line[:1], "--method", str(tmp_path / "mine.py"), "--out", str(SCRIPTS.parent / "results")]
    )
    with pytest.raises(SystemExit):
        bench.main()
    assert "--method" in capsys.readouterr().err


def test_what_is_no_method_is_refused(bench, monkeypatch, capsys, tmp_path):
    with pytest.raises(ValueError, match=r"odd: expected pictures \(U, H, W\) or .* of 16 units, got \(16, 256\)"):
        found(bench, bench.Case("linear", noise=0.0), {"odd": lambda *args: np.zeros((16, 256))})
    (tmp_path / "mine.py").write_text("def paint(): ...\n")
    monkeypatch.setattr(
        sys, "argv", ["bench_methods.py", "--method", str(tmp_path / "mine.py"), "--out", str(tmp_path)]
    )
    with pytest.raises(SystemExit, match=r"mine.py: expected a function draw\(model, layer, indices, images\)"):
        bench.main()
    monkeypatch.setattr(sys, "argv", ["bench_methods.py", "--rounds", "0", "--out", str(tmp_path)])
    with pytest.raises(SystemExit):
        bench.main()
    assert "--rounds must be at least 1, got 0" in capsys.readouterr().err
