"""Is the text of a figure read: 6 points or more, within the figure, no text over another?"""

from itertools import chain

import numpy as np

SMALLEST = 6.0  # points
DPI = 160
SLACK = 0.5  # points that two boxes may share, or stand out: of the space that a line has above and below


def texts_of(figure):
    """All texts that are drawn, but for those in boxes of their own, which stand at points of the plane."""
    yield from figure.texts
    yield from chain.from_iterable(legend.get_texts() for legend in figure.legends)
    for axes in figure.axes:
        yield from (text for text in axes.texts if text.get_bbox_patch() is None)
        yield from (axes.title, axes._left_title, axes._right_title)
        if axes.get_legend():
            yield from axes.get_legend().get_texts()
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            yield axis.label
            yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


def faults(figure):
    """What is wrong with the texts of `figure`, in words, at the resolution at which it is printed."""
    before = figure.dpi
    figure.set_dpi(DPI)
    try:
        figure.draw_without_rendering()
        return _faults(figure)
    finally:
        figure.set_dpi(before)


def _faults(figure):
    shown = [text for text in texts_of(figure) if text.get_visible() and text.get_text().strip()]
    found = [f"{t.get_fontsize():.1f} points: {t.get_text()!r}" for t in shown if t.get_fontsize() < SMALLEST - 1e-9]
    if not shown:
        return found
    slack = SLACK * figure.dpi / 72
    boxes = np.array([t.get_window_extent().extents for t in shown])
    low, high = boxes[:, :2] + slack, boxes[:, 2:] - slack
    outside = (low < 0).any(axis=1) | (high > figure.bbox.size).any(axis=1)
    found += [f"beyond the border: {shown[i].get_text()!r}" for i in np.flatnonzero(outside)]
    over = ((low[:, None] < high) & (low < high[:, None])).all(axis=2)
    found += [f"{shown[i].get_text()!r} over {shown[j].get_text()!r}" for i, j in np.argwhere(np.triu(over, 1))]
    return found
