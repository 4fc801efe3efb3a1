"""What setup.cfg declares: every library that is imported, and lower bounds that are tested."""

import ast
import configparser
import re
import sys
from pathlib import Path

import pytest

import dbnvis

PACKAGE = Path(dbnvis.__file__).parent
ROOT = PACKAGE.parent
#: Where a library's name on import is not its name on installing.
NAMES = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn", "tomllib": "tomli"}

pytestmark = pytest.mark.skipif(not (ROOT / "setup.cfg").exists(), reason="the package is installed, not a checkout")


def bounds(*extras):
    """{library: its lower bound} as setup.cfg declares it, without and with extras."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    texts = [config["options"]["install_requires"], *(config["options.extras_require"][extra] for extra in extras)]
    return dict(re.findall(r"^([a-z][\w-]*)>=([\d.]+)(?:; .+)?$", "\n".join(texts), re.MULTILINE))


def imported():
    """Top-level names that the modules of the package import, at any level."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


def test_every_library_that_is_imported_is_declared():
    libraries = {NAMES.get(name, name) for name in imported()} - sys.stdlib_module_names - {"dbnvis"}
    # extras gpu-cuda12, gpu-cuda13, fast, interop, photos, mpi; `UnitImages.to_frame` asks for pandas
    optional = {"cupy", "numba", "torch", "safetensors", "pandas", "scikit-image", "mpi4py"}
    assert {"numpy", "pillow", "scikit-learn"} <= libraries
    assert libraries - optional - {"mpl_toolkits"} <= set(bounds())


def test_every_data_file_of_the_package_is_installed():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    patterns = config["options.package_data"]["dbnvis"].split(", ")
    installed = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    files = {path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path for path in files if path.suffix != ".py"} == installed
    assert PACKAGE / "erhan2009" / "page.toml" in installed


def test_the_lowest_versions_tested_are_the_lowest_allowed():
    lines = (ROOT / ".ci" / "lowest.txt").read_text().splitlines()
    pinned = dict(line.split("==") for line in lines if not line.startswith("#"))
    allowed = bounds("test")
    assert set(pinned) == set(allowed)
    for name, version in pinned.items():
        assert re.match(re.escape(allowed[name]) + r"(\.0|\.1)*$", version), (name, version, allowed[name])
