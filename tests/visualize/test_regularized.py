"""Regularized optimization against a literal loop for one image; its regularizers against SciPy and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from counts import host
from scipy import ndimage
from small_models import convnet, forward, random_dbn

from dbnvis import DBN, RBM, Unit
from dbnvis.backend import child_seeds, make_rng, move
from dbnvis.evaluate.scores import pre_activations
from dbnvis.visualize.recipes import RECIPES
from dbnvis.visualize.regularized import RegularizedOptimization, gaussian_blur, rolled, without_small
from dbnvis.visualize.visualizer import unit_rngs

ASCENT = replace(RECIPES["plain"], side=None, starts=3, steps=15, length=None, gain=1.0, noise=0.3)


def run(model, units, method, seed=0):
    return method(model, units, rng=make_rng(model.xp, seed))


def starts_of(model, unit, method, seed=0):
    """The noise that the starts of a unit of a dense layer are made of (S, *shape)."""
    layer, index = unit.split(":")
    (rng,) = unit_rngs(model, layer, [int(index)], seed=child_seeds(make_rng(model.xp, seed), 1)[0])
    return rng, host(rng.standard_normal((method.starts, *model.input_shape), dtype=model.dtype)).astype("float64")


# --- the order of the steps, against one image at a time


def literal(function, x, low, high, method):
    """The authors' loop for one image (C, H, W) in their units, written from the table: best image, values."""
    best, highest, values = None, -np.inf, []
    for i in range(method.steps):
        if method.constraint == "box":
            x = np.clip(x, low, high)
        value, g = function(x)
        value, g = value - method.penalty * (x**2).sum(), g - 2 * method.penalty * x
        values.append(value)
        if value > highest:
            best, highest = x.copy(), value
        if i < method.steps - 1:
            lr = method.rate if method.gain is None else min(method.rate, method.gain / np.linalg.norm(g) ** 2)
            lr = lr if method.length is None else method.length / np.linalg.norm(g)
            x = x + lr * g
            x = x * (1 - method.decay)
            if method.blur_every != 0 and method.blur_width > 0 and i % method.blur_every == 0:
                x = np.stack([ndimage.gaussian_filter(channel, method.blur_width) for channel in x])
            if method.norm_percentile > 0:
                norms = np.linalg.norm(x, axis=0)
                x = x * ~(norms < np.percentile(norms, method.norm_percentile))
            if method.contribution_percentile > 0:
                benefit = np.abs((-g * x).sum(axis=0))
                x = x * ~(benefit < np.percentile(benefit, method.contribution_percentile))
    return best, values


TOGETHER = {
    "decay": 0.02,
    "blur_width": 0.7,
    "blur_every": 3,
    "norm_percentile": 33.0,
    "contribution_percentile": 21.0,
}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"decay": 0.05},
        {"length": 0.4, "gain": None},
        {"blur_width": 0.6, "blur_every": 4},
        {"norm_percentile": 40.0},
        {"contribution_percentile": 60.0},
        {"penalty": 0.3, "constraint": "none", "gain": None, "rate": 0.05},
        TOGETHER,
        {**TOGETHER, "gain": None, "rate": 0.1},
        {**TOGETHER, "rate": 0.01},
        {**TOGETHER, "gain": None, "rate": 1e4, "pixels": 255.0, "noise": 50.0},
        {**TOGETHER, "rate": 1e4, "pixels": 255.0, "noise": 50.0, "penalty": 1e-7},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(12, 12), (3, 12, 12)])
