"""A pretend device library: NumPy underneath, as strict at its borders as CuPy.

Its arrays never become NumPy arrays silently, never mix with them, and reductions stay on the "device" as
0-d arrays. Functions and keywords that CuPy lacks are missing here too. So a device mistake shows on a CPU.
"""

import operator
import types

import numpy as np

float32, float64, int32, int64 = np.float32, np.float64, np.int32, np.int64
newaxis, pi, inf, nan = None, np.pi, np.inf, np.nan

UFUNCS = """
    abs absolute add arctan arctan2 ceil cos cosh divide equal exp exp2 expm1 fabs floor floor_divide fmax fmin
    greater greater_equal hypot invert isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp
    logical_and logical_not logical_or logical_xor maximum minimum mod multiply negative not_equal power
    remainder rint sign sin sinh sqrt square subtract tan tanh true_divide
"""

# Parameters as CuPy has them: take has no mode, reductions have neither where nor initial, and so on.
FUNCTIONS = {
    "all": "a axis out keepdims",
    "allclose": "a b rtol atol equal_nan",
    "any": "a axis out keepdims",
    "arange": "start stop step dtype",
    "argmax": "a axis out keepdims",
    "argmin": "a axis out keepdims",
    "argsort": "a axis kind",
    "array_equal": "a1 a2",
    "ascontiguousarray": "a dtype",
    "atleast_2d": "a",
    "bincount": "x weights minlength",
    "broadcast_to": "array shape",
    "clip": "a a_min a_max out",
    "concatenate": "tup axis out",
    "cov": "a y rowvar bias ddof",
    "cumsum": "a axis dtype out",
    "diag": "v k",
    "diagonal": "a offset axis1 axis2",
    "dot": "a b out",
    "einsum": "subscripts operand1 operand2 operand3",
    "empty": "shape dtype order",
    "empty_like": "prototype dtype",
    "expand_dims": "a axis",
    "eye": "N M k dtype",
    "flip": "a axis",
    "full": "shape fill_value dtype",
    "full_like": "a fill_value dtype",
    "hstack": "tup",
    "isclose": "a b rtol atol equal_nan",
    "linspace": "start stop num endpoint retstep dtype axis",
    "matmul": "x1 x2 out",
    "max": "a axis out keepdims",
    "mean": "a axis dtype out keepdims",
    "median": "a axis out overwrite_input keepdims",
    "min": "a axis out keepdims",
    "moveaxis": "a source destination",
    "nonzero": "a",
    "ones": "shape dtype",
    "ones_like": "a dtype",
    "outer": "a b out",
    "pad": "array pad_width mode",
    "partition": "a kth axis",
    "percentile": "a q axis out overwrite_input method keepdims",
    "prod": "a axis dtype out keepdims",
    "quantile": "a q axis out overwrite_input method keepdims",
    "ravel": "a order",
    "repeat": "a repeats axis",
    "reshape": "a shape",
    "roll": "a shift axis",
    "round": "a decimals out",
    "searchsorted": "a v side sorter",
    "sort": "a axis kind",
    "squeeze": "a axis",
    "stack": "tup axis out",
    "std": "a axis dtype out ddof keepdims",
    "sum": "a axis dtype out keepdims",
    "swapaxes": "a axis1 axis2",
    "take": "a indices axis out",
    "take_along_axis": "a indices axis",
    "tensordot": "a b axes",
    "tile": "A reps",
    "transpose": "a axes",
    "tril": "m k",
    "triu": "m k",
    "unique": "ar return_index return_inverse return_counts axis",
    "var": "a axis dtype out ddof keepdims",
    "vstack": "tup",
    "where": "condition x y",
    "zeros": "shape dtype order",
    "zeros_like": "a dtype",
}
CREATION = {"arange", "empty", "eye", "full", "linspace", "ones", "zeros"}  # take no array
SEQUENCES = {"concatenate", "hstack", "stack", "vstack", "einsum"}  # take several arrays, or not first

METHODS = """
    all any argmax argmin argsort astype clip copy cumsum diagonal dot fill flatten item max mean min nonzero prod
    ravel repeat reshape round sort squeeze std sum swapaxes take tolist trace transpose var view
"""


def _unwrap(x):
    if isinstance(x, ndarray):
        return x._host
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(x, (list, tuple)):
        return type(x)(_unwrap(item) for item in x)
    return x


def _wrap(x):
    if isinstance(x, (np.ndarray, np.generic)):
        return ndarray(np.asarray(x))
    if isinstance(x, tuple):
        return tuple(_wrap(item) for item in x)
    return x


def _check_out(name, keywords):
    out = keywords.get("out")
    if out is not None and not isinstance(out, ndarray):
        raise TypeError(f"{name}: out must be a device array, got {type(out).__name__}")


def _check_kind(keywords):
    if keywords.get("kind") not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")


