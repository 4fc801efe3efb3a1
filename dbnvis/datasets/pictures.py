"""Any image file as input of a network; drawings of digits normalized as MNIST's were.

References
----------
LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document recognition", section III.A.
"""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from dbnvis.datasets.fetch import PathLike
from dbnvis.images import check_images, plain_array

LARGEST = 50_000_000  # pixels of a file
LUMA = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)  # of ITU-R BT.601, as Pillow's mode L
ORIENTATION = 0x0112  # EXIF: how the camera was held; 1 is upright
FAINT = 1 / 16  # contrast below which a picture counts as blank
INK = 0.25  # share of the strongest pixel's difference from the ground above which a pixel is ink
BOX = 20 / 28  # longer side of MNIST's digits, share of the picture
#: No digit of MNIST spans less than half of its picture, or lies farther from the middle than a fifth.
LEAST_SPAN, MOST_OFF = 0.5, 0.2


def read_picture(
    path: PathLike,
    shape: tuple[int, ...],
    within: tuple[float, float] = (0.0, 1.0),
    *,
    invert: bool = False,
    center: bool = False,
) -> tuple[np.ndarray, list[str]]:
    """Read an image file of any size and mode as one input image; also what was done to it, in words.

    The file is read by `pixels_of`; colours become grey where the network has one channel; the image is resized
    (bicubic, antialiased) with its proportions kept, and the rest filled with the median of its border. A picture that
    is almost blank, or on which the drawing is small or far from the middle, is warned of; the words say it too.

    Parameters
    ----------
    path : path
        Anything that Pillow reads.
    shape : tuple of int
        (height, width), or (1 or 3, height, width).
    within : (float, float)
        Range of the network's pixels.
    invert : bool
        Exchange black and white.
    center : bool
        Crop the drawing and centre it as MNIST's digits are (`center_digit`), instead of resizing the whole picture.

    Returns
    -------
    image : array `shape` of float32
    steps : list of str

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no image, has no pixel or too many, holds NaN, the network's input is no image, or there is nothing to
        centre.
    """
    if not (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))) or not np.isfinite(within).all():
        raise ValueError(f"an image file needs a network with input (height, width) in a finite range, not {shape}")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no image file {path}; an image of the data set is written test:17")
    try:
        pixels, steps = pixels_of(path)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    channels = 1 if len(shape) == 2 else shape[0]
    if pixels.shape[-1] == 3 and channels == 1:
        grey = steps[0].endswith((" mode 1", " mode L", " mode LA"))
        pixels = pixels @ LUMA
        steps += [] if grey else ["grey"]
    elif pixels.shape[-1] == 1 and channels == 3:
        pixels = np.repeat(pixels, 3, axis=-1)
    if invert:
        pixels = 1 - pixels
        steps.append("inverted")
    hints = []
    if np.ptp(pixels) < FAINT:
        hints.append(f"almost blank: pixels from {pixels.min():.3g} to {pixels.max():.3g} of 1")
    if center:
        pixels = center_digit(np.clip(pixels, 0, 1), shape[-2:])
        steps.append("cropped and centred as MNIST's digits are")
    else:
        pixels = fitted(pixels, shape[-2:], steps)
        hints = hints or _misplaced(pixels)
    for hint in hints:
        warnings.warn(f"{path.name}: {hint}", stacklevel=2)
    low, high = within
    image = (low + (high - low) * np.moveaxis(pixels, -1, 0)).reshape(shape).astype(np.float32)
    return np.clip(image, low, high), steps + hints