def test_a_batch_does_what_the_authors_loop_does_to_each_image(xp, shape, settings):
    model, method = convnet(xp, shape), replace(ASCENT, **settings)
    out = run(model, ["output:1", "output:4"], method)
    for u, unit in enumerate(("output:1", "output:4")):
        network = model.network.upto("output.pre").select(model.xp.asarray([int(unit[-1])]))

        def function(x, network=network):
            y, pullback = network.forward(move((x / method.pixels).reshape(1, *shape), xp))
            return host(y).item(), host(pullback(xp.ones_like(y)))[0].reshape(x.shape) / method.pixels

        _, noise = starts_of(model, unit, method)
        by_start = [literal(function, method.noise * x.reshape(-1, 12, 12), 0, method.pixels, method) for x in noise]
        by_start.sort(key=lambda found: -max(found[1]))
        for s, (best, values) in enumerate(by_start):
            np.testing.assert_allclose(out.extras["trace"][u, s], values, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(out.images[u, s].reshape(best.shape), best / method.pixels, rtol=1e-9, atol=1e-9)
            assert out.extras["best"][u, s] == np.argmax(values)


def test_the_image_before_the_first_step_is_the_clipped_noise(xp):
    model, method = convnet(xp), replace(ASCENT, steps=1)
    out = run(model, ["output:2"], method)
    _, noise = starts_of(model, "output:2", method)
    found = {np.round(x, 12).tobytes() for x in out.images[0]}
    assert found == {np.round(np.clip(method.noise * x, 0, 1), 12).tobytes() for x in noise}


@pytest.mark.parametrize("low", [0.0, -1.0, 100.0])
@pytest.mark.parametrize("name", ["digits-1", "digits-2", "digits-4", "yosinski-3", "yosinski-4", "plain", "simonyan"])
def test_a_recipe_gives_the_same_pictures_in_every_range_of_pixels(xp, name, low):
    """A network on [low, low + 4] whose weights take its pixels back to [0, 1] is the same network."""
    ours, other = (random_dbn(xp, dtype="float64") for _ in range(2))
    method = replace(RECIPES[name], steps=12, starts=3)
    other.input_range = (low, low + 4)
    rbm = other.rbms[0]
    rbm.hbias = rbm.hbias - low / 4 * rbm.W.sum(axis=0)
    rbm.W = rbm.W / 4
    one, another = (run(model, ["h2:3", "h2:0"], method) for model in (ours, other))
    np.testing.assert_allclose(low + 4 * one.images, another.images, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(one.extras["trace"], another.extras["trace"], rtol=1e-7, atol=1e-7)
    assert one.notes == another.notes


@pytest.mark.parametrize(
    ("model", "unit", "side", "jitter"),
    [
        (convnet(), "output:1", 12, 2),
        (convnet(shape=(3, 12, 12)), "output:1", 12, 2),
        (random_dbn(dtype="float64"), "h2:1", 20**0.5, 1),  # 4 x 5
    ],
)
def test_lengths_are_scaled_to_the_side_of_the_images(model, unit, side, jitter):
    method = replace(RECIPES["digits-1"], steps=10, starts=2)
    length = 2.0 * np.prod(model.input_shape) ** 0.5 / 28
    own = replace(method, side=None, length=length, blur_width=0.7 * side / 28, jitter=jitter)
    scaled, explicit = (run(model, [unit], each) for each in (method, own))
    np.testing.assert_allclose(scaled.images, explicit.images, rtol=1e-12, atol=1e-12)
    assert scaled.settings["length"] == 2.0
    assert scaled.settings["scaled"] == {name: pytest.approx(getattr(own, name)) for name in scaled.settings["scaled"]}


def test_settings_for_28_x_28_are_taken_as_they_are_there(xp):
    model, method = convnet(xp, (28, 28)), replace(RECIPES["digits-3"], steps=5, starts=2)
    one, other = (run(model, ["output:2"], each) for each in (method, replace(method, side=None)))
    np.testing.assert_array_equal(one.images, other.images)


def test_the_input_range_of_the_model_is_what_the_settings_pixels_are_scaled_to():
    """A network on [-1, 3] whose weights take its pixels back to [0, 1] is the same network."""
    ours, method = random_dbn(dtype="float64"), replace(ASCENT, gain=None, rate=0.02, noise=0.0, decay=0.0)
    wide = random_dbn(dtype="float64")
    wide.input_range = (0.0, 4.0)
    wide.rbms[0].W /= 4
    one, other = (run(model, ["h2:3"], method) for model in (ours, wide))
    np.testing.assert_allclose(4 * one.images, other.images, rtol=1e-9)
    np.testing.assert_allclose(one.extras["trace"], other.extras["trace"], rtol=1e-9)


# --- each regularizer by itself


@pytest.mark.parametrize("shape", [(28, 28), (5, 9), (2, 3, 7, 6), (1, 4)])
@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.5, 1.0, 2.3])
def test_the_blur_is_scipys(xp, shape, sigma):
    x = np.random.default_rng(0).standard_normal((4, *shape))
    blurred = host(gaussian_blur(move(x, xp), sigma))
    expected = ndimage.gaussian_filter(x, sigma, axes=(-2, -1))
    np.testing.assert_allclose(blurred, expected, rtol=1e-12, atol=1e-12)
    assert gaussian_blur(move(x.astype("float32"), xp), sigma).dtype == np.float32


