"""Header and blobs give the models back: weights bit for bit, and the network that Python runs."""

import json

import numpy as np
import pytest
from decoded import array
from one_of_each import families, study_of
from tiny_runs import tiny

from dbnvis import checkpoint
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.study import Study
from dbnvis.results import Writer, model_hash
from dbnvis.web.payload import Blobs, describe_model, identifiers, largest_difference


def described(model, folder, size="full"):
    blobs = Blobs()
    entry = describe_model(study_of(model, folder), "m", size, blobs)
    return json.loads(json.dumps(entry, allow_nan=False)), {"blobs": blobs.facts}, blobs.content


@pytest.mark.parametrize("name", ["pretrained", "convnet"])
def test_the_shipped_models_come_back_exactly(name, tmp_path):
    saved = checkpoint.load(name, xp=np)
    model, blobs = saved.model, Blobs()
    facts = {"model_sha256": model_hash(model)}
    shown = Study(model, "mnist", Responses(saved.responses(), model), Writer(tmp_path), provenance=facts, name=name)
    entry, header = describe_model(shown, name, "full", blobs), {"blobs": blobs.facts}
    layers = {layer["address"]: layer for layer in entry["network"]}
    assert list(layers) == list(model.network.layers)
    for key, x in model.network.params().items():
        address, _, part = key.rpartition(".")
        found = array(header, blobs.content, layers[address][part])
        assert found.dtype == np.float16
        np.testing.assert_array_equal(found.astype("float32"), x)
    for machine, rbm in zip(entry["machines"] or [], getattr(model, "rbms", []), strict=True):
        np.testing.assert_array_equal(array(header, blobs.content, machine["vbias"]).astype("float32"), rbm.vbias)
    for layer in model.layer_names:
        quantiles = array(header, blobs.content, entry["quantiles"][layer])
        assert quantiles.shape == (101, model.layer_shape(layer)[0])
        table = shown.responses.by_layer[layer][[0, -1], : quantiles.shape[1]]
        np.testing.assert_allclose(quantiles[[0, -1]], table, rtol=1e-3, atol=1e-6)
        assert (np.diff(quantiles.astype("float32"), axis=0) >= 0).all()
    assert largest_difference(model, np.zeros((1, 28, 28)), "full") == 0


@pytest.mark.parametrize("family", [*families()])
def test_every_family_is_described(family, tmp_path):
    model = families()[family]
    entry, header, content = described(model, tmp_path)
    assert entry["family"] == {"gaussian": "dbn"}.get(family, family)
    assert [layer["type"] for layer in entry["network"]] == [
        type(layer).__name__ for layer in model.network.layers.values()
    ]
    assert entry["layers"] == [{"name": x, "shape": list(model.layer_shape(x))} for x in model.layer_names]
    assert (entry["machines"] is not None) == (entry["family"] == "dbn")
    assert (entry["classes"] == [str(i) for i in range(12)]) == (family in ("mlp", "convnet"))
    assert entry["input_range"] == (None if family == "gaussian" else [0, 1])
    if family == "gaussian":
        assert [(m["type"], m["variance"]) for m in entry["machines"]] == [("GaussianRBM", 0.5), ("RBM", 1.0)]
    for name in content:
        assert array(header, content, name).shape == tuple(header["blobs"][name]["shape"])


@pytest.mark.parametrize("family", ["dbn", "convnet"])
def test_a_page_to_mail_has_weights_in_bytes_with_a_scale_for_each_output(family, tmp_path):
    model = families()[family]
    entry, header, content = described(model, tmp_path, "mail")
    for layer in (layer for layer in entry["network"] if "W" in layer):
        W = model.network.layers[layer["address"]].W
        levels, scale = (array(header, content, name) for name in (layer["W"], header["blobs"][layer["W"]]["scale"]))
        assert levels.dtype == np.int8 and scale.dtype == np.float32
        factor = scale[:, None, None, None] if W.ndim == 4 else scale
        assert scale.shape == (len(W),) if W.ndim == 4 else scale.shape == (W.shape[1],)
        assert (np.abs(levels * factor - W) <= 0.5001 * factor).all()


def test_what_rounding_changes_is_measured(tmp_path):
    model = families()["dbn"]
    images = tiny().test_images
    rounded = [rbm.W.astype("float16").astype("float32") for rbm in model.rbms]
    h = 1 / (1 + np.exp(-(images.reshape(len(images), -1).astype("float64") @ model.rbms[0].W)))
    r = 1 / (1 + np.exp(-(images.reshape(len(images), -1).astype("float64") @ rounded[0])))
    found = largest_difference(model, images, "full")
    assert np.abs(h - r).max() * 0.99 <= found < 1e-3
    assert largest_difference(model, images, "mail") > 5 * found


def test_weights_beyond_half_precision_stay_single(tmp_path):
    model = families()["dbn"]
    model.rbms[1].W[0, 0] = 70_000
    entry, header, content = described(model, tmp_path)
    found = array(header, content, entry["network"][3]["W"])
    assert found.dtype == np.float32 and found[0, 0] == 70_000


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused_by_layer(tmp_path, value):
    model = families()["dbn"]
    shown = study_of(model, tmp_path)
    model.rbms[1].W[3, 2] = value
    with pytest.raises(ValueError, match="1 numbers in W of layer h2 are NaN or infinite"):
        describe_model(shown, "m", "full", Blobs())


def test_a_model_of_another_family_is_refused(tmp_path):
    class Mine(type(families()["dbn"])):
        """Not one of the five."""

    model = families()["dbn"]
    with pytest.raises(ValueError, match=r"the page computes DBN, ConvDBN, .* small is a Mine"):
        describe_model(study_of(Mine(model.rbms, model.input_shape, input_norm=3.0), tmp_path), "m", "full", Blobs())


def test_names_on_the_page_are_unique_and_plain(tmp_path):
    names = ["run", "run", "my model/ö", "", "run"]
    found = identifiers([study_of(families()["dbn"], tmp_path, name=name) for name in names])
    assert found == ["run", "run-2", "my-model", "model", "run-3"]
