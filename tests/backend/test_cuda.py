"""The GPU's kernels: compiled where a compiler is, emulated on the host everywhere, run where a GPU answers."""

import contextlib
import ctypes
import importlib
import shutil
import subprocess
import sys
import warnings

import emulated
import numpy as np
import pytest
from counts import chi_squared_p, host
from scipy import stats
from scipy.special import expit

from dbnvis import RBM, CDConfig, GaussianRBM, backend, train_rbm
from dbnvis.backend import cuda, graphs, make_rng
from dbnvis.train import CDState

LEVEL = 1e-4  # of every statistical test; seeds are fixed
CACHES = (cuda._module, cuda._kernel, cuda._general, graphs._own_stream, graphs._cublas)
PLAIN = {
    "persistent": False,
    "centered": False,
    "binarize": "none",
    "sparsity_target": None,
    "weight_decay": 0,
    "l1_decay": 0,
}

needs_g = pytest.mark.skipif(emulated.COMPILER is None, reason="no g++ to compile the kernels for the host with")


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(params=[pytest.param("emulated", marks=needs_g), pytest.param("cupy", marks=pytest.mark.gpu)])
def xp(request, monkeypatch, folder):
    """CuPy, on a GPU or emulated."""
    if request.param == "cupy":
        available, reason = backend.gpu_status()
        if not available:
            pytest.skip(reason)
        yield importlib.import_module("cupy")
        return
    device = emulated.Emulation(folder)
    module = emulated.cupy(device)
    module.emulation = device
    monkeypatch.setitem(sys.modules, "cupy", module)
    for cache in CACHES:
        cache.cache_clear()
    monkeypatch.setattr(graphs, "_cublas", lambda major: emulated.Cublas(device))
    yield module
    monkeypatch.undo()
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def emulation(xp):
    """The emulated device, for what only it can count."""
    if not hasattr(xp, "emulation"):
        pytest.skip("counted on the emulated device")
    return xp.emulation


both_types = pytest.mark.parametrize("dtype", ["float32", "float64"])

# --- the source


@pytest.mark.parametrize("real", ["float", "double"])
def test_the_source_compiles(real, tmp_path):
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        pytest.skip("no nvcc on this machine")
    command = [nvcc, "-std=c++14", f"-DREAL={real}", "-arch=sm_90", "--cubin", "-Werror", "all-warnings"]
    done = subprocess.run([*command, "-o", tmp_path / "kernels", cuda.SOURCE], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "kernels").stat().st_size > 0


def test_the_source_compiles_at_run_time(tmp_path):
    """As CuPy compiles it: without a host compiler and its headers."""
    try:
        from cupy_backends.cuda.libs import nvrtc

        nvrtc.getVersion()
    except Exception as error:
        pytest.skip(f"no NVRTC: {error}")
    for real in ("float", "double"):
        program = nvrtc.createProgram(cuda.SOURCE.read_text(), "cuda_kernels.cu", [], [])
        nvrtc.compileProgram(program, ["-std=c++14", f"-DREAL={real}", "-arch=sm_90"])


def test_the_source_is_installed_with_the_package():
    import configparser

    config = configparser.ConfigParser()
    config.read(cuda.SOURCE.parents[2] / "setup.cfg")
    assert "backend/*.cu" in config["options.package_data"]["dbnvis"]


# --- random numbers


def philox(folder, key, low, high=0):
    words = (ctypes.c_uint * 4)()
    call = emulated.library("float", str(folder)).words
    call.argtypes = [ctypes.c_ulonglong] * 3 + [ctypes.c_void_p]
    call(key, low, high, words)
    return list(words)


@needs_g
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_known_answers(folder, counter, key, answer):
    """Of Random123, where philox4x32-10 comes from."""
    (low, high), key = [counter[i] | counter[i + 1] << 32 for i in (0, 2)], key[0] | key[1] << 32
    assert philox(folder, key, low, high) == answer


