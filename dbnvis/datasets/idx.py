"""A strict reader of idx files, MNIST's format, plain or gzipped.

An idx file is two zero bytes, a type code, the number of dimensions, each dimension as a big-endian 32-bit
integer, then the values in C order.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

#: Type codes of the format. MNIST and its relatives use the first, QMNIST's labels are int32.
TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
MOST_DIMENSIONS = 4  # images in colour
GZIP_MAGIC = b"\x1f\x8b"
LONGEST_HEADER = 4 + 4 * 255  # bytes
CHUNK = 1 << 20  # bytes decompressed at once


def read_idx(
    source: str | os.PathLike[str] | bytes,
    *,
    ndim: int | None = None,
    name: str | None = None,
    types: Sequence[str] = ("uint8",),
) -> np.ndarray:
    """Read an array of unsigned bytes, or of other `types`, from an idx file.

    Parameters
    ----------
    source : path or bytes
        The file, or its content; plain or gzipped, told apart by the content.
    ndim : int, optional
        The number of dimensions that the array must have.
    name : str, optional
        What error messages call the file. Default: its path.
    types : sequence of str
        NumPy's names of the types that it may hold.

    Returns
    -------
    array
        uint8, or another of `types` (big-endian), of the shape that the header states; read-only.

    Raises
    ------
    ValueError
        If the content is anything but one whole idx array of these types. No more is decompressed than the header
        states, and a byte.
    OSError
        If the file cannot be read.
    """
    if isinstance(source, bytes):
        data, name = source, name or "<bytes>"
    else:
        data, name = Path(source).read_bytes(), name or os.fspath(source)
    shape, start, kind = _header(_unpacked(data, name, LONGEST_HEADER), name, types)
    if ndim is not None and len(shape) != ndim:
        raise ValueError(
            f"{name}: expected {ndim} dimensions, found {len(shape)} {shape}; are images and labels swapped?"
        )
    expected, zipped = start + math.prod(shape) * kind.itemsize, data.startswith(GZIP_MAGIC)
    data = _unpacked(data, name, expected + 1)
    found = len(data)
    if found < expected:
        raise ValueError(f"{name}: truncated: shape {shape} needs {expected} bytes, found {found}; get the file again")
    if found > expected:
        raise ValueError(
            f"{name}: {'at least ' if zipped else ''}{found - expected} trailing bytes: shape {shape} needs {expected} "
            f"bytes, found {'more' if zipped else found}; get the file again"
        )
    return np.frombuffer(data, kind, offset=start).reshape(shape)


def gunzip(data: bytes, name: str, limit: int) -> bytes:
    """Decompress `data` where it is gzipped, and otherwise return it as it is.

    Raises
    ------
    ValueError
        If the gzip stream is cut off or damaged, or the content has more than `limit` bytes, which are not all
        decompressed then; the message starts with `name`.
    """
    content = _unpacked(data, name, limit + 1)
    if len(content) > limit:
        raise ValueError(f"{name}: expected at most {limit} bytes, found more; get the file again")
    return content


def _unpacked(data: bytes, name: str, most: int) -> bytes:
    """The first `most` bytes of gzipped `data`; all of data that are not gzipped."""
    if not data.startswith(GZIP_MAGIC):
        return data
    parts, left = [], most
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            while left and (part := file.read(min(left, CHUNK))):
                parts.append(part)
                left -= len(part)
    except EOFError:
        raise ValueError(f"{name}: the gzip stream is cut off after {len(data)} bytes; get the file again") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{name}: the gzip stream is damaged ({error}); get the file again") from None
    return b"".join(parts)


def _header(data: bytes, name: str, types: Sequence[str]) -> tuple[tuple[int, ...], int, np.dtype]:
    """Return the shape, the offset of the first value, and the type."""
    if not data:
        raise ValueError(f"{name}: empty (0 bytes); get the file again")
    if len(data) < 4:
        raise ValueError(f"{name}: truncated: an idx header has at least 4 bytes, found {len(data)}")
    if data[:2] != b"\0\0":
        raise ValueError(
            f"{name}: not an idx file: expected the magic number 00 00 08 .., found "
            f"{data[:4].hex(' ')}{_resemblance(data)}"
        )
    code, ndim = data[2], data[3]
    if code not in TYPES:
        raise ValueError(f"{name}: not an idx file: unknown type code 0x{code:02x}, expected 0x08 (uint8)")
    if TYPES[code] not in types:
        raise ValueError(f"{name}: holds {TYPES[code]} (type code 0x{code:02x}), only uint8 (0x08) is supported")
    if not 1 <= ndim <= MOST_DIMENSIONS:
        raise ValueError(f"{name}: the header states {ndim} dimensions, expected 1 to {MOST_DIMENSIONS}")
    start = 4 + 4 * ndim
    if len(data) < start:
        raise ValueError(
            f"{name}: truncated: the header of {ndim} dimensions needs {start} bytes, found {len(data)}; "
            "get the file again"
        )
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", ndim, offset=4))
    return shape, start, np.dtype(TYPES[code]).newbyteorder(">")


def _resemblance(data: bytes) -> str:
    """Say what a file that is no idx file looks like, where that helps."""
    if data.startswith(GZIP_MAGIC):
        return "; it looks gzipped twice: decompress it once"
    if data.startswith(b"PK"):
        return "; it looks like a zip archive: extract the idx files from it"
    if data[:512].lstrip().startswith(b"<"):
        return "; it looks like an HTML page, not the file that its link promised: get the file again"
    return ""