def test_the_blur_leaves_even_images_as_they_are_and_keeps_the_sum(xp):
    even, x = np.full((1, 6, 5), 0.7), np.random.default_rng(0).random((3, 6, 5))
    np.testing.assert_allclose(host(gaussian_blur(move(even, xp), 1.5)), even, rtol=1e-12)
    np.testing.assert_allclose(host(gaussian_blur(move(x, xp), 1.5)).sum(axis=(1, 2)), x.sum(axis=(1, 2)))


@pytest.mark.parametrize("percentile", [1, 10, 25, 50, 66.6, 90, 100])
@pytest.mark.parametrize("n", [1, 2, 11, 100])
def test_clipping_keeps_what_numpys_percentile_does_not_exceed(xp, percentile, n):
    for size in np.random.default_rng(0).integers(0, 30, (20, n)) / 7.0:  # with ties
        x = np.arange(1, n + 1, dtype="float64").reshape(1, 1, n)
        kept = host(without_small(move(x, xp), move(size[None], xp), percentile))[0, 0] != 0
        np.testing.assert_array_equal(kept, ~(size < np.percentile(size, percentile)))


def test_pixels_that_share_the_smallest_size_all_stay(xp):
    x = move(np.array([[[2.0, 1.0], [1.0, 1.0]]]), xp)
    for percentile in (10, 50, 66):
        np.testing.assert_array_equal(host(without_small(x, xp.abs(x).reshape(1, 4), percentile)), host(x))
    np.testing.assert_array_equal(host(without_small(x, xp.abs(x).reshape(1, 4), 90)), [[[2, 0], [0, 0]]])


def test_colours_go_together(xp):
    """The norm over the colours decides, not each colour."""
    x = move(np.array([[[[3.0, 0.0, 1.0]], [[0.0, 2.0, 1.0]]]]), xp)  # (1, 2, 1, 3): norms 3, 2, sqrt 2
    clipped = replace(ASCENT, norm_percentile=50.0)._regularized(x, x, 1)
    np.testing.assert_array_equal(host(clipped), [[[[3, 0, 0]], [[0, 2, 0]]]])


def test_images_are_moved_each_by_its_own(xp):
    x, shifts = np.random.default_rng(0).random((4, 2, 5, 6)), np.array([[0, 0], [1, -2], [-3, 4], [5, 6]])
    moved = host(rolled(move(x, xp), move(shifts, xp)))
    for image, one, shift in zip(x, moved, shifts, strict=True):
        np.testing.assert_array_equal(one, np.roll(image, shift, axis=(1, 2)))
    np.testing.assert_array_equal(host(rolled(rolled(move(x, xp), move(shifts, xp)), -move(shifts, xp))), x)


