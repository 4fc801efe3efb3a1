"""Tempered chains and the diagnosis of chains in convolutional machines, against enumeration of all their states."""

import conv_oracles as oracles
import numpy as np
import pytest
from counts import chi_squared_p, host, state_counts
from small_crbms import Z, build, parameters_of

from dbnvis import ClampedGibbs, Unit
from dbnvis.backend import UnitStreams, make_rng
from dbnvis.evaluate import activity
from dbnvis.evaluate.chains import MIXED
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import GaussianConvRBM
from dbnvis.models.tempering import TemperedMaps

LEVEL = 1e-3
small = pytest.mark.parametrize("name", ["cut blocks", "two channels", "no pooling", "blocks of nine"])


def machine_of(xp, name, kind=None, **settings):
    """The machine, its units in rows, and log p(v, h) of all states with h as rows in the order of its units."""
    parameters, shape, pool = parameters_of(name)
    kinds = {} if kind is None else {"kind": kind}
    crbm = build(xp, parameters, pool, **kinds, **settings)
    model = ConvDBN([crbm], shape[1:] if shape[0] == 1 else shape, input_norm=1.5)
    log_p, v, h = oracles.log_joint(parameters, shape, pool)
    return model, log_p, v, h.transpose(0, 2, 3, 1).reshape(len(h), -1)


def base_of(v):
    return np.linspace(-0.8, 0.9, v.shape[1])


@small
def test_pre_activations_and_biases_of_rows_are_those_of_the_machine(xp, name):
    model, log_p, v, h = machine_of(xp, name)
    rbm, x, on = model.rbms[0], xp.asarray(v[-5:]), xp.asarray(h[-5:])
    from_v = (rbm.input_to_h(x) * on).sum(axis=1) + x @ rbm.vbias
    from_h = (rbm.input_to_v(on) * x).sum(axis=1) + (rbm.input_to_h(0 * x) * on).sum(axis=1)
    expected = log_p[np.arange(-5, 0), np.arange(-5, 0)]
    np.testing.assert_allclose(host(from_v), expected, atol=1e-12)
    np.testing.assert_allclose(host(from_h), expected, atol=1e-12)


@small
def test_the_units_of_a_block_are_never_on_together(xp, name):
    model, _, _, h = machine_of(xp, name)
    rbm = model.rbms[0]
    for unit in range(rbm.n_hidden):
        alone = [j for j in range(rbm.n_hidden) if j == unit or not (h[:, j] * h[:, unit]).any()]
        assert rbm.block(unit)[0] == unit and sorted(rbm.block(unit)) == alone


@small
@pytest.mark.parametrize("betas", [[1.0, 0.0], [1.0, 0.6, 0.3, 0.0]], ids=len)
def test_exchange_leaves_every_replicas_distribution_unchanged(xp, name, betas):
    """All replicas start at draws of their own distribution, given the unit on, and keep it."""
    model, log_p, v, h = machine_of(xp, name)
    unit, n, numbers = 3, 5_000, np.random.default_rng(0)
    base, rng = base_of(v), make_rng(xp, 1)
    on = np.flatnonzero(h[:, unit])
    tables = [(1 - beta) * (v @ base)[:, None] + beta * log_p[:, on] for beta in betas]
    tables = [np.exp(x - x.max()) / np.exp(x - x.max()).sum() for x in tables]
    states = np.stack([h[on[numbers.choice(len(on), n, p=p.sum(axis=0))]] for p in tables])
    path, states = TemperedMaps(model.rbms[0], xp.asarray(base), unit), xp.asarray(states)
    for _ in range(3):
        visible, states = path.exchange(states, xp.asarray(np.array(betas)), rng=rng)
    rows = {row.tobytes(): i for i, row in enumerate(h[on])}
    for p, x, y in zip(tables, host(visible), host(states), strict=True):
        assert chi_squared_p(state_counts(x), p.sum(axis=1)) > LEVEL / 20
        counts = np.bincount([rows[row.tobytes()] for row in y.astype(float)], minlength=len(on))
        assert chi_squared_p(counts, p.sum(axis=0)) > LEVEL / 20
    # and the test could tell another temperature
    assert chi_squared_p(state_counts(host(visible)[0]), tables[-1].sum(axis=1)) < LEVEL


@pytest.mark.parametrize("name", ["cut blocks", "no pooling", "blocks of nine"])
def test_tempered_chains_draw_given_the_unit(xp, name):
    model, log_p, v, h = machine_of(xp, name)
    p = np.exp(log_p - log_p.max())
    groups, rows, columns = model.layer_shape("h1")
    units = [Unit("h1", k, (i, j)) for k in range(groups) for i in range(rows) for j in range(columns)][::3]
    numbers = [(i * columns + j) * groups + unit.index for unit in units for i, j in [unit.position]]
    expected = np.array([(p @ h[:, j]) @ v / (p @ h[:, j]).sum() for j in numbers])
    how = ClampedGibbs(chains=1500, shown=1500, draws=1, burn_in=30, thin=1, temperatures=4)
    out = how(model, units, rng=make_rng(xp, 0))
    draws = host(out.images)[:, 1:].reshape(len(units), 1500, -1)
    error = draws.std(axis=1, ddof=1) / np.sqrt(1500)
    assert (np.abs(host(out.images)[:, 0].reshape(len(units), -1) - expected) / error).max() < Z
    assert (np.abs(draws.mean(axis=1) - np.roll(expected, 1, axis=0)) / error).max(axis=1).min() > Z


