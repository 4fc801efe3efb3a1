"""Layers that make maps smaller: the largest number of each window, or their mean.

They take (..., C, H, W) and offer what the layers of `layers` do; memory is laid out as in `convolution`.

References
----------
LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document recognition".
Zeiler, Fergus (2014), "Visualizing and understanding convolutional networks", for the switches of max-pooling.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ..backend import Array, array_module
from .convolution import Pullback, Scratch, grouped, kept_like


@dataclass(frozen=True)
class Windows:
    """Square windows of each channel, each of which becomes one number: (..., C, H, W) -> (..., C, rows, columns).

    Rows and columns that fill no window are left out. ValueError if size or stride is below 1, or no window fits.
    """

    size: int = 2
    """Side of the window."""
    stride: int | None = None
    """Between neighbouring windows; default: `size`."""

    def __post_init__(self) -> None:
        if self.size < 1 or self.step < 1:
            raise ValueError(f"expected a size and a stride >= 1, got {self.size} and {self.stride}")

    @property
    def step(self) -> int:
        return self.size if self.stride is None else self.stride

    @property
    def window(self) -> tuple[int, int, int, int]:
        """What one output sees: rows, columns; stride; padding."""
        return self.size, self.size, self.step, 0

    def out_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(C, H, W) -> (C, rows, columns); ValueError if no window fits."""
        rows, columns = ((n - self.size) // self.step + 1 for n in shape[1:])
        if rows < 1 or columns < 1:
            raise ValueError(f"windows of {self.size} x {self.size} do not fit maps of shape {shape}")
        return shape[0], rows, columns

    def transpose(self, y: Array) -> Array:
        """Each number spread evenly over its window: the smallest input (..., C, H, W) that has such an output."""
        rows, columns = (self.step * (n - 1) + self.size for n in y.shape[-2:])
        return self._spread(y, (rows, columns))

    def _places(self, rows: int, columns: int) -> list[tuple[Any, slice, slice]]:
        """For each place in the window, the slices of all windows' pixels there."""
        over_rows, over_columns = (
            [slice(i, i + self.step * (n - 1) + 1, self.step) for i in range(self.size)] for n in (rows, columns)
        )
        return [(..., r, c) for r in over_rows for c in over_columns]

    def _spread(self, y: Array, size: tuple[int, ...]) -> Array:
        x = array_module(y).zeros((*y.shape[:-2], *size), dtype=y.dtype)
        for place in self._places(*y.shape[-2:]):
            x[place] += y / self.size**2
        return x


@dataclass(frozen=True)
class MaxPool2D(Windows):
    """The largest of each window.

    The pullback sends all to the place of the maximum, of equal ones the first (the "switches" of Zeiler & Fergus
    2014). `transpose`, which knows no input, spreads each number evenly over its window: mean-pooling backwards.
    """

    kinked: ClassVar[bool] = True

    scratch: Scratch | None = field(default=None, compare=False, repr=False)

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        if x.ndim != 4:
            return grouped(self, x)
        xp = array_module(x)
        places = self._places(*self.out_shape(x.shape[1:])[1:])
        y = kept_like(self.scratch, "y", x[places[0]])
        y[...] = x[places[0]]
        for place in places[1:]:
            xp.maximum(y, x[place], out=y)

        def pullback(gy: Array) -> Array:
            gx, left, part = (
                kept_like(self.scratch, "gx", x),
                kept_like(self.scratch, "left", y),
                kept_like(self.scratch, "part", y),
            )
            gx[...], left[...] = 0, gy
            for place in places:
                xp.multiply(left, x[place] == y, out=part)
                gx[place] += part
                left -= part
            return gx

        return y, pullback

    def for_training(self) -> MaxPool2D:
        return replace(self, scratch={})


@dataclass(frozen=True)
class AvgPool2D(Windows):
    """The mean of each window."""

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        if x.ndim < 3:
            raise ValueError(f"expected maps (..., C, H, W), got {x.shape}")
        places = self._places(*self.out_shape(x.shape[-3:])[1:])
        y = x[places[0]] / self.size**2
        for place in places[1:]:
            y += x[place] / self.size**2
        return y, lambda gy: self._spread(gy, x.shape[-2:])
