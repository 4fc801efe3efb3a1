"""Clamped-unit Gibbs sampling against exact enumeration of small models.

Statistical tests have a fixed seed. They standardize the difference of a mean over independent chains and its
expectation (or of two such means) and bound the largest of at most 200 values by `Z`: chance exceeds it with
probability below 200 * 2 * (1 - Phi(4.5)) = 0.0014.
"""

import numpy as np
import oracles
import pytest
from planted import N_UNITS, cosines, planted

from dbnvis import DBN, RBM, ClampedGibbs, GaussianRBM, Unit, checkpoint, clamp, gibbs
from dbnvis.backend import UnitStreams, make_rng, move, to_numpy
from dbnvis.backend.clusters import cluster_centres
from dbnvis.evaluate.chains import MIXED, binary_scale_reduction
from dbnvis.evaluate.scores import pre_activations, rescale
from dbnvis.visualize.clamped_gibbs import _Sampler

Z = 4.5
CHAINS = 3000


def random_rbm(V, H, seed, xp=np, dtype="float32", scale=1.0):
    return RBM(*(move(x.astype(dtype), xp) for x in oracles.machine(V, H, seed, scale)))


def params(rbm):
    return [to_numpy(x).astype(np.float64) for x in (rbm.W, rbm.vbias, rbm.hbias)]


def exact_means(*rbms):
    """E[pixels | unit on] of each unit of the top RBM, (H, V): all states of it, then all of every layer below."""
    *lower, top = [params(rbm) for rbm in rbms]
    p_h = oracles.p_h(*top)
    p = np.array([p_h * on / (p_h @ on) for on in oracles.states(len(top[2])).T])  # (H, 2**H)
    for machine in (top, *reversed(lower)):
        p = p @ oracles.p_v_given_h(*machine)  # the directed pass down, over all states below
    return p @ oracles.states(len(rbms[0].vbias))


def sampled(model, layer, units=None, *, seed=0, images=None, **settings):
    """`CHAINS` independent draws of every unit: one draw of each chain, all of them returned."""
    settings = {"chains": CHAINS, "shown": CHAINS, "draws": 1, "burn_in": 60, "thin": 1} | settings
    units = range(model.layer_shape(layer)[0]) if units is None else units
    return ClampedGibbs(**settings)(model, [Unit(layer, i) for i in units], rng=make_rng(model.xp, seed), images=images)


def z_values(out, expected):
    """Standardized difference of the mean picture of each unit (U, V) and its expectation."""
    draws = out.images[:, 1:].reshape(len(out.units), out.images.shape[1] - 1, -1)
    mean = out.images[:, 0].reshape(len(out.units), -1)
    error = draws.std(axis=1, ddof=1) / np.sqrt(draws.shape[1])
    return (mean - expected) / error


# --- against enumeration


@pytest.mark.parametrize("start", ["noise", "data"])
def test_the_mean_is_the_expectation_given_the_unit_in_one_rbm(xp, start):
    rbm = random_rbm(6, 4, seed=1, xp=xp)
    model = DBN([rbm], (2, 3), input_norm=1.5)
    images = move(np.random.default_rng(2).random((50, 2, 3)).astype("float32"), xp)
    out = sampled(model, "h1", images=images, start=start)
    exact = exact_means(rbm)
    assert np.abs(z_values(out, exact)).max() < Z
    # and the test could tell: neither the unclamped mean nor the next unit's would pass
    assert np.abs(z_values(out, oracles.mean_v(*params(rbm)))).max(axis=1).min() > Z
    assert np.abs(z_values(out, np.roll(exact, 1, axis=0))).max(axis=1).min() > Z


@pytest.mark.parametrize("unit", range(4))
def test_the_expectation_is_that_of_the_rbm_with_the_unit_moved_into_the_biases(unit):
    """`clamp`, enumerated and sampled, gives the same picture."""
    rbm = random_rbm(6, 4, seed=1, dtype="float64")
    clamped = clamp(rbm, unit)
    np.testing.assert_allclose(oracles.mean_v(*params(clamped)), exact_means(rbm)[unit], rtol=1e-12)

    rng = np.random.default_rng(5)
    v = gibbs(clamped, rng.integers(0, 2, (CHAINS, 6)).astype(float), 60, rng=rng)
    chains = clamped.mean_v_given_h(clamped.sample_h_given_v(v, rng=rng))
    out = sampled(DBN([rbm], (6,), input_norm=1.0), "h1", [unit])
    error = np.sqrt((chains.var(axis=0) + out.images[0, 1:].var(axis=0)) / CHAINS)
    assert (np.abs(out.images[0, 0] - chains.mean(axis=0)) / error).max() < Z