def linear(W, xp=np, **settings):
    """One unit that sees the image (4, 5) through the weights W."""
    rbm = RBM(*(move(np.asarray(x, "float64"), xp) for x in (np.reshape(W, (20, 1)), np.zeros(20), np.zeros(1))))
    return DBN([rbm], (4, 5), input_norm=1.0)


def test_the_penalized_optimum_of_a_linear_unit_is_its_filter_over_twice_the_penalty(xp):
    """w x - penalty |x|^2 is largest at w / (2 penalty), Simonyan et al.'s model in closed form."""
    W = np.random.default_rng(0).standard_normal((4, 5))
    method = replace(RECIPES["simonyan"], penalty=0.25, rate=0.5, steps=100)
    out = run(linear(W, xp), ["h1:0"], method)
    np.testing.assert_allclose(out.images[0, 0], W / 0.5, rtol=1e-6)
    assert out.extras["trace"][0, 0, -1] == pytest.approx((W**2).sum())  # 2 |w|^2 - |w|^2


def test_decay_holds_a_linear_unit_where_what_it_gains_it_loses(xp):
    """x = (x + rate w) (1 - decay) has the fixed point rate w (1 - decay) / decay."""
    W = np.random.default_rng(0).random((4, 5))
    out = run(linear(W, xp), ["h1:0"], replace(ASCENT, gain=None, rate=0.02, decay=0.2, noise=1e-3, steps=200))
    np.testing.assert_allclose(out.images[0], np.broadcast_to(0.08 * W, (3, 4, 5)), rtol=1e-6)


def test_without_regularizers_a_linear_unit_switches_every_pixel_by_its_weights_sign(xp):
    W = np.random.default_rng(0).standard_normal((4, 5))
    out = run(linear(W, xp), ["h1:0"], replace(ASCENT, gain=5.0, rate=100.0, steps=300))
    np.testing.assert_array_equal(out.images[0], np.broadcast_to(W > 0, (3, 4, 5)))


@pytest.mark.parametrize("percentile", [50.0, 75.0])
def test_contribution_clipping_leaves_a_linear_unit_its_largest_weights_alone(xp, percentile):
    W = np.random.default_rng(0).permutation(np.arange(1.0, 21.0)).reshape(4, 5)
    method = replace(ASCENT, gain=None, rate=0.01, noise=0.0, contribution_percentile=percentile, starts=1)
    image = run(linear(W, xp), ["h1:0"], method).images[0, 0]
    np.testing.assert_array_equal(image > 0, ~(np.percentile(W, percentile) > W))


def test_the_blur_falls_on_the_first_step_and_every_nth(xp):
    x = move(np.random.default_rng(0).random((2, 4, 5)), xp)
    method = replace(ASCENT, blur_width=0.8, blur_every=4)
    blurred = [not np.array_equal(host(method._regularized(x, x, i)), host(x)) for i in range(10)]
    assert blurred == [i in (0, 4, 8) for i in range(10)]
    never = replace(method, blur_every=0)
    assert np.array_equal(host(never._regularized(x, x, 0)), host(x))


def test_jitter_finds_a_pattern_wherever_it_stands(xp):
    """A unit that sees one pixel, through shifts by up to one: the image gets a square of 3 x 3, around that pixel but
    for the shift at which it was measured, so that the unit sees it."""
    W = np.zeros((4, 5))
    W[1, 2] = 1
    out = run(linear(W, xp), ["h1:0"], replace(ASCENT, gain=None, rate=0.05, noise=0.0, jitter=1, steps=300, starts=1))
    square = np.zeros((4, 5), bool)
    square[0:3, 1:4] = True
    moved = [np.roll(square, (a - 1, b - 1), (0, 1)) for a, b in np.ndindex(3, 3)]
    assert any(np.array_equal(out.images[0, 0] > 0, x) for x in moved)
    assert out.images[0, 0, 1, 2] == out.extras["trace"].max() > 0


# --- what is returned


