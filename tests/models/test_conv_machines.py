"""dbnvis.crbm against enumeration of all states of small machines, finite differences and closed forms."""

import itertools

import conv_oracles as oracles
import numpy as np
import pytest
from counts import chi_squared_p, host
from oracles import numerical_gradient
from small_crbms import SMALL, Z, build, parameters_of

from dbnvis import ActivationMaximization, ClampedGibbs, FilterCombination, Unit
from dbnvis.backend import make_rng, move
from dbnvis.evaluate.scores import unit_scores
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM, GaussianConvRBM
from dbnvis.models.pooling import Detection, Pooling

LEVEL = 1e-3  # of every chi-squared test; seeds are fixed
N = 20_000
small = pytest.mark.parametrize("name", list(SMALL))


def all_images(v, shape):
    return v.reshape(-1, *shape)


# --- energies


@small
def test_energy_of_every_pair_of_states(xp, name):
    parameters, shape, pool = parameters_of(name)
    log_p, v, h = oracles.log_joint(parameters, shape, pool)
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(v), 200), rng.integers(0, len(h), 200)
    found = build(xp, parameters, pool).energy(xp.asarray(all_images(v[i], shape)), xp.asarray(h[j]))
    looped = [oracles.energy(v[a].reshape(shape), h[b], *parameters) for a, b in zip(i, j, strict=True)]
    np.testing.assert_allclose(host(found), looped, atol=1e-12)
    np.testing.assert_allclose(-log_p[i, j], looped, atol=1e-12)  # the oracles agree


def test_two_units_of_one_block_are_impossible(xp):
    parameters, shape, pool = parameters_of("cut blocks")
    crbm, v = build(xp, parameters, pool), xp.zeros((3, *shape))
    h = np.zeros((3, 2, 2, 3))
    h[1, 0, :, :] = np.eye(2, 3)  # both in the first block
    h[2, 0, 0, 1] = h[2, 0, 0, 2] = 1  # neighbours in two blocks
    assert np.isinf(host(crbm.energy(v, xp.asarray(h)))).tolist() == [False, True, False]


@small
def test_free_energy_sums_over_the_allowed_states(xp, name):
    parameters, shape, pool = parameters_of(name)
    log_p, v, _ = oracles.log_joint(parameters, shape, pool)
    found = build(xp, parameters, pool).free_energy(xp.asarray(all_images(v, shape)))
    np.testing.assert_allclose(host(found), -np.log(np.exp(log_p).sum(axis=1)), atol=1e-12)


def gaussian_free_energy(images, W, b, c, variance, pool):
    """By the sum over all allowed states."""
    h = oracles.hidden_states((len(c), *(n - k + 1 for n, k in zip(images.shape[2:], W.shape[2:], strict=True))), pool)
    none = np.zeros_like(b)
    quadratic = ((images - b[:, None, None]) ** 2).sum(axis=(1, 2, 3)) / (2 * variance)
    log_sums = [np.log(sum(np.exp(-oracles.energy(v, state, W, none, c)) for state in h)) for v in images]
    return quadratic - np.array(log_sums)


def test_gaussian_free_energy(xp):
    parameters, shape, pool = parameters_of("cut blocks")
    crbm = build(xp, parameters, pool, GaussianConvRBM, variance=0.3)
    v = np.random.default_rng(5).normal(size=(4, *shape))
    expected = gaussian_free_energy(v, *parameters, 0.3, pool)
    np.testing.assert_allclose(host(crbm.free_energy(xp.asarray(v))), expected, rtol=1e-10)


def test_neither_probabilities_nor_energies_overflow(xp):
    filters, v = np.full((2, 1, 2, 2), 300, np.float32), xp.ones((1, 1, 3, 4), dtype="float32")
    for sign in (1, -1):
        biases = np.zeros(1, np.float32), np.zeros(2, np.float32)
        crbm = build(xp, (sign * filters, *biases), 2, dtype="float32")
        p = host(crbm.mean_h_given_v(v))
        expected = np.broadcast_to([0.25, 0.25, 0.5] if sign > 0 else [0.0] * 3, p.shape)
        np.testing.assert_allclose(p, expected, atol=1e-6)  # blocks of four units and of two
        assert host(crbm.free_energy(v)) == pytest.approx(-4 * 1200 if sign > 0 else 0, abs=0.01 * 1200)
        pool = xp.ones((1, 2, 1, 2), dtype="float32")
        h = host(crbm.sample_h_given_pool(pool, (2, 3), 2, rng=make_rng(xp, 0)))
        np.testing.assert_array_equal(h.sum(axis=2)[..., :2].sum(axis=-1), 1)


