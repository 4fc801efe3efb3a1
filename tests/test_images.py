"""Images from outside: every entry point computes what it would for floats, or refuses in one line."""

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import dbnvis
from dbnvis import (
    DAE,
    DBN,
    RBM,
    ActivationMaximization,
    CDConfig,
    ClampedGibbs,
    ConvDBN,
    ConvNet,
    ConvRBM,
    DenoisingConfig,
    EvidenceSampling,
    FilterCombination,
    GaussianRBM,
    InvarianceManifold,
    RegularizedOptimization,
    StackedDAE,
    StrongestConnections,
    TopImages,
    Unit,
    gibbs,
)
from dbnvis.erhan2009.inference import energy_distance
from dbnvis.evaluate import agreement, chains, complexity, resampling
from dbnvis.evaluate.ais import ais, reverse_ais
from dbnvis.evaluate.likelihood import binarized, log_probability, log_probability_bound
from dbnvis.evaluate.partition import log_partition
from dbnvis.evaluate.scores import Responses, pre_activations, rescale
from dbnvis.images import check_images
from dbnvis.models import mlp
from dbnvis.sklearn import DBNTransformer, RBMTransformer
from dbnvis.train import (
    BackpropConfig,
    ConstantFeatures,
    ConvCDConfig,
    train_backprop,
    train_conv_dbn,
    train_dae,
    train_dbn,
    train_rbm,
    train_sdae,
)
from dbnvis.views import Occlusion, activations, embedding, gradients, responses

BITS = np.random.default_rng(0).integers(0, 2, (6, 3, 4))
GREY = np.random.default_rng(1).random((6, 3, 4)).astype("f4")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_an_array_that_is_right_is_returned_as_it_is(dtype):
    x = GREY.astype(dtype)
    assert check_images(x) is x
    assert check_images(x, shape=(3, 4), xp=np) is x


@pytest.mark.parametrize("dtype", ["?", "u1", "i1", "i8", "u4", "f2", ">f4", "list", "matrix", "masked", "flat"])
def test_what_means_the_same_numbers_becomes_floats(dtype):
    bits = BITS.astype("f4")
    kinds = {
        "list": bits.tolist,
        "matrix": lambda: np.asmatrix(bits.reshape(6, -1)),
        "masked": lambda: np.ma.masked_array(bits, mask=False),
        "flat": lambda: bits.reshape(6, -1),
    }
    x = kinds[dtype]() if dtype in kinds else bits.astype(dtype)
    found = check_images(x, shape=(3, 4))
    assert type(found) is np.ndarray and found.dtype in ("float32", "float64") and found.dtype.isnative
    np.testing.assert_array_equal(found, bits)


def test_types():
    assert check_images(BITS, dtype="float64").dtype == "float64"
    assert check_images(BITS.astype(">f8")).dtype == check_images(BITS.astype("longdouble")).dtype == "float64"
    assert check_images(np.full((1, 1), 0.1, "f2")).dtype == "float32"


def with_value(value):
    x = GREY.copy()
    x[4, 1, 2] = value
    return x


