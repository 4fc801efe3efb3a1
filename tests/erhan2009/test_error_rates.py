"""How often a claim is called supported where nothing was learned, and where an effect was planted."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from claim_rows import study_of
from planted import planted
from scipy import stats

from dbnvis import DBN
from dbnvis.erhan2009 import unit_pictures
from dbnvis.erhan2009.claims import measure
from dbnvis.erhan2009.judging import judge
from dbnvis.erhan2009.measures import rise, row
from dbnvis.erhan2009.unit_pictures import FEW, GIBBS, METHODS, NETWORKS, TOP, Values
from dbnvis.erhan2009.verdicts import LEVEL, Claim, Table, conditions

UNITS, SPREAD = (200, 150, 100), 0.3  # units of a layer; standard deviation between networks, of that between units


def simulated(rng, effect, layers=3, quantities=3):
    """The verdict on a claim that `quantities` rise with depth and exceed 0, of a network and `NETWORKS` random ones.

    In random networks quantities rise, too, by 0.5 a layer; in this one by `effect` more.
    """

    def network(layer, n, more):
        mean = (0.5 + more) * (layer + 1) + SPREAD * rng.standard_normal()
        return mean + rng.standard_normal(n)

    rows = []
    for quantity in range(quantities):
        values = []
        for layer in range(layers):
            units = network(layer, UNITS[layer], effect)
            random = [network(layer, FEW, 0.0) for _ in range(NETWORKS)]
            values.append(Values(units, random))
        name = f"quantity {quantity}"
        pairs = pairwise(values)
        rows += [replace(rise("claim", name, a, b), layer=f"h{i}") for i, (a, b) in enumerate(pairs, 2)]
        rows.append(replace(row("claim", name, values[-1], rng, least=0.0), layer=f"h{layers}"))
    return Claim("", "", conditions(rows), "").verdict


def test_random_weights_are_supported_at_the_stated_rate_and_an_effect_is():
    rng = np.random.default_rng(0)
    nothing = Counter(simulated(rng, 0.0) for _ in range(200))
    assert stats.binomtest(nothing["supported"] + nothing["mixed"], 200, LEVEL, alternative="greater").pvalue > 0.01
    planted_effect = Counter(simulated(rng, 6.0) for _ in range(200))
    assert planted_effect["supported"] > 180


def test_any_condition_is_met_by_random_weights_at_the_stated_rate():
    rng = np.random.default_rng(1)

    def any_met():
        units = 1 + SPREAD * rng.standard_normal(8)[:, None] + rng.standard_normal((8, UNITS[0]))
        random = [1 + SPREAD * rng.standard_normal(8)[:, None] + rng.standard_normal((8, FEW)) for _ in range(NETWORKS)]
        rows = [
            replace(row("c", "x", Values(u, [r[i] for r in random]), rng, least=0.0), layer=f"h{i}")
            for i, u in enumerate(units)
        ]
        return any(condition.met for condition in conditions(rows))

    met = sum(any_met() for _ in range(200))
    assert stats.binomtest(met, 200, LEVEL, alternative="greater").pvalue > 0.01


@pytest.fixture
def few_chains(monkeypatch):
    short = replace(METHODS[GIBBS], chains=8, burn_in=10, thin=4)
    monkeypatch.setitem(unit_pictures.METHODS, GIBBS, short)


def judged(model, images, seed):
    study = replace(study_of(model, images, None), seed=seed)
    rows, _ = measure(study, "DBN")
    return {claim.title: claim for claim in judge(Table([replace(r, model="DBN") for r in rows]))}


def test_units_that_were_planted_in_the_data_are_supported(few_chains):
    """By the pairs of a method with the images of data, which random weights know nothing of."""
    plant = planted()
    conditions = judged(plant.model, plant.images, 0)["Methods agree"].conditions
    with_data = {
        c.name: c.met for c in conditions if "cosine" in c.name and TOP in c.name and c.name[:2] in ("h1", "h2")
    }
    assert len(with_data) == 2 + 3 and all(with_data.values()), with_data


@pytest.mark.slow
def test_networks_of_random_weights_support_no_claim_more_often_than_stated(few_chains):
    """200 networks, measured and judged as the page's are."""
    supported, tested, total = Counter(), Counter(), 200
    for seed in range(total):
        rng = np.random.default_rng(seed)
        model = DBN.random((64, 24, 16, 12), (8, 8), rng=rng)
        for rbm in model.rbms:
            rbm.W = rbm.W + (rng.standard_normal(rbm.W.shape) / np.sqrt(len(rbm.W))).astype(rbm.W.dtype)
        images = rng.random((200, 8, 8)).astype("f4")
        model.input_norm = float(np.sqrt((images**2).sum(axis=(1, 2))).mean())
        claims = judged(model, images, seed).items()
        supported += Counter(title for title, claim in claims if claim.verdict in ("supported", "mixed"))
        tested += Counter(title for title, claim in claims if claim.verdict != "not tested")
    assert len(tested) >= 4, tested  # with random weights one optimum is everywhere: nothing could exceed it
    for title, times in supported.items():
        assert stats.binomtest(times, total, LEVEL, alternative="greater").pvalue > 0.01, (title, times)