def test_the_best_image_is_returned_not_the_last(xp):
    """Decay lets the activation rise and then fall: what is returned is measured again as the trace's maximum."""
    model, method = convnet(xp), replace(ASCENT, blur_width=1.0, blur_every=7, steps=40, gain=0.5)
    out = run(model, ["output:0", "output:3"], method)
    assert (out.extras["best"] < 39).any()  # otherwise this tests nothing
    for u, index in enumerate((0, 3)):
        again = host(pre_activations(model, "output", move(out.images[u], xp)))[:, index]
        np.testing.assert_allclose(again, out.extras["trace"][u].max(axis=1), rtol=1e-9)
    np.testing.assert_array_equal(out.extras["trace"].argmax(axis=2), out.extras["best"])
    assert (np.diff(out.extras["trace"].max(axis=2), axis=1) <= 0).all()  # best start first


def measured(model, layer, index, images):
    """The unit at images (S, *shape), by `pre_activations`: unshifted, as anyone sees them."""
    return host(pre_activations(model, layer, move(images, model.xp), [index]))[:, 0]


@pytest.mark.parametrize("jitter", [1, 4])
@pytest.mark.parametrize("name", ["default", *sorted(RECIPES)])
def test_what_is_returned_is_what_was_measured_under_every_recipe(xp, name, jitter):
    recipe = replace(RegularizedOptimization() if name == "default" else RECIPES[name], jitter=jitter, side=None)
    method = replace(recipe, steps=20, starts=3)
    for model, layer, index in ((random_dbn(xp, dtype="float64"), "h2", 3), (convnet(xp), "output", 1)):
        out = run(model, [f"{layer}:{index}"], method)
        value = measured(model, layer, index, out.images[0])
        penalty = method.penalty * method.pixels**2 * (out.images[0].reshape(3, -1) ** 2).sum(axis=1)
        np.testing.assert_allclose(value - penalty, out.extras["trace"][0].max(axis=1), rtol=1e-9, atol=1e-9)


def test_what_is_returned_of_a_channel_is_what_was_measured():
    model = convnet()
    out = run(model, ["conv2:1@1,2"], replace(ASCENT, jitter=3))
    maps = host(model.network.upto("conv2.pre").forward(move(out.images[0], np))[0])
    np.testing.assert_allclose(maps[:, 1, 1, 2], out.extras["trace"][0].max(axis=1), rtol=1e-9)


STAYED = "the picture never left its noise: take a larger step or weaker regularizers"


@pytest.mark.parametrize(
    ("settings", "stayed"),
    [
        ({}, False),
        ({"length": 1.0, "gain": None, "jitter": 2}, False),
        ({"gain": None, "rate": 1e-9}, True),  # steps of next to nothing
        ({"gain": None, "rate": 1e-4, "decay": 0.5}, True),  # lost faster than gained
        ({"gain": None, "rate": 1e-4, "contribution_percentile": 99.0}, True),
        ({"noise": 0.0, "gain": None, "rate": 1e-9, "decay": 0.9}, False),  # grown from nothing
        ({"steps": 1}, True),
    ],
    ids=str,
)
def test_a_picture_that_never_left_its_noise_says_so(settings, stayed):
    for name in ("output:1", "output:3"):
        out = run(convnet(), [name], replace(ASCENT, **settings))
        assert out.notes == (STAYED if stayed else "",)
        _, noise = starts_of(convnet(), name, replace(ASCENT, **settings))
        most = np.linalg.norm(np.clip(replace(ASCENT, **settings).noise * noise, 0, 1).reshape(3, -1), axis=1).max()
        assert stayed == (np.linalg.norm(out.images[0, 0]) <= 1.04 * most)


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_pictures_in_the_box_are_pixels_and_recipes_run_on_every_kind_of_unit(name):
    model, method = convnet(dtype="float32"), replace(RECIPES[name], steps=6)
    for layer, index in (("conv1", "1"), ("conv2", "3"), ("conv2", "3@0,1"), ("conv2", "3@mean"), ("dense1", "7")):
        out = run(model, [f"{layer}:{index}"], method)
        assert [str(unit) for unit in out.units] == [f"{layer}:{index}"]
        assert np.isfinite(out.images).all()
        if method.constraint == "box":
            assert out.images.min() >= 0
            assert out.images.max() <= 1


