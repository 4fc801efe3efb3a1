"""The lessons: their numbers are numpy's, their lines of Python run, the page carries the digits and no network."""

import itertools
import re

import numpy as np
import pytest
from command_line import refused
from decoded import array, read_page
from javascript import needs_node, run_node
from sfc32 import uniforms

from dbnvis.cli import main
from dbnvis.web.lessons_page import lessons_page
from dbnvis.web.snippets import SNIPPETS

NEAR = 1e-9
MACHINE = "const numbers = ({W, vbias, hbias}) => ({W: plain(W), vbias: plain(vbias), hbias: plain(hbias)});"


@pytest.fixture(scope="module")
def page():
    return lessons_page()


@pytest.fixture(scope="module")
def digits():
    from sklearn.datasets import load_digits

    return load_digits().data / 16


def states(n):
    return np.array(list(itertools.product((0.0, 1.0), repeat=n)))


def parameters(machine, n_visible, n_hidden):
    return (
        np.array(machine["W"]).reshape(n_visible, n_hidden),
        np.array(machine["vbias"]),
        np.array(machine["hbias"]),
    )


def joint(W, vbias, hbias):
    """All states of v and of h, and p(v, h), (2**V, 2**H), from the energies alone."""
    v, h = states(len(vbias)), states(len(hbias))
    weights = np.exp((v @ vbias)[:, None] + h @ hbias + v @ W @ h.T)
    return v, h, weights / weights.sum()


def slopes(data, W, vbias, hbias):
    """The gradient of the mean log p of `data` by W, from the table of all states."""
    v, h, p = joint(W, vbias, hbias)
    weights = np.exp(data @ vbias[:, None] + h @ hbias + data @ W @ h.T)
    given = weights / weights.sum(axis=1, keepdims=True)
    return data.T @ given @ h / len(data) - v.T @ p @ h


# --- the numbers of the lessons


@needs_node
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_beliefs_are_the_table_of_all_states(seed, tmp_path):
    found = run_node(
        f"""{MACHINE} const {{Beliefs}} = await import(STATIC + "lessons/believes.js");
        const one = new Beliefs(given.seed, "00000");
        return {{...numbers(one.machine), p: plain(one.p), F: plain(one.freeEnergies().formula), logZ: one.logZ}};""",
        tmp_path,
        seed=seed,
    )
    _, _, p = joint(*parameters(found, 3, 2))
    assert abs(p.ravel() - found["p"]).max() < NEAR
    assert abs(p.sum() - 1) < 1e-12
    assert abs(-np.log(p.sum(axis=1)) - found["logZ"] - found["F"]).max() < NEAR


@needs_node
@pytest.mark.parametrize("seed", [1, 2, 7])
def test_a_unit_is_on_as_often_as_the_table_says(seed, tmp_path, digits):
    found = run_node(
        f"""{MACHINE} const {{Switches}} = await import(STATIC + "lessons/switches.js");
        const one = new Switches(given.seed, "digit", 0, given.digits.map((x) => Float64Array.from(x)));
        const p = plain(one.machine.meanHGivenV(one.v));
        return {{...numbers(one.machine), v: plain(one.v), p, forced: plain(one.listed(1))}};""",
        tmp_path,
        seed=seed,
        digits=digits[:10].tolist(),
    )
    W, _, hbias = parameters(found, 64, 6)
    v = np.array(found["v"])
    assert (v == (digits[seed] >= 0.5)).all()
    h = states(6)
    p = np.exp(h @ (hbias + v @ W))
    assert abs(p @ h / p.sum() - found["p"]).max() < NEAR
    p[h[:, 1] == 0] = 0
    forced = p @ h / p.sum()
    assert forced[1] == pytest.approx(1) and abs(forced - found["forced"]).max() < NEAR
    assert abs(np.delete(forced - found["p"], 1)).max() < 1e-12


@needs_node
def test_the_exact_gradient_is_the_table_s(tmp_path):
    found = run_node(
        f"""{MACHINE} const {{Phases}} = await import(STATIC + "lessons/phases.js");
        const one = new Phases(3);
        for (let i = 0; i < 40; i++) one.step();
        const slope = plain(one.gradient().W);
        return {{...numbers(one.machine), data: one.data.map(plain), slope, apart: one.differenceError()}};""",
        tmp_path,
    )
    wanted = slopes(np.array(found["data"]), *parameters(found, 9, 4))
    assert abs(wanted.ravel() - found["slope"]).max() < NEAR
    assert found["apart"] < 1e-6 < abs(wanted).max()