def pixels_of(path: PathLike, largest: int = LARGEST) -> tuple[np.ndarray, list[str]]:
    """Pixels (H, W, C) of an image file in [0, 1], C 1 or 3, float32; also what was done to them, in words.

    A photograph is turned as its EXIF orientation says; of several frames the first counts. Transparent parts become
    black if the ink is light, white if it is dark, so that it is seen. Grey of more than 8 bits is divided by the
    largest number of as many bits (8, 12 or 16) as its pixels fill, floating-point pixels by 1 if they are in [0, 1];
    larger ones by the largest pixel.

    Raises
    ------
    ValueError
        If there are no pixels or more than `largest` (found before they are decoded), they are negative or not finite,
        or more than Pillow keeps of them matters; or the file is damaged or no image.
    """
    try:
        picture, steps = _opened(Path(path), largest)
    except _Refused:
        raise
    except Exception as error:  # a damaged file can raise anything
        said = textwrap.shorten(str(error) or type(error).__name__, 200, placeholder=" ...")
        raise ValueError(f"no image that Pillow can read ({said})") from None
    if picture.mode == "F" or picture.mode.startswith("I"):
        values = np.asarray(picture, dtype=np.float64)[..., None]
        pixels = _scaled(values, picture.mode, steps)
        see_through = picture.info.get("transparency")
        alpha = None if see_through is None else (values != see_through).astype(np.float32)
    else:
        alphas = "A" in picture.mode or picture.mode == "P" or "transparency" in picture.info
        eights = np.asarray((picture if alphas else picture.convert("RGB")).convert("RGBA"))
        pixels, alpha = (np.divide(part, 255, dtype=np.float32) for part in (eights[..., :3], eights[..., 3:]))
    if alpha is not None and alpha.min() < 1:
        luma = pixels @ LUMA if pixels.shape[-1] == 3 else pixels
        ground = 0 if (luma * alpha).sum(dtype=float) > alpha.sum(dtype=float) / 2 else 1
        pixels *= alpha
        pixels += ground * (1 - alpha)
        steps.append(f"on {'white' if ground else 'black'}")
    return pixels, steps