def test_the_mean_of_a_channel_is_the_mean_of_its_positions():
    model = convnet()
    out = run(model, ["conv2:1@mean"], ASCENT)
    maps = host(model.network.upto("conv2.pre").forward(move(out.images[0], np))[0])
    np.testing.assert_allclose(maps[:, 1].mean(axis=(1, 2)), out.extras["trace"][0].max(axis=1), rtol=1e-9)


def test_pixels_that_a_channel_does_not_see_stay_dark():
    model = convnet()
    out = run(model, ["conv1:0@2,3"], replace(ASCENT, noise=1.0))
    rows, columns = model.receptive_field("conv1", (2, 3)).slices
    assert out.images[..., rows, columns].any()
    out.images[..., rows, columns] = 0
    assert not out.images.any()


@pytest.mark.parametrize("layer", ["dense1", "output", "conv2"])
def test_a_picture_does_not_depend_on_its_company_to_the_last_bit(layer):
    model = convnet(dtype="float32")
    method = replace(ASCENT, jitter=1, **TOGETHER)
    size = model.layer_shape(layer)[0]
    every = run(model, [Unit(layer, i) for i in range(size)], method)
    for indices in ([3], [2, 0]):
        some = run(model, [Unit(layer, i) for i in indices], method)
        np.testing.assert_array_equal(some.images, every.images[indices])
        np.testing.assert_array_equal(some.extras["trace"], every.extras["trace"][indices])


# --- zero gradients


def gated(xp, threshold):
    """A unit above a ReLU that is on where the image's mean exceeds `threshold`: below it the gradient is zero."""
    model = convnet(xp, (12, 12))
    params = model.network.params()
    params["conv1.pre.W"][...] = 1 / 9
    params["conv1.pre.bias"][...] = -threshold
    for name in ("conv2.pre.W", "dense1.pre.W", "output.pre.W"):
        params[name][...] = abs(params[name])
    for name in ("conv2.pre.bias", "dense1.pre.bias", "output.pre.bias"):
        params[name][...] = 0
    return model


def test_a_start_without_gradient_begins_again_and_says_so(xp):
    out = run(gated(xp, 0.45), ["output:0"], replace(ASCENT, noise=0.01, rate=1.0))
    assert (out.extras["restarts"] == 1).all()
    assert out.notes == ("zero gradient: 3 of 3 starts began again",)
    trace = out.extras["trace"][0]
    assert (trace[:, 0] == 0).all()
    assert (trace[:, -1] > trace[:, 1]).all()
    assert (trace[:, 1] > 0).all()
    untouched = run(gated(xp, 0.001), ["output:0"], replace(ASCENT, noise=0.1))
    assert untouched.notes == ("",)
    assert not untouched.extras["restarts"].any()


def test_a_start_begins_again_where_pixels_are_unbounded():
    model = replace(gated(np, 0.45), input_range=(-np.inf, np.inf))
    out = run(model, ["output:0"], replace(ASCENT, noise=0.01))
    assert (out.extras["restarts"] == 1).all()
    assert np.isfinite(out.images).all() and (out.extras["trace"][..., -1] > 0).all()


def test_a_start_that_begins_again_stays_dark_where_its_unit_does_not_look():
    model = gated(np, 0.45)
    out = run(model, ["conv2:0@0,0", "conv2:2@0,0"], replace(ASCENT, noise=0.01))
    assert out.extras["restarts"].any()
    rows, columns = model.receptive_field("conv2", (0, 0)).slices
    assert out.images[..., rows, columns].max() > 0.1
    out.images[..., rows, columns] = 0
    assert not out.images.any()


