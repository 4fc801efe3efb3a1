"""Arrays out of an .npz file that anyone may have written: no size is believed before it is known to be in the file.

`numpy.savez` stores its arrays as they are, so that all of them together are no larger than the file. Compressed ones,
whose real size only shows on the way, are refused.
"""

from __future__ import annotations

import errno
import math
import textwrap
import zipfile
from pathlib import Path
from typing import BinaryIO

import numpy as np

NUMBERS = "biuf"  # kinds of dtypes: truth values, integers, floating-point numbers
SHOWN = 160  # characters of another library's words


def read(path: Path) -> dict[str, np.ndarray]:
    """All arrays of the file, by name.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is damaged, no archive of arrays, compressed, or holds anything but numbers; the message says of the file
        what is wrong with it.
    """
    try:
        with path.open("rb") as file:
            return _members(file)
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: a place before the file's beginning
            raise
        raise _damaged(error) from None
    except _Refused as error:
        raise ValueError(str(error)) from None
    except Exception as error:  # zlib.error, struct.error, UnicodeDecodeError and so on of damaged archives
        raise _damaged(error) from None


class _Refused(ValueError):
    """Not damaged, but nothing that is read."""


def _damaged(error: Exception) -> ValueError:
    said = textwrap.shorten(str(error) or type(error).__name__, SHOWN, placeholder=" ...")
    return ValueError(f"is damaged or no checkpoint ({said[:SHOWN]}); train again or take another copy")


def _members(file: BinaryIO) -> dict[str, np.ndarray]:
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
            raise _Refused("has compressed or encrypted members, which dbnvis never writes; save it with numpy.savez")
        if len({member.filename for member in members}) < len(members):
            raise ValueError("two members of one name")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its members are said to be larger than the file")
        return {member.filename.removesuffix(".npy"): _array(archive, member) for member in members}


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"array format {version}")
        read_header = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(file)
        if dtype.hasobject:
            raise _Refused("holds pickled objects, which are never loaded")
        if dtype.kind not in NUMBERS or dtype.itemsize > 8:
            raise _Refused(f"holds values of type {str(dtype)[:SHOWN]}; real numbers are expected")
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != member.file_size - file.tell():
            raise ValueError(f"an array is said to be of shape {shape}, its member has {member.file_size} bytes")
    with archive.open(member) as file:  # from the beginning, so that its checksum is seen
        array = np.lib.format.read_array(file, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)
