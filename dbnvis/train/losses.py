"""What backpropagation descends, and the error that is reported beside it.

A loss takes the network's outputs (B, K) and targets and gives each row's loss (B,), in nats where it is a
cross-entropy, and its gradient by the outputs (B, K). Cross-entropies start from the pre-activations, so that
neither log(0) nor overflow can occur.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..backend import Array, array_module
from ..numerics import sigmoid, softplus


@dataclass(frozen=True)
class Loss:
    """A loss by name in `LOSSES`."""

    value: Callable[[Array, Array], tuple[Array, Array]]
    """(outputs (B, K), targets) -> losses (B,), gradient (B, K)."""
    error: Callable[[Array, Array], Array]
    """(outputs (B, K), targets) -> errors (B,)."""
    pre: bool
    """Outputs are pre-activations; otherwise activations."""
    labels: bool
    """Targets are class labels (B,); otherwise pixels (B, K)."""


def softmax_cross_entropy(pre: Array, labels: Array) -> tuple[Array, Array]:
    """-log softmax(pre)[label]."""
    xp = array_module(pre)
    shifted = pre - pre.max(axis=-1, keepdims=True)
    right = xp.arange(pre.shape[-1]) == labels[:, None]
    p = xp.exp(shifted)
    total = p.sum(axis=-1, keepdims=True)
    p /= total
    p -= right
    return xp.log(total[:, 0]) - (shifted * right).sum(axis=-1), p


def wrong(pre: Array, labels: Array) -> Array:
    """1 where the largest output is not the label's, else 0."""
    return (pre.argmax(axis=-1) != labels).astype(pre.dtype)


def pixel_cross_entropy(pre: Array, pixels: Array) -> tuple[Array, Array]:
    """-sum_i t_i log s(pre_i) + (1 - t_i) log(1 - s(pre_i)), with s the logistic function and t the pixels."""
    y = sigmoid(pre)
    y -= pixels
    return (softplus(pre) - pre * pixels).sum(axis=-1), y


def squared_error(y: Array, pixels: Array) -> tuple[Array, Array]:
    """Sum over pixels of (y - t)^2."""
    difference = y - pixels
    return (difference * difference).sum(axis=-1), 2 * difference


LOSSES = {
    "softmax": Loss(softmax_cross_entropy, wrong, pre=True, labels=True),
    "pixels": Loss(
        pixel_cross_entropy, lambda pre, pixels: squared_error(sigmoid(pre), pixels)[0], pre=True, labels=False
    ),
    "squared": Loss(squared_error, lambda y, pixels: squared_error(y, pixels)[0], pre=False, labels=False),
}