@needs_g
def test_uniform_numbers_are_philoxs_words(xp, folder):
    """Thread i takes block `offset + i`; in float32 a word is a number of 24 bits."""
    rng = cuda.Generator(99)
    assert rng.random(7, dtype="float32").shape == (7,)  # blocks 0 and 1
    x = host(rng.random((3, 4), dtype="float32")).ravel()
    words = np.array([philox(folder, 99, 2 + i) for i in range(3)])
    np.testing.assert_array_equal(x, (words.T.ravel() >> 8) / 2.0**24)
    x = host(rng.random(4))  # in float64 two words are a number of 53 bits
    a, b = (np.array(philox(folder, 99, 5 + i), dtype=np.uint64) for i in range(2))
    expected = (np.array([*((a[::2] << 32) | a[1::2]), *((b[::2] << 32) | b[1::2])], dtype=np.uint64) >> 11) / 2.0**53
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_array_equal(host(rng.state), [99, 7, 0])


@both_types
@pytest.mark.parametrize("kind", ["random", "standard_normal"])
def test_generators_side_by_side_draw_each_its_own_numbers(xp, dtype, kind):
    """Draw after draw, of sizes that four does and does not divide; one row alone draws the same."""
    seeds = [5, 2**62 + 1, 7]
    together, alone = backend.UnitStreams.of(xp, [(s,) for s in seeds]), [make_rng(xp, s) for s in seeds]
    assert isinstance(together, cuda.Generators)
    one = backend.UnitStreams.of(xp, [(seeds[1],)])
    for shape in ((3, 7), (3, 2, 4), (3, 1), (3, 100)):
        drawn = host(getattr(together, kind)(shape, dtype=dtype))
        rows = [host(getattr(rng, kind)(shape[1:], dtype=dtype)) for rng in alone]
        np.testing.assert_array_equal(drawn, np.stack(rows))
        np.testing.assert_array_equal(host(getattr(one, kind)((1, *shape[1:]), dtype=dtype))[0], drawn[1])
        assert drawn.dtype == dtype and len(np.unique(drawn)) == drawn.size
    with pytest.raises(ValueError, match="there are 3 generators, not 4"):
        together.random((4, 2))


@both_types
def test_numbers_are_uniform_and_normal(xp, dtype):
    rng, N = cuda.Generator(1), 20_001
    u, z = host(rng.random(N, dtype=dtype)), host(rng.standard_normal(N, dtype=dtype))
    assert u.dtype == z.dtype == dtype and u.min() >= 0 and u.max() < 1
    assert chi_squared_p(np.bincount((u * 100).astype(int), minlength=100), np.full(100, 0.01)) > LEVEL
    assert chi_squared_p(np.bincount((stats.norm.cdf(z) * 100).astype(int), minlength=100), np.full(100, 0.01)) > LEVEL
    for x in (u - 0.5, z):  # neighbours, and the four numbers of a thread, are uncorrelated
        for lag in (1, (N + 3) // 4, 2 * ((N + 3) // 4)):
            r = np.corrcoef(x[:-lag], x[lag:])[0, 1]
            assert 2 * stats.norm.sf(abs(r) * np.sqrt(N - lag)) > LEVEL


def test_a_generator_is_a_function_of_its_seed_and_begins_again(xp):
    rng = make_rng(xp, 5)
    first = host(rng.random(9))
    assert (host(rng.random(9)) != first).all()
    again = make_rng(xp, 5, into=rng)
    assert again is rng
    np.testing.assert_array_equal(host(again.random(9)), first)
    assert (host(make_rng(xp, 6).random(9)) != first).all()
    out = xp.empty((3, 3))
    assert make_rng(xp, 5).random(out=out, size=None) is out
    np.testing.assert_array_equal(host(out).ravel(), first)
    assert rng.random().shape == ()


# --- kernels against NumPy


def arrays(xp, dtype, *shapes, seed=0):
    numbers = np.random.default_rng(seed)
    hosts = [numbers.normal(size=shape).astype(dtype) for shape in shapes]
    return hosts, [xp.asarray(x) for x in hosts]


@both_types
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (70, 45), (3, 7, 300)])
def test_draws_are_the_generators_uniform_numbers_below_the_mean(xp, dtype, shape):
    """Number by number: a generator of the same seed gives the noise that the fused kernels compared with."""
    (pre, bias), (pre_there, bias_there) = arrays(xp, dtype, shape, shape[-1:])
    p = expit(pre.astype(float) + bias)
    noise = host(cuda.Generator(3).random(shape, dtype=dtype))
    sure = np.abs(noise - p) > 1e-6
    tolerance = {"rtol": 0, "atol": 4 * np.finfo(dtype).eps}
    np.testing.assert_allclose(host(backend.logistic_mean(pre_there, bias_there)), p, **tolerance)
    sample = host(backend.logistic_sample(pre_there, bias_there, rng=cuda.Generator(3)))
    np.testing.assert_array_equal(sample[sure], (noise < p)[sure])
    mean, both = xp.asarray(pre), xp.empty(shape, dtype=dtype)
    backend.logistic_mean_sample(mean, bias_there, rng=cuda.Generator(3), out=(mean, both))
    np.testing.assert_allclose(host(mean), p, **tolerance)
    np.testing.assert_array_equal(host(both), sample)
    p_there = xp.asarray(p.astype(dtype))
    np.testing.assert_array_equal(
        host(backend.bernoulli(p_there, rng=cuda.Generator(3), out=p_there)), noise < p.astype(dtype)
    )


