"""dbnvis.backend: choosing the library, moving arrays, randomness, the kernels; and the pretend device."""

import types

import numpy as np
import pretend
import pytest
from counts import chi_squared_p, host
from scipy import stats
from scipy.special import expit, logit

from dbnvis import backend

LEVEL = 1e-4  # of every statistical test, after a Bonferroni correction; seeds are fixed

# --- which library


def test_array_module_is_that_of_the_arrays(xp):
    a = xp.asarray(np.zeros(3))
    assert backend.array_module(a) is xp
    assert backend.array_module(a, a[:2], a.sum()) is xp


def test_array_module_refuses_two_devices():
    with pytest.raises(TypeError, match=r"arrays of numpy and pretend in one call.*move"):
        backend.array_module(np.zeros(2), pretend.zeros(2))


@pytest.mark.parametrize("arguments", [([1.0, 2.0],), (np.zeros(2), [1.0]), (3.0,), (None,), ()])
def test_array_module_refuses_what_is_no_array(arguments):
    with pytest.raises(TypeError, match=r"expected arrays of .*numpy.*, got .*"):
        backend.array_module(*arguments)


def test_device_module_without_a_gpu(monkeypatch):
    monkeypatch.setattr(backend, "gpu_status", lambda: (False, "the reason why"))
    assert backend.device_module("cpu") is np
    assert backend.device_module("auto") is np
    with pytest.raises(RuntimeError, match=r"the reason why.*--device cpu"):
        backend.device_module("gpu")


def test_device_module_of_this_machine():
    available, detail = backend.gpu_status()
    assert isinstance(detail, str) and detail
    assert (backend.device_module("auto") is np) == (not available)


@pytest.mark.gpu
def test_device_module_with_a_gpu():
    available, reason = backend.gpu_status()
    if not available:
        pytest.skip(reason)
    assert backend.device_module("gpu").__name__ == "cupy"
    assert backend.device_module("cpu") is np


@pytest.mark.parametrize("device", ["cuda", "", "CPU"])
def test_device_module_knows_three_devices(device):
    with pytest.raises(ValueError, match="cpu, gpu or auto"):
        backend.device_module(device)


# --- moving


def test_move_there_and_back(xp):
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    there = backend.move(x, xp)
    assert backend.array_module(there) is xp
    assert there.dtype == np.float32
    back = backend.to_numpy(there)
    assert type(back) is np.ndarray
    np.testing.assert_array_equal(back, x)
    assert type(backend.move(there, np)) is np.ndarray


def test_move_copies_only_between_devices(xp):
    there = xp.asarray(np.zeros(3))
    assert backend.move(there, xp) is there
    x = np.zeros(3)
    assert backend.to_numpy(x) is x


# --- generators


def test_make_rng_is_a_function_of_its_seeds(xp):
    def draw(*seed):
        return tuple(host(backend.make_rng(xp, *seed).random(4)))

    assert draw(1, 2) == draw(1, 2)
    draws = [draw(*seed) for seed in [(0,), (1,), (1, 2), (2, 1), (1, 2, 0, 1), (2**40,), (2**53 - 1,)]]
    assert len(set(draws)) == len(draws)


def test_child_seeds(xp):
    seeds = backend.child_seeds(backend.make_rng(xp, 3), 50)
    assert all(type(seed) is int and 0 <= seed < 2**53 for seed in seeds)
    assert len(set(seeds)) == 50
    assert seeds == backend.child_seeds(backend.make_rng(xp, 3), 50)
    assert seeds != backend.child_seeds(backend.make_rng(xp, 4), 50)


