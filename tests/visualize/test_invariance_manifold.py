"""Invariance manifolds of units whose curvature or invariance is known because it was put there."""

import math
from dataclasses import dataclass, replace

import numpy as np
import oracles
import pytest
from counts import host
from scipy.linalg import null_space
from scipy.special import expit

from dbnvis import DBN, RBM, Unit
from dbnvis.backend import array_module, make_rng
from dbnvis.backend.eigen import extreme_eigenvectors
from dbnvis.evaluate.curvature import invariance_angle, tangent_curvatures
from dbnvis.models.convnet import ConvNet
from dbnvis.models.layers import Flatten, Network
from dbnvis.visualize.invariance_manifold import InvarianceManifold, _function

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
    values, vectors = tangent_curvatures(_function(model, "h1", 0), centre, RHO, rng=make_rng(xp, 1))
    order = sorted(known, key=known.get)
    ends = order[:3] + order[-3:]
    np.testing.assert_allclose(host(values), [known[i] for i in ends], rtol=1e-6)
    overlap = np.abs((host(vectors) * q[:, ends].T).sum(axis=1))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


def test_the_trace_of_a_quadratic_unit_stays_in_the_plane_of_its_flattest_direction(xp):
    model, q, known = quadratic(xp)
    out = trace(model)
    np.testing.assert_allclose(out.extras["flattest"][0], [known[i] for i in (0, 1, 2)], rtol=1e-4)
    np.testing.assert_allclose(out.extras["steepest"][0], [known[i] for i in (11, 10, 9)], rtol=1e-4)
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
    np.testing.assert_allclose(out.extras["activation"][0], expected, atol=1e-3)


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
    function = _function(model, "h2", 2)
    np.testing.assert_allclose(host(function(xp.asarray(RHO * centre[None]))[1])[0], gradient, rtol=1e-10)
    values, vectors = tangent_curvatures(function, xp.asarray(centre), RHO, rng=make_rng(xp, 0))
    np.testing.assert_allclose(host(values), expected[[0, 1, 2, -3, -2, -1]], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(host(vectors) @ centre, 0, atol=1e-10)  # tangents


def test_the_activation_along_the_flattest_trace_is_never_below_that_of_the_great_circle(xp):
    """Re-maximizing can only help; and the flattest lies above the steepest."""
    model, *_ = network(xp)
    units = [Unit("h2", i) for i in range(4)]
    flat, steep, other = (
        InvarianceManifold(direction=d)(model, units, rng=make_rng(xp, 0)) for d in ("flattest", "steepest", "random")
    )
    assert (flat.extras["activation"] >= other.extras["activation"] - 1e-6).all()
    assert (flat.extras["activation"] >= steep.extras["activation"] - 1e-6).all()
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


def test_extreme_eigenvectors_are_those_of_the_matrix(xp):
    A = np.random.default_rng(0).standard_normal((30, 30))
    A = A + A.T
    device = xp.asarray(A)
    values, vectors = extreme_eigenvectors(lambda v: device @ v, xp.asarray(np.ones(30)), 2)
    expected, basis = np.linalg.eigh(A)
    np.testing.assert_allclose(host(values), expected[[0, 1, -2, -1]], rtol=1e-6)
    np.testing.assert_allclose(np.abs(host(vectors) @ basis[:, [0, 1, -2, -1]]), np.eye(4), atol=1e-4)


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
    method = InvarianceManifold(starts=2, max_angle=40.0, step=20.0, shown=2, direction=direction)
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
