"""Can a figure be read? Text of 6 points or more, within the figure, none over another; a caption of at most forty
words; no unused area larger than two rows of tiles.
"""

from itertools import chain

import numpy as np

from dbnvis.plot.mosaic import Texts

SMALLEST = 6.0  # points
DPI = 160
WORDS = 40  # of a caption
TEXT = 0.2  # inches that a row of tiles has for labels and captions
ROWS = 2  # the last row of panels may be less than half full, and a panel has a title and rows of tiles
NARROW = 6.51  # inches
CELL = 0.05  # inches: empty areas are measured on a grid of such cells
SLACK = 0.5  # points that two boxes may share, or stand out: of the space that a line has above and below


def texts_of(figure):
    """All texts that are drawn, but for those in boxes of their own, which stand at points of the plane."""
    yield from figure.texts
    yield from chain.from_iterable(legend.get_texts() for legend in figure.legends)
    for axes in figure.axes:
        yield from (text for text in axes.texts if text.get_bbox_patch() is None)
        yield from chain.from_iterable(artist.artists() for artist in axes.artists if isinstance(artist, Texts))
        yield from (axes.title, axes._left_title, axes._right_title)
        if axes.get_legend():
            yield from axes.get_legend().get_texts()
        for axis in (axes.xaxis, axes.yaxis) if axes.axison else ():
            low, high = sorted(axis.get_view_interval())
            yield axis.label
            yield from (tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)


def tiles_of(axes):
    """The tiles of a panel as they are seen, (height, width, 4) of bytes, without those crossed out; their boxes."""
    tiles = [pair for image in axes.images for pair in zip(image.colors, image.boxes, strict=True)]
    return [(tile, box) for tile, box in tiles if tile[..., 3].all()]


def faults(figure):
    """What is wrong with `figure`, in words, at the resolution at which it is printed."""
    before = figure.dpi
    figure.set_dpi(DPI)
    try:
        figure.draw_without_rendering()
        return _faults(figure) + _captions(figure) + _gaps(figure)
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


def _captions(figure):
    """A figure's caption is there, and is short."""
    words = [len(text.get_text().split()) for text in figure.texts if text.get_gid() == "caption"]
    if sum(words) == 0:
        return ["no caption"]
    return [f"a caption of {n} words" for n in words if n > WORDS]


def _gaps(figure):
    """An empty rectangle larger than `ROWS` rows of tiles across the figure; without tiles, of charts.

    A figure of the least width may hold a single tile, so it is not measured.
    """
    if figure.get_size_inches()[0] <= NARROW:
        return []
    boxes, tiles, charts = [], [], []
    for axes in figure.axes:
        if axes.axison:
            boxes.append(axes.bbox.extents)
            charts.append(axes.bbox.height)
            continue
        if [image for image in axes.images if image.get_array().shape[0] == 1]:  # a key of greys, on a line of its own
            boxes.append((0, axes.bbox.y0, figure.bbox.width, axes.bbox.y1))
            continue
        drawn = [box for image in axes.images for box in image.boxes]
        tiles += [box.height for box in drawn]
        drawn += [artist.get_window_extent() for artist in (*axes.patches, *axes.lines)]
        boxes += [box.extents for box in drawn]
    boxes += [text.get_window_extent().extents for text in texts_of(figure) if text.get_text().strip()]
    if not (tiles or charts):
        return []
    width, height = figure.bbox.size
    row = max(tiles) if tiles else min(charts)
    cell = CELL * figure.dpi
    full = np.zeros((int(height / cell) + 1, int(width / cell) + 1), dtype=bool)
    for x0, y0, x1, y1 in np.maximum(boxes, 0):
        full[int(y0 / cell) : int(y1 / cell) + 1, int(x0 / cell) : int(x1 / cell) + 1] = True
    area = _largest_empty(full) * CELL**2
    limit = ROWS * width / figure.dpi * (row / figure.dpi + TEXT)
    return [f"an empty area of {area:.1f} square inches, {ROWS} rows of tiles have {limit:.1f}"] if area > limit else []


def _largest_empty(full):
    """Cells of the largest rectangle without a full one."""
    best, depth = 0, np.zeros(full.shape[1] + 1, dtype=int)
    for line in full:
        depth[:-1] = np.where(line, 0, depth[:-1] + 1)
        stack = []  # columns whose depths rise
        for i, d in enumerate(depth):
            start = i
            while stack and stack[-1][1] >= d:
                start, height = stack.pop()
                best = max(best, height * (i - start))
            stack.append((start, d))
    return int(best)
