"""The scripts: each knows --help, none writes into the checkout unless told, and those that failed do what they say."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dbnvis import CDConfig, checkpoint, cli, datasets
from dbnvis.catalogue import FIGURES
from dbnvis.commands import scripted
from dbnvis.commands.options import Options
from dbnvis.commands.scripted import shipped_script
from dbnvis.report.plan import Plan
from dbnvis.runs.stacks import train

SCRIPTS = Path(__file__).parents[2] / "scripts"
#: The embedded digits, in whose place most tests have noise.
DIGITS = datasets.DATASETS["digits"]
#: Modules of the benchmarks, no programs of their own.
MODULES = {"browsing", "by_ranks", "gpu", "odd_inputs", "ours", "peers", "step_time", "timing"}
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem not in MODULES)


def noise():
    """In the place of the embedded digits: 40 training and 20 test images of noise, 8 x 8, in bytes."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 8, 8)).astype(np.uint8), (np.arange(60) % 10).astype(np.uint8)
    return images[:40], labels[:40], images[40:], labels[40:]


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "digits", replace(datasets.DATASETS["digits"], generate=noise))
        yield


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory; no restart of the process for other kernels."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(scripted, "use_best_kernels", lambda: None)


def run(monkeypatch, name, *args):
    """Run a script in this process; its exit status."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / f"{name}.py"), *map(str, args)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(sys.argv[0], run_name="__main__")
    return stop.value.code


def here():
    return sorted(str(path) for path in Path().rglob("*") if path.is_file())


@pytest.mark.parametrize("name", NAMES)
def test_every_script_knows_help_and_writes_to_a_folder_that_git_ignores(monkeypatch, capsys, name):
    assert run(monkeypatch, name, "--help") == 0
    if name in ("same_bits", "redraw"):  # which write nothing, or what is committed
        return
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--overwrite" in said and "(default: runs" in said
    assert here() == []


def test_git_ignores_the_default_folder():
    assert "runs/" in (SCRIPTS.parent / ".gitignore").read_text().splitlines()
    assert str(Options().out) == "runs"


def test_what_bench_gpu_times_of_pictures_and_its_table():
    """On the processor: no GPU is needed for the code to run."""
    import gpu

    said = gpu.pictures("am", units=2, device="cpu")
    assert said["seconds"] > 0
    trainer = {"seconds": 2.0, "kernels": 5.0}
    found = {"floor 100": [trainer | {"seconds": 1.0}], "dbnvis 100": [trainer], "am, h3": [said]}
    rows, panels = gpu.table((100,), ["floor", "dbnvis", "absent"], ["am, h3"], found)
    assert [row["what"] for row in rows] == ["floor", "dbnvis", "dbnvis am, h3"]
    assert rows[1]["times floor"] == 2 and rows[2]["times floor"] is None
    assert list(panels[0][1]) == ["floor", "dbnvis"]


def test_what_bench_gpu_times_of_the_stages_of_reproduce(monkeypatch):
    """Each stage once; the processor's seconds are divided by the device's."""
    import gpu

    from dbnvis.commands import reproduce

    few = Plan(units=2, shown=1, chains=2, annealed=2, steps=(1, 1, 1))
    for name, value in {"HIDDEN": (8,), "QUICK": few, "drawings": lambda quick: {}, "Clock": reproduce.Clock}.items():
        monkeypatch.setattr(reproduce, name, value)
    monkeypatch.setattr("dbnvis.system.blas.use_best_kernels", lambda: None)
    said = gpu.reproduce(quick=True, device="cpu", dataset="digits")
    assert list(said["stages"])[1:] == ["training: 40 epochs a layer", "a report that one can mail"]
    assert min(said["stages"].values()) > 0

    slower = {**said, "seconds": 2 * said["seconds"], "stages": {k: 3 * s for k, s in said["stages"].items()}}
    whole, *parts = gpu.stages([said], [slower])
    assert whole["what"] == "dbnvis reproduce" and whole["CPU takes times"] == 2
    assert {row["what"]: row["seconds"] for row in parts} == {f"reproduce: {k}": s for k, s in said["stages"].items()}
    assert [round(row["CPU takes times"], 9) for row in parts] == [3, 3, 3]
    (other, *_), _ = gpu.table((), [], ["am"], {"am": [said]})
    assert other.keys() == whole.keys() == parts[0].keys()


def test_which_optima_bench_starts_counts_as_lower_and_higher():
    """Units without a positive optimum have no ratio."""
    import bench_starts

    pairs = [([0.99, 2.0, 1.0], [1.0, 1.0, -1.0]), ([0.9, 0.97, 5.0], [1.0, 1.0, 0.0])]
    row = bench_starts.compared(pairs, "h1", "what")
    assert (row["units"], row["% below 0.995"], row["least %"], row["greatest %"]) == (2, 75, 50, 100)
    assert (row["% below 0.98"], row["% above 1.005"], row["least by before"]) == (50, 25, 0.9)


def test_the_parts_of_an_epoch_of_training_are_counted_once(monkeypatch):
    import ours

    from dbnvis.backend import kernels
    from dbnvis.train import cd

    for module, name in ((kernels, "matmul"), *((cd, name) for names in ours.PARTS.values() for name in names)):
        monkeypatch.setattr(module, name, getattr(module, name))  # as they are, once this test is over
    monkeypatch.setattr("dbnvis.system.blas.use_best_kernels", lambda: None)
    monkeypatch.setattr(ours, "training_images", lambda n: np.random.default_rng(0).random((n, 784), dtype="float32"))
    said = ours.dbnvis(hidden=200, n=2_000, epochs=1, parts=True)
    parts = {name: said[name] for name in (*ours.PARTS, "the rest")}
    assert min(parts.values()) > 0  # one counted within another would leave less than nothing for the rest
    assert sum(parts.values()) == pytest.approx(said["updates"])
    assert "the rest" not in ours.dbnvis(hidden=5, n=200, epochs=1)


@pytest.mark.parametrize("trial", [("--quick",), ("--rounds", "1"), ("--threads", "1"), ("--quick", "--overwrite")])
@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("bench_") and name != "bench_gpu"])
def test_no_trial_run_of_a_benchmark_goes_to_the_committed_results(monkeypatch, capsys, name, trial):
    for out in (SCRIPTS.parent / "results", SCRIPTS / ".." / "results" / "more"):
        assert run(monkeypatch, name, *trial, "--out", out) == 2
        assert "default settings" in capsys.readouterr().err


def test_a_measured_table_is_kept_unless_asked(monkeypatch, capsys, tmp_path):
    (tmp_path / "bench").mkdir()
    table = tmp_path / "bench" / "rbm.csv"
    table.write_text("measured")
    assert run(monkeypatch, "bench_rbm", "--out", tmp_path) == 2
    assert "rbm.csv is there; --overwrite" in capsys.readouterr().err
    assert table.read_text() == "measured"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder, config = tmp_path_factory.mktemp("small"), CDConfig(epochs=1, batch_size=20)
    return train(datasets.load("digits"), (8,), config, folder=folder, seed=0, xp=np)


def test_shipped_weights_are_replaced_only_when_asked(monkeypatch, capsys, tmp_path, trained):
    shipped = tmp_path / "shipped.npz"
    shipped.write_text("committed")
    asked = []

    def make(options, data):
        asked.append((options.dataset, data.name, options.out))
        return trained

    for args, told in (((), trained), (("--ship",), shipped)):
        monkeypatch.setattr(sys, "argv", ["script", "--dataset", "digits", *args])
        assert shipped_script("Trains.", shipped, make) == 0
        assert capsys.readouterr().out.split() == [str(told)]
        assert (shipped.read_bytes() == b"committed") == (not args)
    assert asked == [("digits", "digits", Path("runs"))] * 2
    rounded, full = (checkpoint.load(path, xp=np).model.rbms[0].W for path in (shipped, trained))
    np.testing.assert_array_equal(rounded, full.astype("float16").astype("float32"))


def test_every_figure_of_the_catalogue_is_in_a_script_of_a_paper_and_no_other(monkeypatch):
    listed = set()
    for name in NAMES:
        figures = runpy.run_path(str(SCRIPTS / f"{name}.py")).get("FIGURES", {})
        if figures is not FIGURES:
            assert set(figures) <= set(FIGURES), name
            listed |= set(figures)
    assert listed == set(FIGURES)


def test_a_script_of_a_paper_draws_what_it_is_asked_for(monkeypatch, capsys):
    assert run(monkeypatch, "hinton2010", "--only", "infinite", "--dataset", "digits", "--out", "o") == 0
    assert here() == [f"o/digits/figures/infinite.{suffix}" for suffix in ("json", "npz", "png")]
    assert run(monkeypatch, "hinton2010", "--only", "infinit") == 2
    assert "no figure 'infinit'; the figures are infinite" in capsys.readouterr().err
    assert run(monkeypatch, "lee2009", "--only", "am") == 2  # of the catalogue, but not of this paper
    assert "no figure 'am'; the figures are crbm" in capsys.readouterr().err


def test_redraw_compares_what_it_draws_and_says_of_what_no_model_is_committed(monkeypatch, capsys, tmp_path):
    results = tmp_path / "results"
    assert cli.main(["figure", "infinite", "--dataset", "patches", "--out", str(results)]) == 2  # no digits
    manifest = results / "photographs" / "a.json"
    manifest.parent.mkdir(parents=True)
    line = {"figure": "figure_1", "command": "dbnvis reproduce --paper erhan2009", "arrays_sha256": "0"}
    manifest.write_text(json.dumps(line))
    with monkeypatch.context() as patch:  # the data sets as other processes have them
        patch.setitem(datasets.DATASETS, "digits", DIGITS)
        assert cli.main(["figure", "infinite", "--dataset", "digits", "--out", str(results)]) == 0
    capsys.readouterr()
    assert run(monkeypatch, "redraw", "--check", "--results", results) == 0
    same, *_ = lines = sorted(capsys.readouterr().out.splitlines())
    assert lines[1].split() == ["infinite", "digits/figures/infinite:", "same"], lines
    assert "no model is committed; dbnvis reproduce --paper erhan2009 trains and draws it" in same
    path = results / "digits" / "figures" / "infinite.json"
    before = path.read_text()
    path.write_text(before.replace(json.loads(before)["arrays_sha256"], "0"))
    assert run(monkeypatch, "redraw", "--check", "--results", results, "--only", "infinite") == 1
    assert "infinite: other bits" in capsys.readouterr().out
    assert run(monkeypatch, "redraw", "--only", "nosuch") == 2
