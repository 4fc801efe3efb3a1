"""The gate for images that come from outside: real, finite, in range, of the right shape, in floating point."""

from __future__ import annotations

import math
from typing import Any

from .backend import LIBRARIES, Array, array_module, move

UNBOUNDED = (-math.inf, math.inf)
LARGEST = 1e15  # of pixels without a range: their squares, summed, must fit into float32


def check_images(
    images: Any,
    *,
    shape: tuple[int, ...] | None = None,
    within: tuple[float, float] = (0.0, 1.0),
    name: str = "images",
    dtype: Any = None,
    xp: Any = None,
    remedy: str = "",
) -> Array:
    """Return `images` as floating-point numbers if every pixel is finite and in the range `within`.

    An array that is right already is returned as it is. Booleans, integers and half precision become `dtype`; other
    floats keep their type. Nothing is divided, clipped or filled in.

    Parameters
    ----------
    images : array (N, ...), or what NumPy makes one of
        On either device.
    shape : tuple of int, optional
        Of one image. Rows of as many pixels are accepted too, and given this shape.
    within : (float, float)
        Infinite where pixels have no bound.
    name : str
        What the error messages call them.
    dtype : dtype, optional
        Default: float32.
    xp : module, optional
        The library that the array must belong to, numpy or cupy; lists are moved to it.
    remedy : str
        What to do about pixels out of range, for the error message.

    Returns
    -------
    array (N, ...), or (N, *shape)

    Raises
    ------
    ValueError
        If there is no image or no pixel, the shape is another, or a pixel is masked, no real number, not finite or out
        of range.
    TypeError
        If the array lives on another device than that of `xp`.
    """
    x = plain_array(images, name, xp)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{name}: expected real numbers, got an array of {x.dtype}")
    expected = "..." if shape is None else ", ".join(map(str, shape))
    if x.ndim < 2 or x.size == 0:
        raise ValueError(f"{name}: expected at least one image, an array (N, {expected}), got shape {x.shape}")
    if shape is not None and x.shape[1:] != tuple(shape):
        if x.shape[1:] != (math.prod(shape),):
            raise ValueError(f"{name}: expected an array (N, {expected}), got shape {x.shape}")
        x = x.reshape(len(x), *shape)
    _check_range(x, within, name, remedy)
    if x.dtype in ("float32", "float64"):
        return x
    return x.astype(dtype or ("float64" if x.dtype.kind == "f" and x.dtype.itemsize >= 8 else "float32"))


def images_of(model: Any, images: Any, name: str = "images", remedy: str = "") -> Array:
    """`check_images` for what `model` takes: (N, *input_shape) in its `input_range`, of its type, on its device."""
    return check_images(images, name=name, remedy=remedy, **_input(model)).astype(model.dtype, copy=False)


def image_of(model: Any, image: Any, name: str = "image") -> Array:
    """`images_of` for one image, (*input_shape)."""
    return images_of(model, plain_array(image, name, model.xp)[None], name)[0]


def floats_of(model: Any, images: Any) -> Array:
    """`images` as they are if they are floats, which may be means, pictures or samples; others through the gate."""
    return as_floats(images, **_input(model))


def as_floats(images: Any, **how: Any) -> Array:
    """`images` as they are if they are an array of floats; others through `check_images`, as `how` says."""
    right = type(images).__name__ == "ndarray" and images.dtype in ("float32", "float64")
    return images if right else check_images(images, **how)


def _input(model: Any) -> dict[str, Any]:
    shape, within = tuple(model.input_shape), tuple(model.input_range)
    return {"shape": shape, "within": within, "dtype": model.dtype, "xp": model.xp}


def plain_array(images: Any, name: str, xp: Any = None) -> Array:
    """`images`, of any type of numbers, as an array of `xp`; ValueError where some are masked or they have no shape."""
    if type(images).__module__.partition(".")[0] in LIBRARIES - {"numpy"}:
        x = images
    else:
        import numpy

        if numpy.ma.is_masked(images):
            raise ValueError(
                f"{name}: {numpy.ma.count_masked(images)} pixels are masked; fill them, or leave their images out"
            )
        try:
            x = numpy.asarray(images)
        except ValueError as error:
            raise ValueError(f"{name}: expected images of one shape, got a list of several") from error
    if xp is None or array_module(x) is xp:
        return x
    if x is images:
        array_module(x, xp.empty(0))  # the error that says how to move them
    return move(x, xp)


def _check_range(x: Array, within: tuple[float, float], name: str, remedy: str) -> None:
    """ValueError unless all of `x` (N, ...) are finite and in the range."""
    low, high = float(x.min()), float(x.max())
    if not math.isfinite(low + high):
        bad = ~array_module(x).isfinite(x)
        if bool(bad.any()):
            first = int(bad.reshape(len(x), -1).any(axis=1).argmax())
            raise ValueError(
                f"{name}: expected finite pixels, found {int(bad.sum())} NaN or infinite, the first in image {first}"
            )
    least, most = max(within[0], -LARGEST), min(within[1], LARGEST)
    if x.dtype.kind == "f":  # the ends as this type has them: 2.8215 in float32 is above 2.8215
        least, most = (float(x.dtype.type(end)) for end in (least, most))
    if low < least or high > most:
        remedies = [remedy] if remedy else []
        if tuple(within) == (0, 1) and low >= 0 and high <= 255:
            remedies.insert(0, f"divide by {'255' if high > 16 else 'the largest value that there can be'}")
        hint = "; " + ", or ".join(remedies) if remedies else ""
        raise ValueError(f"{name}: expected pixels in [{least:g}, {most:g}], found {low:g} to {high:g}{hint}")
