"""The lessons: their numbers are numpy's, their lines of Python run, the page carries the digits and no network."""

import itertools
import re

import numpy as np
import pytest
from command_line import refused
from decoded import array, read_page
from javascript import needs_node, run_node

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
    assert 4 <= len(lines) <= 10 and max(map(len, lines)) <= 110
    match number:
        case 1:
            assert names["p"].sum() == pytest.approx(1, abs=1e-12)
        case 2:
            assert names["p"].shape == (6,)
        case 3:
            assert np.isfinite(names["data_minus_model"]).all() and names["data"].shape == (16, 9)


def test_the_command_writes_the_page_and_replaces_none(tmp_path, page, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["lessons"]) == 0
    assert (tmp_path / "lessons.html").read_bytes() == page.content
    assert "is there already; --overwrite" in refused(capsys, "lessons")
    assert "is a folder" in refused(capsys, "lessons", "-o", str(tmp_path))
    assert main(["lessons", "--overwrite"]) == 0
