"""dbnvis.datasets.idx: whole files are read, and every kind of damage has its own clear message."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbnvis.datasets import read_idx
from dbnvis.datasets.idx import gunzip


def idx(array, code=0x08):
    """Write the format from its description, independently of the reader."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape) + array.tobytes()


IMAGES = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
PLAIN = idx(IMAGES)
GZIPPED = gzip.compress(PLAIN)


@pytest.mark.parametrize("content", [PLAIN, GZIPPED], ids=["plain", "gzip"])
@pytest.mark.parametrize("suffix", ["", ".gz"], ids=["named plain", "named .gz"])
def test_reads_a_file_whatever_its_name(tmp_path, content, suffix):
    path = tmp_path / f"images-idx3-ubyte{suffix}"
    path.write_bytes(content)
    array = read_idx(path, ndim=3)
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, IMAGES)
    np.testing.assert_array_equal(read_idx(str(path)), IMAGES)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.booleans())
def test_round_trip_of_any_shape(shape, compressed):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    content = gzip.compress(idx(array)) if compressed else idx(array)
    np.testing.assert_array_equal(read_idx(content, ndim=len(shape)), array, strict=True)


def flipped(data, position):
    return data[:position] + bytes([data[position] ^ 0xFF]) + data[position + 1 :]


DAMAGE = {
    "empty": (b"", "empty (0 bytes)"),
    "shorter than a magic number": (PLAIN[:3], "truncated: an idx header has at least 4 bytes, found 3"),
    "cut in the header": (PLAIN[:9], "the header of 3 dimensions needs 16 bytes, found 9"),
    "cut in the values": (PLAIN[:-1], "truncated: shape (2, 3, 5) needs 46 bytes, found 45"),
    "trailing bytes": (PLAIN + b"\0\0", "2 trailing bytes: shape (2, 3, 5) needs 46 bytes, found 48"),
    "wrong magic": (b"\x89PNG" + PLAIN[4:], "expected the magic number 00 00 08 .., found 89 50 4e 47"),
    "HTML": (b"\n<!DOCTYPE html><html>404</html>", "looks like an HTML page"),
    "zip": (b"PK\x03\x04" + PLAIN, "looks like a zip archive"),
    "gzipped twice": (gzip.compress(GZIPPED), "looks gzipped twice"),
    "floats": (idx(IMAGES.astype(">f4"), code=0x0D), "holds float32 (type code 0x0d), only uint8"),
    "unknown type": (idx(IMAGES, code=0x0A), "unknown type code 0x0a"),
    "labels": (idx(IMAGES[0, 0]), "expected 3 dimensions, found 1 (5,)"),
    "no dimensions": (idx(np.array(7, np.uint8)), "0 dimensions"),
    "too many dimensions": (idx(np.zeros((1,) * 5, np.uint8)), "states 5 dimensions, expected 1 to 4"),
    "255 dimensions": (bytes([0, 0, 8, 255]) + bytes(range(256)) * 4, "states 255 dimensions, expected 1 to 4"),
    "gzip cut off": (GZIPPED[:-6], "the gzip stream is cut off after"),
    "gzip with a bad CRC": (flipped(GZIPPED, -8 % len(GZIPPED)), "the gzip stream is damaged (CRC"),
    "gzip with a bad block": (flipped(GZIPPED, 10), "the gzip stream is damaged"),
    "gzip with trailing bytes": (GZIPPED + b"x", "the gzip stream is damaged"),
}


@pytest.mark.parametrize(("content", "message"), DAMAGE.values(), ids=DAMAGE)
def test_damage_is_named_in_one_line(tmp_path, content, message):
    path = tmp_path / "some-images"
    path.write_bytes(content)
    with pytest.raises(ValueError) as caught:
        read_idx(path, ndim=3)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert message in text
    assert "\n" not in text


def test_every_truncation_is_noticed():
    for content in (PLAIN, GZIPPED):
        for length in range(len(content)):
            with pytest.raises(ValueError, match=r"trunc|empty|cut off"):
                read_idx(content[:length])


def test_a_huge_stated_size_is_compared_without_overflow():
    header = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 4)  # 2**64 values: 0 in 64 bits
    with pytest.raises(ValueError, match=f"needs {2**64 + 16} bytes, found 16"):
        read_idx(header)


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_idx(tmp_path / "nothing")


def peak(call):
    """Bytes of memory that `call` takes at most."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


BOMB = gzip.compress(PLAIN + bytes(64 << 20), compresslevel=1)  # 64 MiB in 280 kB


def test_no_more_is_decompressed_than_the_header_states():
    def read():
        with pytest.raises(
            ValueError, match=r"at least 1 trailing bytes: shape \(2, 3, 5\) needs 46 bytes, found more"
        ):
            read_idx(BOMB)

    assert peak(read) < 4 << 20


def test_a_header_that_states_much_takes_no_memory_for_it():
    header = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**31, 2**31, 4)
    for content in (header + b"x", gzip.compress(header + b"x")):

        def read(content=content):
            with pytest.raises(ValueError, match=f"truncated: .* needs {2**64 + 16} bytes, found 17"):
                read_idx(content)

        assert peak(read) < 4 << 20


@pytest.mark.parametrize("content", [PLAIN, GZIPPED], ids=["plain", "gzip"])
def test_gunzip_has_a_limit(content):
    assert gunzip(content, "file", len(PLAIN)) == PLAIN
    with pytest.raises(ValueError, match="file: expected at most 45 bytes, found more"):
        gunzip(content, "file", len(PLAIN) - 1)


def test_gunzip_stops_at_its_limit():
    def unpack():
        with pytest.raises(ValueError, match="expected at most 1000 bytes"):
            gunzip(BOMB, "file", 1000)

    assert peak(unpack) < 4 << 20
