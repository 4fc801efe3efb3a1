"""Numerically safe elementary functions, on NumPy and CuPy alike."""

from __future__ import annotations

from .backend import Array, array_module


def sigmoid(x: Array) -> Array:
    """Logistic function 1 / (1 + exp(-x)), as (1 + tanh(x/2)) / 2, which cannot overflow."""
    xp = array_module(x)
    y = xp.tanh(x * 0.5)
    y *= 0.5
    y += 0.5
    return y


def softplus(x: Array) -> Array:
    """log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)), exact for large |x|."""
    xp = array_module(x)
    return xp.maximum(x, 0) + xp.log1p(xp.exp(-xp.abs(x)))


def log_mean_exp(x: Array, axis: int = 0) -> Array:
    """log of the mean of exp(x) along `axis`, without overflow."""
    xp = array_module(x)
    top = x.max(axis=axis, keepdims=True)
    return xp.squeeze(xp.log(xp.exp(x - top).mean(axis=axis, keepdims=True)) + top, axis=axis)


def log_odds(p: Array) -> Array:
    """log(p / (1 - p)) of probabilities strictly between 0 and 1."""
    xp = array_module(p)
    return xp.log(p) - xp.log1p(-p)


def weight_norm(W: Array) -> float:
    """Mean Euclidean norm of the units' weight vectors, columns of W (n_in, units) or kernels W (units, ...)."""
    vectors = W.T if W.ndim == 2 else W.reshape(len(W), -1)
    return float(((vectors.astype("float64") ** 2).sum(axis=1) ** 0.5).mean())
