"""Images from outside: every entry point computes what it would for floats, or refuses in one line."""

import numpy as np
import pytest

from dbnvis.images import check_images

BITS = np.random.default_rng(0).integers(0, 2, (6, 3, 4))
GREY = np.random.default_rng(1).random((6, 3, 4)).astype("f4")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_an_array_that_is_right_is_returned_as_it_is(dtype):
    x = GREY.astype(dtype)
    assert check_images(x) is x
    assert check_images(x, shape=(3, 4), xp=np) is x


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "i8", "u4", "f2", ">f4", "list", "matrix", "masked", "flat"])
def test_what_means_the_same_numbers_becomes_floats(dtype):
    bits = BITS.astype("f4")
    kinds = {
        "list": bits.tolist,
        "matrix": lambda: np.asmatrix(bits.reshape(6, -1)),
        "masked": lambda: np.ma.masked_array(bits, mask=False),
        "flat": lambda: bits.reshape(6, -1),
    }
    x = kinds[dtype]() if dtype in kinds else bits.astype(dtype)
    found = check_images(x, shape=(3, 4))
    assert type(found) is np.ndarray and found.dtype in ("float32", "float64") and found.dtype.isnative
    np.testing.assert_array_equal(found, bits)


def test_types():
    assert check_images(BITS, dtype="float64").dtype == "float64"
    assert check_images(BITS.astype(">f8")).dtype == check_images(BITS.astype("longdouble")).dtype == "float64"
    assert check_images(np.full((1, 1), 0.1, "f2")).dtype == "float32"


def with_value(value):
    x = GREY.copy()
    x[4, 1, 2] = value
    return x


REFUSED = {
    "bytes": ((255 * GREY).astype("u1"), "divide by 255"),
    "sixteen": ((16 * GREY).astype("u1"), "divide by the largest value that there can be"),
    "negative": (with_value(-1), r"in \[0, 1\], found -1"),
    "NaN": (with_value(np.nan), "1 NaN or infinite, the first in image 4"),
    "infinite": (with_value(-np.inf), "1 NaN or infinite, the first in image 4"),
    "masked": (np.ma.masked_less(GREY, 0.5), "pixels are masked"),
    "complex": (GREY + 1j, "real numbers"),
    "object": (GREY.astype(object), "real numbers"),
    "text": (GREY.astype(str), "real numbers"),
    "dates": (BITS.astype("M8[s]"), "real numbers"),
    "none": (None, "real numbers"),
    "empty": (GREY[:0], "at least one image"),
    "no pixels": (GREY[:, :0], "at least one image"),
    "a number": (0.5, "at least one image"),
    "ragged": ([[0, 1], [0]], "of one shape"),
    "one image": (GREY[0], r"expected an array \(N, 3, 4\), got shape \(3, 4\)"),
    "turned": (GREY.swapaxes(1, 2), r"got shape \(6, 4, 3\)"),
    "larger": (np.zeros((6, 28, 28)), "got shape"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_the_rest_is_refused_in_one_line(kind):
    x, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message) as caught:
        check_images(x, shape=(3, 4), name="mine")
    assert str(caught.value).startswith("mine: ") and "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_unbounded_pixels_must_have_squares_in_float32():
    unbounded = (-np.inf, np.inf)
    x = np.array([[-3.0, 1e10]])
    assert check_images(x, within=unbounded) is x
    with pytest.raises(ValueError, match=r"\[-1e\+15, 1e\+15\], found -3 to 1e\+308"):
        check_images(np.array([[-3.0, 1e308]]), within=unbounded)
