"""Bars and stripes, a distribution small enough to write down, and hard enough to need hidden units.

References
----------
MacKay (2003), "Information theory, inference, and learning algorithms", section 43.
"""

from __future__ import annotations

import numpy as np

from dbnvis.settings import check_value


def bars_and_stripes(side: int) -> np.ndarray:
    """Every picture of bars and stripes, as often as it is likely.

    A direction is drawn, across or down, and then each line in that direction is on or off, all with probability 1/2.
    So the blank and the full picture, which come from both directions, are there twice.

    Parameters
    ----------
    side : int
        Pixels of a side, at most 12.

    Returns
    -------
    array (2 * 2**side, side, side)
        float32, of 0 and 1: first the pictures with lines across, then those with lines down.

    Raises
    ------
    ValueError
        If `side` is not from 1 to 12.
    """
    check_value("side", side, int, "[1, 12]")
    lines = np.arange(2**side)[:, None] >> np.arange(side)[::-1] & 1
    across = np.repeat(lines[:, :, None], side, axis=2).astype(np.float32)
    return np.concatenate([across, across.transpose(0, 2, 1)])
