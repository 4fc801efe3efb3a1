"""CuPy on the host, as far as `dbnvis.backend` calls it: `pretend` arrays, the real cuda_kernels.cu compiled as C++.

Kernels check their arguments as a compiler would. A graph is the list of what was launched while it was captured;
arrays allocated meanwhile belong to the pool, and any other work on arrays raises, as a transfer would.
"""

import contextlib
import ctypes
import importlib.util
import re
import shutil
import subprocess
import types
from functools import lru_cache
from pathlib import Path

import numpy as np
import pretend

from dbnvis.backend import cuda

HEADER = Path(__file__).with_name("emulate.h")
COMPILER = shutil.which("g++")
ALLOWED = ("unknown-pragmas", "sign-compare", "unused-function")
POINTERS = {"real": None, "i64": "int64", "u64": "uint64"}
VIEWS = {"empty", "empty_like", "reshape", "ravel", "transpose"}
WAITS = {"get", "item", "tolist", "__float__", "__int__", "__bool__"}


def signatures():
    """The parameter types of every kernel, by its name."""
    source = re.sub(r"//.*", "", cuda.SOURCE.read_text())
    found = re.findall(r"^KERNEL (\w+)\(([^)]*)\)", source, re.MULTILINE)
    return {name: [" ".join(p.split()[:-1]) for p in parameters.split(",")] for name, parameters in found}


@lru_cache
def library(real, folder):
    """cuda_kernels.cu for one type of number as a shared library."""
    source, built = Path(folder) / f"{real}.cpp", Path(folder) / f"{real}.so"
    exports = [
        f'extern "C" int emulate_{name}(const unsigned* g, const unsigned* b, void** a) '
        f"{{ return emulate::launch({name}, g, b, a); }}"
        for name in signatures()
    ]
    exports.append(
        'extern "C" void words(u64 key, u64 low, u64 high, u32* out) '
        "{ for (int i = 0; i < 4; ++i) out[i] = philox(key, low, high).w[i]; }"
    )
    source.write_text("\n".join([f'#include "{HEADER}"', f'#include "{cuda.SOURCE}"', *exports]))
    flags = [
        "-std=c++14",
        "-O1",
        "-Wall",
        "-Werror",
        "-Wno-unknown-pragmas",
        "-Wno-sign-compare",
        "-Wno-unused-function",
    ]
    command = [COMPILER, *flags, f"-DREAL={real}", "-fPIC", "-shared", "-o", str(built), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(built))


class Emulation:
    """One emulated device: what is launched on it, and what of that is being captured."""

    def __init__(self, folder):
        self.folder, self.capture, self.pool = str(folder), None, None
        self.launches: list[str] = []
        self.graphs = self.waits = 0

    def do(self, name, work):
        """Do some work now, or when the graph is launched."""
        if self.capture is not None:
            self.capture.append((name, work))
            return
        self.launches.append(name)
        work()


class Kernel:
    def __init__(self, device, name, real):
        self.device, self.name, self.dtype = device, name, {"float": "float32", "double": "float64"}[real]
        self.parameters = signatures()[name]
        self.function = getattr(library(real, device.folder), f"emulate_{name}")

    def __call__(self, grid, block, args):
        assert len(args) == len(self.parameters), (self.name, self.parameters)
        values = [self.value(kind, arg) for kind, arg in zip(self.parameters, args, strict=True)]
        dimensions = [(ctypes.c_uint * 3)(*(*x, 1, 1)[:3]) for x in (grid, block)]
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))

        def work(alive=(values, pointers)):
            assert self.function(*dimensions, pointers) == 0, f"{self.name}: threads disagree about a barrier"

        self.device.do(self.name, work)

    def value(self, kind, arg):
        """What CuPy would pass: arrays as pointers, int as long long, float as double."""
        if kind.endswith("*"):
            if type(arg) is int and arg == 0:
                return ctypes.c_void_p(0)
            expected = POINTERS[kind.removeprefix("const ").removesuffix("*")] or self.dtype
            assert arg.dtype == expected and arg.flags.c_contiguous, (self.name, kind, arg.dtype, arg.strides)
            return ctypes.c_void_p(arg.data.ptr)
        assert type(arg) is {"i64": int, "double": float}[kind], (self.name, kind, type(arg))
        return ctypes.c_longlong(arg) if kind == "i64" else ctypes.c_double(arg)


class Stream:
    def __init__(self, device, non_blocking=False):
        self.device, self.ptr = device, 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def record(self):
        return types.SimpleNamespace(stream=self)

    def wait_event(self, event):
        assert self.device.capture is None

    def synchronize(self):
        assert self.device.capture is None
        self.device.waits += 1

    def begin_capture(self):
        self.device.capture = []

    def end_capture(self):
        captured, self.device.capture = self.device.capture, None

        def launch():
            self.device.graphs += 1
            for name, work in captured:
                self.device.do(name, work)

        return types.SimpleNamespace(launch=launch, names=[name for name, _ in captured])


