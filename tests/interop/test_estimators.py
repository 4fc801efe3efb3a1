"""dbnvis.interop.from_sklearn: outputs are those of scikit-learn; what is refused, and how."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler

from dbnvis import DBN, checkpoint
from dbnvis.interop import from_sklearn
from dbnvis.models.mlp import MLP
from dbnvis.sklearn import RBMTransformer

pytestmark = pytest.mark.filterwarnings(f"ignore::{ConvergenceWarning.__module__}.{ConvergenceWarning.__name__}")


def data(n=40, features=12, seed=0, dtype="float64"):
    return np.random.default_rng(seed).random((n, features)).astype(dtype)


def stack(*sizes, seed=0, x=None):
    x = data() if x is None else x
    return make_pipeline(*(BernoulliRBM(n, n_iter=2, random_state=seed) for n in sizes)).fit(x)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pipeline_of_rbms_is_a_dbn_of_the_same_features(dtype, tmp_path):
    x = data(dtype=dtype)
    pipeline = stack(8, 5, x=x)
    model = from_sklearn(pipeline, (3, 4))
    assert isinstance(model, DBN) and str(model.dtype) == "float32" and model.layer_names == ["h1", "h2"]
    np.testing.assert_allclose(model.encode(x, "h2"), pipeline.transform(x), atol=1e-6)
    np.testing.assert_allclose(model.encode(x, "h1"), pipeline[0].transform(x), atol=1e-6)
    checkpoint.save(tmp_path / "m.npz", model, config={}, seed=0)
    again = checkpoint.load(tmp_path / "m.npz", xp=np).model
    np.testing.assert_array_equal(again.encode(x, "h2"), model.encode(x, "h2"))


def test_visible_biases_are_scikit_learns_too():
    rbm = stack(8)[0]
    model = from_sklearn(rbm, (12,))
    h = np.random.default_rng(1).integers(0, 2, (5, 8)).astype("float32")
    expected = 1 / (1 + np.exp(-(h @ rbm.components_ + rbm.intercept_visible_)))
    np.testing.assert_allclose(model.decode(h, "h1"), expected, rtol=1e-5)
    v = np.random.default_rng(2).integers(0, 2, (5, 12)).astype("float32")
    np.testing.assert_allclose(model.rbms[0].free_energy(v), rbm._free_energy(v), rtol=1e-5)


def test_a_list_is_taken_as_a_pipeline_and_steps_that_pass_through_are_left_out():
    pipeline = stack(8, 5)
    a, b = from_sklearn(pipeline, (3, 4)), from_sklearn([pipeline[0], "passthrough", pipeline[1]], (1, 3, 4))
    assert b.input_shape == (3, 4)
    np.testing.assert_array_equal(a.encode(data(), "h2"), b.encode(data(), "h2"))


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["relu", "tanh", "logistic", "identity"]),
    st.lists(st.integers(1, 6), max_size=3),
    st.sampled_from(["two", "four", "several labels", "one number", "three numbers"]),
    st.sampled_from(["float32", "float64"]),
    st.integers(0, 1000),
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_outputs_are_those_of_networks(activation, hidden, task, dtype, seed):
    x, rng = data(seed=seed, dtype=dtype), np.random.default_rng(seed)
    kind = MLPRegressor if "number" in task else MLPClassifier
    y = {
        "two": np.arange(40) % 2,
        "four": np.arange(40) % 4,
        "several labels": rng.integers(0, 2, (40, 3)),
        "one number": x.sum(axis=1),
        "three numbers": x[:, :3],
    }[task]
    network = kind(hidden_layer_sizes=hidden, activation=activation, max_iter=3, random_state=seed).fit(x, y)
    model = from_sklearn(network, (12,))
    assert isinstance(model, MLP)
    assert model.layer_names == [*(f"h{i + 1}" for i in range(len(hidden))), "output"]
    found = model.encode(x.astype("float32"), "output")
    if kind is MLPRegressor:
        np.testing.assert_allclose(found, network.predict(x).reshape(40, -1), atol=1e-5)
    elif task == "two":
        np.testing.assert_allclose(np.hstack([1 - found, found]), network.predict_proba(x), atol=1e-5)
    else:
        np.testing.assert_allclose(found, network.predict_proba(x), atol=1e-5)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: LogisticRegression(), "LogisticRegression is not understood; understood are BernoulliRBM"),
        (lambda: make_pipeline(MinMaxScaler(), BernoulliRBM(3)).fit(data()), "MinMaxScaler is not understood"),
        (lambda: [*stack(3), LogisticRegression()], "LogisticRegression is not understood"),
        (lambda: RBMTransformer(3), "RBMTransformer is not understood; take its model_"),
        (lambda: BernoulliRBM(3), r"BernoulliRBM is not fitted; call its fit\(X\) first"),
        (lambda: Pipeline([("a", BernoulliRBM(3))]), "BernoulliRBM is not fitted"),
        (lambda: MLPClassifier(), "MLPClassifier is not fitted"),
        (lambda: [], "there is no step"),
        (lambda: "model.pkl", "str is not understood"),
        (lambda: stack(3, x=data(features=11)), r"has 11 features, images of shape \(3, 4\) have 12 pixels"),
        (lambda: [*stack(3), *stack(4)], "h2 has 12 visible units, what is below it gives 3"),
        (lambda: [MLPClassifier(), MLPClassifier()], "MLPClassifier is not understood"),
    ],
)
def test_what_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        from_sklearn(make(), (3, 4))


def test_weights_that_are_not_finite_are_refused():
    rbm = stack(8)[0]
    rbm.components_[2, 3] = np.nan
    with pytest.raises(ValueError, match="layer h1 has 1 weights or biases that are NaN"):
        from_sklearn(rbm, (3, 4))
    network = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2).fit(data(), data()[:, 0])
    network.intercepts_[0][1] = np.inf
    with pytest.raises(ValueError, match="layer h1 has 1 weights or biases that are NaN or infinite"):
        from_sklearn(network, (3, 4))


class Doubled(BernoulliRBM):
    def transform(self, X):
        return super().transform(2 * X)


def test_an_estimator_that_computes_something_else_is_found():
    with pytest.raises(ValueError, match="layer h1 differs from the source by 0"):
        from_sklearn(Doubled(3, n_iter=2, random_state=0).fit(data()), (3, 4))