@both_types
def test_certain_draws(xp, dtype):
    p = xp.asarray(np.tile([0.0, 1.0], 500).astype(dtype))
    np.testing.assert_array_equal(host(backend.bernoulli(p, rng=cuda.Generator(0))), host(p))
    extremes, none = xp.asarray(np.array([[-1e4, 1e4]] * 50, dtype=dtype)), xp.zeros(2, dtype=dtype)
    sample = host(backend.logistic_sample(extremes, none, rng=cuda.Generator(0)))
    np.testing.assert_array_equal(sample, np.tile([0, 1], (50, 1)))


def test_what_the_kernels_do_not_fit_takes_the_general_way(xp):
    """A bias that broadcasts, columns side by side, a foreign generator: the same distribution and the same means."""
    (pre, bias), (pre_there, bias_there) = arrays(xp, "float64", (4, 6, 5), (4, 1, 5))
    p = expit(pre + bias)
    np.testing.assert_allclose(host(backend.logistic_mean(pre_there, bias_there)), p, atol=1e-15)
    noise = host(cuda.Generator(8).random(p.shape))
    streams = backend.UnitStreams([cuda.Generator(8 + i) for i in range(4)])
    np.testing.assert_array_equal(
        host(backend.logistic_sample(pre_there, bias_there, rng=cuda.Generator(8))), noise < p
    )
    mean, sample = xp.empty(p.shape), xp.empty(p.shape)
    backend.logistic_mean_sample(pre_there, bias_there, rng=streams, out=(mean, sample))
    rows = np.stack([host(cuda.Generator(8 + i).random(p.shape[1:])) for i in range(4)])
    np.testing.assert_array_equal(host(sample), rows < p)
    strided = xp.asarray(p[0].T.copy()).T
    np.testing.assert_array_equal(
        host(backend.bernoulli(strided, rng=cuda.Generator(8))), host(cuda.Generator(8).random(p[0].shape)) < p[0]
    )


@both_types
def test_batches_are_taken_and_drawn(xp, dtype):
    numbers = np.random.default_rng(0)
    x, order, rates = numbers.random((50, 37)).astype(dtype), numbers.permutation(50).reshape(5, 10), np.arange(5.0)
    x_there, order_there, rates_there = xp.asarray(x), xp.asarray(order), xp.asarray(rates.astype(dtype))
    batch, rows, rate = xp.zeros(1, dtype=int), xp.zeros((1, 10), dtype=int), xp.zeros(1, dtype=dtype)
    out = xp.empty((10, 37), dtype=dtype)
    for i in range(5):
        backend.next_batch(order_there, rates_there, batch, out=(rows, rate))
        np.testing.assert_array_equal(host(rows), order[[i]])
        assert (float(rate[0]), int(batch[0])) == (i, i + 1)
        backend.take_rows(x_there, rows[0], out=out)
        np.testing.assert_array_equal(host(out), x[order[i]])
        backend.take_rows(x_there, rows[0], out=out, rng=cuda.Generator(i))
        noise = host(cuda.Generator(i).random(out.shape, dtype=dtype))
        np.testing.assert_array_equal(host(out), noise < x[order[i]])
    np.testing.assert_array_equal(host(x_there), x)


