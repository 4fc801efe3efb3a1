"""The claims, measured: on a network whose units' patterns were planted."""

import numpy as np
import pytest
from claim_rows import find, study_of

from dbnvis.erhan2009.claims import _kept_gain
from dbnvis.erhan2009.unit_pictures import AM, COMBINATION, GIBBS, METHODS, TOP, Pictures
from dbnvis.evaluate.agreement import shuffled


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


def test_units_of_a_shuffled_network_are_not_recognised(plant):
    """What the null is for: top images of shuffled units have little to do with the planted patterns."""
    null = shuffled(plant.model, rng=np.random.default_rng(0))
    images = METHODS[TOP](null, [f"h2:{i}" for i in range(12)], images=plant.images).images[:, 0].reshape(12, -1)
    patterns = plant.patterns["h2"].reshape(12, -1)
    found = np.corrcoef(images, patterns)[:12, 12:].diagonal()
    assert found.mean() < 0.3


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