def center_digit(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Normalize the drawing of a digit as MNIST's were: size by the box around the ink, place by the centre of mass.

    The longer side of the box becomes 20/28 of the picture's, proportions kept (bicubic, antialiased), and the centre
    of mass comes to the middle pixel, as far as the ink stays on the picture (LeCun et al. 1998). Ink is what differs
    from the ground, the median of the border, by more than a quarter of what the strongest pixel does.

    Parameters
    ----------
    pixels : array (H, W) or (H, W, C)
        In [0, 1]; ink lighter or darker than its ground.
    shape : (int, int)
        Height and width of the result, 28 x 28 for MNIST.

    Returns
    -------
    array (*shape) or (*shape, C) of float32
        In [0, 1], on the same ground.

    Raises
    ------
    ValueError
        If all pixels are the same, or one is not in [0, 1].
    """
    pixels = check_images(plain_array(pixels, "pixels")[None], name="pixels")[0].astype(np.float32, copy=False)
    planes = pixels.reshape(*pixels.shape[:2], -1)
    ground = _ground(planes)
    drawing = planes - ground
    rows, columns = _box(drawing)
    drawing = drawing[rows, columns]
    scale = min(BOX * wanted / n for n, wanted in zip(drawing.shape[:2], shape, strict=True))
    drawing = _resized(drawing, [max(round(scale * n), 1) for n in drawing.shape[:2]])
    mass = np.abs(drawing).sum(axis=2)
    corner = []
    for axis, wanted in enumerate(shape):
        n, along = mass.shape[axis], mass.sum(axis=1 - axis)
        middle = (np.arange(n) @ along) / along.sum()
        corner.append(int(np.clip(wanted // 2 - int(middle + 0.5), 0, wanted - n)))
    (top, left), (height, width) = corner, mass.shape
    placed = np.zeros((*shape, planes.shape[-1]), dtype=np.float32)
    placed[top : top + height, left : left + width] = drawing
    return np.clip(ground + placed, 0, 1).reshape(*shape, *pixels.shape[2:])


def light_ground(image: np.ndarray, within: tuple[float, float]) -> bool:
    """Whether the median of the border of an image (..., H, W) is in the lighter half of the range `within`."""
    edge = np.concatenate([image[..., 0, :], image[..., -1, :], image[..., 0], image[..., -1]], axis=-1)
    return float(np.median(edge)) > sum(within) / 2


class _Refused(ValueError):
    """An image that Pillow can read, and that is refused."""


def _opened(path: Path, largest: int) -> tuple[Any, list[str]]:
    """The file's first frame, upright, decoded, and what it was."""
    from PIL import Image, ImageOps

    with Image.open(path) as file:
        if not 0 < file.width * file.height <= largest:
            raise _Refused(f"{file.width} x {file.height} pixels, expected at most {largest} in all")
        steps = [f"{path.name}, {file.width} x {file.height}, mode {file.mode}"]
        if getattr(file, "is_animated", False):
            steps.append("its first frame")
        halved = file.mode in ("RGB", "RGBA", "LA") and ";16" in str(file.tile)
        if file.getexif().get(ORIENTATION, 1) != 1:
            steps.append("turned upright")
        picture = ImageOps.exif_transpose(file)
    if halved:  # Pillow keeps the upper 8 bits of every 16, and of small numbers nothing
        if np.asarray(picture.convert("RGB")).max() < 16:
            raise _Refused("its colours are numbers of 16 bits below 4096, which Pillow reads as black; save 8 bits")
        steps.append("the upper 8 of 16 bits")
    return picture, steps


def _scaled(values: np.ndarray, mode: str, steps: list[str]) -> np.ndarray:
    """Pixels of more than eight bits, in [0, 1]."""
    if not np.isfinite(values).all():
        raise ValueError("holds NaN or infinite pixels")
    if values.min() < 0:
        raise ValueError(f"holds negative pixels, down to {values.min():g}")
    tops = (*((1,) if mode == "F" else ()), 255, 4095, 65535)
    top = next((top for top in tops if values.max() <= top), values.max())
    steps.append(f"divided by {top:.10g}")
    return (values / top).astype(np.float32)


def fitted(pixels: np.ndarray, size: tuple[int, ...], steps: list[str]) -> np.ndarray:
    """Pixels (height, width, channels) resized to `size`, their proportions kept; `steps` gets it in words."""
    own = pixels.shape[:2]
    if own == size:
        return pixels
    scale = max(n / wanted for n, wanted in zip(own, size, strict=True))
    inner = [min(max(round(n / scale), 1), wanted) for n, wanted in zip(own, size, strict=True)]
    resized = _resized(pixels, inner)
    steps.append(f"resized to {inner[1]} x {inner[0]}")
    if tuple(inner) == tuple(size):
        return resized
    padded = np.empty((*size, pixels.shape[-1]), dtype=np.float32)
    padded[:] = _ground(pixels)
    top, left = ((wanted - n) // 2 for n, wanted in zip(inner, size, strict=True))
    padded[top : top + inner[0], left : left + inner[1]] = resized
    steps.append("centred on the median of its border")
    return padded


def _resized(pixels: np.ndarray, size: list[int]) -> np.ndarray:
    from PIL import Image

    planes = [Image.fromarray(plane) for plane in np.moveaxis(pixels, -1, 0)]
    # First along the rows, then along the columns: at once, the order, and so the last bits, follow Pillow's version.
    for width, height in ((size[1], len(pixels)), (size[1], size[0])):
        planes = [plane.resize((width, height), Image.Resampling.BICUBIC) for plane in planes]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def _ground(pixels: np.ndarray) -> np.ndarray:
    """Median colour of the border (C,)."""
    return np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)


def _box(drawing: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns that hold the ink of a drawing (H, W, C) on the ground 0."""
    strength = np.abs(drawing).max(axis=2)
    if not strength.any():
        raise ValueError("expected a drawing to centre, found pixels that are all the same")
    inked = strength > INK * strength.max()
    rows, columns = (np.flatnonzero(inked.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def _misplaced(pixels: np.ndarray) -> list[str]:
    """A hint where the drawing on pixels (H, W, C) is smaller, or farther from the middle, than MNIST's digits are."""
    drawing = pixels - _ground(pixels)
    if not drawing.any():
        return []
    box, size = _box(drawing), pixels.shape[:2]
    span = max((at.stop - at.start) / n for at, n in zip(box, size, strict=True))
    off = max(abs(at.start + at.stop - n) / (2 * n) for at, n in zip(box, size, strict=True))
    if span >= LEAST_SPAN and off <= MOST_OFF:
        return []
    where = f" and lies {100 * off:.0f} % off its middle" if off > MOST_OFF else ""
    return [
        f"the drawing spans {100 * span:.0f} % of the picture{where}: --center (center=True) crops and centres it as "
        "MNIST's digits are"
    ]
