"""Fitted estimators of scikit-learn: BernoulliRBM as a DBN, MLPClassifier and MLPRegressor as an MLP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..models.convolution import ReLU
from ..models.dbn import DBN
from ..models.layers import Dense, Identity, Sigmoid, Softmax, Tanh
from ..models.rbm import RBM
from ..settings import check_input
from .chain import Link, check_finite, compare, image_shape, model_of, probes

ACTIVATIONS = {"relu": ReLU, "tanh": Tanh, "logistic": Sigmoid, "identity": Identity, "softmax": Softmax}
UNDERSTOOD = "understood are BernoulliRBM, a Pipeline or a list of them, MLPClassifier and MLPRegressor"


def from_sklearn(
    estimator: Any,
    input_shape: Sequence[int],
    *,
    input_range: tuple[float, float] = (0.0, 1.0),
    input_norm: float | None = None,
) -> Any:
    """A fitted estimator as a model in float32; layers are "h1", "h2", ..., and "output" of an MLP.

    Parameters
    ----------
    estimator : BernoulliRBM, Pipeline or list of BernoulliRBM, MLPClassifier or MLPRegressor
        Of a pipeline with other steps give the RBMs alone, such as pipeline[:-1], and images as the steps before them
        leave them.
    input_shape : tuple of int
        Of one image, whose pixels are the features: (H, W), (C, H, W), or (V,) of no picture.
    input_range : (float, float)
        Range of the features.
    input_norm : float, optional
        Mean Euclidean norm of the training images.

    Returns
    -------
    DBN or MLP
        What it gives was compared with `transform`, `predict_proba` or `predict`.

    Raises
    ------
    ValueError
        If the estimator is not fitted or none of the above, its features are not the pixels of such images, its weights
        are NaN or infinite, or what it gives differs from the model's.
    """
    from sklearn.exceptions import NotFittedError
    from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.utils.validation import check_is_fitted

    check_input(tuple(input_shape), input_range, input_norm)
    shape = image_shape(input_shape)
    steps = [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else estimator
    steps = list(steps) if isinstance(steps, (list, tuple)) else [steps]
    steps = [step for step in steps if step not in (None, "passthrough")]
    networks = isinstance(steps[0], (MLPClassifier, MLPRegressor)) and len(steps) == 1 if steps else False
    for step in steps if not networks else []:
        if not isinstance(step, BernoulliRBM):
            ours = "; take its model_" if type(step).__module__ == "dbnvis.sklearn" else ""
            raise ValueError(f"{type(step).__name__} is not understood{ours or f'; {UNDERSTOOD}'}")
    if not steps:
        raise ValueError(f"there is no step; {UNDERSTOOD}")
    for step in steps:
        try:
            check_is_fitted(step)
        except NotFittedError:
            raise ValueError(f"{type(step).__name__} is not fitted; call its fit(X) first") from None
    x = probes(shape, input_range)
    features = int(np.prod(shape))
    if steps[0].n_features_in_ != features:
        raise ValueError(
            f"{type(steps[0]).__name__} has {steps[0].n_features_in_} features, images of shape {shape} have "
            f"{features} pixels"
        )
    within = float(input_range[0]), float(input_range[1])
    if networks:
        return model_of(_links(steps[0], x.reshape(len(x), -1)), shape, x, within, input_norm)
    return _stack(steps, shape, x, within, input_norm)


def _links(network: Any, x: Any) -> list[Link]:
    """The layers of an MLPClassifier or MLPRegressor, with what it gives for rows `x`."""
    from sklearn.base import is_classifier

    names = [*(f"h{i + 1}" for i in range(len(network.coefs_) - 1)), "output"]
    kinds = [*[network.activation] * (len(names) - 1), network.out_activation_]
    links: list[Link] = []
    for name, kind, W, bias in zip(names, kinds, network.coefs_, network.intercepts_, strict=True):
        links.append(Link(name, "dense", Dense(W.astype("float64"), bias.astype("float64"))))
        check_finite(name, links[-1].layer)
        if kind not in ACTIVATIONS:
            raise ValueError(f"the activation {kind} of {name} is not understood; {', '.join(ACTIVATIONS)} are")
        links.append(Link(kind, kind, ACTIVATIONS[kind]()))
    x = x.astype(network.coefs_[0].dtype)
    if is_classifier(network):
        y = np.asarray(network.predict_proba(x))
        y = y[:, 1:] if links[-2].layer.W.shape[1] == 1 else y  # of two classes it has one unit, of the second
    else:
        y = network.predict(x).reshape(len(x), -1)
    *below, last = links
    return [*below, Link(last.name, last.kind, last.layer, y.astype("float64"))]


def _stack(steps: list[Any], shape: tuple[int, ...], x: Any, within: tuple[float, float], norm: float | None) -> DBN:
    """BernoulliRBMs as a DBN, each of which was compared at `x`."""
    rbms: list[RBM] = []
    v = x.reshape(len(x), -1)
    for i, step in enumerate(steps):
        name = f"h{i + 1}"
        arrays = step.components_.T, step.intercept_visible_, step.intercept_hidden_
        rbm = RBM(*(np.array(a, "float64") for a in arrays))
        check_finite(name, rbm)
        if rbm.n_visible != v.shape[1]:
            raise ValueError(f"{name} has {rbm.n_visible} visible units, what is below it gives {v.shape[1]}")
        h = rbm.mean_h_given_v(v)
        compare(name, h, step.transform(v.astype(step.components_.dtype)).astype("float64"))
        rbms.append(RBM(*(np.ascontiguousarray(a, "float32") for a in arrays)))
        v = h
    return DBN(rbms, shape, within, norm)
