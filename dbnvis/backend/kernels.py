"""The arithmetic of contrastive divergence and of Gibbs sampling, where training spends its time.

Each kernel is NumPy code that runs on any device. With CuPy's arrays its namesake in `cuda` takes over (source in
`cuda_kernels.cu`), and with NumPy's, where numba is installed, its namesake in `compiled` (source in `numba_kernels`).
CONTRIBUTING.md has a table of them: who changes one changes all its columns.

References
----------
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.
Melchior, Fischer, Wiskott (2016), "How to center deep Boltzmann machines", JMLR 17(99).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import compiled, cuda, graphs
from .arrays import Array, OwnRows, UnitStreams, array_module, check_rng
from .comm import current


def _on_gpu(xp: Any, *arrays: Array) -> bool:
    return xp.__name__ == "cupy" and cuda.fit(*arrays)


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """a @ b."""
    xp = array_module(a, b)
    if xp.__name__ == "cupy":
        return graphs.matmul(a, b, out)
    return a @ b if out is None else xp.matmul(a, b, out=out)


def logistic_mean(pre: Array, bias: Array, out: Array | None = None) -> Array:
    """sigmoid(pre + bias); `out` may be `pre`."""
    xp = array_module(pre, bias)
    if xp.__name__ == "cupy":
        return cuda.logistic_mean(pre, bias, out)
    out = xp.empty_like(pre) if out is None else out
    if xp.__name__ == "numpy" and compiled.fit_bias(pre, bias, out):
        return compiled.logistic_mean(pre, bias, out)
    y = _tanh_half(xp, pre, bias, out)  # sigmoid(x) = (1 + tanh(x / 2)) / 2
    y *= 0.5
    y += 0.5
    return y


def logistic_sample(pre: Array, bias: Array, *, rng: Any, out: Array | None = None) -> Array:
    """Draw 0 or 1 with probability sigmoid(pre + bias) of 1; `out` may be `pre`."""
    check_rng(rng)
    xp = array_module(pre, bias)
    if xp.__name__ == "cupy":
        return cuda.logistic_sample(pre, bias, rng, out)
    out = xp.empty_like(pre) if out is None else out
    if xp.__name__ == "numpy" and compiled.fit_bias(pre, bias, out) and _draws_64_bits(rng):
        return compiled.logistic_sample(pre, bias, _noise_int16(rng, pre.shape), out)
    y = _tanh_half(xp, pre, bias, out)
    return _compare_to_noise(xp, y, rng, out=y)


def logistic_mean_sample(pre: Array, bias: Array, *, rng: Any, out: tuple[Array, Array]) -> None:
    """sigmoid(pre + bias) into `out[0]`, which may be `pre`, and a draw with that probability of 1 into `out[1]`."""
    check_rng(rng)
    xp, (mean, sample) = array_module(pre, bias), out
    if xp.__name__ == "cupy":
        cuda.logistic_mean_sample(pre, bias, rng, mean, sample)
        return
    if xp.__name__ == "numpy" and compiled.fit_bias(pre, bias, mean, sample) and _draws_64_bits(rng):
        compiled.logistic_mean_sample(pre, bias, _noise_int16(rng, pre.shape), mean, sample)
        return
    y = _tanh_half(xp, pre, bias, mean)
    _compare_to_noise(xp, y, rng, out=sample)
    y *= 0.5
    y += 0.5


def _tanh_half(xp: Any, pre: Array, bias: Array, out: Array | None) -> Array:
    y = xp.add(pre, bias, out=out)
    y *= 0.5
    return xp.tanh(y, out=y)


def bernoulli(p: Array, *, rng: Any, out: Array | None = None) -> Array:
    """Draw 0 or 1 with probability `p` of 1; `out` may be `p`."""
    check_rng(rng)
    xp = array_module(p)
    if xp.__name__ == "cupy":
        return cuda.bernoulli(p, rng, out)
    y = xp.multiply(p, 2.0, out=out)
    y -= 1.0
    return _compare_to_noise(xp, y, rng, out=y)


def _compare_to_noise(xp: Any, y: Array, rng: Any, out: Array) -> Array:
    """1 where `y` in [-1, 1] exceeds uniform noise on (-1, 1), else 0; `out` may be `y`."""
    if xp.__name__ == "numpy" and y.dtype == xp.float32 and _draws_64_bits(rng):
        xp.multiply(y, 32768.0, out=out)
        out -= 0.5  # rounds the probability to the nearest of 2**16
        return xp.greater(out, _noise_int16(rng, y.shape), out=out)
    noise = rng.random(y.shape, dtype=y.dtype)
    noise *= 2.0
    noise -= 1.0
    return xp.greater(y, noise, out=out)


def _draws_64_bits(rng: Any) -> bool:
    if isinstance(rng, UnitStreams):
        return all(_draws_64_bits(generator) for generator in rng.generators)
    if isinstance(rng, OwnRows):
        return _draws_64_bits(rng.generator)
    return type(rng.bit_generator).__name__ in ("PCG64", "PCG64DXSM", "Philox", "SFC64")  # not MT19937


def _noise_int16(rng: Any, shape: tuple[int, ...]) -> Array:
    """Uniform 16-bit integers: three times as fast as 24-bit floats, probabilities off by at most 2**-17."""
    import numpy

    if isinstance(rng, UnitStreams):
        return numpy.stack([_noise_int16(generator, shape[1:]) for generator in rng.generators])
    if isinstance(rng, OwnRows):
        return _own_noise_int16(rng, shape)
    size = math.prod(shape)
    return rng.bit_generator.random_raw((size + 3) // 4).view(numpy.int16)[:size].reshape(shape)


def _own_noise_int16(rng: OwnRows, shape: tuple[int, ...]) -> Array:
    """The same of own rows; what others get is skipped where they are first and last, and the generator can skip."""
    import numpy

    bits: Any = getattr(rng.generator, "bit_generator", None)
    if rng.axis or not type(bits).__name__.startswith("PCG64") or bits.state["has_uint32"]:
        return rng.cut(_noise_int16(rng.generator, rng.whole(shape)))
    row, size = math.prod(shape[1:]), math.prod(shape)
    start = rng.rows[0].start * row
    first, last, end = start // 4, (start + size + 3) // 4, (rng.of * row + 3) // 4  # in draws of 64 bits
    bits.advance(first)
    noise = bits.random_raw(last - first).view(numpy.int16)
    bits.advance(end - last)
    return noise[start - 4 * first :][:size].reshape(shape)


def take_rows(x: Array, rows: Array, out: Array, rng: Any = None) -> None:
    """x[rows] into `out`, or with `rng` a draw with those probabilities; `rows` must be valid."""
    xp = array_module(x, rows)
    if xp.__name__ == "cupy":
        cuda.take_rows(x, rows, out, rng)
        return
    if xp.__name__ == "numpy" and rng is not None and x.ndim == 2 and compiled.fit(x, out) and _draws_64_bits(rng):
        compiled.take_sample(x, rows, _noise_int16(rng, out.shape), out)
        return
    # NumPy checks indices in a buffer of its own unless told what to do with bad ones.
    xp.take(x, rows, axis=0, out=out, **({"mode": "clip"} if xp.__name__ == "numpy" else {}))
    if rng is not None:
        bernoulli(out, rng=rng, out=out)


def next_batch(order: Array, rates: Array, batch: Array, *, out: tuple[Array, Array]) -> None:
    """Row `batch` (1,) of `order` (N, B) into `out[0]` (1, B), of `rates` (N,) into `out[1]` (1,); then batch += 1."""
    xp = array_module(order, rates, batch)
    rows, rate = out
    if _on_gpu(xp, rates):
        cuda.next_batch(order, rates, batch, rows, rate)
        return
    take_rows(order, batch, out=rows)
    take_rows(rates, batch, out=rate)
    batch += 1


def update_running_mean(mean: Array, x: Array, *, decay: float) -> None:
    """mean = decay * mean + (1 - decay) * (mean of the rows of x), in place; `mean` (H,), `x` (B, H)."""
    if _on_gpu(array_module(mean, x), mean, x):
        cuda.update_running_mean(mean, x, decay)
        return
    mean *= decay
    mean += (1 - decay) * x.mean(axis=0)


def cd_gradient(
    v: Array, h: Array, row_weight: Array, rate: Array, *, offsets: tuple[Array, Array] | None, out: Array
) -> tuple[Array, Array]:
    """rate * (<v h>_data - <v h>_model) into `out` (V, H), and the same of v (V,) and of h (H,), returned.

    Parameters
    ----------
    v, h : array (2 B, V), array (2 B, H)
        B rows of the data, then B rows of the model. Both are overwritten.
    row_weight : array (2 B,)
        1 / B for the rows of the data, -1 / B for those of the model: one sum over all rows is the difference.
    rate : array (1,)
        The learning rate.
    offsets : (array (V,), array (H,)) or None
        Means of v and of h to subtract first: the gradient of the centered machine, its biases written in those of the
        ordinary one (Melchior et al. 2016).
    """
    xp = array_module(v, h, row_weight, rate)
    if _on_gpu(xp, v, h, row_weight, rate, *(offsets or ())):
        return cuda.cd_gradient(v, h, row_weight, rate, offsets, out)
    weight = row_weight * rate
    if offsets is not None:
        v -= offsets[0]
        h -= offsets[1]
    h *= weight[:, None]
    matmul(v.T, h, out=out)
    if offsets is None:
        return weight @ v, h.sum(axis=0)
    return matmul(weight - matmul(h, offsets[1]), v), matmul(1 - matmul(v, offsets[0]), h)


def add_sparsity_gradient(change: Array, activity: Array, *, rate: Array, cost: float, target: float) -> None:
    """change += rate * cost * (target - activity), all (H,) (Hinton 2010, section 11)."""
    if _on_gpu(array_module(change, activity, rate), change, activity, rate):
        cuda.add_sparsity_gradient(change, activity, rate, cost, target)
        return
    change += rate * cost * (target - activity)


def momentum_step(
    params: dict[str, Array],
    velocities: dict[str, Array],
    changes: dict[str, Array],
    *,
    rate: Array,
    momentum: float,
    weight_decay: float,
    l1_decay: float,
) -> None:
    """velocity = momentum * velocity + change; x += velocity, in place (Hinton 2010, section 9).

    A change is the rate times a gradient; all are overwritten. Then the weights W shrink by rate * weight_decay, and
    each moves towards zero by rate * l1_decay, at most to it (section 10).
    """
    arrays = [x[name] for x in (params, velocities, changes) for name in changes]
    xp = array_module(rate, *arrays)
    if _on_gpu(xp, rate, *arrays):
        cuda.momentum_step(params, velocities, changes, rate, momentum, weight_decay, l1_decay)
        return
    if xp.__name__ == "numpy" and compiled.fit(rate, *arrays):
        r = float(rate[0])
        for name, change in changes.items():
            decays = (1 - r * weight_decay, r * l1_decay) if name == "W" else (1, 0)
            compiled.momentum_step(params[name], velocities[name], change, momentum, *decays)
        return
    for name, change in changes.items():
        shrink = 1 - rate * weight_decay if name == "W" and weight_decay else None
        threshold = rate * l1_decay if name == "W" and l1_decay else None
        _momentum_step(xp, params[name], velocities[name], change, momentum, shrink, threshold)


def _momentum_step(
    xp: Any, x: Array, velocity: Array, change: Array, momentum: float, shrink: Any, threshold: Any
) -> None:
    if momentum:
        velocity *= momentum
        velocity += change
    else:
        velocity[...] = change
    x += velocity
    if shrink is not None:
        x *= shrink
    if threshold is not None:  # towards zero by `threshold`, to zero at the most
        xp.clip(x, -threshold, threshold, out=change)
        x -= change


def recorded(xp: Any, function: Callable[[], None]) -> Callable[[int], None]:
    """`function`, as one that takes how often to call it. A GPU replays it: what changes must come from arrays."""
    if xp.__name__ == "cupy" and current().recordable:
        return graphs.Recorded(function)

    def repeat(times: int) -> None:
        for _ in range(times):
            function()

    return repeat