def test_the_mean_is_the_expectation_given_the_unit_in_a_stack_of_two(xp):
    rbms = [random_rbm(7, 4, seed=3, xp=xp), random_rbm(4, 3, seed=4, xp=xp, scale=1.5)]
    out = sampled(DBN(rbms, (7,), input_norm=1.5), "h2")
    exact = exact_means(*rbms)
    assert np.abs(z_values(out, exact)).max() < Z
    assert np.abs(z_values(out, np.roll(exact, 1, axis=0))).max(axis=1).min() > Z


def test_a_lower_layer_of_a_stack_ignores_what_lies_above():
    rbms = [random_rbm(7, 4, seed=3), random_rbm(4, 3, seed=4, scale=5.0)]
    out = sampled(DBN(rbms, (7,), input_norm=1.5), "h1")
    assert np.abs(z_values(out, exact_means(rbms[0]))).max() < Z


def test_the_mean_is_the_expectation_in_a_gaussian_rbm():
    rbm = GaussianRBM(*params(random_rbm(5, 3, seed=6)))
    W, vbias, hbias = params(rbm)
    h = oracles.states(3)
    log_p = h @ hbias + 0.5 * ((h @ W.T + vbias) ** 2).sum(axis=1)  # exp of half the square of the mean: v summed out
    p = np.exp(log_p - log_p.max())
    exact = []
    for j in range(3):
        weight = p * h[:, j]
        exact.append(weight / weight.sum() @ (h @ W.T + vbias))
    out = sampled(DBN([rbm], (5,), input_norm=1.0), "h1", burn_in=200)
    assert np.abs(z_values(out, np.array(exact))).max() < Z


# --- what is returned


def test_draws_are_pixel_probabilities_under_states_that_have_the_unit_on(xp):
    """Each picture of a single chain is p(v = 1 | h) of a binary h with h[unit] = 1: there are only eight of them."""
    rbm = random_rbm(6, 4, seed=1, xp=xp)
    given_h = oracles.mean_v_given_h(*params(rbm))  # (16, 6)
    out = sampled(DBN([rbm], (6,), input_norm=1.0), "h1", chains=50, shown=50)
    for j, pictures in enumerate(out.images[:, 1:]):
        with_unit = given_h[oracles.states(4)[:, j] == 1]
        distance = np.abs(pictures[:, None] - with_unit).max(axis=-1)  # (chains, 8)
        assert (distance.min(axis=1) < 1e-6).all()
        assert len(np.unique(distance.argmin(axis=1))) > 1


def test_one_draw_of_each_chain_averages_to_the_picture(xp):
    out = sampled(DBN([random_rbm(6, 4, seed=1, xp=xp)], (2, 3), input_norm=1.0), "h1", chains=40, shown=40)
    assert out.images.shape == (4, 41, 2, 3)
    np.testing.assert_allclose(out.images[:, 0], out.images[:, 1:].mean(axis=1), rtol=1e-5)


def test_the_picture_averages_over_draws_as_well():
    """With d draws of slowly changing chains the picture differs from the mean of the last draws, in the right way."""
    model = DBN([random_rbm(6, 4, seed=1)], (6,), input_norm=1.0)
    several = sampled(model, "h1", draws=4, thin=3, burn_in=7)
    exact = exact_means(*model.rbms)
    last = several.images[:, 1:]
    error = last.std(axis=1) / np.sqrt(CHAINS)
    assert np.abs((several.images[:, 0] - exact) / error).max() < Z
    assert np.abs(several.images[:, 0] - last.mean(axis=1)).max() > 1e-4
    # the draws before the last are those of a shorter run with the same seed
    before = [sampled(model, "h1", thin=3, burn_in=7 + 3 * i).images[:, 0] for i in range(4)]
    np.testing.assert_allclose(several.images[:, 0], np.mean(before, axis=0), rtol=1e-5)


