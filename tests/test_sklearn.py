"""dbnvis.sklearn: scikit-learn's own checks, and what they do not ask: learning, likelihoods, pickles, refusals."""

import pickle

import numpy as np
import oracles
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from dbnvis import DBN, ActivationMaximization, CDConfig, GaussianRBM, Unit, checkpoint
from dbnvis import sklearn as transformers
from dbnvis.models.rbm import RBM
from dbnvis.sklearn import DBNTransformer, RBMTransformer
from dbnvis.train import TrainingDiverged

SMALL = [RBMTransformer(8, epochs=2, random_state=0), DBNTransformer((6, 4), epochs=2, random_state=0)]
BOTH = pytest.mark.parametrize("transformer", SMALL, ids=lambda transformer: type(transformer).__name__)
QUICK = {"batch_size": 10, "learning_rate": 0.1, "random_state": 0}  # many updates from few rows
V = 12


def xor(n, seed=0):
    """Noisy rows in [0, 1] with one of two bars in each half; the label, whether they differ, is not linear."""
    rng = np.random.default_rng(seed)
    bars = rng.integers(0, 2, (n, 2))
    on = np.stack([bars, 1 - bars], axis=2).reshape(n, 4).repeat(V // 4, axis=1)
    return np.where(rng.random((n, V)) < 0.05, 1 - on, on) * 0.9 + 0.05, bars[:, 0] ^ bars[:, 1]


def fitted(transformer, **params):
    return clone(transformer).set_params(**params).fit(xor(200)[0])


def oracle_transformer(parameters, dtype="float64"):
    """A fitted RBMTransformer whose RBM is the oracle's machine."""
    W, b, c = parameters
    transformer = RBMTransformer(len(c), epochs=1, random_state=0).fit(oracles.states(len(b)))
    transformer.model_ = DBN([RBM(*(x.astype(dtype) for x in (W, b, c)))], (len(b),))
    return transformer


# --- scikit-learn's convention


@parametrize_with_checks(SMALL)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@BOTH
def test_the_recipe_is_that_of_cdconfig(transformer):
    params = type(transformer)().get_params()
    names = set(params) & set(CDConfig.__dataclass_fields__)
    assert len(names) >= 12
    assert {name: params[name] for name in names} == {name: getattr(CDConfig(), name) for name in names}


@BOTH
def test_every_parameter_is_documented(transformer):
    missing = [name for name in transformer.get_params() if name not in type(transformer).__doc__]
    assert not missing


@BOTH
def test_names_of_features(transformer):
    prefix = type(transformer).__name__.lower()
    names = fitted(transformer).get_feature_names_out()
    assert list(names) == [f"{prefix}{i}" for i in range(8 if prefix == "rbmtransformer" else 4)]


@BOTH
def test_sparse_data_are_refused(transformer):
    X, _ = xor(20)
    with pytest.raises(TypeError, match="dense data is required"):
        clone(transformer).fit(sparse.csr_array(X))
    with pytest.raises(TypeError, match="dense data is required"):
        fitted(transformer).transform(sparse.csr_array(X))


@BOTH
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"visible": "grey"}, "visible must be auto, binary or gaussian, got 'grey'"),
        ({"epochs": 0}, "epochs must be an integer of at least 1, got 0"),
        ({"sparsity_target": 1.5}, "sparsity_target must lie between 0 and 1, or None, got 1.5"),
        ({"device": "tpu"}, "device must be cpu, gpu or auto, got 'tpu'"),
    ],
)
def test_wrong_parameters_are_refused_by_fit(transformer, wrong, message):
    with pytest.raises(ValueError, match=message):
        fitted(transformer, **wrong)


@pytest.mark.parametrize(
    "transformer", [RBMTransformer(0), RBMTransformer(2.5), DBNTransformer(()), DBNTransformer((3, 0))]
)
def test_layers_without_units_are_refused(transformer):
    with pytest.raises(ValueError, match="at least one hidden unit in every layer"):
        fitted(transformer)


# --- what is learned


