"""dbnvis.train.convolutional: updates against exact gradients, planted features, resumption; models on disk."""

import conv_oracles as oracles
import numpy as np
import pytest
from counts import host
from small_crbms import Z, build, parameters_of, strokes

from dbnvis import checkpoint
from dbnvis.backend import make_rng, move
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM, GaussianConvRBM
from dbnvis.train import ConvCDConfig, ConvState, TrainingDiverged, train_conv_dbn, train_crbm
from dbnvis.train.convolutional import update

PLAIN = {"momentum": 0.0, "final_momentum": 0.0, "weight_decay": 0.0, "sparsity_target": None}


def drawn_from(parameters, shape, pool, n, rng):
    """Exact draws of (v, h) from a machine."""
    p, v, h = oracles.joint(parameters, shape, pool)
    rows = rng.choice(p.size, n, p=p.ravel())
    return v[rows // p.shape[1]].reshape(-1, *shape), h[rows % p.shape[1]]


@pytest.mark.parametrize("persistent", [True, False])
def test_an_update_is_the_gradient_of_log_p_where_chains_have_the_models_distribution(xp, persistent):
    """Chains draw from the model; data are one image (PCD), or the model's own draws (CD: no gradient is left)."""
    parameters, shape, pool = parameters_of("cut blocks")
    numbers, n = np.random.default_rng(0), 20_000
    v, chains = drawn_from(parameters, shape, pool, n, numbers)
    if persistent:
        v[:] = numbers.integers(0, 2, shape)
    crbm = build(xp, parameters, pool)
    p, every, _ = oracles.joint(parameters, shape, pool)
    features = statistics(crbm, every.reshape(-1, *shape), xp)  # of each image, (2**V, ...)
    config, state = ConvCDConfig(persistent=persistent, **PLAIN), ConvState()
    state.arrays = {name: xp.zeros_like(x) for name, x in crbm.params().items()} | {"chains": xp.asarray(chains)}
    before = {name: host(x) for name, x in crbm.params().items()}
    update(crbm, xp.asarray(v), config, state, 1.0, 0, make_rng(xp, 1))
    places = {"W": 6, "vbias": 12, "hbias": 6}
    for (name, old), feature in zip(before.items(), features, strict=True):
        p_v = p.sum(axis=1)
        mean = np.tensordot(p_v, feature, 1)
        deviation = np.sqrt(np.maximum(np.tensordot(p_v, feature**2, 1) - mean**2, 0))
        data_side = feature[int(v[0].ravel() @ 2 ** np.arange(11, -1, -1))] if persistent else mean
        change = (host(crbm.params()[name]) - old) * places[name]
        assert np.abs((change - (data_side - mean)) / (deviation * np.sqrt(2 / n))).max() < Z, name
        if persistent:
            assert np.abs(data_side - mean).max() > 10 * (deviation / np.sqrt(n)).max()  # there is a gradient to find


def statistics(crbm, v, xp):
    """-dF/dparameter of every single image, by formulas of their own: W, vbias, hbias."""
    h = host(crbm.mean_h_given_v(xp.asarray(v)))
    W = np.zeros((len(v), *crbm.W.shape))
    for i, j in np.ndindex(*h.shape[2:]):
        W += np.einsum("nk,ncrs->nkcrs", h[:, :, i, j], v[:, :, i : i + W.shape[3], j : j + W.shape[4]])
    return W, v.sum(axis=(2, 3)), h.sum(axis=(2, 3))


@pytest.mark.parametrize("gaussian", [False, True])
def test_filters_become_the_planted_strokes(gaussian):
    images = strokes(600)
    crbm = ConvRBM.random(2, 1, 3, rng=make_rng(np, 0), scale=0.1)
    if gaussian:
        crbm = GaussianConvRBM(**crbm.params(), variance=0.1)
    config = ConvCDConfig(epochs=20, learning_rate=3.0, sparsity_target=0.023, persistent=False)  # 1.5 bars per image
    history = list(train_crbm(crbm, images[:, None], config, rng=make_rng(np, 1)))
    bars = np.zeros((2, 3, 3))
    bars[0, 1] = bars[1, :, 1] = 1
    filters, bars = crbm.W.reshape(2, 9), bars.reshape(2, 9)
    cosines = filters @ bars.T / np.outer(np.linalg.norm(filters, axis=1), np.linalg.norm(bars, axis=1))
    assert cosines.max(axis=0).min() > 0.95  # either bar has a filter,
    assert cosines.min(axis=0).max() < 0.7  # and no filter is for both
    assert history[-1].reconstruction_error < 0.2 * history[0].reconstruction_error
    assert [stats.epoch for stats in history] == list(range(1, 21))


def small_stack(xp, seed=0):
    rng = make_rng(xp, seed)
    return ConvDBN([ConvRBM.random(3, 1, 3, rng=rng), ConvRBM.random(2, 3, 2, rng=rng)], (10, 10))


def parameters(model):
    return [host(x) for crbm in model.crbms for x in crbm.params().values()]


def test_training_is_a_function_of_the_seed_and_goes_on_where_it_stopped(xp):
    data, configs = move(strokes(60), xp), [ConvCDConfig(epochs=3), ConvCDConfig(epochs=2, persistent=False)]
    whole, again, parts = (small_stack(xp) for _ in range(3))
    history = [list(train_conv_dbn(model, data, configs, rng=make_rng(xp, 1))) for model in (whole, again)]
    assert [(s.layer, s.epoch) for s in history[0]] == [("h1", 1), ("h1", 2), ("h1", 3), ("h2", 1), ("h2", 2)]
    state = ConvState()
    for stops in (2, 2, 1):
        epochs = train_conv_dbn(parts, data, configs, rng=make_rng(xp, 1), state=state)
        for _ in range(stops):
            next(epochs)
    for a, b, c in zip(*map(parameters, (whole, again, parts)), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)
    norms = np.sqrt((strokes(60) ** 2).sum(axis=(1, 2)))
    assert whole.input_norm == pytest.approx(norms.mean(), rel=1e-5)


def test_the_second_layer_learns_from_the_pooling_units(xp):
    model, data = small_stack(xp), move(strokes(60), xp)
    list(train_conv_dbn(model, data, ConvCDConfig(epochs=1, learning_rate=0.0), rng=make_rng(xp, 1)))
    pooled = host(model.crbms[0].pooled(model.crbms[0].mean_h_given_v(data[:, None])))
    p = pooled.mean(axis=(0, 2, 3))
    np.testing.assert_allclose(host(model.crbms[1].vbias), np.log(p / (1 - p)), rtol=1e-4)
    target = ConvCDConfig().sparsity_target
    off = host(model.crbms[1].hbias)
    np.testing.assert_allclose(np.exp(off) / (1 + 4 * np.exp(off)), target, rtol=1e-5)


def test_sparsity_moves_the_biases_alone(xp):
    data = move(strokes(60), xp)[:, None]
    free, sparse = (ConvRBM.random(3, 1, 3, rng=make_rng(xp, 0)) for _ in range(2))
    v = data[:20]
    h = host(free.mean_h_given_v(v)).mean(axis=(0, 2, 3))
    for crbm, cost in ((free, 0.0), (sparse, 3.0)):
        config = ConvCDConfig(**{**PLAIN, "sparsity_target": 0.01}, persistent=False, sparsity_cost=cost)
        state = ConvState(arrays={name: xp.zeros_like(x) for name, x in crbm.params().items()})
        update(crbm, v, config, state, 0.5, 0, make_rng(xp, 1))
    np.testing.assert_array_equal(host(free.W), host(sparse.W))
    np.testing.assert_allclose(host(sparse.hbias) - host(free.hbias), 0.5 * 3 * (0.01 - h), rtol=1e-4)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (np.zeros((0, 1, 10, 10)), {}, "expected at least one image"),
        (np.zeros((5, 10, 10)), {}, r"\(N, 1, rows, columns\)"),
        (np.zeros((5, 2, 10, 10)), {}, "do not fit"),
        (np.full((5, 1, 10, 10), 2.0), {}, r"in \[0, 1\]"),
        (np.full((5, 1, 10, 10), np.nan), {}, "NaN"),
        (np.zeros((5, 1, 10, 10)), {"sparsity_target": 0.3}, "below 0.25"),
    ],
)
def test_data_that_do_not_fit_are_refused(data, settings, message):
    crbm = ConvRBM.random(3, 1, 3, rng=make_rng(np, 0))
    with pytest.raises(ValueError, match=message):
        next(train_crbm(crbm, data, ConvCDConfig(**settings), rng=make_rng(np, 0)))


