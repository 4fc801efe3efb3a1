"""What a layer does: its maps of an image, its statistics over a data set, and the units that learned nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..backend import Array, array_module
from ..evaluate.audit import duplicate_units
from ..images import image_of, images_of
from ..models.convolution import ReLU
from ..models.protocol import Model
from .responses import passes

MANY = 0.5  # of a layer's units: where more are dead, the start is not to blame
BLOWN = 3.0  # times the median norm of a layer's weights, beyond which a unit's have been blown up


def maps(model: Model, image: Array, addresses: Sequence[str]) -> dict[str, Array]:
    """What `image` (*input_shape) leaves at each of `addresses`, by address: (C, rows, columns) or (H,)."""
    return {address: x[0] for address, x in next(passes(model, image_of(model, image)[None], addresses)).items()}


@dataclass(frozen=True)
class Statistics:
    """A layer's channels over images and, in each, over the positions of the map; arrays (C,).

    Parameters
    ----------
    low, high : array (C,)
        Range of the pre-activation.
    mean : array (C,)
        Of the activation.
    on : array (C,)
        Share of images and positions with a positive pre-activation.
    reached : array (C,)
        Share of images in which some position has one.
    """

    low: Array
    high: Array
    mean: Array
    on: Array
    reached: Array


def statistics(model: Model, images: Array, layers: Sequence[str]) -> dict[str, Statistics]:
    """Statistics of the channels of `layers` over images (N, *input_shape), by layer, in one pass."""
    images = images_of(model, images)
    xp, parts = model.xp, {layer: [] for layer in layers}  # type: ignore[var-annotated]
    for batch in passes(model, images, [address for layer in layers for address in (f"{layer}.pre", layer)]):
        for layer in layers:
            pre, post = (batch[address].reshape(*batch[address].shape[:2], -1) for address in (f"{layer}.pre", layer))
            on = pre > 0  # (B, C, positions)
            parts[layer].append(
                (
                    pre.min(axis=-1).min(axis=0),
                    pre.max(axis=-1).max(axis=0),
                    post.mean(axis=-1).sum(axis=0, dtype="float64"),
                    on.mean(axis=-1).sum(axis=0),
                    on.any(axis=-1).sum(axis=0),
                )
            )
    found = {}
    for layer, each in parts.items():
        low, high, mean, on, reached = (xp.stack(column) for column in zip(*each, strict=True))
        shares = (x.sum(axis=0) / len(images) for x in (mean, on, reached))
        found[layer] = Statistics(low.min(axis=0), high.max(axis=0), *shares)
    return found


@dataclass(frozen=True)
class Fault:
    """A unit that learned nothing.

    Parameters
    ----------
    index : int
    kind : str
        dead: its pre-activation is positive for no image at no position; always on: for every image at every
        position, so that it is linear; duplicate: its weights have a cosine above 0.95 with those of an earlier unit.
    cause : str
        The likely cause, from its weights and its bias.
    """

    index: int
    kind: str
    cause: str


def audit(model: Model, layer: str, statistics: Statistics) -> list[Fault]:
    """Faults of the units of `layer`, whose activation is ReLU, from `statistics` over a data set; [] for other layers.

    A dead unit gets no gradient. One whose bias is exactly 0, where biases start, has never learned. Others died in
    training: by steps too large, of a bias that now outweighs whatever the weights add or of weights that have grown
    beyond the layer's; or because hardly any image reached them at the start. In a layer of many inputs, none negative,
    some units start so; the learning rate is named where more than half of the layer's units are dead.
    """
    if not isinstance(model.network.layers[layer], ReLU):
        return []
    weighted = model.network.weighted(layer)
    W, xp = weighted.W, array_module(weighted.W)
    if W.ndim > 2:
        W = W.reshape(len(W), -1).T  # inputs by units, as a dense layer's
    norms = xp.sqrt((W * W).sum(axis=0))
    typical, faults = float(xp.median(norms)), []
    copies, many = duplicate_units(W), float((statistics.high <= 0).mean()) > MANY
    for j in range(W.shape[1]):
        bias, norm = float(weighted.bias[j]), float(norms[j])
        low, high = float(statistics.low[j]), float(statistics.high[j])
        if high <= 0:
            faults.append(Fault(j, "dead", _why_dead(high - bias, bias, norm, typical, many)))
        elif low > 0:
            faults.append(Fault(j, "always on", _why_always_on(low - bias, bias)))
        if bool(copies[j]) and high > 0:
            faults.append(Fault(j, "duplicate", "two units started alike, or the layer has more units than it needs"))
    return faults


def _why_dead(strongest: float, bias: float, norm: float, typical: float, many: bool) -> str:
    """`strongest` is what the weights alone add at the most, over the data; `many` units of the layer are dead."""
    if norm <= 1e-3 * typical:
        return "no weights: they decayed, or started at zero"
    if bias == 0:
        return "bad start: its bias is still 0, so that it has never learned"
    if norm > BLOWN * typical:
        return f"learning rate too high: its weights' norm is {norm / typical:.1f} times the layer's median"
    if strongest > 0:
        return f"bias {bias:.3g} outweighs the strongest input, {strongest:.3g}: learning rate too high"
    cause = "learning rate too high, for many units of the layer are dead" if many else "start out of reach"
    return f"weights that only inhibit (at the most {strongest:.3g}): {cause}"


def _why_always_on(weakest: float, bias: float) -> str:
    """`weakest` is what the weights alone add at the least, over the data."""
    if bias > 0:
        return f"bias {bias:.3g} outweighs the strongest inhibition, {weakest:.3g}"
    return f"weights that only excite (at the least {weakest:.3g})"