def test_a_pipeline_learns_what_is_not_linear():
    X, y = xor(1000)
    unseen, truth = xor(500, seed=1)
    assert LogisticRegression().fit(X, y).score(unseen, truth) < 0.65
    pipeline = make_pipeline(RBMTransformer(32, **QUICK), LogisticRegression(C=100, max_iter=1000))
    assert pipeline.fit(X, y).score(unseen, truth) > 0.95


def test_grid_search_with_labels_and_without():
    X, y = xor(1000)
    pipeline = make_pipeline(DBNTransformer(**QUICK), LogisticRegression(C=100, max_iter=1000))
    search = GridSearchCV(pipeline, {"dbntransformer__hidden_layer_sizes": [(1,), (32, 16)]}, cv=2).fit(X, y)
    assert search.best_params_ == {"dbntransformer__hidden_layer_sizes": (32, 16)}
    search = GridSearchCV(RBMTransformer(32, **QUICK), {"learning_rate": [1e-6, 0.1]}, cv=2).fit(X)
    assert search.best_params_ == {"learning_rate": 0.1}


@BOTH
def test_transform_is_the_mean_field_pass(transformer):
    X, _ = xor(50)
    done = fitted(transformer)
    expected = X
    for rbm in done.model_.rbms:
        expected = 1 / (1 + np.exp(-(expected @ rbm.W + rbm.hbias)))
    np.testing.assert_allclose(done.transform(X), expected, rtol=1e-12)
    assert done.transform(X.astype("float32")).dtype == np.float32


@BOTH
def test_the_seed_decides(transformer):
    X, _ = xor(50)
    first, again, other = (fitted(transformer, random_state=seed).transform(X) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@BOTH
def test_diverged_training_leaves_no_model(transformer):
    X, _ = xor(50)
    hasty = clone(transformer).set_params(visible="gaussian", learning_rate=1e6, epochs=20)
    with pytest.raises(TrainingDiverged, match="lower the learning rate"):
        hasty.fit(X)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        hasty.transform(X)


# --- units of the visible layer


@BOTH
def test_binary_units_refuse_data_out_of_range(transformer):
    X, _ = xor(50)
    with pytest.raises(ValueError, match=r"X: expected pixels in \[0, 1\], found .* to 242.*; .*visible='gaussian'"):
        clone(transformer).set_params(visible="binary").fit(X * 255)


@BOTH
def test_auto_decides_by_the_range(transformer):
    X, _ = xor(50)
    binary, gaussian = clone(transformer).fit(X), clone(transformer).fit(X - 0.5)
    assert (binary.visible_, type(binary.model_.rbms[0])) == ("binary", RBM)
    assert (gaussian.visible_, type(gaussian.model_.rbms[0])) == ("gaussian", GaussianRBM)
    asked = clone(transformer).set_params(visible="gaussian").fit(X - 0.5)
    np.testing.assert_array_equal(gaussian.transform(X), asked.transform(X))


@BOTH
def test_gaussian_units_ignore_shift_and_scale_of_features(transformer):
    X, _ = xor(100)
    X[:, 3] = 7  # constant
    moved = X * np.linspace(1, 50, V) - 20
    first, second = (
        fitted(transformer, visible="gaussian", learning_rate=0.01).fit(x).transform(x) for x in (X, moved)
    )
    np.testing.assert_allclose(first, second, atol=1e-4)


def test_gaussian_rbm_samples_on_the_scale_of_the_data():
    X = np.random.default_rng(0).normal([100, -5], [20, 0.1], size=(2000, 2))
    transformer = RBMTransformer(4, epochs=5, learning_rate=0.005, random_state=0).fit(X)
    drawn = transformer.gibbs(X, steps=20)
    np.testing.assert_allclose(drawn.mean(axis=0), [100, -5], rtol=0.03)
    np.testing.assert_allclose(drawn.std(axis=0), [20, 0.1], rtol=0.15)


# --- likelihood and sampling


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-5)])
def test_score_samples_is_the_pseudo_likelihood(dtype, tolerance):
    parameters = oracles.machine(5, 3)
    v, p = oracles.states(5), oracles.p_v(*parameters)
    flipped = np.arange(32)[:, None] ^ (16 >> np.arange(5))  # (32, 5): the state that differs in one pixel
    expected = np.log(p[:, None] / (p[:, None] + p[flipped])).sum(axis=1)
    transformer = oracle_transformer(parameters, dtype)
    many = np.tile(v, (9, 1)).astype(dtype)  # more than the rows looked at together
    np.testing.assert_allclose(transformer.score_samples(many), np.tile(expected, 9), rtol=tolerance)
    assert transformer.score(many) == pytest.approx(expected.mean(), rel=tolerance)


