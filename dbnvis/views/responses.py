"""What images do to units: pre-activations layer by layer, and where a channel has its peak.

A view reads a unit at its pre-activation, which neither saturates nor goes silent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..backend import Array, array_module
from ..images import image_of, images_of
from ..models.protocol import Model
from ..models.units import Unit, as_units, channel_at, parse_units

BATCH = 250  # images of 28 x 28 passed up at once, of larger ones fewer: a convolutional layer's maps are large
PIXELS = 28 * 28


def passes(model: Model, images: Array, addresses: Sequence[str]) -> Iterator[dict[str, Array]]:
    """Run images (N, *input_shape) up, some at a time; what stands at each of `addresses`, by address.

    Raises
    ------
    ValueError
        If the images do not fit the model's input or its pixels' range (`images_of`).
    KeyError
        If there is no such address; the message lists those that exist.
    """
    images = images_of(model, images)
    layers = model.network.layers
    last = max((model.network.upto(address) for address in addresses), key=lambda part: len(part.layers))
    size = batch_size(model)
    for start in range(0, len(images), size):
        x, found = images[start : start + size], {}
        for address in last.layers:
            x, _ = layers[address].forward(x)
            if address in addresses:
                found[address] = x
        yield found


def batch_size(model: Model) -> int:
    """How many of the model's images go up at once."""
    return max(1, min(BATCH, BATCH * PIXELS // math.prod(model.input_shape[-2:])))


def peaks(pre: Array) -> tuple[Array, Array]:
    """Highest pre-activation of each channel and where it is: pre (B, C, *map) -> (B, C), (B, C) of flat positions.

    Of equal ones the first; a dense unit (`pre` (B, H)) has one position, 0.
    """
    xp = array_module(pre)
    flat = pre.reshape(*pre.shape[:2], -1)
    where = flat.argmax(axis=-1)
    return xp.take_along_axis(flat, where[..., None], axis=-1)[..., 0], where


def peaks_of(model: Model, images: Array, layers: Sequence[str]) -> dict[str, tuple[Array, Array]]:
    """`peaks` of every channel of `layers` over images (N, *input_shape), by layer: values (N, C), positions (N, C)."""
    xp, found = model.xp, {layer: ([], []) for layer in layers}  # type: ignore[var-annotated]
    for batch in passes(model, images, [f"{layer}.pre" for layer in layers]):
        for layer, parts in found.items():
            for part, x in zip(parts, peaks(batch[f"{layer}.pre"]), strict=True):
                part.append(x)
    return {layer: tuple(map(xp.concatenate, parts)) for layer, parts in found.items()}


def located(model: Model, image: Array, units: Sequence[Unit | str]) -> list[Unit]:
    """`units`, of any layers; a channel without a position is moved to where it responds most to image (*input_shape).

    Raises
    ------
    ValueError, KeyError
        If a unit does not exist (`visualize.as_units`), or the image does not fit the model.
    """
    found, image = [], image_of(model, image)
    for unit in parse_units(units):
        as_units(model, [unit])
        if unit.position is None and len(model.layer_shape(unit.layer)) > 1:
            _, where = peaks_of(model, image[None], [unit.layer])[unit.layer]
            unit = channel_at(model, unit.layer, unit.index, int(where[0, unit.index]))
        found.append(unit)
    return found
