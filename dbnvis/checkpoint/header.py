"""What the header of a checkpoint may say: a rule for every field, and how the fields hang together.

A rule is a function of a value and of its place in the header; it raises ValueError, which says what was expected at
that place and what is there.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Collection
from dataclasses import MISSING, fields
from typing import Any

from ..models.conv_rbm import ConvRBM, GaussianConvRBM
from ..models.convolution import ReLU
from ..models.layers import Identity, Sigmoid, Softmax, Tanh
from ..models.rbm import RBM, GaussianRBM
from ..train import EpochStats
from ..train.backprop import BackpropStats

FORMAT = 1
RBM_TYPES = {cls.__name__: cls for cls in (RBM, GaussianRBM)}
CRBM_TYPES = {cls.__name__: cls for cls in (ConvRBM, GaussianConvRBM)}
ACTIVATIONS: dict[str, Any] = {cls.__name__: cls for cls in (Sigmoid, Tanh, Softmax, Identity, ReLU)}
DEPTH = 20  # of lists and tables within each other, in what the writer is free to keep

Rule = Callable[[Any, str], None]


def rule(expected: str, holds: Callable[[Any], bool]) -> Rule:
    def check(value: Any, at: str) -> None:
        if not holds(value):
            raise ValueError(f"{at} must be {expected}, got {reprlib.repr(value)}")

    return check


def whole(least: int = 0, most: float = 2**31 - 1) -> Rule:
    limits = f"{least} to {most}" if most < 2**31 - 1 else f"at least {least}"
    return rule(f"an integer of {limits}", lambda x: type(x) is int and least <= x <= most)


def one_of(names: Collection[str]) -> Rule:
    return rule(" or ".join(names), lambda x: isinstance(x, str) and x in names)


def maybe(inner: Rule) -> Rule:
    return lambda value, at: None if value is None else inner(value, at)


def each(inner: Rule, least: int = 0, most: int = 1_000_000) -> Rule:
    limits = f"{least}" if least == most else f"{least} to {most}"
    is_list = rule(f"a list of {limits}", lambda x: isinstance(x, list) and least <= len(x) <= most)

    def check(value: Any, at: str) -> None:
        is_list(value, at)
        for i, item in enumerate(value):
            inner(item, f"{at}[{i}]")

    return check


def table(required: dict[str, Rule], optional: dict[str, Rule] | None = None, others: Rule | None = None) -> Rule:
    """The fields of a table by name; `others`: the rule for fields with other names; default: no others are allowed."""
    is_table = rule("a table", lambda x: isinstance(x, dict))

    def check(value: Any, at: str) -> None:
        is_table(value, at)
        rules = required | (optional or {})
        for name in required:
            if name not in value:
                raise ValueError(f"{at}{'.' if at else ''}{name} is missing")
        for name, item in value.items():
            place = f"{at}{'.' if at else ''}{name if name in rules else reprlib.repr(name)}"
            chosen = rules.get(name, others)
            if chosen is None:
                raise ValueError(f"{place} is a field that this version does not know")
            chosen(item, place)

    return check


def is_number(x: Any) -> bool:
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def is_plain(x: Any, depth: int = DEPTH) -> bool:
    """Whether a value is JSON of finite numbers, not too deep."""
    if isinstance(x, (dict, list)):
        return depth > 0 and all(is_plain(item, depth - 1) for item in (x.values() if isinstance(x, dict) else x))
    return not isinstance(x, float) or math.isfinite(x)


def statistics(cls: type) -> Rule:
    """The fields of a dataclass of int, float (NaN where nothing was measured) and str."""
    kinds = {"int": whole(), "float": rule("a number", is_number), "str": NAME}
    rules = {field.name: kinds[str(field.type)] for field in fields(cls)}
    optional = {field.name for field in fields(cls) if field.default is not MISSING}
    return table(
        {name: x for name, x in rules.items() if name not in optional}, {name: rules[name] for name in optional}
    )


TEXT = rule("a line of text", lambda x: isinstance(x, str) and len(x) <= 1000 and x.isprintable())
FLAG = rule("true or false", lambda x: isinstance(x, bool))
#: Of a data set or a layer: it becomes part of file names.
NAME = rule(
    "a name of printable characters, no slash, no dot at its beginning",
    lambda x: isinstance(x, str) and 0 < len(x) <= 100 and x.isprintable() and not {*x} & {*"/\\"} and x[0] != ".",
)
#: Within what float32 can hold.
POSITIVE = rule("a finite number above 0", lambda x: is_number(x) and 1e-30 <= x <= 1e30)
BOUND = rule("a number", lambda x: is_number(x) and (abs(x) <= 1e30 or abs(x) == math.inf))
PLAIN = rule(f"made of finite numbers, texts, lists and tables, at most {DEPTH} deep", is_plain)
COUNT = whole(1)
LAYER_SETTINGS = each(table({}, {"epochs": whole()}, PLAIN))

COMMON: dict[str, Rule] = {
    "format": whole(FORMAT, FORMAT),
    "dtype": one_of(("float32", "float64")),
    "input_shape": each(COUNT, 1, 3),
    "input_range": each(BOUND, 2, 2),
    "input_norm": maybe(POSITIVE),
    "config": table({}, {"epochs": whole()}, PLAIN),
    "seed": whole(0, math.inf),
    "info": table(
        {},
        {
            "dataset": NAME,
            "data_sha256": maybe(TEXT),
            "data_path": TEXT,
            "class_names": each(TEXT),
            "layers_done": whole(),
            "epoch": whole(),
            "history": each(statistics(EpochStats)),
            "tuning": each(statistics(BackpropStats)),
        },
        PLAIN,
    ),
}
COMPUTED = {"computed_with": table({}, {}, TEXT)}
#: What follows the address and the kind of a layer.
LAYERS: dict[str, list[Rule]] = {
    "Channels": [],
    "Flatten": [],
    "Dense": [],
    "Conv2D": [table({"stride": COUNT, "padding": whole()})],
    "MaxPool2D": [table({"size": COUNT, "stride": maybe(COUNT)})],
    "AvgPool2D": [table({"size": COUNT, "stride": maybe(COUNT)})],
    **{name: [] for name in ACTIVATIONS},
}
CRBMS: dict[str, list[Rule]] = {
    "ConvRBM": [table({"pool": whole(1, 100)})],
    "GaussianConvRBM": [table({"pool": whole(1, 100), "variance": POSITIVE})],
}


def described(kinds: dict[str, list[Rule]], before: int) -> Rule:
    """A list: `before` names, the kind, and what the kind wants."""

    def check(value: Any, at: str) -> None:
        each(lambda x, at: None, before + 1)(value, at)
        for i in range(before):
            NAME(value[i], f"{at}[{i}]")
        one_of(kinds)(value[before], f"{at}[{before}]")
        wanted, given = kinds[value[before]], value[before + 1 :]
        each(lambda x, at: None, len(wanted), len(wanted))(given, f"what follows {value[before]} in {at}")
        for inner, item in zip(wanted, given, strict=True):
            inner(item, f"{at}[{before + 1}]")

    return check


#: By family: the fields that say what it is made of.
FAMILIES: dict[str, dict[str, Rule]] = {
    "DBN": {"rbms": each(one_of(RBM_TYPES), 1)},
    "StackedDAE": {"daes": each(table({"tied": FLAG, "linear": FLAG}), 1)},
    "ConvDBN": {"crbms": each(described(CRBMS, 0), 1)},
    "MLP": {"layers": each(described(LAYERS, 1), 1)},
    "ConvNet": {"layers": each(described(LAYERS, 1), 1)},
}
OPTIONAL: dict[str, dict[str, Rule]] = {"DBN": {"variances": each(maybe(POSITIVE), 1)}}  # all 1 where not written


def parse(text: bytes) -> dict[str, Any]:
    """The header as it is written; ValueError if it is no JSON table."""
    try:
        header = json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    rule("a table", lambda x: isinstance(x, dict))(header, "the header")
    return header


def check(header: dict[str, Any]) -> None:
    """ValueError, naming the field, unless `header` describes a model."""
    one_of(FAMILIES)(header.get("model"), "model")
    family = header["model"]
    table({"model": TEXT, **FAMILIES[family], **COMMON}, COMPUTED | OPTIONAL.get(family, {}))(header, "")
    _check_images(header)
    _check_progress(header)
    if family == "DBN":
        _check_variances(header["rbms"], header.get("variances"))
    if "layers" in FAMILIES[family]:
        _check_layers(header["layers"], "Flatten" if family == "MLP" else "Channels")


def check_common(header: dict[str, Any]) -> None:
    """As `check`, of what all families share."""
    table(COMMON, COMPUTED)({name: header[name] for name in {**COMMON, **COMPUTED}}, "")
    _check_images(header)


def _check_images(header: dict[str, Any]) -> None:
    low, high = header["input_range"]
    if not low < high:
        raise ValueError(f"input_range must rise, got {low} to {high}")
    if header["model"] in ("ConvNet", "ConvDBN"):
        each(COUNT, 2, 3)(header["input_shape"], "input_shape")


def _check_progress(header: dict[str, Any]) -> None:
    """A training cannot be further than its end."""
    config, info = header["config"], header["info"]
    parts = next((header[name] for name in ("rbms", "daes", "crbms") if name in header), None)
    done, epochs = info.get("layers_done", 0), config.get("epochs")
    if parts is not None:
        whole(0, len(parts))(done, "info.layers_done")
        layers = config.get("layers")
        if isinstance(layers, list) and done < len(layers) and isinstance(layers[done], dict):
            epochs = layers[done].get("epochs")
    if type(epochs) is int and "epoch" in info:
        whole(0, epochs)(info["epoch"], "info.epoch")


def _check_variances(rbms: list[str], variances: list[float | None] | None) -> None:
    if variances is None:
        return
    if len(variances) != len(rbms):
        raise ValueError(f"variances must be as many as the RBMs, {len(rbms)}; got {len(variances)}")
    for i, (kind, variance) in enumerate(zip(rbms, variances, strict=True)):
        if (variance is None) != (kind == "RBM"):
            raise ValueError(f"variances[{i}] must be {'absent' if kind == 'RBM' else 'a number'}, got {variance}")


def _check_layers(layers: list[list[Any]], first: str) -> None:
    """Weights stand at addresses such as "h1.pre", their activation at "h1", next to them."""
    addresses = [address for address, *_ in layers]
    if len({*addresses}) < len(addresses):
        raise ValueError("layers must have different addresses")
    if [kind for _, kind, *_ in layers if kind == first] != [first] or layers[0][1] != first:
        raise ValueError(f"layers must begin with {first}, and hold no other, got {layers[0][1]} first")
    inside = ("Dense", *ACTIVATIONS) if first == "Flatten" else [kind for kind in LAYERS if kind != first]
    for i, (address, kind, *_) in enumerate(layers[1:], start=1):
        one_of(inside)(kind, f"layers[{i}][1]")
        if (kind in ("Dense", "Conv2D")) != address.endswith(".pre"):
            raise ValueError(f"addresses of layers with weights, and no others, end in .pre; got {kind} at {address}")
        if address.endswith(".pre"):
            following, activation, *_ = layers[i + 1] if i + 1 < len(layers) else ("nothing", "")
            if following != address.removesuffix(".pre") or activation not in ACTIVATIONS:
                raise ValueError(f"{address} must be followed by its activation, got {following}")
