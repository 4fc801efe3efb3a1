"""Fixtures: the array library `xp` and a generator `rng` of it; helpers that move arrays and judge counts."""

import os

# One thread per test process: pytest-xdist already runs one process per core, and the matrices are tiny.
os.environ["OPENBLAS_NUM_THREADS"] = os.environ.get("OPENBLAS_NUM_THREADS", "1")
os.environ["OMP_NUM_THREADS"] = os.environ.get("OMP_NUM_THREADS", "1")

import importlib

import numpy as np
import pretend
import pytest
from legible import faults
from scipy import stats

from dbnvis import backend, plot

backend.LIBRARIES.add("pretend")

assert pretend.__name__ == "pretend"  # array_module finds it in sys.modules under this name


@pytest.fixture(scope="session", autouse=True)
def legible():
    """Every figure that a test saves can be read."""
    save = plot.save

    def checked(figure, path):
        found = faults(figure)
        assert not found, (path.name, found[:5])
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


def host(x):
    """Copy of an array of any library in NumPy."""
    return x.get() if hasattr(x, "get") else np.array(x)


def chi_squared_p(counts, probabilities):
    """p-value of observed `counts` given cell `probabilities`; cells that expect fewer than 5 are pooled."""
    counts, expected = np.asarray(counts, float), np.asarray(probabilities, float) * np.sum(counts)
    rare = expected < 5
    if rare.any():
        counts, expected = (np.append(x[~rare], x[rare].sum()) for x in (counts, expected))
        if expected[-1] < 5:
            counts, expected = (np.append(x[:-2], x[-2:].sum()) for x in (counts, expected))
    return stats.chisquare(counts, expected * (counts.sum() / expected.sum())).pvalue


def state_counts(rows):
    """How often each binary state occurs among `rows` (N, n), in the order of `oracles.states`."""
    rows = host(rows)
    assert set(np.unique(rows)) <= {0, 1}
    powers = 2 ** np.arange(rows.shape[1])[::-1]
    return np.bincount((rows @ powers).astype(int), minlength=2 ** rows.shape[1])
