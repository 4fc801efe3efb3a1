"""Networks whose units' features are known, because they were put there: the ground truth for methods.

An image has four blocks of 8 x 8 pixels. A block is cut into 16 strokes, lines of four pixels that do not overlap, in
the same way in every block: so a stroke, or a pattern of strokes, has a copy at four places. The first layer detects
the strokes; at depth 3 the second one detects patterns of them. The units of the top layer are made of these parts, no
two of the same:

- linear: a sum of parts, with weights between 1/2 and 1;
- and: on only where all of its parts are there;
- or: on where any of its parts is there;
- places: an "or" over copies of one part, the same thing at several places.

The evidence e of a unit is the weighted sum of what its parts do, 1 each where they are fully there. Its
pre-activation is a gain times e - t, and t, where the unit switches on, is all that tells "and" from "or". Strokes
switch on at half of their contrast, and that makes an "or" one: at the norm of a single part, two parts at once have
1 / sqrt(2) of the contrast each, and together they activate a rectified unit less than one part alone. In a DBN, whose
weights are symmetric, an "or" is one on the way up alone: on the way down it draws its parts independently.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..backend import Array, array_module, check_rng
from ..display import Brief
from ..models.convolution import ReLU
from ..models.dbn import DBN
from ..models.layers import Dense, Flatten, Identity, Network
from ..models.mlp import MLP
from ..models.rbm import RBM
from ..models.units import Unit
from ..settings import check_value

Kind = Literal["stroke", "pattern", "linear", "and", "or", "places", "unused"]
Activation = Literal["binary", "relu", "linear"]

KINDS: tuple[Kind, ...] = ("linear", "and", "or", "places")  # of the top layer
EITHER = ("or", "places")  # kinds of several features, each of which is enough
SHAPE = (16, 16)  # of an image
STROKES, PLACES = 16, 4  # of a block; blocks
UNUSED = 8  # units of each lower layer, of random weights, that no unit above uses
GAIN = 8.0  # of binary units: a part is on with p = 0.98 under its unit, else with p = 0.02
SHOWN, STRAY = 0.15, 0.1  # of an image: probabilities of a top unit's feature, and of each part besides
CONTRAST, DIRT = (0.7, 1.0), 0.1  # of an image: range of its contrast, most that is added to a pixel


@dataclass(frozen=True, repr=False)
class PlantedUnit(Brief):
    """What one unit is.

    Parameters
    ----------
    unit : Unit
    kind : str
        A stroke of h1, a pattern of h2 below h3, one of `KINDS` in the top layer, or unused: random weights.
    parts : tuple of int
        Numbers of the units of the layer below that it is made of; of the pixels in h1.
    features : array (K, 16, 16)
        What it detects, pixels from 0 to 1: K alternatives of "or" and "places", 1 otherwise; 0 of one unused.
    """

    unit: Unit
    kind: Kind
    parts: tuple[int, ...]
    features: Array


@dataclass(frozen=True, repr=False)
class Planted(Brief):
    """A network, and what its units are, from the input upwards."""

    model: DBN | MLP
    units: tuple[PlantedUnit, ...]

    def of(self, layer: str) -> list[PlantedUnit]:
        """The units of `layer` that are of some use, by number."""
        return [each for each in self.units if each.unit.layer == layer and each.kind != "unused"]

    def images(self, n: int, *, rng: Any) -> Array:
        """`n` images (n, 16, 16) made of planted parts, pixels in [0, 1]; for training, and as fresh test images.

        Each top unit shows its feature with probability 0.15, of several alternatives one; each part is there besides
        with probability 0.1. All are of full weight, at a contrast of the image's own, over a little noise.
        """
        check_value("n", n, int, "[1, inf)")
        *_, below, top = self.model.layer_names
        return _images([x.features for x in self.of(below)], [x.features for x in self.of(top)], n, rng)


def planted(
    depth: int = 2, parts: int = 4, noise: float = 0.0, activation: Activation = "binary", *, rng: Any
) -> Planted:
    """Build a network of known features, on the device of `rng`; the same for the same generator.

    Parameters
    ----------
    depth : int
        Hidden layers, 2 or 3.
    parts : int
        Lower units that a unit is made of: at depth 3 also strokes of a pattern.
    noise : float
        Standard deviation of what is added to every weight, times the weight of a part.
    activation : str
        binary: a DBN; relu: an MLP of rectified linear units; linear: an MLP of linear ones, all sums.
    rng : numpy or cupy Generator

    Raises
    ------
    ValueError
        If a setting is out of its range.
    """
    check_value("depth", depth, int, "[2, 3]")
    check_value("parts", parts, int, "[2, 4]")
    check_value("noise", noise, float, "[0, inf)")
    check_value("activation", activation, Activation)
    plans = _plans(depth, parts, KINDS if activation != "linear" else ("linear",), check_rng(rng))
    xp = array_module(rng.random(1))
    below, units, layers = xp.eye(math.prod(SHAPE), dtype="float32"), [], []  # features of what parts are, (n, V)
    for i, made in enumerate(plans, 1):
        detected = [plan.features(below) for plan in made]
        layers.append((*_weights(made, len(below), noise, activation, rng), _downward(made, below)))
        units += [
            PlantedUnit(Unit(f"h{i}", u), plan.kind, tuple(plan.parts), x.reshape(-1, *SHAPE))
            for u, (plan, x) in enumerate(zip(made, detected, strict=True))
        ]
        below = xp.concatenate([x[:1] for x in detected])
    found = Planted(_model(layers, activation), tuple(units))
    images = found.images(1000, rng=rng)
    found.model.input_norm = float(xp.sqrt((images * images).sum(axis=(1, 2))).mean())
    return found


@dataclass(frozen=True)
class _Plan:
    """What a unit is made of: numbers of its parts, and what each counts, 1 if not said."""

    kind: Kind
    parts: list[int]
    counts: list[float] | None = None

    @property
    def total(self) -> float:
        return sum(self.weights)

    @property
    def weights(self) -> list[float]:
        return self.counts or [1.0] * len(self.parts)

    def features(self, below: Array) -> Array:
        """What it detects, (K, V), of the features of its possible parts, (n, V)."""
        xp = array_module(below)
        own = below[xp.asarray(self.parts, dtype="int64")]
        return own if self.kind in EITHER else xp.asarray(self.weights, dtype=below.dtype)[None] @ own

    def switch(self, activation: Activation) -> tuple[float, float]:
        """The evidence at which it switches on, and that of its feature."""
        if self.kind in EITHER:
            return 0.5, 1.0
        if self.kind == "and":
            return self.total - 0.5, self.total
        half = activation == "binary" or (activation == "relu" and self.kind == "stroke")
        return self.total / 2 if half else 0.0, self.total


def _strokes() -> list[list[int]]:
    """Pixels of every stroke: numbers of four, stroke by stroke and place by place."""
    found = []
    for stroke in range(STROKES):
        (row, column), line = divmod(stroke // 4, 2), stroke % 4
        for place in range(PLACES):
            top, left = 8 * (place // 2) + 4 * row, 8 * (place % 2) + 4 * column
            ends = [(line, k) if row == column else (k, line) for k in range(4)]  # across, or down
            found.append([SHAPE[1] * (top + y) + left + x for y, x in ends])
    return found


def _groups(rng: Any, n: int, size: int) -> list[list[int]]:
    """0 to n - 1 in random order, in groups of `size`; what remains is left out."""
    drawn = rng.random(n)
    order = array_module(drawn).argsort(drawn).tolist()
    return [order[i : i + size] for i in range(0, n - size + 1, size)]


def _plans(depth: int, parts: int, kinds: Sequence[Kind], rng: Any) -> list[list[_Plan]]:
    """Of every layer: strokes, at depth 3 the same patterns of them at every place, and the top units; unused ones."""
    plans, n_types = [[_Plan("stroke", pixels) for pixels in _strokes()]], STROKES
    if depth == 3:
        groups, n_types = _groups(rng, STROKES, parts), STROKES // parts
        copies = [[PLACES * stroke + place for stroke in group] for group in groups for place in range(PLACES)]
        plans.append([_Plan("pattern", copy) for copy in copies])
    unused = [_Plan("unused", [])] * UNUSED
    return [*([*layer, *unused] for layer in plans), _top(kinds, n_types, parts, rng)]


def _top(kinds: Sequence[Kind], n_types: int, parts: int, rng: Any) -> list[_Plan]:
    """As many units of each of `kinds`, of parts of `n_types` at all places, no part in two units."""
    n = n_types * PLACES // sum(PLACES if kind == "places" else parts for kind in kinds)
    types = [group[0] for group in _groups(rng, n_types, 1)]
    whole = types[:n] if "places" in kinds else []
    rest = [PLACES * i + place for i in types[len(whole) :] for place in range(PLACES)]
    free = iter([[rest[i] for i in group] for group in _groups(rng, len(rest), parts)])
    plans = []
    for kind in kinds:
        for i in range(n):
            own = [PLACES * whole[i] + place for place in range(PLACES)] if kind == "places" else next(free)
            counts = (0.5 + 0.5 * rng.random(parts)).tolist() if kind == "linear" else None
            plans.append(_Plan(kind, own, counts))
    return plans


def _weights(plans: Sequence[_Plan], n_in: int, noise: float, activation: Activation, rng: Any) -> tuple[Array, Array]:
    """Weights (n_in, units) and biases (units,) of a layer; those of unused units random, of half the usual norm."""
    W = rng.standard_normal((n_in, len(plans)), dtype="float32")
    xp = array_module(W)
    bias = xp.zeros(len(plans), dtype="float32")
    for u, plan in enumerate(plans):
        used = plan if plan.kind != "unused" else plans[0]
        on, reached = used.switch(activation)
        gain = GAIN if activation == "binary" else 1 / (reached - on)
        if plan.kind == "unused":
            W[:, u] *= 0.5 * gain * math.sqrt(len(used.parts) / n_in)
            continue
        W[:, u] *= noise * gain
        W[xp.asarray(plan.parts), u] += gain * xp.asarray(plan.weights, dtype="float32")
        bias[u] = -gain * on
    return W, bias


def _downward(plans: Sequence[_Plan], below: Array) -> Array:
    """Visible biases (n_in,) of binary units, with which each unit of disjoint parts is on with probability 0.15.

    The odds of a unit are exp(-GAIN t) times, for each of its parts of weight g and visible bias b, the ratio
    (1 + exp(g + b)) / (1 + exp(b)); it is set to exp(r), all r in proportion to g.
    """
    bias = array_module(below).full(len(below), _log_odds(STRAY), dtype="float32")
    for plan in plans:
        on, _ = plan.switch("binary")
        for part, weight in zip(plan.parts, plan.weights, strict=True):
            r = (GAIN * on + _log_odds(SHOWN)) * weight / plan.total
            bias[part] = math.log(math.expm1(r) / (math.exp(GAIN * weight) - math.exp(r)))
    return bias


def _log_odds(p: float) -> float:
    return math.log(p / (1 - p))


def _model(layers: Sequence[tuple[Array, Array, Array]], activation: Activation) -> DBN | MLP:
    if activation == "binary":
        return DBN([RBM(W, vbias, hbias) for W, hbias, vbias in layers], SHAPE)
    network: dict[str, Any] = {"input": Flatten(SHAPE)}
    for i, (W, bias, _) in enumerate(layers, 1):
        network |= {f"h{i}.pre": Dense(W, bias), f"h{i}": ReLU() if activation == "relu" else Identity()}
    return MLP(Network(network), SHAPE)


def _images(parts: Sequence[Array], features: Sequence[Array], n: int, rng: Any) -> Array:
    """See `Planted.images`; features (K, 16, 16) of the parts and of the top units."""
    check_rng(rng)
    whole = array_module(parts[0]).concatenate(list(parts)).reshape(len(parts), -1) > 0
    xp = array_module(whole)
    drawn = (rng.random((n, len(whole))) < STRAY).astype("float32") @ whole.astype("float32")
    for own in features:
        shown, which = rng.random(n) < SHOWN, (rng.random(n) * len(own)).astype("int64")
        drawn += shown[:, None] * (own.reshape(len(own), -1) > 0)[which]
    low, high = CONTRAST
    contrast = low + (high - low) * rng.random((n, 1))
    dirt = DIRT * rng.random(drawn.shape)
    return xp.clip(contrast * xp.minimum(drawn, 1) + dirt, 0, 1).astype("float32").reshape(n, *SHAPE)