class Draws:
    """Bernoulli draws of the twin of the page's generator, and how close one of them came to its probability."""

    def __init__(self, seed, skip):
        self.stream, self.closest = uniforms(seed), 1.0
        for _ in range(skip):
            next(self.stream)

    def __call__(self, p):
        u = np.array([next(self.stream) for _ in range(p.size)]).reshape(p.shape)
        self.closest = min(self.closest, float(abs(u - p).min()))
        return (u < p).astype("float64")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def learned(start, data, rates, draw, estimate):
    """The machine after updates by CD-1, PCD or the exact gradient, written out."""
    W, vbias, hbias = (x.copy() for x in start)
    h = draw(sigmoid(data @ W + hbias)) if draw else None
    for rate in rates:
        mean = sigmoid(data @ W + hbias)
        if estimate == "exact":
            v, hidden, p = joint(W, vbias, hbias)
            model = v.T @ p @ hidden, v.T @ p.sum(axis=1), p.sum(axis=0) @ hidden
        else:
            if estimate == "cd":
                h = draw(mean)
            v = draw(sigmoid(h @ W.T + vbias))
            own = sigmoid(v @ W + hbias)
            h = draw(own)
            model = v.T @ own / len(v), v.mean(axis=0), own.mean(axis=0)
        W = W + rate * (data.T @ mean / len(data) - model[0])
        vbias = vbias + rate * (data.mean(axis=0) - model[1])
        hbias = hbias + rate * (mean.mean(axis=0) - model[2])
    return W, vbias, hbias


def log_p(data, W, vbias, hbias):
    h = states(len(hbias))
    log_z = np.logaddexp.reduce(h @ hbias + np.logaddexp(0, h @ W.T + vbias).sum(axis=1))
    return (data @ vbias + np.logaddexp(0, data @ W + hbias).sum(axis=1)).mean() - log_z


@needs_node
def test_error_and_log_p_are_the_twin_s(tmp_path):
    found = run_node(
        f"""{MACHINE} const {{Misleading}} = await import(STATIC + "lessons/mislead.js");
        const one = new Misleading(2), start = numbers(one.learner.machine);
        for (let i = 0; i < 10; i++) one.step();
        return {{start, data: one.data.map(plain), errors: one.errors, logs: one.logs}};""",
        tmp_path,
    )
    data, draw = np.array(found["data"]), Draws(2, skip=2 * 16 * 8)  # two numbers for each normal weight
    W, vbias, hbias = learned(parameters(found["start"], 16, 8), data, [0.5] * 100, draw, "cd")
    assert draw.closest > 1e-9
    assert abs(log_p(data, W, vbias, hbias) - found["logs"][-1]) < NEAR
    error = ((data - sigmoid(sigmoid(data @ W + hbias) @ W.T + vbias)) ** 2).mean()
    assert abs(error - found["errors"][-1]) < NEAR < found["errors"][0] - error


@needs_node
def test_the_three_ways_to_learn_are_the_twin_s(tmp_path):
    found = run_node(
        f"""{MACHINE} const {{Race}} = await import(STATIC + "lessons/race.js");
        const one = new Race(1), start = numbers(one.learners[0].machine);
        for (let i = 0; i < 8; i++) one.step();
        return {{start, data: one.learners[0].data.map(plain), distances: one.distances}};""",
        tmp_path,
    )
    data, rates = np.array(found["data"]), [0.5 * (1 - k / 1600) for k in range(80)]
    entropy = 12 / 16 * np.log(16) + 4 / 16 * np.log(8)
    for estimate, distance in zip(("exact", "pcd", "cd"), found["distances"], strict=True):
        draw = None if estimate == "exact" else Draws(1, skip=2 * 9 * 6)
        machine = learned(parameters(found["start"], 9, 6), data, rates, draw, estimate)
        assert draw is None or draw.closest > 1e-9
        assert abs(-entropy - log_p(data, *machine) - distance) < NEAR, estimate


@needs_node
@pytest.mark.parametrize(("chains", "mixed"), [(1, False), (8, True)])
def test_visits_are_held_against_the_table(chains, mixed, tmp_path):
    found = run_node(
        f"""{MACHINE} const {{Walk}} = await import(STATIC + "lessons/walker.js");
        const one = new Walk(1, given.chains);
        for (let i = 0; i < 500; i++) one.step();
        return {{...numbers(one.machine), p: plain(one.exact), counts: plain(one.counts), distance: one.distance}};""",
        tmp_path,
        chains=chains,
    )
    _, _, p = joint(*parameters(found, 8, 4))
    p = p.sum(axis=1)
    assert abs(p - found["p"]).max() < NEAR
    assert sorted(np.argsort(p)[-2:]) == [0b00001111, 0b11110000] and abs(p[0b1111] - p[0b11110000]) < NEAR
    distance = abs(np.array(found["counts"]) / 5000 - p).sum() / 2
    assert abs(distance - found["distance"]) < NEAR
    assert distance < 0.05 if mixed else distance > 0.3


