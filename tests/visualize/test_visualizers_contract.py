"""What every entry of `VISUALIZERS` must do, on the planted network; a new method is tested by being registered."""

import json
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from planted import N_UNITS, SHAPE, cosines, planted

from dbnvis import DBN, VISUALIZERS, ActivationMaximization, Unit
from dbnvis.backend import make_rng, move, to_numpy
from dbnvis.evaluate.scores import unit_scores
from dbnvis.visualize import visualizer as base
from dbnvis.visualize.activation_maximization import BLOCK
from dbnvis.visualize.tidy import MEASURED

#: Settings that suit the small network, for the methods whose defaults do not.
SETTINGS = {
    "am": {"starts": 4},
    "gibbs": {"chains": 8, "burn_in": 30, "draws": 2, "thin": 5, "shown": 3},
    "combination": {"k": 3},
    "connections": {"k": 3},
    "invariance": {"starts": 4, "step": 10.0, "shown": 2},
    # Without what depends on which pixels are neighbours, or which are colours of one.
    "regularized": {"starts": 4, "steps": 60, "decay": 0.1, "blur_width": 0.0, "norm_percentile": 0.0, "jitter": 0},
    "evidence": {"chains": 200, "burn_in": 4, "draws": 4, "thin": 2, "sweeps": 5, "beta": 4.0, "shown": 3},
}

every_method = pytest.mark.parametrize("name", list(VISUALIZERS))
every_layer = pytest.mark.parametrize("layer", list(N_UNITS))


def method(name):
    return VISUALIZERS[name](**SETTINGS.get(name, {}))


def run(net, name, layer, indices=None, seed=0):
    units = [Unit(layer, i) for i in (range(N_UNITS[layer]) if indices is None else indices)]
    return method(name)(net.model, units, rng=make_rng(net.model.xp, seed), images=net.images)


def arrays(out):
    return {"images": out.images, "scores": out.scores, **out.extras}


def grouping(xp, name):
    """A network on which the grouping of units may change results by rounding alone.

    Matrix products of other sizes round differently. The ascent answers with another path to the same optimum,
    which in float32 moves flat directions of its pictures by up to a percent: see
    `test_grouping_moves_no_score_of_maximization` for that type.
    """
    return planted(xp, dtype="float64" if name == "am" else "float32")


def assert_same(a, b, *, exact=True, rows=(slice(None), slice(None))):
    """Same results for `rows` of a and b: to the bit, or within rounding."""
    assert arrays(a).keys() == arrays(b).keys()
    for key, x in arrays(a).items():
        x, y = x[rows[0]], arrays(b)[key][rows[1]]
        if key == "trace" and not exact:  # starts that end at the same optimum may change places
            x, y = x[..., -1], y[..., -1]
        if exact:
            np.testing.assert_array_equal(x, y, err_msg=key)
        else:
            np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4, err_msg=key)


# --- what is returned


@every_method
@every_layer
def test_shapes_and_types(xp, name, layer):
    out = run(planted(xp), name, layer)
    U, S = N_UNITS[layer], out.images.shape[1]
    assert out.units == tuple(Unit(layer, i) for i in range(U))
    assert out.images.shape == (U, S, *SHAPE)
    assert out.scores.shape == (U, S)
    assert len(out.notes) == U and all(isinstance(note, str) for note in out.notes)
    for key, x in arrays(out).items():
        assert type(x) is np.ndarray, key
        assert len(x) == U, key
    assert out.images.dtype == out.scores.dtype == np.float32
    assert np.isfinite(out.images[:, 0]).all()  # every planted unit has a picture
    drawn = np.isfinite(out.images).all(axis=(2, 3))
    np.testing.assert_array_equal(np.isfinite(out.scores), drawn)


@every_method
def test_settings_hold_the_method_and_every_field_resolved(name):
    out, asked = run(planted(), name, "h2"), method(name)
    assert out.settings["method"] == type(asked).__name__
    for field in fields(asked):
        assert field.name in out.settings
        value = getattr(asked, field.name)
        if value is not None and value != "auto":
            assert out.settings[field.name] == value
    json.dumps(out.settings, allow_nan=False)
    assert run(planted(), "am", "h2").settings["norm"] == pytest.approx(planted().model.input_norm)
    assert run(planted(), "gibbs", "h2").settings["start"] == "data"


