"""The patches of images that excite a channel most, each with its deconvolution.

One candidate per image and channel, its spatial maximum, so that nine patches come from nine images; ranked by
pre-activation, equal ones in the order of the data (Zeiler & Fergus 2014, figure 2). A patch is what the unit at the
maximum sees: its receptive field, padded where it reaches beyond the image.

References
----------
Zeiler, Fergus (2014), "Visualizing and understanding convolutional networks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..backend import Array, array_module
from ..images import images_of
from ..models.protocol import Model, Spatial
from ..models.spatial import ReceptiveField
from ..models.units import Unit, channel_at
from .gradients import gradients
from .responses import passes, peaks_of


def crop(image: Array, field: ReceptiveField, outside: float = float("nan")) -> Array:
    """The pixels of image (..., height, width) that `field` holds, `outside` beyond the image."""
    xp = array_module(image)
    (top, bottom), (left, right) = field.extent
    patch = xp.full((*image.shape[:-2], bottom - top, right - left), outside, dtype=image.dtype)
    rows, columns = (
        slice(part.start - start, part.stop - start) for part, start in zip(field.slices, (top, left), strict=True)
    )
    patch[..., rows, columns] = image[..., field.slices[0], field.slices[1]]
    return patch


def alone(image: Array, field: ReceptiveField) -> Array:
    """`image` (..., height, width) with zeros outside `field`."""
    kept = array_module(image).zeros_like(image)
    part = (..., *field.slices)
    kept[part] = image[part]
    return kept


@dataclass(frozen=True)
class TopPatches:
    """The `k` best patches of U channels of one layer, best first.

    Parameters
    ----------
    units : tuple of Unit, length U
    rows : array (U, k)
        Which images they are from.
    winners : tuple of tuples of Unit, (U, k)
        The channel's unit at the maximum.
    scores : array (U, k)
        Its pre-activation.
    patches, deconvolutions : array (U, k, ..., field height, field width)
        Pixels, and their deconvolutions from that unit; NaN beyond the image.
    rechecked : array (U, k)
        The pre-activation at the patch alone, everything around it zero: the score again, if the field is right.
    """

    units: tuple[Unit, ...]
    rows: Array
    winners: tuple[tuple[Unit, ...], ...]
    scores: Array
    patches: Array
    deconvolutions: Array
    rechecked: Array


def top_patches(
    model: Spatial, images: Array, units: Sequence[Unit], k: int = 9, peaks: tuple[Array, Array] | None = None
) -> TopPatches:
    """Find the top patches of `units`, channels of one layer, in images (N, *input_shape).

    Parameters
    ----------
    model : Spatial
    images : array (N, *input_shape)
    units : sequence of Unit, length U
    k : int
        Patches per channel.
    peaks : (array (N, C), array (N, C)), optional
        `responses.peaks_of` of the layer at these images, where the caller has it.

    Raises
    ------
    ValueError
        If there are fewer than k images.
    ArithmeticError
        If a patch alone excites its unit otherwise than its image did.
    """
    images = images_of(model, images)
    if not 1 <= k <= len(images):
        raise ValueError(f"k must lie between 1 and the {len(images)} images, got {k}")
    xp, layer = array_module(images), units[0].layer
    values, places = peaks or peaks_of(model, images, [layer])[layer]
    own = xp.asarray([unit.index for unit in units])
    rows = xp.argsort(-values[:, own], axis=0, kind="stable")[:k].T  # (U, k)
    scores, flat = values[rows, own[:, None]], places[rows, own[:, None]].tolist()
    winners = tuple(
        tuple(channel_at(model, layer, unit.index, where) for where in row)
        for unit, row in zip(units, flat, strict=True)
    )
    every = [winner for row in winners for winner in row]
    fields = [model.receptive_field(layer, winner.position) for winner in every]
    found = images[rows.reshape(-1)]  # (U k, *input_shape)
    by_itself = xp.stack([alone(image, field) for image, field in zip(found, fields, strict=True)])
    rechecked = _readings(model, by_itself, every).reshape(scores.shape)
    if not bool(xp.allclose(rechecked, scores, rtol=1e-3, atol=1e-3)):
        raise ArithmeticError(
            f"a patch of layer {layer} alone excites its unit by up to {float(abs(rechecked - scores).max()):.3g} "
            "otherwise than its image did: the receptive field is wrong, or the weights are not finite"
        )
    maps = gradients(model, found, every, "deconvnet")
    patches, deconvolutions = (
        xp.stack([crop(x, field) for x, field in zip(source, fields, strict=True)]) for source in (found, maps)
    )
    shape = (*rows.shape, *patches.shape[1:])
    return TopPatches(
        tuple(units), rows, winners, scores, patches.reshape(shape), deconvolutions.reshape(shape), rechecked
    )


def _readings(model: Model, images: Array, units: Sequence[Unit]) -> Array:
    """Pre-activation of `units[b]`, which have positions, at `images[b]`: (B,)."""
    xp, address = array_module(images), f"{units[0].layer}.pre"
    pre = xp.concatenate([batch[address] for batch in passes(model, images, [address])])
    own = [(b, unit.index, *(unit.position or ())) for b, unit in enumerate(units)]
    return pre[tuple(xp.asarray(axis) for axis in zip(*own, strict=True))]
