"""What a model must offer: which family offers what, and a network of one's own through every method."""

import math

import numpy as np
import pytest
from small_models import convnet, random_dbn

from dbnvis import DAE, VISUALIZERS, ClampedGibbs, ConvDBN, ConvRBM, EvidenceSampling, StackedDAE, Unit
from dbnvis.evaluate.scores import Responses, unit_scores
from dbnvis.models import protocol
from dbnvis.models.layers import Dense, Flatten, Network, Sigmoid
from dbnvis.models.mlp import classifier
from dbnvis.models.protocol import DeepBelief, Generative, Model, Spatial, Stacked, fully_connected, parts
from dbnvis.results import model_hash
from dbnvis.views import gradients
from dbnvis.visualize import METHODS, NotApplicable


def autoencoders():
    dbn = random_dbn()
    return StackedDAE([DAE(rbm.W, rbm.vbias, rbm.hbias) for rbm in dbn.rbms], dbn.input_shape, input_norm=3.0)


def conv_dbn():
    rng = np.random.default_rng(0)
    return ConvDBN([ConvRBM.random(3, 1, 5, rng=rng), ConvRBM.random(4, 3, 3, rng=rng)], (12, 12), input_norm=3.0)


FAMILIES = {
    "DBN": (random_dbn, {Model, Stacked, Generative}),
    "StackedDAE": (autoencoders, {Model, Stacked}),
    "MLP": (lambda: classifier(random_dbn(), 4, rng=np.random.default_rng(0)), {Model}),
    "ConvNet": (convnet, {Model, Spatial}),
    "ConvDBN": (conv_dbn, {Model, Spatial, Stacked, Generative}),
}
every_family = pytest.mark.parametrize("family", FAMILIES)


class Mine:
    """A network of one's own: what `Model` asks for, nothing else, and no class of the package but layers."""

    def __init__(self, xp, n_hidden=15, shape=(6, 5)):
        rng = np.random.default_rng(0)
        sizes = [(math.prod(shape), n_hidden), (n_hidden, 4)]
        weights = [xp.asarray(rng.standard_normal(size), dtype="float32") for size in sizes]
        self.first, self.second = (Dense(W, xp.zeros(W.shape[1], dtype="float32")) for W in weights)
        self.xp, self.dtype, self.input_shape = xp, self.first.W.dtype, shape
        self.input_range, self.input_norm, self.layer_names = (0.0, 1.0), 3.0, ("low", "high")

    @property
    def network(self):
        layers = {"low.pre": self.first, "low": Sigmoid(), "high.pre": self.second, "high": Sigmoid()}
        return Network({"input": Flatten(self.input_shape), **layers})

    def layer_shape(self, layer):
        return {"low": (self.first.W.shape[1],), "high": (self.second.W.shape[1],)}[layer]


@every_family
def test_every_family_offers_what_it_should_and_no_more(family):
    build, expected = FAMILIES[family]
    model = build()
    assert type(model).__name__ == family
    assert {kind for kind in (Model, Spatial, Stacked, Generative) if isinstance(model, kind)} == expected
    assert fully_connected(model) == (family == "DBN")


@every_family
@pytest.mark.parametrize("kind", [Spatial, Stacked, Generative])
def test_what_is_asked_for_is_given_or_refused_by_name(family, kind):
    model, ask = FAMILIES[family][0](), getattr(protocol, kind.__name__.lower())
    if isinstance(model, kind):
        assert ask(model) is model
    else:
        with pytest.raises(TypeError, match=rf"expected a model .*, such as \w+, got {family}"):
            ask(model)


@every_family
def test_the_parts_hold_every_parameter_once(family):
    model = FAMILIES[family][0]()
    arrays = [x for part in parts(model) for x in part.params().values()]
    assert len({id(x) for x in arrays}) == len(arrays)
    weights = model.network.weights.values()
    assert [x.shape for x in arrays if x.ndim > 1] == [W.shape for W in weights]
    assert len(parts(model)) == (len(model.layer_names) if isinstance(model, Stacked) else 1)


def test_every_public_member_of_a_protocol_says_what_it_is():
    for kind in (Model, Spatial, Stacked, Generative, DeepBelief):
        members = {name: x for name, x in vars(kind).items() if not name.startswith("_")}
        for name, member in members.items():
            inherited = any(name in vars(base) for base in kind.__mro__[1:])
            assert inherited or member.__doc__, f"{kind.__name__}.{name}"


# --- a model of one's own


def test_a_class_of_ones_own_is_a_model_and_nothing_more(xp):
    mine = Mine(xp)
    assert isinstance(mine, Model)
    assert not any(isinstance(mine, kind) for kind in (Spatial, Stacked, Generative))
    del mine.input_norm
    assert not isinstance(mine, Model)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("layer", ["low", "high"])
def test_a_model_of_ones_own_goes_through_every_method_that_applies(name, layer):
    mine, method = Mine(np), METHODS[name]
    rng = np.random.default_rng(0)
    images = rng.random((40, *mine.input_shape), dtype="float32")
    if hasattr(method, "k") and name != "top-images":
        method = type(method)(k=3)
    reason = method.why_not(mine, images)
    assert (reason is None) == (name not in ("gibbs", "evidence"))
    if reason is not None:
        assert reason.startswith("Mine has no p(")
        with pytest.raises(NotApplicable) as caught:
            method(mine, [Unit(layer, 0)], rng=rng, images=images)
        assert str(caught.value) == reason
        return
    drawn = method(mine, [Unit(layer, 0), Unit(layer, 3)], rng=rng, images=images)
    assert drawn.images.shape[0] == 2 and drawn.images.shape[2:] == mine.input_shape
    np.testing.assert_allclose(drawn.scores, unit_scores(mine, layer, [0, 3], drawn.images), rtol=1e-5)


def test_a_model_of_ones_own_is_sampled_with_a_prior():
    mine, prior = Mine(np, shape=(4, 5)), random_dbn()
    method = EvidenceSampling(prior=prior, chains=3, burn_in=1, draws=2, thin=1, shown=1)
    assert method(mine, ["high:1"], rng=np.random.default_rng(0)).images.shape == (1, 2, 4, 5)


def test_scores_hashes_and_views_take_a_model_of_ones_own():
    mine = Mine(np)
    images = np.random.default_rng(1).random((9, *mine.input_shape), dtype="float32")
    assert Responses.of(mine, images).by_layer["high"].shape == (9, 4)
    assert gradients(mine, images[:1], ["high:2"]).shape == (1, *mine.input_shape)
    before = model_hash(mine)
    mine.second.bias[0] += 1
    assert model_hash(mine) != before


# --- refusals


@every_family
@pytest.mark.parametrize("name", VISUALIZERS)
def test_a_reason_is_a_short_sentence(family, name):
    model = FAMILIES[family][0]()
    for method in (VISUALIZERS[name](), ClampedGibbs(start="data"), ClampedGibbs(diagnose=True)):
        reason = method.why_not(model, None)
        assert reason is None or (10 < len(reason) < 200 and "\n" not in reason)


def test_a_prior_must_be_a_stack_of_fully_connected_machines_of_the_same_images():
    dbn, net = random_dbn(), convnet()
    reasons = [EvidenceSampling(prior=prior).why_not(dbn, None) for prior in (None, dbn, net, conv_dbn())]
    assert reasons[:2] == [None, None]
    assert reasons[2].startswith("ConvNet has no p(x)") and "fully connected" in reasons[3]
    assert "images have shape (4, 5), the model takes (12, 12)" in EvidenceSampling(prior=dbn).why_not(net, None)
