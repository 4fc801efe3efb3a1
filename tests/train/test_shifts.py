"""dbnvis.train.shifts: every image is moved whole, by every offset alike, and nothing else happens to it."""

import numpy as np
import pytest
from counts import chi_squared_p, host

from dbnvis.backend import make_rng
from dbnvis.train.shifts import shifted


@pytest.mark.parametrize("shape", [(9, 8), (2, 9, 8)])
def test_images_are_moved_by_every_offset_alike(xp, shape):
    image = np.zeros(shape, np.float32)
    image[..., 4, 3], image[..., 5, 3] = 1.0, 0.5
    moved = host(shifted(xp.asarray(np.repeat(image[None], 4000, axis=0)), 2, rng=make_rng(xp, 0)))
    assert moved.shape == (4000, *shape) and moved.dtype == np.float32
    counts = np.zeros((5, 5))
    for i, row in enumerate(range(-2, 3)):
        for j, column in enumerate(range(-2, 3)):
            counts[i, j] = (moved == np.roll(image, (row, column), axis=(-2, -1))).reshape(4000, -1).all(axis=1).sum()
    assert counts.sum() == 4000
    assert chi_squared_p(counts.ravel(), np.full(25, 1 / 25)) > 1e-4


def test_what_leaves_the_image_is_lost_and_zeros_come_in(xp):
    moved = host(shifted(xp.asarray(np.ones((500, 3, 3))), 1, rng=make_rng(xp, 0)))
    assert set(moved.sum(axis=(1, 2))) == {4.0, 6.0, 9.0}


def test_the_images_are_left_as_they_are_and_no_shift_is_none(xp):
    x = xp.asarray(np.random.default_rng(0).random((5, 4, 4)))
    before = host(x)
    shifted(x, 2, rng=make_rng(xp, 0))
    np.testing.assert_array_equal(host(x), before)
    np.testing.assert_array_equal(host(shifted(x, 0, rng=make_rng(xp, 0))), before)
