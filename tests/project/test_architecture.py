"""The layout of the package: who may import whom, and documentation that matches signatures."""

import ast
import importlib
import inspect
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import dbnvis
from dbnvis.catalogue import FIGURES

ROOT = Path(dbnvis.__file__).parent
RANKS = {
    "backend": 0,
    **dict.fromkeys(["numerics", "images", "progress", "settings", "system", "display", "plot"], 1),
    **dict.fromkeys(["datasets", "models"], 2),
    "evaluate": 3,
    **dict.fromkeys(["train", "visualize"], 4),
    **dict.fromkeys(["checkpoint", "views"], 5),
    **dict.fromkeys(["results", "interop"], 6),
    **dict.fromkeys(["runs", "sklearn", "doctor", "console"], 7),
    "figures": 8,
    **dict.fromkeys(["erhan2009", "report", "web"], 9),
    "methods_compared": 10,
    "catalogue": 11,
    "commands": 12,
    "cli": 13,
}
MATHS = {"numerics", "models", "evaluate", "train", "visualize", "views"}
FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def unit_of(path):
    """The module that has a rank: a top-level file, or a sub-package as a whole."""
    return path.parts[0].removesuffix(".py")


def imports(tree, package=()):
    """Full dotted names that a file of `package` imports, `from . import x` as ".x" resolved, with their lines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) + 1 - node.level]] if node.level else []
            base += node.module.split(".") if node.module else []
            yield from ((".".join([*base, alias.name]), node.lineno) for alias in node.names)


def imported_by(path):
    return list(imports(ast.parse((ROOT / path).read_text()), ("dbnvis", *path.parent.parts)))


def outside(name):
    return name.partition(".")[0]


def test_the_import_parser_sees_every_form():
    source = "import a.b\nfrom . import c\nfrom .d import e\nfrom ..f import g\ndef h():\n    from i import j"
    names = [name for name, _ in imports(ast.parse(source), ("dbnvis", "train"))]
    assert names == ["a.b", "dbnvis.train.c", "dbnvis.train.d.e", "dbnvis.f.g", "i.j"]


def test_every_module_has_a_rank():
    modules = {unit_of(path) for path in FILES} - {"__init__", "__main__"}
    assert {"backend", "models", "train", "cli"} <= modules
    assert modules <= set(RANKS), f"give {modules - set(RANKS)} a rank in CONTRIBUTING.md and here"


@pytest.mark.parametrize("path", [path for path in FILES if unit_of(path) not in ("__init__", "__main__")], ids=str)
def test_a_module_imports_only_from_lower_ranks(path):
    mine, exported = unit_of(path), set(RANKS) | {"__version__"}
    for name, line in imported_by(path):
        parts = name.split(".")
        if parts[0] != "dbnvis" or parts[1:2] == [mine]:
            continue
        assert len(parts) > 1 and parts[1] in exported, f"{path}:{line} imports {name}, which is no ranked module"
        if parts[1] != "__version__":
            assert RANKS[parts[1]] < RANKS[mine], f"{path}:{line}: rank {RANKS[mine]} imports {name}"


@pytest.mark.parametrize(("library", "home"), [("cupy", "backend"), ("matplotlib", "plot")])
def test_one_module_alone_imports(library, home):
    importers = {unit_of(path) for path in FILES for name, _ in imported_by(path) if outside(name) == library}
    assert importers == {home}


def test_only_the_protocols_say_what_a_model_offers():
    guess = re.compile(r"\b(?:hasattr|getattr)\(\s*(?:\w+\.)*(?:model|prior|dbn|network)\b,")
    for path in FILES:
        found = guess.search((ROOT / path).read_text())
        assert found is None or str(path) == "models/protocol.py", f"{path}: {found[0]}: ask isinstance(model, ...)"
    assert guess.search("hasattr(study.model, 'rbms')") and not guess.search("hasattr(model.layers, 'W')")


def test_maths_names_no_array_library():
    for path in FILES:
        if unit_of(path) in MATHS:
            found = [line for name, line in imported_by(path) if outside(name) in ("numpy", "scipy", "cupy")]
            assert not found, f"{path} imports an array library in line {found}"


def test_backend_imports_array_libraries_only_inside_functions():
    for path in (ROOT / "backend").glob("*.py"):
        tree = ast.parse(path.read_text())
        tree.body = [node for node in tree.body if not isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        assert not {outside(name) for name, _ in imports(tree)} & {"numpy", "cupy"}, path


def test_importing_the_package_is_light():
    heavy = ["cupy", "matplotlib", "sklearn", "pooch", "requests", "tyro", "tqdm", "scipy", "torch"]
    code = f"import sys, dbnvis; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# --- the house


def called(path):
    """Names that a file calls, of functions and of attributes: train_rbm, checkpoint.save."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@pytest.mark.parametrize("path", [p for p in FILES if unit_of(p) in ("figures", "erhan2009")], ids=str)