# --- conditionals


@small
def test_conditional_means(xp, name):
    parameters, shape, pool = parameters_of(name)
    p, v, h = oracles.joint(parameters, shape, pool)
    crbm = build(xp, parameters, pool)
    given_v = p / p.sum(axis=1, keepdims=True)
    mean_h = crbm.mean_h_given_v(xp.asarray(all_images(v, shape)))
    np.testing.assert_allclose(host(mean_h), np.tensordot(given_v, h, 1), rtol=1e-9, atol=1e-12)
    expected = np.tensordot(given_v, oracles.pooled(h, pool), 1)
    np.testing.assert_allclose(host(crbm.pooled(mean_h)), expected, rtol=1e-9, atol=1e-12)
    given_h = (p / p.sum(axis=0)).T
    mean_v = crbm.mean_v_given_h(xp.asarray(h))
    np.testing.assert_allclose(host(mean_v), all_images(given_h @ v, shape), rtol=1e-9, atol=1e-12)


@small
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_hidden_states_are_drawn_from_their_distribution(xp, rng, name, dtype):
    parameters, shape, pool = parameters_of(name)
    p, v, h = oracles.joint(parameters, shape, pool)
    row = 5 * len(v) // 7
    images = move(np.tile(v[row].reshape(shape), (N, 1, 1, 1)).astype(dtype), xp)
    drawn = build(xp, parameters, pool, dtype=dtype).sample_h_given_v(images, rng=rng)
    assert drawn.dtype == dtype
    assert chi_squared_p(counted(host(drawn), h), p[row] / p[row].sum()) > LEVEL


def counted(drawn, h):
    """How often each of the allowed states `h` was drawn; an impossible one is an error."""
    key = {state.tobytes(): i for i, state in enumerate(h.astype(float).reshape(len(h), -1))}
    rows = np.ascontiguousarray(drawn, float).reshape(len(drawn), -1)
    return np.bincount([key[row.tobytes()] for row in rows], minlength=len(h))


def test_gaussian_conditionals(xp, rng):
    parameters, shape, pool = parameters_of("cut blocks")
    crbm = build(xp, parameters, pool, GaussianConvRBM, variance=0.3)
    h = oracles.hidden_states((2, 2, 3), pool)[100]
    T = oracles.matrix(parameters[0], shape)
    mean = 0.3 * (h.ravel() @ T).reshape(shape) + parameters[1][:, None, None]
    np.testing.assert_allclose(host(crbm.mean_v_given_h(xp.asarray(h[None])))[0], mean, rtol=1e-12)
    drawn = host(crbm.sample_v_given_h(xp.asarray(np.tile(h, (N, 1, 1, 1))), rng=rng))
    assert np.abs((drawn.mean(axis=0) - mean) / np.sqrt(0.3 / N)).max() < Z
    np.testing.assert_allclose(drawn.var(axis=0), 0.3, rtol=Z * np.sqrt(2 / N))


