"""dbnvis.models.sdae: the two passes in plain NumPy, where weights start, and what visualizers make of a stack."""

import itertools
import math

import numpy as np
import oracles
import pytest
from counts import host
from planted import N_UNITS, planted
from scipy import stats
from scipy.special import expit

from dbnvis import DAE, VISUALIZERS, ClampedGibbs, EvidenceSampling, StackedDAE, Unit
from dbnvis.backend import make_rng
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.study import Study
from dbnvis.results import Writer, model_hash

SIZES = (6, 5, 4)
SETTINGS = {"am": {"starts": 4}, "combination": {"k": 3}, "connections": {"k": 3}}


def parts(i=0, tied=True):
    """Parameters of one autoencoder in NumPy: W, vbias, hbias and, untied, the decoder."""
    machine = oracles.machine(SIZES[i], SIZES[i + 1], seed=i)
    return [*machine, *([] if tied else [oracles.machine(SIZES[i + 1], SIZES[i], seed=9 + i)[0]])]


def build(xp, tied=True, linear=False, dtype="float64"):
    arrays = [[xp.asarray(x.astype(dtype)) for x in parts(i, tied)] for i in range(2)]
    daes = [DAE(*arrays[0], linear=linear), DAE(*arrays[1])]
    return StackedDAE(daes, (2, 3), (-1.0, 2.0), 2.5)


def images(xp, n=7):
    return xp.asarray(np.random.default_rng(0).random((n, 2, 3)))


# --- the passes


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("linear", [True, False])
def test_up_and_back(xp, tied, linear):
    dae, v = build(xp, tied, linear).daes[0], images(xp).reshape(7, 6)
    W, b, c, *decoder = parts(tied=tied)
    h = expit(host(v) @ W + c)
    back = h @ (W.T if tied else decoder[0]) + b
    np.testing.assert_allclose(host(dae.encode(v)), h, rtol=1e-12)
    np.testing.assert_allclose(host(dae.decode(dae.encode(v))), back if linear else expit(back), rtol=1e-12)
    assert dae.tied == tied
    assert list(dae.params()) == ["W", "vbias", "hbias", *([] if tied else ["decoder"])]


def test_both_passes_fill_a_given_array(xp):
    dae, v = build(xp, tied=False, linear=True).daes[0], images(xp).reshape(7, 6)
    h, back = xp.empty((7, 5)), xp.empty((7, 6))
    assert dae.encode(v, out=h) is h
    assert dae.decode(h, out=back) is back
    np.testing.assert_array_equal(host(back), host(dae.decode(dae.encode(v))))


def test_a_stack_encodes_layer_by_layer_and_as_its_network(xp):
    sdae, v = build(xp), images(xp)
    (W1, _, c1), (W2, _, c2) = parts(0), parts(1)
    h1 = expit(host(v).reshape(7, 6) @ W1 + c1)
    expected = {"h1.pre": host(v).reshape(7, 6) @ W1 + c1, "h1": h1, "h2.pre": h1 @ W2 + c2, "h2": expit(h1 @ W2 + c2)}
    for address, x in expected.items():
        np.testing.assert_allclose(host(sdae.network.upto(address).forward(v)[0]), x, rtol=1e-12)
    for layer in ("h1", "h2"):
        np.testing.assert_allclose(host(sdae.encode(v, layer)), expected[layer], rtol=1e-12)
        np.testing.assert_array_equal(host(sdae.encode(v.reshape(7, 6), layer)), host(sdae.encode(v, layer)))


def test_a_stack_says_what_it_is(xp):
    sdae = build(xp)
    assert (sdae.sizes, sdae.layer_names) == ([6, 5, 4], ["h1", "h2"])
    assert [sdae.depth(layer) for layer in sdae.layer_names] == [1, 2]
    assert [sdae.layer_shape(layer) for layer in sdae.layer_names] == [(5,), (4,)]
    assert sdae.xp is xp and sdae.dtype == np.float64
    for ask in (sdae.depth, sdae.layer_shape, lambda layer: sdae.encode(images(xp), layer)):
        with pytest.raises(KeyError, match="no layer 'h3'; the model has h1, h2"):
            ask("h3")


# --- where weights start


