"""Invariance manifolds of units whose curvature or invariance is known because it was put there."""

import math
from dataclasses import dataclass, replace

import numpy as np
import oracles
import pytest
from counts import host
from scipy.linalg import null_space
from scipy.optimize import minimize
from scipy.special import expit

from dbnvis import DBN, RBM, Unit, checkpoint
from dbnvis.backend import array_module, make_rng
from dbnvis.evaluate.curvature import invariance_angle, tangent_curvatures
from dbnvis.models.convnet import ConvNet
from dbnvis.models.layers import Flatten, Network
from dbnvis.visualize.invariance_manifold import InvarianceManifold
from dbnvis.visualize.manifold_search import Search, unit_function

RHO = 2.0


@dataclass(frozen=True)
class Quadratic:
    """One unit, x'A x / 2 + b.x."""

    A: object
    b: object

    def forward(self, x):
        image = x @ self.A
        pre = ((0.5 * image + self.b) * x).sum(axis=-1, keepdims=True)
        return pre, lambda gy: gy * (image + self.b)

    def select(self, units):
        return self


@dataclass(frozen=True)
class AnyShift:
    """One unit that sees its template wherever it is on a ring: log-sum-exp of its overlaps with all shifts (D, D)."""

    shifts: object
    sharpness: float = 8.0

    def forward(self, x):
        xp = array_module(x)
        match = self.sharpness * (x @ self.shifts)
        top = match.max(axis=-1, keepdims=True)
        share = xp.exp(match - top)
        total = share.sum(axis=-1, keepdims=True)
        pre = (xp.log(total) + top) / self.sharpness
        return pre, lambda gy: gy * (share / total) @ self.shifts.T

    def select(self, units):
        return self


@dataclass
class Model:
    """What a visualizer needs of a model, around one layer of one unit."""

    layer: object
    input_shape: tuple
    xp: object
    input_norm: float = RHO
    dtype = np.dtype("float64")
    layer_names = ("h1",)

    @property
    def network(self):
        return Network({"input": Flatten(self.input_shape), "h1.pre": self.layer})

    def layer_shape(self, layer):
        return (1,)


CURVES = np.array([1.5, 1.0, 0.6, 0.2, -0.1, -0.3, -0.7, -1.2, -1.6, -2.0, -2.5, -3.0])  # eigenvalues of A
PULL = 4.0  # b = PULL times the eigenvector of CURVES[3]