def test_hidden_states_given_the_pooling_units(xp, rng):
    parameters, shape, pool = parameters_of("cut blocks")
    p, _, h = oracles.joint(parameters, shape, pool)
    units = oracles.pooled(h, pool)
    wanted = np.array([[[1, 1]], [[0, 1]]])
    fits = (units == wanted).all(axis=(1, 2, 3))
    exact = np.where(fits, p.sum(axis=0), 0)
    given = xp.asarray(np.tile(wanted.astype(float), (N, 1, 1, 1)))
    crbm = build(xp, parameters, pool)
    drawn = crbm.sample_h_given_pool(given, (2, 3), 20, rng=rng)
    assert chi_squared_p(counted(host(drawn), h), exact / exact.sum()) > LEVEL
    # without a sweep every place in a block is as likely as any other, which is not that distribution
    at_once = counted(host(crbm.sample_h_given_pool(given, (2, 3), 0, rng=rng)), h)
    assert chi_squared_p(at_once, fits / fits.sum()) > LEVEL
    assert chi_squared_p(at_once, exact / exact.sum()) < LEVEL
    first = host(crbm.mean_h_given_pool(given[:1], (2, 3)))[0]
    np.testing.assert_allclose(first, np.tensordot(fits / fits.sum(), h, 1), rtol=1e-12)


# --- gradients


@pytest.mark.parametrize("kind", [ConvRBM, GaussianConvRBM])
def test_free_energy_grad(xp, kind):
    parameters, shape, pool = parameters_of("cut blocks")
    settings = {"variance": 0.3} if kind is GaussianConvRBM else {}
    v = np.random.default_rng(5).normal(size=(2, *shape))
    gradient = build(xp, parameters, pool, kind, **settings).free_energy_grad(xp.asarray(v))
    named = dict(zip(["W", "vbias", "hbias"], parameters, strict=True))
    assert set(gradient) == set(named)

    def mean_free_energy(W, vbias, hbias):
        if settings:
            return gaussian_free_energy(v, W, vbias, hbias, 0.3, pool).mean()
        h = oracles.hidden_states((2, 2, 3), pool)
        energies = np.array([[oracles.energy(image, state, W, vbias, hbias) for state in h] for image in v])
        return -np.log(np.exp(-energies).sum(axis=1)).mean()

    entries = {"W": [(0, 0, 0, 1), (1, 0, 1, 0)], "vbias": [(0,)], "hbias": [(0,), (1,)]}
    for name, places in entries.items():
        for place in places:

            def moved(x, name=name, place=place):
                changed = named[name].copy()
                changed[place] = x[0]
                return mean_free_energy(**{**named, name: changed})

            expected = numerical_gradient(moved, np.array([named[name][place]]))[0]
            assert host(gradient[name])[place] == pytest.approx(expected, rel=1e-6, abs=1e-8)


@small
def test_the_gradient_of_log_p_is_that_of_the_free_energies(xp, name):
    """d log p(data) = -dF(data) + sum_v p(v) dF(v), with the sum over all images written out."""
    parameters, shape, pool = parameters_of(name)
    p, v, _ = oracles.joint(parameters, shape, pool)
    images, p_v = all_images(v, shape), p.sum(axis=1)
    rows = [3, len(v) // 2, len(v) - 5]
    crbm = build(xp, parameters, pool)
    named = dict(zip(["W", "vbias", "hbias"], parameters, strict=True))
    data_side = crbm.free_energy_grad(xp.asarray(images[rows]))
    # A sum weighted by p(v) is a mean over images of h, the weight being in h's place and in the visible statistic's.
    h = host(crbm.mean_h_given_v(xp.asarray(images)))
    n = len(images)
    up = crbm.energy_grad(xp.asarray(images), xp.asarray(h * (n * p_v)[:, None, None, None]))
    model_side = {name: host(up[name]) for name in ("W", "hbias")}
    model_side["vbias"] = -(p_v @ images.sum(axis=(2, 3)))

    def log_p(**changed):
        log_joint, _, _ = oracles.log_joint(tuple({**named, **changed}.values()), shape, pool)
        log_p_v = np.log(np.exp(log_joint).sum(axis=1))
        return log_p_v[rows].mean() - np.log(np.exp(log_joint).sum())

    for key, place in (("W", (0, 0, 1, 0)), ("W", (-1, 0, 0, 1)), ("vbias", (0,)), ("hbias", (-1,))):

        def moved(x, key=key, place=place):
            changed = named[key].copy()
            changed[place] = x[0]
            return log_p(**{key: changed})

        expected = numerical_gradient(moved, np.array([named[key][place]]))[0]
        found = host(model_side[key] - host(data_side[key]))[place]
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("layer", [Detection(2), Pooling(2, (3, 5)), Detection(3), Pooling(3, (3, 5)), Detection(1)])
def test_pullbacks_of_the_layers(xp, layer):
    x = np.random.default_rng(0).normal(size=(2, 3, 3, 5))
    y, pullback = layer.forward(xp.asarray(x))
    gy = np.random.default_rng(1).normal(size=y.shape)
    expected = numerical_gradient(lambda x: float((host(layer.forward(xp.asarray(x))[0]) * gy).sum()), x)
    np.testing.assert_allclose(host(pullback(xp.asarray(gy))), expected, rtol=1e-6, atol=1e-8)


def test_pooling_transposed_is_its_adjoint(xp):
    rng = np.random.default_rng(0)
    layer, x, y = Pooling(2, (3, 5)), rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 2, 3))
    left = (host(layer.forward(xp.asarray(x))[0]) * y).sum()
    assert left == pytest.approx((x * host(layer.transpose(xp.asarray(y)))).sum())


