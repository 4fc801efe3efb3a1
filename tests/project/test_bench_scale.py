"""The model of an update on several ranks: planted constants are found again; and the benchmark that fits it."""

import csv
import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from mpiexec import of_ranks

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def scripts():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        yield {name: importlib.import_module(name) for name in ("step_time", "bench_scale", "timing")}


@pytest.fixture
def step_time(scripts):
    return scripts["step_time"]


@pytest.fixture
def planted(step_time):
    """Constants such as were measured, not of this machine."""
    arithmetic = step_time.Arithmetic(step=2e-4, weight=2e-9, product=9e-11, unit=2e-9)
    return step_time.StepTime(arithmetic, step_time.Interconnect("memory", 8e-6, 3e9))


@pytest.fixture
def fitted(scripts, planted):
    """The model that is fitted to planted seconds, of which each is off by a random share as large as `noise`."""
    found, rng = scripts["step_time"], np.random.default_rng(0)
    updates, sizes = scripts["bench_scale"].FITTED, scripts["bench_scale"].SIZES

    def fit(noise):
        inner = [planted.arithmetic.seconds(u) * rng.normal(1, noise) for u in updates]
        sums = [planted.interconnect.seconds(n, 2) * rng.normal(1, noise) for n in sizes]
        joined = found.fitted_interconnect("memory", sizes, sums)
        return found.StepTime(found.fitted_arithmetic(updates, inner), joined)

    return fit


def test_planted_constants_are_found_again(fitted, planted):
    found = fitted(noise=0)
    assert vars(found.arithmetic) == pytest.approx(vars(planted.arithmetic), rel=1e-9)
    assert found.interconnect.latency == pytest.approx(8e-6, rel=1e-9)
    assert found.interconnect.bandwidth == pytest.approx(3e9, rel=1e-9)


def test_of_noisy_measurements_the_model_still_predicts_others(fitted, planted, scripts):
    """Other networks, other batches, more ranks."""
    found, Update = fitted(noise=0.02), scripts["step_time"].Update
    for update in [*scripts["bench_scale"].CHECKED, Update(2000, 2000, 10_000, 8), Update(784, 500, 10_000, 64)]:
        assert found.seconds(update) == pytest.approx(planted.seconds(update), rel=0.05)
        assert found.speed_up(update) == pytest.approx(planted.speed_up(update), rel=0.1)


def test_an_update_counts_what_its_ranks_do(step_time):
    """By hand: 3 x 2 units, 7 images on 2 ranks, of which one has 4."""
    update = step_time.Update(3, 2, 7, 2)
    alone = [step_time.Arithmetic(*constants).seconds(update) for constants in np.eye(4)]
    assert alone == [1, 6, 6 * 4, 5 * 4]
    assert update.summed == (4 * 11, 4 * 2)


def test_a_sum_takes_the_less_of_ring_and_doubling(step_time):
    """Latency 1 s, 1 byte a second, four ranks: 6 + 1.5 n or 2 + 2 n seconds; they meet at 8 bytes."""
    four = step_time.Interconnect("slow", 1, 1)
    assert four.seconds(100, 1) == 0
    assert [four.seconds(n, 4) for n in (0, 2, 8, 100)] == [2, 6, 18, 156]
    assert four.seconds(0, 3) == 2 and four.seconds(0, 5) == 3
    adding = step_time.Interconnect("slow", 0, np.inf, add=1)  # each adds what it gets: 3/4 of all, or all twice
    assert adding.seconds(100, 4) == 75


def test_one_size_does_not_tell_latency_from_bandwidth(step_time):
    with pytest.raises(ValueError, match="do not tell 2 constants apart"):
        step_time.fitted_interconnect("memory", [100, 100], [1, 1.1])
    with pytest.raises(ValueError, match="do not tell 4 constants apart"):
        step_time.fitted_arithmetic([step_time.Update(784, 500, 100, r) for r in (1, 2, 4, 10)], [4, 3, 2, 1])


def test_the_batch_that_pays_is_the_least(step_time, planted):
    update = step_time.Update(784, 500, 0, 8)
    batches = range(8, 20_000, 8)
    pays = next(b for b in batches if planted.efficiency(update._replace(batch=b)) >= 0.5)
    assert planted.pays_from(update) == pays > 8
    assert planted.speed_up(update._replace(batch=10**9)) == pytest.approx(8, rel=1e-3)