@every_method
def test_every_number_of_a_unit_or_a_picture_is_in_the_table(name):
    out = run(planted(), name, "h2")
    rows, n = out.rows(), out.scores.shape[1]
    assert [row["score"] for row in rows] == out.scores.reshape(-1).tolist()
    assert {(row["method"], row["role"]) for row in rows[::n]} == {(type(method(name)).__name__, out.roles[0])}
    assert [row["role"] for row in rows[1:n]] == [out.roles[1]] * (n - 1)
    assert not {*out.roles} & {*base.ROLES}
    for key, x in out.extras.items():
        if x.ndim == 1:
            assert [row[key] for row in rows[::n]] == x.tolist() and key in MEASURED
        elif x.shape == out.scores.shape and key not in ("steepest", "flattest"):
            assert [row[key] for row in rows] == x.reshape(-1).tolist(), key


@every_method
@every_layer
def test_scores_reproduce_from_the_saved_pictures(xp, name, layer):
    net = planted(xp)
    out = run(net, name, layer)
    again = to_numpy(unit_scores(net.model, layer, out.indices, move(out.images, xp)))
    np.testing.assert_allclose(out.scores, again, rtol=1e-5, atol=1e-5)


@every_method
@every_layer
def test_pictures_are_pixels_where_the_method_says_so(name, layer):
    out = run(planted(), name, layer)
    if not VISUALIZERS[name].symmetric:
        assert out.images.min() >= 0
        assert out.images.max() <= 1


@every_method
@every_layer
def test_recovers_the_planted_pattern(xp, name, layer):
    """Among the patterns of all units of the layer the picture is most like its own."""
    net = planted(xp)
    like = cosines(run(net, name, layer).images[:, 0], net.patterns[layer])
    np.testing.assert_array_equal(like.argmax(axis=1), range(N_UNITS[layer]))
    others = np.where(np.eye(len(like)), -1, like).max(axis=1)
    assert (like.diagonal() - others > 0.2).all()


def test_box_constrained_maximization_recovers_the_planted_pattern_too(xp):
    net = planted(xp)
    for layer, n in N_UNITS.items():
        units = [Unit(layer, i) for i in range(n)]
        out = ActivationMaximization(constraint="box")(net.model, units, rng=make_rng(xp, 0))
        np.testing.assert_array_equal(cosines(out.images[:, 0], net.patterns[layer]).argmax(axis=1), range(n))


# --- what it depends on


@every_method
@every_layer
def test_same_seed_same_bits(xp, name, layer):
    net = planted(xp)
    assert_same(run(net, name, layer, seed=5), run(net, name, layer, seed=5))


@every_method
@every_layer
def test_a_unit_does_not_depend_on_the_units_asked_for_with_it(xp, name, layer):
    net = grouping(xp, name)
    everything = run(net, name, layer)
    some = [3, 0, 2]
    assert_same(run(net, name, layer, some), everything, exact=False, rows=(slice(None), some))
    assert_same(run(net, name, layer, [2]), everything, exact=False, rows=(slice(None), [2]))


@every_layer
def test_grouping_moves_no_score_of_maximization(xp, layer):
    net = planted(xp)
    everything = run(net, "am", layer)
    for some in ([2], [3, 0, 2]):
        out = run(net, "am", layer, some)
        np.testing.assert_allclose(out.scores[:, 0], everything.scores[some, 0], rtol=1e-4)
        alike = cosines(out.images[:, 0], everything.images[some, 0]).diagonal()
        assert alike.min() > 0.9999


@every_layer
def test_pictures_of_sampling_are_the_same_to_the_bit_however_units_are_grouped(layer):
    net = planted()
    everything = run(net, "gibbs", layer)
    np.testing.assert_array_equal(run(net, "gibbs", layer, [2, 1]).images, everything.images[[2, 1]])


@every_method
@every_layer
def test_order_and_repetition_of_units_do_not_matter(xp, name, layer):
    net = grouping(xp, name)
    forwards, mixed = run(net, name, layer, [0, 1, 2, 3]), run(net, name, layer, [3, 1, 3, 0])
    assert mixed.units == tuple(Unit(layer, i) for i in (3, 1, 3, 0))
    assert_same(mixed, forwards, exact=False, rows=(slice(None), [3, 1, 3, 0]))


@every_method
@every_layer
def test_results_do_not_depend_on_the_chunk_size(xp, name, layer, monkeypatch):
    net = planted(xp)
    expected = run(net, name, layer)
    for memory in (1, 100_000):
        monkeypatch.setattr(base, "MEMORY", memory)
        assert_same(run(net, name, layer), expected, exact=xp.__name__ != "cupy")


@every_layer
def test_maximization_in_aligned_blocks_gives_the_same_bits(layer):
    net, n = planted(), N_UNITS[layer]
    everything = run(net, "am", layer)
    for start in range(0, n, BLOCK):
        block = list(range(start, min(start + BLOCK, n)))
        out = run(net, "am", layer, block)
        np.testing.assert_array_equal(out.images, everything.images[block])
        np.testing.assert_array_equal(out.extras["trace"], everything.extras["trace"][block])


