"""Activation maximization against what the maximum is known to be."""

from types import SimpleNamespace

import numpy as np
import pytest
from planted import N_UNITS, cosines, planted
from small_models import RHO, forward, random_dbn

from dbnvis import DBN, RBM, ActivationMaximization, ConvNet, Unit
from dbnvis.backend import child_seeds, make_rng, move, to_numpy
from dbnvis.evaluate.scores import pre_activations, rescale
from dbnvis.models.convolution import ReLU
from dbnvis.models.layers import Dense, Flatten, Network
from dbnvis.models.subsampling import AvgPool2D, MaxPool2D
from dbnvis.visualize import gradient_ascent
from dbnvis.visualize.visualizer import unit_rngs


def maximize(model, layer, seed=0, **settings):
    units = [Unit(layer, i) for i in range(model.layer_shape(layer)[0])]
    return ActivationMaximization(**settings)(model, units, rng=make_rng(model.xp, seed))


def norms(images, n_axes=2):
    return np.sqrt((images.astype(np.float64) ** 2).sum(axis=tuple(range(-n_axes, 0))))


# --- norm constraint


def test_layer_1_optimum_is_the_scaled_filter_from_every_start(xp):
    model = random_dbn(xp)
    out = maximize(model, "h1")
    W = to_numpy(model.rbms[0].W)
    best = RHO * W / np.linalg.norm(W, axis=0)  # (V, H)
    for j, starts in enumerate(out.images):
        assert len(starts) == 9
        for x in starts.reshape(9, -1):
            assert x @ best[:, j] / (np.linalg.norm(x) * RHO) >= 0.999
    expected = RHO * np.linalg.norm(W, axis=0) + to_numpy(model.rbms[0].hbias)
    np.testing.assert_allclose(out.scores, np.repeat(expected[:, None], 9, axis=1), rtol=1e-3)


@pytest.mark.parametrize("layer", ["h1", "h2", "h3"])
def test_every_picture_has_the_norm_of_the_data(xp, layer):
    model = random_dbn(xp)
    np.testing.assert_allclose(norms(maximize(model, layer).images), RHO, rtol=1e-5)
    assert maximize(model, layer).settings["norm"] == RHO


def test_a_norm_of_ones_own_is_kept_and_the_score_stays_at_the_datas_norm(xp):
    model = random_dbn(xp)
    out = maximize(model, "h1", norm=0.5)
    np.testing.assert_allclose(norms(out.images), 0.5, rtol=1e-5)
    W, hbias = to_numpy(model.rbms[0].W), to_numpy(model.rbms[0].hbias)
    np.testing.assert_allclose(out.extras["trace"][:, 0, -1], 0.5 * np.linalg.norm(W, axis=0) + hbias, rtol=1e-3)
    np.testing.assert_allclose(out.scores[:, 0], RHO * np.linalg.norm(W, axis=0) + hbias, rtol=1e-3)


@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_at_an_optimum_of_a_higher_layer_the_gradient_points_along_the_picture(layer):
    """Lagrange's condition on the sphere, with the gradient by central differences in float64."""
    model = random_dbn(dtype="float64", scale=0.7)
    out = maximize(model, layer, max_steps=2000, tolerance=1e-12)
    eps = 1e-5 * np.eye(20)
    for j in range(len(out.units)):
        for x in out.images[j].reshape(9, -1):
            grad = (forward(model, layer, x + eps) - forward(model, layer, x - eps))[:, j]
            assert grad @ x / (np.linalg.norm(grad) * np.linalg.norm(x)) > 0.999


@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_no_random_direction_nearby_is_better(layer):
    model = random_dbn(dtype="float64", scale=0.7)
    out = maximize(model, layer, max_steps=2000, tolerance=1e-12)
    rng = np.random.default_rng(1)
    for j, starts in enumerate(out.images):
        x = starts[0].reshape(-1)
        near = x + 0.05 * rng.standard_normal((500, 20))
        near *= RHO / np.linalg.norm(near, axis=1, keepdims=True)
        assert forward(model, layer, near)[:, j].max() <= forward(model, layer, x[None])[0, j] + 1e-9


# --- trace, order, starts