def test_fewer_shown_chains_are_the_first_ones():
    model = DBN([random_rbm(6, 4, seed=1)], (6,), input_norm=1.0)
    all_shown, few = (sampled(model, "h1", chains=30, shown=n, draws=3) for n in (30, 4))
    np.testing.assert_array_equal(all_shown.images[:, :5], few.images)
    none = sampled(model, "h1", chains=30, shown=0, draws=3)
    np.testing.assert_array_equal(all_shown.images[:, :1], none.images)


# --- the other units off


def logistic(x):
    return 1 / (1 + np.exp(-x))


def exact_alone(*rbms):
    """E[pixels | one unit of the top RBM on, the others off], (H, V): all states of every layer below the unit."""
    *lower, top = [params(rbm) for rbm in rbms]
    H = len(top[2])
    p = np.eye(2**H)[[2 ** (H - 1 - j) for j in range(H)]]  # the states are in the order of their binary numbers
    for machine in (top, *reversed(lower)):
        p = p @ oracles.p_v_given_h(*machine)
    return p @ oracles.states(len(rbms[0].vbias))


def test_alone_a_unit_of_the_first_layer_shows_the_exact_mean(xp):
    rbm = random_rbm(6, 4, seed=1, xp=xp)
    out = sampled(DBN([rbm], (2, 3), input_norm=1.5), "h1", others="zero", chains=3)
    W, vbias, _ = params(rbm)
    assert out.images.shape == (4, 1, 2, 3)
    np.testing.assert_allclose(out.images.reshape(4, 6), logistic(vbias + W.T), rtol=1e-5)
    np.testing.assert_allclose(out.images.reshape(4, 6), exact_alone(rbm), rtol=1e-5)
    assert np.abs(out.images.reshape(4, 6) - exact_means(rbm)).max() > 0.05  # the other question's answer


def test_alone_a_unit_over_gaussian_pixels_shows_the_exact_mean():
    W, vbias, hbias = params(random_rbm(5, 3, seed=6))
    out = sampled(DBN([GaussianRBM(W, vbias, hbias, variance=0.3)], (5,), input_norm=1.0), "h1", others="zero")
    np.testing.assert_allclose(out.images[:, 0], vbias + 0.3 * W.T, rtol=1e-6)


@pytest.mark.parametrize("layer", ["h2", "h3"])
def test_alone_a_higher_unit_shows_the_mean_over_all_states_below(xp, layer):
    rbms = [
        random_rbm(7, 4, seed=3, xp=xp),
        random_rbm(4, 3, seed=4, xp=xp, scale=1.5),
        random_rbm(3, 3, seed=5, xp=xp, scale=1.5),
    ]
    depth = int(layer[1])
    out = sampled(DBN(rbms, (7,), input_norm=1.5), layer, others="zero")
    exact = exact_alone(*rbms[:depth])
    assert out.images.shape == (3, 1 + CHAINS, 7)
    assert np.abs(z_values(out, exact)).max() < Z
    # and the test could tell: neither the next unit's, nor the other question's, nor the means passed down would pass
    assert np.abs(z_values(out, np.roll(exact, 1, axis=0))).max(axis=1).min() > Z
    assert np.abs(z_values(out, exact_means(*rbms[:depth]))).max(axis=1).min() > Z
    h = np.eye(3)
    for W, vbias, _ in map(params, reversed(rbms[:depth])):
        h = logistic(h @ W.T + vbias)
    assert np.abs(z_values(out, h)).max() > Z
    # each draw is p(v = 1 | h1) of a binary h1
    distance = np.abs(out.images[:, 1:, None] - oracles.mean_v_given_h(*params(rbms[0]))).max(axis=-1)
    assert distance.min(axis=-1).max() < 1e-6