REFUSED = {
    "bytes": ((255 * GREY).astype("u1"), "divide by 255"),
    "sixteen": ((16 * GREY).astype("u1"), "divide by the largest value that there can be"),
    "negative": (with_value(-1), r"in \[0, 1\], found -1"),
    "NaN": (with_value(np.nan), "1 NaN or infinite, the first in image 4"),
    "infinite": (with_value(-np.inf), "1 NaN or infinite, the first in image 4"),
    "masked": (np.ma.masked_less(GREY, 0.5), "pixels are masked"),
    "complex": (GREY + 1j, "real numbers"),
    "object": (GREY.astype(object), "real numbers"),
    "text": (GREY.astype(str), "real numbers"),
    "dates": (BITS.astype("M8[s]"), "real numbers"),
    "none": (None, "real numbers"),
    "empty": (GREY[:0], "at least one image"),
    "no pixels": (GREY[:, :0], "at least one image"),
    "a number": (0.5, "at least one image"),
    "ragged": ([[0, 1], [0]], "of one shape"),
    "one image": (GREY[0], r"expected an array \(N, 3, 4\), got shape \(3, 4\)"),
    "turned": (GREY.swapaxes(1, 2), r"got shape \(6, 4, 3\)"),
    "larger": (np.zeros((6, 28, 28)), "got shape"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_the_rest_is_refused_in_one_line(kind):
    x, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message) as caught:
        check_images(x, shape=(3, 4), name="mine")
    assert str(caught.value).startswith("mine: ") and "\n" not in str(caught.value) and len(str(caught.value)) < 200


@pytest.mark.parametrize("end", [2.8215, 0.1, 1 / 3])
def test_the_end_of_a_range_is_within_it_in_every_type(end):
    images = np.full((1, 2, 2), end)
    for dtype in ("f4", "f8"):
        check_images(images.astype(dtype), within=(-end, end))
        check_images(-images.astype(dtype), within=(-end, end))
        with pytest.raises(ValueError, match="expected pixels in"):
            check_images(np.nextafter(images.astype(dtype), np.dtype(dtype).type(9)), within=(-end, end))


def test_unbounded_pixels_must_have_squares_in_float32():
    unbounded = (-np.inf, np.inf)
    x = np.array([[-3.0, 1e10]])
    assert check_images(x, within=unbounded) is x
    with pytest.raises(ValueError, match=r"\[-1e\+15, 1e\+15\], found -3 to 1e\+308"):
        check_images(np.array([[-3.0, 1e308]]), within=unbounded)


# --- every entry point


def rng():
    return np.random.default_rng(0)


def dbn():
    model = DBN.random((12, 5, 4), (3, 4), rng=rng())
    for rbm in model.rbms:
        rbm.W *= 100
    model.input_norm = 2.0
    return model


def net():
    model = ConvNet.random((10, 10), channels=(2,), dense=(4,), n_classes=3, kernel=3, rng=rng())
    model.input_norm = 3.0
    return model


def trained(train, model, config, **how):
    """The parameters after training."""

    def run(images):
        own = model()
        for _ in train(own, images, config, rng=rng(), **how):
            pass
        return [x.copy() for x in own.params().values()] if hasattr(own, "params") else [own.encode(BITS, "h1")]

    return run


def pictured(method, model, unit):
    return lambda images: method(model(), [unit], rng=rng(), images=images).images


def likelihood(images):
    return log_probability(dbn().rbms[0], images, 1.0)


def bound(images):
    return log_probability_bound(dbn(), images, 1.0, rng=rng())


def reverse(images):
    rbm = dbn().rbms[0]
    return reverse_ais(rbm, base_vbias=rbm.vbias, v=images, betas=[0, 1], rng=rng()).log_weights


def supervised(data=None, targets=None):
    labels = np.arange(6) % 3

    def run(images):
        model = mlp.classifier(dbn(), 3, rng=rng()) if targets is None else mlp.autoencoder(dbn(), 2, BITS)
        chosen = BITS.astype("f4") if data is None else data
        pair = (images, labels) if targets is None else (chosen, images)
        config = BackpropConfig("softmax" if targets is None else "pixels", epochs=1, batch_size=3)
        for _ in train_backprop(model, *pair, config, rng=rng(), held_out=pair):
            pass
        return model.encode(BITS, "h1")

    return run


def estimator(images):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = RBMTransformer(4, epochs=1, visible="binary", random_state=0).fit(BITS.reshape(6, -1))
    return fitted.score_samples(images)


CD, NOISE = CDConfig(epochs=1, batch_size=3), DenoisingConfig(epochs=1, batch_size=3)
CONV = ConvCDConfig(epochs=1, batch_size=3, sparsity_target=None)
RBM_, DAE_ = (lambda: RBM.random(12, 5, rng=rng())), (lambda: DAE.random(12, 5, rng=rng()))
SDAE_ = lambda: StackedDAE.random((12, 5), (3, 4), rng=rng())  # noqa: E731
CDBN_ = lambda: ConvDBN([ConvRBM.random(2, 1, 2, rng=rng())], (3, 4))  # noqa: E731
GIBBS = ClampedGibbs(chains=2, burn_in=1, draws=1, thin=1)
BAYES = EvidenceSampling(chains=2, burn_in=1, draws=1, thin=1)
SQUARE = (6, 10, 10)  # images of the convnet

#: What takes images (6, 3, 4), or rows of 12 pixels where the last item is True.
ENTRIES = {
    "train_dbn": (trained(train_dbn, dbn, CD), False),
    "train_dbn, held out": (lambda x: trained(train_dbn, dbn, CD, held_out=x)(BITS), False),
    "train_rbm": (trained(train_rbm, RBM_, CD), True),
    "train_sdae": (trained(train_sdae, SDAE_, NOISE), False),
    "train_dae": (trained(train_dae, DAE_, NOISE), True),
    "train_conv_dbn": (trained(train_conv_dbn, CDBN_, CONV), False),
    "train_backprop": (supervised(), False),
    "train_backprop, targets": (supervised(targets=True), False),
    "Responses": (lambda x: Responses.of(dbn(), x).by_layer["h2"], False),
    "TopImages": (pictured(TopImages(k=2), dbn, "h2:1"), False),
    "ClampedGibbs": (pictured(GIBBS, dbn, "h2:1"), False),
    "EvidenceSampling": (pictured(BAYES, dbn, "h2:1"), False),
    "DBN.sample": (lambda x: dbn().sample(6, "h1", 2, rng=rng(), start=x), False),
    "peaks_of": (lambda x: responses.peaks_of(dbn(), x, ["h2"])["h2"][0], False),
    "codes": (lambda x: embedding.codes(dbn(), x, "h1"), False),
    "pixels": (lambda x: embedding.codes(dbn(), x, "input"), False),
    "statistics": (lambda x: activations.statistics(dbn(), x, ["h1"])["h1"].mean, False),
    "gradients": (lambda x: gradients(dbn(), x, ["h2:1"] * 6), False),
    "binarized": (lambda x: binarized(x, "fixed", rng=None), False),
    "log_probability": (likelihood, True),
    "log_probability_bound": (bound, True),
    "reverse_ais": (reverse, True),
    "score_samples": (estimator, True),
}

#: What takes floats as they are, such as pictures out of range, and other arrays as images.
MATHS = {
    "DBN.encode": lambda x: dbn().encode(x, "h2"),
    "DBN.visible": lambda x: dbn().visible(x, "h1"),
    "StackedDAE.encode": lambda x: SDAE_().encode(x, "h1"),
    "ConvDBN.encode": lambda x: CDBN_().encode(x, "h1"),
    "MLP.encode": lambda x: mlp.classifier(dbn(), 3, rng=rng()).encode(x, "output"),
    "pre_activations": lambda x: pre_activations(dbn(), "h2", x),
    "rescale": lambda x: rescale(x, 2.0, 2),
}

SAME = {
    **{kind: lambda x, kind=kind: x.astype(kind) for kind in ("?", "u1", "i1", "i8", "f2", "f8", ">f4")},
    "list": lambda x: x.tolist(),
    "matrix": lambda x: np.asmatrix(x.reshape(6, -1)),
    "masked nowhere": lambda x: np.ma.masked_array(x, mask=False),
    "read-only": lambda x: np.frombuffer(x.astype("f4").tobytes(), "f4").reshape(x.shape),
    "every second": lambda x: np.repeat(x, 2, axis=0)[::2],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SAME)
@pytest.mark.parametrize("entry", [*ENTRIES, *MATHS])
def test_the_result_is_that_of_floats_whatever_the_type(entry, kind):
    call, flat = ENTRIES[entry] if entry in ENTRIES else (MATHS[entry], False)
    if entry in ("rescale", "binarized", "score_samples") and kind == "matrix":
        pytest.skip("rows stay rows, and scikit-learn refuses matrices")
    x = BITS.reshape(6, -1) if flat else BITS
    expected, found = call(x.astype("f4")), call(SAME[kind](x))
    # Doubles stay doubles in what has no model; scikit-learn makes all but float32 doubles.
    tolerance = 1e-5 if kind in ("f8", "list") or entry == "score_samples" else 0
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", sorted(REFUSED.keys() - {"one image"}))
@pytest.mark.parametrize("entry", [*ENTRIES, *MATHS])
def test_what_is_no_image_is_refused_by_every_entry_point(entry, kind):
    call, flat = ENTRIES[entry] if entry in ENTRIES else (MATHS[entry], False)
    x = REFUSED[kind][0]
    floats = isinstance(x, np.ndarray) and not np.ma.isMaskedArray(x) and x.dtype == "f4"
    if entry in MATHS and (floats or kind in ("larger", "no pixels")):
        pytest.skip("floats are taken as they are")
    if entry == "rescale" and kind in ("bytes", "sixteen"):
        pytest.skip("a norm is one of any numbers")
    if kind == "none" and entry in ("train_dbn, held out", "ClampedGibbs", "EvidenceSampling", "DBN.sample"):
        pytest.skip("absent")
    if entry == "score_samples" and kind not in ("bytes", "sixteen", "negative", "masked"):
        pytest.skip("scikit-learn's own checks")
    if kind == "a number" and entry in ("ClampedGibbs", "EvidenceSampling"):
        pytest.skip("a TypeError: it cannot be cut")
    if entry == "binarized" and kind in ("turned", "larger"):
        pytest.skip("any shape can be made binary")
    if flat and isinstance(x, np.ndarray) and x.size:
        x = x.reshape(len(x), -1)[:, :-1] if kind == "turned" else x.reshape(len(x), -1)
    with pytest.raises(ValueError) as caught:
        call(x)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("make", [lambda x: x.tolist(), lambda x: x.astype("i8"), lambda x: x])
def test_views_of_one_image(make):
    image = np.zeros((10, 10), "f4")
    image[2:5, 3:7] = 1
    expected = activations.maps(net(), image, ["conv1"])["conv1"]
    np.testing.assert_array_equal(activations.maps(net(), make(image), ["conv1"])["conv1"], expected)
    drops = Occlusion(3, 4)(net(), image, ["output:1"]).drops
    np.testing.assert_array_equal(Occlusion(3, 4)(net(), make(image), "output:1").drops, drops)
    for view in (lambda x: activations.maps(net(), x, ["conv1"]), lambda x: Occlusion()(net(), x, ["output:1"])):
        for bad in (255 * image, image[:9], image.astype(complex), image - 1, image * np.nan):
            with pytest.raises(ValueError, match="image"):
                view(make(bad) if bad.dtype == "f4" and not np.isnan(bad).any() else bad)


def test_rescaled_integers_have_the_norm():
    for kind in ("?", "i1", "u1", "i8", "f2"):
        x = BITS.astype(kind)
        np.testing.assert_allclose(np.sqrt((rescale(x, 5.0, 2) ** 2).sum(axis=(1, 2))), 5, rtol=1e-6)


def test_percentages_of_integer_images_are_those_of_floats():
    model, scores = dbn(), Responses.of(dbn(), BITS.astype("f4")).by_layer["h1"][[2, 4]].T
    for kind in ("f4", "f8", "i8", "u1", "?"):
        percent = Responses.of(model, BITS.astype(kind)).percentile("h1", range(5), scores)
        np.testing.assert_allclose(percent, [[100 * 2 / 6, 100 * 4 / 6]] * 5)


def test_grey_pixels_have_no_probability_under_binary_units():
    rbm = RBM(*(rng().normal(0, 1, n) for n in ((9, 4), 9, 4)))
    states = (np.arange(2**9)[:, None] >> np.arange(9)) & 1
    p = np.exp(log_probability(rbm, states, log_partition(rbm)))  # integers
    assert p.sum() == pytest.approx(1)
    for dtype in ("?", "u1", "f4"):
        np.testing.assert_allclose(np.exp(log_probability(rbm, states.astype(dtype), log_partition(rbm))), p, rtol=1e-5)
    with pytest.raises(ValueError, match=r"binary units need pixels of 0 and 1, found 0\.25"):
        log_probability(rbm, np.full((2, 9), 0.25), 0.0)
    grey = GaussianRBM(*rbm.params().values())
    assert log_probability(grey, np.full((2, 9), 30.0), 0.0).shape == (2,)


def test_energies_of_integer_states_are_those_of_floats():
    rbm = RBM(*(rng().normal(0, 1, n) for n in ((9, 4), 9, 4)))
    v, h = rng().integers(0, 2, (8, 9)), rng().integers(0, 2, (8, 4))
    for kind in ("u1", "i8", "?"):
        a, b = v.astype(kind), h.astype(kind)
        np.testing.assert_allclose(rbm.energy(a, b), rbm.energy(v.astype(float), h.astype(float)))
        np.testing.assert_allclose(rbm.free_energy(a), rbm.free_energy(v.astype(float)))


def test_a_gaussian_stack_takes_pixels_of_its_range():
    model = DBN.random((12, 5), (3, 4), rng=rng(), variance=1.0, input_range=(-np.inf, np.inf))
    (stats,) = train_dbn(model, 3 * GREY - 1, CD, rng=rng())
    assert np.isfinite(stats.reconstruction_error) and model.input_norm > 0
    with pytest.raises(ValueError, match=r"found -1 .*give the model another input_range"):
        next(train_dbn(DBN.random((12, 5), (3, 4), rng=rng(), variance=1.0), np.full((4, 12), -1.0), CD, rng=rng()))


# --- generators, units, configurations, parameters


@pytest.mark.parametrize("bad", [0, None, np.random.RandomState(0), np.random, "0"])
def test_rng_is_a_generator(bad):
    model = dbn()
    for call in (
        lambda: RBM.random(3, 2, rng=bad),
        lambda: ConvNet.random(rng=bad),
        lambda: StackedDAE.random((12, 5), (3, 4), rng=bad),
        lambda: ConvRBM.random(2, 1, 2, rng=bad),
        lambda: next(train_dbn(model, BITS, CD, rng=bad)),
        lambda: next(train_rbm(model.rbms[0], BITS.reshape(6, -1), CD, rng=bad)),
        lambda: next(train_sdae(SDAE_(), BITS, NOISE, rng=bad)),
        lambda: model.sample(2, "h1", 1, rng=bad),
        lambda: model.rbms[0].sample_h_given_v(np.zeros((1, 12), "f4"), rng=bad),
        lambda: ClampedGibbs()(model, ["h1:0"], rng=bad),
        lambda: EvidenceSampling()(model, ["h1:0"], rng=bad),
        lambda: ActivationMaximization()(model, ["h1:0"], rng=bad),
        lambda: InvarianceManifold()(model, ["h1:0"], rng=bad),
        lambda: RegularizedOptimization()(model, ["h1:0"], rng=bad),
        lambda: ais(model.rbms[0], base_vbias=model.rbms[0].vbias, rng=bad),
        lambda: log_probability_bound(model, BITS.reshape(6, -1), 0.0, rng=bad),
        lambda: binarized(GREY, "fresh", rng=bad),
        lambda: resampling.bootstrap(np.arange(5.0), rng=bad),
    ):
        with pytest.raises(TypeError, match=r"rng must be a generator such as numpy.random.default_rng\(0\), got") as e:
            call()
        assert len(str(e.value)) < 200


def test_one_unit_is_a_list_of_one():
    model = dbn()
    for method in (TopImages(k=2), ClampedGibbs(chains=2), FilterCombination(k=2), StrongestConnections(k=2)):
        a, *others = (
            method(model, units, rng=rng(), images=BITS.astype("f4"))
            for units in (["h2:1"], "h2:1", Unit("h2", 1), ("h2:1",), np.array(["h2:1"]))
        )
        for b in others:
            assert a.units == b.units
            np.testing.assert_array_equal(a.images, b.images)
    a = gradients(model, BITS[:1], ["h2:1"])
    np.testing.assert_array_equal(gradients(model, BITS[:1], "h2:1"), a)


@pytest.mark.parametrize("units", [3, [3, 4], None, [None], [1.5], b"h1:0", [["h1:0"]], [Unit("h1", 1.5)], ["h1:-1"]])
def test_what_is_no_unit_is_refused_with_the_way_to_write_one(units):
    with pytest.raises(ValueError, match=r"such as .*h3:17|h1:0 to h1:4"):
        TopImages(k=1)(dbn(), units, images=BITS)


@pytest.mark.parametrize(
    ("train", "model", "data", "kind"),
    [
        (train_rbm, RBM_, BITS.reshape(6, -1), "CDConfig"),
        (train_dbn, dbn, BITS, "CDConfig"),
        (train_dae, DAE_, BITS.reshape(6, -1), "DenoisingConfig"),
        (train_sdae, SDAE_, BITS, "DenoisingConfig"),
        (train_conv_dbn, CDBN_, BITS, "ConvCDConfig"),
        (
            lambda m, x, c, rng: train_backprop(m, x, np.zeros(6, int), c, rng=rng),
            net,
            np.zeros(SQUARE),
            "BackpropConfig",
        ),
    ],
)
def test_a_configuration_is_no_dictionary(train, model, data, kind):
    for config, remedy in (
        ({"epochs": 3}, rf"pass {kind}\(\*\*config\)"),
        (None, rf"pass {kind}\(\)"),
        (3, "got a int"),
    ):
        with pytest.raises(TypeError, match=f"config must be a {kind}, got a .*") as caught:
            next(train(model(), data, config, rng=rng()))
        assert caught.match(remedy)


def test_parameters_that_cannot_be_trained_in_place_are_refused():
    W = np.zeros((12, 5), "f4")
    locked = W.copy()
    locked.flags.writeable = False
    for bad, word in ((locked, "read-only"), (np.asfortranarray(W), "no contiguous array")):
        machines = RBM(bad, np.zeros(12, "f4"), np.zeros(5, "f4")), DAE(bad, np.zeros(12, "f4"), np.zeros(5, "f4"))
        for train, model, config in zip((train_rbm, train_dae), machines, (CD, NOISE), strict=True):
            with pytest.raises(ValueError, match=f"changes W in place, and it is {word}; give the model a copy"):
                next(train(model, BITS.reshape(6, -1), config, rng=rng()))
        assert (bad == 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: RBM(np.zeros((3, 2), int), np.zeros(3), np.zeros(2)),
            "one type, float32 or float64, got float64 and int",
        ),
        (lambda: RBM(np.zeros((3, 2), "f2"), np.zeros(3, "f2"), np.zeros(2, "f2")), "got float16"),
        (lambda: RBM(np.asmatrix(np.zeros((3, 2))), np.zeros(3), np.zeros(2)), "got matrix"),
        (lambda: DAE(np.zeros((3, 2)), np.zeros(3, "f4"), np.zeros(2)), "got float32 and float64"),
        (lambda: GaussianRBM(np.zeros((3, 2)), np.zeros(3), np.zeros(2), "1"), "variance must be a finite number"),
        (lambda: DBN.random((12, 2.5), (3, 4), rng=rng()), "at least one unit, got 12-2.5"),
        (lambda: DBN.random((12, True), (3, 4), rng=rng()), "at least one unit"),
        (lambda: DBN.random((12, 2), 12, rng=rng()), "positive integers|not iterable"),
        (lambda: RBM.random(0, 3, rng=rng()), "at least one unit, got 0-3"),
        (lambda: ConvNet.random((10, 10), kernel=0, rng=rng()), "kernel must be an integer of at least 1"),
        (lambda: ConvNet.random((10, 10), dense=("3",), rng=rng()), "at least one unit"),
        (lambda: ConvRBM(np.zeros((2, 1, 3, 3)), np.zeros(1), np.zeros(2), pool=1.5), "pool must be an integer"),
    ],
)
def test_constructors_name_what_does_not_fit(make, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        make()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@pytest.mark.parametrize("make", [dbn, net, SDAE_, CDBN_, lambda: mlp.classifier(dbn(), 3, rng=rng())])
def test_a_models_pixels_have_a_range_and_a_norm(make):
    model = make()
    for bad in ((1, 0), (0, 0), (0,), (0, np.nan), "01", None, ("0", "1"), (0, 1, 2)):
        with pytest.raises(ValueError, match="input_range must be two numbers, the lower one first"):
            replace(model, input_range=bad)
    for bad in (-1.0, np.nan, np.inf, "9.2", 1e308):
        with pytest.raises(ValueError, match="input_norm must be a finite number of at least 0"):
            replace(model, input_norm=bad)
    assert replace(model, input_range=(-np.inf, np.inf), input_norm=2).input_norm == 2


def test_numbers_of_draws_and_steps():
    model = dbn()
    for call in (
        lambda: model.sample(2, "h1", -1, rng=rng()),
        lambda: model.sample(0, "h1", 1, rng=rng()),
        lambda: gibbs(model.rbms[0], np.zeros((1, 12), "f4"), -1, rng=rng()),
        lambda: gibbs(model.rbms[0], np.zeros((1, 12), "f4"), 1.5, rng=rng()),
        lambda: Responses.of(model, BITS, 0),
        lambda: ais(model.rbms[0], base_vbias=model.rbms[0].vbias, n_chains=1.5, rng=rng()),
        lambda: log_probability(model.rbms[0], BITS.reshape(6, -1), float("nan")),
    ):
        with pytest.raises(ValueError, match="must be a"):
            call()


# --- little data


def test_features_that_are_the_same_for_every_image_are_warned_of():
    x = (np.arange(60)[:, None] % 2 == np.arange(12) % 2).astype("f4")  # two images
    with pytest.warns(
        ConstantFeatures, match=r"layer h1: .* after 1 updates of 60 images each; .* batch_size, such as 10"
    ):
        list(train_rbm(RBM_(), x, CDConfig(epochs=1), rng=rng()))
    blank = DAE_()
    blank.W[...] = 0
    with pytest.warns(ConstantFeatures, match="layer h1"):
        list(train_dae(blank, x, DenoisingConfig(epochs=1, learning_rate=1e-6), rng=rng()))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConstantFeatures)
        list(train_rbm(RBM_(), x, CDConfig(epochs=60, batch_size=4, learning_rate=0.1), rng=rng()))
        next(train_rbm(RBM_(), x, CDConfig(epochs=2), rng=rng()))  # unfinished