@pytest.mark.parametrize(
    "settings", [{"epochs": 0}, {"momentum": 1.0}, {"learning_rate": -1}, {"sparsity_target": 1.0}, {"k": 0.5}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        ConvCDConfig(**settings)


def test_what_is_monitored_is_spread_over_the_data():
    """The group responds to the last 400 of 1,100 images alone, as those of a second photograph would be."""
    crbm = ConvRBM(np.full((1, 1, 2, 2), 8.0), np.zeros(1), np.full(1, -24.0), 1)
    data = np.zeros((1100, 1, 4, 4))
    config = ConvCDConfig(epochs=1, learning_rate=0.0, sparsity_target=None, persistent=False)
    assert next(train_crbm(crbm, data, config, rng=make_rng(np, 0))).dead == 1
    data[700:] = 1
    assert next(train_crbm(crbm, data, config, rng=make_rng(np, 0))).dead == 0


def test_divergence_is_an_error():
    crbm = GaussianConvRBM(**ConvRBM.random(3, 1, 3, rng=make_rng(np, 0)).params(), variance=0.1)
    config = ConvCDConfig(epochs=20, learning_rate=1e6)
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="learning rate"):
        list(train_crbm(crbm, strokes(60)[:, None], config, rng=make_rng(np, 1)))


# --- on disk


def test_a_stack_survives_a_checkpoint(xp, tmp_path):
    rng = make_rng(xp, 0)
    lowest = GaussianConvRBM(**ConvRBM.random(3, 1, 3, rng=rng).params(), pool=3, variance=0.2)
    model = ConvDBN([lowest, ConvRBM.random(2, 3, 2, rng=rng, pool=1)], (10, 10), (-np.inf, np.inf), 3.5)
    checkpoint.save(tmp_path / "m.npz", model, config={"a": 1}, seed=3)
    kept = checkpoint.load(tmp_path / "m.npz", xp=xp)
    assert (kept.config, kept.seed) == ({"a": 1}, 3)
    again = kept.model
    assert [type(x) for x in again.crbms] == [GaussianConvRBM, ConvRBM]
    assert [x.pool for x in again.crbms] == [3, 1] and again.crbms[0].variance == 0.2
    assert (again.input_shape, again.input_range, again.input_norm) == ((10, 10), (-np.inf, np.inf), 3.5)
    for a, b in zip(parameters(model), parameters(again), strict=True):
        np.testing.assert_array_equal(a, b)
