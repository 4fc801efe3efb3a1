"""Any image file as input of a network."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from dbnvis.datasets.fetch import PathLike

LARGEST = 50_000_000  # pixels of a file


def read_picture(
    path: PathLike, shape: tuple[int, ...], within: tuple[float, float] = (0.0, 1.0), *, invert: bool = False
) -> tuple[np.ndarray, list[str]]:
    """Read an image file of any size and mode as one input image; also what was done to it, in words.

    Transparent parts become white, colours grey where the network has one channel; the image is resized
    (bicubic, antialiased) with its proportions kept, and the rest filled with the median of its border.

    Parameters
    ----------
    path : path
        Anything that Pillow reads; of several frames the first.
    shape : tuple of int
        (height, width), or (1 or 3, height, width).
    within : (float, float)
        Range of the network's pixels.
    invert : bool
        Exchange black and white.

    Returns
    -------
    image : array `shape` of float32
    steps : list of str

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no image, has no pixel or too many, holds NaN, or the network's input is no image.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    if not (len(shape) == 2 or (len(shape) == 3 and shape[0] in (1, 3))) or not np.isfinite(within).all():
        raise ValueError(f"an image file needs a network with input (height, width) in a finite range, not {shape}")
    path, steps = Path(path), []
    if not path.is_file():
        raise FileNotFoundError(f"no image file {path}; an image of the data set is written test:17")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images; those beyond LARGEST are refused below
            with Image.open(path) as file:
                if file.width * file.height > LARGEST:
                    raise ValueError(f"{path} has {file.width} x {file.height} pixels; expected at most {LARGEST}")
                mode, size = file.mode, file.size
                picture = ImageOps.exif_transpose(file)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError) as error:
        raise ValueError(f"{path} is no image that Pillow can read ({error})") from None
    steps.append(f"{Path(path).name}, {size[0]} x {size[1]}, mode {mode}")
    if mode == "F" or mode.startswith("I"):
        pixels = _deep(np.asarray(picture, dtype=np.float64), mode, path, steps)[..., None]
    else:
        if "A" in mode or "transparency" in picture.info:
            picture = picture.convert("RGBA")
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
            steps.append("on white")
        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255
    channels = 1 if len(shape) == 2 else shape[0]
    if pixels.shape[-1] == 3 and channels == 1:
        pixels = pixels @ np.array(
            [[0.299], [0.587], [0.114]], dtype=np.float32
        )  # luma of ITU-R BT.601, as Pillow's mode L
        steps += ["grey"] if mode not in ("1", "L", "LA") else []
    elif pixels.shape[-1] == 1 and channels == 3:
        pixels = np.repeat(pixels, 3, axis=-1)
    if invert:
        pixels = 1 - pixels
        steps.append("inverted")
    pixels = _fitted(pixels, shape[-2:], steps)
    low, high = within
    image = (low + (high - low) * np.moveaxis(pixels, -1, 0)).reshape(shape).astype(np.float32)
    return np.clip(image, low, high), steps


def _deep(pixels: np.ndarray, mode: str, path: Path, steps: list[str]) -> np.ndarray:
    """Pixels of more than eight bits, in [0, 1]."""
    if not np.isfinite(pixels).all():
        raise ValueError(f"{path} holds NaN or infinite pixels")
    if pixels.min() < 0:
        raise ValueError(f"{path} holds negative pixels, down to {pixels.min():g}")
    tops = (1, 255, 65535) if mode == "F" else (65535,)
    top = next((top for top in tops if pixels.max() <= top), pixels.max())
    steps.append(f"divided by {top:g}")
    return (pixels / top).astype(np.float32)


def _fitted(pixels: np.ndarray, size: tuple[int, ...], steps: list[str]) -> np.ndarray:
    """Pixels (height, width, channels) resized to `size`, their proportions kept."""
    from PIL import Image

    own = pixels.shape[:2]
    if own == size:
        return pixels
    scale = max(n / wanted for n, wanted in zip(own, size, strict=True))
    inner = [min(max(round(n / scale), 1), wanted) for n, wanted in zip(own, size, strict=True)]
    planes = [Image.fromarray(plane) for plane in np.moveaxis(pixels, -1, 0)]
    resized = np.stack([np.asarray(x.resize((inner[1], inner[0]), Image.Resampling.BICUBIC)) for x in planes], axis=-1)
    steps.append(f"resized to {inner[1]} x {inner[0]}")
    if tuple(inner) == tuple(size):
        return resized
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    padded = np.empty((*size, pixels.shape[-1]), dtype=np.float32)
    padded[:] = np.median(edge, axis=0)
    top, left = ((wanted - n) // 2 for n, wanted in zip(inner, size, strict=True))
    padded[top : top + inner[0], left : left + inner[1]] = resized
    steps.append("centred on the median of its border")
    return padded