class Cublas:
    """The calls of cuBLAS that a recorded step makes, on column-major matrices in memory."""

    def __init__(self, device):
        self.device = device

    def cublasCreate_v2(self, handle):  # noqa: N802 (cuBLAS's name)
        return 0

    cublasSetStream_v2 = cublasSetWorkspace_v2 = lambda self, *args: 0  # noqa: N815

    def cublasSgemm_v2(self, *args):  # noqa: N802
        return self.gemm("float32", *args)

    def cublasDgemm_v2(self, *args):  # noqa: N802
        return self.gemm("float64", *args)

    def gemm(self, dtype, handle, trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        shape_a, shape_b = (k, m) if trans_a else (m, k), (n, k) if trans_b else (k, n)
        if lda < max(1, shape_a[0]) or ldb < max(1, shape_b[0]) or ldc < max(1, m):
            return 7

        def matrix(pointer, shape, stride):
            item = np.dtype(dtype).itemsize
            memory = (ctypes.c_char * (item * (stride * (shape[1] - 1) + shape[0]))).from_address(pointer.value)
            return np.lib.stride_tricks.as_strided(np.frombuffer(memory, dtype), shape, (item, item * stride))

        def work():
            x, y, z = matrix(a, shape_a, lda), matrix(b, shape_b, ldb), matrix(c, (m, n), ldc)
            z[...] = alpha._obj.value * (x.T if trans_a else x) @ (y.T if trans_b else y) + 0 * beta._obj.value

        self.device.do("gemm", work)
        return 0


def cupy(device):
    """A module that passes for CuPy, on the emulated `device`."""
    spec = importlib.util.spec_from_file_location("cupy", pretend.__file__)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ndarray = module.ndarray

    def guarded(name, function):
        def call(*args, **keywords):
            if device.capture is not None and name not in VIEWS:
                raise RuntimeError(f"{name} is not to be captured")
            device.waits += name in WAITS
            result = function(*args, **keywords)
            if device.pool is not None and name.startswith("empty"):
                device.pool.append(result)
            elif device.capture is not None and name.startswith("empty"):
                raise RuntimeError("allocated outside the pool of the recording")
            return result

        return call

    for name in [*pretend.UFUNCS.split(), *pretend.FUNCTIONS, "asarray"]:
        setattr(module, name, guarded(name, getattr(module, name)))
    attribute = ndarray.__getattr__
    for name in [name for name in vars(ndarray) if callable(vars(ndarray)[name])]:
        if name not in ("__init__", "__new__", "__getattr__", "__getitem__", "__len__", "__iter__", "__array__"):
            setattr(ndarray, name, guarded(name, vars(ndarray)[name]))
    ndarray.__getattr__ = lambda self, name: guarded(name, attribute(self, name))
    ndarray.data = property(lambda self: types.SimpleNamespace(ptr=self._host.ctypes.data))
    ndarray.strides = property(lambda self: self._host.strides)
    ndarray.flags = property(lambda self: self._host.flags)

    def raw_module(code, options):
        (real,) = [option.removeprefix("-DREAL=") for option in options if option.startswith("-DREAL=")]
        return types.SimpleNamespace(get_function=lambda name: Kernel(device, name, real))

    def elementwise(inputs, output, operation, name):
        def p(x, b):
            return 1 / (1 + np.exp(-(x._host + b._host)))

        functions = {
            "logistic_mean": lambda x, b, y: p(x, b),
            "logistic_sample": lambda x, b, u, y: u._host < p(x, b),
            "bernoulli": lambda q, u, y: u._host < q._host,
        }

        def kernel(*args):
            def work():
                args[-1]._host[...] = functions[name](*args)

            device.do(name, work)
            return args[-1]

        return kernel

    @contextlib.contextmanager
    def using_allocator(allocator):
        before, device.pool = device.pool, allocator.__self__.kept
        try:
            yield
        finally:
            device.pool = before

    class MemoryPool:
        def __init__(self):
            self.kept = []

        def malloc(self, size):
            raise AssertionError("the emulation does not allocate")

    module.RawModule, module.ElementwiseKernel = raw_module, elementwise
    module.cuda = types.SimpleNamespace(
        Stream=lambda non_blocking: Stream(device, non_blocking),
        MemoryPool=MemoryPool,
        using_allocator=using_allocator,
        get_current_stream=lambda: Stream(device),
        get_cublas_handle=lambda: 1,
        runtime=types.SimpleNamespace(runtimeGetVersion=lambda: 13000),
    )
    return module