def test_alone_the_mean_is_over_chains_times_draws_and_no_chain_is_judged():
    model = DBN([random_rbm(7, 4, seed=3), random_rbm(4, 3, seed=4)], (7,), input_norm=1.5)
    out = sampled(model, "h2", others="zero", chains=6, draws=5, shown=30)
    assert out.images.shape == (3, 31, 7)
    np.testing.assert_allclose(out.images[:, 0], out.images[:, 1:].mean(axis=1), rtol=1e-5)
    assert out.extras == {} and out.notes == ("", "", "")
    assert out.settings["others"] == "zero"
    assert ClampedGibbs(others="zero").title != ClampedGibbs().title == ClampedGibbs.title
    few = sampled(model, "h2", [2, 0], others="zero", chains=6, draws=5, shown=3, burn_in=0, thin=9)
    np.testing.assert_array_equal(few.images, out.images[[2, 0], :4])  # neither company, nor what chains need, matters
    other = sampled(model, "h2", others="zero", chains=6, draws=5, shown=30, seed=1)
    assert not np.array_equal(other.images, out.images)


@pytest.mark.parametrize("settings", [{"start": "noise"}, {"temperatures": 3}, {"diagnose": True}], ids=str)
def test_alone_refuses_what_is_for_chains(settings):
    with pytest.raises(ValueError, match="others 'zero' runs no chain: leave start, temperatures and diagnose out"):
        sampled(two_modes()[0], "h1", others="zero", **settings)
    with pytest.raises(ValueError, match="others must be free or zero, got 'off'"):
        sampled(two_modes()[0], "h1", others="off")


# --- starts


def two_modes(xp=np, depth=12.0, tilt=(0.0, 0.0)):
    """Eight pixels; unit 0 weakly prefers pattern A = 11110000 over B = 00001111; two strong units hold A, B fast.

    Returns the DBN and the patterns.
    """
    A, B = np.repeat([1.0, 0.0], 4), np.repeat([0.0, 1.0], 4)
    W = np.stack([0.0 * A, depth * (A - B), depth * (B - A)], axis=1)
    W[:, 0] = tilt[0] * A / 4 + tilt[1] * B / 4
    hbias = np.array([0.0, -2 * depth, -2 * depth])
    rbm = RBM(*(move(x.astype("float32"), xp) for x in (W, np.zeros(8), hbias)))
    return DBN([rbm], (8,), input_norm=2.0), A, B


def test_data_and_noise_start_agree_after_burn_in(xp):
    rbms = [random_rbm(7, 4, seed=3, xp=xp), random_rbm(4, 3, seed=4, xp=xp, scale=1.5)]
    model = DBN(rbms, (7,), input_norm=1.5)
    images = move((np.arange(70).reshape(10, 7) % 3 > 0).astype("float32"), xp)
    noise = sampled(model, "h2", start="noise")
    data = sampled(model, "h2", start="data", images=images, seed=1)
    spread = noise.images[:, 1:].var(axis=1) + data.images[:, 1:].var(axis=1)
    assert (np.abs(noise.images[:, 0] - data.images[:, 0]) / np.sqrt(spread / CHAINS)).max() < Z


def test_noise_starts_are_fair_coins_of_their_own_in_every_chain(xp):
    """Hidden unit i copies pixel i and holds it: all pixels but the clamped one stay as they began."""
    V = 6
    parameters = 40 * np.eye(V), np.full(V, -20.0), np.full(V, -20.0)
    model = DBN([RBM(*(move(x.astype("float32"), xp) for x in parameters))], (V,), input_norm=1.0)
    out = sampled(model, "h1", start="noise", burn_in=5)
    for j, pictures in enumerate(out.images[:, 1:]):
        began = np.delete(pictures > 0.5, j, axis=1)
        assert (pictures[:, j] > 0.99).all()
        counts = np.bincount(began @ 2 ** np.arange(V - 1), minlength=32)  # all 32 states, equally often
        assert np.abs(counts - CHAINS / 32).max() < Z * np.sqrt(CHAINS / 32)


