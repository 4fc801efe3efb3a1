"""dbnvis.backend.compiled: the kernels of numba against NumPy's, and what decides between the two."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import expit

from dbnvis import RBM, CDConfig, backend, train_rbm
from dbnvis.backend import compiled
from dbnvis.backend.lambert import convergent

pytestmark = pytest.mark.skipif(not compiled.status()[0], reason=compiled.status()[1])


@pytest.fixture
def numpy_alone(monkeypatch):
    """Call to leave the compiled kernels."""
    return lambda: monkeypatch.setattr(compiled, "status", lambda: (False, "a test"))


def inputs(shape=(7, 33), seed=0):
    numbers = np.random.default_rng(seed)
    return numbers.normal(size=shape, scale=4).astype(np.float32), numbers.normal(size=shape[-1]).astype(np.float32)


@pytest.mark.parametrize(
    ("n", "p", "q"), [(1, [1], [1]), (2, [3], [3, 1]), (3, [15, 1], [15, 6]), (4, [105, 10], [105, 45, 1])]
)
def test_convergents_of_tanh(n, p, q):
    found = convergent(n)
    assert [np.trim_zeros(coefficients, "b") for coefficients in found] == [p, q]


def test_the_logistic_function_is_exact_to_float32_everywhere():
    x = np.concatenate([np.linspace(-100, 100, 200_001), [-np.inf, np.inf, 0, 1e-30]]).astype(np.float32)[None]
    y = backend.logistic_mean(x, np.zeros(x.shape[1], dtype=np.float32))
    np.testing.assert_allclose(y, expit(x.astype(float)), rtol=0, atol=3e-7)
    assert y.min() >= 0 and y.max() <= 1 and y[0, -2] == 0.5


def test_not_a_number_stays_one_or_is_seen():
    """Diverged training must not pass for a trained model."""
    x = np.full((1, 40), np.nan, dtype=np.float32)
    assert np.isnan(backend.logistic_mean(x, np.zeros(40, dtype=np.float32))).all()


@pytest.mark.parametrize("shape", [(5,), (7, 33), (3, 4, 21)])
@pytest.mark.parametrize("in_place", [False, True])
def test_means_and_draws_are_those_of_numpy(numpy_alone, shape, in_place):
    def results():
        pre, bias = inputs(shape)
        mean = backend.logistic_mean(pre.copy(), bias)
        both = np.empty_like(pre), np.empty_like(pre)
        backend.logistic_mean_sample(pre, bias, rng=np.random.default_rng(1), out=both)
        kept = pre.copy()
        sample = backend.logistic_sample(pre, bias, rng=np.random.default_rng(2), out=pre if in_place else None)
        assert (sample is pre) if in_place else (pre == kept).all()
        return mean, *both, sample

    found = results()
    numpy_alone()
    for a, b in zip(found, results(), strict=True):
        np.testing.assert_allclose(a, b, atol=3e-7)


def test_taken_rows_are_drawn_as_numpy_draws_them(numpy_alone):
    p = np.random.default_rng(0).random((20, 33), dtype=np.float32)
    p[3], p[4] = 0, 1

    def drawn():
        out = np.empty((5, 33), dtype=np.float32)
        backend.take_rows(p, np.array([3, 4, 0, 19, 3]), out, np.random.default_rng(1))
        return out

    found = drawn()
    assert not found[[0, 4]].any() and found[1].all()
    numpy_alone()
    np.testing.assert_array_equal(found, drawn())


@pytest.mark.parametrize("momentum", [0.0, 0.5])
@pytest.mark.parametrize(("weight_decay", "l1_decay"), [(0.0, 0.0), (0.1, 0.0), (0.0, 2.0), (0.1, 2.0)])
def test_a_momentum_step_is_that_of_numpy(numpy_alone, momentum, weight_decay, l1_decay):
    def stepped():
        numbers = np.random.default_rng(0)
        shapes = {"W": (9, 11), "vbias": (9,), "hbias": (11,)}
        params, velocities, changes = (
            {name: numbers.normal(size=shape).astype(np.float32) for name, shape in shapes.items()} for _ in range(3)
        )
        rate, decays = np.full(1, 0.1, dtype=np.float32), {"weight_decay": weight_decay, "l1_decay": l1_decay}
        backend.momentum_step(params, velocities, changes, rate=rate, momentum=momentum, **decays)
        return [*params.values(), *velocities.values()]

    found = stepped()
    numpy_alone()
    for a, b in zip(found, stepped(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)


def test_training_follows_numpy_until_a_draw_is_rounded_otherwise(numpy_alone):
    images = (np.random.default_rng(0).random((200, 30)) < 0.3).astype(np.float32)

    def trained():
        rbm = RBM.random(30, 20, rng=np.random.default_rng(1))
        list(train_rbm(rbm, images, CDConfig(epochs=3, batch_size=20), rng=np.random.default_rng(2)))
        return rbm

    found = trained()
    numpy_alone()
    np.testing.assert_allclose(found.W, trained().W, atol=1e-4)


def test_numpy_is_used_where_the_kernels_do_not_fit(monkeypatch):
    monkeypatch.setattr(compiled, "_kernels", lambda: pytest.fail("called"))
    pre, bias = inputs()
    backend.logistic_mean(pre.astype(float), bias.astype(float))
    backend.logistic_mean(pre.T, np.zeros(7, dtype=np.float32))
    backend.logistic_mean(pre, np.zeros((7, 1), dtype=np.float32))


def test_the_environment_can_leave_them_out(monkeypatch):
    monkeypatch.setenv(compiled.DISABLE, "1")
    try:
        compiled.status.cache_clear()
        assert compiled.status() == (False, f"{compiled.DISABLE} is set")
    finally:
        monkeypatch.undo()
        compiled.status.cache_clear()


CALL_ALL = """import numpy as np
from dbnvis.backend import numba_kernels as k
f, i = np.zeros((2, 3), "f4"), np.zeros((2, 3), "i2")
k.logistic_mean(f, f[0]), k.logistic_sample(f, f[0], i), k.logistic_mean_sample(f, f[0], i, f.copy())
k.take_sample(f, np.zeros(2, "i8"), i, f.copy()), k.momentum_step(f[0], f[0], f[0], *np.ones(3, "f4"))
kernels = (k.logistic_mean, k.logistic_sample, k.logistic_mean_sample, k.take_sample, k.momentum_step)
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels))"""


def test_a_second_process_compiles_nothing(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def compiled_anew():
        run = subprocess.run([sys.executable, "-c", CALL_ALL], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return int(run.stdout), sorted(tmp_path.rglob("*.nb?"))

    (first, files), (second, same_files) = compiled_anew(), compiled_anew()
    assert (first, second) == (5, 0)
    assert files == same_files
