"""RBMs and DBNs as scikit-learn transformers: for `Pipeline`, `GridSearchCV` and the like.

A fitted transformer's `model_` is a `DBN`: the visualizers and `checkpoint.save` take it as it is.

References
----------
Besag (1975), "Statistical analysis of non-lattice data" (pseudo-likelihood).
Hinton (2010), "A practical guide to training restricted Boltzmann machines", UTML TR 2010-003.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from numbers import Integral
from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from tqdm import tqdm

from .backend import Array, device_module, make_rng, move, to_numpy
from .checkpoint import RBM_TYPES
from .images import UNBOUNDED, check_images
from .models.dbn import DBN
from .models.rbm import RBM, GaussianRBM, gibbs
from .numerics import softplus
from .settings import check_value
from .train import CDConfig, train_dbn

ROWS = 100  # that the pseudo-likelihood looks at together


@dataclass(eq=False, repr=False, kw_only=True)
class _BoltzmannTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator, ABC):
    """All but the number of layers. A dataclass writes the constructor that scikit-learn asks for."""

    visible: Literal["auto", "binary", "gaussian"] = "auto"
    epochs: int = CDConfig.epochs
    batch_size: int = CDConfig.batch_size
    learning_rate: float = CDConfig.learning_rate
    k: int = CDConfig.k
    persistent: bool = CDConfig.persistent
    binarize: Literal["sample", "threshold", "none"] = CDConfig.binarize
    reconstruction: Literal["sample", "mean"] = CDConfig.reconstruction
    centered: bool = CDConfig.centered
    weight_decay: float = CDConfig.weight_decay
    l1_decay: float = CDConfig.l1_decay
    sparsity_target: float | None = CDConfig.sparsity_target
    sparsity_cost: float = CDConfig.sparsity_cost
    device: Literal["cpu", "gpu", "auto"] = "cpu"
    random_state: Any = None
    verbose: int = 0

    @abstractmethod
    def _hidden(self) -> tuple[int, ...]:
        """Hidden units of each layer."""

    def fit(self, X: Any, y: Any = None) -> Any:
        """Train on the rows of `X` (n_samples, n_features); `y` is ignored.

        Raises
        ------
        ValueError
            If a parameter or the data are out of range; for data, see `visible`.
        TypeError
            If `X` is sparse.
        TrainingDiverged
            If the weights are no longer finite: lower `learning_rate`.

        Warns
        -----
        ConstantFeatures
            If the features of a layer are the same for all rows: take a smaller `batch_size` or more `epochs`.
        """
        recipe = {field.name for field in fields(CDConfig)}
        config = CDConfig(**{name: value for name, value in self.get_params().items() if name in recipe})
        hidden = self._hidden()
        if not hidden or not all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in hidden):
            raise ValueError(f"expected at least one hidden unit in every layer, got layers of {hidden}")
        check_value("visible", self.visible, Literal["auto", "binary", "gaussian"])
        xp = device_module(self.device)
        X = self._validated(X)
        gaussian = self.visible == "gaussian" or (self.visible == "auto" and not 0 <= X.min() <= X.max() <= 1)
        if not gaussian:
            check_images(X, name="X", remedy="set visible='gaussian'")
        scaler = StandardScaler(with_mean=gaussian, with_std=gaussian).fit(X)
        data = scaler.transform(X).astype("float32", copy=False)

        self.random_state_ = check_random_state(self.random_state)
        rng = make_rng(xp, self.random_state_.randint(2**31))
        model = DBN.random((X.shape[1], *hidden), (X.shape[1],), rng=rng)
        if gaussian:
            model.rbms[0] = GaussianRBM(**model.rbms[0].params())
            model.input_range = UNBOUNDED  # of other rows, too
        with (
            tqdm(total=len(hidden) * config.epochs, unit="epoch", disable=not self.verbose) as bar,
            np.errstate(over="ignore", invalid="ignore"),  # TrainingDiverged says it better
        ):
            for stats in train_dbn(model, move(data, xp), config, rng=rng):
                bar.set_description(f"training {stats.layer}")
                bar.set_postfix_str(f"reconstruction error {stats.reconstruction_error:.2f}, dead {stats.dead}")
                bar.update()
        host = [replace(rbm, **{name: to_numpy(x) for name, x in rbm.params().items()}) for rbm in model.rbms]
        self.model_, self.scaler_ = replace(model, rbms=host), scaler
        self.visible_ = "gaussian" if gaussian else "binary"
        self._n_features_out = hidden[-1]
        return self

    def transform(self, X: Any) -> Array:
        """Probabilities of the top hidden units, by the mean-field pass: (N, n_features) -> (N, H).

        In the floating-point type of `X`. Values beyond those seen in `fit` are taken as they are.
        """
        v = self._pixels(X)
        return self.model_.encode(v, self.model_.layer_names[-1])

    def _pixels(self, X: Any) -> Array:
        """`X`, checked, as the model sees it."""
        check_is_fitted(self, "model_")
        return self.scaler_.transform(self._validated(X, reset=False))

    def _validated(self, X: Any, **how: Any) -> Array:
        """`X` as floats, by scikit-learn's rules, which drop masks."""
        if np.ma.is_masked(X):
            raise ValueError("X: some numbers are masked; fill them, or leave their rows out")
        if getattr(getattr(X, "dtype", None), "kind", "") == "c":  # scikit-learn says so, too, and adds all of the data
            raise ValueError("Complex data not supported: X must hold real numbers")
        return validate_data(self, X, dtype=(np.float64, np.float32), **how)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """The model goes as in a checkpoint: arrays of NumPy, and the RBMs' types by name."""
        state = {**super().__getstate__()}
        if "model_" in state:
            rbms = [(type(rbm).__name__, rbm.params()) for rbm in self.model_.rbms]
            state["model_"] = {**vars(self.model_), "rbms": rbms}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "model_" in state:
            rbms = [RBM_TYPES[kind](**params) for kind, params in state["model_"]["rbms"]]
            state = {**state, "model_": DBN(**{**state["model_"], "rbms": rbms})}
        super().__setstate__(state)