def test_tempering_lets_chains_of_maps_leave_a_deep_mode(xp):
    """All pixels on and all groups, or, beside the unit held, none: biases that make both modes equally deep."""
    crbm = build(xp, [np.full((4, 1, 2, 2), 4.0), np.full(1, -10.0), np.full(4, -8.0)], 2)
    model = ConvDBN([crbm], (2, 2), input_norm=1.0)
    plain, tempered = (
        ClampedGibbs(temperatures=t, draws=20, thin=10)(model, ["h1:0"], rng=make_rng(xp, 0)) for t in (1, 10)
    )
    assert plain.extras["mixing"][0] > MIXED > tempered.extras["mixing"][0]
    assert tempered.extras["tau"][0] < plain.extras["tau"][0] / 3


def test_chains_above_gaussian_pixels_are_not_tempered():
    model, _, v, _ = machine_of(np, "cut blocks", GaussianConvRBM, variance=0.5)
    with pytest.raises(TypeError, match="tempering is written for binary visible units"):
        TemperedMaps(model.rbms[0], base_of(v), 0)


def streams(xp, n):
    return UnitStreams([make_rng(xp, 7, i) for i in range(n)])


@small
def test_how_often_units_are_on(xp, name):
    """Both estimates of p(unit on), whole blocks and those cut off at the border."""
    model, log_p, _, h = machine_of(xp, name)
    p = np.exp(log_p - log_p.max())
    truth = p.sum(axis=0) @ h / p.sum()
    rbm = model.rbms[0]
    units = [*range(rbm.n_hidden)][::3]
    start = (np.random.default_rng(3).random((len(units), 150, rbm.n_visible)) < 0.5).astype(float)
    odds = activity.annealed_log_odds(rbm, xp.asarray(start), units, burn_in=20, steps=40, rng=streams(xp, len(units)))
    annealed, error = activity.p_on_of_odds(*odds)
    assert (np.abs(host(annealed) - truth[units]) / host(error)).max() < Z and (host(error) < 0.05).all()
    found, error = activity.p_on_of_chains(rbm, xp.asarray(start[0]), units, sweeps=40, rng=make_rng(xp, 5))
    assert (np.abs(found - truth[units]) / error).max() < Z and (error < 0.05).all()


def test_a_units_odds_do_not_depend_on_the_units_beside_it(xp):
    model, _, _, _ = machine_of(xp, "cut blocks")  # of blocks of four, and of two at the border
    rbm, start = model.rbms[0], xp.asarray((np.random.default_rng(3).random((3, 50, 12)) < 0.5).astype(float))
    together = activity.annealed_log_odds(rbm, start, [0, 4, 7], rng=streams(xp, 3))
    alone = activity.annealed_log_odds(rbm, start[1:2], [4], rng=UnitStreams([make_rng(xp, 7, 1)]))
    np.testing.assert_allclose([x[1] for x in map(host, together)], [x[0] for x in map(host, alone)], rtol=1e-9)


def test_the_diagnosis_of_maps(xp):
    model, log_p, _, h = machine_of(xp, "cut blocks")
    p = np.exp(log_p - log_p.max())
    truth = p.sum(axis=0) @ h / p.sum()
    images = xp.asarray(np.random.default_rng(2).random((60, 3, 4)))
    units = ["h1:0@0,0", "h1:1@1,2"]
    plain, out = (
        ClampedGibbs(diagnose=d, draws=20)(model, units, rng=make_rng(xp, 0), images=images) for d in (False, True)
    )
    np.testing.assert_array_equal(plain.images, out.images)
    expected = truth[[0, (1 * 3 + 2) * 2 + 1]][:, None]
    assert (np.abs(host(out.extras["p_on"]) - expected) < Z * host(out.extras["p_on_error"])).all()
    assert out.notes == ("", "") and (host(out.extras["start_p"]) > 0.01).all()
    np.testing.assert_allclose(host(out.extras["occupancy"]).sum(axis=2), 1)


def test_odds_in_a_block_do_not_overflow():
    """r = exp(500) against 1 + exp(400): log-odds 100, both errors count in full; alone, it is only the own one."""
    unit, other = (np.array([500.0]), np.array([0.3])), (np.array([400.0]), np.array([0.4]))
    log_odds, error = activity._against(unit, [other], [2])
    assert log_odds[0] == pytest.approx(100) and error[0] == pytest.approx(0.5)
    log_odds, error = activity._against(unit, [other], [1])
    assert log_odds[0] == pytest.approx(500) and error[0] == pytest.approx(0.3)
