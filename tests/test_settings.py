"""Settings: each of its declared type and in its range, or one line that names it, what was expected and what found."""

import math
from dataclasses import fields, replace
from typing import Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest

from dbnvis import CDConfig, DenoisingConfig, EvidenceSampling
from dbnvis.evaluate.estimation import Estimation
from dbnvis.settings import check_value, shown
from dbnvis.train import BackpropConfig, ConvCDConfig
from dbnvis.train.backprop import ConvNetConfig
from dbnvis.views import Occlusion
from dbnvis.visualize import VISUALIZERS

CLASSES = [
    CDConfig,
    DenoisingConfig,
    BackpropConfig,
    ConvNetConfig,
    ConvCDConfig,
    EvidenceSampling,
    Occlusion,
    Estimation,
    *{type(method()) if isinstance(method, type) else type(method) for method in VISUALIZERS.values()},
]
SIGNED = {"fill"}  # the only numbers that may be negative
ASKED = {"k"}  # of visualizers: between 1 and what the model has, which a call knows


def kinds():
    """(class, field, its type without None, whether it may be None) of every setting that is checked."""
    for cls in sorted(set(CLASSES), key=lambda cls: cls.__name__):
        hints = get_type_hints(cls)
        for field in fields(cls):
            hint = hints[field.name]
            optional = type(None) in get_args(hint)
            kind = get_args(hint)[0] if optional else hint
            if kind in (int, float, bool) or get_origin(kind) is Literal:
                yield pytest.param(cls, field.name, kind, optional, id=f"{cls.__name__}.{field.name}")


SETTINGS = list(kinds())


def wrong_values(name, kind, optional):
    yield from ([] if optional else [None])
    yield from ([1], {}, np.ones(3), object())
    if kind is bool:
        yield from (1, 0, "True", 0.5)
    elif kind in (int, float):
        yield from ("3", True, math.nan, math.inf, -math.inf, 1e308, 10**400, np.float64("nan"), np.array("3"))
        yield from ([] if name in SIGNED | ASKED else [-1, np.int64(-3)])
        yield from ([1.5, 2.0] if kind is int else [])
    else:
        yield from ("", "none such", 1, True)


@pytest.mark.parametrize(("cls", "name", "kind", "optional"), SETTINGS)
def test_wrong_values_are_refused_in_one_line(cls, name, kind, optional):
    for value in wrong_values(name, kind, optional):
        with pytest.raises(ValueError) as caught:
            replace(cls(), **{name: value})
        said = str(caught.value)
        assert said.startswith(f"{name} must ") and f"got {shown(value)}" in said, said
        assert "\n" not in said and len(said) < 400


@pytest.mark.parametrize(("cls", "name", "kind", "optional"), SETTINGS)
def test_the_default_is_accepted_as_python_and_as_numpy_has_it(cls, name, kind, optional):
    value = getattr(cls(), name)
    assert getattr(replace(cls(), **{name: value}), name) is value
    if kind in (int, float) and value is not None:
        assert getattr(replace(cls(), **{name: np.asarray(value)[()]}), name) == value
    if optional and not (cls.__name__ == "RegularizedOptimization" and name == "gain"):
        assert getattr(replace(cls(), **{name: None}), name) is None


def test_every_class_of_settings_is_looked_at():
    assert len({param.values[0] for param in SETTINGS}) >= 14 and len(SETTINGS) > 90


@pytest.mark.parametrize(
    ("kind", "interval", "good", "bad", "expected"),
    [
        (int, "[1, inf)", [1, 10**7, np.int32(5)], [0, 10**7 + 1], "be an integer of at least 1"),
        (int, "[1, 1000]", [1, 1000], [0, 1001, 1e3], r"be an integer in \[1, 1000\]"),
        (int, "(-inf, inf)", [-5, 0], [0.0], "be an integer"),
        (float, "[0, 1)", [0, 0.5], [1, -1e-9, math.nan], r"lie in \[0, 1\)"),
        (float, "(0, 1]", [1, 1e-300], [0, 1.1], r"lie in \(0, 1\]"),
        (float, "(0, 1)", [0.5], [0, 1], "lie between 0 and 1"),
        (float, "(0, inf)", [1e-9, 1e30], [0, math.inf, 1e39], "be a finite number above 0"),
        (float, "(-inf, inf)", [-1e30, 0, np.float32(3)], [-1e39, -math.inf], "be a finite number"),
        (float | None, "[0, inf)", [None, 0], [-1], "be a finite number of at least 0, or None"),
        (bool, "(-inf, inf)", [True, np.True_], [1], "be True or False"),
        (Literal["a", "b"], "(-inf, inf)", ["a"], ["c", ["a"]], "be a or b"),
    ],
)
def test_intervals_and_their_words(kind, interval, good, bad, expected):
    for value in good:
        check_value("x", value, kind, interval)
    for value in bad:
        with pytest.raises(ValueError, match=f"^x must {expected}(, at most .* in size)?, got "):
            check_value("x", value, kind, interval)


def test_long_values_are_cut():
    for value in ("x" * 10**6, list(range(10**6)), np.ones((300, 300)), 10**4000, "a\nb"):
        assert len(shown(value)) < 150 and "\n" not in shown(value)
