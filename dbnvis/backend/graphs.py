"""Training steps recorded as CUDA graphs, and the matrix products within them.

A small step is many short kernels, and telling the GPU of each takes longer than the kernel: a graph is told once.
CuPy refuses to call cuBLAS while it captures a graph, so the products of a recorded step call cuBLAS themselves.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

Array = Any

REALS = {"float32": "float", "float64": "double"}
#: Calls of a recorded function in one graph; with 0 nothing is recorded.
STEPS = 10

# --- matrix products

_recording: _Products | None = None  # of the step that runs


def matmul(a: Array, b: Array, out: Array | None) -> Array:
    """CuPy's product, or in a recorded step cuBLAS's own: CuPy refuses to call it while a graph is captured."""
    if _recording is None:
        import cupy

        return cupy.matmul(a, b, out=out)
    return _recording.matmul(a, b, out)


class _Products:
    """Matrix products through a cuBLAS handle and workspace of its own, on one stream."""

    def __init__(self, stream: Any):
        import cupy

        cupy.cuda.get_cublas_handle()  # CuPy finds the library and loads it
        self.library = _cublas(cupy.cuda.runtime.runtimeGetVersion() // 1000)
        self.handle, self.workspace = ctypes.c_void_p(), cupy.empty(32 << 20, dtype="uint8")  # MiB, as NVIDIA advises
        self._call("cublasCreate_v2", ctypes.byref(self.handle))
        self._call("cublasSetStream_v2", self.handle, ctypes.c_void_p(stream.ptr))
        size = ctypes.c_size_t(self.workspace.nbytes)  # after the stream, which resets it
        self._call("cublasSetWorkspace_v2", self.handle, ctypes.c_void_p(self.workspace.data.ptr), size)
        if os.environ.get("CUPY_TF32") == "1":  # as CuPy reads it
            self._call("cublasSetMathMode", self.handle, 3)

    def _call(self, name: str, *args: Any) -> None:
        status = getattr(self.library, name)(*args)
        if status:
            raise RuntimeError(f"{name} failed with cuBLAS status {status}")

    def matmul(self, a: Array, b: Array, out: Array | None) -> Array:
        """a (..., K) times b (K, N) or (K,)."""
        import cupy

        K = b.shape[0]
        shape = (*a.shape[:-1], *b.shape[1:])
        out = cupy.empty(shape, dtype=a.dtype) if out is None else out
        one_type = a.dtype == b.dtype == out.dtype and a.dtype.name in REALS
        flat = a.ndim == b.ndim == 2
        if not (one_type and b.ndim <= 2 and out.shape == shape and (flat or out.flags.c_contiguous)):
            raise TypeError(f"no recorded product of {a.dtype} {a.shape} and {b.dtype} {b.shape} into {out.shape}")
        rows = a if a.ndim == 2 else a.reshape(-1, K)
        M, N = rows.shape[0], math.prod(b.shape[1:])
        # Row-major a b is column-major b' a'.
        transposed_b, stride_b = _layout(b if b.ndim == 2 else b.reshape(K, 1))
        transposed_a, stride_a = _layout(rows)
        transposed_out, stride_out = _layout(out if flat else out.reshape(M, N))
        if transposed_out:
            raise TypeError("no recorded product into a transposed array")
        real, name = (ctypes.c_float, "S") if a.dtype == "float32" else (ctypes.c_double, "D")
        (x, y, z), one, zero = (ctypes.c_void_p(m.data.ptr) for m in (b, rows, out)), real(1), real(0)
        self._call(
            f"cublas{name}gemm_v2",
            self.handle,
            *(transposed_b, transposed_a, N, M, K),
            *(ctypes.byref(one), x, stride_b, y, stride_a, ctypes.byref(zero), z, stride_out),
        )
        return out


def _layout(x: Array) -> tuple[int, int]:
    """Of a matrix: whether its columns, not its rows, lie together (0 or 1), and how far apart they begin."""
    (rows, columns), (down, across) = x.shape, (stride // x.itemsize for stride in x.strides)
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        return 0, max(down, columns, 1)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return 1, max(across, rows, 1)
    raise TypeError(f"no recorded product of a matrix {x.shape} with strides {x.strides}")


@lru_cache
def _cublas(major: int) -> Any:
    return ctypes.CDLL(f"cublas64_{major}.dll" if os.name == "nt" else f"libcublas.so.{major}")


# --- recorded steps


class Recorded:
    """A function without arguments, to be called many times: after its first call, CUDA graphs replay it.

    It must launch the same kernels on the same arrays whenever it is called, and never wait for the device.
    """

    def __init__(self, function: Callable[[], None]):
        self.function = function
        self.graph: Any = None
        self.plain = not STEPS or not self._prepare()

    def __call__(self, times: int) -> None:
        """Call the function `times` times."""
        if self.graph is None and not self.plain and times > STEPS:
            self._run_apart(1)  # compiles the kernels and fills the pool
            times -= 1
            self._record()
        if self.graph is not None:
            for _ in range(times // STEPS):
                self.graph.launch()
            times %= STEPS
        if self.plain:
            self._run(times)
        elif times:
            self._run_apart(times)

    def _run(self, times: int) -> None:
        for _ in range(times):
            self.function()

    def _run_apart(self, times: int) -> None:
        """Call the function kernel by kernel, with the products that the graph has."""
        with self._surroundings():
            self._run(times)

    def _prepare(self) -> bool:
        import cupy

        try:
            self.stream, self.products = _own_stream()
        except (OSError, AttributeError, RuntimeError) as error:
            return self._give_up(error)
        self.pool = cupy.cuda.MemoryPool()
        return True

    def _record(self) -> None:
        try:
            with self._surroundings():
                self.stream.begin_capture()
                try:
                    self._run(STEPS)
                finally:  # the stream must leave the capture, whatever came
                    graph = self.stream.end_capture()
            self.graph = graph
        except Exception as error:  # CuPy's and CUDA's have no common base
            self.plain = not self._give_up(error)

    def _give_up(self, error: Exception) -> bool:
        warnings.warn(
            f"a training step could not be recorded as a CUDA graph and runs kernel by kernel, slower ({error})",
            RuntimeWarning,
            stacklevel=5,
        )
        return False

    @contextlib.contextmanager
    def _surroundings(self) -> Iterator[None]:
        """A stream, a memory pool and a cuBLAS handle apart: what the graph allocated is never given to others."""
        import cupy

        global _recording
        outside = cupy.cuda.get_current_stream()
        self.stream.wait_event(outside.record())
        before, _recording = _recording, self.products
        try:
            with self.stream, cupy.cuda.using_allocator(self.pool.malloc):
                yield
        finally:
            _recording = before
        outside.wait_event(self.stream.record())


@lru_cache(maxsize=1)
def _own_stream() -> tuple[Any, _Products]:
    """The stream that steps are recorded on, and its products: one for all, as cuBLAS's handle is costly."""
    import cupy

    stream = cupy.cuda.Stream(non_blocking=True)
    return stream, _Products(stream)