def test_data_starts_draw_images_in_proportion_to_the_units_probability(xp):
    """Chains that cannot leave their mode show where they began: 200 images of A, 300 of B, p(unit | A) = 0.9,
    p(unit | B) = 0.2, so 0.75 of the chains begin at A."""
    log_odds = {p: float(np.log(p / (1 - p))) for p in (0.9, 0.2)}
    model, A, B = two_modes(xp, tilt=(log_odds[0.9], log_odds[0.2]))
    images = move(np.concatenate([np.tile(B, (300, 1)), np.tile(A, (200, 1))]).astype("float32"), xp)
    out = sampled(model, "h1", [0], images=images, start="data", burn_in=3)
    at_A = np.abs(out.images[0, 1:] - A).max(axis=1) < 0.5
    at_B = np.abs(out.images[0, 1:] - B).max(axis=1) < 0.5
    assert (at_A | at_B).all()
    assert abs(at_A.mean() - 0.75) < Z * np.sqrt(0.75 * 0.25 / CHAINS)


def test_auto_starts_from_data_where_there_are_images(xp):
    model, A, _ = two_modes(xp)
    images = move(np.tile(A, (5, 1)).astype("float32"), xp)
    with_images = sampled(model, "h1", [0], images=images, chains=100, shown=0)
    without = sampled(model, "h1", [0], chains=100, shown=0)
    assert (with_images.settings["start"], without.settings["start"]) == ("data", "noise")
    np.testing.assert_allclose(with_images.images[0, 0], A, atol=0.01)
    assert np.abs(without.images[0, 0] - 0.5).max() < 0.25  # noise finds both modes
    explicit = sampled(model, "h1", [0], chains=100, shown=0, images=images, start="noise")
    np.testing.assert_array_equal(explicit.images, without.images)


def test_data_start_of_a_higher_layer_uses_the_layer_below(xp):
    """Only unit 0 of h1 sees the lit half of the images: data-started chains of h2 begin with it on, and stay."""
    net_below = RBM(
        *(move(np.asarray(x, dtype="float32"), xp) for x in ([[20, -20]] * 4 + [[-20, 20]] * 4, [0.0] * 8, [-30, -30]))
    )
    hold = 16.0  # the top RBM keeps whichever of the two units is on
    top = RBM(
        *(
            move(np.asarray(x, dtype="float32"), xp)
            for x in ([[0, hold, -hold], [0, -hold, hold]], [0, 0], [0, -hold / 2, -hold / 2])
        )
    )
    model = DBN([net_below, top], (8,), input_norm=2.0)
    for lit in (np.repeat([1.0, 0.0], 4), np.repeat([0.0, 1.0], 4)):
        images = move(np.tile(lit, (3, 1)).astype("float32"), xp)
        out = sampled(model, "h2", [0], images=images, chains=50, shown=0, burn_in=5)
        np.testing.assert_allclose(out.images[0, 0], lit, atol=0.1)


# --- mixing


def test_chains_of_a_machine_that_mixes_fast_have_a_scale_reduction_near_one(xp):
    model = DBN([random_rbm(6, 4, seed=1, xp=xp, scale=0.3)], (6,), input_norm=1.0)
    out = ClampedGibbs()(model, ["h1:0", "h1:1", "h1:2", "h1:3"], rng=make_rng(xp, 0))
    assert out.extras["mixing"].shape == (4,)
    assert (out.extras["mixing"] >= 1).all()
    assert (out.extras["mixing"] < 1.02).all()
    assert out.notes == ("", "", "", "")


def test_chains_stuck_in_two_deep_modes_have_a_large_one_and_a_note(xp):
    model, _, _ = two_modes(xp)
    out = ClampedGibbs()(model, ["h1:0"], rng=make_rng(xp, 0))
    assert out.extras["mixing"][0] > 5
    assert out.extras["mixing"][0] > MIXED
    assert out.notes[0].startswith("chains have not mixed")
    assert f"R {out.extras['mixing'][0]:.2f}" in out.notes[0]


@pytest.mark.parametrize(("layer", "units"), [("h1", (10, 150)), ("h3", (17,))])
def test_slow_chains_of_the_shipped_model_are_noted_at_the_default_length(layer, units):
    """tau, 50 to 82 sweeps in a record of 100, is 195, 562 and 355 in one of 6,000."""
    model = checkpoint.load("pretrained", xp=np).model
    out = ClampedGibbs()(model, [Unit(layer, i) for i in units], rng=make_rng(np, 0))
    assert (out.extras["tau"] > 20).all()
    assert all(note.startswith("chains have not mixed (tau") and "sweeps, record 100" in note for note in out.notes)