@pytest.mark.parametrize("method", ["random", "standard_normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unit_streams_are_their_generators_side_by_side(xp, method, dtype):
    def streams(*seeds):
        return backend.UnitStreams([backend.make_rng(xp, seed) for seed in seeds])

    together = getattr(streams(5, 6, 7), method)((3, 2, 4), dtype=dtype)
    assert backend.array_module(together) is xp
    assert together.shape == (3, 2, 4) and together.dtype == dtype
    for row, seed in zip(host(together), (5, 6, 7), strict=True):
        np.testing.assert_array_equal(row, host(getattr(backend.make_rng(xp, seed), method)((2, 4), dtype=dtype)))
        np.testing.assert_array_equal(row, host(getattr(streams(seed), method)((1, 2, 4), dtype=dtype))[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_row_of_samples_does_not_depend_on_the_other_rows(xp, dtype):
    pre = np.random.default_rng(0).normal(size=(4, 3, 5)).astype(dtype)  # 15 numbers a row: no multiple of 4
    bias = xp.asarray(np.linspace(-1, 1, 5).astype(dtype))

    def sample(*rows):
        streams = backend.UnitStreams([backend.make_rng(xp, row) for row in rows])
        first = backend.logistic_sample(xp.asarray(pre[list(rows)]), bias, rng=streams)
        second = backend.bernoulli(xp.asarray(expit(pre[list(rows)])), rng=streams)
        return np.stack([host(first), host(second)], axis=1)

    together = sample(0, 1, 2, 3)
    np.testing.assert_array_equal(sample(2), together[[2]])
    np.testing.assert_array_equal(sample(3, 0), together[[3, 0]])
    assert not (together[0] == together[1]).all()


# --- kernels

P = np.array([0.0, 0.001, 0.05, 0.3, 0.5, 0.7, 0.95, 0.999, 1.0])


class Replay:
    """A generator that returns given uniform numbers."""

    def __init__(self, noise):
        self.noise = noise

    def random(self, shape, dtype):
        assert self.noise.shape == shape and self.noise.dtype == dtype
        return self.noise.copy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_logistic_mean(xp, dtype):
    numbers = np.random.default_rng(0)
    pre, bias = numbers.normal(scale=4, size=(2, 3, 5)).astype(dtype), numbers.normal(size=5).astype(dtype)
    pre[0, 0, 0], pre[0, 0, 1] = -1000, 1000
    expected = expit(pre.astype(float) + bias)
    for shape in [(2, 3, 5), (6, 5), (30,)]:
        b = bias if shape[-1] == 5 else np.tile(bias, 6)
        y = backend.logistic_mean(xp.asarray(pre.reshape(shape)), xp.asarray(b))
        assert y.dtype == dtype
        np.testing.assert_allclose(host(y), expected.reshape(shape), rtol=0, atol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_out_may_be_the_argument(xp, dtype):
    numbers = np.random.default_rng(0)
    pre, bias = numbers.normal(size=(7, 5)).astype(dtype), numbers.normal(size=5).astype(dtype)
    kernels = {
        "mean": lambda x, out: backend.logistic_mean(x, xp.asarray(bias), out=out),
        "sample": lambda x, out: backend.logistic_sample(x, xp.asarray(bias), rng=backend.make_rng(xp, 1), out=out),
        "bernoulli": lambda x, out: backend.bernoulli(x, rng=backend.make_rng(xp, 1), out=out),
    }
    for name, kernel in kernels.items():
        x = pre if name != "bernoulli" else expit(pre)
        argument, other, alias = xp.asarray(x), xp.empty(x.shape, dtype=dtype), xp.asarray(x.copy())
        y = host(kernel(argument, None))
        np.testing.assert_array_equal(host(argument), x, err_msg=f"{name} changed its argument")
        kernel(xp.asarray(x), other)
        kernel(alias, alias)
        np.testing.assert_array_equal(host(other), y)
        np.testing.assert_array_equal(host(alias), y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_are_uniform_noise_below_the_mean(xp, dtype):
    """On a device, and in float64 on NumPy: the fused kernels against the definition, number by number."""
    if (xp.__name__, dtype) == ("numpy", "float32"):
        pytest.skip("draws 16-bit numbers: see the test of those")
    numbers = np.random.default_rng(0)
    pre, bias = numbers.normal(size=(40, 5)).astype(dtype), numbers.normal(size=5).astype(dtype)
    noise, p = numbers.random((40, 5), dtype=dtype), expit(pre.astype(float) + bias)
    assert np.abs(noise - p).min() > 1e-5
    replay = Replay(xp.asarray(noise))
    sample = backend.logistic_sample(xp.asarray(pre), xp.asarray(bias), rng=replay)
    assert sample.dtype == dtype
    np.testing.assert_array_equal(host(sample), noise < p)
    np.testing.assert_array_equal(host(backend.bernoulli(xp.asarray(p.astype(dtype)), rng=replay)), noise < p)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sample_frequencies(xp, dtype):
    N = 40_000
    bias = np.where(P == 0, -1000, np.where(P == 1, 1000, logit(np.clip(P, 1e-9, 1 - 1e-9)))).astype(dtype)
    rng = backend.make_rng(xp, 0)
    for sample in (
        backend.logistic_sample(xp.zeros((N, len(P)), dtype=dtype), xp.asarray(bias), rng=rng),
        backend.bernoulli(xp.asarray(np.tile(P.astype(dtype), (N, 1))), rng=rng),
    ):
        assert sample.dtype == dtype
        sample = host(sample)
        assert set(np.unique(sample)) == {0, 1}
        for p, count in zip(P, sample.sum(axis=0).astype(int), strict=True):
            assert stats.binomtest(count, N, p).pvalue > LEVEL / len(P), (p, count / N)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbouring_samples_are_independent(xp, dtype):
    """In the 16-bit path four of them share one 64-bit number."""
    x = host(backend.bernoulli(xp.full((200, 1000), 0.3, dtype=dtype), rng=backend.make_rng(xp, 1))).ravel()
    for lag in (1, 2, 3, 4, 1000):
        pairs = np.bincount((2 * x[:-lag] + x[lag:]).astype(int), minlength=4)
        # Overlapping pairs: the count of (1, 1) against its normal limit, by martingale differences.
        z = ((x[:-lag] - 0.3) * (x[lag:] - 0.3)).sum() / (0.21 * np.sqrt(len(x) - lag))
        assert 2 * stats.norm.sf(abs(z)) > LEVEL / 5, (lag, pairs)


@pytest.mark.parametrize("name", ["PCG64", "PCG64DXSM", "SFC64", "Philox", "MT19937"])
def test_every_bit_generator_draws_the_right_share(name):
    """MT19937's raw draws have 32 bits, the others' 64: 200,000 draws, 5 standard errors."""
    rng = np.random.Generator(getattr(np.random, name)(0))
    for p in (0.15, 0.5):
        share = backend.bernoulli(np.full(200_000, p, np.float32), rng=rng).mean(dtype=float)
        assert abs(share - p) < 5 * (p * (1 - p) / 200_000) ** 0.5


def test_16_bit_noise_gives_probabilities_within_2_to_the_minus_17():
    """float32 on NumPy, exactly: count over all 65,536 equally likely values of the noise."""
    every = np.arange(-(2**15), 2**15, dtype=np.int16).view(np.uint64)
    bit_generator = type("PCG64", (), {"random_raw": lambda self, size: every[:size].copy()})()
    rng = types.SimpleNamespace(bit_generator=bit_generator)
    for p in (0.0, 1e-7, 1e-5, 3.4e-5, 0.001, 0.1, 0.49999, 0.5, 0.7, 0.99999, 1 - 1e-7, 1.0):
        p = float(np.float32(p))
        frequency = backend.bernoulli(np.full(2**16, p, np.float32), rng=rng).mean(dtype=float)
        assert abs(frequency - p) <= 2**-17, (p, frequency)
        x = np.float32(np.clip(logit(p), -1000, 1000))
        zeros = np.zeros((2**16, 1), np.float32)
        frequency = backend.logistic_sample(zeros, np.full(1, x), rng=rng).mean(dtype=float)
        assert abs(frequency - p) <= 2**-17 + 2**-23, (p, frequency)  # tanh in float32


def test_samples_differ_from_call_to_call(xp, rng):
    p = xp.full((5, 40), 0.5, dtype="float32")
    first, second = (host(backend.bernoulli(p, rng=rng)) for _ in range(2))
    assert 40 < (first != second).sum() < 160  # 100 on average, standard deviation 7


def test_chi_squared_helper_rejects_a_wrong_distribution():
    counts = np.random.default_rng(0).multinomial(10_000, [0.5, 0.3, 0.2])
    assert chi_squared_p(counts, [0.5, 0.3, 0.2]) > 0.01
    assert chi_squared_p(counts, [0.48, 0.32, 0.2]) < 1e-3


# --- the pretend device is as strict as CuPy


@pytest.mark.parametrize(
    "mistake",
    [
        lambda d, n: np.asarray(d),
        lambda d, n: np.array([d, d]),
        lambda d, n: np.tanh(d),
        lambda d, n: np.mean(d),
        lambda d, n: np.concatenate([d, d]),
        lambda d, n: d + n,
        lambda d, n: n + d,
        lambda d, n: n @ d,
        lambda d, n: n.__iadd__(d),
        lambda d, n: d.__iadd__(n),
        lambda d, n: d == n,
        lambda d, n: d.__setitem__(slice(None), n),
        lambda d, n: n.__setitem__(slice(None), d),
        lambda d, n: d[n.astype(int)],
        lambda d, n: pretend.add(d, n),
        lambda d, n: pretend.add(d, [1, 2]),
        lambda d, n: pretend.add(d, d, out=n),
        lambda d, n: pretend.add(d, d, where=d > 0),
        lambda d, n: pretend.sum(d, where=d > 0),
        lambda d, n: pretend.stack([d, n]),
        lambda d, n: pretend.take(d, [0], mode="clip"),
        lambda d, n: pretend.tanh(n),
        lambda d, n: pretend.sort(n),
        lambda d, n: d.mean(out=n),
        lambda d, n: pretend.random.default_rng([1, 2]),
        lambda d, n: pretend.random.default_rng(0).random(2, out=n),
        lambda d, n: float(d),
        lambda d, n: {d: 1},
    ],
)
def test_pretend_refuses(mistake):
    with pytest.raises(TypeError):
        mistake(pretend.asarray(np.ones(2)), np.ones(2))


def test_pretend_sorts_only_stably():
    for sort in (pretend.argsort, lambda a, kind: a.argsort(kind=kind)):
        assert sort(pretend.asarray(np.array([2, 1, 2, 1])), kind="stable").tolist() == [1, 3, 0, 2]
        with pytest.raises(ValueError, match="stable"):
            sort(pretend.zeros(3), kind="quicksort")


def test_pretend_lacks_what_cupy_lacks():
    generator = pretend.random.default_rng(0)
    for owner, name in [(generator, "choice"), (generator, "permutation"), (generator, "bit_generator")]:
        assert not hasattr(owner, name)
    for name in ("vectorize", "fromiter", "busday_count"):
        assert not hasattr(pretend, name)


def test_pretend_computes_what_numpy_computes():
    n = np.arange(6.0).reshape(2, 3)
    d = pretend.asarray(n)
    assert type(d.sum()) is pretend.ndarray and float(d.sum()) == 15
    np.testing.assert_array_equal((2 * d - d / 4 + np.float64(1)).get(), 2 * n - n / 4 + 1)
    np.testing.assert_array_equal((d @ d.T).get(), n @ n.T)
    d[:, 0] += 10
    assert d[:, 0].tolist() == [10, 13]
    out = pretend.empty((2, 3))
    assert pretend.multiply(d, d, out=out) is out
    assert out[1, 0].tolist() == 169
    rng = np.random.default_rng(9)
    generator = pretend.random.default_rng(9)
    np.testing.assert_array_equal(generator.random((2, 2), dtype="float32").get(), rng.random((2, 2), dtype="float32"))
    np.testing.assert_array_equal(generator.standard_normal(3).get(), rng.standard_normal(3))