# --- the stack


def two_layers(xp, dtype="float64", pool=2):
    """4 x 4 images, 2 groups with 3 x 3 detection and 2 x 2 pooling units, 2 groups with one detection unit."""
    lower, upper = oracles.machine(2, 1, 2, seed=1), oracles.machine(2, 2, 2, seed=2)
    crbms = [build(xp, x, pool, dtype=dtype) for x in (lower, upper)]
    return ConvDBN(crbms, (4, 4), input_norm=2.0), (lower, upper)


def test_the_network_is_the_pass_up(xp):
    model, (lower, upper) = two_layers(xp)
    x = np.random.default_rng(3).random((5, 4, 4))
    pre = x.reshape(5, -1) @ oracles.matrix(lower[0], (1, 4, 4)).T + np.repeat(lower[2], 9)
    h1 = np.zeros((5, 2, 3, 3))
    for k, places in itertools.product(range(2), oracles.blocks((3, 3), 2)):
        rows, columns = zip(*places, strict=True)
        e = np.exp(pre.reshape(5, 2, 3, 3)[:, k, rows, columns])
        h1[:, k, rows, columns] = e / (1 + e.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(host(model.encode(xp.asarray(x), "h1")), h1, rtol=1e-10)
    p1 = np.stack([h1[:, :, [i for i, _ in b], [j for _, j in b]].sum(axis=2) for b in oracles.blocks((3, 3), 2)], -1)
    np.testing.assert_allclose(host(model.network.upto("p1").forward(xp.asarray(x))[0]).reshape(p1.shape), p1)
    np.testing.assert_allclose(host(model.visible(xp.asarray(x), "h2")), p1.reshape(5, -1))
    pre = p1.reshape(5, -1) @ oracles.matrix(upper[0], (2, 2, 2)).T + upper[2]
    np.testing.assert_allclose(host(model.network.upto("h2.pre").forward(xp.asarray(x))[0]).reshape(5, 2), pre)
    assert model.layer_shape("h1") == (2, 3, 3) and model.layer_shape("h2") == (2, 1, 1)
    assert model.layer_names == ["h1", "h2"] and model.sizes == [16, 18, 2]


def test_the_network_pulls_back(xp):
    model, _ = two_layers(xp)
    x = np.random.default_rng(3).random((1, 4, 4))
    network = model.network.upto("h2.pre").select(xp.asarray([1]))
    _, pullback = network.forward(xp.asarray(x))
    expected = numerical_gradient(lambda x: float(host(network.forward(xp.asarray(x))[0])[0, 0]), x)
    np.testing.assert_allclose(host(pullback(xp.ones((1, 1)))), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("unit", ["h1:1", "h1:0@2,2", "h1:1@0,1"])
def test_a_first_layer_unit_is_its_filter_at_its_place(xp, unit):
    model, (lower, _) = two_layers(xp)
    unit = Unit.parse(unit)
    row, column = (1, 1) if unit.position is None else unit.position
    there = np.zeros((4, 4))
    there[row : row + 2, column : column + 2] = lower[0][unit.index, 0]
    combined = FilterCombination(k=None)(model, [unit])
    np.testing.assert_allclose(combined.images[0, 0], there)
    assert combined.units == (unit,)
    best = ActivationMaximization(starts=2)(model, [unit], rng=make_rng(xp, 0))
    np.testing.assert_allclose(best.images[0, 0], there * 2 / np.linalg.norm(there), atol=1e-3)
    pre = (there * 2 / np.linalg.norm(there) * there).sum() + lower[2][unit.index]
    assert best.scores[0, 0] == pytest.approx(pre, rel=1e-5)
    rows, columns = model.receptive_field("h1", unit.position).slices
    assert (rows, columns) == (slice(row, row + 2), slice(column, column + 2))


def test_an_upper_unit_is_the_sum_of_the_filters_in_its_blocks(xp):
    model, (lower, upper) = two_layers(xp)
    pooling = np.zeros((2, 2, 2, 2, 3, 3))  # (group, R, C) of each detection unit
    for block, places in enumerate(oracles.blocks((3, 3), 2)):
        for (i, j), k in itertools.product(places, range(2)):
            pooling[k, block // 2, block % 2, k, i, j] = 1
    down = oracles.matrix(upper[0], (2, 2, 2)) @ pooling.reshape(8, 18) @ oracles.matrix(lower[0], (1, 4, 4))
    out = FilterCombination(k=None)(model, ["h2:0", "h2:1"])
    np.testing.assert_allclose(out.images[:, 0].reshape(2, 16), down)


def exact_means(name, seed=0):
    """E[pixels | unit on] of every detection unit of one machine, (K, rows, columns, V)."""
    parameters, shape, pool = parameters_of(name, seed)
    p, v, h = oracles.joint(parameters, shape, pool)
    on = np.tensordot(p.sum(axis=0), h, 1)
    return np.tensordot(p.T @ v, h, (0, 0)).transpose(1, 2, 3, 0) / on[..., None]


def sampled(model, units, **settings):
    settings = {"chains": 3000, "shown": 3000, "draws": 1, "burn_in": 60, "thin": 1} | settings
    return ClampedGibbs(**settings)(model, units, rng=make_rng(model.xp, 0))


@pytest.mark.parametrize("name", ["cut blocks", "no pooling", "blocks of nine"])
def test_the_clamped_chain_draws_given_the_unit(xp, name):
    parameters, shape, pool = parameters_of(name)
    model = ConvDBN([build(xp, parameters, pool)], shape[1:], input_norm=1.5)
    groups, rows, columns = model.layer_shape("h1")
    exact = exact_means(name)
    units = [Unit("h1", k, (i, j)) for k in range(groups) for i in range(rows) for j in range(columns)][::2]
    out = sampled(model, units)
    expected = np.array([exact[(unit.index, *unit.position)] for unit in units])
    draws = out.images[:, 1:].reshape(len(units), 3000, -1)
    error = draws.std(axis=1, ddof=1) / np.sqrt(3000)
    z = np.abs(out.images[:, 0].reshape(len(units), -1) - expected) / error
    assert z.max() < Z
    # and the test could tell: the next unit's means would not pass
    assert (np.abs(draws.mean(axis=1) - np.roll(expected, 1, axis=0)) / error).max(axis=1).min() > Z


def test_the_gaussian_clamped_chain_draws_given_the_unit(xp):
    parameters, shape, pool = parameters_of("cut blocks")
    model = ConvDBN([build(xp, parameters, pool, GaussianConvRBM, variance=0.5)], shape[1:], input_norm=1.5)
    h = oracles.hidden_states((2, 2, 3), pool)
    means = 0.5 * h.reshape(len(h), -1) @ oracles.matrix(parameters[0], shape) + parameters[1]
    log_p = h.sum(axis=(2, 3)) @ parameters[2] + (means**2).sum(axis=1) / (2 * 0.5)  # v integrated out
    p = np.exp(log_p - log_p.max()) * h[:, 1, 0, 2]
    out = sampled(model, ["h1:1@0,2"], burn_in=200)
    error = out.images[0, 1:].std(axis=0) / np.sqrt(3000)
    assert (np.abs(out.images[0, 0] - (p @ means / p.sum()).reshape(shape[1:])) / error).max() < Z


def test_holding_a_unit_leaves_it_alone_in_its_block(xp):
    model, _ = two_layers(xp)
    rbm = model.rbms[0]
    h = rbm.sample_h_given_v(xp.ones((2, 50, 16)), rng=make_rng(xp, 0))
    before = host(h).reshape(2, 50, 3, 3, 2).copy()
    numbers = [(0 * 3 + 1) * 2 + 1, (2 * 3 + 2) * 2]  # group 1 at (0, 1), group 0 at (2, 2)
    rbm.hold(h, numbers)
    expected = before
    expected[0, :, :2, :2, 1] = [[0, 1], [0, 0]]
    expected[1, :, 2, 2, 0] = 1
    np.testing.assert_array_equal(host(h).reshape(2, 50, 3, 3, 2), expected)
    with pytest.raises(ValueError, match="one detection unit"):
        rbm.hold(h, [18, 0])


def test_the_stack_draws_down_from_the_unit(xp):
    """All states of the top given the unit, of the pooling units given those, of the pixels given these."""
    model, (lower, upper) = two_layers(xp)
    p, below, h = oracles.joint(upper, (2, 2, 2), 2)
    given_pool = oracles.pixels_given_pool(lower, (1, 4, 4), 2, below)
    out = sampled(model, ["h2:0", "h2:1"])
    for k in range(2):
        on = p[:, h[:, k, 0, 0] == 1].sum(axis=1)  # of the pooling units
        error = out.images[k, 1:].std(axis=0) / np.sqrt(3000)
        expected = (on / on.sum() @ given_pool).reshape(4, 4)
        assert (np.abs(out.images[k, 0] - expected) / error).max() < Z
        flat = build(xp, lower, 2).mean_h_given_pool(xp.asarray(below.reshape(-1, 2, 2, 2)), (3, 3))
        blind = host(build(xp, lower, 2).mean_v_given_h(flat)).reshape(-1, 16)
        assert (np.abs(out.images[k, 0].ravel() - on / on.sum() @ blind) / error.ravel()).max() > Z


def test_a_detection_unit_alone_is_passed_down_exactly_and_through_the_stack(xp):
    model, (lower, upper) = two_layers(xp)
    (W, b, _), at = lower, Unit("h1", 1, (0, 2))
    out = ClampedGibbs(others="zero")(model, [at], rng=make_rng(xp, 0))
    h = np.zeros((2, 3, 3))
    h[1, 0, 2] = 1
    down = 1 / (1 + np.exp(-(h.reshape(-1) @ oracles.matrix(W, (1, 4, 4)) + np.repeat(b, 16))))
    np.testing.assert_allclose(out.images[0, 0].ravel(), down, rtol=1e-9)
    below = np.array(list(itertools.product([0.0, 1.0], repeat=8)))  # of the 2 x 2 x 2 pooling units
    out = sampled(model, ["h2:0", "h2:1"], others="zero")
    for k in range(2):
        on = 1 / (1 + np.exp(-(np.eye(2)[k] @ oracles.matrix(upper[0], (2, 2, 2)) + np.repeat(upper[1], 4))))
        p = (below * on + (1 - below) * (1 - on)).prod(axis=1)
        expected = p @ oracles.pixels_given_pool(lower, (1, 4, 4), 2, below)
        error = out.images[k, 1:].std(axis=0) / np.sqrt(3000)
        assert (np.abs(out.images[k, 0] - expected.reshape(4, 4)) / error).max() < Z


def test_fantasies_are_draws_of_the_machine(xp, rng):
    parameters, shape, pool = parameters_of("cut blocks")
    model = ConvDBN([build(xp, parameters, pool)], shape[1:])
    p, v, _ = oracles.joint(parameters, shape, pool)
    images = host(model.sample(4000, "h1", 50, rng=rng)).reshape(4000, -1)
    assert (np.abs(images.mean(axis=0) - p.sum(axis=1) @ v) / (images.std(axis=0) / np.sqrt(4000))).max() < Z
    started = model.sample(10, "h1", 1, rng=rng, start=xp.zeros((10, 3, 4)))
    assert started.shape == (10, 3, 4)


def test_decode_is_the_mean_field_pass_down(xp):
    model, (lower, upper) = two_layers(xp)
    h2 = np.array([[[[0.3]], [[0.6]]]])
    p1 = 1 / (1 + np.exp(-(h2.ravel() @ oracles.matrix(upper[0], (2, 2, 2)) + np.repeat(upper[1], 4))))
    h1 = np.zeros((2, 3, 3))
    for block, places in enumerate(oracles.blocks((3, 3), 2)):
        for (i, j), k in itertools.product(places, range(2)):
            h1[k, i, j] = p1.reshape(2, 4)[k, block] / len(places)
    v = 1 / (1 + np.exp(-(h1.ravel() @ oracles.matrix(lower[0], (1, 4, 4)) + lower[1])))
    np.testing.assert_allclose(host(model.decode(xp.asarray(h2), "h2")).ravel(), v, rtol=1e-10)
    np.testing.assert_allclose(host(model.decode(xp.asarray(h2.reshape(1, 2)), "h2")).ravel(), v, rtol=1e-10)


def test_scores_are_pre_activations(xp):
    model, (lower, _) = two_layers(xp)
    x = np.random.default_rng(3).random((1, 1, 4, 4))
    x *= 2 / np.linalg.norm(x)
    pre = (oracles.matrix(lower[0], (1, 4, 4)) @ x.ravel()).reshape(2, 9)
    number = (2 * 3 + 1) * 2 + 1  # group 1 at (2, 1)
    assert host(unit_scores(model, "h1", [number], xp.asarray(x)))[0, 0] == pytest.approx(pre[1, 7] + lower[2][1])


def test_a_units_samples_do_not_depend_on_its_company():
    model, _ = two_layers(np)
    settings = {"chains": 5, "shown": 5, "burn_in": 5}
    alone = sampled(model, ["h1:1@0,1"], **settings)
    together = sampled(model, ["h1:0@2,2", "h1:1@0,1", "h1:0"], **settings)
    np.testing.assert_array_equal(alone.images[0], together.images[1])


# --- mistakes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ConvRBM(np.zeros((2, 1, 3, 3)), np.zeros(2), np.zeros(2)), r"W \(K, C, rows, columns\)"),
        (
            lambda: ConvRBM(np.zeros((2, 1, 3, 3)), np.zeros(1), np.zeros(2), pool=0),
            "pool must be an integer",
        ),
        (lambda: GaussianConvRBM(np.zeros((2, 1, 3, 3)), np.zeros(1), np.zeros(2), variance=0.0), "variance"),
        (lambda: ConvDBN([], (4, 4)), "at least one"),
        (lambda: two_layers(np)[0].sample(3, "h1", 1, rng=None, start=np.zeros((2, 4, 4))), "3 start images"),
        (lambda: two_layers(np)[0].crbms[1].mean_h_given_v(np.zeros((1, 1, 4, 4))), "do not fit"),
        (lambda: ConvDBN(two_layers(np)[0].crbms[:1], (1, 1)), "do not fit"),
        (lambda: sampled(two_layers(np)[0], ["h1:0@3,0"]), "positions 0,0 to 2,2"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_an_unknown_layer_is_refused():
    with pytest.raises(KeyError, match="h1, h2"):
        two_layers(np)[0].depth("h3")


def test_pooled_means_are_probabilities():
    """Of blocks whose units' probabilities sum to 1 up to rounding: binary machines above take no more than 1."""
    crbm = ConvRBM.random(8, 1, 3, rng=make_rng(np, 0), scale=20.0)
    model = ConvDBN([crbm, ConvRBM.random(2, 8, 2, rng=make_rng(np, 0))], (20, 20))
    x = np.random.default_rng(0).random((50, 20, 20)).astype("float32")
    assert crbm.pooled(model.encode(x, "h1")).max() > 1  # float32 does round so
    assert model.visible(x, "h2").max() == 1
