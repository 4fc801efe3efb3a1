"""dbnvis.models.mlp: what is copied from where when a DBN is unrolled, and what visualizers make of the result."""

import itertools

import numpy as np
import oracles
import pytest
from counts import host
from planted import N_UNITS, cosines, planted
from scipy.special import expit, softmax
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression

from dbnvis import DBN, RBM, VISUALIZERS, ClampedGibbs, GaussianRBM, Unit
from dbnvis.backend import make_rng, to_numpy
from dbnvis.evaluate.scores import Responses, unit_scores
from dbnvis.models.layers import Dense, Flatten, Network, Sigmoid
from dbnvis.models.mlp import MLP, autoencoder, classifier

SIZES = (6, 5, 4)
SETTINGS = {"am": {"starts": 4}, "combination": {"k": 3}, "connections": {"k": 3}}


def build(xp, dtype="float64", bottom=RBM):
    machines = [oracles.machine(v, h, seed=i) for i, (v, h) in enumerate(itertools.pairwise(SIZES))]
    kinds = [bottom, RBM]
    rbms = [kind(*(xp.asarray(x.astype(dtype)) for x in m)) for kind, m in zip(kinds, machines, strict=True)]
    return DBN(rbms, (2, 3), (-1.0, 2.0), 2.5)


def images(xp, n=7):
    return xp.asarray(np.random.default_rng(0).random((n, 2, 3)))


def to_classifier(dbn, xp):
    return classifier(dbn, 3, rng=make_rng(xp, 0))


def to_autoencoder(dbn, xp):
    numbers = np.random.default_rng(0).random((20, *dbn.input_shape)).astype(dbn.dtype)
    return autoencoder(dbn, 2, xp.asarray(numbers))


def params(rbm):
    return [host(x) for x in (rbm.W, rbm.vbias, rbm.hbias)]


# --- unrolling


def test_a_classifier_is_the_network_with_a_softmax_on_top(xp, rng):
    dbn, v = build(xp), images(xp)
    model = classifier(dbn, 3, rng=rng)
    assert model.layer_names == ["h1", "h2", "output"]
    assert model.sizes == [6, 5, 4, 3]
    assert (model.input_shape, model.input_range, model.input_norm) == ((2, 3), (-1.0, 2.0), 2.5)
    for layer in ("h1", "h2"):
        np.testing.assert_allclose(host(model.encode(v, layer)), host(dbn.encode(v, layer)), rtol=1e-12)
    top = model.network.layers["output.pre"]
    assert 0 < np.abs(host(top.W)).max() < 0.05
    assert not host(top.bias).any()
    expected = softmax(host(dbn.encode(v, "h2")) @ host(top.W), axis=1)
    np.testing.assert_allclose(host(model.encode(v, "output")), expected, rtol=1e-10)
    again = classifier(build(xp), 3, rng=make_rng(xp, 0))
    np.testing.assert_array_equal(host(again.network.layers["output.pre"].W), host(top.W))


def test_an_autoencoder_is_the_network_and_its_transpose(xp):
    dbn, v = build(xp), images(xp)
    model = autoencoder(dbn, 2, v)
    assert model.layer_names == ["h1", "h2", "code", "d2", "d1", "output"]
    assert model.sizes == [6, 5, 4, 2, 4, 5, 6]
    (W1, b1, c1), (W2, b2, c2) = map(params, dbn.rbms)
    pre = expit(host(v).reshape(-1, 6) @ W1 + c1) @ W2 + c2
    pca = PCA(2, svd_solver="full").fit(expit(pre))
    code, expected = host(model.encode(v, "code")), pca.transform(expit(pre))[:, ::-1]
    np.testing.assert_allclose(np.abs(code), np.abs(expected), rtol=1e-8, atol=1e-10)  # signs are free
    predicted = LinearRegression().fit(code, pre).predict(code)
    np.testing.assert_allclose(host(model.encode(v, "d2")), expit(predicted), rtol=1e-8)
    pixels = expit(expit(expit(predicted) @ W2.T + b2) @ W1.T + b1)
    np.testing.assert_allclose(host(model.encode(v, "output")), pixels, rtol=1e-8)
    assert all(x._host.flags.c_contiguous if hasattr(x, "_host") else x.flags.c_contiguous for x in model_arrays(model))


def model_arrays(model):
    return model.network.params().values()


def test_gaussian_pixels_have_linear_outputs(xp):
    dbn, v = build(xp, bottom=GaussianRBM), images(xp)
    model = autoencoder(dbn, 2, v)
    expected = host(model.encode(v, "d1")) @ host(dbn.rbms[0].W).T + host(dbn.rbms[0].vbias)
    np.testing.assert_allclose(host(model.encode(v, "output")), expected, rtol=1e-10)


