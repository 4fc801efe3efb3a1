"""Regularized optimization: ascent on a unit's pre-activation that is kept close to natural images after every step.

References
----------
Yosinski, Clune, Nguyen, Fuchs, Lipson (2015), "Understanding neural networks through deep visualization", and the
authors' code (deep-visualization-toolbox, optimize/gradient_optimizer.py), whose order of operations is kept.
Simonyan, Vedaldi, Zisserman (2014), "Deep inside convolutional networks", for the penalty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from ..backend import Array, UnitStreams, array_module, child_seeds
from ..models.protocol import Model
from ..models.units import Unit, as_units, neighbours, unit_at
from ..settings import check_settings
from .activation_maximization import RESTARTS, darken_unseen
from .regularizers import colours, gaussian_blur, rolled, without_small
from .visualizer import UnitImages, check_applies, unit_images, unit_rngs

BLOCK = 10  # neighbours that climb together, asked for or not, as in `activation_maximization`; all classes of digits
STAYED = "the picture never left its noise"
GROWN = 1.1  # squared norm, over its start's, above which an image has left its noise


@dataclass(frozen=True)
class RegularizedOptimization:
    """Gradient ascent on the unit's pre-activation, every step followed by regularizers that act on the image.

    A step clips the image to the input range, measures it, adds the gradient, and then decays, blurs, and sets pixels
    of small norm and of small contribution to zero, in this order; the last one only clips and measures. A start whose
    gradient is exactly zero begins again from uniform noise. `visualize.recipes` has settings by name; the defaults
    suit digits of 28 x 28 pixels, and are scaled to images of other sizes (`side`) and to the model's input range
    (`pixels`), whose lower end is the zero of all that is said here, if it has one.

    Returns the image of every start that was measured highest, as it was measured, moved by the jitter of that step;
    best first. `extras["trace"]` (U, S, steps) is what was measured, `extras["best"]` (U, S) the step that was best,
    from 0, and `extras["restarts"]` (U, S) how often a start began again. A note says where the best image never left
    its noise: it is the start itself, or its norm hardly exceeds the start's.
    """

    title: ClassVar[str] = "regularized optimization"
    symmetric: ClassVar[bool] = True
    roles: ClassVar[tuple[str, str]] = ("best", "start")

    starts: int = 9
    """Random starts per unit."""
    steps: int = 200
    """Steps; nothing stops them earlier, as in the authors' code."""
    length: float | None = 2.0
    """Every step moves the image by this Euclidean distance: suits units of any scale."""
    gain: float | None = None
    """Without `length`: the step that would raise the activation by this much if it were linear."""
    rate: float = 1.0
    """Without `length`: times the gradient as it is, the step; the most that it may be where `gain` chooses."""
    decay: float = 0.0
    """L2 decay: the share of every pixel lost after each step."""
    blur_width: float = 0.7
    """Standard deviation of a Gaussian blur, pixels; 0: none."""
    blur_every: int = 4
    """Blur after the first step and then every so many; 0: never."""
    norm_percentile: float = 80.0
    """Pixels whose norm over the colours is below this percentile of the image's become zero."""
    contribution_percentile: float = 0.0
    """Pixels become zero whose contribution, |gradient x pixel| summed over the colours, is below this percentile."""
    penalty: float = 0.0
    """Maximize the activation less this times the squared norm of the image (Simonyan et al. 2014)."""
    jitter: int = 2
    """Measure the image moved by up to so many pixels at random, in rows and in columns; what leaves comes in again."""
    noise: float = 0.03
    """Standard deviation of the normal noise around zero that starts are."""
    pixels: float = 1.0
    """Width of the pixels' range that `length`, `rate`, `penalty` and `noise` are meant for: 255 for bytes. Where the
    model's pixels are unbounded they are meant as they are, and the box has no walls."""
    side: float | None = 28.0
    """Side of the images, pixels, that `length`, `blur_width` and `jitter` are meant for: they are multiplied by the
    model's own side over this one, the root of the number of its pixels (for `length`, of all colours); None: meant
    as they are."""
    constraint: Literal["box", "none"] = "box"
    """box: pixels stay in the input range; none: they are free (Simonyan et al. 2014)."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            starts="[1, inf)",
            steps="[1, inf)",
            length="(0, inf)",
            gain="(0, inf)",
            rate="(0, inf)",
            decay="[0, 1)",
            blur_width="[0, inf)",
            blur_every="[0, inf)",
            norm_percentile="[0, 100]",
            contribution_percentile="[0, 100]",
            penalty="[0, inf)",
            jitter="[0, inf)",
            noise="[0, inf)",
            pixels="(0, inf)",
            side="(0, inf)",
        )
        if self.length is not None and self.gain is not None:
            raise ValueError(f"length and gain both choose the step; leave one out, got {self.length} and {self.gain}")

    def why_not(self, model: Model, images: Array | None) -> str | None:
        if len(model.input_shape) < 2 and ((self.blur_width and self.blur_every) or self.jitter):
            return (
                f"images of shape {tuple(model.input_shape)} have no rows and columns to blur or move; set blur_width "
                "and jitter to 0, or give the model an input_shape of two axes"
            )
        return None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any, images: Array | None = None
    ) -> UnitImages:
        """Maximize `units` of one layer; see `UnitImages`.

        Raises
        ------
        NotApplicable
            If a setting makes no sense for images of one axis.
        """
        check_applies(self, model, images)
        layer, indices = as_units(model, units)
        (seed,) = child_seeds(rng, 1)
        lengths = self._lengths(model.input_shape)
        scaled = replace(self, **lengths)
        parts: list[tuple[Array, ...]] = []
        climbed: list[int] = []
        blocks = {neighbours(model, layer, i, self.together(model)) for i in indices}
        for members in sorted(blocks, key=lambda members: members.start):
            parts.append(scaled._ascend(model, layer, list(members), seed))
            climbed += members
        rows, xp = model.xp.asarray([climbed.index(i) for i in indices]), model.xp
        x, trace, highest, best, restarts, alive, stayed = (xp.concatenate(a)[rows] for a in zip(*parts, strict=True))

        order = xp.where(alive, -highest, math.inf).argsort(axis=1, kind="stable")  # (U, S)
        x[~alive] = float("nan")  # no step ever had a direction
        per_unit = (a.tolist() for a in (alive, restarts, _reordered(stayed, order)[:, 0]))
        notes = [_note(*each) for each in zip(*per_unit, strict=True)]
        per_start = {"trace": trace, "best": best, "restarts": restarts}
        extras = {name: _reordered(a, order) for name, a in per_start.items()}
        x = _reordered(x, order)
        return unit_images(self, model, layer, indices, x, notes=notes, extras=extras, scaled=lengths)

    def _lengths(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """The settings that `side` scales, for images of `shape`."""
        values, pixels = (math.sqrt(math.prod(axes)) / self.side if self.side else 1.0 for axes in (shape, shape[-2:]))
        length = None if self.length is None else self.length * values
        return {"length": length, "blur_width": self.blur_width * pixels, "jitter": round(self.jitter * pixels)}

    def together(self, model: Model) -> int:
        """How many neighbours in a layer climb together, asked for or not."""
        return BLOCK

    def _ascend(self, model: Model, layer: str, indices: list[int], seed: int) -> tuple[Array, ...]:
        """Climb for these units: best images (U, S, *shape), traces (U, S, steps), and (U, S) of each start: the
        highest value, its step, how often it began again, whether its gradient was ever other than zero, and whether
        its best image never left the noise."""
        xp, shape, (low, high) = model.xp, tuple(model.input_shape), model.input_range
        streams = UnitStreams(unit_rngs(model, layer, indices, seed=seed))
        per_unit, n_rows = (len(indices), self.starts), len(indices) * self.starts
        network = model.network.upto(f"{layer}.pre").select(xp.asarray(indices)).for_training()
        own = xp.repeat(xp.eye(len(indices), dtype=model.dtype), self.starts, axis=0)  # (R, U), R = U S rows
        width, zero = high - low, low if math.isfinite(low) else 0.0
        unit = self.pixels / width if math.isfinite(width) else 1.0  # the settings' pixel values in one of the model's
        rate, penalty = self.rate / unit**2, self.penalty * unit**2

        x = streams.standard_normal((*per_unit, *shape), dtype=model.dtype) * (self.noise / unit)
        first = unit_at(model, layer, indices[0])
        darken_unseen(model, first, x)
        x = x.reshape(n_rows, *shape)  # above `zero`, as every image here
        walls = (low - zero, high - zero) if self.constraint == "box" else (-math.inf, math.inf)
        of_start = _square(xp.clip(x, *walls))
        image, highest = xp.zeros_like(x), xp.full(n_rows, -math.inf, dtype=x.dtype)
        trace = xp.empty((n_rows, self.steps), dtype=x.dtype)
        best, restarts = xp.zeros(n_rows, dtype="int64"), xp.zeros(n_rows, dtype="int64")
        alive, grown, drawn = xp.zeros(n_rows, dtype=bool), xp.zeros(n_rows, dtype=bool), xp.ones(n_rows, dtype=bool)
        for i in range(self.steps):
            x = xp.clip(x, *walls)
            shifts = self._shifts(streams, per_unit)
            measured = x if shifts is None else rolled(x, shifts)
            pre, pullback = network.forward(measured + zero if zero else measured)
            value, grad = (pre * own).sum(axis=1), pullback(own)
            if shifts is not None:
                grad = rolled(grad, -shifts)
            if penalty:
                value = value - penalty * _square(x)
            better = value > highest
            image, highest = xp.where(_like(better, x), measured, image), xp.where(better, value, highest)
            trace[:, i], best, grown = value, xp.where(better, i, best), xp.where(better, ~drawn, grown)
            flat = ~_per_row(grad != 0).any(axis=1)
            alive |= ~flat
            if i == self.steps - 1:
                break
            x = self._regularized(*self._step(x, grad, unit, rate, penalty), i)
            again = flat & (restarts < RESTARTS)
            if bool(again.any()):
                fresh = _fresh_noise(model, streams.generators, again.reshape(per_unit))
                if math.isfinite(width):
                    fresh = width * fresh
                darken_unseen(model, first, fresh)
                x = xp.where(_like(again, x), fresh.reshape(x.shape), x)
                restarts = restarts + again
            drawn = again
        # Fresh noise is far larger than what starts are, and says nothing of the norm that an image should have.
        stayed = ~grown | ((restarts == 0) & (_square(image) <= GROWN * of_start))
        found = trace, highest, best, restarts, alive, stayed
        image = image + zero if zero else image
        return image.reshape(*per_unit, *shape), *(a.reshape(*per_unit, *a.shape[1:]) for a in found)

    def _shifts(self, streams: UnitStreams, per_unit: tuple[int, int]) -> Array | None:
        """Random shifts in rows and columns (R, 2), if there are any."""
        if not self.jitter:
            return None
        uniform = streams.random((*per_unit, 2)).reshape(-1, 2)
        return array_module(uniform).floor(uniform * (2 * self.jitter + 1)).astype("int64") - self.jitter

    def _step(self, x: Array, grad: Array, unit: float, rate: float, penalty: float) -> tuple[Array, Array]:
        """x (R, *shape) after the step, and the gradient of all that is maximized, at x before it."""
        xp = array_module(x)
        if penalty:
            grad = grad - 2 * penalty * x
        if self.length is None and self.gain is None:
            return x + rate * grad, grad
        square = _square(grad)
        if self.length is None:
            rates = 1 / xp.maximum(square / self.gain, 1 / rate)  # min(gain / square, rate)
        else:
            rates = self.length / unit / xp.sqrt(xp.where(square > 0, square, 1))
        return x + _like(rates.astype(x.dtype), x) * grad, grad

    def _regularized(self, x: Array, grad: Array, i: int) -> Array:
        """What step `i` does to x (R, *shape) after the gradient was added."""
        xp = array_module(x)
        if self.decay:
            x = x * (1 - self.decay)
        if self.blur_width and self.blur_every and i % self.blur_every == 0:
            x = gaussian_blur(x, self.blur_width)
        if self.norm_percentile:
            planes = colours(x)
            x = without_small(x, xp.sqrt((planes * planes).sum(axis=1)), self.norm_percentile)
        if self.contribution_percentile:
            x = without_small(x, xp.abs(colours(-grad * x).sum(axis=1)), self.contribution_percentile)
        return x


def _per_row(x: Array) -> Array:
    return x.reshape(len(x), -1)


def _square(x: Array) -> Array:
    """Squared norm of each row, (R,)."""
    return _per_row(x * x).sum(axis=1)


def _like(a: Array, x: Array) -> Array:
    """A number per row, (R,), that broadcasts against x (R, ...)."""
    return a.reshape(-1, *(1,) * (x.ndim - 1))


def _reordered(a: Array, order: Array) -> Array:
    """a (U, S, ...) with the starts of each unit in `order` (U, S)."""
    return array_module(a).take_along_axis(a, order.reshape(*order.shape, *(1,) * (a.ndim - 2)), axis=1)


def _note(alive: list[bool], restarts: list[int], stayed: bool) -> str:
    if not any(alive):
        return f"dead: zero gradient at every start, begun again {max(restarts)} times"
    notes = []
    if any(restarts):
        notes.append(f"zero gradient: {sum(n > 0 for n in restarts)} of {len(restarts)} starts began again")
    if stayed:
        notes.append(f"{STAYED}: take a larger step or weaker regularizers")
    return "; ".join(notes)


def _fresh_noise(model: Model, rngs: Sequence[Any], wanted: Array) -> Array:
    """Uniform noise in [0, 1], (U, S, *input_shape), a generator per unit; one with none `wanted` (U, S) draws none."""
    xp, shape = model.xp, (wanted.shape[1], *model.input_shape)
    drawn = [
        rng.random(shape, dtype=model.dtype) if any(row) else xp.zeros(shape, dtype=model.dtype)
        for rng, row in zip(rngs, wanted.tolist(), strict=True)
    ]
    return xp.stack(drawn)