def test_the_estimators_warn_of_them_too():
    X = rng().normal(size=(178, 13))
    with pytest.warns(ConstantFeatures):
        RBMTransformer(8, epochs=2, random_state=0).fit(X)
    with pytest.raises(
        ValueError, match=r"hidden_layer_sizes must be one number for each layer, such as \(500, 250\), got 20"
    ):
        DBNTransformer(hidden_layer_sizes=20).fit(X)


def test_no_library_code_changes_the_filters_of_warnings():
    """`catch_warnings` restores a list that threads share: two at once can leave it silenced."""
    package = Path(dbnvis.__file__).parent
    users = {path.name for path in package.rglob("*.py") if "catch_warnings" in path.read_text()}
    assert users <= {"console.py", "pictures.py"}


def test_measures_of_integer_pictures_are_those_of_floats():
    pictures = rng().integers(0, 256, (5, 8, 8)).astype("u1")
    flat, states = pictures.reshape(5, -1), rng().integers(0, 256, (9, 4, 8)).astype("u1")
    for measure, *arrays in (
        (complexity.extent, flat),
        (complexity.spectral_entropy, pictures),
        (complexity.log_spectrum, pictures),
        (complexity.novelty, flat, flat[::-1] // 2),
        (agreement.cosines, flat, flat[::-1] // 2),
        (chains.autocorrelation, states),
        (chains.integrated_time, states),
        (chains.scale_reduction, states),
        (chains.occupancy, states, states[0, :3]),
        (energy_distance, flat, flat // 3),
    ):
        expected = measure(*(x.astype("f8") for x in arrays))
        np.testing.assert_allclose(measure(*arrays), expected, rtol=1e-4, atol=1e-5)
