"""The lessons as notebooks: they run in Jupyter, and end with the facts of the committed table, with its bounds."""

import csv
import json
import re
import runpy
import sys
from pathlib import Path

import pytest
from javascript import needs_node

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"
SOURCES = sorted((SCRIPTS / "lessons").glob("lesson_*.py"))
BOUND = re.compile(r'assert (?:(?P<above>[^ "]+) < )?fact\["(?P<fact>\w+)"\] (?P<sign>[<>]) (?P<bound>.+)')


def table():
    with (ROOT / "results" / "lessons" / "facts.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def asserted(source):
    """(fact, above, below) of each assertion of the last cell."""
    last = source.read_text().split("# %%")[-1]
    found = []
    for line in BOUND.finditer(last):
        bound, below = float(line["bound"]), line["sign"] == "<"
        above = bound if not below else float(line["above"]) if line["above"] else None
        found.append((line["fact"], above, bound if below else None))
    return found


def script(name, monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", [str(SCRIPTS / f"{name}.py"), *map(str, args)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(sys.argv[0], run_name="__main__")
    return stop.value.code


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))


def test_there_are_eight_with_one_seed_each():
    assert [source.name[:9] for source in SOURCES] == [f"lesson_{i}_" for i in range(1, 9)]
    for source in SOURCES:
        text = source.read_text()
        assert text.startswith("# %% [markdown]\n") and text.count("\nseed = 1\n") == 1
        assert "**Predict**" in text and "## The fact" in text
        assert text.endswith("\nfact\n")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_a_notebook_runs_shows_pictures_ends_with_its_facts_and_leaves_no_file(source, monkeypatch, tmp_path):
    pytest.importorskip("jupytext", reason="the extra notebook is not installed")
    pytest.importorskip("nbclient", reason="the extra notebook is not installed")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    from notebooks import convert

    monkeypatch.chdir(tmp_path)
    text, _ = convert(source, execute=True)
    assert not list(tmp_path.iterdir())
    cells = json.loads(text)["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    said = "".join(cells[-1]["outputs"][0]["data"]["text/plain"])
    assert all(fact in said for fact, _, _ in asserted(source))


def test_the_last_cells_assert_the_bounds_of_the_table():
    wanted = [
        (int(row["lesson"]), row["fact"], *(float(row[key]) if row[key] else None for key in ("above", "below")))
        for row in table()
    ]
    found = [(i, *fact) for i, source in enumerate(SOURCES, start=1) for fact in asserted(source)]
    assert found == wanted
    assert {lesson for lesson, *_ in found} == set(range(1, 9))


def test_every_fact_of_the_table_holds_for_20_seeds_in_both_languages():
    for row in table():
        assert (row["seeds"], row["holds_for_all"]) == ("20", "yes")
        for language in ("python", "javascript"):
            low, high = float(row[f"{language}_min"]), float(row[f"{language}_max"])
            assert not row["above"] or low > float(row["above"])
            assert not row["below"] or high < float(row["below"])


@needs_node
def test_the_page_has_the_facts_and_bounds_of_the_table():
    from lesson_facts import in_javascript

    found = [(row["lesson"], row["fact"], row["least"], row["most"]) for row in in_javascript([1])]
    wanted = [
        (int(row["lesson"]), row["fact"], *(float(row[key]) if row[key] else None for key in ("above", "below")))
        for row in table()
    ]
    assert found == wanted


def test_notebooks_are_written_once_and_replaced_when_asked(monkeypatch, capsys, tmp_path):
    pytest.importorskip("jupytext", reason="the extra notebook is not installed")
    assert script("notebooks", monkeypatch, "--out", tmp_path) == 0
    assert len(list((tmp_path / "lessons").glob("*.ipynb"))) == 8
    capsys.readouterr()
    assert script("notebooks", monkeypatch, "--out", tmp_path) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert script("notebooks", monkeypatch, "--out", tmp_path, "--overwrite") == 0


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    assert script("notebooks", monkeypatch, "--out", tmp_path) == 2
    assert "pip install -e '.[notebook]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_facts_of_fewer_seeds_do_not_go_to_the_committed_results(monkeypatch, capsys):
    assert script("lesson_facts", monkeypatch, "--seeds", "2", "--out", ROOT / "results") == 2
    assert "default settings" in capsys.readouterr().err
