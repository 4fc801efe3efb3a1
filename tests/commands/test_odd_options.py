"""Command lines that nobody means: each is refused at once, in one line that can be read, or does what it says."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from command_line import refused

from dbnvis import __version__, checkpoint, console
from dbnvis.cli import main
from dbnvis.commands.training import FAMILIES
from dbnvis.console import parse_indices
from dbnvis.system import memory

LOOK = ("visualize", "compare", "explain", "evaluate")
EVERY = (*LOOK, "train", "reproduce", "data", "doctor")


@pytest.fixture
def escape(capsys):
    """Runs a mistake; its line, which no terminal acts on and which is short."""

    def run(*args):
        line = refused(capsys, *args)
        assert len(line) <= 400 and line.isprintable(), line
        return line

    return run


MANY = "0-999999," * 10_000 + "0-999999"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        *(((command, "--out", ""), "the value of --out is empty") for command in EVERY),
        *(((command, "--out="), "the value of --out is empty") for command in EVERY),
        *(((command, "--seed", "x"), "x") for command in EVERY),
        *(((command, "--outt", "x"), "--outt") for command in EVERY),
        *(((command, "--dataset", "\x1b[31mred\x07"), r"'\x1b[31mred\x07'") for command in ("train", "reproduce")),
        *((("visualize", "--units", units), "units are written 0-35") for units in ("-1", "0--1", "9" * 5000, MANY)),
        (("visualize", "--units", "3,1-5"), "names some twice"),
        (("visualize", "--units", "0-999999"), "no unit h3:250; layer h3 has units h3:0 to h3:249"),
        (("visualize", "--layer", "H1"), "the model has h1, h2, h3; did you mean h1?"),
        (("visualize", "--method", ""), "--method is empty"),
        (("visualize", "--starts", "-1"), "starts"),
        (("compare", "h3:-1"), "LAYER:INDEX"),
        (("compare", "h3:99999999999999999999"), "layer h3 has units"),
        (("compare", "\x1b]0;title\x07"), r"\x1b]0;title\x07"),
        (("compare", "x" * 100_000), "LAYER:INDEX"),
        (("", "train"), "the value of the command is empty"),
        (("--nothing",), "--nothing"),
        (("--tyro-print-completion", "csh"), "no shell 'csh'; the shells are"),
        (("train", "--family", "dnb", "--help"), "dnb"),
        (("train", "--hidden", str(10**9)), "GiB of memory"),
        (("train", "--hidden", "100", str(10**400)), "GiB of memory"),
        (("train", "--hidden", "-5"), "-5"),
        (("train", "--temperatures", "100000000"), ""),
        (("train", "--temperatures", str(10**15)), ""),
        (("train", "--epochs", "0"), "epochs"),
        (("evaluate", "--chains", "-1"), "chains"),
        (("explain", "--stride", "0"), ""),
    ],
)
def test_odd_values_are_refused_in_a_line(escape, args, said):
    digits = ("--dataset", "digits") if args[:1] == ("train",) and "--dataset" not in args else ()
    assert said in escape(*args, *digits)
    assert not list(Path(".").rglob("*.png"))


@pytest.mark.parametrize("command", LOOK)
@pytest.mark.parametrize("model", [".", "/dev/null", "no\nsuch\x1b[2Jfile", "\udcff.npz", "a" * 300, "b/" * 3000])
def test_a_model_that_is_none_is_refused_in_a_line(escape, command, model):
    escape(command, *(() if command == "evaluate" else ("--model",)), model)


@pytest.mark.parametrize("command", ["train", "reproduce", *LOOK])
def test_output_where_a_file_stands_is_refused_before_any_work(escape, command, tmp_path):
    (tmp_path / "file").write_text("precious")
    for out in (tmp_path / "file", tmp_path / "file" / "below" / "it", "/dev/null"):
        assert "is not a folder; give another folder" in escape(command, "--out", out)


@pytest.mark.parametrize("command", ["data", "doctor"])
def test_commands_that_write_nothing_need_no_folder(command, tmp_path):
    (tmp_path / "file").write_text("precious")
    assert main([command, "--out", str(tmp_path / "file")]) == 0


def test_home_is_known_in_every_path(capsys, trained, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "m.npz").write_bytes(trained.read_bytes())
    look = ["visualize", "--units", "0", "--starts", "1"]
    assert main([*look, "--model=~/m.npz", "--out=~/out"]) == 0
    assert list((tmp_path / "out").rglob("*.png")) and not Path("~").exists()
    for command in (
        ["evaluate", "~/none.npz"],
        ["visualize", "--model", "~/none.npz"],
        ["compare", "--model=~/none.npz"],
    ):
        assert str(tmp_path / "none.npz") in refused(capsys, *command)
    assert str(tmp_path / "none.png") in refused(capsys, "explain", "~/none.png", "--model", "convnet")
    assert "no-such-user" in refused(capsys, *look, "--model", "~no-such-user/m.npz")  # left as it is


def test_file_names_that_the_console_lacks_are_written_as_escapes(capsys, trained, tmp_path):
    out = tmp_path / "\x1b[31m-\udcff-ü"
    assert main(["visualize", "--units", "0", "--starts", "1", "--model", str(trained), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert r"\x1b[31m-\udcff-ü" in said and "\x1b" not in said
    assert len(list(out.rglob("*.png"))) == 1


# --- help


def helped(capsys, *args):
    with pytest.raises(SystemExit) as stop:
        main(list(args))
    assert not stop.value.code
    return capsys.readouterr().out


@pytest.mark.parametrize("family", FAMILIES)
def test_help_of_train_shows_the_settings_of_the_family_alone(capsys, family):
    shown = set(
        re.findall(r"--(?:(sdae|convnet)\.)?(?:no-)?([a-z0-9-]+)", helped(capsys, "train", "--family", family, "-h"))
    )
    own = {
        (prefix, f.name.replace("_", "-")) for prefix in [family.replace("dbn", "")] for f in fields(_config(family))
    }
    assert own <= shown
    others = {prefix for prefix, name in shown if prefix and name not in ("epochs", "help")} - {family}
    assert not others


def _config(family):
    from dbnvis.commands.training import Train

    return getattr(Train(), FAMILIES[family])


def test_flags_that_switch_off_say_what_they_do(capsys):
    said = " ".join(helped(capsys, "train", "--help").split())
    for flag in re.findall(r"(--no-\w+) \s*\w", said):
        assert f"{flag}: " in said, flag
    assert "--no-persistent: they restart at the data" in re.sub(r"[│ ]+", " ", said)


@pytest.mark.parametrize("columns", [*range(1, 10), 39, 10**9])
def test_help_ends_at_every_width(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    said = helped(capsys, "doctor", "--help")
    assert "--data-dir" in said and console.os.environ["COLUMNS"] == str(columns)
    assert max(map(len, said.splitlines()[4:])) <= console.WIDEST


def test_version_and_completion(capsys):
    assert helped(capsys, "--version") == f"dbnvis {__version__}\n"
    for shell in ("bash", "zsh"):
        script = helped(capsys, "--tyro-print-completion", shell)
        assert "visualize" in script and "--help" not in script[:50]
    assert "--tyro-print-completion" in helped(capsys, "--help")


# --- what is compared


@pytest.mark.parametrize(("sizes", "unit"), [((20,), "h1:17"), ((20, 18), "h2:17"), ((20, 17), "h2:0")])
def test_compare_has_a_unit_of_every_model_and_says_which(monkeypatch, capsys, tmp_path, sizes, unit):
    from dbnvis import DBN
    from dbnvis.figures import side_by_side

    dbn = DBN.random((36, *sizes), (6, 6), rng=np.random.default_rng(0))
    dbn.input_norm = 3.0
    responses = {f"h{i}": np.zeros((5, n)) for i, n in enumerate(sizes, 1)}
    checkpoint.save(tmp_path / "m.npz", dbn, config={}, seed=0, info={"dataset": "nowhere"}, arrays=responses)
    asked = []
    monkeypatch.setattr(side_by_side, "compare", lambda study, unit, name: asked.append(str(unit)))
    assert main(["compare", "--model", str(tmp_path / "m.npz")]) == 0
    assert asked == [unit] and f"comparing {unit} of {tmp_path / 'm.npz'}" in capsys.readouterr().err


@pytest.mark.parametrize(("model", "unit"), [("pretrained", "h3:17"), ("convnet", "dense1:17")])
def test_compare_has_a_unit_of_the_shipped_models(monkeypatch, model, unit):
    from dbnvis.figures import side_by_side

    asked = []
    monkeypatch.setattr(side_by_side, "compare", lambda study, unit, name: asked.append(str(unit)))
    assert main(["compare", "--model", model]) == 0
    assert asked == [unit]


# --- numbers


def test_units_are_read_without_taking_memory():
    assert len(parse_indices("0-999999")) == 1_000_000
    for text in ("0-1000000", "0-999999,0-999999", MANY, "1-0", "1,1"):
        with pytest.raises(ValueError, match=r"units are written|names some twice"):
            parse_indices(text)


def test_memory_is_checked_against_the_machine(monkeypatch, tmp_path):
    assert 2**28 < memory.machine_memory() < 2**50
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "LIMITS", (str(limit),))
    for text, known in (("max\n", False), ("1073741824\n", True)):
        limit.write_text(text)
        assert (memory.machine_memory() == 2**30) == known
    memory.check_memory(2**30, "this")
    with pytest.raises(ValueError, match=r"this would take 2 GiB of memory, and there are 1\.0; give smaller numbers"):
        memory.check_memory(2 * 2**30, "this")


def test_memory_beyond_the_machine_is_an_error_of_python(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: 2**28)
    with memory.bounded_memory(), pytest.raises(MemoryError):
        np.ones(2**28)
    assert np.ones(2**26)[0] == 1  # 512 MiB: the bound is gone