def test_the_table_says_what_is_measured_and_what_is_extrapolated(scripts, planted, monkeypatch, tmp_path):
    """With planted seconds in the place of measured ones."""
    bench, Update = scripts["bench_scale"], scripts["step_time"].Update

    def seconds(variant):
        said, kind = variant.settings, variant.call.removeprefix("by_ranks.")
        if kind == "training":
            sizes = said["visible"], said["hidden"], said["batch"]
            alone = planted.arithmetic.seconds(Update(*sizes, said.get("one_of", variant.ranks)))
            return alone if "one_of" in said else planted.seconds(Update(*sizes, variant.ranks))
        if kind == "summing":
            return planted.interconnect.seconds(said["n_bytes"], 2)
        return {"adding": 1e-10 * bench.ADDED}.get(kind, 1.0 if variant.ranks == 1 else 0.6)

    def measure(variants, rounds, threads):
        assert threads == 1
        return {v.name: [{"seconds": seconds(v), "blas": ""}] * rounds for v in variants}

    monkeypatch.setattr(bench, "measure", measure)
    monkeypatch.setattr(scripts["timing"], "run", lambda variant, threads: {"machine": "none"})
    monkeypatch.setattr(sys, "argv", ["bench_scale.py", "--quick", "--out", str(tmp_path)])
    bench.main()
    assert (tmp_path / "bench" / "scale.png").stat().st_size > 10_000
    rows = [*csv.DictReader((tmp_path / "bench" / "scale.csv").open())]
    assert {row["row"] for row in rows} == {"measured", "extrapolated"}
    measured = [row for row in rows if row["predicted"]]
    assert len(measured) > 10
    for row in measured:
        assert float(row["predicted"]) == pytest.approx(float(row["seconds"]), rel=1e-3)
    shared = {row["what"]: row for row in rows if row["row"] == "measured" and row["speed-up"]}
    assert float(shared["log Z of h1 by AIS, 100 chains"]["speed-up"]) == pytest.approx(1 / 0.6, rel=1e-3)
    assert float(shared["log Z of h1 by AIS, 100 chains"]["target"]) == 1.8
    trained = shared["training 784-500"]
    assert float(trained["predicted speed-up"]) == pytest.approx(float(trained["speed-up"]), rel=1e-3)
    more = [row for row in rows if row["row"] == "extrapolated" and row["what"].startswith("training")]
    assert len(more) == 2 * 2 * 3 * 5 and all(row["interconnect"] in ("10 GbE", "InfiniBand HDR") for row in more)
    for row in more:
        assert float(row["efficiency"]) == pytest.approx(float(row["speed-up"]) / int(row["ranks"]), rel=2e-3)
        assert 0 < float(row["efficiency"]) < 1 and not row["least"]


def test_without_mpi_nothing_is_measured_and_one_line_says_so(scripts, monkeypatch, tmp_path):
    monkeypatch.setattr(scripts["timing"].shutil, "which", lambda *args, **more: None)
    variant = scripts["timing"].Variant("a sum", "by_ranks.summing", {"n_bytes": 8}, ranks=2)
    assert "mpiexec" in scripts["timing"].run(variant, 1)["missing"]
    monkeypatch.setattr(scripts["bench_scale"], "measure", lambda *args: {})
    monkeypatch.setattr(sys, "argv", ["bench_scale.py", "--quick", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="pip install"):
        scripts["bench_scale"].main()


@of_ranks
@pytest.mark.parametrize(
    ("call", "settings", "ranks"),
    [
        ("training", {"batch": 20, "updates": 2, "epochs": 1, "hidden": 10}, 2),
        ("training", {"batch": 20, "updates": 2, "epochs": 1, "hidden": 10, "one_of": 4}, 1),
        ("summing", {"n_bytes": 4096, "seconds": 0.01}, 2),
        ("likelihood", {"steps": [1, 1, 1], "chains": 4}, 2),
    ],
)
def test_what_is_timed_runs_on_ranks(scripts, call, settings, ranks):
    said = scripts["timing"].run(scripts["timing"].Variant(call, f"by_ranks.{call}", settings, ranks=ranks), 1)
    assert 0 < said["seconds"] < 60