def test_restarts_do_not_depend_on_company():
    model, method = gated(np, 0.45), replace(ASCENT, noise=0.01)
    model.network.params()["output.pre.W"][:, 1] = 0
    every = run(model, [f"output:{i}" for i in range(5)], method)
    for i in (0, 4):
        np.testing.assert_array_equal(run(model, [f"output:{i}"], method).images[0], every.images[i])
    assert every.notes[1].startswith("dead")
    assert np.isnan(every.images[1]).all()


@pytest.mark.parametrize("name", ["yosinski-3", "simonyan"])
def test_a_dead_unit_gets_no_picture_but_a_note(xp, name):
    model = gated(xp, 2.0)  # no image reaches it
    out = run(model, ["output:0", "output:1"], replace(RECIPES[name], steps=15, rate=1e-3))
    assert np.isnan(out.images).all()
    assert np.isnan(out.scores).all()
    assert out.notes == ("dead: zero gradient at every start, begun again 10 times",) * 2


def test_a_unit_with_some_dead_starts_has_pictures_of_the_others_first():
    """Only one measurement, so that starts in the dark cannot begin again; the noise reaches the threshold in some."""
    model, method = gated(np, 0.5), replace(ASCENT, starts=20, steps=1, noise=0.5)
    out = run(model, ["output:0"], method)
    drawn = np.isfinite(out.images[0]).all(axis=(1, 2))
    assert 0 < drawn.sum() < 20
    assert drawn[: drawn.sum()].all()


# --- published settings


def test_the_published_settings_are_the_authors():
    """Table 1 of the paper, as flags in the authors' doc/running-optimize-image.md."""
    keys = ("decay", "blur_width", "blur_every", "norm_percentile", "contribution_percentile", "steps", "gain", "rate")
    published = {
        "yosinski-1": (0, 0.5, 4, 50, 0, 500, 2, 100),
        "yosinski-2": (0.3, 0, 0, 20, 0, 750, None, 100),
        "yosinski-3": (0.0001, 1.0, 4, 0, 0, 1000, None, 100),
        "yosinski-4": (0, 0.5, 4, 0, 90, 1000, 2, 1e8),
    }
    for name, values in published.items():
        recipe = RECIPES[name]
        assert tuple(getattr(recipe, key) for key in keys) == values
        assert (recipe.pixels, recipe.noise, recipe.penalty, recipe.jitter) == (255, 10, 0, 0)
        assert (recipe.constraint, recipe.length) == ("box", None)


# --- settings that make no sense


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"starts": 0}, "starts must be an integer of at least 1, got 0"),
        ({"rate": -1.0}, "rate must be a finite number above 0, got -1"),
        ({"gain": 0.0}, "gain must be a finite number above 0, or None"),
        ({"length": 1.0}, "length and gain both choose the step"),
        ({"decay": 1.0}, r"decay must lie in \[0, 1\)"),
        ({"blur_width": -0.5}, "blur_width must be a finite number"),
        ({"noise": float("nan")}, "noise must be a finite number"),
        ({"norm_percentile": 101.0}, r"norm_percentile must lie in \[0, 100\]"),
        ({"constraint": "norm"}, "constraint must be box or none"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        run(convnet(), ["output:0"], replace(ASCENT, **settings))


def test_vectors_are_maximized_but_not_blurred(xp):
    model = random_dbn(xp)
    model.input_shape = (20,)
    out = run(model, ["h2:1"], replace(ASCENT, norm_percentile=10.0))
    assert out.images.shape == (1, 3, 20)
    at_pictures = forward(model, "h2", out.images[0])[:, 1]
    np.testing.assert_allclose(at_pictures, out.extras["trace"][0].max(axis=1), rtol=1e-4, atol=1e-4)
    for settings in ({"blur_width": 1.0, "blur_every": 1}, {"jitter": 1}):
        with pytest.raises(ValueError, match="no rows and columns to blur or move"):
            run(model, ["h2:1"], replace(ASCENT, **settings))
