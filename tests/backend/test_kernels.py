"""The table of CONTRIBUTING.md that says where the arithmetic of one update is written, against the sources."""

import ast
import re
from pathlib import Path

import dbnvis

ROOT = Path(dbnvis.__file__).parent
BACKEND = ROOT / "backend"
HEADING = "## Where the arithmetic of one update is written"


def table():
    """(kernel, its numba kernels, its CUDA kernels, functions of train/cd.py that call it), one for each row."""
    section = (ROOT.parent / "CONTRIBUTING.md").read_text().split(HEADING)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    for row in rows:
        (kernel,), *others = [re.findall(r"`([\w.]+)`", cell) for cell in row.strip("|").split("|")]
        yield kernel, *others


def functions(path):
    """The functions and methods of a module by their names, methods as "Class.method"."""
    found = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{x.name}": x for x in node.body if isinstance(x, ast.FunctionDef)}
    return found


def called(function):
    """Names of the functions that one calls."""
    return {x.func.id for x in ast.walk(function) if isinstance(x, ast.Call) and isinstance(x.func, ast.Name)}


def test_the_table_names_every_kernel_of_numpy():
    public = {name for name in functions(BACKEND / "kernels.py") if not name.startswith("_")}
    assert [kernel for kernel, *_ in table()] and {kernel for kernel, *_ in table()} == public - {"matmul", "recorded"}


def test_the_table_names_every_kernel_of_numba():
    named = {name for _, numba, *_ in table() for name in numba}
    module = functions(BACKEND / "numba_kernels.py")
    assert named == {
        name for name, node in module.items() if any("compiled" in ast.dump(x) for x in node.decorator_list)
    }
    assert named <= set(functions(BACKEND / "compiled.py"))


DRAWING = {"uniform", "normal", "uniform_rows", "normal_rows"}  # of `cuda.Generator` and `cuda.Generators`


def test_the_table_names_every_kernel_of_cuda():
    rows = list(table())
    kernels = set(re.findall(r"^KERNEL (\w+)\(", (BACKEND / "cuda_kernels.cu").read_text(), re.MULTILINE))
    assert {name for _, _, cuda, _ in rows for name in cuda} == kernels - DRAWING
    launching = functions(BACKEND / "cuda.py")
    for kernel, _, cuda, _ in rows:
        launched = {x.value for x in ast.walk(launching[kernel]) if isinstance(x, ast.Constant)}
        assert cuda and set(cuda) <= launched, kernel


def test_the_table_names_where_training_calls_each_kernel():
    training, kernels = functions(ROOT / "train" / "cd.py"), set()
    for kernel, _, _, callers in table():
        kernels.add(kernel)
        assert set(callers) == {name for name, node in training.items() if kernel in called(node)}, kernel
    assert kernels
