"""Networks to be fine-tuned by backpropagation: a deep belief network unrolled into a classifier or autoencoder.

Weights are copied, so that fine-tuning leaves the DBN as it is. What such a network *is* stands here; how it
learns in `train.backprop`.

References
----------
Hinton, Salakhutdinov (2006), "Reducing the dimensionality of data with neural networks".
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Array, check_rng
from ..numerics import sigmoid
from ..settings import check_input, check_parameters, check_sizes
from .layers import Dense, Identity, Network, Sigmoid, Softmax
from .rbm import GaussianRBM
from .stack import FeedForward

SAMPLE = 10_000  # images at the most from which an autoencoder's code starts


@dataclass(repr=False)
class MLP(FeedForward):
    """A feed-forward network as visualizers see it: layers by name, images of a known shape and norm.

    Parameters
    ----------
    network : Network
        "input" flattens; every layer has two addresses, such as "h2.pre" (a Dense layer) and "h2".
    input_shape : tuple of int
    input_range : (float, float)
        Range of the pixels.
    input_norm : float, optional
        Mean Euclidean norm of the training images: the norm at which units are excited and compared.

    Raises
    ------
    ValueError
        If there is no layer, or the sizes do not fit together.
    """

    network: Network
    input_shape: tuple[int, ...]
    input_range: tuple[float, float] = (0.0, 1.0)
    input_norm: float | None = None

    batch: ClassVar[int] = 5000

    def __post_init__(self) -> None:
        check_input(self.input_shape, self.input_range, self.input_norm)
        if not self.layer_names:
            raise ValueError(
                f"expected dense layers at addresses such as h1.pre, got {', '.join(self.network.layers) or 'none'}"
            )
        n_in, below = math.prod(self.input_shape), f"images of shape {tuple(self.input_shape)}"
        for name in self.layer_names:
            W = self.network.weighted(name).W
            if len(W) != n_in:
                raise ValueError(f"layer {name} has {len(W)} inputs, {below} give {n_in}")
            n_in, below = W.shape[1], f"layer {name}'s units"
        check_parameters(**self.network.params())

    def layer_shape(self, layer: str) -> tuple[int, ...]:
        """(units,) of `layer`."""
        self.check_layer(layer)
        return (self.network.weighted(layer).W.shape[1],)


def classifier(dbn: Any, n_classes: int, *, rng: Any, scale: float = 0.01) -> MLP:
    """The DBN `dbn` with a softmax layer "output" on top, whose weights are N(0, scale^2)."""
    check_sizes(n_classes)
    layers = _copied(dbn.network)
    W = check_rng(rng).standard_normal((dbn.sizes[-1], n_classes), dtype=str(dbn.dtype))
    W *= scale
    layers["output.pre"] = Dense(W, dbn.xp.zeros(n_classes, dtype=dbn.dtype))
    layers["output"] = Softmax()
    return MLP(Network(layers), dbn.input_shape, dbn.input_range, dbn.input_norm)


def autoencoder(dbn: Any, n_code: int, images: Array) -> MLP:
    """The DBN `dbn` as encoder, `n_code` linear units "code" on top, and the way back: "d2", "d1", "output".

    The decoder starts with the encoder's weights transposed and the visible biases; nothing is tied afterwards.
    The code starts as the principal components of the top layer's activations at the first of the training
    `images` (N, *input_shape), and the layer above it as the linear prediction of the top layer's
    pre-activations from the code. Output units are logistic, linear above a GaussianRBM.

    Raises
    ------
    ValueError
        If the code is to have more units than the top layer, or none.
    """
    if not 1 <= n_code <= dbn.sizes[-1]:
        raise ValueError(f"the code must have 1 to {dbn.sizes[-1]} units, those of the top layer; got {n_code}")
    layers = _copied(dbn.network)
    layers["code.pre"], back = _principal_components(dbn, n_code, images[:SAMPLE])
    layers["code"] = Identity()
    names = [*(f"d{i}" for i in range(len(dbn.rbms), 0, -1)), "output"]
    ways_back = [back, *(Dense(rbm.W.T.copy(), rbm.vbias.copy()) for rbm in reversed(dbn.rbms))]
    for name, dense in zip(names, ways_back, strict=True):
        layers[f"{name}.pre"] = dense
        layers[name] = Sigmoid()
    if isinstance(dbn.rbms[0], GaussianRBM):
        layers["output.pre"] = Dense(dbn.rbms[0].variance * dbn.rbms[0].W.T, dbn.rbms[0].vbias.copy())
        layers["output"] = Identity()
    return MLP(Network(layers), dbn.input_shape, dbn.input_range, dbn.input_norm)


def _principal_components(dbn: Any, n: int, images: Array) -> tuple[Dense, Dense]:
    """The top layer's activations -> their first `n` principal components -> the top layer's pre-activations."""
    xp, top = dbn.xp, dbn.layer_names[-1]
    pre, _ = dbn.network.upto(f"{top}.pre").forward(images.reshape(len(images), *dbn.input_shape).astype(dbn.dtype))
    h = sigmoid(pre)
    mean, pre_mean = h.mean(axis=0), pre.mean(axis=0)
    h, pre = h - mean, pre - pre_mean
    _, axes = xp.linalg.eigh(h.T @ h)  # by ascending variance
    W = xp.ascontiguousarray(axes[:, -n:])
    code = h @ W
    back = code.T @ pre / xp.maximum((code * code).sum(axis=0), 1e-12)[:, None]
    return Dense(W, -(mean @ W)), Dense(back, pre_mean)


def _copied(network: Network) -> dict[str, Any]:
    return {
        address: Dense(layer.W.copy(), layer.bias.copy()) if isinstance(layer, Dense) else layer
        for address, layer in network.layers.items()
    }