def _has_likelihood(self: RBMTransformer) -> bool:
    return getattr(self, "visible_", self.visible) != "gaussian"


@dataclass(eq=False, repr=False)
class RBMTransformer(_BoltzmannTransformer):
    """A restricted Boltzmann machine whose hidden units' probabilities are the features.

    Trained in float32, whatever the type of the data. The defaults suit tens of thousands of rows; a few thousand need
    more updates: a smaller `batch_size`, more `epochs`. Where `fit` learned nothing, so that every feature is the same
    for all rows, it warns (`train.ConstantFeatures`).

    Parameters
    ----------
    n_components : int
        Hidden units.
    visible : {"auto", "binary", "gaussian"}
        "binary": data in [0, 1], else ValueError. "gaussian": any data, standardized per feature (constant ones
        stay), units of variance 1; needs learning rates 10 to 100 times smaller (Hinton 2010, section 13.2).
        "auto": binary if all data of `fit` lie in [0, 1], else gaussian; so divide images in 0 to 255 by 255.
    epochs, batch_size, learning_rate, k, persistent, binarize, reconstruction, centered
        As in `dbnvis.CDConfig`, with its defaults.
    weight_decay, l1_decay, sparsity_target, sparsity_cost
        As in `dbnvis.CDConfig`.
    device : {"cpu", "gpu", "auto"}
        Where `fit` computes; the fitted model is always one of NumPy arrays.
    random_state : int, RandomState or None
        An int gives the same model at every `fit` on the same device.
    verbose : int
        A progress bar if not 0.

    Attributes
    ----------
    model_ : DBN
        Of one RBM, over the data as `scaler_` leaves them.
    components_ : array (n_components, n_features)
        Weights, a row per hidden unit.
    visible_ : {"binary", "gaussian"}
    scaler_ : StandardScaler
        The identity for binary units.
    random_state_ : RandomState
        What `gibbs` draws from next.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from dbnvis.sklearn import RBMTransformer
    >>> classifier = make_pipeline(RBMTransformer(1024, random_state=0), LogisticRegression(max_iter=300))
    """

    n_components: int = 256

    def _hidden(self) -> tuple[int, ...]:
        return (self.n_components,)

    @property
    def components_(self) -> Array:
        return self.model_.rbms[0].W.T

    def gibbs(self, X: Any, steps: int = 1) -> Array:
        """States of the visible units after `steps` Gibbs sweeps from `X`: (N, n_features), of 0 and 1 if binary.

        Every call draws anew.
        """
        v = self._pixels(X)
        rng = make_rng(np, self.random_state_.randint(2**31))
        return self.scaler_.inverse_transform(gibbs(self.model_.rbms[0], v, steps, rng=rng))

    @available_if(_has_likelihood)
    def score_samples(self, X: Any) -> Array:
        """Pseudo-log-likelihood of each row, sum_i log p(v_i | all other v), in nats: (N,).

        Exact, unlike `BernoulliRBM.score_samples`, which guesses the sum from one random pixel. A pixel between 0
        and 1 counts as the probability of being on: v_i log p_i + (1 - v_i) log(1 - p_i). Not for Gaussian units.
        Takes time in proportion to n_features * n_components per row.

        Raises
        ------
        ValueError
            If a pixel lies outside [0, 1], where it is no probability.
        """
        v = check_images(self._pixels(X), name="X", remedy="clip them (numpy.clip, MinMaxScaler(clip=True))")
        rbm = self.model_.rbms[0]
        return np.concatenate([_pseudo_log_likelihood(rbm, v[rows]) for rows in gen_batches(len(v), ROWS)])

    @available_if(_has_likelihood)
    def score(self, X: Any, y: Any = None) -> float:
        """Mean of `score_samples`: what `GridSearchCV` compares without labels."""
        return float(self.score_samples(X).mean())


