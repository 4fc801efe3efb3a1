"""Layers of convolutional networks: convolution, rectified linear units.

They take (..., C, H, W), images of C channels, and offer what the layers of `layers` do. Products are formed per
image row: the maps' memory is laid out as (H, C, W, B), batch last, so that the rows a kernel covers are neighbours
and form one matrix; only the kernel's columns have to be copied beside each other. The (B, C, H, W) array that a
layer returns is a view of that memory, and the next layer finds it in place. Leading axes beyond B are looped over,
so that a group's numbers do not depend, to the bit, on the other groups.

`for_training()` gives the layer, with the same parameters, a `scratch` of arrays that its next calls write into again:
what it returned before is then overwritten. (On a CPU an array fresh from the system costs as much as the arithmetic.)

References
----------
LeCun, Bottou, Bengio, Haffner (1998), "Gradient-based learning applied to document recognition".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from ..backend import Array, array_module
from ..display import Brief

Pullback = Callable[[Array], Array]
Scratch = dict[str, Array]


@dataclass(frozen=True)
class Channels:
    """Images (..., *shape) -> (..., C, H, W): grey images (H, W) get a channel axis, others stay as they are."""

    shape: tuple[int, ...]

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        channels = self.shape[:-2] or (1,)
        return x.reshape(*x.shape[: x.ndim - len(self.shape)], *channels, *self.shape[-2:]), self.transpose

    def transpose(self, y: Array) -> Array:
        return y.reshape(*y.shape[:-3], *self.shape)


@dataclass(frozen=True)
class ReLU:
    """max(x, 0), elementwise."""

    kinked: ClassVar[bool] = True

    scratch: Scratch | None = field(default=None, compare=False, repr=False)

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        xp = array_module(x)
        y = xp.maximum(x, 0, out=kept_like(self.scratch, "y", x))
        return y, lambda gy: xp.multiply(gy, y > 0, out=kept_like(self.scratch, "gx", y))

    def transpose(self, y: Array) -> Array:
        return y

    def for_training(self) -> ReLU:
        return replace(self, scratch={})


@dataclass(frozen=True, repr=False)
class Conv2D(Brief):
    """Correlate (..., I, H, W) with the kernels W (O, I, kh, kw), add bias (O,): (..., O, rows, columns).

    ValueError if the shapes disagree, if stride or padding make no sense, or if the maps do not fit.
    """

    W: Array
    bias: Array
    stride: int = 1
    """Between neighbouring positions of the kernels, in rows and columns."""
    padding: int = 0
    """Zeros on each side."""
    scratch: Scratch | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.W.ndim != 4 or self.bias.shape != self.W.shape[:1]:
            raise ValueError(f"expected W (O, I, kh, kw) and bias (O,), got {self.W.shape} and {self.bias.shape}")
        if self.stride < 1 or self.padding < 0:
            raise ValueError(f"expected a stride >= 1 and a padding >= 0, got {self.stride} and {self.padding}")

    @property
    def window(self) -> tuple[int, int, int, int]:
        """What one output sees: rows, columns; stride; padding."""
        return (*self.W.shape[2:], self.stride, self.padding)

    def out_shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(I, H, W) -> (O, rows, columns); ValueError if the kernels do not fit."""
        (n_out, n_in, kh, kw), pad = self.W.shape, 2 * self.padding
        rows, columns = ((n + pad - k) // self.stride + 1 for n, k in zip(shape[1:], (kh, kw), strict=True))
        if shape[0] != n_in or rows < 1 or columns < 1:
            raise ValueError(f"kernels {self.W.shape} with padding {self.padding} do not fit maps of shape {shape}")
        return n_out, rows, columns

    def forward(self, x: Array) -> tuple[Array, Pullback]:
        if x.ndim != 4:
            return grouped(self, x)
        xp, shape = array_module(x), x.shape
        n_out, rows, columns = self.out_shape(shape[1:])
        (_, n_in, kh, kw), B = self.W.shape, len(x)
        taps = self.W.transpose(0, 2, 3, 1).reshape(n_out, -1)
        beside = self._beside(x)
        y = _empty(self.scratch, "y", (rows, n_out, columns * B), x)
        for r in range(rows):
            xp.matmul(taps, beside[r * self.stride :][:kh].reshape(kh * kw * n_in, columns * B), out=y[r])
        y += self.bias[:, None]
        return y.reshape(rows, n_out, columns, B).transpose(3, 1, 0, 2), lambda gy: self._back(gy, shape[2:])

    def transpose(self, y: Array) -> Array:
        """The linear part run backwards: the smallest input (..., I, H, W) that has such an output."""
        if y.ndim != 4:
            return _by_group(self.transpose, y)
        rows, columns = ((n - 1) * self.stride - 2 * self.padding for n in y.shape[2:])
        return self._back(y, (rows + self.W.shape[2], columns + self.W.shape[3]))

    def for_training(self) -> Conv2D:
        return replace(self, scratch={})

    def params(self) -> dict[str, Array]:
        return {"W": self.W, "bias": self.bias}

    def gradients(self, x: Array, gy: Array, out: dict[str, Array] | None = None) -> dict[str, Array]:
        xp, out = array_module(x), out or {}
        if x.ndim != 4:
            x, gy = x.reshape(-1, *x.shape[-3:]), gy.reshape(-1, *gy.shape[-3:])
        (n_out, n_in, kh, kw), (B, _, rows, columns) = self.W.shape, gy.shape
        kept = self.scratch is not None and self.scratch.get("x") is x  # by `forward`, which saw the same x
        beside, gy = self.scratch["beside"] if self.scratch and kept else self._beside(x), _rows_first(gy)
        total = xp.zeros((n_out, kh * kw * n_in), dtype=x.dtype)
        for r in range(rows):
            seen = beside[r * self.stride :][:kh].reshape(kh * kw * n_in, columns * B)
            total += gy[r].reshape(n_out, columns * B) @ seen.T
        found = {"W": total.reshape(n_out, kh, kw, n_in).transpose(0, 3, 1, 2), "bias": gy.sum(axis=(0, 2, 3))}
        for name, array in out.items():
            array[...] = found[name]
        return found | out

    def _beside(self, x: Array) -> Array:
        """x (B, I, H, W), padded, at the places of the kernel's columns: (H, kw, I, columns, B)."""
        given, p, (_, n_in, _, kw), (B, _, H, W) = x, self.padding, self.W.shape, x.shape
        x = _rows_first(x)
        if p:
            inner, x = x, _empty(self.scratch, "padded", (H + 2 * p, n_in, W + 2 * p, B), x)
            x[...] = 0
            x[p : p + H, :, p : p + W] = inner
        columns = (W + 2 * p - kw) // self.stride + 1
        beside = _empty(self.scratch, "beside", (len(x), kw, n_in, columns, B), x)
        for j in range(kw):
            beside[:, j] = x[:, :, j : j + self.stride * (columns - 1) + 1 : self.stride]
        if self.scratch is not None:
            self.scratch["x"] = given
        return beside

    def _back(self, gy: Array, size: tuple[int, int]) -> Array:
        """Gradient by an input of `size` (H, W): gy (B, O, rows, columns) -> (B, I, H, W)."""
        xp, p, s = array_module(gy), self.padding, self.stride
        (n_out, n_in, kh, kw), (B, _, rows, columns), (H, W) = self.W.shape, gy.shape, size
        gy = _rows_first(gy).reshape(rows * n_out, columns * B)
        # An input row gathers from output rows in order, which saw it through the kernel's rows in reverse order.
        taps = xp.ascontiguousarray(self.W[:, :, ::-1].transpose(3, 1, 2, 0))  # (kw, I, kh, O)
        gx = _empty(self.scratch, "gx", (H + 2 * p, n_in, W + 2 * p, B), gy)
        gx[...] = 0
        for h in range(p, p + H):
            first, last = max(0, -((kh - 1 - h) // s)), min(rows - 1, h // s)
            if first > last:
                continue
            tap = kh - 1 - (h - first * s)  # in reverse order
            chosen = taps[:, :, tap : tap + (last - first) * s + 1 : s].reshape(kw * n_in, -1)
            beside = (chosen @ gy[first * n_out : (last + 1) * n_out]).reshape(kw, n_in, columns, B)
            for j in range(kw):
                gx[h, :, j : j + s * (columns - 1) + 1 : s] += beside[j]
        return gx[p : p + H, :, p : p + W].transpose(3, 1, 0, 2)


def _empty(scratch: Scratch | None, name: str, shape: tuple[int, ...], like: Array) -> Array:
    """An array of `shape`, of the library and type of `like`: that of this name in `scratch` if it fits."""
    found = None if scratch is None else scratch.get(name)
    if found is None or found.shape != shape or found.dtype != like.dtype:
        found = array_module(like).empty(shape, dtype=like.dtype)
        if scratch is not None:
            scratch[name] = found
    return found


def kept_like(scratch: Scratch | None, name: str, like: Array) -> Array:
    """`_empty` of the shape of maps (B, C, H, W), in their layout, or of any other array."""
    if like.ndim != 4:
        return _empty(scratch, name, like.shape, like)
    B, C, H, W = like.shape
    return _empty(scratch, name, (H, C, W, B), like).transpose(3, 1, 0, 2)


def _rows_first(x: Array) -> Array:
    """(B, C, H, W) -> contiguous (H, C, W, B); no copy of what a layer here returned."""
    return array_module(x).ascontiguousarray(x.transpose(2, 1, 3, 0))


def _by_group(function: Callable[[Array], Array], x: Array) -> Array:
    """`function` of maps (C, H, W), or of each group of (..., B, C, H, W) by itself."""
    if x.ndim < 3:
        raise ValueError(f"expected maps (..., C, H, W), got {x.shape}")
    return function(x[None])[0] if x.ndim == 3 else array_module(x).stack([function(group) for group in x])


def grouped(layer: Any, x: Array) -> tuple[Array, Pullback]:
    """`layer.forward` by group."""
    pullbacks: list[Pullback] = []

    def forward(group: Array) -> Array:
        y, pullback = layer.forward(group)
        pullbacks.append(pullback)
        return y

    def backward(gy: Array) -> Array:
        remaining = iter(pullbacks)
        return _by_group(lambda group: next(remaining)(group), gy)

    return _by_group(forward, x), backward
