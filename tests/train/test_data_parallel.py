"""dbnvis.train.data_parallel: several ranks train the model that one trains alone, whatever is trained and how."""

import copy
from dataclasses import replace

import numpy as np
import pytest
from ranks import together

from dbnvis.backend import make_rng
from dbnvis.models.convnet import ConvNet
from dbnvis.models.dbn import DBN
from dbnvis.models.mlp import classifier
from dbnvis.models.rbm import RBM, GaussianRBM
from dbnvis.models.sdae import DAE, StackedDAE
from dbnvis.train import CDConfig, CDState, DenoisingConfig, TrainingDiverged, train_dbn, train_rbm, train_sdae
from dbnvis.train.backprop import train_backprop
from dbnvis.train.config import BackpropConfig, ConvNetConfig
from dbnvis.train.data_parallel import Share

IMAGES = np.random.default_rng(0).random((47, 12))
LABELS = np.arange(47) % 3
CD = CDConfig(epochs=2, batch_size=10)
pytestmark = pytest.mark.filterwarnings("ignore::dbnvis.train.monitor.ConstantFeatures")


def trained_rbm(config, n_epochs=None, state=None, start=None, images=IMAGES, binary=True):
    rbm = RBM.random(12, 7, rng=np.random.default_rng(1), dtype="float64") if start is None else start
    if not binary:
        rbm = GaussianRBM(**rbm.params(), variance=0.5)
    for stats in train_rbm(rbm, images, config, rng=np.random.default_rng(2), state=state):
        if stats.epoch == n_epochs:
            break
    return rbm


def new_dbn():
    rng = np.random.default_rng(1)
    return DBN([RBM.random(n, m, rng=rng, dtype="float64") for n, m in ((12, 7), (7, 5))], (3, 4))


def trained_dbn():
    dbn = new_dbn()
    history = list(train_dbn(dbn, IMAGES, CD, rng=np.random.default_rng(2), held_out=IMAGES[:9]))
    return dbn, [replace(stats, seconds=0) for stats in history]


def trained_sdae(noise, tied):
    rng = np.random.default_rng(1)
    daes = [DAE.random(n, m, rng=rng, tied=tied, dtype="float64") for n, m in ((12, 7), (7, 5))]
    sdae = StackedDAE(daes, (3, 4))
    config = DenoisingConfig(noise, epochs=2, batch_size=10, sparsity_target=0.1)
    for _ in train_sdae(sdae, IMAGES, config, rng=np.random.default_rng(2)):
        pass
    return sdae


def trained_mlp(**settings):
    dbn = new_dbn()
    model = classifier(dbn, 3, rng=np.random.default_rng(3))
    config = BackpropConfig(epochs=2, batch_size=10, **settings)
    history = list(train_backprop(model, IMAGES, LABELS, config, rng=np.random.default_rng(2)))
    return model, [stats.loss for stats in history]


def parameters(model):
    if isinstance(model, RBM):
        return model.params()
    if hasattr(model, "network"):
        return model.network.params()
    raise TypeError(model)


def assert_same(model, other, tolerance=1e-12):
    for name, x in parameters(model).items():
        np.testing.assert_allclose(parameters(other)[name], x, rtol=0, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("n", [2, 3, 10])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"persistent": False, "reconstruction": "mean"},
        {"persistent": False, "k": 3, "centered": False, "sparsity_target": None},
        {"temperatures": 3},
        {"averaging": 0.5, "binarize": "threshold"},
    ],
    ids=str,
)
def test_an_rbm_is_the_one_that_is_trained_alone(n, settings):
    config = replace(CD, **settings)
    alone_state = CDState()
    alone = trained_rbm(config, state=alone_state)

    def work(rank):
        state = CDState()
        return trained_rbm(config, state=state), state

    for rbm, state in together(n, work):
        assert_same(alone, rbm)
        np.testing.assert_array_equal(state.arrays["chains"], alone_state.arrays["chains"])
        np.testing.assert_allclose(state.arrays["h_mean"], alone_state.arrays["h_mean"], atol=1e-12)


def test_gaussian_pixels_too():
    for rbm in together(3, lambda rank: trained_rbm(CD, binary=False)):
        assert_same(trained_rbm(CD, binary=False), rbm)


def test_every_rank_has_the_same_bits_and_rank_0_says_how_an_epoch_was():
    (first, history), *others = together(3, lambda rank: trained_dbn())
    dbn, alone = trained_dbn()
    assert_same(dbn, first)
    assert [stats.layer for stats in history] == ["h1", "h1", "h2", "h2"]
    for one, other in zip(history, alone, strict=True):
        assert one.reconstruction_error == pytest.approx(other.reconstruction_error, abs=1e-10)
    for other, told in others:
        assert str([vars(stats) for stats in told]) == str([vars(stats) for stats in history])
        for name, x in parameters(first).items():
            assert (parameters(other)[name] == x).all()