def test_score_samples_of_one_grey_pixel_averages_over_its_states():
    transformer = oracle_transformer(oracles.machine(1, 3))
    off, on, grey = transformer.score_samples([[0.0], [1.0], [0.3]])
    assert grey == pytest.approx(0.7 * off + 0.3 * on, rel=1e-12)
    np.testing.assert_allclose(np.exp([off, on]), oracles.p_v(*oracles.machine(1, 3)), rtol=1e-12)


def test_no_likelihood_without_a_value():
    X, _ = xor(50)
    gaussian, deep = RBMTransformer(3, epochs=1).fit(X - 0.5), fitted(SMALL[1])
    assert not any(hasattr(x, name) for x in (gaussian, deep) for name in ("score_samples", "score"))


def test_gibbs_draws_from_the_model():
    parameters = oracles.machine(4, 3)
    transformer = oracle_transformer(parameters)
    start = oracles.states(4)[np.random.default_rng(1).choice(16, 20_000, p=oracles.p_v(*parameters))]
    drawn = transformer.gibbs(start, steps=3)  # chains started at the model's distribution stay there
    assert set(np.unique(drawn)) == {0, 1}
    np.testing.assert_allclose(oracles.empirical(drawn), oracles.p_v(*parameters), atol=0.015)
    assert not np.array_equal(drawn, transformer.gibbs(start, steps=3))


# --- keeping models


@BOTH
@pytest.mark.parametrize("visible", ["binary", "gaussian"])
def test_a_pickle_gives_the_same_bits(transformer, visible):
    X, _ = xor(50)
    done = fitted(transformer, visible=visible)
    text = pickle.dumps(done)
    again = pickle.loads(text)
    np.testing.assert_array_equal(again.transform(X), done.transform(X))
    assert [type(rbm) for rbm in again.model_.rbms] == [type(rbm) for rbm in done.model_.rbms]
    assert (again.model_.input_norm, again.model_.input_range) == (done.model_.input_norm, done.model_.input_range)
    assert b"dbnvis.models.rbm" not in text and b"dbnvis.models.dbn" not in text  # arrays, no classes of the model
    assert pickle.loads(pickle.dumps(transformer)).get_params() == transformer.get_params()


@BOTH
def test_a_clone_has_the_settings_and_no_model(transformer):
    copy = clone(fitted(transformer))
    assert copy.get_params() == transformer.get_params()
    assert not hasattr(copy, "model_")


def test_the_model_goes_where_models_go(tmp_path):
    X, _ = xor(50)
    done = fitted(SMALL[1])
    units = [Unit("h2", 0), Unit("h2", 3)]
    optima = ActivationMaximization(starts=2)(done.model_, units, rng=np.random.default_rng(0))
    assert optima.images.shape == (2, 2, V)
    checkpoint.save(tmp_path / "model.npz", done.model_, config=done.get_params(), seed=0)
    model = checkpoint.load(tmp_path / "model.npz", xp=np).model
    np.testing.assert_array_equal(model.encode(X, "h2"), done.transform(X))


@BOTH
def test_a_model_trained_on_another_device_comes_home(transformer, xp, monkeypatch):
    X, _ = xor(200)
    monkeypatch.setattr(transformers, "device_module", lambda device: xp)
    done = fitted(transformer, device="gpu")
    assert {type(x) for rbm in done.model_.rbms for x in rbm.params().values()} == {np.ndarray}
    assert done.transform(X).shape == (200, done.model_.sizes[-1])


@BOTH
def test_verbose_shows_a_bar(transformer, capsys):
    fitted(transformer)
    assert capsys.readouterr().err == ""
    fitted(transformer, verbose=1)
    assert "training h1" in capsys.readouterr().err