class ndarray:  # noqa: N801 (the name CuPy's has)
    """A NumPy array behind a border."""

    __slots__ = ("_host",)
    __array_ufunc__ = None  # numpy_array + device_array arrives at the operators below, which refuse it

    def __init__(self, host):
        self._host = host

    def __array__(self, *args, **keywords):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_function__(self, function, kinds, args, keywords):
        raise TypeError(f"numpy.{function.__name__} was called with a device array")

    def __getattr__(self, name):
        if name not in METHODS.split():
            raise AttributeError(f"the device's ndarray has no attribute {name!r}")

        def method(*args, **keywords):
            _check_out(name, keywords)
            _check_kind(keywords)
            if {"where", "initial", "mode"} & set(keywords):
                raise TypeError(f"{name} got an unexpected keyword argument")
            result = getattr(self._host, name)(*_unwrap(args), **{k: _unwrap(v) for k, v in keywords.items()})
            return result if name in ("item", "tolist") else _wrap(result)

        return method

    def get(self):
        return self._host.copy()

    shape = property(lambda self: self._host.shape)
    ndim = property(lambda self: self._host.ndim)
    size = property(lambda self: self._host.size)
    dtype = property(lambda self: self._host.dtype)
    nbytes = property(lambda self: self._host.nbytes)
    itemsize = property(lambda self: self._host.itemsize)
    T = property(lambda self: ndarray(self._host.T))

    def __len__(self):
        return len(self._host)

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key):
        return _wrap(self._host[_unwrap(key)])

    def __setitem__(self, key, value):
        self._host[_unwrap(key)] = _unwrap(value)

    def __float__(self):
        return float(self._host)

    def __int__(self):
        return int(self._host)

    def __bool__(self):
        return bool(self._host)

    def __repr__(self):
        return f"pretend.{self._host!r}"

    __hash__ = None


def _operand(x):
    if isinstance(x, (ndarray, np.generic, bool, int, float)):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def _operators():
    def binary(name):
        function = getattr(operator, name)

        def forward(self, other):
            return _wrap(function(self._host, _unwrap(_operand(other))))

        def backward(self, other):
            return _wrap(function(_unwrap(_operand(other)), self._host))

        def in_place(self, other):
            getattr(operator, f"i{name.strip('_')}")(self._host, _unwrap(_operand(other)))
            return self

        return forward, backward, in_place

    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor"):
        plain = name.strip("_")
        for prefix, method in zip(("", "r", "i"), binary(name), strict=True):
            setattr(ndarray, f"__{prefix}{plain}__", method)
    for name in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(ndarray, f"__{name}__", binary(name)[0])
    for function in (operator.neg, operator.pos, operator.abs, operator.invert):
        setattr(ndarray, f"__{function.__name__}__", lambda self, function=function: _wrap(function(self._host)))


_operators()


def _ufunc(name):
    def ufunc(*args, out=None, dtype=None, casting="same_kind"):
        _check_out(name, {"out": out})
        hosts = [_unwrap(_operand(arg)) for arg in args]
        keywords = {} if dtype is None else {"dtype": dtype}
        result = getattr(np, name)(*hosts, out=_unwrap(out), casting=casting, **keywords)
        return out if out is not None else _wrap(result)

    return ufunc


def _function(name, parameters):
    def function(*args, **keywords):
        if len(args) > len(parameters) or not set(keywords) <= set(parameters):
            raise TypeError(f"{name}({', '.join(parameters)}) got {len(args)} arguments and {sorted(keywords)}")
        if name not in CREATION | SEQUENCES and not (args and isinstance(args[0], ndarray)):
            raise TypeError(f"{name}: expected a device array first")
        if name == "searchsorted" and not isinstance(args[1], ndarray):
            raise NotImplementedError("Only int or ndarray are supported for v")
        _check_out(name, keywords)
        _check_kind(keywords)
        result = getattr(np, name)(*_unwrap(args), **{k: _unwrap(v) for k, v in keywords.items()})
        return keywords["out"] if keywords.get("out") is not None else _wrap(result)

    return function


for _name in UFUNCS.split():
    globals()[_name] = _ufunc(_name)
for _name, _parameters in FUNCTIONS.items():
    globals()[_name] = _function(_name, _parameters.split())


def asarray(a, dtype=None):
    """Move `a` to the device: the one door for NumPy arrays."""
    if isinstance(a, ndarray):
        return a if dtype is None else a.astype(dtype, copy=False)
    if isinstance(a, np.ndarray):
        return ndarray(np.array(a, dtype=dtype))
    return ndarray(np.array(_unwrap(a), dtype=dtype))


def array(a, dtype=None):
    return asarray(a, dtype=dtype).copy()


class Generator:
    """What CuPy's Generator and NumPy's have in common; NumPy's numbers."""

    def __init__(self, seed):
        if not isinstance(seed, int):
            raise TypeError(f"the seed must be an integer, got {type(seed).__name__}")
        self._rng = np.random.default_rng(seed)

    def random(self, size=None, dtype=np.float64, out=None):
        _check_out("random", {"out": out})
        result = self._rng.random(size, dtype=np.dtype(dtype), out=_unwrap(out))
        return out if out is not None else _wrap(np.asarray(result))

    def standard_normal(self, size=None, dtype=np.float64):
        return _wrap(np.asarray(self._rng.standard_normal(size, dtype=np.dtype(dtype))))


random = types.SimpleNamespace(default_rng=Generator)
linalg = types.SimpleNamespace(eigh=lambda a: tuple(_wrap(x) for x in np.linalg.eigh(_unwrap(a))))
fft = types.SimpleNamespace(
    fft2=lambda a: _wrap(np.fft.fft2(_unwrap(a))),
    rfft2=lambda a: _wrap(np.fft.rfft2(_unwrap(a))),
)