def quadratic(xp):
    """The optimum is RHO q[3]; the curvature towards q[i] is RHO^2 (CURVES[i] - CURVES[3]) - RHO PULL."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))[0]
    model = Model(Quadratic(xp.asarray(q @ np.diag(CURVES) @ q.T), xp.asarray(PULL * q[:, 3])), (3, 4), xp)
    others = [i for i in range(12) if i != 3]
    return model, q, {i: RHO**2 * (CURVES[i] - CURVES[3]) - RHO * PULL for i in others}


def trace(model, **settings):
    return InvarianceManifold(**settings)(model, [Unit("h1", 0)], rng=make_rng(model.xp, 0))


def film(out):
    """Pictures (S, D) and their angles, in order."""
    order = out.extras["angle"][0].argsort()
    return out.images[0][order].reshape(len(order), -1), out.extras["angle"][0][order]


# --- curvature


def test_curvatures_and_directions_of_a_quadratic_unit_are_the_known_ones(xp):
    model, q, known = quadratic(xp)
    centre = xp.asarray(q[:, 3].copy())
    values, vectors = tangent_curvatures(unit_function(model, "h1", 0), centre, RHO, rng=make_rng(xp, 1))
    order = sorted(known, key=known.get)
    ends = order[:3] + order[-3:]
    np.testing.assert_allclose(host(values), [known[i] for i in ends], rtol=1e-6)
    overlap = np.abs((host(vectors) * q[:, ends].T).sum(axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


def test_the_trace_of_a_quadratic_unit_stays_in_the_plane_of_its_flattest_direction(xp):
    model, q, known = quadratic(xp)
    out = trace(model)
    np.testing.assert_allclose(out.extras["flattest"][0], [known[i] for i in (0, 1, 2)], rtol=1e-6)
    np.testing.assert_allclose(out.extras["steepest"][0], [known[i] for i in (11, 10, 9)], rtol=1e-6)
    pictures, degrees = film(out)
    angle = np.radians(degrees)
    plane = pictures @ q[:, [3, 0]] / RHO
    np.testing.assert_allclose(plane[:, 0], np.cos(angle), atol=1e-3)
    np.testing.assert_allclose(np.abs(plane[:, 1]), np.abs(np.sin(angle)), atol=1e-3)
    assert plane[0, 1] * plane[-1, 1] < 0  # both ways
    angle = np.radians(out.extras["trace_angle"][0])
    expected = RHO**2 / 2 * (CURVES[3] * np.cos(angle) ** 2 + CURVES[0] * np.sin(angle) ** 2) + PULL * RHO * np.cos(
        angle
    )
    np.testing.assert_allclose(out.extras["activation"][0], expected, atol=1e-9)
    assert out.notes == ("",)  # every point is stationary


def test_the_steepest_trace_follows_its_own_great_circle(xp):
    model, q, _ = quadratic(xp)
    pictures, degrees = film(trace(model, direction="steepest"))
    np.testing.assert_allclose(np.abs(pictures @ q[:, 11]), RHO * np.abs(np.sin(np.radians(degrees))), atol=1e-2)
    np.testing.assert_allclose(pictures @ q[:, 3], RHO * np.cos(np.radians(degrees)), atol=1e-2)


def network(xp, seed=0):
    W, _, c = oracles.machine(20, 9, seed, scale=0.8)
    W2, b2, c2 = oracles.machine(9, 4, seed + 1, scale=2.0)
    arrays = [[xp.asarray(x) for x in machine] for machine in ((W, np.zeros(20), c), (W2, b2, c2))]
    return DBN([RBM(*machine) for machine in arrays], (4, 5), input_norm=RHO), W, c, W2


def test_curvatures_of_a_network_are_those_of_its_hessian_written_out(xp):
    """f = w.sigmoid(W'x + c): H = W diag(w s'') W', projected on the tangent space, minus the sphere's x.g."""
    model, W, c, W2 = network(xp)
    centre = np.random.default_rng(3).standard_normal(20)
    centre /= np.linalg.norm(centre)
    s = expit(RHO * centre @ W + c)
    gradient = W @ (W2[:, 2] * s * (1 - s))
    hessian = W @ np.diag(W2[:, 2] * s * (1 - s) * (1 - 2 * s)) @ W.T
    basis = null_space(centre[None])
    expected = np.linalg.eigvalsh(RHO**2 * basis.T @ hessian @ basis - RHO * (centre @ gradient) * np.eye(19))
    function = unit_function(model, "h2", 2)
    np.testing.assert_allclose(host(function(xp.asarray(RHO * centre[None]))[1])[0], gradient, rtol=1e-10)
    values, vectors = tangent_curvatures(function, xp.asarray(centre), RHO, rng=make_rng(xp, 0))
    np.testing.assert_allclose(host(values), expected[[0, 1, 2, -3, -2, -1]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(host(vectors) @ centre, 0, atol=1e-10)  # tangents


def test_the_activation_along_the_flattest_trace_is_never_below_that_of_the_great_circle(xp):
    """Maximizing can only help; and the flattest lies above the steepest."""
    model, *_ = network(xp)
    units = [Unit("h2", i) for i in range(4)]
    flat, steep, other = (
        InvarianceManifold(direction=d, step=12.0)(model, units, rng=make_rng(xp, 0))
        for d in ("flattest", "steepest", "random")
    )
    highest, *others = (np.maximum(x, x[:, ::-1]) for x in (each.extras["activation"] for each in (flat, other, steep)))
    for reached in others:
        assert (highest >= reached - 1e-6).all()
    assert (flat.extras["flattest"] >= flat.extras["steepest"]).all()
    norms = np.sqrt((flat.images.reshape(4, -1, 20) ** 2).sum(axis=-1))
    np.testing.assert_allclose(norms, RHO, rtol=1e-6)
    cosine = (flat.images * flat.images[:, :1]).sum(axis=(2, 3)) / RHO**2
    np.testing.assert_allclose(cosine, np.cos(np.radians(flat.extras["angle"])), atol=1e-6)


def test_a_linear_unit_falls_as_the_cosine_in_every_direction(xp):
    model, W, c, _ = network(xp)
    out = InvarianceManifold()(model, ["h1:3"], rng=make_rng(xp, 0))
    size = np.linalg.norm(W[:, 3])
    np.testing.assert_allclose(out.extras["flattest"], -RHO * size, rtol=1e-5)
    np.testing.assert_allclose(out.extras["steepest"], -RHO * size, rtol=1e-5)
    angle = np.radians(out.extras["trace_angle"][0])
    np.testing.assert_allclose(out.extras["activation"][0], RHO * size * np.cos(angle) + c[3], rtol=1e-4)


# --- maxima at every angle


@dataclass(frozen=True)
class TwoBumps:
    """One unit: a bump at unit vector t0, a lower one at t1, and a flat direction q: columns of `templates` (D, 3)."""

    templates: object

    def forward(self, x):
        xp = array_module(x)
        match = x @ self.templates / RHO
        bumps = xp.exp(14 * (match[..., :2] - 1)) * xp.asarray([1.0, 0.8])
        flat = match[..., 2:]
        pre = bumps.sum(axis=-1, keepdims=True) + 0.15 * flat * flat
        slope = xp.concatenate([14 * bumps, 0.3 * flat], axis=-1)
        return pre, lambda gy: gy * slope @ self.templates.T / RHO

    def select(self, units):
        return self


def test_where_another_bump_is_higher_than_the_trace_the_trace_jumps_to_it(xp):
    """The value at every angle is the greatest over the directions in the plane of the other bump and the flat one."""
    q = np.linalg.qr(np.random.default_rng(0).standard_normal((9, 9)))[0]
    apart = math.radians(60)
    t1 = math.cos(apart) * q[:, 0] + math.sin(apart) * q[:, 1]
    unit = TwoBumps(xp.asarray(np.stack([q[:, 0], t1, q[:, 2]], axis=1)))
    out = trace(Model(unit, (3, 3), xp), max_angle=75.0, step=5.0, shown=3, starts=64)
    centre = out.images[0, 0].reshape(-1) / RHO
    away = q[:, 1] - (q[:, 1] @ centre) * centre
    away /= np.linalg.norm(away)
    phi = np.linspace(0, np.pi, 40001)  # q and -q are alike
    directions = np.outer(np.cos(phi), away) + np.outer(np.sin(phi), q[:, 2])
    activation, degrees = out.extras["activation"][0], out.extras["trace_angle"][0]
    highest = np.maximum(activation, activation[::-1])
    for value, angle in zip(highest, np.radians(degrees), strict=True):
        x = RHO * (math.cos(angle) * centre + math.sin(abs(angle)) * directions)
        assert value == pytest.approx(host(unit.forward(xp.asarray(x))[0]).max(), rel=1e-6)
    assert highest[np.abs(degrees) == 60].min() > 0.8
    assert 0.15 * math.sin(apart) ** 2 + math.exp(14 * (math.cos(apart) - 1)) < 0.12  # of a trace along q alone
    assert out.notes == ("",)


def random_starts(function, centre, norm, angle, rng, n=20):
    """The highest of `n` maxima at one angle from `centre` that scipy's L-BFGS reaches from random directions."""
    basis = null_space(centre[None])

    def loss(z):
        size = np.linalg.norm(z)
        u = z / size
        value, grad = function((norm * (math.cos(angle) * centre + math.sin(angle) * (basis @ u)))[None])
        grad = norm * math.sin(angle) * (basis.T @ grad[0])
        return -value[0], -(grad - (grad @ u) * u) / size

    ends = []
    for _ in range(n):
        z = rng.standard_normal(len(centre) - 1)
        ends.append(-minimize(loss, z / np.linalg.norm(z), jac=True, method="L-BFGS-B").fun)
    return max(ends)


def shortfall(model, units, out, angles):
    """By how much of its value random starts beat the higher of both ways, at worst."""
    rng, worst = np.random.default_rng(0), 0.0
    for i, unit in enumerate(units):
        function = unit_function(model, unit.layer, unit.index)
        centre = out.images[i, 0].reshape(-1).astype(float)
        norm = np.linalg.norm(centre)
        for angle in angles:
            reached = out.extras["activation"][i][np.isclose(np.abs(out.extras["trace_angle"][i]), angle)].max()
            best = random_starts(function, centre / norm, norm, math.radians(angle), rng)
            worst = max(worst, (best - reached) / abs(best))
    return worst


def test_random_starts_do_not_beat_the_maxima_of_a_small_network():
    model, *_ = network(np)
    units = [Unit("h2", i) for i in range(4)]
    out = InvarianceManifold(max_angle=96.0, step=12.0)(model, units, rng=make_rng(np, 0))
    assert shortfall(model, units, out, [12, 48, 96]) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["h1", "h2", "h3"])
def test_random_starts_do_not_beat_the_maxima_of_the_shipped_model(layer):
    model = checkpoint.load("pretrained", xp=np).model
    method = InvarianceManifold(max_angle=96.0, step=6.0)
    out = method(model, [Unit(layer, i) for i in range(13)], rng=make_rng(np, 0))
    alive = np.flatnonzero(np.isfinite(out.extras["activation"]).all(axis=1))[:12]
    out = replace(out, images=out.images[alive], extras={name: x[alive] for name, x in out.extras.items()})
    units = [Unit(layer, int(i)) for i in alive]
    assert shortfall(model, units, out, [18, 36, 54, 66, 78, 90, 96]) < 0.01


def test_the_optimum_of_the_shipped_models_unit_is_stationary_and_its_curvature_that_of_its_hessian():
    model = checkpoint.load("pretrained", xp=np).model
    function, norm = unit_function(model, "h2", 1), float(model.input_norm)
    start = np.random.default_rng(0).standard_normal(784)
    search = Search.of(model, "h2", 1, norm, restarts=8)
    optimum = search.optimum(norm * start / np.linalg.norm(start), make_rng(np, 0))
    centre = optimum.points[0]
    gradient = function(norm * centre[None])[1][0]
    along = gradient - (gradient @ centre) * centre
    assert optimum.stationary.all() and np.linalg.norm(along) <= 1e-6 * np.linalg.norm(gradient)
    W, c, w = (x.astype(float) for x in (model.rbms[0].W, model.rbms[0].hbias, model.rbms[1].W[:, 1]))
    s = expit(norm * centre @ W + c)
    hessian = (W * (w * s * (1 - s) * (1 - 2 * s))) @ W.T
    basis = null_space(centre[None])
    expected = np.linalg.eigvalsh(norm**2 * basis.T @ hessian @ basis - norm * (centre @ gradient) * np.eye(783))
    values, _ = tangent_curvatures(function, centre, norm, rng=make_rng(np, 0))
    np.testing.assert_allclose(values, expected[[0, 1, 2, -3, -2, -1]], rtol=1e-4)


def test_all_directions_start_from_one_optimum(xp):
    model, *_ = network(xp)
    a, b, c = (
        InvarianceManifold(direction=d, starts=1)(model, ["h2:0"], rng=make_rng(xp, 0))
        for d in ("flattest", "steepest", "random")
    )
    np.testing.assert_array_equal(a.images[:, 0], b.images[:, 0])
    np.testing.assert_array_equal(a.images[:, 0], c.images[:, 0])
    np.testing.assert_array_equal(a.extras["flattest"], b.extras["flattest"])
    found = InvarianceManifold(starts=1).along(["random", "flattest"], model, ["h2:0"], rng=make_rng(xp, 0))
    for alone, together in zip((c, a), found, strict=True):
        np.testing.assert_array_equal(alone.images, together.images)
        assert alone.settings == together.settings
        for name, x in alone.extras.items():
            np.testing.assert_array_equal(x, together.extras[name])


# --- a known invariance


def ring(D=24, width=1.8):
    """All shifts of a bump on a ring of D pixels, as columns."""
    t = np.arange(D)
    bump = np.exp(-0.5 * (np.minimum(t, D - t) / width) ** 2)
    bump -= bump.mean()
    bump /= np.linalg.norm(bump)
    return np.stack([np.roll(bump, s) for s in range(D)], axis=1)


def shifted(x, by):
    """The band-limited ring `x` shifted by real numbers `by`: (N, D)."""
    frequency = np.fft.fftfreq(len(x))
    return np.fft.ifft(np.fft.fft(x) * np.exp(-2j * np.pi * frequency * np.asarray(by)[:, None]), axis=1).real


def test_the_trace_of_a_unit_invariant_to_shifts_follows_the_shifts(xp):
    model = Model(AnyShift(xp.asarray(ring())), (24,), xp)
    out = trace(model, max_angle=72.0, step=4.0, shown=6)
    pictures, degrees = film(out)
    by = np.linspace(-5, 5, 1001)
    orbit = shifted(out.images[0, 0], by) / RHO
    cosine = pictures @ orbit.T / RHO
    assert cosine.max(axis=1).min() > 0.99  # on the orbit all the way
    moved = by[cosine.argmax(axis=1)]
    assert (np.diff(moved) > 0.05).all() or (np.diff(moved) < -0.05).all()  # and one way along it
    assert np.abs(moved).max() > 1.5
    activation = out.extras["activation"][0]
    assert activation.min() > 0.97 * activation.max()
    # The great circle that leaves in the same direction loses the bump: the orbit is curved.
    middle = len(degrees) // 2
    leaving = pictures[middle + 1] - pictures[middle] * (pictures[middle + 1] @ pictures[middle]) / RHO**2
    leaving *= RHO / np.linalg.norm(leaving)
    straight = math.cos(math.radians(72)) * pictures[middle] + math.sin(math.radians(72)) * leaving
    assert (straight @ orbit.T / RHO).max() < 0.97
    steep = trace(model, direction="steepest", max_angle=72.0).extras["activation"][0]
    assert steep[[0, -1]].max() < 0.75 * activation.max()


# --- the number


def test_invariance_angle_is_where_the_gain_has_fallen(xp):
    angles = np.arange(-60, 61, 4.0)
    cosine = np.cos(np.radians(angles))
    assert invariance_angle(angles, 3 * cosine, 0.0) == pytest.approx(math.degrees(math.acos(0.9)), abs=0.2)
    # over a rest of 1: 1 + 2 (f - 1) / 2 ..., so that the gain is 0.9 at a cosine of 14/15
    assert invariance_angle(angles, 3 * cosine, 1.0) == pytest.approx(math.degrees(math.acos(14 / 15)), abs=0.2)
    assert invariance_angle(angles, 0 * angles + 2, 1.0) == 60  # never falls
    one_way = np.where(angles < 0, 3.0, 3 * cosine)
    assert invariance_angle(angles, one_way, 0.0) == pytest.approx((60 + math.degrees(math.acos(0.9))) / 2, abs=0.2)
    assert invariance_angle(angles, 3 * cosine, 0.0, share=0.5) == pytest.approx(60)


# --- what cannot be traced


def test_a_dead_unit_is_noted_and_not_drawn(xp):
    model, *_ = network(xp)
    model.rbms[1].W[:, 1] = 0
    out = InvarianceManifold()(model, ["h2:1", "h2:2"], rng=make_rng(xp, 0))
    assert out.notes[0].startswith("dead") and out.notes[1] == ""
    assert np.isnan(out.images[0]).all() and np.isnan(out.extras["activation"][0]).all()
    assert np.isfinite(out.images[1]).all()


@pytest.mark.parametrize("settings", [{"step": 0}, {"step": 90.0}, {"shown": 0}, {"shown": 99}, {"max_angle": 180.0}])
def test_refuses_settings_that_make_no_sense(settings):
    with pytest.raises(
        ValueError,
        match=r"step must lie in|a step for each of the .* pictures|shown must be|max_angle must lie between 0 and 180",
    ):
        InvarianceManifold(**settings)(network(np)[0], ["h2:0"], rng=make_rng(np, 0))


def test_refuses_an_input_too_small_for_its_directions():
    model = replace(quadratic(np)[0], input_shape=(2, 2))
    with pytest.raises(ValueError, match=r"at least 8 pixels, got \(2, 2\)"):
        InvarianceManifold()(model, ["h1:0"], rng=make_rng(np, 0))


# --- maps


@pytest.mark.parametrize("direction", ["flattest", "random"])
@pytest.mark.parametrize("unit", ["conv2:0", "conv2:5@0,0", "conv2:1@mean"])
def test_of_a_channel_everything_outside_its_receptive_field_stays_dark(unit, direction):
    model = ConvNet.random((16, 14), (3, 6), (5,), 4, rng=np.random.default_rng(0), kernel=3)
    model.input_norm, unit = RHO, Unit.parse(unit)
    method = InvarianceManifold(starts=2, restarts=1, max_angle=40.0, step=20.0, shown=2, direction=direction)
    out = method(model, [unit], rng=make_rng(np, 0))
    assert out.units == (unit,)
    unseen = np.ones((16, 14), dtype=bool)
    unseen[model.receptive_field("conv2", unit.position).slices] = False
    assert (out.images[..., unseen] == 0).all()
    np.testing.assert_allclose(np.sqrt((out.images**2).sum(axis=(-2, -1))), RHO, rtol=1e-4)
    np.testing.assert_allclose(
        out.scores[0],
        np.interp(out.extras["angle"][0], out.extras["trace_angle"][0], out.extras["activation"][0]),
        rtol=1e-3,
        atol=1e-4,
    )


def test_a_unit_that_sees_too_little_is_refused():
    model = ConvNet.random((8, 8), (3,), (5,), 4, rng=np.random.default_rng(0), kernel=2)
    model.input_norm = RHO
    with pytest.raises(ValueError, match=r"at least 8 pixels, got \(2, 2\): what conv1:1 sees"):
        InvarianceManifold()(model, ["conv1:1"], rng=make_rng(np, 0))