@pytest.mark.parametrize("noise", ["salt-and-pepper", "masking", "gaussian"])
@pytest.mark.parametrize("tied", [True, False])
def test_an_autoencoder_is_the_one_that_is_trained_alone(noise, tied):
    for sdae in together(3, lambda rank: trained_sdae(noise, tied)):
        assert_same(trained_sdae(noise, tied), sdae)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"optimizer": "sgd", "dropout": 0.5, "input_dropout": 0.2},
        {"top_epochs": 1, "centered_gradients": True},
    ],
    ids=str,
)
def test_a_classifier_is_the_one_that_is_trained_alone(settings):
    alone, losses = trained_mlp(**settings)
    for model, told in together(3, lambda rank: trained_mlp(**settings)):
        assert_same(alone, model, 1e-10)  # Adam divides by small numbers
        assert told == pytest.approx(losses, abs=1e-10)


def test_a_convnet_is_the_one_that_is_trained_alone():
    images = np.random.default_rng(0).random((30, 12, 12))

    def work(rank=0):
        small = {"channels": (3, 4), "dense": (6,), "kernel": 3, "dtype": "float64"}
        model = ConvNet.random((12, 12), n_classes=3, rng=np.random.default_rng(1), **small)
        config = ConvNetConfig(epochs=1, batch_size=10)
        for _ in train_backprop(model, images, LABELS[:30], config, rng=np.random.default_rng(2)):
            pass
        return model

    for model in together(2, work):
        assert_same(work(), model, 1e-9)


def test_an_interrupted_training_goes_on_on_another_number_of_ranks():
    whole = trained_rbm(CD)

    def begun(rank):
        state = CDState()
        return trained_rbm(CD, n_epochs=1, state=state), state

    rbm, state = together(3, begun)[0]
    for resumed in together(2, lambda rank: trained_rbm(CD, state=copy.deepcopy(state), start=copy.deepcopy(rbm))):
        assert_same(whole, resumed)


def test_one_step_equals_the_step_of_one_rank_to_the_last_bits_in_float64():
    config = replace(CD, epochs=1, batch_size=47)  # one update
    for rbm in together(2, lambda rank: trained_rbm(config)):
        assert_same(trained_rbm(config), rbm, 1e-14)


def test_more_ranks_than_images_in_a_batch_are_refused():
    with pytest.raises(ValueError, match=r"5 ranks cannot share batches of 4 images"):
        together(5, lambda rank: trained_rbm(replace(CD, batch_size=4)))


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("training images", {"images": IMAGES + 1e-9 * (IMAGES < 0.5)}),
        ("starting weights", {"start": RBM.random(12, 7, rng=np.random.default_rng(9), dtype="float64")}),
    ],
)
def test_ranks_that_would_train_something_else_are_named(what, change):
    with pytest.raises(ValueError, match=f"the ranks differ in {what}: rank 0 has .*, rank 1 "):
        together(2, lambda rank: trained_rbm(CD, **(change if rank else {})))


def test_other_seeds_are_named():
    def work(rank):
        rbm = RBM.random(12, 7, rng=np.random.default_rng(1), dtype="float64")
        return list(train_rbm(rbm, IMAGES, CD, rng=make_rng(np, rank)))

    with pytest.raises(ValueError, match="the ranks differ in random numbers"):
        together(2, work)


def test_a_training_that_diverges_ends_on_all_ranks():
    errors = []

    def work(rank):
        try:
            trained_rbm(replace(CD, learning_rate=1e38, epochs=3))
        except TrainingDiverged as error:
            errors.append(str(error))

    with np.errstate(all="ignore"):
        together(3, work)
    assert len(errors) == 3 and len(set(errors)) == 1


def test_ranks_whose_weights_differ_after_an_epoch_end():
    def work(rank):
        rbm = RBM.random(12, 7, rng=np.random.default_rng(1), dtype="float64")
        for _ in train_rbm(rbm, IMAGES, CD, rng=np.random.default_rng(2)):
            rbm.W[0, 0] += rank * 1e-15  # as of a processor that rounds otherwise

    with pytest.raises(RuntimeError, match=r"the ranks differ in weights after an epoch: rank 0 has .*, rank 1 "):
        together(2, work)


def test_alone_gradients_are_passed_on_as_they_are():
    params = {"W": np.zeros((2, 3)), "b": np.zeros(3)}
    share, gradients = Share(4, params), {"W": np.ones((2, 3))}
    assert share.add_up(gradients) is gradients and share.n == 4
    assert share.gradients["W"].base is share.gradients["b"].base  # one buffer