def test_a_single_chain_has_no_scale_reduction_and_no_note():
    model, _, _ = two_modes()
    out = ClampedGibbs(chains=1, shown=1)(model, ["h1:0"], rng=make_rng(np, 0))
    assert np.isnan(out.extras["mixing"]).all()
    assert out.notes == ("",)


def test_scale_reduction_is_the_ratio_of_variances():
    rng = np.random.default_rng(0)
    states = (rng.random((2, 6, 50, 3)) < rng.random((2, 6, 1, 3))).astype(float)  # (U, C, draws, H)
    for u, chains in enumerate(states):
        within = sum(np.mean([np.var(chain[:, h]) for chain in chains]) for h in range(3))
        between = sum(np.var([chain[:, h].mean() for chain in chains], ddof=1) for h in range(3))
        expected = np.sqrt((within + between) / within)
        assert binary_scale_reduction(states.mean(axis=2))[u] == pytest.approx(expected, rel=1e-12)


# --- planted network


@pytest.mark.parametrize("layer", list(N_UNITS))
def test_the_mean_shows_the_planted_pattern_and_raises_its_own_unit(xp, layer):
    net = planted(xp)
    units = [Unit(layer, i) for i in range(N_UNITS[layer])]
    out = ClampedGibbs()(net.model, units, rng=make_rng(xp, 0))
    assert cosines(out.images[:, 0], net.patterns[layer]).diagonal().min() > 0.95
    fantasy = net.model.sample(1000, layer, 60, rng=make_rng(xp, 1)).mean(axis=0)[None]
    unclamped = to_numpy(pre_activations(net.model, layer, rescale(fantasy, net.model.input_norm, 2))[0])
    assert (out.scores[:, 0] > unclamped).all()


# --- what cannot be done


def test_a_model_without_p_v_given_h_is_refused():
    class ConvNet:
        layer_names = ["h1"]

        def layer_shape(self, layer):
            return (3,)

    with pytest.raises(TypeError, match=r"ConvNet has no p\(v \| h\).*use activation maximization"):
        ClampedGibbs()(ConvNet(), ["h1:0"], rng=np.random.default_rng(0))


@pytest.mark.parametrize("settings", [{"chains": 0}, {"draws": 0}, {"thin": 0}, {"burn_in": -1}, {"shown": -1}])
def test_refuses_settings_that_make_no_sense(settings):
    with pytest.raises(ValueError, match=f"{next(iter(settings))} must be an integer of at least"):
        sampled(two_modes()[0], "h1", **settings)


def test_data_start_without_images_is_refused():
    with pytest.raises(ValueError, match="start 'data' needs images"):
        sampled(two_modes()[0], "h1", start="data")


# --- diagnostics


def test_memory_of_the_chains_is_that_of_their_states(xp):
    """A machine without weights draws anew at every sweep: tau is 1; deep modes are never left: a draw per chain."""
    free = DBN([random_rbm(6, 40, seed=1, xp=xp, scale=0.0)], (6,), input_norm=1.0)
    out = ClampedGibbs(draws=20, thin=10)(free, ["h1:0"], rng=make_rng(xp, 0))
    assert out.extras["tau"][0] == pytest.approx(1, abs=0.1)
    assert out.extras["ess"][0] == pytest.approx(30 * 200 / out.extras["tau"][0])
    stuck = ClampedGibbs(draws=20, thin=10)(two_modes(xp)[0], ["h1:0"], rng=make_rng(xp, 0))
    assert stuck.extras["ess"][0] < 60


def test_starts_that_are_not_forgotten_are_noted(xp):
    """All images in one of two deep modes: noise finds the other, data do not. Of 30 chains p comes near 0.01 for some
    seeds; of 60 it was 0.001, the least that 999 divisions can say, for all of twelve."""
    model, A, B = two_modes(xp)
    images = np.tile(A, (20, 1))
    images[0] = B  # so that B has a cluster
    images = move(np.clip(images, 0.01 * np.random.default_rng(0).random((20, 8)), 1).astype("float32"), xp)
    out = ClampedGibbs(diagnose=True, chains=60)(model, ["h1:0"], rng=make_rng(xp, 0), images=images)
    assert out.extras["start_p"][0] < 0.01 and out.extras["distance"][0] > 0.2
    assert "data- and noise-started chains visit other modes" in out.notes[0]
    np.testing.assert_allclose(out.extras["occupancy"].sum(axis=2), 1)