@needs_node
def test_the_mean_with_a_unit_on_is_the_table_s(tmp_path):
    found = run_node(
        f"""{MACHINE} const {{Clamped}} = await import(STATIC + "lessons/purpose.js");
        const one = new Clamped(4, 2);
        for (let i = 0; i < 300; i++) one.step();
        const {{mean, error}} = one.estimate();
        return {{...numbers(one.machine), exact: plain(one.exact), mean: plain(mean), error: plain(error)}};""",
        tmp_path,
    )
    v, h, p = joint(*parameters(found, 9, 6))
    on = p[:, h[:, 2] == 1].sum(axis=1)
    assert abs(on @ v / on.sum() - found["exact"]).max() < NEAR
    off = (np.array(found["mean"]) - found["exact"]) / found["error"]
    assert np.sqrt((off**2).mean()) < 3


@needs_node
def test_filters_learn_the_digits(tmp_path, digits):
    found = run_node(
        f"""{MACHINE} const {{Filters}} = await import(STATIC + "lessons/filters.js");
        const one = new Filters(1, given.digits.map((x) => Float64Array.from(x)));
        for (let i = 0; i < 40; i++) one.step();
        return {{...numbers(one.learner.machine), errors: one.errors, facts: one.facts(), ratio: one.lateRatio}};""",
        tmp_path,
        digits=digits.tolist(),
    )
    W, vbias, hbias = parameters(found, 64, 32)
    held_out = digits[1500:]
    error = ((held_out - sigmoid(sigmoid(held_out @ W + hbias) @ W.T + vbias)) ** 2).mean()
    assert abs(error - found["errors"][-1]) < NEAR
    assert error < 0.6 * found["errors"][0] and 3e-4 < found["ratio"] < 3e-3
    assert [fact["holds"] for fact in found["facts"]] == [True, True]


# --- the page


def test_the_page_carries_all_digits_and_asks_for_nothing(page, digits):
    header, blobs = read_page(page.html)
    images = array(header, blobs, header["pool"]["images"])
    assert images.shape == (1797, 8, 8)
    np.testing.assert_array_equal(images.reshape(len(images), -1) / 16, digits)
    assert "src=" not in page.html and re.findall('href="([^"]*)"', page.html) == ["data:,"]
    assert "connect-src 'none'" in page.policy and len(page.content) < 400_000
    assert lessons_page().content == page.content
    assert header["python"] == {str(number): text for number, text in SNIPPETS.items()}


@pytest.mark.parametrize("number", SNIPPETS)
def test_the_lines_of_a_lesson_run(number):
    names = {}
    exec(compile(SNIPPETS[number], f"lesson {number}", "exec"), names)
    lines = [line for line in SNIPPETS[number].split("\n") if line and not line.startswith(("import", "from"))]
    assert 4 <= len(lines) <= 10 and max(map(len, lines)) <= 120
    match number:
        case 1:
            assert names["p"].sum() == pytest.approx(1, abs=1e-12)
        case 2:
            assert names["p"].shape == (6,)
        case 3:
            assert np.isfinite(names["data_minus_model"]).all() and names["data"].shape == (16, 9)
        case 4:
            assert names["filters"].shape == (32, 8, 8) and names["error"] < 0.05
        case 5:
            assert names["epoch"].reconstruction_error < 0.1 and names["log_p"] < -6
        case 6:
            assert 0 < names["kl"][True] < names["kl"][False]
        case 7:
            assert np.mean(names["near"]) > 0.9
        case 8:
            assert abs(names["chains"].mean(axis=0) - names["p"] @ names["v"]).max() < 0.04


def test_the_command_writes_the_page_and_replaces_none(tmp_path, page, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lessons"]) == 0
    assert (tmp_path / "lessons.html").read_bytes() == page.content
    assert "is there already; --overwrite" in refused(capsys, "lessons")
    assert "is a folder" in refused(capsys, "lessons", "-o", str(tmp_path))
    assert main(["lessons", "--overwrite"]) == 0
