"""What starts a command imports: what it needs, and nothing that only other commands or its work need."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dbnvis
from dbnvis.commands import COMMANDS, command, outline

COMPUTING = {"cupy", "matplotlib", "numba", "pooch", "requests", "scipy", "sklearn", "torch"}


def imported(*args):
    """Top-level modules, and the package's own, of a fresh process after a command line that only says something."""
    code = (
        "import sys; from dbnvis import cli\ntry: cli.main(sys.argv[1:])\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    return set(run.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("args", [("--help",), ("-h",), ("--version",)], ids=" ".join)
def test_help_imports_neither_numpy_nor_a_command(args):
    found = imported(*args)
    assert not found & {*COMPUTING, "numpy", "PIL", "dbnvis.catalogue", "dbnvis.models", "dbnvis.train"}
    assert {name for name in found if name.startswith("dbnvis.commands")} == {"dbnvis.commands"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_imports_no_library_that_computes_or_draws(name):
    assert not imported(name, "--help") & {*COMPUTING, "numpy", "PIL"}


def test_a_list_of_figures_imports_no_library_that_computes_or_draws():
    assert not imported("figure", "--list") & COMPUTING


@pytest.mark.parametrize("name", COMMANDS)
def test_an_outline_says_what_its_command_is_for(name):
    assert outline(name).__name__ == command(name).__name__
    assert inspect.getdoc(outline(name)) == inspect.getdoc(command(name)) != ""


# --- the names of the package


def test_every_name_is_the_one_of_its_module():
    for home, names in dbnvis._HOMES.items():
        module = sys.modules.get(f"dbnvis.{home}") or __import__(f"dbnvis.{home}", fromlist=names)
        assert all(getattr(dbnvis, name) is getattr(module, name) for name in names)


def test_type_checkers_see_the_same_names_in_the_same_modules():
    (block,) = (node for node in ast.parse(Path(dbnvis.__file__).read_text()).body if isinstance(node, ast.If))
    seen = {node.module: [alias.name for alias in node.names] for node in block.body}
    assert seen == dbnvis._HOMES
    assert sorted(dbnvis.__all__) == sorted(name for names in seen.values() for name in names)


def test_names_are_listed_and_others_are_refused():
    assert set(dbnvis.__all__) <= set(dir(dbnvis))
    with pytest.raises(AttributeError, match="module 'dbnvis' has no attribute 'DBM'"):
        dbnvis.DBM  # noqa: B018


def test_a_room_is_found_without_an_import_of_its_own():
    code = "import dbnvis; print(dbnvis.backend.make_rng.__module__)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("dbnvis.backend")


def test_every_module_of_the_package_is_found_without_an_import_of_its_own():
    code = (
        "import dbnvis; dbnvis.datasets.from_arrays, dbnvis.plot.sheet, dbnvis.settings, dbnvis.models.DBN_is_no_name"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "DBN_is_no_name" in done.stderr.splitlines()[-1]
    done = subprocess.run([sys.executable, "-c", "import dbnvis; dbnvis.no_such_name"], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "AttributeError: module 'dbnvis' has no attribute 'no_such_name'"


def test_what_a_module_of_the_package_lacks_is_said(monkeypatch):
    """Not that the module is missing, where it is a library that it imports."""

    def lacks(name, package):
        raise ModuleNotFoundError("No module named 'optics'", name="optics")

    monkeypatch.setattr(dbnvis, "import_module", lacks)
    with pytest.raises(ModuleNotFoundError, match="optics"):
        dbnvis.lenses  # noqa: B018