@both_types
@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("sizes", [(4, 5, 3), (70, 300, 45), (34, 31, 257)], ids=str)
def test_one_update_is_numpys(xp, dtype, centered, sizes):
    """Running mean, CD gradient, sparsity gradient, momentum step: the kernels against the same functions on NumPy."""
    B, V, H = sizes

    def update(xp, dtype):
        numbers = np.random.default_rng(1)
        v, h = numbers.random((B, V)), numbers.random((B, H))
        row_weight = np.where(np.arange(B) < B // 2, 2 / B, -2 / B)
        parameters = {"W": numbers.normal(size=(V, H)), "vbias": numbers.normal(size=V), "hbias": numbers.random(H)}
        velocities = {name: numbers.normal(size=x.shape) for name, x in parameters.items()}
        offsets, h_mean = (numbers.random(V), numbers.random(H)), numbers.random(H)
        v, h, row_weight, h_mean, rate, mu, lam = (
            xp.asarray(x.astype(dtype)) for x in (v, h, row_weight, h_mean, np.array([0.3]), *offsets)
        )
        parameters, velocities = (
            {name: xp.asarray(x.astype(dtype)) for name, x in arrays.items()} for arrays in (parameters, velocities)
        )
        gradient = xp.empty((V, H), dtype=dtype)
        backend.update_running_mean(h_mean, h[: B // 2], decay=0.9)
        dv, dh = backend.cd_gradient(v, h, row_weight, rate, offsets=(mu, lam) if centered else None, out=gradient)
        seen = {"mean": host(h_mean), "W": host(gradient), "vbias": host(dv), "hbias": host(dh)}
        backend.add_sparsity_gradient(dh, h_mean, rate=rate, cost=0.7, target=0.1)
        seen["pulled"] = host(dh)
        for decays in ({"weight_decay": 0.1, "l1_decay": 0.2}, {"weight_decay": 0, "l1_decay": 0}):
            for momentum in (0.9, 0):
                changes = {"W": gradient.copy(), "vbias": dv.copy(), "hbias": dh.copy()}
                backend.momentum_step(parameters, velocities, changes, rate=rate, momentum=momentum, **decays)
                seen |= {f"{name} {momentum} {decays}": host(x) for name, x in parameters.items()}
                seen |= {f"velocity of {name} {momentum} {decays}": host(x) for name, x in velocities.items()}
        return seen

    there, here = update(xp, dtype), update(np, "float64")
    for name, x in here.items():
        np.testing.assert_allclose(there[name], x, rtol=0, atol=20 * np.finfo(dtype).eps * max(1, B / 8), err_msg=name)
    decayed = there["W 0.9 {'weight_decay': 0.1, 'l1_decay': 0.2}"]
    assert decayed.size < 1000 or (decayed == 0).any()


@both_types
def test_products_of_a_recorded_step(xp, dtype):
    """Every layout that training uses, with cuBLAS called as in a graph."""
    (A, B, chains, x, y), (a, b, c, u, w) = arrays(xp, dtype, (7, 5), (5, 3), (2, 4, 5), (5,), (7,))
    stream, products = graphs._own_stream()
    buffer = xp.zeros((10, 3), dtype=dtype)
    cases = [(a, b, A @ B), (b.T, a.T, (A @ B).T), (c, b, chains @ B), (a, u, A @ x), (w, a, y @ A), (c, u, chains @ x)]
    backend.synchronize(xp)  # the stream does not wait for others
    with stream:
        results = [host(products.matmul(left, right, None)) for left, right, _ in cases]
        products.matmul(a[2:], b, buffer[1:6])
        transposed = xp.zeros((5, 5), dtype=dtype)
        products.matmul(a.T, a, transposed)
    stream.synchronize()
    for result, (_, _, expected) in zip(results, cases, strict=True):
        np.testing.assert_allclose(result, expected, rtol=0, atol=40 * np.finfo(dtype).eps)
    np.testing.assert_allclose(host(buffer)[1:6], A[2:] @ B, rtol=0, atol=40 * np.finfo(dtype).eps)
    assert not host(buffer)[0].any() and not host(buffer)[6:].any()
    np.testing.assert_allclose(host(transposed), A.T @ A, rtol=0, atol=40 * np.finfo(dtype).eps)
    for left, right, out in [(a[:, ::2], b[::2], None), (a, b, xp.zeros((3, 7), dtype=dtype).T)]:
        with pytest.raises(TypeError, match="no recorded product"):
            products.matmul(left, right, out)


# --- recorded training


def train(xp, monkeypatch, steps, kind=RBM, dtype="float64", V=20, H=12, n=145, seed=2, **settings):
    monkeypatch.setattr(graphs, "STEPS", steps)
    rbm = kind.random(V, H, rng=np.random.default_rng(3), dtype=dtype, scale=0.3)
    rbm = kind(*(xp.asarray(x) for x in rbm.params().values()))
    data, state = xp.asarray(np.random.default_rng(4).random((n, V)).astype(dtype)), CDState()
    config = CDConfig(**{"epochs": 3, "batch_size": 10, "learning_rate": 0.1, "momentum_epochs": 2, **settings})
    for _ in train_rbm(rbm, data, config, rng=make_rng(xp, seed), state=state):
        pass
    return {
        **{f"parameter {k}": host(x) for k, x in rbm.params().items()},
        **{k: host(x) for k, x in state.arrays.items()},
    }


@contextlib.contextmanager
def nothing_falls_back():
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


RECIPES = [
    {},
    PLAIN,
    {"k": 2, "final_momentum": 0.9},
    {"persistent": False, "reconstruction": "mean", "k": 3},
    {"k_epochs": 1, "centered": False},
]


@both_types
@pytest.mark.parametrize("settings", RECIPES, ids=str)
def test_recorded_training_is_unrecorded_training(xp, monkeypatch, settings, dtype):
    """Generators on the device give a replayed step the very numbers that it would have drawn itself."""
    plain = train(xp, monkeypatch, 0, dtype=dtype, **settings)
    with nothing_falls_back():
        recorded = train(xp, monkeypatch, 3, dtype=dtype, **settings)
    for name, x in plain.items():
        np.testing.assert_allclose(recorded[name], x, rtol=0, atol=5e-3 if dtype == "float32" else 1e-9, err_msg=name)
    assert np.abs(plain["parameter W"]).max() > 0.1


@pytest.mark.gpu
@pytest.mark.parametrize("settings", [{"temperatures": 3}, {"binarize": "threshold"}, {"kind": GaussianRBM}], ids=str)
def test_everything_else_is_recorded_too(xp, monkeypatch, settings):
    """What CuPy does beside the kernels of this package; the emulation cannot record that."""
    if hasattr(xp, "emulation"):
        pytest.skip("recorded on a GPU alone")
    settings = {"learning_rate": 0.01, **settings}
    plain = train(xp, monkeypatch, 0, **settings)
    with nothing_falls_back():
        recorded = train(xp, monkeypatch, 3, **settings)
    for name, x in plain.items():
        np.testing.assert_allclose(recorded[name], x, rtol=0, atol=1e-9, err_msg=name)


def test_a_step_that_cannot_be_recorded_runs_kernel_by_kernel(xp, emulation, monkeypatch):
    """The emulation captures no comparison: one warning a recording, and the same training."""
    plain = train(xp, monkeypatch, 0, binarize="threshold")
    with pytest.warns(RuntimeWarning, match="could not be recorded.*kernel by kernel"):
        fallen_back = train(xp, monkeypatch, 3, binarize="threshold")
    assert emulation.graphs == 0 and emulation.capture is None and graphs._recording is None
    for name, x in plain.items():
        np.testing.assert_allclose(fallen_back[name], x, rtol=0, atol=1e-9, err_msg=name)


def test_without_cublas_nothing_is_recorded(xp, monkeypatch):
    def missing(major):
        raise OSError("libcublas.so: cannot open shared object file")

    plain = train(xp, monkeypatch, 0)
    monkeypatch.setattr(graphs, "_cublas", missing)
    graphs._own_stream.cache_clear()
    with pytest.warns(RuntimeWarning, match=r"libcublas\.so"):
        other = train(xp, monkeypatch, 3)
    for name, x in plain.items():
        np.testing.assert_array_equal(other[name], x, err_msg=name)


def test_training_resumes_to_the_same_bits_whatever_was_recorded(xp, monkeypatch):
    monkeypatch.setattr(graphs, "STEPS", 3)
    data = xp.asarray(np.random.default_rng(4).random((145, 20)).astype("float32"))
    config = CDConfig(epochs=4, batch_size=10, momentum_epochs=1)

    def fresh():
        return RBM.random(20, 12, rng=make_rng(xp, 3)), CDState()

    straight, straight_state = fresh()
    list(train_rbm(straight, data, config, rng=make_rng(xp, 7), state=straight_state))
    parted, state = fresh()
    for _ in range(4):
        next(train_rbm(parted, data, config, rng=make_rng(xp, 7), state=state))
    for name, x in straight.params().items():
        np.testing.assert_array_equal(host(parted.params()[name]), host(x), err_msg=name)
    for name, x in straight_state.arrays.items():
        np.testing.assert_array_equal(host(state.arrays[name]), host(x), err_msg=name)


def test_parameters_replaced_between_epochs_are_trained(xp, monkeypatch):
    monkeypatch.setattr(graphs, "STEPS", 3)
    data = xp.asarray(np.random.default_rng(4).random((145, 20)).astype("float32"))
    rbm = RBM.random(20, 12, rng=make_rng(xp, 3))
    epochs = train_rbm(rbm, data, CDConfig(epochs=2, batch_size=10), rng=make_rng(xp, 7))
    next(epochs)
    left, rbm.W = rbm.W, rbm.W.copy()
    before = host(left)
    next(epochs)
    np.testing.assert_array_equal(host(left), before)
    assert (host(rbm.W) != before).any()


def test_a_step_is_few_launches_and_ten_steps_are_one(xp, emulation, monkeypatch):
    """CD-1: eight kernels and four matrix products. The recipe has two kernels more, a running mean and the sparsity's
    pull, and one product less: of its persistent chains together with the data."""
    for settings, kernels, products in [(PLAIN, 8, 4), ({}, 10, 3)]:
        emulation.launches.clear()
        emulation.graphs = 0
        train(xp, monkeypatch, 10, n=1000, epochs=2, momentum_epochs=0, **settings)
        assert emulation.launches.count("next_batch") == 200
        assert emulation.graphs == 9 + 10  # of the first hundred steps one comes before the graph, and nine after
        start = len(emulation.launches) - 1 - emulation.launches[::-1].index("next_batch")
        step = emulation.launches[start : start + kernels + products]
        assert step[-1] == "momentum_step" and step.count("gemm") == products


def test_nothing_waits_for_the_device_within_an_epoch(xp, emulation, monkeypatch):
    """As many looks at the device with ten times the batches."""
    waits = []
    for n in (150, 1500):
        emulation.waits = 0
        train(xp, monkeypatch, 10, n=n)
        waits.append(emulation.waits)
    assert waits[0] == waits[1] < 25


@pytest.mark.parametrize("library", ["numpy", "pretend"])
def test_elsewhere_a_recorded_function_is_simply_called(library):
    calls = []
    repeat = backend.recorded(importlib.import_module(library), lambda: calls.append(1))
    repeat(3)
    repeat(0)
    assert len(calls) == 3