def test_figures_neither_train_nor_save_models(path):
    for name, line in called(path):
        last = name.rpartition(".")[2]
        assert not last.startswith("train_") and name != "checkpoint.save", f"{path}:{line} calls {name}; runs/ does"


@pytest.mark.parametrize(
    "path", [p for p in FILES if unit_of(p) in ("visualize", "views", "evaluate", "figures")], ids=str
)
def test_a_model_is_typed_by_what_it_offers(path):
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.FunctionDef):
            for argument in (*node.args.args, *node.args.kwonlyargs):
                typed = argument.annotation and ast.unparse(argument.annotation)
                assert argument.arg != "model" or typed != "Any", f"{path}:{node.lineno} {node.name}"


def test_a_manifest_is_made_by_the_writer_alone():
    for path in FILES:
        if unit_of(path) != "results":
            assert not [line for name, line in called(path) if name.endswith("save_artefact")], path


def test_no_two_modules_share_a_name():
    names = [path.stem for path in FILES if path.stem not in ("__init__", "__main__")]
    names += [path.parent.name for path in FILES if path.name == "__init__.py" and path.parent.name]
    assert not {name for name in names if names.count(name) > 1}


def test_a_room_has_at_most_seventeen_files():
    for folder in {path.parent for path in FILES}:
        assert len([path for path in FILES if path.parent == folder]) <= 17, folder


def test_every_committed_artefact_names_a_figure_or_a_script():
    results = ROOT.parent / "results"
    if not results.is_dir():
        pytest.skip("the package is installed, not a checkout")
    for path in sorted(results.rglob("[!.]*.json")):
        manifest = json.loads(path.read_text())
        if path.parent.name in ("bench", "lessons"):
            script = next(word for word in manifest["command"].split() if word.endswith(".py"))
            assert (ROOT.parent / script).is_file(), path
        else:
            assert manifest["figure"] in {*FIGURES, "evaluate"}, path
            assert manifest["command"].startswith("dbnvis "), path


# --- documented parameters


def documented_parameters(doc):
    """Names in the numpydoc section "Parameters" of a docstring."""
    lines = inspect.cleandoc(doc or "").splitlines()
    names, inside = [], False
    for line, following in itertools.zip_longest(lines, lines[1:], fillvalue=""):
        if re.fullmatch(r"-{3,}", following):  # `line` heads a section
            inside = line == "Parameters"
        elif inside and line and not line[0].isspace() and not line.startswith("---"):
            names += [name.strip().lstrip("*") for name in line.partition(" : ")[0].split(",")]
    return names


def wrong_parameters(obj):
    """Parameters that the docstring of a function or class names and its signature has not."""
    return [name for name in documented_parameters(obj.__doc__) if name not in inspect.signature(obj).parameters]


def public_objects():
    for path in FILES:
        name = ".".join(["dbnvis", *path.with_suffix("").parts]).removesuffix(".__init__")
        if path.name == "__main__.py":
            continue
        module = importlib.import_module(name)
        for key, obj in vars(module).items():
            if getattr(obj, "__module__", None) != name or key.startswith("_") or not callable(obj):
                continue
            if not (inspect.isclass(obj) or inspect.isfunction(obj)):
                continue  # a type alias
            yield f"{name}.{key}", obj
            if inspect.isclass(obj):
                for method, member in vars(obj).items():
                    member = getattr(member, "__func__", member)
                    if inspect.isfunction(member) and not (method.startswith("_") and method != "__call__"):
                        yield f"{name}.{key}.{method}", member


def test_documented_parameters_exist():
    documented = {name: obj for name, obj in public_objects() if documented_parameters(obj.__doc__)}
    assert {
        "dbnvis.models.rbm.RBM",
        "dbnvis.models.dbn.DBN",
        "dbnvis.models.dbn.DBN.sample",
        "dbnvis.train.cd.train_rbm",
    } <= set(documented)
    wrong = {name: wrong_parameters(obj) for name, obj in documented.items()}
    assert not {name: found for name, found in wrong.items() if found}


def test_the_documentation_check_finds_a_wrong_name():
    def function(x, y, **rest):
        """Do.

        Parameters
        ----------
        x, z : int
            Of which z does not exist.
        rest : dict

        Returns
        -------
        int
        """

    assert documented_parameters(function.__doc__) == ["x", "z", "rest"]
    assert wrong_parameters(function) == ["z"]