def test_random_weights_are_uniform_in_the_range_of_glorot_and_bengio_for_logistic_units(xp, rng):
    sdae = StackedDAE.random((300, 200, 100), (15, 20), rng=rng, tied=False, linear=True, input_range=(-2.0, 2.0))
    assert sdae.input_range == (-2.0, 2.0) and sdae.input_norm is None
    assert [dae.linear for dae in sdae.daes] == [True, False]
    for dae, (n_in, n_out) in zip(sdae.daes, itertools.pairwise(sdae.sizes), strict=True):
        bound = 0.4 * math.sqrt(6 / (n_in + n_out))
        for weights in (host(dae.W), host(dae.decoder)):
            assert weights.dtype == np.float32
            assert stats.kstest(weights.ravel()[:20_000], stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-3
        assert not host(dae.vbias).any() and not host(dae.hbias).any()
        assert abs(np.corrcoef(host(dae.W).ravel(), host(dae.decoder).T.ravel())[0, 1]) < 0.03  # drawn apart


def test_random_weights_are_tied_unless_asked_otherwise_and_a_function_of_the_seed(xp):
    a, b, other = (StackedDAE.random(SIZES, (2, 3), rng=make_rng(xp, seed)) for seed in (0, 0, 1))
    assert all(dae.tied and not dae.linear for dae in a.daes)
    np.testing.assert_array_equal(host(a.daes[1].W), host(b.daes[1].W))
    assert (host(a.daes[1].W) != host(other.daes[1].W)).all()


# --- models that are refused


def test_arrays_that_do_not_fit_are_refused():
    W, b, c = oracles.machine(6, 5)
    with pytest.raises(ValueError, match=r"expected W \(V, H\), vbias \(V,\), hbias \(H,\); got \(6, 5\), \(5,\)"):
        DAE(W, c, b)
    with pytest.raises(ValueError, match=r"expected a decoder \(H, V\) = \(5, 6\), got \(6, 5\)"):
        DAE(W, b, c, W)
    with pytest.raises(ValueError, match="batch has 5 columns, the autoencoder has 6 visible units"):
        DAE(W, b, c).encode(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="at least one autoencoder"):
        StackedDAE([], (6,))
    with pytest.raises(ValueError, match=r"images of shape \(7,\) have 7 pixels, .* has 6 visible units"):
        StackedDAE([DAE(W, b, c)], (7,))
    with pytest.raises(ValueError, match="autoencoder 1 has 5 hidden units, autoencoder 2 has 6 visible units"):
        StackedDAE([DAE(W, b, c), DAE(W, b, c)], (6,))
    with pytest.raises(ValueError, match="at least one unit, got 6-0-2"):
        StackedDAE.random((6, 0, 2), (6,), rng=np.random.default_rng(0))


# --- visualizers


def stacked(xp):
    """The planted network as autoencoders: the same units, so the same pictures."""
    net = planted(xp)
    daes = [DAE(rbm.W, rbm.vbias, rbm.hbias) for rbm in net.model.rbms]
    return net, StackedDAE(daes, net.model.input_shape, input_norm=net.model.input_norm)


@pytest.mark.parametrize("name", [name for name in VISUALIZERS if name not in ("gibbs", "evidence")])
def test_every_visualizer_that_does_not_sample_works_unchanged(xp, name):
    net, model = stacked(xp)
    method = VISUALIZERS[name](**SETTINGS.get(name, {}))
    for layer in N_UNITS:
        units = [Unit(layer, i) for i in range(3)]
        ours, theirs = (method(m, units, rng=make_rng(xp, 0), images=net.images) for m in (model, net.model))
        assert np.isfinite(ours.images[:, 0]).all()
        np.testing.assert_array_equal(ours.images, theirs.images)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize("start", ["data", "noise"])
def test_clamped_sampling_says_why_it_cannot(xp, start):
    net, model = stacked(xp)
    with pytest.raises(TypeError, match=r"StackedDAE has no p\(v \| h\), so a unit cannot be fixed to 1"):
        ClampedGibbs(start=start)(model, ["h2:0"], rng=make_rng(xp, 0), images=net.images)


def test_a_study_leaves_sampling_out(tmp_path):
    net, model = stacked(np)
    study = Study(
        model, "planted", Responses.of(model, net.images), Writer(tmp_path, overwrite=True), images=net.images
    )
    applicable = {type(m) for m in study.applicable(cls() for cls in VISUALIZERS.values())}
    assert applicable == set(VISUALIZERS.values()) - {ClampedGibbs, EvidenceSampling}


def test_the_hash_covers_every_parameter(xp):
    hashes = {model_hash(build(xp, tied=False))}
    for i, name in itertools.product(range(2), ("W", "vbias", "hbias", "decoder")):
        model = build(xp, tied=False)
        model.daes[i].params()[name].reshape(-1)[-1] += 1
        hashes.add(model_hash(model))
    assert len(hashes) == 9
    assert model_hash(build(xp)) == model_hash(build(np))