@every_method
def test_model_and_images_are_left_as_they_are(xp, name):
    net = planted(xp)
    run(net, name, "h3")
    fresh = planted(xp)
    np.testing.assert_array_equal(to_numpy(net.images), to_numpy(fresh.images))
    for rbm, other in zip(net.model.rbms, fresh.model.rbms, strict=True):
        for key, x in rbm.params().items():
            np.testing.assert_array_equal(to_numpy(x), to_numpy(other.params()[key]))
    assert net.model.input_norm == fresh.model.input_norm


@every_method
def test_images_are_needed_exactly_where_the_method_says_so(name):
    net = planted()
    net.images = None
    if method(name).why_not(net.model, None):
        with pytest.raises(ValueError, match="needs training images"):
            run(net, name, "h2")
    else:
        assert np.isfinite(run(net, name, "h2").images).all()


@every_method
def test_images_of_one_axis_and_of_three_are_drawn_in_their_shape(name):
    """A DBN on flat vectors, or on colour images, is visualized like one on images."""
    net = planted()
    expected = run(net, name, "h2")
    for shape in ((144,), (12, 12, 1), (3, 4, 12)):
        net.model.input_shape, net.images = shape, net.images.reshape(-1, *shape)
        out = run(net, name, "h2")
        assert out.images.shape[2:] == shape
        np.testing.assert_allclose(out.images.reshape(expected.images.shape), expected.images, atol=1e-4)
        np.testing.assert_allclose(out.scores, expected.scores, rtol=1e-4, atol=1e-4)


# --- mistakes


@every_method
def test_unknown_layer_unit_and_mixed_layers_are_refused(name):
    net = planted()
    with pytest.raises(KeyError, match="no layer 'h9'; the model has h"):
        run(net, name, "h9", [0])
    with pytest.raises(ValueError, match="no unit h3:4; layer h3 has units h3:0 to h3:3"):
        run(net, name, "h3", [0, 4])
    with pytest.raises(ValueError, match="units of one layer, got h1, h2"):
        method(name)(net.model, ["h1:0", "h2:0"], rng=make_rng(np, 0), images=net.images)
    with pytest.raises(ValueError, match="got no unit"):
        method(name)(net.model, [], rng=make_rng(np, 0), images=net.images)


@every_method
def test_a_model_that_does_not_know_its_norm_is_refused(name):
    net = planted()
    net.model.input_norm = None
    with pytest.raises(ValueError, match=r"set model\.input_norm"):
        run(net, name, "h1")


@pytest.mark.parametrize(
    ("name", "settings"),
    [("am", {"constraint": "spherical"}), ("combination", {"rank": "Magnitude"}), ("gibbs", {"start": "images"})],
)
def test_a_choice_that_does_not_exist_is_refused_not_taken_for_another(name, settings):
    net = planted()

    def ask():
        VISUALIZERS[name](**SETTINGS[name] | settings)(net.model, ["h2:0"], rng=make_rng(np, 0), images=net.images)

    with pytest.raises(ValueError, match=next(iter(settings.values()))):
        ask()


@every_method
def test_settings_are_frozen_and_the_title_is_the_methods_own(name):
    asked = method(name)
    with pytest.raises(FrozenInstanceError):
        setattr(asked, fields(asked)[0].name, 1)
    assert [cls.title for cls in VISUALIZERS.values()].count(asked.title) == 1


@pytest.mark.parametrize("layer", ["h2", "h3"])
@pytest.mark.parametrize("constraint", ["norm", "box"])
def test_an_optimum_does_not_depend_on_its_company_to_the_last_bit(layer, constraint):
    """In float32, on layers as wide as MNIST's, where a matrix product's last bits depend on all of its rows."""
    rng = np.random.default_rng(0)
    dbn = DBN.random((784, 60, 50, 40), (28, 28), rng=rng)
    for rbm in dbn.rbms:
        rbm.W *= 30
    dbn.input_norm = 9.0
    method = VISUALIZERS["am"](starts=3, max_steps=30, constraint=constraint)
    every = method(dbn, [Unit(layer, i) for i in range(40)], rng=np.random.default_rng(1))
    for indices in ([17], [33, 2], list(range(15, 20))):
        some = method(dbn, [Unit(layer, i) for i in indices], rng=np.random.default_rng(1))
        np.testing.assert_array_equal(some.images, every.images[indices])
        np.testing.assert_array_equal(some.scores, every.scores[indices])
        np.testing.assert_array_equal(some.extras["trace"], every.extras["trace"][indices])
