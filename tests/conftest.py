"""Fixtures: the array library `xp` and a generator `rng` of it; every figure that a test saves can be read."""

import os

# One thread per test process: pytest-xdist already runs one process per core, and the matrices are tiny.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("OPENBLAS_NUM_THREADS", "1")
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")

import importlib

import pretend
import pytest
from legible import faults

from dbnvis import backend, plot

backend.LIBRARIES.add("pretend")

assert pretend.__name__ == "pretend"  # array_module finds it in sys.modules under this name


@pytest.fixture(scope="session", autouse=True)
def legible():
    """Every figure that a test saves can be read."""
    save = plot.save

    def checked(figure, path):
        found = faults(figure)
        assert not found, (figure.texts[0].get_text(), found[:5])
        save(figure, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plot, "save", checked)
        yield


@pytest.fixture(params=["numpy", "pretend", pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request):
    """The array library under test."""
    if request.param == "cupy":
        available, reason = backend.gpu_status()
        if not available:
            pytest.skip(reason)
    return importlib.import_module(request.param)


@pytest.fixture
def rng(xp):
    """A generator of `xp`, seed 0."""
    return backend.make_rng(xp, 0)