@pytest.mark.parametrize("unroll", [to_classifier, to_autoencoder])
def test_weights_are_copied_never_shared(xp, unroll):
    dbn = build(xp)
    before = [params(rbm) for rbm in dbn.rbms]
    model = unroll(dbn, xp)
    arrays = list(model_arrays(model))
    for i, x in enumerate(arrays):
        x[...] = float(i)  # nor shared between encoder and decoder
    assert [float(x.reshape(-1)[0]) for x in arrays] == list(range(len(arrays)))
    for old, rbm in zip(before, dbn.rbms, strict=True):
        for x, y in zip(old, params(rbm), strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unroll", [to_classifier, to_autoencoder])
def test_the_type_stays(xp, dtype, unroll):
    model = unroll(build(xp, dtype), xp)
    assert {x.dtype for x in model_arrays(model)} == {np.dtype(dtype)} == {np.dtype(model.dtype)}
    assert model.encode(images(xp).astype(dtype), model.layer_names[-1]).dtype == dtype
    assert model.xp is xp


def test_encode_takes_flat_images_and_many(xp, rng, monkeypatch):
    model, v = classifier(build(xp), 3, rng=rng), images(xp)
    whole = host(model.encode(v, "h2"))
    np.testing.assert_array_equal(host(model.encode(v.reshape(7, 6), "h2")), whole)
    monkeypatch.setattr(MLP, "batch", 3)
    np.testing.assert_allclose(host(model.encode(v, "h2")), whole, rtol=1e-12)


@pytest.mark.parametrize("n_code", [0, 5])
def test_a_code_of_no_size_or_more_than_the_top_layer_is_refused(xp, n_code):
    with pytest.raises(ValueError, match=f"the code must have 1 to 4 units, those of the top layer; got {n_code}"):
        autoencoder(build(xp), n_code, images(xp))


def test_the_code_starts_from_the_first_images(xp, monkeypatch):
    monkeypatch.setattr("dbnvis.models.mlp.SAMPLE", 5)
    whole, first = (autoencoder(build(xp), 2, images(xp, n)) for n in (7, 5))
    for name, x in whole.network.params().items():
        np.testing.assert_array_equal(host(x), host(first.network.params()[name]))


# --- networks that are refused


def test_layers_that_do_not_fit_are_refused(xp):
    def dense(n_in, n_out):
        return Dense(xp.asarray(np.zeros((n_in, n_out))), xp.asarray(np.zeros(n_out)))

    flat = Flatten((2, 3))
    with pytest.raises(ValueError, match=r"h1 has 5 inputs, images of shape \(2, 3\) give 6"):
        MLP(Network({"input": flat, "h1.pre": dense(5, 4), "h1": Sigmoid()}), (2, 3))
    layers = {"input": flat, "h1.pre": dense(6, 4), "h1": Sigmoid(), "h2.pre": dense(5, 4), "h2": Sigmoid()}
    with pytest.raises(ValueError, match=r"h2 has 5 inputs, layer h1's units give 4"):
        MLP(Network(layers), (2, 3))
    with pytest.raises(ValueError, match=r"expected dense layers at addresses such as h1\.pre, got input"):
        MLP(Network({"input": flat}), (2, 3))


def test_an_unknown_layer_is_refused_with_those_there_are(xp):
    model = autoencoder(build(xp), 2, images(xp))
    for ask in (model.layer_shape, lambda layer: model.encode(images(xp), layer)):
        with pytest.raises(KeyError, match="no layer 'h9'; the model has h1, h2, code, d2, d1, output"):
            ask("h9")


# --- visualizers


def unrolled(xp, unroll):
    net = planted(xp)
    return net, unroll(net.model, xp)


def prior(name, net):
    """The DBN that an unrolled network, which draws no images, takes them from."""
    return {"prior": net.model} if name == "evidence" else {}


@pytest.mark.parametrize("unroll", [to_classifier, to_autoencoder])
@pytest.mark.parametrize("name", [name for name in VISUALIZERS if name != "gibbs"])
def test_every_visualizer_shows_the_same_as_of_the_dbn(xp, name, unroll):
    """Before fine-tuning the lower layers are the DBN's: so are their pictures and scores."""
    net, model = unrolled(xp, unroll)
    method = VISUALIZERS[name](**SETTINGS.get(name, {}), **prior(name, net))
    for layer in N_UNITS:
        units = [Unit(layer, i) for i in range(3)]
        ours, theirs = (method(m, units, rng=make_rng(xp, 0), images=net.images) for m in (model, net.model))
        np.testing.assert_array_equal(ours.images, theirs.images)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize("unroll", [to_classifier, to_autoencoder])
@pytest.mark.parametrize("name", [name for name in VISUALIZERS if name != "gibbs"])
def test_every_visualizer_draws_every_layer(xp, name, unroll):
    net, model = unrolled(xp, unroll)
    settings = SETTINGS.get(name, {}) | ({"k": 2} if name == "combination" else {})  # of two codes
    method = VISUALIZERS[name](**settings, **prior(name, net))
    for layer in model.layer_names:
        units = [Unit(layer, i) for i in range(2)]
        out = method(model, units, rng=make_rng(xp, 0), images=net.images)
        assert out.images.shape[2:] == model.input_shape
        assert np.isfinite(out.images[:, 0]).all()
        scores = to_numpy(unit_scores(model, layer, [0, 1], xp.asarray(out.images)))
        np.testing.assert_allclose(out.scores, scores, rtol=1e-4, atol=1e-4)


def test_optima_of_the_copied_layers_are_the_planted_patterns(xp):
    net, model = unrolled(xp, to_classifier)
    units = [Unit("h2", i) for i in range(N_UNITS["h2"])]
    out = VISUALIZERS["am"](starts=2)(model, units, rng=make_rng(xp, 0))
    assert (np.argmax(cosines(out.images[:, 0], net.patterns["h2"]), axis=1) == np.arange(N_UNITS["h2"])).all()


def test_a_unit_cannot_be_held_on(xp):
    _, model = unrolled(xp, to_classifier)
    with pytest.raises(TypeError, match=r"MLP has no p\(v \| h\)"):
        ClampedGibbs()(model, ["h1:0"], rng=make_rng(xp, 0))


def test_responses_cover_every_layer(xp):
    net, model = unrolled(xp, to_classifier)
    responses = Responses.of(model, net.images)
    assert list(responses.by_layer) == ["h1", "h2", "h3", "output"]
    assert responses.by_layer["output"].shape == (len(net.images), 3)
