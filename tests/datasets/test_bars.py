"""Bars and stripes, against a loop over every direction and choice of lines."""

import itertools

import numpy as np
import pytest

from dbnvis.datasets import bars_and_stripes


@pytest.mark.parametrize("side", [1, 2, 4])
def test_every_picture_as_often_as_the_two_directions_make_it(side):
    expected = []
    for lines in itertools.product((0, 1), repeat=side):
        picture = np.array([[on] * side for on in lines])
        expected += [picture.tolist(), picture.T.tolist()]
    found = bars_and_stripes(side)
    assert found.shape == (2 * 2**side, side, side) and found.dtype == np.float32
    assert sorted(found.astype(int).tolist()) == sorted(expected)


def test_a_side_of_four_has_thirty_pictures_two_of_them_twice():
    pictures, counts = np.unique(bars_and_stripes(4).reshape(-1, 16), axis=0, return_counts=True)
    assert len(pictures) == 30
    assert sorted(pictures[counts == 2].mean(axis=1)) == [0, 1] and counts.sum() == 32


def test_the_first_half_has_its_lines_across():
    across, down = np.split(bars_and_stripes(3), 2)
    assert (across == across[:, :, :1]).all() and (down == down[:, :1]).all()


@pytest.mark.parametrize("side", [0, 13, 2.5, True])
def test_a_side_that_makes_no_sense_is_refused(side):
    with pytest.raises(ValueError, match=r"side must be an integer in \[1, 12\]"):
        bars_and_stripes(side)