@dataclass(eq=False, repr=False)
class DBNTransformer(_BoltzmannTransformer):
    """A deep belief network, trained layer by layer, whose top units' probabilities are the features.

    It has no `score_samples`: the likelihood of a deep belief network has no exact value to give.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Hidden units of each layer, from the input upwards.
    visible, epochs, batch_size, learning_rate, k, persistent, binarize, reconstruction, centered
        As in `RBMTransformer`, for every layer.
    weight_decay, l1_decay, sparsity_target, sparsity_cost, device, random_state, verbose
        As in `RBMTransformer`.

    Attributes
    ----------
    model_, visible_, scaler_, random_state_, n_features_in_, feature_names_in_
        As in `RBMTransformer`.
    """

    hidden_layer_sizes: tuple[int, ...] = (500, 250)

    def _hidden(self) -> tuple[int, ...]:
        sizes = self.hidden_layer_sizes
        if not isinstance(sizes, Iterable) or isinstance(sizes, str):
            raise ValueError(f"hidden_layer_sizes must be one number for each layer, such as (500, 250), got {sizes!r}")
        return tuple(sizes)


def _pseudo_log_likelihood(rbm: RBM, v: Array) -> Array:
    """sum_i log p(v_i | all other v) of each row of `v` (B, V): (B,)."""
    pre = rbm.input_to_h(v)
    total = np.zeros(len(v), dtype=pre.dtype)
    for i, (w, bias) in enumerate(zip(rbm.W, rbm.vbias, strict=True)):
        off = pre - v[:, i : i + 1] * w  # (B, H): the hidden units' input while pixel i is off
        log_odds = bias + (softplus(off + w) - softplus(off)).sum(axis=1)
        total += v[:, i] * log_odds - softplus(log_odds)
    return total