def test_starts_that_are_forgotten_agree_and_pictures_are_left_as_they_are(xp):
    model = DBN([random_rbm(6, 4, seed=1, xp=xp, scale=0.3)], (6,), input_norm=1.0)
    images = move(np.random.default_rng(2).random((60, 6)).astype("float32"), xp)
    units = ["h1:0", "h1:2"]
    plain, out = (
        ClampedGibbs(diagnose=d, draws=10)(model, units, rng=make_rng(xp, 0), images=images) for d in (False, True)
    )
    np.testing.assert_array_equal(plain.images, out.images)
    assert set(plain.extras) == {"mixing", "slowest", "tau", "ess"}
    assert out.notes == ("", "") and (out.extras["start_p"] > 0.01).all()
    assert (out.extras["visited"] == 1).all()
    machine = params(model.rbms[0])
    truth = (oracles.p_h(*machine) @ oracles.states(4))[[0, 2]]
    assert (np.abs(out.extras["p_on"] - truth[:, None]) < Z * out.extras["p_on_error"]).all()
    alone = ClampedGibbs(diagnose=True, draws=10)(model, units[1:], rng=make_rng(xp, 0), images=images)
    for name, x in out.extras.items():
        np.testing.assert_allclose(alone.extras[name][0], x[1], rtol=1e-5, err_msg=name)


def test_chains_of_data_start_at_the_data_of_gaussian_units():
    rbm = GaussianRBM(np.zeros((3, 2)), np.zeros(3), np.zeros(2))
    images = np.full((10, 3), 7.5)
    sampler = _Sampler(ClampedGibbs(chains=4), DBN([rbm], (3,), input_norm=1.0), "h1", images, [1, 2, 3, 4])
    np.testing.assert_array_equal(sampler._start([0, 1], "data", UnitStreams([make_rng(np, i) for i in (0, 1)])), 7.5)


def test_modes_are_the_planted_clusters(xp):
    planted = 5.0 * np.eye(4)[:3]
    x = planted[np.arange(90) % 3] + 0.1 * np.random.default_rng(0).standard_normal((90, 4))
    found = to_numpy(cluster_centres(move(x, xp), 3))
    np.testing.assert_allclose(found[found.argmax(axis=1).argsort()], planted, atol=0.1)
    same = to_numpy(cluster_centres(xp.ones((9, 4)), 3))  # fewer distinct rows than clusters, without a warning
    np.testing.assert_array_equal(same, 1)


@pytest.mark.parametrize("start", ["noise", "data"])
def test_tempered_chains_sample_the_same_expectation(xp, start):
    rbm = random_rbm(6, 4, seed=1, xp=xp)
    model = DBN([rbm], (2, 3), input_norm=1.5)
    images = move(np.random.default_rng(2).random((50, 2, 3)).astype("float32"), xp)
    out = sampled(model, "h1", images=images, start=start, temperatures=4, burn_in=20)
    exact = exact_means(rbm)
    assert np.abs(z_values(out, exact)).max() < Z
    assert np.abs(z_values(out, np.roll(exact, 1, axis=0))).max(axis=1).min() > Z


def test_tempering_lets_chains_leave_a_deep_mode(xp):
    model, _, _ = two_modes(xp, depth=6.0)
    plain, tempered = (
        ClampedGibbs(temperatures=t, draws=20, thin=20)(model, ["h1:0"], rng=make_rng(xp, 0)) for t in (1, 10)
    )
    assert plain.extras["mixing"][0] > 3 > MIXED > tempered.extras["mixing"][0]
    assert tempered.extras["tau"][0] < plain.extras["tau"][0] / 3


def test_diagnosis_without_images_and_no_temperature_are_refused():
    with pytest.raises(ValueError, match="diagnose compares two starts and needs images"):
        sampled(two_modes()[0], "h1", diagnose=True)
    with pytest.raises(ValueError, match=r"temperatures must be an integer in \[1, 1000\], got 0"):
        sampled(two_modes()[0], "h1", temperatures=0)
