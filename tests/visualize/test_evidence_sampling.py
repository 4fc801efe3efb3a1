"""Sampling by evidence against enumeration of small machines, and against the clamped chain.

Statistical tests have a fixed seed. Of chi-squared tests the p-value must be above `LEVEL`, divided by the number of
tests; standardized means are bounded by `Z`, which chance exceeds with probability below 50 * 2 * (1 - Phi(4.5)).
"""

import json
from dataclasses import replace

import numpy as np
import oracles
import pytest
from counts import chi_squared_p, host, state_counts

from dbnvis import DBN, RBM, EvidenceSampling, GaussianRBM, Unit, checkpoint, results
from dbnvis.backend import is_gpu, make_rng, move
from dbnvis.checkpoint import Checkpoint
from dbnvis.evaluate.scores import Responses
from dbnvis.figures import sheets, side_by_side
from dbnvis.figures.generative import evidence_samples
from dbnvis.figures.study import Study
from dbnvis.models.convnet import ConvNet
from dbnvis.models.layers import Dense, Flatten, Network, Softmax
from dbnvis.models.mlp import MLP
from dbnvis.results import Writer
from dbnvis.visualize.evidence_sampling import Target

LEVEL, Z = 1e-3, 4.5


def stack(*machines, xp=np, shape=None, dtype="float64"):
    """A DBN of machines (W, b, c) in float64."""
    rbms = [RBM(*(move(x.astype(dtype), xp) for x in machine)) for machine in machines]
    return DBN(rbms, shape or (len(machines[0][1]),), input_norm=1.5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def exact_joint(machines, evidence, pixels):
    """p(h) p(layers below | h) e(image), normalized, over the top layer's states and those of every drawn layer below.

    Shape (2**H, ..., 2**n) from above; the image is the lowest drawn layer's mean, or, of pixels "states", itself.
    """
    p = oracles.p_h(*machines[-1])
    drawn = machines if pixels == "states" else machines[1:]
    for machine in reversed(drawn):
        p = p[..., None] * oracles.p_v_given_h(*machine)
    images = oracles.states(len(machines[0][1])) if pixels == "states" else oracles.mean_v_given_h(*machines[0])
    p = p * evidence(images)
    return p / p.sum()


def draw_states(machines, p, n, pixels, rng):
    """`n` states (h, uniform numbers) from the exact `p` of `exact_joint`: the numbers lie where the states say."""
    where = np.unravel_index(rng.choice(p.size, n, p=p.ravel()), p.shape)
    drawn = list(reversed(machines if pixels == "states" else machines[1:]))
    h = oracles.states(len(machines[-1][2]))[where[0]]
    above, noise = h, []
    for machine, index in zip(drawn, where[1:], strict=True):
        W, b, _ = machine
        below, on = oracles.states(len(b))[index], sigmoid(above @ W.T + b)
        u = rng.random(below.shape)
        noise.append(np.where(below == 1, u * on, on + u * (1 - on)))
        above = below
    return h, noise


def target(method, prior, model, layer, number):
    return Target(method, prior, model, layer, [number])


def cells(h, x):
    """Number of the joint state of each row of h and x."""
    both = np.concatenate([host(h), host(x)], axis=-1)
    return (both @ 2 ** np.arange(both.shape[-1])[::-1]).astype(int)


# --- the kernel, exactly

MACHINE, OTHER = oracles.machine(4, 3, seed=1), oracles.machine(4, 2, seed=2, scale=2.0)


def transition_matrix(machine, e):
    """(h, x) -> (h', x') of one proposal of one whole sweep with binary pixels, e (2**V,): rows sum to 1."""
    to_v, to_h = oracles.p_v_given_h(*machine), oracles.p_h_given_v(*machine)
    proposal = (to_v @ to_h)[:, None, :, None] * to_v[None, None, :, :]  # h, x, h', x'
    proposal = np.broadcast_to(proposal, (len(to_v), len(e), len(to_v), len(e)))
    n = len(to_v) * len(e)
    moves = (proposal * np.minimum(1, e[None, None, None, :] / e[None, :, None, None])).reshape(n, n)
    return moves + np.diag(1 - moves.sum(axis=1))


def test_the_kernels_transition_matrix_leaves_the_target_as_it_is_and_is_the_codes(xp):
    evidence = sigmoid(oracles.states(4) @ OTHER[0][:, 1] + OTHER[2][1])
    T = transition_matrix(MACHINE, evidence)
    p = exact_joint([MACHINE], lambda x: evidence, "states").ravel()
    np.testing.assert_allclose(p @ T, p, rtol=1e-10)
    np.testing.assert_allclose(p[:, None] * T, (p[:, None] * T).T, atol=1e-15)  # detailed balance

    n, rng = 400, np.random.default_rng(0)
    starts = np.repeat(np.arange(len(p)), n)
    h, x = oracles.states(3)[starts // 16], oracles.states(4)[starts % 16]
    on, u = sigmoid(h @ MACHINE[0].T + MACHINE[1]), rng.random(x.shape)
    noise = np.where(x == 1, u * on, on + u * (1 - on))
    method = EvidenceSampling(pixels="states", sweeps=1)
    chain = target(method, stack(MACHINE, xp=xp), stack(OTHER, xp=xp), "h1", 1).chain(
        move(h[None], xp), [move(noise[None], xp)], rng=make_rng(xp, 1)
    )
    _, first, _, _ = next(chain)
    np.testing.assert_array_equal(host(first)[0], x)
    new_h, new_x, log_e, moved = next(chain)
    np.testing.assert_allclose(np.exp(host(log_e))[0], evidence[state_index(new_x)[0]], rtol=1e-6)
    found = cells(new_h, new_x)[0]
    assert ((found == starts) | host(moved)[0]).all()
    ps = [chi_squared_p(np.bincount(found[starts == s], minlength=len(p)), T[s]) for s in range(len(p))]
    assert min(ps) > LEVEL / len(ps)
    always = transition_matrix(MACHINE, np.ones(16))  # and the test could tell
    ps = [chi_squared_p(np.bincount(found[starts == s], minlength=len(p)), always[s]) for s in range(len(p))]
    assert min(ps) < 1e-9


def state_index(x):
    x = host(x)
    return (x @ 2 ** np.arange(x.shape[-1])[::-1]).astype(int)


@pytest.mark.parametrize("pixels", ["means", "states"])
@pytest.mark.parametrize("settings", [{"sweeps": 1}, {"sweeps": 3}, {"share": 0.4, "sweeps": 2}, {"beta": 2.5}])
def test_a_chain_in_the_target_stays_there_in_a_stack_of_two(pixels, settings):
    """The exact target, moved on by three proposals, is still the exact target."""
    machines = [oracles.machine(5, 3, seed=3, scale=1.5), oracles.machine(3, 2, seed=4, scale=1.5)]
    W, _, c = oracles.machine(5, 2, seed=5, scale=3.0)
    method = EvidenceSampling(pixels=pixels, **settings)
    p = exact_joint(machines, lambda x: sigmoid(method.beta * (x @ W[:, 0] + c[0])), pixels)
    rng = np.random.default_rng(6)
    h, noise = draw_states(machines, p, 20_000, pixels, rng)
    model = stack((W, np.zeros(5), c))
    on_target = target(method, stack(*machines), model, "h1", 0)
    chain = on_target.chain(h[None], [u[None] for u in noise], rng=make_rng(np, 7))
    for _ in range(4):
        h, x, _, moved = next(chain)
    assert 0.05 < moved.mean() < 0.95
    if pixels == "states":
        counts = np.bincount(cells(h, x)[0], minlength=4 * 32)
        expected = p.sum(axis=1).ravel()
    else:  # every image is the mean of one state of the layer below
        means = oracles.mean_v_given_h(*machines[0])
        below = np.abs(x[0][:, None] - means).sum(axis=-1).argmin(axis=1)
        counts = np.bincount(8 * state_index(h)[0] + below, minlength=32)
        expected = p.ravel()
    assert chi_squared_p(counts, expected) > LEVEL / 8
    prior = exact_joint(machines, lambda x: np.ones(len(x)), pixels)
    assert chi_squared_p(counts, (prior.sum(axis=1) if pixels == "states" else prior).ravel()) < 1e-9


def test_with_its_own_hidden_unit_an_rbms_target_is_the_clamped_rbms_distribution():
    W, b, c = MACHINE
    p = exact_joint([MACHINE], lambda x: sigmoid(x @ W[:, 2] + c[2]), "states").sum(axis=0)
    np.testing.assert_allclose(p, oracles.p_v_given_unit_on(*MACHINE, 2), rtol=1e-12)
    np.testing.assert_allclose(p, oracles.p_v(W[:, :2], b + W[:, 2], c[:2]), rtol=1e-12)


# --- the method


def sampled(method, model, units, xp=np, seed=0, images=None):
    return method(model, units, rng=make_rng(xp, seed), images=images)


def independent(**settings):
    """Many chains, one draw of each, all of them returned."""
    return EvidenceSampling(
        **{"chains": 3000, "shown": 3000, "burn_in": 30, "draws": 1, "thin": 1, "sweeps": 2} | settings
    )


@pytest.mark.parametrize("start", ["data", "noise"])
def test_an_rbms_own_hidden_unit_gives_the_clamped_distribution(xp, start):
    machine = oracles.machine(5, 3, seed=8)
    images = move(np.random.default_rng(2).random((40, 5)), xp)
    out = sampled(independent(pixels="states", start=start), stack(machine, xp=xp), ["h1:0", "h1:2"], xp, images=images)
    for j, draws in zip((0, 2), out.images[:, 1:], strict=True):
        counts = state_counts(draws)
        assert chi_squared_p(counts, oracles.p_v_given_unit_on(*machine, j)) > LEVEL
        assert chi_squared_p(counts, oracles.p_v(*machine)) < 1e-9
        assert chi_squared_p(counts, oracles.p_v_given_unit_on(*machine, 1)) < 1e-9


def test_evidence_without_weight_gives_the_prior(xp):
    machine = oracles.machine(5, 3, seed=8)
    out = sampled(independent(pixels="states", beta=0.0), stack(machine, xp=xp), ["h1:0"], xp)
    assert chi_squared_p(state_counts(out.images[0, 1:]), oracles.p_v(*machine)) > LEVEL
    assert out.extras["acceptance"][0] == 1
    np.testing.assert_allclose(out.extras["evidence"], 0.5)


@pytest.mark.parametrize("text", ["conv1:1", "conv1:0@0,1", "conv1:1@mean", "dense1:2", "output:1"])
def test_units_of_a_convolutional_network_against_enumeration_of_all_images(text):
    """p(x) of an RBM on 3 x 3 pixels times sigmoid(a(x)); of a class, times its softmax probability."""
    rng = np.random.default_rng(2)
    net = ConvNet.random((3, 3), (2,), (3,), 3, rng=rng, kernel=2, dtype="float64")
    net.input_norm = 1.5
    for x in net.network.params().values():
        x[...] = rng.normal(size=x.shape)
    machine, unit = oracles.machine(9, 3, seed=9, scale=0.7), Unit.parse(text)
    x = oracles.states(9)
    part, own = net.network.upto(f"{unit.layer}.pre"), net.network.layers[f"{unit.layer}.pre"]
    own.W[...] *= 2 / part.forward(x.reshape(-1, 3, 3))[0].std()  # no unit is on for all images, or for none
    own.bias[...] -= part.forward(x.reshape(-1, 3, 3))[0].swapaxes(0, 1).reshape(len(own.bias), -1).mean(axis=1)
    pre = part.forward(x.reshape(-1, 3, 3))[0]
    if unit.layer == "output":
        e = np.exp(pre[:, 1]) / np.exp(pre).sum(axis=1)
    else:
        own = pre[:, unit.index].reshape(len(x), -1)  # positions in a row, one of a dense unit
        own = own.mean(axis=1) if unit.position == "mean" else own[:, {(0, 1): 1, None: -1}[unit.position]]
        e = sigmoid(own)
    p = oracles.p_v(*machine) * e
    p /= p.sum()
    out = sampled(independent(pixels="states", burn_in=100, prior=stack(machine, shape=(3, 3))), net, [unit])
    draws = out.images[0, 1:].reshape(-1, 9)
    assert chi_squared_p(state_counts(draws), p) > LEVEL / 5
    assert chi_squared_p(state_counts(draws), oracles.p_v(*machine)) < 1e-4
    np.testing.assert_allclose(out.images[0, 0].ravel(), draws.mean(axis=0), atol=1e-12)
    assert abs(out.extras["evidence"][0] - p @ e) < Z * e.std() / np.sqrt(3000)


def classifier(shape, rng):
    layers = {"input": Flatten(shape), "output.pre": Dense(rng.normal(size=(6, 4)), rng.normal(size=4))}
    return MLP(Network({**layers, "output": Softmax()}), shape, input_norm=1.0)


def test_the_evidence_of_a_class_is_its_probability():
    rng = np.random.default_rng(1)
    model, x = classifier((2, 3), rng), rng.random((2, 7, 2, 3))
    log_e = Target(EvidenceSampling(), None, model, "output", [2, 0]).log_evidence(x)
    p = model.network.forward(x)[0]
    np.testing.assert_allclose(np.exp(log_e), np.stack([p[0, :, 2], p[1, :, 0]]), rtol=1e-12)


def test_acceptance_evidence_and_diagnostics_are_those_of_the_chains():
    machine = oracles.machine(6, 3, seed=10, scale=0.3)
    W, _, c = oracles.machine(6, 2, seed=11, scale=2.0)
    prior, model = stack(machine), stack((W, np.zeros(6), c))
    method = EvidenceSampling(prior=prior, pixels="states", chains=400, draws=20, thin=5, sweeps=1)
    out = sampled(method, model, ["h1:0", "h1:1"])
    x = oracles.states(6)
    for j in range(2):
        e = sigmoid(x @ W[:, j] + c[j])
        # Stationary: sum over p(h, x) e(x) / Z of the probability of being accepted.
        T = (oracles.p_v_given_h(*machine) @ oracles.p_h_given_v(*machine)) @ oracles.p_v_given_h(*machine)  # h -> x'
        joint = oracles.joint(*machine).T * e  # h, x
        ratio = np.minimum(1, e[None, :] / e[:, None])  # x, x'
        exact = np.einsum("hx,hy,xy->", joint / joint.sum(), T, ratio)
        assert abs(out.extras["acceptance"][j] - exact) < 0.01
        p = oracles.p_v(*machine) * e
        assert abs(out.extras["evidence"][j] - p @ e / p.sum()) < 0.01
    assert (out.extras["mixing"] < 1.1).all() and out.notes == ("", "")
    assert out.extras["ess"] == pytest.approx(400 * 100 / out.extras["tau"])


def test_evidence_that_the_prior_never_gives_is_noted_not_hidden():
    prior = stack(oracles.machine(6, 12, seed=10))
    model = stack((np.full((6, 1), 500.0), np.zeros(6), np.array([-3000.0])))
    out = sampled(EvidenceSampling(prior=prior, chains=20, burn_in=200, draws=2, thin=50), model, ["h1:0"])
    assert "% accepted: take fewer sweeps" in out.notes[0]


# --- what it depends on, and mistakes


def small(xp):
    rng = make_rng(xp, 3)
    prior = DBN.random((6, 5, 4), (2, 3), rng=rng)
    model = DBN.random((6, 4), (2, 3), rng=rng)
    prior.input_norm = model.input_norm = 1.0
    return EvidenceSampling(prior=prior, chains=6, burn_in=3, draws=2, thin=2, shown=3), model


def test_a_unit_depends_on_the_seed_and_itself_alone(xp, monkeypatch):
    method, model = small(xp)
    images = rng_images(xp)
    every = sampled(method, model, [f"h1:{i}" for i in range(4)], xp, images=images)
    some = sampled(method, model, ["h1:3", "h1:1"], xp, images=images)
    np.testing.assert_array_equal(some.images, every.images[[3, 1]])
    np.testing.assert_array_equal(
        sampled(method, model, ["h1:3"], xp, seed=1, images=images).images == some.images[:1], False
    )
    if not is_gpu(xp):  # which has groups of one size: the last bits of a product depend on it
        monkeypatch.setattr("dbnvis.visualize.visualizer.MEMORY", 1)
        chunked = sampled(method, model, [f"h1:{i}" for i in range(4)], xp, images=images)
        np.testing.assert_array_equal(chunked.images, every.images)
    assert every.images.shape == (4, 4, 2, 3) and type(every.images) is np.ndarray
    assert every.settings["prior"] == "6-5-4" and every.settings["start"] == "data"
    json.dumps(every.settings)
    assert {len(x) for x in every.extras.values()} == {4}


def rng_images(xp):
    return make_rng(xp, 4).random((20, 2, 3), dtype="float32")


def test_mistakes_are_refused():
    method, model = small(np)
    with pytest.raises(TypeError, match=r"MLP has no p\(x\) to sample from; give a DBN"):
        sampled(EvidenceSampling(), classifier((2, 3), np.random.default_rng(0)), ["output:1"])
    with pytest.raises(ValueError, match=r"images have shape \(2, 3\), the model takes \(6,\)"):
        sampled(method, classifier((6,), np.random.default_rng(0)), ["output:1"])
    for settings, match in (
        ({"share": 0.0}, r"share must lie in \(0, 1\]"),
        ({"beta": -1.0}, "beta must be a finite number of at least 0"),
        ({"beta": float("inf")}, "beta must be a finite number of at least 0"),
        ({"sweeps": 0}, "sweeps must be an integer of at least 1"),
        ({"pixels": "grey"}, "pixels must be means or states"),
        ({"start": "data"}, "needs images"),
    ):
        with pytest.raises(ValueError, match=match):
            sampled(EvidenceSampling(**settings), model, ["h1:0"])
    with pytest.raises(ValueError, match="no unit h1:4"):
        sampled(method, model, ["h1:4"])
    grey = DBN([GaussianRBM(*oracles.machine(6, 2))], (2, 3), input_norm=1.0)
    with pytest.raises(ValueError, match="use pixels='means'"):
        sampled(EvidenceSampling(prior=grey, pixels="states"), model, ["h1:0"])
    assert np.isfinite(sampled(EvidenceSampling(prior=grey, chains=3, draws=1), model, ["h1:0"]).images).all()


# --- the sheet


def test_the_sheets_prior_is_the_shipped_dbn_of_the_same_data(monkeypatch, tmp_path):
    """Two sheets, of the classes and of living units below, with all numbers in manifest and arrays."""
    rng = np.random.default_rng(0)
    net = ConvNet.random((8, 8), (3,), (5,), 4, rng=rng, kernel=3)
    prior = DBN.random((64, 6, 5), (8, 8), rng=rng)
    net.input_norm = prior.input_norm = 3.0
    net.network.layers["dense1.pre"].bias[1] = -1000.0  # dead
    monkeypatch.setattr(checkpoint, "load", lambda model, xp: Checkpoint(prior, {}, 0, {"dataset": "mnist"}))
    quick = EvidenceSampling(chains=4, burn_in=1, draws=2, thin=2, shown=3)
    monkeypatch.setattr(evidence_samples, "CLASSES", quick)
    monkeypatch.setattr(evidence_samples, "UNITS", quick)
    images = rng.random((30, 8, 8), dtype="float32")
    study = Study(net, "mnist", Responses.of(net, images), Writer(tmp_path, overwrite=True), images=images)
    headings, draw = [], evidence_samples.plot.sheet
    monkeypatch.setattr(
        evidence_samples.plot, "sheet", lambda *args, **k: headings.append(k["heading"]) or draw(*args, **k)
    )
    evidence_samples.evidence_samples(study, n=2)
    assert all("WARNING: the chains of" in heading for heading in headings)  # four proposals are too few for any tau
    names = [path.name for path in study.writer.written]
    assert names == [f"evidence_{what}.{end}" for what in ("classes", "units") for end in ("png", "json", "npz")]
    manifest = json.loads((tmp_path / "evidence_units.json").read_text())
    assert manifest["settings"]["dense1"]["prior"] == "64-6-5"
    assert manifest["settings"]["prior_sha256"] == results.model_hash(prior)
    with np.load(tmp_path / "evidence_classes.npz") as arrays:
        assert arrays["output.images"].shape == (4, 4, 8, 8) and arrays["output.acceptance"].shape == (4,)
    assert Unit("dense1", 1) not in evidence_samples._living(study, "dense1")
    study.dataset = "fashion-mnist"
    with pytest.raises(ValueError, match="trained on mnist, this network on fashion-mnist; train one"):
        evidence_samples.evidence_samples(study)


@pytest.mark.parametrize(("unit", "beta"), [("output:1", 1.0), ("conv1:0", 4.0), ("dense1:0", 4.0)])
def test_on_a_sheet_of_all_methods_evidence_is_sharper_below_the_classes(monkeypatch, tmp_path, unit, beta):
    rng = np.random.default_rng(0)
    net, prior = ConvNet.random((8, 8), (3,), (5,), 4, rng=rng, kernel=3), DBN.random((64, 6, 5), (8, 8), rng=rng)
    net.input_norm = prior.input_norm = 3.0
    monkeypatch.setattr(checkpoint, "load", lambda model, xp: Checkpoint(prior, {}, 0, {"dataset": "mnist"}))
    quick = EvidenceSampling(chains=4, burn_in=1, draws=2, thin=2, shown=3)
    monkeypatch.setattr(evidence_samples, "CLASSES", quick)
    monkeypatch.setattr(evidence_samples, "UNITS", replace(quick, beta=4.0))
    legends, draw = [], sheets.plot.sheet
    monkeypatch.setattr(sheets.plot, "sheet", lambda *args, **k: legends.append(k["key"]) or draw(*args, **k))
    images = rng.random((30, 8, 8), dtype="float32")
    study = Study(net, "mnist", Responses.of(net, images), Writer(tmp_path, overwrite=True), images=images)
    side_by_side.compare(study, Unit.parse(unit))
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["settings"]["EvidenceSampling"]["beta"] == beta
    sentence = evidence_samples.LEGEND
    undefined = "Not defined for this model: clamped Gibbs sampling, strongest first-layer filters."
    assert sentence in legends[0] and undefined in legends[0] and "Strongest filters:" not in legends[0]
    study.dataset = "fashion-mnist"
    side_by_side.compare(study, Unit.parse(unit))
    assert sentence not in legends[1]
    assert f"{undefined[:-1]}, {EvidenceSampling.title}." in legends[1]
