"""The gate for settings and for what models are made of: types and ranges, or one line that says what was expected."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from .backend import Array, array_module

LARGEST = 3e38  # of a number without an upper bound: float32 holds no larger one
MOST = 10**7  # of a count without one


def check_settings(settings: Any, **ranges: str) -> None:
    """ValueError unless every field of the dataclass `settings` has the type that it is declared with.

    Numbers must be finite, and lie in the interval that `ranges` has for their name, such as epochs="[1, inf)" or
    momentum="[0, 1)"; a choice (Literal) must be one of those declared. Other types are not looked at.
    """
    hints = get_type_hints(type(settings))
    for field in fields(settings):
        check_value(field.name, getattr(settings, field.name), hints[field.name], ranges.get(field.name, "(-inf, inf)"))


def check_value(name: str, value: Any, kind: Any, interval: str = "(-inf, inf)") -> None:
    """ValueError unless `value` is of the type `kind` (int, float, bool, a Literal, or one of these | None).

    Numbers must lie in `interval`; where that has no end, no further than 3e38, or 1e7 if they are integers.
    """
    plain = value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
    kinds = get_args(kind) if NoneType in get_args(kind) else (kind,)
    if plain is None and NoneType in kinds:
        return
    kind = kinds[0]
    if get_origin(kind) is Literal:
        *choices, last = get_args(kind)
        right = isinstance(plain, str) and plain in (*choices, last)
        expected = f"be {', '.join(choices)} or {last}"
    elif kind is bool:
        right, expected = isinstance(plain, bool), "be True or False"
    elif kind in (int, float):
        right, allowed = _is_number(plain, kind), _Interval(interval, kind is int)
        expected = str(allowed)
        if right and allowed.too_large(plain):
            right, expected = False, f"{expected}, at most {MOST if kind is int else LARGEST:g} in size"
        right = right and allowed.holds(plain)
    else:
        return
    if not right:
        raise ValueError(f"{name} must {expected}{', or None' if len(kinds) > 1 else ''}, got {shown(value)}")


def check_kind(name: str, value: Any, kind: type) -> None:
    """TypeError unless `value` is a `kind`, a dataclass of settings."""
    if not isinstance(value, kind):
        remedy = f"{kind.__name__}(**{name})" if isinstance(value, dict) else f"{kind.__name__}()"
        raise TypeError(f"{name} must be a {kind.__name__}, got a {type(value).__name__}; pass {remedy}")


def check_input(shape: Sequence[int], within: tuple[float, float], norm: float | None) -> None:
    """ValueError unless these are an image's shape, its pixels' range and the images' mean norm, or None."""
    if not isinstance(shape, Sequence) or not shape or not all(_is_number(n, int) and n > 0 for n in shape):
        raise ValueError(f"input_shape must be positive integers, such as (28, 28), got {shown(shape)}")
    ends = list(within) if isinstance(within, Sequence) else []
    if len(ends) != 2 or not all(_is_number(x, float) for x in ends) or not ends[0] < ends[1]:
        raise ValueError(f"input_range must be two numbers, the lower one first, such as (0, 1), got {shown(within)}")
    check_value("input_norm", norm, float | None, "[0, inf)")


def _is_number(x: Any, kind: type) -> bool:
    return isinstance(x, Integral if kind is int else Real) and not isinstance(x, bool)


def shown(value: Any) -> str:
    """`value` as a message shows it: short, in one line."""
    plain = value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
    return " ".join(reprlib.repr(plain).split())


@dataclass(frozen=True)
class _Interval:
    """Of integers or of numbers, as `text` writes it: "[0, 1)", "(0, inf)"."""

    text: str
    integer: bool

    @property
    def ends(self) -> tuple[float, float]:
        low, high = self.text[1:-1].split(", ")
        return float(low), float(high)

    def holds(self, x: Any) -> bool:
        low, high = self.ends
        return (low < x or (x == low and self.text[0] == "[")) and (x < high or (x == high and self.text[-1] == "]"))

    def too_large(self, x: Any) -> bool:
        """Whether `x` is finite, but too large to compute with where the interval has no end."""
        most = MOST if self.integer else LARGEST
        return most < abs(x) < math.inf and (math.inf if x > 0 else -math.inf) in self.ends

    def __str__(self) -> str:
        low, high = self.ends
        if high < math.inf and self.integer:
            return f"be an integer in {self.text}"
        if high < math.inf:
            return (
                f"lie between {low:g} and {high:g}" if self.text[0] + self.text[-1] == "()" else f"lie in {self.text}"
            )
        noun = "an integer" if self.integer else "a finite number"
        return f"be {noun}" + (
            f" {'of at least' if self.text[0] == '[' else 'above'} {low:g}" if low > -math.inf else ""
        )


def check_sizes(*sizes: Any) -> None:
    """ValueError unless each of `sizes`, those of a model's layers, is an integer of at least 1."""
    if not all(_is_number(n, int) and n >= 1 for n in sizes):
        raise ValueError(f"every layer needs at least one unit, got {'-'.join(map(str, sizes))}")


def check_parameters(**arrays: Array) -> None:
    """ValueError unless all are plain arrays of one floating-point type; TypeError unless they are of one device."""
    array_module(*arrays.values())
    odd = {type(x).__name__ for x in arrays.values()} & {"matrix", "MaskedArray"}
    kinds = sorted({str(x.dtype) for x in arrays.values()})
    if odd or len(kinds) > 1 or kinds[0] not in ("float32", "float64"):
        raise ValueError(
            f"expected {', '.join(arrays)} as plain arrays of one type, float32 or float64, got "
            f"{' and '.join([*sorted(odd), *kinds])}; make them with numpy.asarray(x, 'float32')"
        )


def check_trainable(params: dict[str, Array]) -> None:
    """ValueError unless NumPy's parameters can be changed in place: writeable, in one piece."""
    for name, x in params.items():
        if array_module(x).__name__ != "numpy":
            continue
        read_only = not x.flags.writeable
        if read_only or not x.flags.c_contiguous:
            raise ValueError(
                f"training changes {name} in place, and it is {'read-only' if read_only else 'no contiguous array'}; "
                f"give the model a copy, numpy.array({name}, order='C')"
            )