@pytest.mark.parametrize("layer", ["h1", "h2", "h3"])
@pytest.mark.parametrize("constraint", ["norm", "box"])
def test_the_trace_never_decreases_and_ends_at_the_pictures_own_activation(xp, layer, constraint):
    model = random_dbn(xp)
    out = maximize(model, layer, constraint=constraint, starts=5, max_steps=40)
    trace = out.extras["trace"]
    assert trace.shape == (len(out.units), 5, 41)
    assert (np.diff(trace, axis=-1) >= 0).all()
    assert (trace[..., -1] > trace[..., 0]).all()
    at_pictures = forward(model, layer, out.images.reshape(-1, 20)).reshape(len(out.units), 5, -1)
    own = np.stack([at_pictures[j, :, j] for j in range(len(out.units))])
    np.testing.assert_allclose(trace[..., -1], own, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", ["h1", "h2", "h3"])
def test_the_score_is_the_last_value_of_the_trace(xp, layer):
    out = maximize(random_dbn(xp), layer)
    np.testing.assert_allclose(out.scores, out.extras["trace"][..., -1], rtol=1e-4, atol=1e-4)


def test_starts_come_best_first(xp):
    net = planted(xp)
    for layer in N_UNITS:
        last = maximize(net.model, layer).extras["trace"][..., -1]
        assert (np.diff(last, axis=1) <= 0).all()
    assert np.ptp(last, axis=1).max() > 1  # some starts do end in lower optima


def test_starts_are_uniform_noise_scaled_to_the_norm(xp):
    model = random_dbn(xp)
    out = maximize(model, "h2", seed=3, starts=4)
    for j, rng in enumerate(unit_rngs(model, "h2", range(7), seed=child_seeds(make_rng(xp, 3), 1)[0])):
        noise = to_numpy(rng.random((4, 4, 5), dtype=model.dtype)).reshape(4, -1)
        assert noise.min() >= 0
        assert noise.max() <= 1
        at_start = forward(model, "h2", noise * RHO / np.linalg.norm(noise, axis=1, keepdims=True))[:, j]
        np.testing.assert_allclose(np.sort(out.extras["trace"][j, :, 0]), np.sort(at_start), rtol=1e-4, atol=1e-4)


def test_one_step_is_less_than_many(xp):
    model = random_dbn(xp)
    one, many = (maximize(model, "h3", max_steps=n).extras["trace"][..., -1] for n in (2, 200))
    assert (many.max(axis=1) > one.max(axis=1)).all()


# --- box constraint


@pytest.mark.parametrize("input_range", [(0.0, 1.0), (-1.0, 2.0)])
def test_in_the_box_layer_1_switches_every_pixel_by_the_sign_of_its_weight(xp, input_range):
    model = random_dbn(xp)
    model.input_range = input_range
    out = maximize(model, "h1", constraint="box")
    W = to_numpy(model.rbms[0].W)
    expected = np.where(W > 0, input_range[1], input_range[0]).T.reshape(-1, 1, 4, 5)
    np.testing.assert_array_equal(out.images, np.repeat(expected, 9, axis=1).astype(np.float32))


@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_in_the_box_pixels_stay_in_range_and_meet_the_bounds_where_the_gradient_says(layer):
    model = random_dbn(dtype="float64", scale=0.7)
    out = maximize(model, layer, constraint="box", max_steps=2000, tolerance=1e-12)
    assert out.images.min() >= 0
    assert out.images.max() <= 1
    eps = 1e-6 * np.eye(20)
    for j in range(len(out.units)):
        x = out.images[j, 0].reshape(-1)
        grad = (forward(model, layer, x + eps) - forward(model, layer, x - eps))[:, j] / 2e-6
        small = 1e-2 * np.abs(grad).max()
        assert (grad[x == 1] > -small).all()
        assert (grad[x == 0] < small).all()
        assert (np.abs(grad[(x > 0) & (x < 1)]) < small).all()


def test_long_steps_do_not_overflow(xp):
    """h1 in pairs of opposite sign: h2 is nearly x_0^2 + 0.99 x_1^2, on which long steps rise every time and grow."""
    W = 0.5 * np.array([[1, -1, 0, 0], [0, 0, 1, -1]])
    weights = ((W, np.zeros(2), np.full(4, -4)), (np.array([[100], [100], [99], [99]]), np.zeros(4), np.zeros(1)))
    rbms = [RBM(*(move(x.astype("float32"), xp) for x in parameters)) for parameters in weights]
    model = DBN(rbms, (2,), input_norm=1.0)
    top = forward(model, "h2", np.array([[1.0, 0.0]]))[0, 0]
    with np.errstate(all="raise"):
        trace = maximize(model, "h2", step=1e15).extras["trace"][0]
    assert (np.diff(trace[:, :11]) > 0).all(axis=1).sum() > 2  # ten rises: the step is 1.5 to their number
    # From some starts, of which every step gains little, 8 steps gain less than the tolerance.
    np.testing.assert_allclose(trace[:, -1], top, rtol=2e-3)


# --- dead units


def kill(model, layer, index):
    model.rbms[int(layer[1]) - 1].W[:, index] = 0


@pytest.mark.parametrize("layer", ["h1", "h2", "h3"])
@pytest.mark.parametrize("constraint", ["norm", "box"])
def test_a_dead_unit_gets_no_picture_but_a_note(xp, layer, constraint):
    model = random_dbn(xp, dtype="float64")  # another model has other last bits, which the ascent enlarges
    before = maximize(model, layer, constraint=constraint)
    kill(model, layer, 2)
    out = maximize(model, layer, constraint=constraint)
    assert np.isnan(out.images[2]).all()
    assert np.isnan(out.scores[2]).all()
    assert out.notes[2].startswith("dead")
    others = [i for i in range(len(out.units)) if i != 2]
    assert all(out.notes[i] == "" for i in others)
    assert np.isfinite(out.images[others]).all()
    np.testing.assert_allclose(out.images[others], before.images[others], atol=1e-4)


def test_a_unit_under_which_everything_saturates_has_no_gradient_and_is_dead():
    model = random_dbn()
    model.rbms[0].hbias += 1000
    out = maximize(model, "h2")
    assert np.isnan(out.images).all()
    assert all(note.startswith("dead") for note in out.notes)


def test_a_unit_whose_steps_all_overshoot_is_not_called_dead():
    """A narrow ridge: one step of the norm's length overshoots it from every start, but the gradient is not zero."""
    model = DBN(
        [
            RBM(np.array([[20.0, 20.0], [-20.0, -20.0]]), np.zeros(2), np.array([7.0, -7.0])),
            RBM(np.array([[10.0], [-10.0]]), np.zeros(2), np.zeros(1)),
        ],
        (2,),
        input_norm=1.0,
    )
    method = ActivationMaximization(starts=1, max_steps=1, step=2.0)
    outs = [method(model, ["h2:0"], rng=make_rng(np, seed)) for seed in range(40)]
    stuck = [out for out in outs if out.extras["trace"][0, 0, 0] == out.extras["trace"][0, 0, -1]]
    assert stuck  # otherwise this tests nothing
    assert not [out.notes[0] for out in stuck if out.notes[0].startswith("dead")]


# --- planted network


@pytest.mark.parametrize("layer", list(N_UNITS))
def test_beats_the_best_training_image_at_equal_norm(xp, layer):
    net = planted(xp)
    best_image = to_numpy(pre_activations(net.model, layer, rescale(net.images, net.model.input_norm, 2)).max(axis=0))
    assert (maximize(net.model, layer).scores[:, 0] > best_image).all()


@pytest.mark.parametrize("layer", list(N_UNITS))
def test_finds_the_planted_pattern_almost_exactly(xp, layer):
    net = planted(xp)
    assert cosines(maximize(net.model, layer).images[:, 0], net.patterns[layer]).diagonal().min() > 0.99


# --- settings that make no sense


@pytest.mark.parametrize(
    "settings",
    [{"starts": 0}, {"max_steps": 0}, {"step": 0.0}, {"step": -1.0}, {"step": float("nan")}],
)
def test_refuses_settings_that_are_not_positive(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must (be .* of at least 1|lie in .0, 1e15.), got"):
        maximize(random_dbn(), "h1", **settings)


@pytest.mark.parametrize("norm", [0.0, -1.0, float("nan")])
def test_refuses_a_norm_that_is_not_positive(norm):
    with pytest.raises(ValueError, match=r"norm must lie in \(0, 1e15\], or None, got"):
        maximize(random_dbn(), "h1", norm=norm)


def test_asks_for_the_norm_where_the_model_does_not_know_it():
    model = random_dbn()
    model.input_norm = None
    with pytest.raises(ValueError, match=r"set model\.input_norm"):
        maximize(model, "h1")


# --- starts without a gradient


def relu_net(W, bias, w):
    """Two pixels, a layer h1 of ReLUs, and a unit h2:0 of weights `w` above it, norm 1."""
    layers = {
        "input": Flatten((2,)),
        "h1.pre": Dense(np.array(W), np.array(bias)),
        "h1": ReLU(),
        "h2.pre": Dense(np.array(w)[:, None], np.zeros(1)),
        "h2": ReLU(),
    }
    return SimpleNamespace(
        network=Network(layers),
        xp=np,
        dtype=np.dtype("float64"),
        input_shape=(2,),
        input_range=(0.0, 1.0),
        input_norm=1.0,
        layer_names=["h1", "h2"],
        layer_shape={"h1": (len(bias),), "h2": (1,)}.get,
    )


def gated(bias):
    """One ReLU, on where 100 (x0 - x1) + bias > 0, and the unit that reads it."""
    return relu_net([[100.0], [-100.0]], [bias], [1.0])


def test_starts_without_a_gradient_begin_again_and_live():
    """The ReLU is on where 100 (x0 - x1) > 50: for less than half of all starts, so 11 draws nearly always find it."""
    model = gated(-50.0)
    (rng,) = unit_rngs(model, "h2", [0], seed=child_seeds(make_rng(np, 0), 1)[0])
    first = rescale(rng.random((9, 2)), 1.0, 1)
    dead = first @ [100, -100] < 50
    assert 0 < dead.sum() < 9  # otherwise this tests nothing
    out = maximize(model, "h2")
    assert out.notes == ("",) and np.isfinite(out.images).all()
    np.testing.assert_allclose(out.images[0], np.tile([0.5**0.5, -(0.5**0.5)], (9, 1)), atol=1e-2)


def test_starts_that_stay_without_a_gradient_are_left_out_and_counted():
    """It is on where 100 (x0 - x1) > 97, for one start in fifty."""
    model = gated(-97.0)
    out = maximize(model, "h2")
    dead = np.isnan(out.images[0]).all(axis=1)
    assert 0 < dead.sum() < 9
    assert out.notes == (f"zero gradient: {dead.sum()} of 9 starts",)
    assert not dead[: 9 - dead.sum()].any()  # they come last
    np.testing.assert_array_equal(np.isnan(out.scores[0]), dead)
    assert (out.extras["trace"][0, ~dead, -1] > 0).all()


def test_a_unit_that_climbs_to_a_plateau_is_not_dead():
    """-max(0, x1 - x0 / 2), as starts of gradient zero are drawn again, climbs to zero, where there is no gradient."""
    out = maximize(relu_net([[-0.5], [1.0]], [0.0], [-1.0]), "h2")
    trace = out.extras["trace"][0]
    assert (trace[:, 0] < 0).all()
    np.testing.assert_array_equal(trace[:, -1], 0)
    assert out.notes == ("",) and np.isfinite(out.images).all()


# --- kinks


@pytest.mark.parametrize("constraint", ["norm", "box"])
def test_above_kinks_steps_go_by_means_on_the_sphere_and_are_long_in_the_box(constraint, monkeypatch):
    """By means the first step's length does nothing, and nothing changes after 44 steps."""

    def refuse(*args):
        raise AssertionError("the change of a gradient that jumps tells nothing")

    monkeypatch.setattr(gradient_ascent, "_spectral_steps", refuse)
    rng = np.random.default_rng(0)
    model = relu_net(rng.normal(size=(2, 5)), rng.normal(size=5), rng.normal(size=5))
    assert model.network.kinked and not model.network.upto("h1.pre").kinked
    traces = [maximize(model, "h2", constraint=constraint, step=step).extras["trace"] for step in (0.01, 1.0)]
    assert (traces[0] == traces[1]).all() == (constraint == "norm")
    if constraint == "norm":
        assert (np.diff(traces[0][..., 44:]) == 0).all()


def test_networks_of_sigmoids_have_no_kinks_and_a_convnet_has_some_above_its_first_layer():
    assert not random_dbn().network.kinked
    network = ConvNet.random((28, 28), rng=np.random.default_rng(0)).network
    assert [network.upto(f"{layer}.pre").kinked for layer in ("conv1", "conv2", "dense1", "output")] == [
        False, True, True, True
    ]  # fmt: skip
    assert Network({"pool": MaxPool2D(2)}).kinked and not Network({"pool": AvgPool2D(2)}).kinked


def test_a_gradient_too_small_for_its_square_is_none():
    """In float32 the square of 1e-25 is 0, and nothing could be moved by it."""
    W, w = np.full((2, 1), 1e-13, "f4"), np.full(1, 1e-13, "f4")
    model = relu_net(W, np.ones(1, "f4"), w)
    model.dtype = np.dtype("float32")
    out = maximize(model, "h2")
    assert out.notes[0].startswith("dead") and np.isnan(out.images).all()
